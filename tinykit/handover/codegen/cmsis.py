"""Operators on CMSIS-NN's kernels: the same calls TFLM makes, with padding passed as offsets.

A bias is always passed: Helium's depthwise kernel reads one in any case.
"""

from tinykit.handover.codegen.plain import LOWERINGS as PLAIN
from tinykit.handover.codegen.program import Lowered, Program, lowering_of
from tinykit.handover.codegen.windowed import (
    Window,
    lower_convolution,
    lower_dense,
    lower_pool,
    read_convolution,
    read_dense,
    read_pool,
)
from tinykit.model.graph.model import Operator
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


def lower_library_convolution(program: Program, operator: Operator) -> Lowered:
    """CONV_2D and DEPTHWISE_CONV_2D by the library's wrappers; grouped convolutions stay on the portable kernel."""
    window, weights = read_convolution(program, operator)
    depthwise = lowering_of(operator) == "depthwise"
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
    return Lowered(body, "\n".join(constants), (), (lowering_of(operator),), _scratch(program, operator), size)


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
    average = lowering_of(operator) == "average_pool"
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
    return Lowered(body, "\n".join(constants), (), (lowering_of(operator),), _scratch(program, operator), size)


def lower_library_dense(program: Program, operator: Operator) -> Lowered:
    """FULLY_CONNECTED: by the library's operator, or by its matrix product where every unit has a scale of its own.

    Weights with a zero point stay on the portable kernel: the library ignores it.
    """
    dense = read_dense(program, operator)
    if dense.weight_offset:
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


PORTABLE_LOWERINGS = PLAIN | {
    "convolution": lower_convolution, "depthwise": lower_convolution, "dense": lower_dense,
    "average_pool": lower_pool, "max_pool": lower_pool,
}  # fmt: skip
"""How each kind of operator becomes C on the kit's own kernels."""

LIBRARY_LOWERINGS = PORTABLE_LOWERINGS | {
    "convolution": lower_library_convolution, "depthwise": lower_library_convolution, "dense": lower_library_dense,
    "average_pool": lower_library_pool, "max_pool": lower_library_pool,
}  # fmt: skip
"""How each kind of operator becomes C on CMSIS-NN's kernels, where the library has one."""
