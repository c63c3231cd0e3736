"""Cycles of a front end: windows, FFT, mel bands, MFCC, statistics, before the network sees a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinykit.boards import Board
from tinykit.energy import as_estimate, band, load_constants
from tinykit.errors import ParameterError, UnknownFactError, name_nearest
from tinykit.quantity import Estimate, propagate

FRONT_ENDS = ("none", "window", "fft", "mel", "mfcc")
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """What is done to the samples of one inference.

    Parameters
    ----------
    kind : "none", "window" (scale and store), "fft", "mel" (log energies) or "mfcc".
    frames : of one inference; where frames overlap between inferences, only the new ones.
    samples : in a frame. bands : mel bands. coefficients : of the cosine transform.

    Raises
    ------
    ParameterError : an unknown kind or a count out of range.
    """

    kind: str = "none"
    frames: int = 1
    samples: int = 256
    bands: int = 40
    coefficients: int = 10

    def __post_init__(self) -> None:
        if self.kind not in FRONT_ENDS:
            raise ParameterError(f"front end {self.kind!r} is unknown; {name_nearest(str(self.kind), FRONT_ENDS)}")
        for name in ("frames", "samples", "bands", "coefficients"):
            count = getattr(self, name)
            if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST:
                raise ParameterError(f"{name} {count!r} of the front end; give a whole number from 1 to {_MOST}")

    @property
    def fft_points(self) -> int:
        """The power of two that holds a frame."""
        return 1 << math.ceil(math.log2(self.samples))


def fft_operations(points: Any) -> Any:
    """Points times stages of a radix-2 transform: N log2 N. Parameter: points N, scalar or array. Returns [1].

    >>> float(fft_operations(512))
    4608.0
    """
    return points * np.log2(points)


def front_end_cycles(front: FrontEnd) -> Estimate:
    """Cycles of a front end on a core with DSP instructions, kind "assumed", two to one either way.

    windows: c_s N; FFT: c_f N log2 N; mel: a multiply-accumulate a bin and a logarithm a band; MFCC: a
    cosine transform of bands × coefficients (`data/power/frontend.toml`).

    >>> front_end_cycles(FrontEnd("none")).value
    0.0
    """
    group = load_constants("power", "frontend.toml")["cycles"]
    costs = [band(group, name, f"{name}_low", f"{name}_high") for name in ("sample", "fft", "mac", "log")]
    depth, points = FRONT_ENDS.index(front.kind), front.fft_points
    counts = (
        front.samples if depth >= 1 else 0.0,
        float(fft_operations(points)) if depth >= 2 else 0.0,
        (points if depth >= 3 else 0.0) + (front.bands * front.coefficients if depth >= 4 else 0.0),
        front.bands if depth >= 3 else 0.0,
    )
    source = f"{front.kind} of {front.frames} frames of {front.samples}: operation counts; {costs[1].source}"

    def cycles(*each: float) -> float:
        return front.frames * sum(count * cost for count, cost in zip(counts, each, strict=True))

    return propagate(cycles, *costs, unit="cycle", source=source, basis="assumed")


def front_end_time(
    front: FrontEnd, board: Board, *, clock_hz: float | None = None, measured_s: Estimate | float | None = None
) -> Estimate:
    """Time of a front end on a board's main core [s]; a time the user measured is taken as it is.

    Raises
    ------
    UnknownFactError : the board's clock is unknown and none is given. ParameterError : a figure out of range.
    """
    if measured_s is not None:
        return as_estimate(measured_s, "s", "front end time", high=1e5)
    clock = board.clock_hz if clock_hz is None else as_estimate(clock_hz, "Hz", "clock", low=1e3, high=1e10).value
    if clock is None:
        raise UnknownFactError(f"the clock of board {board.id!r} is unknown; give clock_hz")
    cycles = front_end_cycles(front)
    slower = 1.0 if board.cores[0].dsp else load_constants("power", "frontend.toml")["cycles"]["no_dsp"].value
    source = f"{cycles.source}; on {board.core}{'' if slower == 1.0 else ', without DSP instructions'}"
    return propagate(lambda count: count * slower / clock, cycles, unit="s", source=source)
