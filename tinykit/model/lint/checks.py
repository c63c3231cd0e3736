"""Checks of types, ends and names of operators; of inferred shapes, weights and readers; what a firmware registers."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.model.graph.kernels import list_kernels
from tinykit.model.graph.model import ModelGraph, Operator, Precision
from tinykit.model.graph.reading import GraphOrFile, as_graph, list_codes, types_of
from tinykit.model.graph.shapes import find_contradictions, infer
from tinykit.model.lint.finding import Check, Rule, Words, list_rules, rule_of, tell
from tinykit.model.operators.table import row_of

_FLOAT_TYPES = ("float32", "float16", "bfloat16", "float64")
_INTEGER_PRECISIONS = (Precision.INT8, Precision.INT8X4, Precision.INT16X8)
_INTEGERS = ("int8", "int16")
FOREIGN = ("CUSTOM:", "UNKNOWN:")


def _hybrid(graph: ModelGraph, rule: Rule) -> list[Operator]:
    """Of operators with float activations and integer weights, which one is enough to be refused for."""
    mixed = (("float32", "int8"), ("float32", "int4"))
    return [one for one in graph.operators if types_of(one, graph.tensors) in mixed]


def _legacy(graph: ModelGraph, rule: Rule) -> list[Operator]:
    pairs = ((one, types_of(one, graph.tensors)) for one in graph.operators)
    return [one for one, types in pairs if types and types[1] == "uint8"]


def _no_data(graph: ModelGraph, rule: Rule) -> Words | None:
    """Operators that read what nobody wrote: an empty tensor has nothing, into a variable no data of the file comes."""
    made = {*graph.inputs, *(index for operator in graph.operators for index in operator.outputs)}
    empty = {
        one.index for one in graph.tensors
        if one.elements and one.is_constant == one.is_variable and one.index not in made
        and (not one.is_constant or any(graph.data[one.data_start : one.data_start + one.data_bytes]))
    }  # fmt: skip
    reading = [one for one in graph.operators if empty & set(one.inputs)]
    if not reading:
        return None
    first = reading[0]
    return {**tell(reading), "first": f"{first.index} ({first.name})", "tensor": str(min(empty & set(first.inputs)))}


def _float32(graph: ModelGraph, rule: Rule) -> Words | None:
    return {"where": "the model"} if graph.precision is Precision.FLOAT32 else None


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


def _float_inside(graph: ModelGraph, rule: Rule) -> list[Operator]:
    """Operators that compute in float inside an integer model."""
    if graph.precision not in _INTEGER_PRECISIONS:
        return []
    return [
        op for op in graph.operators
        if row_of(op.name).role not in ("quantise", "dequantise") and op.outputs
        and graph.tensors[op.outputs[0]].dtype in _FLOAT_TYPES
    ]  # fmt: skip


def _stored_weights(graph: ModelGraph, kinds: tuple[str, ...]) -> list[Operator]:
    """Operators that make a constant of one of these types float."""
    made = [op for op in graph.operators if row_of(op.name).role == "dequantise" and op.inputs[0] >= 0]
    stored = ((op, graph.tensors[op.inputs[0]]) for op in made)
    return [op for op, tensor in stored if tensor.is_constant and tensor.dtype in kinds]


def find_half_weights(graph: ModelGraph) -> list[Operator]:
    """Operators that make float16 weights float32."""
    return _stored_weights(graph, ("float16", "bfloat16"))


def _fake(graph: ModelGraph, rule: Rule) -> list[Operator]:
    """Rounded to integers and made float again at once, by a pair of operators or by one that imitates it."""
    roles = {op.index: row_of(op.name).role for op in graph.operators}
    rounded = {
        index for op in graph.operators for index in op.outputs
        if roles[op.index] == "quantise" and graph.tensors[op.inputs[0]].dtype in _FLOAT_TYPES
    }  # fmt: skip
    return [
        op for op in graph.operators
        if roles[op.index] == "imitate" or (roles[op.index] == "dequantise" and op.inputs[0] in rounded)
    ]  # fmt: skip


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


def _per_channel(graph: ModelGraph, rule: Rule) -> list[Operator]:
    kinds = [(one, types_of(one, graph.tensors)) for one in graph.operators if rule.names(one.name)]
    dense = [one for one, types in kinds if types and types[0] in _INTEGERS]
    return [one for one in dense if len(graph.tensors[one.inputs[1]].scales) > 1]


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


_MANY_ZEROS = 0.5
_FEW_WEIGHTS = 256
_STEPS_IN_A_ROW = 3
_NARROWEST_SPAN = 2.5e-6
"""The converter's own least is 2e-6, which it takes where all samples are zero."""
_CODES = {"int8": 255, "uint8": 255, "int16": 65_535}


def _contradiction(graph: ModelGraph, rule: Rule) -> Words | None:
    found = find_contradictions(graph)
    words = tell([graph.operators[one.operator] for one in found])
    return {**words, "contradiction": str(found[0])} if found else None


def find_known(graph: ModelGraph) -> list[Operator]:
    """Operators all of whose results are whole numbers known before the model runs, as those of shapes are."""
    known = infer(graph).known
    return [one for one in graph.operators if one.outputs and all(index in known for index in one.outputs)]


