"""A front end before the network: the cycles of windows, FFT, mel bands and MFCC."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinykit.ground.errors import ParameterError, UnknownFactError, name_nearest
from tinykit.ground.quantity import Estimate, propagate
from tinykit.ground.results import Result
from tinykit.model.impulse import Impulse, number_of
from tinykit.predict.energy.inputs import as_estimate, band, load_constants
from tinykit.target.boards import AnyBoard, find_board
from tinykit.train.fronts.bound import BoundFront

FRONT_ENDS = ("none", "window", "fft", "mel", "mfcc", "filter", "image")
ARITHMETIC = ("q15", "f32", "int32")
"""CMSIS-DSP in 16-bit fixed point, or single precision for a floating-point unit; the kit's `front_end.c`."""

_MOST = 1 << 20
_PIECES = {
    "none": (), "window": ("sample",), "fft": ("sample", "fft"), "filter": ("biquad",),
    "mel": ("sample", "fft", "normalise", "bin", "band", "log"),
    "mfcc": ("sample", "fft", "normalise", "bin", "band", "log", "mac"), "image": ("colour", "pixel", "box"),
}  # fmt: skip
_OWN = {"none": (), "window": ("sample", "tap"), "fft": ("tap", "normalise", "fft", "band"),
        "mel": ("tap", "normalise", "fft", "bin", "band"),
        "mfcc": ("tap", "normalise", "fft", "bin", "band", "mac")}  # fmt: skip
"""Pieces of `front_end.c`: of a window the samples' codes, of a spectrum what each point, bin and band of it takes."""
_SHELF = ("power", "frontend.toml")


@dataclass(frozen=True, slots=True)
class FrontEnd(Result):
    """What is done to the samples of one inference.

    Parameters
    ----------
    kind : "none", "window" (scale and store), "fft", "mel" (log energies), "mfcc", "filter" (biquads) or "image"
        (RGB565 to grey, scaled down by boxes).
    frames : of one inference; where frames overlap between inferences, only the new ones.
    samples : in a frame; of an image, its pixels.
    bands : mel bands; of an image, the pixels that are left of it.
    coefficients : of the cosine transform; of a filter, its stages.
    arithmetic : one of `ARITHMETIC`.
    taps : of the filter before each sample that is kept, in "int32"; 0 for none.

    Raises
    ------
    ParameterError : an unknown kind or arithmetic, one that has no such kind or taps, or a count out of range.
    """

    kind: str = "none"
    frames: int = 1
    samples: int = 256
    bands: int = 40
    coefficients: int = 10
    arithmetic: str = "q15"
    taps: int = 0

    def __post_init__(self) -> None:
        if self.kind not in FRONT_ENDS:
            raise ParameterError(f"front end {self.kind!r} is unknown; {name_nearest(str(self.kind), FRONT_ENDS)}")
        if self.arithmetic not in ARITHMETIC:
            nearest = name_nearest(str(self.arithmetic), ARITHMETIC)
            raise ParameterError(f"arithmetic {self.arithmetic!r} of a front end is unknown; {nearest}")
        for name in ("frames", "samples", "bands", "coefficients", "taps"):
            count, least = getattr(self, name), int(name != "taps")
            if isinstance(count, bool) or not isinstance(count, int) or not least <= count <= _MOST:
                raise ParameterError(f"{name} {count!r} of the front end; give a whole number from {least} to {_MOST}")
        if (self.kind not in _OWN) if self.arithmetic == "int32" else self.taps:
            told = f"{self.kind!r} with {self.taps} taps in {self.arithmetic!r}"
            raise ParameterError(f"front end {told} was not counted; 'int32' has {', '.join(_OWN)}, the others no taps")

    @property
    def fft_points(self) -> int:
        """The power of two that holds a frame."""
        return 1 << math.ceil(math.log2(self.samples))


_BLOCKS = {"mfcc": "mfcc", "mfe": "mel", "spectrogram": "fft", "spectral_analysis": "fft", "raw": "window",
           "flatten": "window", "image": "image"}  # fmt: skip


_FEATURES = {"none": "window", "fft": "fft", "log-mel": "mel", "mfcc": "mfcc"}


