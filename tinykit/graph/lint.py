"""What a reader of the graph should know before it goes on a device."""

from __future__ import annotations

from tinykit.graph.model import ModelGraph

_DECODE = "CUSTOM:TFLM_DECODE"
_FLOAT_TYPES = ("float32", "float16", "bfloat16", "float64")


def lint(graph: ModelGraph) -> tuple[str, ...]:
    """Findings about a graph, each with what to do; empty where there is nothing to say."""
    return tuple(finding for rule in _RULES if (finding := rule(graph)))


def _precision(graph: ModelGraph) -> str:
    if graph.precision == "hybrid":
        names = sorted({op.name for op in graph.operators if _is_hybrid(graph, op.inputs)})
        return (
            f"hybrid model: {', '.join(names)} has float activations and integer weights, which TFLM does not run; "
            "convert with a representative dataset for int8"
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
    return (
        f"{len(floats)} float input or output tensors: the firmware then links QUANTIZE and DEQUANTIZE; "
        "convert with integer input and output types"
        if floats
        else ""
    )


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
    names = sorted(found - {_DECODE})
    return f"custom or unknown operators: {', '.join(names)}; the firmware must bring its own kernels" if names else ""


def _decoded(graph: ModelGraph) -> str:
    count = graph.operator_counts().get(_DECODE, 0)
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


_RULES = (_precision, _float_ends, _dynamic_shapes, _custom, _decoded, _subgraphs, _batch)
