"""Checks that look at types, ends and names of operators."""

from collections.abc import Sequence

from tinykit.model.graph.model import ModelGraph, Operator, Precision
from tinykit.model.graph.reading import GraphOrFile, as_graph, types_of
from tinykit.model.lint.finding import Check, Rule, Words, list_rules, rule_of, tell
from tinykit.model.operators.table import row_of

_FLOAT_TYPES = ("float32", "float16", "bfloat16", "float64")
_INTEGER_PRECISIONS = (Precision.INT8, Precision.INT8X4, Precision.INT16X8)
_INTEGERS = ("int8", "int16")
FOREIGN = ("CUSTOM:", "UNKNOWN:")


def _hybrid(graph: ModelGraph, rule: Rule) -> Words | None:
    """Of operators with float activations and integer weights, which one is enough to be refused for."""
    mixed = (("float32", "int8"), ("float32", "int4"))
    return _of(graph, [one for one in graph.operators if types_of(one, graph.tensors) in mixed])


def _of(graph: ModelGraph, operators: list[Operator]) -> Words | None:
    return tell(operators) if operators else None


def _legacy(graph: ModelGraph, rule: Rule) -> Words | None:
    pairs = ((one, types_of(one, graph.tensors)) for one in graph.operators)
    return _of(graph, [one for one, types in pairs if types and types[1] == "uint8"])


def _no_data(graph: ModelGraph, rule: Rule) -> Words | None:
    """Operators that read what nobody wrote; tensors without elements have nothing to be written."""
    made = {*graph.inputs, *(index for operator in graph.operators for index in operator.outputs)}
    empty = {
        one.index for one in graph.tensors
        if one.elements and not one.is_constant and not one.is_variable and one.index not in made
    }  # fmt: skip
    reading = [one for one in graph.operators if empty & set(one.inputs)]
    if not reading:
        return None
    first = reading[0]
    return {**tell(reading), "first": f"{first.index} ({first.name})", "tensor": str(min(empty & set(first.inputs)))}


def _float32(graph: ModelGraph, rule: Rule) -> Words | None:
    return {} if graph.precision is Precision.FLOAT32 else None


def _float_ends(graph: ModelGraph, rule: Rule) -> Words | None:
    ends = [index for index in (*graph.inputs, *graph.outputs) if graph.tensors[index].dtype in _FLOAT_TYPES]
    if graph.precision not in _INTEGER_PRECISIONS or not ends:
        return None
    kind = "tf.int16" if graph.precision is Precision.INT16X8 else "tf.int8"
    return {"where": _name_tensors(ends), "count": str(len(ends)), "type": kind}


def _uint8_ends(graph: ModelGraph, rule: Rule) -> Words | None:
    ends = [index for index in (*graph.inputs, *graph.outputs) if graph.tensors[index].dtype == "uint8"]
    cut = ends and graph.precision is Precision.INT8
    return {"where": _name_tensors(ends), "count": str(len(ends))} if cut else None


def _name_tensors(indices: list[int]) -> str:
    return "tensors " + ", ".join(map(str, indices))


def _float_inside(graph: ModelGraph, rule: Rule) -> Words | None:
    """Operators that compute in float inside an integer model."""
    if graph.precision not in _INTEGER_PRECISIONS:
        return None
    found = [
        op for op in graph.operators
        if row_of(op.name).role not in ("quantise", "dequantise") and op.outputs
        and graph.tensors[op.outputs[0]].dtype in _FLOAT_TYPES
    ]  # fmt: skip
    return _of(graph, found)


def _stored_weights(graph: ModelGraph, kinds: tuple[str, ...]) -> list[Operator]:
    """Operators that make a constant of one of these types float."""
    made = [op for op in graph.operators if row_of(op.name).role == "dequantise" and op.inputs[0] >= 0]
    stored = ((op, graph.tensors[op.inputs[0]]) for op in made)
    return [op for op, tensor in stored if tensor.is_constant and tensor.dtype in kinds]


def find_half_weights(graph: ModelGraph) -> list[Operator]:
    """Operators that make float16 weights float32."""
    return _stored_weights(graph, ("float16", "bfloat16"))


