"""Operators with a window or a matrix of weights, on the portable kernels and on CMSIS-NN's.

CMSIS-NN is called as TFLM calls it, with padding passed as offsets. A bias is always passed: Helium's depthwise kernel
reads one in any case.
"""

from dataclasses import dataclass

import numpy as np

from tinykit.handover.codegen.fixed_point import Multiplier, channel_multipliers, dense_multiplier
from tinykit.handover.codegen.program import Lowered, Program, call_kernel, expect, fused_range, kind_of, settle
from tinykit.model.graph.model import Operator, Tensor
from tinykit.model.operators.rules import EXPORTED, Kernels
from tinykit.model.operators.table import row_of
from tinykit.target.boards.record import CORE_FAMILIES

_POOL = """
    const cmsis_nn_context context = {{SCRATCH, SCRATCH_BYTES}};
    const int8_t *input = {input};
    int8_t *output = {output};
    for (int batch = 0; batch < {batches}; ++batch) {{
        if ({call} != ARM_CMSIS_NN_SUCCESS) {{
            return 1;
        }}
        input += {in_step};
        output += {out_step};
    }}
    return 0;
""".strip("\n")
_FAILS = "== ARM_CMSIS_NN_SUCCESS ? 0 : 1"


@dataclass(frozen=True, slots=True)
class Window:
    """Geometry of a convolution or pool: (rows, columns) pairs, and the range of its output."""

    source: Tensor
    result: Tensor
    taps: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[int, int]
    limits: tuple[float, float]

    def geometry(self) -> dict[str, object]:
        """Members that the structs of all types have."""
        (batches, in_rows, in_columns, in_channels), result = self.source.shape, self.result.shape
        return {
            "batches": batches, "in_rows": in_rows, "in_columns": in_columns, "in_channels": in_channels,
            "out_rows": result[1], "out_columns": result[2], "out_channels": result[3],
            "tap_rows": self.taps[0], "tap_columns": self.taps[1], "tap_channels": in_channels,
            "stride_rows": self.stride[0], "stride_columns": self.stride[1],
            "dilation_rows": self.dilation[0], "dilation_columns": self.dilation[1],
            "pad_rows": self.pad[0], "pad_columns": self.pad[1],
        }  # fmt: skip

    def fields(self) -> dict[str, object]:
        """Members of the portable int8 kernel's struct."""
        return self.geometry() | {
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


def read_convolution(
    program: Program, operator: Operator, *, dtype: str = "int8", bias: str = "int32"
) -> tuple[Window, Weights]:
    """Window and constants of CONV_2D and DEPTHWISE_CONV_2D; ModelError where they do not go together."""
    sources, result = program.operands(operator, dtype=dtype)
    values = program.constant(operator, 1, ("int8",))
    expect(values.ndim == 4, operator, f"weights {values.shape}")
    weights = program.graph.tensors[operator.inputs[1]]
    window = place_window(operator, sources[0], result, (values.shape[1], values.shape[2]))
    channels = check_filters(operator, window, values.shape)
    check_scales(operator, weights, channels)
    found = settle(operator, channel_multipliers, sources[0], weights, result, channels)
    return window, Weights(
        program.array("int8_t", values), program.bias(operator, channels, dtype=bias),
        *program.factors(found), values.shape[3],
    )  # fmt: skip


def check_filters(operator: Operator, window: Window, shape: tuple[int, ...]) -> int:
    """Output channels; ModelError where filters of a shape, depthwise or of groups, do not go with the window."""
    channels, inside = window.result.shape[3], window.source.shape[3]
    if kind_of(operator) == "depthwise":
        sound = shape[0] == 1 and shape[3] == channels == inside * operator.depth_multiplier
    else:
        groups = inside // shape[3] if shape[3] and inside % shape[3] == 0 else 0
        sound = shape[0] == channels and groups > 0 and channels % groups == 0
    expect(sound, operator, f"weights {shape} for {inside} input and {channels} output channels")
    return channels


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


def read_pool(program: Program, operator: Operator, *, dtype: str = "int8") -> Window:
    """Window of a pool; ModelError where its shapes do not go together."""
    sources, result = program.operands(operator, dtype=dtype)
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
    low: float
    high: float
    weights: str
    bias: str
    multiplier: str
    shift: str
    first: Multiplier


def check_units(operator: Operator, source: Tensor, result: Tensor, shape: tuple[int, ...]) -> tuple[int, int]:
    """Units and depth of a fully connected operator; ModelError where weights of a shape do not go with its tensors."""
    units, depth = shape if len(shape) == 2 else (0, 0)
    sound = units > 0 and depth > 0 and source.elements % depth == 0 and result.shape[-1:] == (units,)
    expect(sound and source.elements // depth * units == result.elements, operator,
           f"weights {shape} for input {source.shape} and output {result.shape}")  # fmt: skip
    return units, depth


def read_dense(program: Program, operator: Operator, *, dtype: str = "int8", bias: str = "int32") -> Dense:
    """FULLY_CONNECTED with one scale or one for each unit; ModelError where its tensors do not go together."""
    sources, result = program.operands(operator, dtype=dtype)
    values = program.constant(operator, 1, ("int8",))
    weights, source = program.graph.tensors[operator.inputs[1]], sources[0]
    units, depth = check_units(operator, source, result, values.shape)
    many = len(weights.scales) > 1
    check_scales(operator, weights, units, symmetric=many or dtype != "int8")
    found = settle(operator, channel_multipliers, source, weights, result, units) if many else (
        settle(operator, dense_multiplier, source, weights, result),)  # fmt: skip
    low, high = fused_range(operator, result)
    return Dense(
        source.elements // depth, depth, units, int(many), -source.zero_points[0], -weights.zero_points[0],
        result.zero_points[0], low, high, program.array("int8_t", values), program.bias(operator, units, dtype=bias),
        *program.factors(found), found[0],
    )  # fmt: skip


def lower_dense(program: Program, operator: Operator) -> Lowered:
    """FULLY_CONNECTED on the portable kernel."""
    dense = read_dense(program, operator)
    fields = {name: getattr(dense, name) for name in Dense.__slots__ if name != "first"}
    return call_kernel(program, operator, "fully_connected", "dense", fields, unit="dense")


def lower_library_convolution(program: Program, operator: Operator) -> Lowered:
    """CONV_2D and DEPTHWISE_CONV_2D by the library's wrappers; grouped convolutions stay on the portable kernel."""
    window, weights = read_convolution(program, operator)
    depthwise = kind_of(operator) == "depthwise"
    if not depthwise and weights.filter_channels != window.source.shape[3]:
        return lower_convolution(program, operator)
    kind, prefix = ("dw_conv", "depthwise_conv") if depthwise else ("conv", "convolve")
    names = [f"op_{operator.index}_{part}" for part in ("parameters", "factors", "input", "filter", "bias", "output")]
    filters = (window.result.shape[3], *window.taps, weights.filter_channels)
    constants = [
        f"static const cmsis_nn_{kind}_params {names[0]} = {{",
        *_parameters(window, operator.depth_multiplier if depthwise else 0),
        "};",
        f"static const cmsis_nn_per_channel_quant_params {names[1]} = "
        f"{{(int32_t *){weights.multiplier}, (int32_t *){weights.shift}}};",
        *_dimensions(names[2:], (window.source.shape, filters, (1, 1, 1, filters[0]), window.result.shape)),
    ]
    places = (program.place(operator.inputs[0]), weights.weights, weights.bias, program.place(operator.outputs[0]))
    body = _run(f"arm_{prefix}_wrapper_s8", names, places)
    size = f"arm_{prefix}_wrapper_s8_get_buffer_size(&{names[0]}, &{names[2]}, &{names[3]}, &{names[5]})"
    return Lowered(body, "\n".join(constants), (), (kind_of(operator),), _scratch(program, operator), size)


def _scratch(program: Program, operator: Operator) -> tuple[int, ...]:
    """Bytes by core family, as version 4.0.0 asks for them."""
    rule, call = row_of(operator.name).scratch, program.graph.call(operator)
    return tuple(sum(rule(call, Kernels(family, EXPORTED))) if rule else 0 for family in CORE_FAMILIES)


def _parameters(window: Window, multiplier: int) -> list[str]:
    rows = [f"    .input_offset = {-window.source.zero_points[0]}, .output_offset = {window.result.zero_points[0]},"]
    if multiplier:
        rows.append(f"    .ch_mult = {multiplier},")
    tiles = (("stride", window.stride), ("padding", window.pad), ("dilation", window.dilation))
    rows.append("    " + " ".join(f".{name} = {{.w = {pair[1]}, .h = {pair[0]}}}," for name, pair in tiles))
    return [*rows, f"    .activation = {{.min = {window.limits[0]}, .max = {window.limits[1]}}},"]


def _dimensions(names: list[str], shapes: tuple[tuple[int, ...], ...]) -> list[str]:
    """Structs of the library's dimensions, which are in the order batch or filters, height, width, channels."""
    return [
        f"static const cmsis_nn_dims {name} = {{{', '.join(str(size) for size in shape)}}};"
        for name, shape in zip(names, shapes, strict=True)
    ]


def _run(function: str, names: list[str], places: tuple[str, ...]) -> str:
    """A call of the library: parameters and factors, then dimensions and data by turns."""
    pairs = ", ".join(f"&{name}, {place}" for name, place in zip(names[2:], places, strict=True))
    return f"    const cmsis_nn_context context = {{SCRATCH, SCRATCH_BYTES}};\n    return {function}(&context, " \
           f"&{names[0]}, &{names[1]},\n        {pairs}) {_FAILS};"  # fmt: skip


def lower_library_pool(program: Program, operator: Operator) -> Lowered:
    """AVERAGE_POOL_2D and MAX_POOL_2D, one call a batch: the library's pools know of one image only."""
    window = read_pool(program, operator)
    average = kind_of(operator) == "average_pool"
    names = [f"op_{operator.index}_{part}" for part in ("parameters", "input", "filter", "output")]
    (batches, *source), result = window.source.shape, window.result.shape[1:]
    channels = source[2]
    values = f"{{.w = {window.stride[1]}, .h = {window.stride[0]}}}, {{.w = {window.pad[1]}, .h = {window.pad[0]}}}"
    limits = f"{{.min = {window.limits[0]}, .max = {window.limits[1]}}}"
    constants = [f"static const cmsis_nn_pool_params {names[0]} = {{{values}, {limits}}};"]
    constants += _dimensions(names[1:], ((1, *source), (1, *window.taps, 1), (1, *result)))
    kernel = "arm_avgpool_s8" if average else "arm_max_pool_s8"
    call = f"{kernel}(&context, &{names[0]}, &{names[1]}, input, &{names[2]}, &{names[3]}, output)"
    body = _POOL.format(
        input=program.place(operator.inputs[0]), output=program.place(operator.outputs[0]), batches=batches, call=call,
        in_step=window.source.elements // batches, out_step=window.result.elements // batches,
    )  # fmt: skip
    size = f"arm_avgpool_s8_get_buffer_size({result[1]}, {channels})" if average else ""
    return Lowered(body, "\n".join(constants), (), (kind_of(operator),), _scratch(program, operator), size)


def lower_library_dense(program: Program, operator: Operator) -> Lowered:
    """FULLY_CONNECTED: by the library's operator, or by its matrix product where every unit has a scale of its own."""
    dense = read_dense(program, operator)
    if dense.weight_offset:  # the library ignores it
        return lower_dense(program, operator)
    places = (program.place(operator.inputs[0]), program.place(operator.outputs[0]))
    if dense.step:
        body = (
            f"    return arm_nn_mat_mult_nt_t_s8({places[0]}, {dense.weights}, {dense.bias}, {places[1]},\n"
            f"        {dense.multiplier}, {dense.shift}, {dense.rows}, {dense.units}, {dense.depth},\n"
            f"        {dense.in_offset}, {dense.out_offset}, {dense.low}, {dense.high}, {dense.depth}) {_FAILS};"
        )
        return Lowered(body, library=("dense",))
    names = [f"op_{operator.index}_{part}" for part in ("parameters", "factor", "input", "filter", "bias", "output")]
    constants = [
        f"static const cmsis_nn_fc_params {names[0]} = {{{dense.in_offset}, 0, {dense.out_offset}, "
        f"{{{dense.low}, {dense.high}}}}};",
        f"static const cmsis_nn_per_tensor_quant_params {names[1]} = "
        f"{{{dense.first.multiplier}, {dense.first.shift}}};",
        *_dimensions(names[2:], ((dense.rows, 1, 1, dense.depth), (dense.depth, 1, 1, dense.units),
                                 (1, 1, 1, dense.units), (dense.rows, 1, 1, dense.units))),
    ]  # fmt: skip
    body = _run("arm_fully_connected_s8", names, (places[0], dense.weights, dense.bias, places[1]))
    size = f"arm_fully_connected_s8_get_buffer_size(&{names[3]})"
    return Lowered(body, "\n".join(constants), library=("dense",), scratch_call=size)


LOWERINGS = {
    ("convolution", "int8"): lower_convolution, ("depthwise", "int8"): lower_convolution,
    ("dense", "int8"): lower_dense, ("average_pool", "int8"): lower_pool, ("max_pool", "int8"): lower_pool,
}  # fmt: skip
"""How each kind of operator becomes C on the kit's own kernels, by the type of its data."""

LIBRARY_LOWERINGS = {
    ("convolution", "int8"): lower_library_convolution, ("depthwise", "int8"): lower_library_convolution,
    ("dense", "int8"): lower_library_dense, ("average_pool", "int8"): lower_library_pool,
    ("max_pool", "int8"): lower_library_pool,
}  # fmt: skip
"""The same on CMSIS-NN's kernels, where the library has one."""