def front_end_of(source: Impulse | BoundFront) -> FrontEnd | None:
    """The front end of a front, its channels together, or of an export's first block; None for another kind of block.

    A block is counted in single precision, filters before an FFT are left out. ParameterError: a size out of range.
    """
    if isinstance(source, BoundFront):
        plain, taps = source.features == "none", len(source.taps()) if source.factor > 1 else 0
        frames, frame = (1, source.samples) if plain else (source.frames, source.frame)
        sizes = (frames * len(source.channels), frame, source.bands, source.coefficients)
        return FrontEnd(_FEATURES[source.features], *sizes, "int32", taps)
    return _read_block(source)


def _read_block(impulse: Impulse) -> FrontEnd | None:
    kind, told = impulse.blocks[0] if impulse.blocks else ("", {})
    if kind not in _BLOCKS:
        return None
    size = {name: value for name, value in told.items() if isinstance(value, int | float)}
    names = ("RAW_SAMPLE_COUNT", "RAW_SAMPLES_PER_FRAME", "INPUT_WIDTH", "INPUT_HEIGHT")
    samples, axes, width, height = (int(number_of(impulse.macros, name)) for name in names)
    frame, step = (round(size.get(f"frame_{one}", 0) * impulse.rate_hz) for one in ("length", "stride"))
    frames, frame = (1 + max(0, samples - frame) // step, frame) if frame and step else (1, samples * axes)
    if kind == "spectral_analysis":
        frames, frame = axes, int(size.get("fft_length", samples))
    bands = width * height if kind == "image" else int(size.get("num_filters", 40))
    return FrontEnd(_BLOCKS[kind], frames, frame, bands, int(size.get("num_cepstral", 10)), "f32")


def fft_operations(points: Any) -> Any:
    """Points times stages of a radix-2 transform: N log2 N. Parameter: points N, scalar or array. Returns [1].

    >>> float(fft_operations(512))
    4608.0
    """
    return points * np.log2(points)


def front_end_instructions(front: FrontEnd, *, dsp: bool = True) -> float:
    """Instructions of a front end by CMSIS-DSP or the kit's own C: pieces of work times what one was counted to take.

    window w N; FFT f N log2 N; mel: a magnitude a bin, scaling a sample, a band and its logarithm; MFCC: a cosine
    transform of bands × coefficients; filter: a biquad a sample and stage; image: a colour and a box a pixel
    (`data/power/frontend.toml`). Adds up to within 4 % of nine whole MFCCs.

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
    each = load_constants(*_SHELF)[front.arithmetic if dsp else f"{front.arithmetic}_plain"]
    return front.frames * sum((work * each[piece].value for piece, work in list_work(front).items()), 0.0)


def list_work(front: FrontEnd) -> dict[str, float]:
    """How often each piece of work is done for a frame of a front end."""
    points, ends = front.fft_points, 16 if front.kind == "window" else 0  # where a filter holds samples: twice as dear
    work = {
        "sample": front.samples, "fft": float(fft_operations(points)), "normalise": points, "bin": points / 2,
        "band": front.bands, "log": front.bands, "mac": front.bands * front.coefficients,
        "biquad": front.samples * front.coefficients, "colour": front.samples, "pixel": front.samples,
        "box": front.bands, "tap": (front.samples + ends) * front.taps,
    }  # fmt: skip
    return {piece: work[piece] for piece in (_OWN if front.arithmetic == "int32" else _PIECES)[front.kind]}


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
    by = "plain C" if front.kind == "image" else f"CMSIS-DSP, {front.arithmetic}"
    by = "the kit's front_end.c" if front.arithmetic == "int32" else by
    source = f"{front.kind} of {front.frames} frames of {front.samples} by {by}"
    return propagate(lambda cpi: count * cpi, each, unit="cycle", source=source, basis="modelled")


def front_end_time(
    front: FrontEnd, board: AnyBoard, *, clock_hz: float | None = None, measured_s: Estimate | float | None = None
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
    board = find_board(board)
    clock = board.clock_hz if clock_hz is None else as_estimate(clock_hz, "Hz", "clock", low=1e3, high=1e10).value
    if clock is None:
        raise UnknownFactError(f"the clock of board {board.id!r} is unknown; give clock_hz")
    core = board.cores[0]
    cycles = front_end_cycles(front, dsp=bool(core.fpu if front.arithmetic == "f32" else core.dsp))
    source = f"on {board.core}{'' if core.dsp else ', without DSP instructions'}"
    return propagate(lambda count: count / clock, cycles, unit="s", source=source)


def capture_factor() -> Estimate:
    """Awake time over that of front end and network where samples stream in through the core: 1.5 [1.0, 1.8]."""
    return band(load_constants("power", "frontend.toml")["capture"], "factor", "low", "high")
