"""How long and how fast to train each stage: defaults found on the watch task, each stage under 45 s on two cores."""

from __future__ import annotations

from dataclasses import dataclass

from tinykit.ground.errors import ParameterError
from tinykit.ground.results import Result


@dataclass(frozen=True, slots=True)
class Training(Result):
    """One stage of training.

    Parameters
    ----------
    epochs, batch_size : passes over the training split, samples a step.
    learning_rate : of Adam at the start; it falls to zero along a cosine.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 64

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("batch_size", self.batch_size)):
            if not isinstance(value, int) or value < 1:
                raise ParameterError(f"{name} {value!r}: give a whole number from 1")
        if not 0 < self.learning_rate < 1:
            raise ParameterError(f"learning_rate {self.learning_rate!r} is outside 0…1; 0.001 is a common start")

    def steps(self, samples: int) -> int:
        """Optimiser steps on so many training samples."""
        return self.epochs * -(-samples // self.batch_size)


@dataclass(frozen=True, slots=True)
class Recipe(Result):
    """The whole chain: train, prune to `sparsity` (0–1), cluster, quantise-aware training; one seed for all."""

    train: Training = Training(12, 2e-3)
    prune: Training = Training(10, 2e-3)
    quantise: Training = Training(4, 1e-3)
    sparsity: float = 0.75
    seed: int = 0
    cluster: Training = Training(4, 1e-3)


RECIPE = Recipe()
