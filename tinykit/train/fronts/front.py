"""`Front`: what is done to recordings or images before the network sees them, as a value of a design."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground import limits
from tinykit.ground.errors import DataError, ParameterError, name_nearest
from tinykit.ground.results import Result
from tinykit.model.record import hash_bytes
from tinykit.train.fronts.bound import ONE, BoundFront
from tinykit.train.fronts.integers import decimate, extract
from tinykit.train.fronts.pictures import shrink

FEATURES = ("none", "fft", "log-mel", "mfcc")
_SPEECH_FRAME_S, _LEAST, _LARGEST = 0.03, 1e-9, 1e9
_POSITIVE = ("window_s", "step_s", "rate_hz", "frame_s", "hop_s", "full_scale")
_MOST = {"bands": 2048, "coefficients": 128, "side": 4096}


@dataclass(frozen=True, slots=True)
class Front(Result):
    """The data side of a design; None and "none" leave what the task or the recording has.

    Parameters
    ----------
    window_s : length of a window [s].
    step_s : from one window to the next [s]; None half a window.
    rate_hz : after decimation: the recording's rate over a whole number [Hz], behind the filter of `BoundFront.taps`.
    channels : which of the recording's, in this order.
    features : "none", or of frames: "fft" (bands of equal width), "log-mel", "mfcc"; `BoundFront` has the formulas.
    frame_s : of a spectrogram [s]; None the whole window for "fft", else 30 ms.
    hop_s : from one frame to the next [s]; None half a frame.
    bands : of the spectrum.
    coefficients : kept of an MFCC, the zeroth among them.
    side : height and width of an image after area averaging [pixel].
    grey : an image's luma in place of its colours.
    full_scale : the recording's value that is 32768 on the device: 1 for WAV, a sensor's range for its own unit.

    Raises
    ------
    ParameterError : a value out of range, of another type, or of signals beside one of images.
    """

    window_s: float | None = None
    step_s: float | None = None
    rate_hz: float | None = None
    channels: tuple[int, ...] | None = None
    features: str = "none"
    frame_s: float | None = None
    hop_s: float | None = None
    bands: int = 40
    coefficients: int = 10
    side: int | None = None
    grey: bool = False
    full_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.features not in FEATURES:
            raise ParameterError(f"features {self.features!r} of a front; {name_nearest(str(self.features), FEATURES)}")
        for name in _POSITIVE:
            value = getattr(self, name)
            unset = value is None and name != "full_scale"
            if not unset and not (_is(value, int, float) and _LEAST <= value <= _LARGEST):
                raise ParameterError(f"{name} {value!r} of a front; give a number from {_LEAST:g} to {_LARGEST:g}")
            object.__setattr__(self, name, None if value is None else float(value))
        for name, most in _MOST.items():
            value = getattr(self, name)
            if not (_is(value, int) and 1 <= value <= most) and (name != "side" or value is not None):
                raise ParameterError(f"{name} {value!r} of a front; give a whole number from 1 to {most}")
        _check_choices(self)

    def __str__(self) -> str:
        told = [f"{self.window_s:g} s windows" if self.window_s else ""]
        told += [f"at {self.rate_hz:g} Hz" if self.rate_hz else ""]
        told += [f"channels {', '.join(map(str, self.channels))}" if self.channels else ""]
        told += [f"{self.side} × {self.side} pixels" if self.side else "", "grey" if self.grey else ""]
        kept = f", {self.coefficients} coefficients" if self.features == "mfcc" else ""
        told += [f"{self.features} of {self.bands} bands{kept}" if self.features != "none" else ""]
        return ", ".join(part for part in told if part) or "as recorded"

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Front:
        """The front that `to_json` wrote, what is left out as by default; ParameterError: an unknown name or value."""
        if not isinstance(values, Mapping):
            raise ParameterError(f"a front is a mapping of its fields, not {type(values).__name__}; see Front.to_json")
        names = [field.name for field in fields(cls)]
        for name in values:
            if name not in names:
                raise ParameterError(f"a front has no {name!r}; {name_nearest(str(name), names)}")
        channels = values.get("channels")
        return cls(**{**values, "channels": tuple(channels) if isinstance(channels, list) else channels})

    @property
    def sha256(self) -> str:
        """Of the canonical JSON: the same in every process."""
        return hash_bytes(json.dumps(self.to_json(), sort_keys=True).encode())

    def shape(self, recorded: tuple[int, ...], rate_hz: float | None = None) -> tuple[int, int, int]:
        """Shape of one sample [height, width, channels], from that of the raw data.

        Parameters
        ----------
        recorded : (samples, channels) or (samples, 1, channels) of a signal, (height, width, channels) of an image.
        rate_hz : of the signal [Hz]; None for an image. Errors as `apply`.
        """
        if rate_hz is not None:
            return self.bind(recorded, rate_hz).shape
        self._refuse_signals()
        if len(recorded) != 3 or min(recorded) < 1:
            raise DataError(f"an image of shape {recorded}; give (height, width, channels), or a signal's rate_hz")
        least = min(recorded[:2])
        if self.side and self.side > least:
            raise ParameterError(f"side {self.side} of a front; images of {recorded[0]} × {recorded[1]} allow {least}")
        return self.side or recorded[0], self.side or recorded[1], 1 if self.grey else recorded[2]

    def bind(self, recorded: tuple[int, ...], rate_hz: float) -> BoundFront:
        """What becomes of a recording of that shape, (samples, channels) or (samples, 1, channels), and rate [Hz].

        Raises ParameterError: a rate that is no whole number of times lower, a frame that does not fit, a front of
        images. DataError: a recording shorter than a window, or without a channel that is asked for.
        """
        if self.side or self.grey:
            raise ParameterError(f"side {self.side}, grey {self.grey} of a front: a signal has none; leave them out")
        if len(recorded) not in (2, 3) or tuple(recorded[1:-1]) not in ((), (1,)) or min(recorded) < 1:
            raise DataError(f"a signal of shape {recorded}; give (samples, channels), or an image without rate_hz")
        length, count, factor = recorded[0], recorded[-1], self._divide(rate_hz)
        samples = length // factor if self.window_s is None else round(self.window_s * rate_hz / factor)
        if not factor <= samples * factor <= length:
            told = f"a window of {samples * factor} samples at {rate_hz:g} Hz in a recording of {length}"
            raise DataError(f"{told}; allowed: {factor} to {length}: record more, or change window_s")
        channels = tuple(range(count)) if self.channels is None else self.channels
        if max(channels) >= count:
            raise DataError(f"channel {max(channels)} of a front; the recording has {count}, counted from 0")
        rate, whole = rate_hz / factor, self.frame_s is None and self.features == "fft"
        frame = samples if whole else round((self.frame_s or _SPEECH_FRAME_S) * rate)
        hop = max(1, frame // 2) if self.hop_s is None else round(self.hop_s * rate)
        sizes = (samples, frame, hop, self.bands, self.coefficients)
        return BoundFront(self.features, rate, factor, count, channels, *sizes, self.full_scale)

    def recorded_step(self, bound: BoundFront) -> int:
        """Recorded samples from one window to the next; half a window where `step_s` leaves it open."""
        step = bound.samples / 2 if self.step_s is None else self.step_s * bound.rate_hz
        return bound.factor * max(1, round(step))

    def apply(self, data: ArrayLike, rate_hz: float | None = None) -> NDArray[np.float32]:
        """Samples for a network [n, height, width, channels], before any normalisation.

        Parameters
        ----------
        data : windows [n, samples, channels] or [n, samples, 1, channels], one recording [samples, channels], which is
            cut, or images [n, height, width, channels]; int16 and bytes as a device has them, or real numbers.
        rate_hz : of the signal as recorded [Hz]; None for images.

        Raises
        ------
        ParameterError : a front of images for signals or the reverse, or as `bind`.
        DataError : no samples, another shape, NaN, values beyond `full_scale`, or as `bind`.
        """
        given = np.asarray(data)
        sound = 2 <= given.ndim <= 4 and given.size and given.dtype.kind in "iuf" and np.isfinite(given).all()
        if not sound:
            raise DataError(f"data of {given.dtype} {given.shape} for a front; give finite numbers, see Front.apply")
        if rate_hz is None:
            self.shape(given.shape[1:])
            return shrink(given, self.side, self.grey)
        if given.ndim == 2:
            given = self._cut(given, rate_hz)
        bound = self.bind(given.shape[1:], rate_hz)
        if bound.samples * bound.factor != given.shape[1] and self.window_s is not None:
            told = f"windows of {given.shape[1]} samples at {rate_hz:g} Hz are not the front's {self.window_s:g} s"
            raise DataError(f"{told}; cut {bound.samples * bound.factor}, or give whole recordings one by one")
        windows = given.reshape(*given.shape[:2], -1)
        if (values := len(windows) * max(math.prod(bound.shape), windows[0].size)) > limits.WEIGHTS_BYTES:
            raise DataError(f"{len(windows)} windows of {self} hold {values:,} values; take a longer hop_s or step_s")
        if bound.features == "none" and windows.dtype.kind == "f":
            return decimate(bound, windows)[:, :, None].astype(np.float32)
        return (extract(bound, self._to_codes(windows)) * bound.unit).astype(np.float32)

    def _to_codes(self, windows: NDArray[Any]) -> NDArray[Any]:
        """Samples as the device has them, in 16 bits."""
        codes = windows / self.full_scale * ONE if windows.dtype.kind == "f" else windows
        least, most = int(codes.min()), int(codes.max())
        if least < -ONE or most > ONE:
            told = f"samples from {windows.min():g} to {windows.max():g} lie beyond full scale"
            raise DataError(f"{told}; give full_scale, what 32768 stands for, or 16-bit integers")
        return np.minimum(np.rint(codes), ONE - 1)

    def _divide(self, rate_hz: float) -> int:
        """How many recorded samples make one."""
        if not (_is(rate_hz, int, float) and _LEAST <= rate_hz <= _LARGEST):
            raise ParameterError(f"rate_hz {rate_hz!r} of a recording; give a number from {_LEAST:g} to {_LARGEST:g}")
        ratio = rate_hz / (self.rate_hz or rate_hz)
        factor = max(1, round(ratio))
        if abs(ratio - factor) > 1e-6 * factor:
            near = ", ".join(f"{rate_hz / one:g}" for one in range(max(1, factor - 1), factor + 2))
            told = f"rate_hz {self.rate_hz:g} of a front is not the recording's {rate_hz:g} Hz over a whole number"
            raise ParameterError(f"{told}; nearest: {near}")
        return factor

    def _cut(self, recording: NDArray[Any], rate_hz: float) -> NDArray[Any]:
        """Windows [n, samples, channels] of one recording, a rest that fills none left out."""
        bound = self.bind(recording.shape, rate_hz)
        windows = np.lib.stride_tricks.sliding_window_view(recording, bound.samples * bound.factor, axis=0)
        return windows[:: self.recorded_step(bound)].swapaxes(1, 2)

    def _refuse_signals(self) -> None:
        if self.features != "none" or any((self.window_s, self.step_s, self.rate_hz, self.channels)):
            raise ParameterError(f"a front of signals ({self}) for images; give the signal's rate_hz")


def _is(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _check_choices(front: Front) -> None:
    """Channels and colours, and what cannot stand beside each other or does nothing."""
    chosen = front.channels
    whole = isinstance(chosen, tuple) and all(_is(one, int) and 0 <= one < 1024 for one in chosen)
    if chosen is not None and not (whole and 0 < len(chosen) == len(set(chosen))):
        raise ParameterError(f"channels {chosen!r} of a front; give a tuple of different whole numbers from 0 on")
    if not isinstance(front.grey, bool):
        raise ParameterError(f"grey {front.grey!r} of a front; give True or False")
    if front.side or front.grey:
        front._refuse_signals()
    if idle := [name for name in ("frame_s", "hop_s") if front.features == "none" and getattr(front, name)]:
        told = f"{idle[0]} {getattr(front, idle[0])} of a front without features"
        raise ParameterError(f"{told}; choose some, or leave it out")
    if front.features == "mfcc" and front.coefficients > front.bands:
        raise ParameterError(f"coefficients {front.coefficients} of {front.bands} bands; a band gives one at most")
