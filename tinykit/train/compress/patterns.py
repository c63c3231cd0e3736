"""The 2:4 pattern: of every four weights along the input channels at least two are zero.

That is the order in which the `.tflite` stores a kernel, [out, height, width, in], so a block is four consecutive
bytes of the file. tfmot prunes it without saying which kernels it cannot: with one or two input channels nothing
becomes zero, with three one in three, and a kernel of rank 3 (Conv1D) fails when training starts.
"""

from __future__ import annotations

from typing import Any

PATTERN = "2:4"
ZEROS, BLOCK = 2, 4


def refuse_pattern(layer: Any) -> str:
    """Why a layer's kernel cannot take the pattern; "" if it can."""
    shape = tuple(layer.kernel.shape)
    if type(layer).__name__ == "Conv2DTranspose":
        return "a transposed convolution stores its channels the other way round"
    if len(shape) not in (2, 4):
        return f"{type(layer).__name__} has a kernel of rank {len(shape)}; write it as Conv2D (as_conv2d)"
    if shape[-2] < BLOCK:
        return f"{shape[-2]} input channels are fewer than a block of {BLOCK}"
    return ""
