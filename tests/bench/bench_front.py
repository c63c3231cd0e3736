"""Front ends: windows a second in Python, what the C of each takes of a Cortex-M4, and how far features stray.

Instructions are those of `front_end.c` with -O2, by the shelf counted over it (`tools/front_end_own.py`). Strays are
octaves of power between a feature and double precision by NumPy, of bands less than 40 dB below the largest.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from tinykit.budget.power.frontend import front_end_instructions, front_end_of
from tinykit.train import BoundFront, Front

TITLE = "Front ends: windows a second, instructions a window, strays in octaves"
FRONTS = {
    "6 axes at 50 Hz, 2 s, plain": (Front(), (100, 6), 50.0),
    "6 axes at 50 Hz, 2 s, plain at 25 Hz": (Front(rate_hz=25), (100, 6), 50.0),
    "6 axes at 50 Hz, 2 s, FFT of 16 bands": (Front(features="fft", bands=16), (100, 6), 50.0),
    "1 s of 16 kHz, log-mel 49 x 40": (Front(features="log-mel", hop_s=0.02), (16000, 1), 16000.0),
    "1 s of 16 kHz, MFCC 49 x 10": (Front(features="mfcc", hop_s=0.02), (16000, 1), 16000.0),
    "1 s of 16 kHz, MFCC 49 x 10 at 8 kHz": (Front(features="mfcc", hop_s=0.02, rate_hz=8000), (16000, 1), 16000.0),
    "1 s of 10 kHz, FFT of 64 bands, 1024 points": (Front(features="fft", bands=64, frame_s=0.1), (10000, 1), 1e4),
}


def table() -> list[dict[str, Any]]:
    """One row a front."""
    return [_row(name, *told) for name, told in FRONTS.items()]


def _row(name: str, front: Front, shape: tuple[int, int], rate_hz: float) -> dict[str, Any]:
    bound = front.bind(shape, rate_hz)
    windows = max(4, 2_000_000 // (shape[0] * shape[1]))
    raw = np.clip(np.random.default_rng(0).normal(0, 3000, (windows, *shape)), -32768, 32767).astype(np.int16)
    front.apply(raw[:2], rate_hz)
    begun = time.perf_counter()
    found = front.apply(raw, rate_hz)
    took = time.perf_counter() - begun
    return {
        "front": name, "shape": "x".join(map(str, bound.shape)), "windows a second": round(windows / took),
        "instructions a window": round(front_end_instructions(front_end_of(bound))),
        **_strays(bound, raw[:4], found[:4]),
    }  # fmt: skip


def _strays(bound: BoundFront, raw: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    """Median and largest difference from double precision; none of plain samples and cosine transforms."""
    if bound.features not in ("fft", "log-mel") or bound.factor > 1:
        return {"median stray": "", "largest stray": ""}
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(bound.frame) / bound.frame)
    frames = np.lib.stride_tricks.sliding_window_view(raw.astype(float), bound.frame, axis=1)[:, :: bound.hop]
    powers = np.abs(np.fft.rfft(frames * hann, bound.points))[..., : bound.points // 2] ** 2
    starts, weights = bound.bank()
    weight, bank = weights / 32768, np.zeros((bound.points // 2, bound.bands))
    for stretch in range(bound.bands + 1):
        for place in range(starts[stretch], starts[stretch + 1]):
            if stretch < bound.bands:
                bank[place, stretch] = weight[place]
            if stretch:
                bank[place, stretch - 1] = 1 - weight[place]
    wanted = np.moveaxis(powers @ bank, 2, -1)
    loud = wanted > wanted.max() * 1e-4
    error = np.abs(found - np.log2(np.maximum(wanted, 1)))[loud]
    return {"median stray": f"{np.median(error):.4f}", "largest stray": f"{error.max():.4f}"}
