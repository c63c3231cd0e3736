"""How often each loop of CMSIS-NN's kernels turns, from the operator's shape: their analytic instruction model.

Read off the structure of the library for cores without MVE: outputs are made in pairs of pixels by pairs of channels,
sums run over blocks of four products and a remainder, what is left of a pair has loops of its own. A kernel's
instructions are the turns times the length of each loop, which counted kernels fix (`sweep.csv`). Without the DSP
extension (Armv6-M) a block is one product.
"""

import math
from itertools import product

from tinykit.predict.latency.shapes import OperatorShape, taps_along, window_of

BLOCK = {"dsp": 4, "scalar": 1}
"""Products in one turn of the innermost loop, by style."""

_SUM = ("blocks", "remainder", "once")
_LONG_SUM = ("long_blocks", "blocks", "remainder", "long_starts", "starts", "ends", "once")
_MATRIX = ("pairs", "odd_pixel", "odd_channel")
NAMES: dict[str, tuple[str, ...]] = {
    "conv_1x1": (
        "odd_channel products", *(f"{of} {part}" for part, of in product(_LONG_SUM, _MATRIX[:2])), "odd_channel once",
        "weights", "channels", "rows", "call",
    ),
    "conv": (
        *(f"{of} {part}" for part, of in product(_SUM, _MATRIX)), "taps", "tap_blocks", "tap_remainder", "tap_ends",
        "taps_outside", "bytes_outside", "pixel_pairs", "pixels", "rows", "call",
    ),
    "depthwise": (
        "tap_blocks", "tap_remainder", "row_blocks", "row_remainder", "blocks", "remainder", "starts", "ends", "pixels",
        "rows", "call",
    ),
    "depthwise_any": (
        "tap_pairs", "tap_remainder", "tap_odd", "tap_copies", "tap_copy_blocks", "tap_copy_remainder", "tap_copy_ends",
        "taps_outside", "bytes_outside", "blocks", "remainder", "ends", "pixels", "call",
    ),
    "fully_connected": (*(f"{of} {part}" for part, of in product(_SUM, ("pairs", "odd"))), "rows", "call"),
    "pool": ("window_elements", "window_taps", "outputs", "pixels", "call"),
    "max_pool": ("compared_blocks", "compared_remainder", "compared_taps", "outputs", "pixels", "call"),
}  # fmt: skip
"""Names of the features of each kernel that has them; every other kernel has those of `kernels`."""

LOOPS = {"conv": 6, "conv_1x1": 7}
"""How many of a kernel's features, the first ones, are its multiply-accumulate loop."""


def count_turns(shape: OperatorShape, kind: str, style: str) -> tuple[float, ...]:
    """The features of a kernel of `NAMES`, in that order; `style` is a key of `BLOCK`."""
    counted = {
        "conv_1x1": _pointwise, "conv": _convolution, "depthwise": _depthwise, "depthwise_any": _any_depthwise,
        "fully_connected": _dense, "pool": _pool, "max_pool": _max_pool,
    }[kind](shape, BLOCK[style])  # fmt: skip
    return (*map(float, counted), 1.0)


