"""The work inside each kernel, counted from the operator's shape: features of the instruction model.

A kernel's instructions are a sum of non-negative coefficients times these features: the inner loop
(multiply-accumulates, in blocks of the SIMD lanes and a remainder), the rescaling of each output, the
gathering of patches (im2col) by element and by call, and a fixed cost per call.
"""

import math

from tinykit.ground.caches import remember_table
from tinykit.model.operators.table import row_of
from tinykit.predict.latency.loops import BLOCK, LOOPS, NAMES, count_turns
from tinykit.predict.latency.shapes import OperatorShape, taps_along, window_of

LANES = {"portable": 1, "scalar": 1, "dsp": 4, "mve": 16}
"""Multiply-accumulates per inner block by style: plain C, CMSIS-NN without DSP, Armv7E-M DSP (SMLAD), Armv8.1-M MVE."""

FAMILIES = ("conv", "conv_1x1", "depthwise", "fully_connected", "other")
"""Kernel families that have cycle factors of their own."""

PARTS = (*FAMILIES, "conv outside", "conv_1x1 outside", "calls")
"""What instructions are summed by: families; of convolutions apart what lies outside the multiply-accumulate loop
(im2col, rescaling), for closed runtimes gain on loop and rest differently; and of all kernels what runs once a call,
straight through flash that nothing has fetched before."""

_LOOP_FEATURES = {"conv": 2, "conv_1x1": 2}


def kind_of(shape: OperatorShape) -> str:
    """The kernel that runs an operator: "conv_1x1", "conv", "depthwise", …, "unlisted" where none is modelled."""
    kind = row_of(shape.name).latency or "unlisted"
    if kind in ("conv", "depthwise") and not _is_regular(shape):
        return "unlisted"
    if kind == "conv":
        return "conv_1x1" if shape.weight_shape[1:3] == (1, 1) else "conv"
    return _kind_of_depthwise(shape) if kind == "depthwise" else kind


def family_of(kind: str) -> str:
    """The family whose cycle factors a kernel shares."""
    family = "depthwise" if kind.startswith("depthwise") else kind
    return family if family in FAMILIES else "other"


@remember_table
def features_of(shape: OperatorShape, kind: str, style: str) -> tuple[float, ...]:
    """The features of an operator under its kernel and a style of inner loops, in the order of `feature_names`."""
    if style in BLOCK and kind in NAMES:
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
"""Feature names by kernel where `loops` has none; every other kernel has ("outputs", "call")."""


def feature_names(kind: str, style: str) -> tuple[str, ...]:
    """Names of the features of a kernel."""
    if style in BLOCK and kind in NAMES:
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
    inside = shape.output_shape[0] if len(shape.output_shape) == 4 else 1
    for axis in (1, 2):
        inside *= taps_along(shape, axis)
    return inside


def _is_regular(shape: OperatorShape) -> bool:
    """Whether a convolution has the shapes and strides one can compute with: a damaged file may not."""
    ranks = {len(shape.input_shape), len(shape.weight_shape), len(shape.output_shape)}
    return ranks == {4} and min(*shape.stride, *shape.dilation) > 0
