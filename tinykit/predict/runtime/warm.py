"""One TFLM child kept for the next question: starting it takes most of the time of a small one."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from tinykit.ground.errors import EngineError, ModelError
from tinykit.predict.runtime.process import Engine

_T = TypeVar("_T")
_USES = 200
"""Questions to one child, so that what the interpreter writes and leaves behind stays small."""

_kept: list[tuple[Engine, int]] = []
"""At most one idle child and how often it was asked."""
_owner = os.getpid()
_turn = threading.Lock()


def ask_warm(question: Callable[[Engine], _T]) -> _T:
    """The answer of a child that is kept for the next question, one question at a time.

    A child that failed is not kept: what a damaged model left in it must not reach the next model. Where a used
    child died, the question goes to a new one, so that no model is blamed for another's damage.

    Raises
    ------
    ModelError, EngineError : as `Session`.
    """
    with _turn:
        child, uses = _take()
        try:
            answer = question(child)
        except (ModelError, EngineError):
            died = uses > 0 and not child.alive
            child.close()
            if not died:
                raise
            child, uses = Engine(), 0
            try:
                answer = question(child)
            except BaseException:
                child.close()
                raise
        except BaseException:
            child.close()
            raise
        _keep(child, uses + 1)
        return answer


def _take() -> tuple[Engine, int]:
    global _owner  # noqa: PLW0603 -- a fork must not talk to its parent's child
    if _owner != os.getpid():
        _kept.clear()
        _owner = os.getpid()
    while _kept:
        child, uses = _kept.pop()
        if child.alive:
            return child, uses
        child.close()
    return Engine(), 0


def _keep(child: Engine, uses: int) -> None:
    if uses < _USES and child.alive:
        _kept.append((child, uses))
    else:
        child.close()


@atexit.register
def close_warm() -> None:
    """End the kept child, if there is one."""
    while _owner == os.getpid() and _kept:
        _kept.pop()[0].close()