def _missing(graph: ModelGraph, *, known: bool) -> list[Operator]:
    """Operators without a kernel whose results are, or are not, known before the model runs."""
    missing = list_missing([one for one in graph.operators if not one.name.startswith(FOREIGN)])
    folded = {one.index for one in find_known(graph)} if missing else set()
    return [one for one in missing if (one.index in folded) == known]


def find_unused(graph: ModelGraph) -> list[Operator]:
    """Operators whose results no operator that is of use reads.

    One without results changes a state and is of use; loops and custom operators may do so unseen.
    """
    read, unused = set(graph.outputs), []
    loop = list_rules()["open-batch-loop"]
    for operator in reversed(graph.operators):
        unseen = operator.name.startswith(FOREIGN) or loop.names(operator.name)
        if operator.outputs and not read & set(operator.outputs) and not unseen:
            unused.append(operator)
        else:
            read |= set(operator.inputs)
    return unused[::-1]


def _zeros(graph: ModelGraph, rule: Rule) -> Words | None:
    try:
        kernels = list_kernels(graph)
    except ModelError:  # stored sparse already, or of a type that is not counted
        return None
    weights = sum(kernel.values.size for kernel in kernels)
    share = sum(kernel.zeros for kernel in kernels) / weights if weights >= _FEW_WEIGHTS else 0.0
    return {"where": "the weights", "share": f"{share:.0%}"} if share >= _MANY_ZEROS else None


def _unrolled(graph: ModelGraph, rule: Rule) -> list[Operator]:
    weighted = [one for one in graph.operators if row_of(one.name).weights and len(one.inputs) > 1]
    uses = Counter(one.inputs[1] for one in weighted)
    return [one for one in weighted if uses[one.inputs[1]] >= _STEPS_IN_A_ROW and graph.tensors[one.inputs[1]].scales]


def _slow(graph: ModelGraph, rule: Rule) -> list[Operator]:
    return [one for one in graph.operators if rule.names(one.name) and graph.precision is Precision.INT8]


def _narrow(graph: ModelGraph, rule: Rule) -> Words | None:
    """An input whose whole range is next to nothing."""
    tensors = [graph.tensors[index] for index in graph.inputs]
    spans = [one.scales[0] * _CODES[one.dtype] for one in tensors if one.scales and one.dtype in _CODES]
    narrow = min((span for span in spans if span > 0), default=1.0)
    return {"where": "input", "span": f"{np.float32(narrow):.2g}"} if narrow < _NARROWEST_SPAN else None


def _ranges(graph: ModelGraph, rule: Rule) -> Words | None:
    """What integer inputs stand for."""
    inputs = [(place, graph.tensors[index]) for place, index in enumerate(graph.inputs)]
    scaled = [(place, one) for place, one in inputs if one.scales and one.zero_points and one.dtype in _CODES]
    told = []
    for place, one in scaled:
        limits = np.iinfo(one.dtype)
        low, high = ((code - one.zero_points[0]) * one.scales[0] for code in (limits.min, limits.max))
        told.append(f"input {place} {low:.4g} … {high:.4g}")
    if not told:
        return None
    first = scaled[0][1]
    scale, zero = f"{np.float32(first.scales[0])}", str(first.zero_points[0])
    return {"where": "inputs", "ranges": ", ".join(told), "scale": scale, "zero_point": zero, "type": first.dtype}


def _signal(graph: ModelGraph, rule: Rule) -> Words | None:
    found = [one for one in graph.operators if rule.names(one.name)]
    return {**tell(found), "calls": _register({one.name for one in found})} if found else None


def _resolver(graph: ModelGraph, rule: Rule) -> Words | None:
    names = {one.name for one in graph.operators} | set(list_codes(graph) if graph.subgraphs > 1 else ())
    methods = {row_of(name).method for name in names}
    if None in methods:
        return None
    return {"where": "firmware", "count": str(len(methods)), "calls": _register(names)}


def _register(names: set[str]) -> str:
    methods = {row_of(name).method for name in names} - {None}
    return "\n".join(f"resolver.Add{method}();" for method in sorted(str(one) for one in methods))


CHECKS: dict[str, Check] = {
    "hybrid": _hybrid,
    "float16-weights": lambda graph, rule: find_half_weights(graph),
    "legacy-uint8": _legacy,
    "fake-quantised": _fake,
    "dequantised-weights": lambda graph, rule: _stored_weights(graph, ("int8", "int4", "int16")),
    "custom-operator": _custom,
    "subgraphs": _subgraphs,
    "open-size": _open_size,
    "batch": _batch,
    "no-data": _no_data,
    "float32": _float32,
    "float-ends": _float_ends,
    "float-inside": _float_inside,
    "unfolded-normalisation": lambda graph, rule: find_stray_operators(graph),
    "uint8-ends": _uint8_ends,
    "per-channel-dense": _per_channel,
    "stored-shape": _contradiction,
    "no-kernel": lambda graph, rule: _missing(graph, known=False),
    "shape-kernel": lambda graph, rule: _missing(graph, known=True),
    "shape-arithmetic": lambda graph, rule: find_known(graph),
    "unused-operator": lambda graph, rule: find_unused(graph),
    "zeros-stored": _zeros,
    "unrolled-recurrence": _unrolled,
    "slow-kernel": _slow,
    "one-point-calibration": _narrow,
    "input-range": _ranges,
    "signal-library": _signal,
    "resolver": _resolver,
}
"""By rule; a rule that does not stand here only has a list of operators."""