def _half_weights(graph: ModelGraph, rule: Rule) -> Words | None:
    return _of(graph, find_half_weights(graph))


def _dequantised(graph: ModelGraph, rule: Rule) -> Words | None:
    return _of(graph, _stored_weights(graph, ("int8", "int4", "int16")))


def _fake(graph: ModelGraph, rule: Rule) -> Words | None:
    """Rounded to integers and made float again at once, by a pair of operators or by one that imitates it."""
    roles = {op.index: row_of(op.name).role for op in graph.operators}
    rounded = {
        index for op in graph.operators for index in op.outputs
        if roles[op.index] == "quantise" and graph.tensors[op.inputs[0]].dtype in _FLOAT_TYPES
    }  # fmt: skip
    found = [
        op for op in graph.operators
        if roles[op.index] == "imitate" or (roles[op.index] == "dequantise" and op.inputs[0] in rounded)
    ]  # fmt: skip
    return _of(graph, found)


def list_missing(operators: Sequence[Operator]) -> list[Operator]:
    """Operators that TFLM has no kernel for, and that no rule of their own tells of."""
    return [one for one in operators if row_of(one.name).method is None and not rule_of(one.name)]


def _custom(graph: ModelGraph, rule: Rule) -> Words | None:
    foreign = [one for one in graph.operators if one.name.startswith(FOREIGN)]
    found = list_missing(foreign)
    return {**tell(found), "custom": found[0].name.partition(":")[2]} if found else None


def _subgraphs(graph: ModelGraph, rule: Rule) -> Words | None:
    """Not where a loop is told already, nor for the subgraph that gives variables their first values."""
    told = (list_rules()["open-batch-loop"], list_rules()["state"])
    known = any(one.names(operator.name) for one in told for operator in graph.operators)
    return {"count": str(graph.subgraphs)} if graph.subgraphs != 1 and not known else None


def _batch(graph: ModelGraph, rule: Rule) -> Words | None:
    """Not of an input without a batch: what comes out has it too."""
    ends = [[graph.tensors[index].shape for index in one] for one in (graph.inputs, graph.outputs)]
    inputs, outputs = ({shape[0] for shape in shapes if len(shape) > 1} for shapes in ends)
    batch = max(inputs & outputs, default=1)
    return {"where": _name_tensors([*graph.inputs]), "count": str(batch)} if batch > 1 else None


def _open_size(graph: ModelGraph, rule: Rule) -> Words | None:
    found = [graph.tensors[index] for index in graph.inputs if min(graph.tensors[index].signature[1:], default=0) < 0]
    if not found:
        return None
    signatures, shapes = (
        ", ".join("×".join(str(size) if size >= 0 else "?" for size in one) for one in ones)
        for ones in ([tensor.signature for tensor in found], [tensor.shape for tensor in found])
    )
    where = ", ".join(f"input {graph.inputs.index(tensor.index)}" for tensor in found)
    return {"where": where, "signatures": signatures, "shapes": shapes}


def _per_channel(graph: ModelGraph, rule: Rule) -> Words | None:
    kinds = [(one, types_of(one, graph.tensors)) for one in graph.operators if rule.names(one.name)]
    dense = [one for one, types in kinds if types and types[0] in _INTEGERS]
    return _of(graph, [one for one in dense if len(graph.tensors[one.inputs[1]].scales) > 1])


def _stray(graph: ModelGraph, rule: Rule) -> Words | None:
    return _of(graph, list(find_stray_operators(graph)))


CHECKS: dict[str, Check] = {
    "hybrid": _hybrid,
    "float16-weights": _half_weights,
    "legacy-uint8": _legacy,
    "fake-quantised": _fake,
    "dequantised-weights": _dequantised,
    "custom-operator": _custom,
    "subgraphs": _subgraphs,
    "open-size": _open_size,
    "batch": _batch,
    "no-data": _no_data,
    "float32": _float32,
    "float-ends": _float_ends,
    "float-inside": _float_inside,
    "unfolded-normalisation": _stray,
    "uint8-ends": _uint8_ends,
    "per-channel-dense": _per_channel,
}
"""By rule; a rule that stands neither here nor in `deeper.py` only has a list of operators."""


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
