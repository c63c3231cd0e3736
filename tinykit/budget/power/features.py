"""What a front end computes, to the bit: CMSIS-DSP's own MFCC on this computer, and the same in double precision."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.budget.power.frontend import FrontEnd
from tinykit.ground.errors import MissingPackageError, ParameterError, name_install

_POINTS = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def compute_mfcc(
    frame: ArrayLike, front: FrontEnd, rate_hz: float, *, low_hz: float = 20.0, high_hz: float | None = None
) -> NDArray[np.float64]:
    """MFCC of one frame as the firmware computes them: `arm_mfcc_q15` or `arm_mfcc_f32`, bit for bit.

    Returns `coefficients` numbers [1]; those of q15 are its 8.7 format as numbers. Hann window.

    Parameters
    ----------
    frame : as many samples as `front` has, from -1 to 1 [1].
    front : kind "mfcc"; its arithmetic decides the function.
    rate_hz : of the samples [Hz].
    low_hz, high_hz : of the mel bands [Hz]; None takes half the rate.

    Raises
    ------
    MissingPackageError : cmsisdsp is not installed. ParameterError : not an MFCC, or a frame that does not fit.
    """
    samples = _check(frame, front)
    dsp, types = _load("cmsisdsp"), _load("cmsisdsp.datatype")
    kind = types.Q15 if front.arithmetic == "q15" else types.F32
    mel, dct, window = _tables(front, rate_hz, (low_hz, high_hz or rate_hz / 2), kind)
    points, (lengths, places, weights) = front.fft_points, mel
    sizes = (points, front.bands, front.coefficients)
    if front.arithmetic == "f32":
        state = dsp.arm_mfcc_instance_f32()
        dsp.arm_mfcc_init_f32(state, *sizes, dct, places, lengths, weights, window)
        room = np.zeros(dsp.arm_mfcc_tmp_buffer_size(kind, points, 1), np.float32)
        return np.asarray(dsp.arm_mfcc_f32(state, samples.astype(np.float32), room), np.float64)
    state = dsp.arm_mfcc_instance_q15()
    dsp.arm_mfcc_init_q15(state, *sizes, dct, places, lengths, weights, window)
    room = np.zeros(dsp.arm_mfcc_tmp_buffer_size(kind, points, 1), np.int32)
    raw = dsp.arm_mfcc_q15(state, types.convert(samples, kind), room)
    numbers = raw[1] if isinstance(raw, tuple) else raw
    return np.asarray(numbers, np.float64) / (1 << 7)


def reference_mfcc(
    frame: ArrayLike, front: FrontEnd, rate_hz: float, *, low_hz: float = 20.0, high_hz: float | None = None
) -> NDArray[np.float64]:
    """The same MFCC in double precision with NumPy, to see what 16 bits cost; parameters as in `compute_mfcc`.

    Parameters
    ----------
    frame, front, rate_hz, low_hz, high_hz : as in `compute_mfcc`.

    Raises
    ------
    ParameterError : as in `compute_mfcc`.
    """
    samples = _check(frame, front)
    points, bands = front.fft_points, front.bands
    spectrum = np.abs(np.fft.rfft(samples * _hann(points)))
    edges = np.linspace(_to_mel(low_hz), _to_mel(high_hz or rate_hz / 2), bands + 2)
    bins = _to_mel(np.linspace(0.0, rate_hz / 2, points // 2 + 1))
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights = np.clip(np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)), 0.0, None)
    energies = np.log(np.maximum(weights @ spectrum, 1e-12))
    steps = (np.arange(1, bands + 1) - 0.5) / bands
    cosines = np.cos(np.pi * np.outer(np.arange(front.coefficients), steps)) * np.sqrt(2.0 / bands)
    result: NDArray[np.float64] = cosines @ energies
    return result


def _check(frame: ArrayLike, front: FrontEnd) -> NDArray[np.float64]:
    samples = np.asarray(frame, float)
    if front.kind != "mfcc" or front.samples not in _POINTS:
        allowed = ", ".join(map(str, _POINTS))
        wrong = f"front end {front.kind!r} of {front.samples} samples"
        raise ParameterError(f"{wrong}; give kind 'mfcc' and one of {allowed} samples")
    if samples.shape != (front.samples,) or not np.all(np.abs(samples) <= 1.0):
        raise ParameterError(f"frame of shape {samples.shape}; give {front.samples} samples from -1 to 1")
    return samples


def _tables(front: FrontEnd, rate_hz: float, ends_hz: tuple[float, float], kind: Any) -> tuple[Any, Any, Any]:
    """Mel filters, cosine matrix and window as CMSIS-DSP's own helpers make them."""
    make, convert = _load("cmsisdsp.mfcc"), _load("cmsisdsp.datatype").convert
    mel = make.melFilterMatrix(kind, *ends_hz, front.bands, rate_hz, front.fft_points)
    return mel, make.dctMatrix(kind, front.coefficients, front.bands), convert(_hann(front.fft_points), kind)


def _hann(points: int) -> NDArray[np.float64]:
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(points) / points)
    return window


def _to_mel(hertz: Any) -> Any:
    return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)


def _load(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f"cmsisdsp, Arm's DSP functions, is not installed; {name_install('front-end')} (Python 3.11 and 3.12)"
        ) from error
