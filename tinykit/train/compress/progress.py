"""Progress: any callable `progress(stage, step, total, text)`; None is silent."""

from __future__ import annotations

import sys
from typing import Any, Protocol


class Progress(Protocol):
    """What the stages call while they work.

    `stage` is a word such as "train", `step` counts from 1 to `total`, `text` is a short state such as the loss.
    """

    def __call__(self, stage: str, step: int, total: int, text: str) -> None:
        """Take note of one more step."""


class Bar:
    """A bar in the terminal (on stderr) or in the notebook, whichever it runs in; it removes itself when done.

    `train(model, data, progress=Bar())`. Nothing is shown where stderr is neither.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def __call__(self, stage: str, step: int, total: int, text: str) -> None:
        """Draw the step."""
        if stage != self._stage or self._bar is None:
            self.close()
            from tqdm.auto import tqdm

            hidden = False if _in_notebook() else None  # None: hidden unless stderr is a terminal
            self._bar, self._stage = tqdm(total=total, desc=stage, leave=False, disable=hidden), stage
        self._bar.update(step - self._bar.n)
        self._bar.set_postfix_str(text, refresh=False)
        if step >= total:
            self.close()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""


def _in_notebook() -> bool:
    """Whether this process is a notebook's kernel; merely having ipykernel imported does not make it one."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
