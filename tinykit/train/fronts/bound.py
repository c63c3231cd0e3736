"""The bound from the device's samples to features: its sizes, and its tables in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

from tinykit.ground.errors import ParameterError
from tinykit.ground.results import Result

_FINEST = 1e-6


def divide_rate(recorded_hz: float, wanted_hz: float | None) -> int:
    """How many recorded samples make one; ParameterError where it is no whole number."""
    wanted = recorded_hz if wanted_hz is None else wanted_hz
    factor = max(1, round(recorded_hz / wanted))
    if abs(recorded_hz / wanted - factor) > _FINEST * factor:
        near = sorted({recorded_hz / max(1, factor + step) for step in (-1, 0, 1)}, reverse=True)
        told = f"rate_hz {wanted:g} of a front is not the recording's {recorded_hz:g} Hz over a whole number"
        raise ParameterError(f"{told}; nearest: {', '.join(f'{one:g}' for one in near)}")
    return factor


@dataclass(frozen=True, slots=True)
class BoundFront(Result):
    """A front on a recording whose rate and channels are known.

    Parameters
    ----------
    features : as `Front` names them.
    factor : recorded samples that make one.
    recorded : channels of the recording.
    channels : those that are taken, in order.
    samples : of a window, after decimation.
    """

    features: str
    factor: int
    recorded: int
    channels: tuple[int, ...]
    samples: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one sample of the network: height, width, channels."""
        return self.samples, 1, len(self.channels)
