"""The work inside each kernel, counted from the operator's shape: features of the instruction model.

A kernel's instructions are a sum of non-negative coefficients times these features: the inner loop
(multiply-accumulates, in blocks of the SIMD lanes and a remainder), the rescaling of each output, the
gathering of patches (im2col) by element and by call, and a fixed cost per call.

For CMSIS-NN on cores without MVE the features are how often each loop turns, read off the structure of the library:
outputs are made in pairs of pixels by pairs of channels, sums run over blocks of four products and a remainder, what is
left of a pair has loops of its own. Instructions are the turns times the length of each loop, which counted kernels fix
(`sweep.csv`). Without the DSP extension (Armv6-M) a block is one product.
"""

import math
from itertools import product

from tinykit.ground.caches import remember_table
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.model.operators.table import row_of
from tinykit.predict.latency.shapes import OperatorShape, taps_along, window_of

LANES = {"portable": 1, "scalar": 1, "dsp": 4, "mve": 16}
"""Multiply-accumulates per inner block by style: plain C, CMSIS-NN without DSP, Armv7E-M DSP (SMLAD), Armv8.1-M MVE."""

FAMILIES = ("conv", "conv few", "conv_1x1", "depthwise", "fully_connected", "other")
"""Kernel families that have cycle factors of their own; of K×K convolutions apart those of less than one block of input
channels, which closed runtimes compute by code of their own."""

PARTS = (*FAMILIES, "conv outside", "conv few outside", "conv_1x1 outside", "calls", "inference")
"""What instructions are summed by: families; of convolutions apart what lies outside the multiply-accumulate loop
(im2col, rescaling), for closed runtimes gain on loop and rest differently; of all kernels what runs once a call,
straight through flash that nothing has fetched before; and what an inference takes beside its operators."""

FIXED = ("calls", "inference")
"""Parts that do not grow with the shapes."""

_TURNS = 64
"""Of the fixed point of `refetched_bytes`: to 0.1 % from 1.2 times the cache on."""
_LOOP_FEATURES = {"conv": 2, "conv_1x1": 2}
_INT4 = read_toml(shipped_path("data", "latency", "int4.toml"))
INT4_SOURCE = str(_INT4["source"])


def kind_of(shape: OperatorShape) -> str:
    """The kernel that runs an operator: "conv_1x1", "conv", "depthwise", …, "unlisted" where none is modelled."""
    kind = row_of(shape.name).latency or "unlisted"
    if kind in ("conv", "depthwise") and not _is_regular(shape):
        return "unlisted"
    if kind == "conv":
        return "conv_1x1" if shape.weight_shape[1:3] == (1, 1) else "conv"
    return _kind_of_depthwise(shape) if kind == "depthwise" else kind


def family_of(kind: str, shape: OperatorShape) -> str:
    """The family whose cycle factors a kernel shares."""
    few = kind == "conv" and shape.weight_shape[-1] < BLOCK["dsp"]
    family = "conv few" if few else "depthwise" if kind.startswith("depthwise") else kind
    return family if family in FAMILIES else "other"


@remember_table
def features_of(shape: OperatorShape, kind: str, style: str) -> tuple[float, ...]:
    """The features of an operator under its kernel and a style of inner loops, in the order of `feature_names`."""
    if has_turns(kind, style):
        return count_turns(shape, kind, style)
    lanes = LANES[style]
    if kind in ("conv", "conv_1x1"):
        return _convolution(shape, lanes)
    if kind.startswith("depthwise"):
        return _depthwise(shape, lanes)
    if kind == "fully_connected":
        return _fully_connected(shape, lanes)
    outputs = float(math.prod(shape.output_shape))
    if kind in ("pool", "max_pool"):
        return math.prod(window_of(shape)) * outputs, outputs, 1.0
    if kind == "transpose_conv":
        return float(shape.macs), outputs, 1.0
    if kind == "mean":
        return float(math.prod(shape.input_shape)), outputs, 1.0
    return (1.0,) if kind == "reshape" else (outputs, 1.0)


def int4_factor(shape: OperatorShape, style: str) -> tuple[float, float]:
    """What a kernel with weights of four bits takes over the same with int8, and how far that strays either way."""
    kind = row_of(shape.name).latency if shape.int4 else None
    low, value, high = _INT4[style].get(kind, (1.0, 1.0, 1.0))
    return value, math.sqrt(high / low)


def count_loop_features(kind: str, style: str) -> int:
    """How many of a convolution's features, the first ones, are its multiply-accumulate loop; all of other kernels'."""
    own = LOOPS if style in BLOCK else _LOOP_FEATURES
    return own.get(kind, len(feature_names(kind, style)))


