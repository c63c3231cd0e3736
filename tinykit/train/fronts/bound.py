"""A front on a recording that is known: sizes, and the tables in whole numbers that Python and the device both read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import ParameterError
from tinykit.ground.results import Result

Table = NDArray[np.int64]
ONE = 1 << 15
_LOW_HZ = 20.0
_UNITS = {"fft": 1 / 256, "log-mel": 1 / 256, "mfcc": 1 / 32}
_LONGEST_FRAME, _MOST_MFCC_BANDS, _MOST_FACTOR, _LOBES = 4096, 128, 256, 8
_CUT = 0.4


@dataclass(frozen=True, slots=True)
class BoundFront(Result):
    """A front on recordings of known rate and channels: what `front_end.c` computes, all in whole numbers.

    A frame x[i] of `frame` samples, 32768 at full scale, goes through a periodic Hann window, zeros up to N `points`:
    X[k] = Σ x[i] exp(-2πjik/N), in 32 bits with block scaling. The feature of a band is max(0, log2 Σ w[k] |X[k]|²).
    "fft": bands of equal width, w = 1, bin 0 in and N/2 left out. "log-mel": triangles between edges equally far apart
    in mel, m = 1127 ln(1 + f/700), straight in mel, from 20 Hz to half the rate (HTK book 3.4, 5.4). "mfcc": of B bands
    c[k] = √(2/B) Σ feature[b] cos(πk(b + ½)/B) (HTK, 5.6, whose natural logarithm is 0.693 of this).

    Parameters
    ----------
    features : as `Front` names them.
    rate_hz : after decimation [Hz].
    factor : recorded samples that make one.
    recorded : channels of the recording.
    channels : those that are taken, in order.
    samples : of a window, after decimation.
    frame, hop : of a spectrogram, in samples.
    bands, coefficients : of the spectrum, and kept of its cosine transform.
    full_scale : what 32768 stands for.

    Raises
    ------
    ParameterError : a frame or hop out of range, bands without a bin, or a decimation beyond 256.
    """

    features: str
    rate_hz: float
    factor: int
    recorded: int
    channels: tuple[int, ...]
    samples: int
    frame: int
    hop: int
    bands: int
    coefficients: int
    full_scale: float

    def __post_init__(self) -> None:
        if self.factor > _MOST_FACTOR:
            raise ParameterError(f"one sample of {self.factor} recorded ones; a front takes {_MOST_FACTOR} at most")
        if self.features == "none":
            return
        most = min(self.samples, _LONGEST_FRAME)
        if not 4 <= self.frame <= most or self.hop < 1:
            told = f"frames of {self.frame} samples every {self.hop} in a window of {self.samples}"
            told = f"{told} at {self.rate_hz:g} Hz; allowed: 4 to {max(4, most)}, every 1 or more"
            raise ParameterError(f"{told}: change frame_s or hop_s")
        if self.features != "fft" and self.rate_hz <= 2 * _LOW_HZ:
            told = f"mel bands begin at {_LOW_HZ:g} Hz, half the rate is {self.rate_hz / 2:g}"
            raise ParameterError(f"{told}; take 'fft'")
        if self.features == "mfcc" and self.bands > _MOST_MFCC_BANDS:
            raise ParameterError(f"an MFCC of {self.bands} bands; {_MOST_MFCC_BANDS} at most")
        starts, weights = self.bank()
        rising = np.diff(np.append(0, np.cumsum(weights))[starts])
        if empty := np.flatnonzero(rising[:-1] + (np.diff(starts) * ONE - rising)[1:] <= 0).tolist():
            told = f"{self.bands} bands of {self.points // 2} bins: band {empty[0]} holds none"
            raise ParameterError(f"{told}; give fewer bands or a longer frame_s")

    @property
    def points(self) -> int:
        """N of the transform: the power of two that holds a frame."""
        return 1 << max(3, (self.frame - 1).bit_length())

    @property
    def frames(self) -> int:
        """Frames in a window; a rest that fills none is left out."""
        return 1 + (self.samples - self.frame) // self.hop

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one sample of the network: height, width, channels."""
        if self.features == "none":
            return self.samples, 1, len(self.channels)
        return self.frames, self.coefficients if self.features == "mfcc" else self.bands, len(self.channels)

    @property
    def unit(self) -> float:
        """What one step of the whole numbers stands for: the recording's unit, or octaves of power."""
        return _UNITS.get(self.features, self.full_scale / ONE)

    def bank(self) -> tuple[Table, Table]:
        """First bins of the stretches between edges [bands + 2], and weights of bins [points / 2] in the rising band.

        In stretch b a bin gives weight / 32768 of its power to band b, and the rest to band b - 1.
        """
        return _bank(self.features, self.rate_hz, self.points, self.bands)

    def taps(self) -> Table:
        """Filter before decimation by M: 16 M + 1 taps of 32768 in all, straight phase, the ends of a window held.

        A sinc cut off at 0.4 of the new rate (-6 dB) in a Hamming window: flat to 0.3, -50 dB from 0.5 on, so that
        nothing folds back (A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, 7.5).
        """
        places = np.arange(-_LOBES * self.factor, _LOBES * self.factor + 1)
        ideal = np.sinc(2 * _CUT / self.factor * places) * (0.54 + 0.46 * np.cos(np.pi * places / places[-1]))
        taps = _round(ideal * ONE / ideal.sum())
        taps[len(taps) // 2] += ONE - taps.sum()
        return taps

    def window(self) -> Table:
        """Hann's [frame], in 1/32768."""
        return _round(ONE * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.frame) / self.frame)))

    def sines(self) -> Table:
        """A quarter of a wave of `points` [points / 4 + 1], in 1/32768."""
        return _round(ONE * np.sin(2 * np.pi * np.arange(self.points // 4 + 1) / self.points))

    def cosines(self) -> Table:
        """The cosine transform [coefficients, bands], in 1/8192."""
        angles = np.pi * np.outer(np.arange(self.coefficients), np.arange(self.bands) + 0.5) / self.bands
        return _round(8192 * np.sqrt(2 / self.bands) * np.cos(angles))


def _round(values: ArrayLike) -> Table:
    return np.rint(values).astype(np.int64)


LOGARITHMS = _round(65536 * np.log2(1 + np.arange(33) / 32))
"""log2(1 + i/32) in 1/65536; between two of them it is straight, 0.0002 off at most."""


@lru_cache(maxsize=64)
def _bank(features: str, rate_hz: float, points: int, bands: int) -> tuple[Table, Table]:
    bins = points // 2
    if features == "fft":
        return np.append(np.arange(bands + 1) * bins // bands, bins), np.full(bins, ONE)
    low, high = 1127 * np.log1p(np.array([_LOW_HZ, rate_hz / 2]) / 700)
    edges, mels = np.linspace(low, high, bands + 2), 1127 * np.log1p(np.arange(bins) * rate_hz / points / 700)
    starts = np.searchsorted(mels, edges)
    before = np.clip(np.searchsorted(edges, mels, side="right") - 1, 0, bands)
    weights = _round(ONE * (mels - edges[before]) / np.diff(edges)[before])
    return starts, np.clip(weights, 0, ONE)
