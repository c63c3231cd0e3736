"""Cycles of a front end: windows, FFT, mel bands, MFCC, before the network sees a sample."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinykit.ground.errors import ParameterError, UnknownFactError, name_nearest
from tinykit.ground.quantity import Estimate, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, band, load_constants
from tinykit.target.boards.record import Board

FRONT_ENDS = ("none", "window", "fft", "mel", "mfcc")
ARITHMETIC = ("q15", "f32")
"""16-bit fixed point, or single precision on a core with a floating-point unit."""

_MOST = 1 << 20
_SHELF = ("power", "frontend.toml")


@dataclass(frozen=True, slots=True)
class FrontEnd(Result):
    """What is done to the samples of one inference.

    Parameters
    ----------
    kind : "none", "window" (scale and store), "fft", "mel" (log energies) or "mfcc".
    frames : of one inference; where frames overlap between inferences, only the new ones.
    samples : in a frame.
    bands : mel bands.
    coefficients : of the cosine transform.
    arithmetic : one of `ARITHMETIC`.

    Raises
    ------
    ParameterError : an unknown kind or arithmetic, or a count out of range.
    """

    kind: str = "none"
    frames: int = 1
    samples: int = 256
    bands: int = 40
    coefficients: int = 10
    arithmetic: str = "q15"

    def __post_init__(self) -> None:
        if self.kind not in FRONT_ENDS:
            raise ParameterError(f"front end {self.kind!r} is unknown; {name_nearest(str(self.kind), FRONT_ENDS)}")
        if self.arithmetic not in ARITHMETIC:
            nearest = name_nearest(str(self.arithmetic), ARITHMETIC)
            raise ParameterError(f"arithmetic {self.arithmetic!r} of a front end is unknown; {nearest}")
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


def front_end_instructions(front: FrontEnd, *, dsp: bool = True) -> float:
    """Instructions of a front end by CMSIS-DSP: pieces of work times what one was counted to take.

    window w N; FFT f N log2 N; mel: a magnitude a bin, scaling a sample, a band and its logarithm; MFCC: a cosine
    transform of bands × coefficients (`data/power/frontend.toml`). Adds up to within 4 % of nine whole MFCCs.

    >>> front_end_instructions(FrontEnd("none"))
    0.0

    Parameters
    ----------
    front : what is computed.
    dsp : whether the core has DSP instructions; without them 16-bit fixed point alone was counted.

    Raises
    ------
    UnknownFactError : single precision on a core without DSP instructions.
    """
    if front.arithmetic == "f32" and not dsp:
        raise UnknownFactError("single precision without a floating-point unit was not counted; take arithmetic='q15'")
    each = load_constants(*_SHELF)[front.arithmetic if dsp else "q15_plain"]
    depth, points = FRONT_ENDS.index(front.kind), front.fft_points
    pieces = {
        "sample": (1, front.samples),
        "fft": (2, float(fft_operations(points))),
        "normalise": (3, points),
        "bin": (3, points / 2),
        "band": (3, front.bands),
        "log": (3, front.bands),
        "mac": (4, front.bands * front.coefficients),
    }
    counts = (count * each[name].value for name, (least, count) in pieces.items() if depth >= least)
    return front.frames * sum(counts, 0.0)


def front_end_cycles(front: FrontEnd, *, dsp: bool = True) -> Estimate:
    """Cycles of a front end: instructions times 1.4 [0.9, 2.0] cycles each, modelled.

    >>> front_end_cycles(FrontEnd("none")).value
    0.0

    Raises
    ------
    UnknownFactError : as in `front_end_instructions`.
    """
    count = front_end_instructions(front, dsp=dsp)
    each = band(load_constants(*_SHELF)["cycles"], "point", "low", "high")
    source = f"{front.kind} of {front.frames} frames of {front.samples} by CMSIS-DSP, {front.arithmetic}"
    return propagate(lambda cpi: count * cpi, each, unit="cycle", source=source, basis="modelled")


def front_end_time(
    front: FrontEnd, board: Board, *, clock_hz: float | None = None, measured_s: Estimate | float | None = None
) -> Estimate:
    """Time of a front end on a board's main core [s]; a time the user measured is taken as it is.

    Parameters
    ----------
    front : what is computed.
    board : whose main core computes it.
    clock_hz : None takes the board's.
    measured_s : the user's own figure [s].

    Raises
    ------
    UnknownFactError : the board's clock is unknown and none is given, or its core lacks a floating-point unit.
    ParameterError : a figure out of range.
    """
    if measured_s is not None:
        return as_estimate(measured_s, "s", "front end time", high=1e5)
    clock = board.clock_hz if clock_hz is None else as_estimate(clock_hz, "Hz", "clock", low=1e3, high=1e10).value
    if clock is None:
        raise UnknownFactError(f"the clock of board {board.id!r} is unknown; give clock_hz")
    core = board.cores[0]
    cycles = front_end_cycles(front, dsp=bool(core.fpu if front.arithmetic == "f32" else core.dsp))
    source = f"on {board.core}{'' if core.dsp else ', without DSP instructions'}"
    return propagate(lambda count: count / clock, cycles, unit="s", source=source)
