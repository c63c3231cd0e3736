"""What of the lint's findings can be mended in the finished `.tflite`, without its maker's tools, and proven.

A step takes a graph and gives the tree of a better one, None where it has nothing to do. Names, signatures and other
metadata are left behind, as by `tinykit.predict.lean`; with the signatures goes the open batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError, TinykitError
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph, Operator, Tensor
from tinykit.model.graph.reading import GraphOrFile, as_graph, read
from tinykit.model.graph.shapes import find_contradictions, infer
from tinykit.model.graph.tree import GraphNode, ModelTree, OperatorNode, TensorNode, read_tree
from tinykit.model.graph.writing import write_tree
from tinykit.model.lint.checks import find_half_weights, find_known, find_unused
from tinykit.model.operators.table import row_of
from tinykit.predict.runtime.codes import dequantise, quantise_input
from tinykit.predict.runtime.refusal import diagnose
from tinykit.predict.runtime.session import Session

Array = NDArray[np.generic]
_UNSIGNED = 128
"""What lies between the zero points of int8 and uint8."""
_MOST_STEPS = 1
_MOST_RELATIVE = 1e-4
_WHOLE = {"int32": "<i4", "int64": "<i8"}


@dataclass(frozen=True, slots=True, eq=False)
class Mended(Result):
    """A model, and the better one made of it.

    Parameters
    ----------
    before, graph : as it came, and as it is now; `graph.data` are its bytes.
    steps : what was done; empty where there was nothing to do.
    proof : how both were held against each other.
    """

    JSON = ("sha256_before=before.sha256", "sha256=graph.sha256", "steps", "proof")

    before: ModelGraph = field(repr=False)
    graph: ModelGraph
    steps: tuple[str, ...]
    proof: str


def mend(graph: GraphOrFile, *, inputs: int = 8) -> Mended:
    """Mend what the lint marks as fixable: shapes of an open batch, float16 weights, shape arithmetic, dead ends, ends.

    Parameters
    ----------
    graph : the model, or its file.
    inputs : how many made-up inputs both are run on for the proof.

    Returns
    -------
    Mended : the model itself where there is nothing to mend.

    Raises
    ------
    ModelError : what keeps it from running is not to be mended here, it cannot be rewritten, or what came of it does
        not compute the same: nothing is handed out.
    EngineError : the interpreter is not installed, or took too long.
    """
    graph = as_graph(graph)
    found = diagnose(graph)
    stuck = next((one for one in found.causes if not one.fixable), None)
    if stuck is not None:
        way = stuck.cure.partition("\n")[0]
        raise ModelError(f"{graph.path}: {stuck.meaning}\nthat cannot be mended in the file: {way}")
    sound, first = _apply(graph, (_shapes, _halves, _fold, _drop) if found.refusal else ())
    better, second = _apply(sound, (_fold, _drop, _ends))
    if not first + second:
        return Mended(graph, graph, (), "nothing to mend")
    final = read(write_tree(_compact(read_tree(better.data))), f"{graph.path} (mended)")
    proofs = [_prove_sound(graph, sound, inputs)] if first else []
    proofs += [_prove_equal(sound, final, inputs)]
    return Mended(graph, final, first + second, "; ".join(proofs))


Step = Callable[[ModelGraph], tuple[ModelTree, str] | None]


def _apply(graph: ModelGraph, steps: Sequence[Step]) -> tuple[ModelGraph, tuple[str, ...]]:
    done = []
    for step in steps:
        found = step(graph)
        if found is not None:
            graph = read(write_tree(found[0]), graph.path)
            done.append(found[1])
    return graph, tuple(done)


def _shapes(graph: ModelGraph) -> tuple[ModelTree, str] | None:
    """Every tensor gets the shape that its operator makes."""
    if not find_contradictions(graph):
        return None
    tree, shapes = read_tree(graph.data), infer(graph).shapes
    changed = sum(tensor.shape != shape for tensor, shape in zip(graph.tensors, shapes, strict=True))
    told = (replace(tensor, shape=shape) for tensor, shape in zip(tree.main.tensors, shapes, strict=True))
    mended = _with_main(tree, replace(tree.main, tensors=tuple(told)))
    if find_contradictions(read(write_tree(mended))):
        raise ModelError(
            f"{graph.path}: its shapes contradict each other whatever the batch; convert it again with batch 1\n"
            "`tinykit lint` prints the lines to paste"
        )
    return mended, f"shapes of {changed} tensors as their operators make them"


def _halves(graph: ModelGraph) -> tuple[ModelTree, str] | None:
    """float16 constants become float32 ones, and their DEQUANTIZE goes."""
    found = find_half_weights(graph)
    values = {one.outputs[0]: _widen(graph, one.inputs[0]) for one in found}
    return (_fix_values(graph, found, values), f"{len(found)} float16 weight tensors made float32") if found else None


def _widen(graph: ModelGraph, index: int) -> bytes:
    tensor = graph.tensors[index]
    stored = graph.data[tensor.data_start : tensor.data_start + tensor.data_bytes]
    if tensor.dtype == "bfloat16":
        return (np.frombuffer(stored, "<u2").astype("<u4") << 16).tobytes()
    return np.frombuffer(stored, "<f2").astype("<f4").tobytes()


def _fold(graph: ModelGraph) -> tuple[ModelTree, str] | None:
    """Shape arithmetic becomes the constants that it always gives."""
    known, ends = infer(graph).known, set(graph.outputs)
    found = [one for one in find_known(graph) if not ends & set(one.outputs)]
    types = {index: graph.tensors[index].dtype for one in found for index in one.outputs}
    if not found or set(types.values()) - set(_WHOLE):
        return None
    values = {index: known[index].astype(_WHOLE[kind]).tobytes() for index, kind in types.items()}
    return _fix_values(graph, found, values), f"{len(found)} operators of known shapes folded"


def _drop(graph: ModelGraph) -> tuple[ModelTree, str] | None:
    found = find_unused(graph)
    return (_without(graph, found), f"{len(found)} operators dropped whose result nobody reads") if found else None


def _ends(graph: ModelGraph) -> tuple[ModelTree, str] | None:
    """The model takes and gives the integers of its inside; QUANTIZE and DEQUANTIZE at its ends go."""
    cut = _find_ends(graph)
    if not cut:
        return None
    tree = _without(graph, cut)
    swap = {one.inputs[0]: one.outputs[0] for one in cut} | {one.outputs[0]: one.inputs[0] for one in cut}
    swap = {index: swap[index] for index in (*graph.inputs, *graph.outputs) if index in swap}
    inputs, outputs = ([swap.get(index, index) for index in ends] for ends in (graph.inputs, graph.outputs))
    main = replace(tree.main, inputs=tuple(inputs), outputs=tuple(outputs))
    return _with_main(tree, main), f"{len(cut)} float or uint8 ends cut: {', '.join(one.name for one in cut)}"


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


def _with_main(tree: ModelTree, main: GraphNode) -> ModelTree:
    """The tree with another main subgraph; a plan of the arena does not survive that."""
    return replace(tree, graphs=(main, *tree.graphs[1:]), plans=())


def _without(graph: ModelGraph, operators: Sequence[Operator]) -> ModelTree:
    tree, gone = read_tree(graph.data), {one.index for one in operators}
    kept = tuple(node for index, node in enumerate(tree.main.operators) if index not in gone)
    return _with_main(tree, replace(tree.main, operators=kept))


def _fix_values(graph: ModelGraph, operators: Sequence[Operator], values: Mapping[int, bytes]) -> ModelTree:
    """Operators left out, and what they made constant."""
    tree = _without(graph, operators)
    places = {index: len(tree.buffers) + number for number, index in enumerate(values)}
    nodes = enumerate(tree.main.tensors)
    tensors = tuple(replace(node, buffer=places[index]) if index in places else node for index, node in nodes)
    return replace(_with_main(tree, replace(tree.main, tensors=tensors)), buffers=(*tree.buffers, *values.values()))


def _compact(tree: ModelTree) -> ModelTree:
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


def _prove_sound(before: ModelGraph, after: ModelGraph, n: int) -> str:
    """TFLM on the mended against LiteRT's reference kernels on the model as it came, which makes shapes itself."""
    given = draw(before, n)
    try:
        with Session(before.data, engine="litert-reference") as reference, Session(after.data) as session:
            pairs = [*zip(reference.run_all(given), session.run_all(given), strict=True)]
        farthest = max(_distance(one, other) for one, other in pairs)
    except TinykitError:
        raise
    except ValueError as error:
        raise ModelError(
            f"{before.path}: an output changes its shape as it runs ({error}); convert it again"
        ) from error
    whole = all(np.issubdtype(one.dtype, np.integer) for one, _ in pairs)
    if farthest > (_MOST_STEPS if whole else _MOST_RELATIVE):
        raise ModelError(
            f"{before.path}: mended, TFLM still differs from LiteRT by {farthest:.3g}, so it is not handed out\n"
            "convert it again with batch 1; `tinykit lint` prints the lines to paste"
        )
    return f"TFLM on the mended model answers as LiteRT on the given one, {n} inputs, at most {farthest:.2g} apart"


