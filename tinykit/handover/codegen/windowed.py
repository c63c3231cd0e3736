"""Operators with a window or a matrix of weights, on the portable kernels."""

from dataclasses import dataclass

import numpy as np

from tinykit.handover.codegen.program import Lowered, Program, call_kernel, expect, lowering_of, refuse, settle
from tinykit.handover.codegen.quantisation import Multiplier, activation_range, channel_multipliers, dense_multiplier
from tinykit.model.graph.model import Operator, Tensor

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")


@dataclass(frozen=True, slots=True)
class Window:
    """Geometry of a convolution or pool: (rows, columns) pairs, and the range of its output."""

    source: Tensor
    result: Tensor
    taps: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[int, int]
    limits: tuple[int, int]

    def fields(self) -> dict[str, object]:
        """Members of the portable kernel's struct."""
        (batches, in_rows, in_columns, in_channels), result = self.source.shape, self.result.shape
        return {
            "batches": batches, "in_rows": in_rows, "in_columns": in_columns, "in_channels": in_channels,
            "out_rows": result[1], "out_columns": result[2], "out_channels": result[3],
            "tap_rows": self.taps[0], "tap_columns": self.taps[1], "tap_channels": in_channels,
            "stride_rows": self.stride[0], "stride_columns": self.stride[1],
            "dilation_rows": self.dilation[0], "dilation_columns": self.dilation[1],
            "pad_rows": self.pad[0], "pad_columns": self.pad[1],
            "in_offset": -self.source.zero_points[0], "out_offset": self.result.zero_points[0],
            "low": self.limits[0], "high": self.limits[1],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Weights:
    """C names of a convolution's constants, and the channels of one filter."""

    weights: str
    bias: str
    multiplier: str
    shift: str
    filter_channels: int


def fused_range(operator: Operator, result: Tensor) -> tuple[int, int]:
    """Output range of the fused activation, one of `ACTIVATIONS`."""
    if operator.activation not in ACTIVATIONS:
        raise refuse(operator, f"fused activation {operator.activation!r}", f"allowed: {', '.join(ACTIVATIONS)}")
    return activation_range(operator.activation, result)


def place_window(operator: Operator, source: Tensor, result: Tensor, taps: tuple[int, int]) -> Window:
    """Window of an operator; before its first row and column lies the smaller half of the padding."""
    expect(len(source.shape) == len(result.shape) == 4, operator, f"shapes {source.shape} to {result.shape}")
    expect(source.shape[0] == result.shape[0], operator, f"batches {source.shape[0]} to {result.shape[0]}")
    expect(operator.padding in ("SAME", "VALID"), operator, f"padding {operator.padding!r}")
    values = (*taps, *operator.stride, *operator.dilation)
    expect(all(0 < value < 1 << 15 for value in values), operator, f"taps, strides, dilations {values}")
    pads = []
    for axis in (0, 1):
        reach = (taps[axis] - 1) * operator.dilation[axis] + 1
        size, step = source.shape[axis + 1], operator.stride[axis]
        wanted = -(-size // step) if operator.padding == "SAME" else (size - reach) // step + 1
        found = result.shape[axis + 1]
        expect(wanted == found, operator, f"output shape {result.shape} for input {source.shape}")
        pads.append(max((found - 1) * step + reach - size, 0) // 2)
    limits = fused_range(operator, result)
    return Window(source, result, taps, operator.stride, operator.dilation, (pads[0], pads[1]), limits)


def read_convolution(program: Program, operator: Operator) -> tuple[Window, Weights]:
    """Window and constants of CONV_2D and DEPTHWISE_CONV_2D; ModelError where they do not go together."""
    sources, result = program.operands(operator)
    values = program.constant(operator, 1, ("int8",))
    weights, depthwise = program.graph.tensors[operator.inputs[1]], lowering_of(operator) == "depthwise"
    window = place_window(operator, sources[0], result, (values.shape[1], values.shape[2]))
    channels, inside = result.shape[3], sources[0].shape[3]
    if depthwise:
        sound = values.shape[0] == 1 and values.shape[3] == channels == inside * operator.depth_multiplier
    else:
        groups = inside // values.shape[3] if values.shape[3] and inside % values.shape[3] == 0 else 0
        sound = values.shape[0] == channels and groups > 0 and channels % groups == 0
    expect(sound, operator, f"weights {values.shape} for {inside} input and {channels} output channels")
    check_scales(operator, weights, channels)
    found = settle(operator, channel_multipliers, sources[0], weights, result, channels)
    return window, Weights(
        program.array("int8_t", values), program.bias(operator, channels),
        program.array("int32_t", [one.multiplier for one in found]),
        program.array("int32_t", [one.shift for one in found]), values.shape[3],
    )  # fmt: skip


def check_scales(operator: Operator, weights: Tensor, channels: int, *, symmetric: bool = True) -> None:
    """ModelError unless weights have one scale, or one a channel, and zero points of 0 where they must."""
    scales, zeros = weights.scales, weights.zero_points
    sound = len(scales) in (1, channels) and all(0 < scale < np.inf for scale in scales)
    expect(sound and len(zeros) >= 1, operator, f"weights have {len(scales)} scales for {channels} channels")
    expect(not symmetric or not any(zeros), operator, "weights have a zero point other than 0")


def lower_convolution(program: Program, operator: Operator) -> Lowered:
    """CONV_2D (with groups) and DEPTHWISE_CONV_2D on the portable kernel."""
    window, weights = read_convolution(program, operator)
    fields = window.fields() | {
        "tap_channels": weights.filter_channels, "weights": weights.weights, "bias": weights.bias,
        "multiplier": weights.multiplier, "shift": weights.shift,
    }  # fmt: skip
    return call_kernel(program, operator, operator.name.lower(), "window", fields, unit="windows")


def lower_pool(program: Program, operator: Operator) -> Lowered:
    """AVERAGE_POOL_2D and MAX_POOL_2D on the portable kernel."""
    fields = read_pool(program, operator).fields()
    return call_kernel(program, operator, operator.name.lower(), "window", fields, unit="windows")


def read_pool(program: Program, operator: Operator) -> Window:
    """Window of a pool; ModelError where its shapes do not go together."""
    sources, result = program.operands(operator)
    window = place_window(operator, sources[0], result, operator.filter)
    expect(sources[0].shape[3] == result.shape[3], operator, f"{sources[0].shape[3]} channels to {result.shape[3]}")
    return window


@dataclass(frozen=True, slots=True)
class Dense:
    """A fully connected operator: sizes, offsets, range, and C names of its constants."""

    rows: int
    depth: int
    units: int
    step: int
    in_offset: int
    weight_offset: int
    out_offset: int
    low: int
    high: int
    weights: str
    bias: str
    multiplier: str
    shift: str
    first: Multiplier


def read_dense(program: Program, operator: Operator) -> Dense:
    """FULLY_CONNECTED with one scale or one for each unit; ModelError where its tensors do not go together."""
    sources, result = program.operands(operator)
    values = program.constant(operator, 1, ("int8",))
    weights, source = program.graph.tensors[operator.inputs[1]], sources[0]
    units, depth = values.shape if values.ndim == 2 else (0, 0)
    sound = units > 0 and depth > 0 and source.elements % depth == 0 and result.shape[-1:] == (units,)
    expect(sound and source.elements // depth * units == result.elements, operator,
           f"weights {values.shape} for input {source.shape} and output {result.shape}")  # fmt: skip
    many = len(weights.scales) > 1
    check_scales(operator, weights, units, symmetric=many)
    found = settle(operator, channel_multipliers, source, weights, result, units) if many else (
        settle(operator, dense_multiplier, source, weights, result),)  # fmt: skip
    low, high = fused_range(operator, result)
    return Dense(
        source.elements // depth, depth, units, int(many), -source.zero_points[0], -weights.zero_points[0],
        result.zero_points[0], low, high, program.array("int8_t", values), program.bias(operator, units),
        program.array("int32_t", [one.multiplier for one in found]),
        program.array("int32_t", [one.shift for one in found]), found[0],
    )  # fmt: skip


def lower_dense(program: Program, operator: Operator) -> Lowered:
    """FULLY_CONNECTED on the portable kernel."""
    dense = read_dense(program, operator)
    fields = {name: getattr(dense, name) for name in Dense.__slots__ if name != "first"}
    return call_kernel(program, operator, "fully_connected", "dense", fields, unit="dense")
