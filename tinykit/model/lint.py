"""What a reader of the graph should know before it goes on a device."""

from __future__ import annotations

from collections.abc import Sequence

from tinykit.model.graph.folding import find_stray_operators
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.operators import DECODE, row_of

_FLOAT_TYPES = ("float32", "float16", "bfloat16", "float64")


def lint_graph(graph: ModelGraph) -> tuple[str, ...]:
    """Findings about a graph, each with what to do; empty where there is nothing to say."""
    return tuple(finding for rule in _RULES if (finding := rule(graph)))


def _precision(graph: ModelGraph) -> str:
    if graph.precision == "hybrid":
        found = [op for op in graph.operators if _is_hybrid(graph, op.inputs)]
        names = sorted({op.name for op in found})
        return (
            f"hybrid model: {', '.join(names)} has float activations and integer weights (operators "
            f"{_number(found)}), which TFLM does not run; convert with a representative dataset for int8: "
            "converter.representative_dataset and target_spec.supported_ops = [TFLITE_BUILTINS_INT8]"
        )
    if graph.precision == "float32":
        return "float32 model: four times the flash and SRAM of int8 and no CMSIS-NN kernels; convert to int8"
    return ""


def _is_hybrid(graph: ModelGraph, inputs: tuple[int, ...]) -> bool:
    types = [graph.tensors[index].dtype for index in inputs[:2] if index >= 0]
    return types == ["float32", "int8"]


def _float_ends(graph: ModelGraph) -> str:
    if graph.precision not in ("int8", "int16x8"):
        return ""
    floats = [index for index in (*graph.inputs, *graph.outputs) if graph.tensors[index].dtype in _FLOAT_TYPES]
    kind = "tf.int8" if graph.precision == "int8" else "tf.int16"
    return (
        f"{len(floats)} float input or output tensors: the firmware then links QUANTIZE and DEQUANTIZE; "
        f"convert with integer input and output types: inference_input_type = inference_output_type = {kind}"
        if floats
        else ""
    )


def _float_islands(graph: ModelGraph) -> str:
    """Operators that compute in float inside an integer model."""
    if graph.precision not in ("int8", "int16x8"):
        return ""
    found = [
        op for op in graph.operators
        if row_of(op.name).role not in ("quantise", "dequantise") and op.outputs
        and graph.tensors[op.outputs[0]].dtype in _FLOAT_TYPES
    ]  # fmt: skip
    names = ", ".join(sorted({op.name for op in found}))
    return (
        f"{len(found)} operators compute in float inside an integer model: {names} (operators {_number(found)}); "
        "replace the layer by one with an int8 kernel, such as ELU by ReLU"
        if found
        else ""
    )


def _half_weights(graph: ModelGraph) -> str:
    found = [
        op for op in graph.operators
        if row_of(op.name).role == "dequantise" and op.inputs[0] >= 0
        and graph.tensors[op.inputs[0]].is_constant and graph.tensors[op.inputs[0]].dtype in ("float16", "bfloat16")
    ]  # fmt: skip
    return (
        f"{len(found)} float16 weight tensors behind DEQUANTIZE, which TFLM does not run; convert to int8, or to "
        "float32 without target_spec.supported_types = [tf.float16]"
        if found
        else ""
    )


def _stray(graph: ModelGraph) -> str:
    found = find_stray_operators(graph)
    if not found:
        return ""
    names = ", ".join(sorted({op.name for op in found}))
    return (
        f"{len(found)} operators that multiply or add constants behind a layer ({names}: {_number(found)}): a "
        "normalisation was not folded; fold it into the layer before it, and convert with training=False"
    )


def _number(operators: Sequence[Operator]) -> str:
    shown = ", ".join(str(op.index) for op in operators[:6])
    return shown + (" …" if len(operators) > 6 else "")


def _dynamic_shapes(graph: ModelGraph) -> str:
    dynamic = [tensor.index for tensor in graph.tensors if tensor.has_dynamic_shape]
    return (
        f"{len(dynamic)} tensors have a dynamic dimension (batch -1): TFLM plans with the default shape; "
        "convert with batch fixed to 1"
        if dynamic
        else ""
    )


def _custom(graph: ModelGraph) -> str:
    found = {op.name for op in graph.operators if op.name.startswith(("CUSTOM:", "UNKNOWN:"))}
    names = sorted(found - {DECODE})
    return f"custom or unknown operators: {', '.join(names)}; the firmware must bring its own kernels" if names else ""


def _decoded(graph: ModelGraph) -> str:
    count = graph.operator_counts().get(DECODE, 0)
    return (
        f"{count} DECODE operators: their weights are decoded into the arena at each inference, by TFLM of mid-2025 "
        "and later alone; for X-CUBE-AI, an NPU or the C exporter use the model without them"
        if count
        else ""
    )


def _subgraphs(graph: ModelGraph) -> str:
    if graph.subgraphs == 1:
        return ""
    return f"{graph.subgraphs} subgraphs, only the first is analysed: what control flow runs is not counted"


def _batch(graph: ModelGraph) -> str:
    batches = {graph.tensors[index].shape[0] for index in graph.inputs if len(graph.tensors[index].shape) > 1}
    if max(batches, default=1) <= 1:
        return ""
    return f"batch {max(batches)}: a microcontroller runs one sample at a time; convert with batch 1"


_RULES = (
    _precision, _float_ends, _float_islands, _half_weights, _stray, _dynamic_shapes, _custom, _decoded, _subgraphs,
    _batch,
)  # fmt: skip
