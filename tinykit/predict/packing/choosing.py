"""Which packing pays on a runtime: lean alone, or with DECODE, in the arena there is."""

from dataclasses import dataclass, field
from pathlib import Path

from tinykit.ground.caches import remember
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.flash import decoder_code
from tinykit.predict.packing.cost import has_decode, refuse_decode
from tinykit.predict.packing.decoding import choose_codings, code_weights, insert_decode
from tinykit.predict.packing.leaning import lean, lean_tree
from tinykit.predict.packing.packed import Packed
from tinykit.predict.packing.writing import write_tree

_LEAST_GAIN_BYTES = 64


@dataclass(frozen=True, slots=True, eq=False)
class PackChoice(Result):
    """What packing a model for a runtime comes to.

    Parameters
    ----------
    graph, runtime : what was asked.
    plain : the lean model.
    coded : the lean model with DECODE; None where the runtime cannot run it, or where no tensor shrinks by it.
    chosen : the one of both that takes less flash, the decoder's code counted in.
    reason : why.
    """

    graph: ModelGraph = field(repr=False)
    runtime: str
    plain: Packed
    coded: Packed | None
    chosen: Packed
    reason: str

    @property
    def saves(self) -> bool:
        """Whether fewer bytes reach flash than with the model as it came."""
        return self.chosen.flash_bytes < self.graph.flatbuffer_bytes


def pack(
    model: ModelGraph | bytes | str | Path,
    *,
    runtime: str = "tflm-cmsis-nn",
    core: str = "cortex-m4",
    arena_limit_bytes: int | None = None,
    inputs: int = 4,
) -> PackChoice:
    """The smallest proven packing of a model for a runtime.

    Parameters
    ----------
    model, inputs : as for `lean`.
    runtime, core : as in a fit check; what cannot run DECODE gets the lean model.
    arena_limit_bytes : the arena may grow to this: decoded weights lie in it, so the largest tensors stay raw where
        they would not fit; None for no limit.

    Raises
    ------
    ModelError, EngineError : as `lean` and `code_weights`.
    UnknownRuntimeError : a limit, and no arena known for the runtime.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    plain = lean(graph, inputs=inputs)
    why = _why_not(graph, runtime)
    if why:
        return PackChoice(graph, runtime, plain, None, plain, f"no DECODE: {why}")
    largest = None if arena_limit_bytes is None else _find_largest(graph, runtime, core, arena_limit_bytes)
    coded = code_weights(graph, inputs=inputs, least_gain_bytes=_LEAST_GAIN_BYTES, most_decoded_bytes=largest)
    if not coded.coded:
        where = "" if arena_limit_bytes is None else f" in an arena of {arena_limit_bytes:,} bytes"
        return PackChoice(graph, runtime, plain, None, plain, f"no DECODE: no weight tensor shrinks by it{where}")
    return _compare(graph, runtime, plain, coded)


@remember
def foresee_flash(graph: ModelGraph, *, runtime: str = "tflm-cmsis-nn") -> int:
    """Bytes of file and decoder code that `pack` would come to, in milliseconds: nothing is proven or handed out.

    Raises
    ------
    ModelError : as `lean`.
    """
    tree = lean_tree(graph)
    plain = len(write_tree(tree))
    chosen = {} if _why_not(graph, runtime) else choose_codings(graph, tree, _LEAST_GAIN_BYTES)
    if not chosen:
        return plain
    return min(plain, len(write_tree(insert_decode(graph, tree, chosen))) + round(decoder_code().value))


def _why_not(graph: ModelGraph, runtime: str) -> str:
    if refuse_decode(runtime):
        return refuse_decode(runtime)
    if graph.subgraphs != 1:
        return "the model has several subgraphs"
    return "the model has DECODE operators already" if has_decode(graph) else ""


def _compare(graph: ModelGraph, runtime: str, plain: Packed, coded: Packed) -> PackChoice:
    gain, code = plain.flash_bytes - coded.flash_bytes, coded.flash_bytes - coded.flatbuffer_bytes
    if gain > 0:
        reason = f"DECODE saves {gain:,} bytes more, its code of {code:,} bytes counted in"
        return PackChoice(graph, runtime, plain, coded, coded, reason)
    reason = f"no DECODE: it saves {gain + code:,} bytes of file, less than its code of {code:,}"
    return PackChoice(graph, runtime, plain, coded, plain, reason)


def _find_largest(graph: ModelGraph, runtime: str, core: str, limit_bytes: int) -> int:
    """Size of the largest tensors that may be decoded with the arena still inside the limit [byte]; 0 for none."""
    tree = lean_tree(graph)
    every = choose_codings(graph, tree, _LEAST_GAIN_BYTES)
    for largest in sorted({graph.tensors[index].nbytes for index in every}, reverse=True):
        chosen = {index: one for index, one in every.items() if graph.tensors[index].nbytes <= largest}
        trial = read(write_tree(insert_decode(graph, tree, chosen)))
        if predict_arena(trial, runtime=runtime, core=core).to_start <= limit_bytes:
            return largest
    return 0
