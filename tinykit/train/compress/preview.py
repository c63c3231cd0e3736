"""What pruning and quantisation would do to one kernel: plain arithmetic, no training and no TensorFlow."""

import gzip
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError, ParameterError
from tinykit.ground.results import Result

Reals = NDArray[np.float64]
_BITS = (2, 8)


@dataclass(frozen=True, slots=True, eq=False)
class GridPreview(Result):
    """Values and what is left of them on a quantisation grid.

    Parameters
    ----------
    values, restored : before, and after quantising and dequantising; of the same shape.
    steps : integers on the grid.
    bits : of an integer.
    axis : of the channels that have scales of their own, None for one scale.
    scales, zero_points : one, or one a channel.
    """

    values: Reals = field(repr=False)
    restored: Reals = field(repr=False)
    steps: NDArray[np.int64] = field(repr=False)
    bits: int
    axis: int | None
    scales: tuple[float, ...] = field(repr=False)
    zero_points: tuple[int, ...] = field(repr=False)

    @property
    def sqnr_db(self) -> float:
        """Signal to quantisation noise, 10 · log10(Σ x² / Σ (x - x')²) [dB]; infinite where nothing is lost."""
        return float(_to_db((self.values**2).sum(), ((self.values - self.restored) ** 2).sum()))

    def channel_sqnr_db(self, axis: int) -> Reals:
        """SQNR of each channel along an axis [dB], however scales are shared; infinite where nothing is lost."""
        others = _other_axes(self.values, axis)
        return _to_db((self.values**2).sum(others), ((self.values - self.restored) ** 2).sum(others))

    def __str__(self) -> str:
        kind = "one scale" if self.axis is None else f"{len(self.scales)} scales"
        return f"{self.bits} bits, {kind}: SQNR {self.sqnr_db:.1f} dB"


@dataclass(frozen=True, slots=True, eq=False)
class PruningPreview(Result):
    """A float kernel, which of its weights magnitude pruning would set to zero, and what storing it would take.

    Parameters
    ----------
    weights : before.
    keep : True where a weight stays.
    sparsity : asked for, 0–1.
    threshold : smallest magnitude that stays.
    flatbuffer_bytes : as int8 in a flatbuffer, which stores every zero.
    gzip_bytes : those bytes compressed: transport only, nothing on a board unpacks it.
    bitmask_bytes : one bit a weight and the non-zero bytes, without a codec's own header and code.
    """

    weights: Reals = field(repr=False)
    keep: NDArray[np.bool_] = field(repr=False)
    sparsity: float
    threshold: float
    flatbuffer_bytes: int
    gzip_bytes: int
    bitmask_bytes: int

    @property
    def zeros(self) -> int:
        """Weights that would be zero."""
        return int((~self.keep).sum())

    def __str__(self) -> str:
        return (
            f"sparsity {self.sparsity:.2f}: flatbuffer {self.flatbuffer_bytes:,} B, "
            f"gzip {self.gzip_bytes:,} B (transport only), bitmask {self.bitmask_bytes:,} B"
        )


def preview_grid(values: ArrayLike, bits: int = 8, *, axis: int | None = None, symmetric: bool = True) -> GridPreview:
    """Quantise values as the converter does, and back.

    Parameters
    ----------
    values : real, any shape.
    bits : of an integer, 2 to 8.
    axis : one scale for each index along this axis (per channel); None for one scale (per tensor).
    symmetric : True for kernels: q = round(x / s), s = max|x| / (2^(bits-1) - 1), zero point 0. False for
        activations: s = (max - min) / (2^bits - 1) over a range that contains 0, with a zero point.

    Raises
    ------
    ParameterError : bits outside 2–8, or no such axis. DataError : no value, NaN or infinity.
    """
    reals = _check(values)
    if isinstance(bits, bool) or bits != int(bits) or not _BITS[0] <= bits <= _BITS[1]:
        raise ParameterError(f"bits {bits!r} are outside {_BITS[0]}–{_BITS[1]}; kernels are stored in at most 8")
    if axis is not None and not -reals.ndim <= axis < reals.ndim:
        raise ParameterError(f"axis {axis} of values of {reals.ndim} dimensions; give one from 0 to {reals.ndim - 1}")
    others = None if axis is None else _other_axes(reals, axis)
    low = np.minimum(reals.min(axis=others, keepdims=True), 0.0)
    high = np.maximum(reals.max(axis=others, keepdims=True), 0.0)
    most = 2 ** (int(bits) - 1) - 1
    least = -most if symmetric else -most - 1
    scale = np.maximum(high, -low) / most if symmetric else (high - low) / (2 ** int(bits) - 1)
    scale[scale == 0] = 1.0
    zero_point = np.zeros_like(low) if symmetric else np.rint(least - low / scale)
    rounded = np.trunc(reals / scale + np.copysign(0.5, reals))  # half away from zero
    steps = np.clip(rounded + zero_point, least, most)
    restored: Reals = (steps - zero_point) * scale
    return GridPreview(
        reals, restored, steps.astype(np.int64), int(bits), axis,
        tuple(scale.ravel().tolist()), tuple(int(one) for one in zero_point.ravel()),
    )  # fmt: skip


def preview_pruning(weights: ArrayLike, sparsity: float, *, axis: int | None = None) -> PruningPreview:
    """Set the smallest magnitudes of one kernel to zero, and count the bytes of three ways to store the rest in int8.

    Magnitude pruning without training: what `prune` would take away if it had to decide now.

    Parameters
    ----------
    weights : of one kernel, any shape.
    sparsity : share to set to zero, 0 <= sparsity < 1.
    axis : of the output channels, for int8 scales; None for one scale.

    Raises
    ------
    ParameterError : sparsity outside [0, 1), or no such axis. DataError : no weight, NaN or infinity.
    """
    reals = _check(weights)
    if not 0 <= sparsity < 1:
        raise ParameterError(f"sparsity {sparsity!r} is outside [0, 1), a share of the weights")
    order = np.argsort(np.abs(reals), axis=None, kind="stable")
    kept = np.ones(reals.size, dtype=bool)
    kept[order[: round(sparsity * reals.size)]] = False
    keep = kept.reshape(reals.shape)
    stored = preview_grid(np.where(keep, reals, 0.0), axis=axis).steps.astype(np.int8)
    threshold = float(np.abs(reals[keep]).min()) if keep.any() else float("inf")
    packed = gzip.compress(stored.tobytes(), compresslevel=9, mtime=0)
    bitmask_bytes = -(-stored.size // 8) + int(np.count_nonzero(stored))
    return PruningPreview(reals, keep, float(sparsity), threshold, stored.size, len(packed), bitmask_bytes)


def _check(values: ArrayLike) -> Reals:
    reals = np.asarray(values, dtype=np.float64)
    if not reals.size:
        raise DataError("no value given; pass a kernel or an activation")
    if bad := int((~np.isfinite(reals)).sum()):
        raise DataError(f"{bad} of {reals.size} values are NaN or infinite; nothing can be quantised to them")
    return reals


def _other_axes(values: Reals, axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(values.ndim) if other != axis % values.ndim)


def _to_db(signal: ArrayLike, noise: ArrayLike) -> Reals:
    ratio = np.divide(signal, noise, out=np.full(np.shape(noise), np.inf), where=np.asarray(noise) > 0)
    found: Reals = 10 * np.log10(ratio, out=np.full(np.shape(noise), np.inf), where=ratio > 0)
    return found
