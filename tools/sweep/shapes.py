"""Random shapes of single operators: what a network for a microcontroller is made of, and odd sizes beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

MOST_BYTES, MOST_WEIGHTS, MOST_MACS = 9_000, 12_000, 400_000
SHARES = {
    "conv": 0.27, "conv_1x1": 0.22, "strided": 0.06, "depthwise": 0.18, "depthwise_any": 0.09, "dense": 0.08,
    "average": 0.04, "max": 0.02, "add": 0.02, "softmax": 0.02,
}  # fmt: skip
_CHANNELS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256)


@dataclass(frozen=True, slots=True)
class Draw:
    """One operator: its kind, input shape, and what the model builder needs beside."""

    kind: str
    shape: tuple[int, ...]
    options: Mapping[str, object] = field(default_factory=dict, hash=False)


def draw(rng: np.random.Generator) -> Draw:
    """A random operator small enough that thirty of them fit one board."""
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    while True:
        found = _draw(kind, rng)
        if found is not None:
            return found


def _draw(kind: str, rng: np.random.Generator) -> Draw | None:
    depth, count = _channels(rng), _channels(rng)
    if kind in ("dense", "softmax"):
        found = Draw(kind, (1, depth if kind == "softmax" else int(rng.integers(1, 700))), {"count": count})
        return found if kind == "softmax" or found.shape[1] * count < MOST_WEIGHTS else None
    height = int(rng.integers(2, 33))
    width = height if rng.random() < 0.6 else int(rng.integers(1, 33))
    kernel, stride, padding = _window(kind, rng)
    if kind == "conv" and rng.random() < 0.3:
        depth = int(rng.integers(1, 5))
    if min(height, width) < max(kernel) or (kind.startswith("depthwise") and depth < 2):
        return None
    rows, columns = (-(-size // step) for size, step in zip((height, width), stride, strict=True))
    outs = count if kind in ("conv", "conv_1x1", "strided") else depth
    taps = math.prod(kernel) * (depth if kind in ("conv", "conv_1x1", "strided") else 1)
    sizes = height * width * depth + rows * columns * outs < MOST_BYTES, taps * outs < MOST_WEIGHTS
    if not all(sizes) or not 200 < rows * columns * outs * taps < MOST_MACS:
        return None
    options = {"count": count, "kernel": kernel, "stride": stride, "padding": padding}
    return Draw(kind, (1, height, width, depth), options)


def draw_multiplied(rng: np.random.Generator) -> Draw:
    """A random depthwise convolution of the kernel for multipliers and dilations."""
    while True:
        height, depth = int(rng.integers(2, 25)), int(rng.choice((1, 1, 2, 3, 4, 6, 8, 16)))
        width = height if rng.random() < 0.6 else int(rng.integers(1, 25))
        kernel, stride, padding = _window("depthwise_any", rng)
        multiplier, dilation = int(rng.choice((1, 2, 3, 4, 4, 8, 8, 16))), (1, 1)
        if multiplier == 1:
            stride, dilation = (1, 1), ((2, 2), (1, 2), (2, 1))[int(rng.integers(3))]
        rows, columns = (-(-size // step) for size, step in zip((height, width), stride, strict=True))
        work = rows * columns * depth * multiplier * math.prod(kernel)
        reach = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True)]
        small = depth * (height * width + rows * columns * multiplier) < MOST_BYTES
        if depth * multiplier > 1 and small and height >= reach[0] and width >= reach[1] and 200 < work < MOST_MACS:
            options = {"kernel": kernel, "stride": stride, "padding": padding}
            found = options | {"multiplier": multiplier, "dilation": dilation}
            return Draw("depthwise_mult", (1, height, width, depth), found)


def _channels(rng: np.random.Generator) -> int:
    return int(rng.choice(_CHANNELS)) if rng.random() < 0.75 else int(rng.integers(1, 130))


def _window(kind: str, rng: np.random.Generator) -> tuple[tuple[int, int], tuple[int, int], str]:
    step = int(rng.choice((1, 2)))
    padding = str(rng.choice(("SAME", "VALID")))
    if kind in ("conv_1x1", "strided", "add"):
        side = 1 if kind != "strided" else 2
        return (1, 1), (side, side), "VALID"
    if kind in ("average", "max"):
        side = int(rng.integers(2, 5))
        return (side, side), (side, side), "VALID"
    if kind == "depthwise" or rng.random() < 0.5:
        return (3, 3), (step, step), padding
    kernel = int(rng.integers(1, 6)), int(rng.integers(2, 6))
    return ((5, 5) if rng.random() < 0.3 else kernel), (step, step), padding