def _distance(one: Array, other: Array) -> float:
    """Steps of integers; of floats the difference over the largest value."""
    gap = float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max(initial=0.0))
    return gap if np.issubdtype(one.dtype, np.integer) else gap / (float(np.abs(one).max(initial=0.0)) or 1.0)


def _prove_equal(before: ModelGraph, after: ModelGraph, n: int) -> str:
    """Both in TFLM: what is quantised outside gives the codes that were quantised inside."""
    given = draw(before, n)
    taken = tuple(_cast(before, after, place, values) for place, values in enumerate(given))
    with Session(before.data) as session:
        wanted = session.run_all(given)
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


def draw(graph: ModelGraph, n: int, seed: int = 0) -> tuple[Array, ...]:
    """Made-up inputs [n, *shape]: codes over their whole range, floats over what the first QUANTIZE can hold."""
    rng, found = np.random.default_rng(seed), []
    for index in graph.inputs:
        tensor = graph.tensors[index]
        shape = (n, *tensor.shape)
        inner = [one.outputs[0] for one in graph.operators if index in one.inputs and one.outputs]
        scaled = next((graph.tensors[one] for one in inner if graph.tensors[one].scales), None)
        if tensor.dtype in ("int8", "uint8", "int16"):
            limits = np.iinfo(tensor.dtype)
            found.append(rng.integers(limits.min, limits.max, shape, tensor.dtype, endpoint=True))
        elif tensor.dtype in _WHOLE or tensor.dtype == "bool":
            found.append(rng.integers(0, 2, shape).astype(tensor.dtype))
        elif scaled is not None and scaled.dtype in ("int8", "int16"):
            limits = np.iinfo(scaled.dtype)
            codes = rng.uniform(limits.min, limits.max, shape) - scaled.zero_points[0]
            found.append((codes * scaled.scales[0]).astype(np.float32))
        else:
            found.append(rng.normal(0, 1, shape).astype(np.float32))
    return tuple(found)
