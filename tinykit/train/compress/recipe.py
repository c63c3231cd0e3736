"""How long and how fast to train each stage, and who is told of it.

Defaults were found on the watch task, each stage under 45 s on two cores. Progress is any callable
`progress(stage, step, total, text)`; None is silent.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

from tinykit.ground.errors import ParameterError, printable
from tinykit.ground.results import Result


@dataclass(frozen=True, slots=True)
class Training(Result):
    """One stage of training.

    Parameters
    ----------
    epochs, batch_size : passes over the training split, samples a step.
    learning_rate : of Adam at the start; it falls to zero along a cosine.
    patience : epochs without a better validation after which it stops and its best epoch stays; None trains all, and
        the last stays. Pruning has none: its zeros grow to the end.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 64
    patience: int | None = None

    def __post_init__(self) -> None:
        patience = self.epochs if self.patience is None else self.patience
        for name, value in (("epochs", self.epochs), ("batch_size", self.batch_size), ("patience", patience)):
            if not isinstance(value, int) or value < 1:
                raise ParameterError(f"{name} {value!r}: give a whole number from 1")
        if not 0 < self.learning_rate < 1:
            raise ParameterError(f"learning_rate {self.learning_rate!r} is outside 0…1; 0.001 is a common start")

    def steps(self, samples: int) -> int:
        """Optimiser steps on so many training samples."""
        return self.epochs * -(-samples // self.batch_size)


def check_share(name: str, share: float, of: str) -> float:
    """A share in [0, 1), or `ParameterError`."""
    if isinstance(share, bool) or not isinstance(share, Real):
        raise ParameterError(f"{name} {share!r} is no number; give a share of the {of} in [0, 1)")
    if not 0 <= share < 1:
        hint = f"; for {share:g} % write {share / 100:g}" if 1 < share < 100 else ""
        raise ParameterError(f"{name} {share:g} is outside [0, 1), a share of the {of}{hint}")
    return float(share)


@dataclass(frozen=True, slots=True)
class Recipe(Result):
    """The whole chain: train, prune to `sparsity` (0–1), cluster or grid, quantise-aware training; one seed for all."""

    train: Training = Training(12, 2e-3)
    prune: Training = Training(10, 2e-3)
    quantise: Training = Training(4, 1e-3)
    sparsity: float = 0.75
    seed: int = 0
    cluster: Training = Training(4, 1e-3)
    grid: Training = Training(3, 1e-3)


RECIPE = Recipe()


Rung = Callable[[int, float], bool]
"""What a training asks after each whole epoch, counted from 1, with the validation accuracy 0–1 (of an autoencoder less
the loss): True ends it there, and its best epoch stays."""


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
        self._bar.set_postfix_str(printable(text), refresh=False)
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
