"""One child kept for the next question: starting it takes most of the time of a small one."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from tinykit.ground.child.process import Child
from tinykit.ground.errors import TinykitError

_C = TypeVar("_C", bound=Child)
_T = TypeVar("_T")


class WarmChild(Generic[_C]):
    """At most one idle child, which answers one question at a time.

    Parameters
    ----------
    start : starts a child.
    uses : questions to one child, so that what an engine writes and leaves behind stays small.
    """

    def __init__(self, start: Callable[[], _C], *, uses: int = 200) -> None:
        self._start, self._uses = start, uses
        self._kept: list[tuple[_C, int]] = []
        self._turn = threading.Lock()
        atexit.register(self.close)

    def ask(self, question: Callable[[_C], _T]) -> _T:
        """The answer of the child that is kept, or of a new one.

        A child that failed is not kept: what a damaged model left in it must not reach the next model. Where a used
        child died, the question goes to a new one, so that no model is blamed for another's damage.
        """
        with self._turn:
            while True:
                child, uses = self._take()
                answered = False
                try:
                    answer = question(child)
                    answered = True
                    return answer
                except TinykitError:
                    if uses == 0 or child.alive or child.late:
                        raise
                finally:
                    self._put_back(child, uses + 1, keep=answered)

    def close(self) -> None:
        """End the kept child, if there is one."""
        while self._kept:
            self._kept.pop()[0].close()

    def _take(self) -> tuple[_C, int]:
        while self._kept:
            child, uses = self._kept.pop()
            if child.alive:
                return child, uses
            child.close()
        return self._start(), 0

    def _put_back(self, child: _C, uses: int, *, keep: bool) -> None:
        if keep and uses < self._uses and child.alive:
            self._kept.append((child, uses))
        else:
            child.close()
