"""Features in whole numbers of many windows at once: line by line what `front_end.c` computes of one, to the bit."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.train.fronts.bound import LOGARITHMS, ONE, BoundFront

Ints = NDArray[np.int32]
_AT_ONCE = 256
"""Frames side by side: their spectra stay in a core's cache."""


def extract(bound: BoundFront, windows: NDArray[Any]) -> Ints:
    """Features [n, height, width, channels], in `bound.unit`, of int16 windows [n, recorded samples, channels]."""
    samples = decimate(bound, windows.astype(np.int32))
    if bound.features == "none":
        return samples[:, :, None]
    view = np.lib.stride_tricks.sliding_window_view(samples, bound.frame, axis=1)[:, :: bound.hop]
    columns = np.moveaxis(view, -1, 0)
    found = np.empty((bound.shape[1], *columns.shape[1:]), np.int32)
    flat, most = found.reshape(len(found), -1), columns.shape[2] * columns.shape[3]
    for first in range(0, len(samples), step := max(1, _AT_ONCE // most)):
        rows = np.ascontiguousarray(columns[:, first : first + step]).reshape(bound.frame, -1)
        for start in range(0, rows.shape[1], _AT_ONCE):
            features = _features(bound, np.ascontiguousarray(rows[:, start : start + _AT_ONCE]))
            flat[:, first * most + start : first * most + start + features.shape[1]] = features
    return np.moveaxis(found, 0, 2)


def decimate(bound: BoundFront, windows: NDArray[Any]) -> NDArray[Any]:
    """The chosen channels at the lower rate; whole numbers rounded to 16 bits, real ones as they come."""
    stop = bound.samples * bound.factor
    chosen = windows[:, :stop, list(bound.channels)]
    if bound.factor == 1:
        return chosen
    taps, ends = bound.taps(), len(bound.taps()) // 2
    held = np.pad(chosen, ((0, 0), (ends, ends), (0, 0)), mode="edge")
    found = sum(held[:, place : place + stop : bound.factor] * int(tap) for place, tap in enumerate(taps))
    if chosen.dtype.kind == "f":
        return np.asarray(found / ONE)
    return np.clip((found + ONE // 2) >> 15, -ONE, ONE - 1)


def _features(bound: BoundFront, frames: Ints) -> Ints:
    """Features [width, rows] of frames [samples, rows]."""
    powers, exponents = _spectrum(bound, frames)
    starts, weights = bound.bank()
    zero = np.zeros((1, powers.shape[1]), np.int64)
    whole = np.diff(np.concatenate([zero, np.cumsum(powers, 0)])[starts], axis=0) * ONE
    rising = np.diff(np.concatenate([zero, np.cumsum(powers * weights[:, None], 0)])[starts], axis=0)
    logs = _log2(rising[:-1] + (whole - rising)[1:], (exponents - 15).astype(np.int64))
    if bound.features != "mfcc":
        return logs.astype(np.int32)
    sums = (bound.cosines().astype(float) @ logs).astype(np.int64)  # whole numbers below 2**53
    return ((sums + (1 << 15)) >> 16).astype(np.int32)


def _spectrum(bound: BoundFront, frames: Ints) -> tuple[NDArray[np.int64], Ints]:
    """|X|² [bins, rows] below 2**31, times two to the exponents [rows]: N/2 complex points, then the real spectrum."""
    up, half, sines = 15 - _bits(frames), bound.points // 2, bound.sines().astype(np.int32)
    wave = np.concatenate([sines, sines[-2::-1]])[:, None]  # of angles 0 … π
    cosines = np.concatenate([sines[::-1], -sines[1:]])[:, None]
    scaled = np.zeros((bound.points, frames.shape[1]), np.int32)
    scaled[: bound.frame] = ((frames << up) * bound.window().astype(np.int32)[:, None] + ONE // 2) >> 15
    order = _reverse(half)
    parts, down = np.stack([scaled[2 * order], scaled[2 * order + 1]]), np.zeros(frames.shape[1], np.int32)
    other, width = np.empty_like(parts), 1
    while width < half:
        parts, down = _scale(parts, down, 15)
        turn = slice(0, half, half // width)
        left, right = np.moveaxis(parts.reshape(2, -1, 2, width, parts.shape[-1]), 2, 0)
        sums = np.moveaxis(other.reshape(2, -1, 2, width, parts.shape[-1]), 2, 0)
        turned = _turn(right, cosines[turn], wave[turn])
        np.add(left, turned, out=sums[0])
        np.subtract(left, turned, out=sums[1])
        parts, other, width = other, parts, 2 * width
    parts, down = _scale(parts, down, 14)
    mirror = np.concatenate([parts[:, :1], parts[:, :0:-1]], axis=1) * np.array([1, -1], np.int32)[:, None, None]
    odd = (parts - mirror)[::-1] * np.array([1, -1], np.int32)[:, None, None]
    parts, down = _scale(parts + mirror + _turn(odd, cosines[:half], wave[:half]), down, 15)
    wide = parts.astype(np.int64)
    return wide[0] * wide[0] + wide[1] * wide[1], 2 * (down - 1 - up)


@lru_cache(maxsize=16)
def _reverse(count: int) -> NDArray[np.int64]:
    """Places with the order of their bits reversed."""
    return np.array([int(f"{place:0{count.bit_length() - 1}b}"[::-1], 2) for place in range(count)])


def _turn(parts: Ints, cosine: Ints, sine: Ints) -> Ints:
    """Complex numbers times exp(-jα), rounded."""
    turned = parts * cosine
    turned[0] += parts[1] * sine
    turned[1] -= parts[0] * sine
    turned += ONE // 2
    turned >>= 15
    return turned


def _bits(parts: Ints) -> Ints:
    """Bits of the largest magnitude of each column."""
    signs = parts >> 31
    signs ^= parts
    folded = np.bitwise_or.reduce(signs.reshape(-1, parts.shape[-1]), axis=0)
    return np.asarray(np.frexp(folded.astype(float))[1], np.int32)


def _scale(parts: Ints, down: Ints, bits: int) -> tuple[Ints, Ints]:
    """Parts halved, rounding, until no magnitude of a column has more bits; and by how much in all."""
    shift = np.maximum(_bits(parts) - bits, 0).astype(np.int32)
    if shift.any():
        parts += (1 << shift) >> 1
        parts >>= shift
    return parts, down + shift


def _log2(energies: NDArray[np.int64], exponents: NDArray[np.int64]) -> NDArray[np.int64]:
    """max(0, log2(energy) + exponent) in 1/256, 0 for an energy of 0."""
    high = energies >> 32
    top = (
        np.where(high > 0, 32 + np.frexp(high.astype(float))[1], np.frexp((energies & 0xFFFFFFFF).astype(float))[1]) - 1
    )
    place = np.maximum(top, 0)
    mantissa = energies << (60 - place)
    entry, rest = (mantissa >> 55) & 31, (mantissa >> 44) & 2047
    fraction = LOGARITHMS[entry] + (((LOGARITHMS[entry + 1] - LOGARITHMS[entry]) * rest) >> 11)
    found = ((place + exponents) << 16) + fraction + 128 >> 8
    return np.asarray(np.where(energies > 0, np.maximum(found, 0), 0))
