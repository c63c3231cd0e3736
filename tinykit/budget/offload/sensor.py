"""What a sensor delivers: samples, channels, bytes, of one inference."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from tinykit.ground.results import Result
from tinykit.predict.energy import as_estimate


@dataclass(frozen=True, slots=True)
class Sensor(Result):
    """Raw data of one inference.

    Parameters
    ----------
    name : for messages. values : samples times channels of one inference. bytes_each : of a value.

    Raises
    ------
    ParameterError : a figure out of range.
    """

    name: str
    values: float
    bytes_each: float = 2.0

    def __post_init__(self) -> None:
        as_estimate(self.values, "1", f"values of {self.name}", low=1.0, high=1e9)
        as_estimate(self.bytes_each, "byte", f"bytes of a value of {self.name}", low=0.125, high=16.0)

    @property
    def raw_bytes(self) -> float:
        """Raw bytes of one inference."""
        return self.values * self.bytes_each


SENSORS = MappingProxyType(
    {
        "keyword": Sensor("one second of 16 kHz audio", 16_000, 2),
        "motion": Sensor("2 s of a six-axis motion sensor at 50 Hz", 600, 2),
        "vibration": Sensor("one second of 10 kHz vibration", 10_000, 2),
        "person": Sensor("a 96 × 96 grey image", 96 * 96, 1),
        "image": Sensor("a 320 × 240 grey image", 320 * 240, 1),
    }
)
"""Usual ones by id."""
