"""The junction while power steps from one level to the next: the oracle of what is told of many pulses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinykit.budget import Ladder


def respond(times_s: Sequence[float], powers_w: Sequence[float], ladder: Ladder, ambient_c: float = 25.0) -> Any:
    """Temperature at each time [degC], exact, stage by stage; the die was at ambient before the first."""
    resistances, constants = np.asarray(ladder.resistances), np.asarray(ladder.constants_s)
    rises = np.zeros((len(times_s), resistances.size))
    for place, step in enumerate(np.diff(times_s)):
        fade = np.exp(-step / constants)
        rises[place + 1] = rises[place] * fade + powers_w[place] * resistances * (1.0 - fade)
    return ambient_c + rises.sum(axis=1)
