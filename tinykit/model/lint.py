"""What a reader of the graph should know before it goes on a device."""

from collections.abc import Iterator, Sequence

from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.operators.table import DECODE, row_of

_FLOAT_TYPES = ("float32", "float16", "bfloat16", "float64")
_INTEGER_PRECISIONS = ("int8", "int16x8")


def lint_graph(graph: GraphOrFile) -> tuple[str, ...]:
    """Findings about a graph, each with what to do; empty where there is nothing to say."""
    model = as_graph(graph)
    return tuple(finding for rule in _RULES for finding in rule(model))


def _precision(graph: ModelGraph) -> Iterator[str]:
    if graph.precision == "hybrid":
        types = {
            op.index: [graph.tensors[index].dtype for index in op.inputs[:2] if index >= 0] for op in graph.operators
        }
        found = [op for op in graph.operators if types[op.index] == ["float32", "int8"]]
        yield (
            f"hybrid model: {_name(found)} has float activations and integer weights (operators "
            f"{_number(found)}), which TFLM does not run; convert with a representative dataset for int8: "
            "converter.representative_dataset and target_spec.supported_ops = [TFLITE_BUILTINS_INT8]"
        )
    if graph.precision == "float32":
        yield "float32 model: four times the flash and SRAM of int8 and no CMSIS-NN kernels; convert to int8"


def _floats(graph: ModelGraph) -> Iterator[str]:
    """Ends of an integer model in float, and operators that compute in float inside it."""
    if graph.precision not in _INTEGER_PRECISIONS:
        return
    ends = [index for index in (*graph.inputs, *graph.outputs) if graph.tensors[index].dtype in _FLOAT_TYPES]
    if ends:
        kind = "tf.int8" if graph.precision == "int8" else "tf.int16"
        yield (
            f"{len(ends)} float input or output tensors: the firmware then links QUANTIZE and DEQUANTIZE; "
            f"convert with integer input and output types: inference_input_type = inference_output_type = {kind}"
        )
    found = [
        op for op in graph.operators
        if row_of(op.name).role not in ("quantise", "dequantise") and op.outputs
        and graph.tensors[op.outputs[0]].dtype in _FLOAT_TYPES
    ]  # fmt: skip
    if found:
        yield (
            f"{len(found)} operators compute in float inside an integer model: {_name(found)} (operators "
            f"{_number(found)}); replace the layer by one with an int8 kernel, such as ELU by ReLU"
        )


def _half_weights(graph: ModelGraph) -> Iterator[str]:
    ends = [op.inputs[0] for op in graph.operators if row_of(op.name).role == "dequantise" and op.inputs[0] >= 0]
    weights = [graph.tensors[index] for index in ends if graph.tensors[index].is_constant]
    if count := sum(tensor.dtype in ("float16", "bfloat16") for tensor in weights):
        yield (
            f"{count} float16 weight tensors behind DEQUANTIZE, which TFLM does not run; convert to int8, or to "
            "float32 without target_spec.supported_types = [tf.float16]"
        )


def _stray(graph: ModelGraph) -> Iterator[str]:
    if found := find_stray_operators(graph):
        yield (
            f"{len(found)} operators that multiply or add constants behind a layer ({_name(found)}: {_number(found)}): "
            "a normalisation was not folded; fold it into the layer before it, and convert with training=False"
        )


def _name(operators: Sequence[Operator]) -> str:
    return ", ".join(sorted({op.name for op in operators}))


def _number(operators: Sequence[Operator]) -> str:
    shown = ", ".join(str(op.index) for op in operators[:6])
    return shown + (" …" if len(operators) > 6 else "")


def _dynamic_shapes(graph: ModelGraph) -> Iterator[str]:
    if count := sum(tensor.has_dynamic_shape for tensor in graph.tensors):
        yield (
            f"{count} tensors have a dynamic dimension (batch -1): TFLM plans with the default shape; "
            "convert with batch fixed to 1"
        )


def _custom(graph: ModelGraph) -> Iterator[str]:
    found = {op.name for op in graph.operators if op.name.startswith(("CUSTOM:", "UNKNOWN:"))} - {DECODE}
    if found:
        yield f"custom or unknown operators: {', '.join(sorted(found))}; the firmware must bring its own kernels"
    if count := graph.operator_counts().get(DECODE):
        yield (
            f"{count} DECODE operators: their weights are decoded into the arena at each inference, by TFLM of "
            "mid-2025 and later alone; for X-CUBE-AI, an NPU or the C exporter use the model without them"
        )


def _subgraphs(graph: ModelGraph) -> Iterator[str]:
    if graph.subgraphs != 1:
        yield f"{graph.subgraphs} subgraphs, only the first is analysed: what control flow runs is not counted"


def _batch(graph: ModelGraph) -> Iterator[str]:
    batches = {graph.tensors[index].shape[0] for index in graph.inputs if len(graph.tensors[index].shape) > 1}
    if max(batches, default=1) > 1:
        yield f"batch {max(batches)}: a microcontroller runs one sample at a time; convert with batch 1"


_RULES = (_precision, _floats, _half_weights, _stray, _dynamic_shapes, _custom, _subgraphs, _batch)


def find_stray_operators(graph: GraphOrFile) -> tuple[Operator, ...]:
    """Operators that multiply or add constants to the output of a layer with weights: what unfolded batch
    normalisation leaves.

    A MUL, ADD, SUB or DIV with one constant operand counts where its other operand is the output of a convolution or a
    fully connected operator without activation that nothing else reads, or of another such operator; its constant must
    be one number or one a channel (the last axis), as a scale or an offset that could be folded is.
    """
    graph, readers = as_graph(graph), dict[int, int]()
    for operator in graph.operators:
        for index in operator.inputs:
            readers[index] = readers.get(index, 0) + 1
    foldable: set[int] = set()
    found = []
    for operator in graph.operators:
        row = row_of(operator.name)
        stray = row.role == "affine" and _continues_layer(graph, operator, foldable)
        if stray:
            found.append(operator)
        if stray or (row.weights and row.weights.folds):
            alone = [one for one in operator.outputs if readers.get(one) == 1 and one not in graph.outputs]
            foldable |= set(alone) if operator.activation in ("", "NONE") else set()
    return tuple(found)


def _continues_layer(graph: ModelGraph, operator: Operator, foldable: set[int]) -> bool:
    constants = [index for index in operator.inputs if index >= 0 and graph.tensors[index].is_constant]
    others = [index for index in operator.inputs if index in foldable]
    if len(operator.inputs) != 2 or len(constants) != 1 or len(others) != 1 or not operator.outputs:
        return False
    constant, shape = graph.tensors[constants[0]], graph.tensors[operator.outputs[0]].shape
    channels = shape[-1] if shape else 1
    return constant.elements == 1 or (constant.elements == channels and constant.shape[-1:] == (channels,))
