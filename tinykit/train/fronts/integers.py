"""Features in whole numbers, for many windows at once: what `front_end.c` computes for one, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ParameterError
from tinykit.train.fronts.bound import BoundFront


def extract(bound: BoundFront, windows: NDArray[Any]) -> NDArray[np.float32]:
    """Features [n, height, width, channels] of windows [n, samples, channels]."""
    if bound.features != "none" or bound.factor > 1:
        raise ParameterError(f"features {bound.features!r}, one sample of {bound.factor}: cannot be computed yet")
    return windows[:, :, bound.channels][:, :, None].astype(np.float32)
