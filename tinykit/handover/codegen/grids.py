"""Copies between regular grids of elements: what an operator that only moves data comes down to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """Elements of a grid from one tensor to another: its shape, and for both sides first element and step an axis."""

    source: int
    target: int
    shape: Shape
    start: int
    steps: Shape
    to_start: int
    to_steps: Shape

    def run(self, source: NDArray[np.generic], target: NDArray[np.generic]) -> None:
        """Do it."""
        if math.prod(self.shape):
            read, write = source.reshape(-1), target.reshape(-1)
            at, to = (sum(np.multiply(step, index) for step, index in zip(steps, np.indices(self.shape), strict=True))
                      for steps in (self.steps, self.to_steps))  # fmt: skip
            write[self.to_start + np.asarray(to)] = read[self.start + np.asarray(at)]

    def merged(self) -> "Move":
        """The same with axes of one element left out, and neighbours that are one longer axis on both sides joined."""
        axes: list[tuple[int, int, int]] = []
        for size, step, to_step in zip(self.shape, self.steps, self.to_steps, strict=True):
            if axes and axes[-1][1:] == (step * size, to_step * size):
                axes[-1] = (axes[-1][0] * size, step, to_step)
            elif size > 1:
                axes.append((size, step, to_step))
        shape, steps, to_steps = zip(*axes, strict=True) if axes else ((), (), ())
        return replace(self, shape=shape, steps=steps, to_steps=to_steps)


@dataclass(frozen=True, slots=True)
class Moves:
    """All the copies of one operator; `fill` is what its output holds where none of them writes, None where all do."""

    moves: tuple[Move, ...]
    fill: NDArray[np.generic] | None = None


def dense(shape: Sequence[int]) -> Shape:
    """Elements from one entry to the next along each axis of a tensor."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