_PATCHED = ("blocks", "remainder", "outputs", "patch_elements", "patch_taps", "weights", "call")
_BY_TAP = ("macs", "outputs", "channel_blocks", "pixels", "call")
_WINDOWED = ("window_elements", "outputs", "call")
FEATURE_NAMES: dict[str, tuple[str, ...]] = {
    "conv": _PATCHED, "conv_1x1": _PATCHED, "depthwise": _BY_TAP, "depthwise_any": _BY_TAP, "depthwise_mult": _BY_TAP,
    "fully_connected": ("blocks", "remainder", "outputs", "call"), "pool": _WINDOWED, "max_pool": _WINDOWED,
    "transpose_conv": ("macs", "outputs", "call"), "mean": ("inputs", "outputs", "call"), "reshape": ("call",),
}  # fmt: skip
"""Feature names by kernel where `NAMES` has none; every other kernel has ("outputs", "call")."""


def feature_names(kind: str, style: str) -> tuple[str, ...]:
    """Names of the features of a kernel."""
    if has_turns(kind, style):
        return NAMES[kind]
    return FEATURE_NAMES.get(kind, ("outputs", "call"))


def _convolution(shape: OperatorShape, lanes: int) -> tuple[float, ...]:
    outputs, depth = math.prod(shape.output_shape), math.prod(shape.weight_shape[1:])
    pixels, channels = outputs / max(1, shape.output_shape[-1]), shape.weight_shape[-1]
    inside = _taps_inside(shape)
    if lanes == LANES["portable"]:
        macs = inside * channels * shape.output_shape[-1]
        return float(macs), 0.0, float(outputs), 0.0, float(inside * shape.output_shape[-1]), 0.0, 1.0
    blocks = float(outputs * (depth // lanes))
    tail = float(outputs * (depth % lanes)) if lanes < LANES["mve"] else float(outputs * (depth % lanes > 0))
    taps, weights = shape.weight_shape[1] * shape.weight_shape[2], float(math.prod(shape.weight_shape))
    return blocks, tail, float(outputs), float(pixels * depth), float(pixels * taps), weights, 1.0


def _depthwise(shape: OperatorShape, lanes: int) -> tuple[float, ...]:
    outputs, channels = math.prod(shape.output_shape), shape.output_shape[-1]
    pixels = outputs / max(1, channels)
    macs = _taps_inside(shape) * channels
    return float(macs), float(outputs), pixels * math.ceil(channels / lanes), float(pixels), 1.0


def _fully_connected(shape: OperatorShape, lanes: int) -> tuple[float, ...]:
    outputs, depth = math.prod(shape.output_shape), shape.weight_shape[-1] if shape.weight_shape else 0
    tail = outputs * (depth % lanes) if lanes < LANES["mve"] else outputs * (depth % lanes > 0)
    return float(outputs * (depth // lanes)), float(tail), float(outputs), 1.0


def _kind_of_depthwise(shape: OperatorShape) -> str:
    """CMSIS-NN has a kernel for 3×3, one for any filter, and a slow one for multipliers and dilation."""
    if shape.depth_multiplier > 1 or shape.dilation != (1, 1):
        return "depthwise_mult"
    return "depthwise" if shape.weight_shape[1:3] == (3, 3) else "depthwise_any"


def _taps_inside(shape: OperatorShape) -> int:
    """Pairs of output pixel and filter tap that fall inside the input: what the loops really visit."""
    batch = shape.output_shape[0] if len(shape.output_shape) == 4 else 1
    return batch * taps_along(shape, 1) * taps_along(shape, 2)


def refetched_bytes(shape: OperatorShape, cache: int) -> float:
    """Bytes of weights that a convolution fetches anew, two output pixels at a time, through a data cache.

    Weights of r > 1 times a cache that replaces lines at random, gone through in turn: the part m that is missed leaves
    1 − m = exp(−m r) in place (no line of a smaller set is missed).
    """
    size = math.prod(shape.weight_shape) / (2 if shape.int4 else 1)
    if size <= cache or kind_of(shape) not in ("conv", "conv_1x1"):
        return 0.0
    missed = 1.0
    for _ in range(_TURNS):
        missed = 1 - math.exp(-missed * size / cache)
    return missed * size * math.prod(shape.output_shape[:-1]) / 2


def count_inside(shape: OperatorShape) -> int:
    """Pairs of output position and filter tap inside the input, of a convolution or pool; 0 of other operators."""
    kind = row_of(shape.name).latency
    if kind in ("pool", "max_pool"):
        return math.prod(window_of(shape)) * math.prod(shape.output_shape[:-1])
    return _taps_inside(shape) if kind in ("conv", "depthwise") and _is_regular(shape) else 0


def _is_regular(shape: OperatorShape) -> bool:
    """Whether a convolution has the shapes and strides one can compute with: a damaged file may not."""
    ranks = {len(shape.input_shape), len(shape.weight_shape), len(shape.output_shape)}
    return ranks == {4} and min(*shape.stride, *shape.dilation) > 0


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
    "depthwise_mult": (
        "quad_taps", "quad_rows", "quads", "taps", "tap_rows", "outputs", "dilated", "pixel_channels", "pixels", "call",
    ),
    "fully_connected": (*(f"{of} {part}" for part, of in product(_SUM, ("pairs", "odd"))), "rows", "call"),
    "pool": ("window_elements", "window_taps", "outputs", "pixels", "call"),
    "max_pool": ("compared_blocks", "compared_remainder", "compared_taps", "outputs", "pixels", "call"),
}  # fmt: skip
"""Names of the features of each kernel that has them; every other kernel has those of `FEATURE_NAMES`."""

LOOPS = {"conv": 6, "conv_1x1": 7}
"""How many of a kernel's features, the first ones, are its multiply-accumulate loop."""


def has_turns(kind: str, style: str) -> bool:
    """Whether the turns of a kernel's loops are its features: of CMSIS-NN without MVE, and of one that MVE has not."""
    return kind in NAMES and (style in BLOCK or (kind, style) == ("depthwise_mult", "mve"))


def count_turns(shape: OperatorShape, kind: str, style: str) -> tuple[float, ...]:
    """The features of a kernel of `NAMES`, in that order, where `has_turns`."""
    counted = {
        "conv_1x1": _pointwise_turns, "conv": _convolution_turns, "depthwise": _depthwise_turns,
        "depthwise_any": _any_depthwise_turns, "depthwise_mult": _multiplied_turns, "fully_connected": _dense_turns,
        "pool": _pool_turns, "max_pool": _max_pool_turns,
    }[kind](shape, BLOCK.get(style, 1))  # fmt: skip
    return (*map(float, counted), 1.0)


def _sums(of: tuple[int, ...], depth: int, block: int) -> tuple[int, ...]:
    """Turns of the loop over blocks, of that over the remainder, and of what stands around them."""
    return tuple(turns * times for times in (depth // block, depth % block, 1) for turns in of)


def _pointwise_turns(shape: OperatorShape, block: int) -> tuple[int, ...]:
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


def _convolution_turns(shape: OperatorShape, block: int) -> tuple[int, ...]:
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


def _depthwise_turns(shape: OperatorShape, block: int) -> tuple[int, ...]:
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


def _any_depthwise_turns(shape: OperatorShape, block: int) -> tuple[int, ...]:
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


def _multiplied_turns(shape: OperatorShape, block: int) -> tuple[int, ...]:
    """One input channel at a time: four of its results side by side where the multiplier allows, else one by one."""
    del block
    batch, _, columns, channels = shape.output_shape
    pixels, rows = math.prod(shape.output_shape[:3]), batch * taps_along(shape, 1)
    counts = rows * taps_along(shape, 2) * channels, rows * columns * channels, pixels * channels
    inputs = pixels * shape.input_shape[-1]
    if shape.depth_multiplier % 4 == 0 and shape.dilation == (1, 1):
        return *(count // 4 for count in counts), 0, 0, 0, 0, inputs, pixels
    dilated = counts[2] * sum(one > 1 for one in shape.dilation)
    return 0, 0, 0, *counts, dilated, inputs, pixels


def _dense_turns(shape: OperatorShape, block: int) -> tuple[int, ...]:
    """Two outputs at a time (three without DSP), for each row of the input."""
    together = 2 if block > 1 else 3
    count, depth = (shape.weight_shape[0], shape.weight_shape[-1]) if shape.weight_shape else (0, 0)
    rows = math.prod(shape.output_shape) // max(1, count)
    of = rows * (count // together), rows * (count % together)
    return (*_sums(of, depth, block), rows)


def _pool_turns(shape: OperatorShape, block: int) -> tuple[int, ...]:
    del block
    pixels, channels = math.prod(shape.output_shape[:-1]), shape.output_shape[-1] if shape.output_shape else 0
    taps = pixels * math.prod(window_of(shape))
    return taps * channels, taps, pixels * channels, pixels


def _max_pool_turns(shape: OperatorShape, block: int) -> tuple[int, ...]:
    """The first tap of a window is copied, the others are compared; how often one is larger depends on the data."""
    elements, taps, outputs, pixels = _pool_turns(shape, block)
    channels, compared = elements // max(1, taps), taps - pixels
    return compared * (channels // block), compared * (channels % block), compared, outputs, pixels
