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
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.graph.reading import GraphOrFile, as_graph, read
from tinykit.model.graph.shapes import find_contradictions, infer
from tinykit.model.graph.tree import ModelTree, read_tree
from tinykit.model.graph.writing import write_tree
from tinykit.model.lint.checks import find_half_weights, find_known, find_unused
from tinykit.predict.packing.ends import compact, drop_ends, drop_operators, prove_ends, with_main
from tinykit.predict.runtime.codes import to_codes
from tinykit.predict.runtime.refusal import diagnose
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import Session

Array = NDArray[np.generic]
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
    better, second = _apply(sound, (_fold, _drop, drop_ends))
    if not first + second:
        return Mended(graph, graph, (), "nothing to mend")
    final = read(write_tree(compact(read_tree(better.data))), f"{graph.path} (mended)")
    proofs = [_prove_sound(graph, sound, inputs)] if first else []
    proofs += [prove_ends(sound, final, inputs)]
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
    mended = with_main(tree, replace(tree.main, tensors=tuple(told)))
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
    said = f"{len(found)} operators dropped whose result nobody reads"
    return (drop_operators(graph, found), said) if found else None


def _fix_values(graph: ModelGraph, operators: Sequence[Operator], values: Mapping[int, bytes]) -> ModelTree:
    """Operators left out, and what they made constant."""
    tree = drop_operators(graph, operators)
    places = {index: len(tree.buffers) + number for number, index in enumerate(values)}
    nodes = enumerate(tree.main.tensors)
    tensors = tuple(replace(node, buffer=places[index]) if index in places else node for index, node in nodes)
    return replace(with_main(tree, replace(tree.main, tensors=tensors)), buffers=(*tree.buffers, *values.values()))


def _prove_sound(before: ModelGraph, after: ModelGraph, n: int) -> str:
    """TFLM on the mended against LiteRT's reference kernels on the model as it came, which makes shapes itself."""
    try:
        with Session(before.data, engine="litert-reference") as reference, Session(after.data) as session:
            given = to_codes(session, sample_inputs(after.data, n))
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