def _sums(of: tuple[int, ...], depth: int, block: int) -> tuple[int, ...]:
    """Turns of the loop over blocks, of that over the remainder, and of what stands around them."""
    return tuple(turns * times for times in (depth // block, depth % block, 1) for turns in of)


def _pointwise(shape: OperatorShape, block: int) -> tuple[int, ...]:
    """One matrix product over all pixels; where there is a stride, one a row of the output."""
    count, depth = shape.output_shape[-1], shape.weight_shape[-1]
    batch, rows, columns = shape.output_shape[:3]
    calls = 1 if shape.stride == (1, 1) else batch * rows
    pixels = batch * rows * columns // max(1, calls)
    of, odd = (calls * (pixels // 2) * (count // 2), calls * (pixels % 2) * (count // 2)), calls * pixels * (count % 2)
    long = 4 * block if block > 1 else depth + 1
    turns = depth // long, depth % long // block, depth % block
    parts = (*turns, *(int(times > 0) for times in turns), 1)
    sums = (one * times for times in parts for one in of)
    return (odd * depth, *sums, odd, calls * depth * count, calls * count, calls)


def _convolution(shape: OperatorShape, block: int) -> tuple[int, ...]:
    """Patches copied as 16-bit columns, two pixels multiplied at a time."""
    count, channels = shape.output_shape[-1], shape.weight_shape[-1]
    taps = shape.weight_shape[1] * shape.weight_shape[2]
    pixels = math.prod(shape.output_shape[:3])
    inside = taps_along(shape, 1) * taps_along(shape, 2) * shape.output_shape[0]
    outside = max(0, pixels * taps - inside)
    of = (pixels // 2) * (count // 2), (pixels % 2) * count, (pixels // 2) * (count % 2)
    blocks, rest, rows = channels // block, channels % block, math.prod(shape.output_shape[:2])
    copies = inside, inside * blocks, inside * rest, inside * (rest > 0), outside, outside * channels
    return (*_sums(of, taps * channels, block), *copies, pixels // 2, pixels, rows)


def _depthwise(shape: OperatorShape, block: int) -> tuple[int, ...]:
    """3×3: four channels side by side on every core, the others one by one."""
    del block
    batch, _, columns, channels = shape.output_shape
    pixels = math.prod(shape.output_shape[:3])
    rows = batch * taps_along(shape, 1)
    blocks, rest = channels // 4, channels % 4
    taps = rows * taps_along(shape, 2)
    return (
        taps * blocks, taps * rest, rows * columns * blocks, rows * columns * rest, pixels * blocks, pixels * rest,
        pixels * (blocks > 0), pixels * (rest > 0), pixels, batch * shape.output_shape[1],
    )  # fmt: skip


def _any_depthwise(shape: OperatorShape, block: int) -> tuple[int, ...]:
    """Patches copied, then pairs of taps for four channels side by side; without DSP tap by tap, channel by channel."""
    batch, _, columns, channels = shape.output_shape
    pixels, taps = math.prod(shape.output_shape[:3]), shape.weight_shape[1] * shape.weight_shape[2]
    rows = batch * taps_along(shape, 1)
    inside = rows * taps_along(shape, 2)
    if block == 1:
        return 0, inside * channels, 0, rows * columns * channels, 0, 0, 0, 0, 0, 0, pixels * channels, 0, pixels
    blocks, rest, depth = channels // 4, channels % 4, shape.input_shape[-1]
    beside = max(0, rows * columns * shape.weight_shape[2] - inside)
    outside = max(0, pixels * taps - inside)
    sums = pixels * blocks * (taps // 2), pixels * rest * taps, pixels * blocks * (taps % 2)
    ends = inside * (depth % block > 0)
    copies = inside, inside * (depth // block), inside * (depth % block), ends, beside, outside * depth
    return (*sums, *copies, pixels * blocks, pixels * rest, pixels * (rest > 0), pixels)


def _dense(shape: OperatorShape, block: int) -> tuple[int, ...]:
    """Two outputs at a time (three without DSP), for each row of the input."""
    together = 2 if block > 1 else 3
    depth = shape.weight_shape[-1] if shape.weight_shape else 0
    count = shape.weight_shape[0] if shape.weight_shape else 0
    rows = math.prod(shape.output_shape) // max(1, count)
    of = rows * (count // together), rows * (count % together)
    return (*_sums(of, depth, block), rows)


def _pool(shape: OperatorShape, block: int) -> tuple[int, ...]:
    del block
    pixels, channels = math.prod(shape.output_shape[:-1]), shape.output_shape[-1] if shape.output_shape else 0
    taps = pixels * math.prod(window_of(shape))
    return taps * channels, taps, pixels * channels, pixels


def _max_pool(shape: OperatorShape, block: int) -> tuple[int, ...]:
    """The first tap of a window is copied, the others are compared; how often one is larger depends on the data."""
    elements, taps, outputs, pixels = _pool(shape, block)
    channels, compared = elements // max(1, taps), taps - pixels
    return compared * (channels // block), compared * (channels % block), compared, outputs, pixels
