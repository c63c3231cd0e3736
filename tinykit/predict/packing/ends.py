"""The ends of a model that only change the form of numbers, cut off: it takes and gives the integers of its inside."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError
from tinykit.model.graph.model import ModelGraph, Operator, Tensor
from tinykit.model.graph.reading import read
from tinykit.model.graph.tree import GraphNode, ModelTree, OperatorNode, TensorNode, read_tree
from tinykit.model.graph.writing import write_tree
from tinykit.model.operators.table import row_of
from tinykit.predict.runtime.codes import dequantise, quantise_input, to_codes
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import Session

Array = NDArray[np.generic]
_UNSIGNED = 128
"""What lies between the zero points of int8 and uint8."""


def cut_ends(graph: ModelGraph) -> tuple[ModelGraph, str, int] | None:
    """The model without its float or uint8 ends, what was cut, and the bytes at the widest of them; None of no such."""
    found = drop_ends(graph)
    if found is None:
        return None
    widest = max(sum(graph.tensors[end].nbytes for end in (one.inputs[0], one.outputs[0])) for one in _find_ends(graph))
    return read(write_tree(compact(found[0])), f"{graph.path} (ends cut)"), found[1], widest


def drop_ends(graph: ModelGraph) -> tuple[ModelTree, str] | None:
    """The model takes and gives the integers of its inside; QUANTIZE and DEQUANTIZE at its ends go."""
    cut = _find_ends(graph)
    if not cut:
        return None
    tree = drop_operators(graph, cut)
    swap = {one.inputs[0]: one.outputs[0] for one in cut} | {one.outputs[0]: one.inputs[0] for one in cut}
    swap = {index: swap[index] for index in (*graph.inputs, *graph.outputs) if index in swap}
    inputs, outputs = ([swap.get(index, index) for index in ends] for ends in (graph.inputs, graph.outputs))
    main = replace(tree.main, inputs=tuple(inputs), outputs=tuple(outputs))
    return with_main(tree, main), f"{len(cut)} float or uint8 ends cut: {', '.join(one.name for one in cut)}"


def _find_ends(graph: ModelGraph) -> list[Operator]:
    """Operators at the ends that only change the form of numbers, of tensors that nothing else reads."""
    forms = [one for one in graph.operators if row_of(one.name).role in ("quantise", "dequantise")]
    reads = [index for one in graph.operators for index in one.inputs] + list(graph.outputs)
    found = []
    for one in forms:
        first, last = one.inputs[0] in graph.inputs, one.outputs[0] in graph.outputs
        inside = graph.tensors[one.outputs[0] if first else one.inputs[0]]
        outside = one.inputs[0] if first else one.outputs[0]
        if first != last and reads.count(outside) == 1 and _only_form(inside, graph.tensors[outside]):
            found.append(one)
    return found


def _only_form(inside: Tensor, outside: Tensor) -> bool:
    """Whether no number changes between an end and the integers inside, but the rounding of floats."""
    if inside.dtype not in ("int8", "int16") or inside.is_constant:
        return False
    moved = [one - other for one, other in zip(outside.zero_points, inside.zero_points, strict=False)]
    shifted = outside.dtype == "uint8" and outside.scales == inside.scales and moved == [_UNSIGNED]
    return outside.dtype == "float32" or shifted


def with_main(tree: ModelTree, main: GraphNode) -> ModelTree:
    """The tree with another main subgraph; a plan of the arena does not survive that."""
    return replace(tree, graphs=(main, *tree.graphs[1:]), plans=())


def drop_operators(graph: ModelGraph, operators: Sequence[Operator]) -> ModelTree:
    """The tree without some operators."""
    tree, gone = read_tree(graph.data), {one.index for one in operators}
    kept = tuple(node for index, node in enumerate(tree.main.operators) if index not in gone)
    return with_main(tree, replace(tree.main, operators=kept))


def compact(tree: ModelTree) -> ModelTree:
    """Without tensors that nobody reads or writes, and codes that no operator has."""
    main = tree.main
    used = {*main.inputs, *main.outputs}
    used |= {index for one in main.operators for index in (*one.inputs, *one.outputs, *one.intermediates)}
    place = {index: number for number, index in enumerate(sorted(used - {-1}))} | {-1: -1}
    kinds = sorted({one.code for graph in tree.graphs for one in graph.operators})
    codes = {code: number for number, code in enumerate(kinds)}
    graphs = [
        replace(graph, operators=tuple(replace(one, code=codes[one.code]) for one in graph.operators))
        for graph in tree.graphs
    ]
    tensors = tuple(main.tensors[index] for index in sorted(used - {-1}))
    graphs[0] = _move(graphs[0], place, tensors)
    return replace(tree, codes=tuple(tree.codes[code] for code in codes), graphs=tuple(graphs))


def _move(graph: GraphNode, place: Mapping[int, int], tensors: tuple[TensorNode, ...]) -> GraphNode:
    def moved(indices: Sequence[int]) -> tuple[int, ...]:
        return tuple(place[index] for index in indices)

    def at(one: OperatorNode) -> OperatorNode:
        return replace(
            one, inputs=moved(one.inputs), outputs=moved(one.outputs), intermediates=moved(one.intermediates)
        )

    return GraphNode(tensors, moved(graph.inputs), moved(graph.outputs), tuple(at(one) for one in graph.operators))


def prove_ends(before: ModelGraph, after: ModelGraph, n: int) -> str:
    """Both in TFLM: what is quantised outside gives the codes that were quantised inside."""
    with Session(before.data) as session:
        given = to_codes(session, sample_inputs(before.data, n))
        wanted = session.run_all(given)
    taken = tuple(_cast(before, after, place, values) for place, values in enumerate(given))
    with Session(after.data) as session:
        made = session.run_all(taken)
    pairs = zip(before.outputs, after.outputs, wanted, made, strict=True)
    if not all(_same(before.tensors[one], after.tensors[other], *values) for one, other, *values in pairs):
        raise ModelError(f"{before.path}: mended, TFLM answers differently, so it is not handed out; report the model")
    outside = [one.dtype for one in given] != [one.dtype for one in taken]
    return f"equal codes in TFLM on {n} inputs" + (" quantised outside" if outside else "")


def _same(one: Tensor, other: Tensor, wanted: Array, made: Array) -> bool:
    """The same bytes; where the form of the numbers changed, the same numbers."""
    if one.dtype == other.dtype:
        return wanted.tobytes() == made.tobytes()
    return bool((_real(one, wanted) == _real(other, made).reshape(wanted.shape)).all())


def _real(tensor: Tensor, values: Array) -> Array:
    if not tensor.scales or tensor.dtype == "float32":
        return values
    return dequantise(values, tensor.scales[0], tensor.zero_points[0])


def _cast(before: ModelGraph, after: ModelGraph, place: int, values: Array) -> Array:
    """Values of an input of the one model as the other takes them."""
    one, other = before.tensors[before.inputs[place]], after.tensors[after.inputs[place]]
    if one.dtype == other.dtype:
        return values
    codes: Array = quantise_input(_real(one, values), other.scales[0], other.zero_points[0], other.dtype)
    return codes
