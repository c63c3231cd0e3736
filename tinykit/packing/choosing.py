"""Which packing pays on a runtime: lean alone, or with DECODE."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tinykit.graph import ModelGraph, read
from tinykit.packing.cost import has_decode, refuse_decode
from tinykit.packing.decoding import decode
from tinykit.packing.leaning import lean
from tinykit.packing.packed import Packed


@dataclass(frozen=True, slots=True, eq=False)
class PackChoice:
    """What packing a model for a runtime comes to.

    Parameters
    ----------
    graph, runtime : what was asked. plain : the lean model.
    coded : the lean model with DECODE; None where the runtime cannot run it, or where no tensor shrinks by it.
    chosen : the one of both that takes less flash, the decoder's code counted in. reason : why.
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
    model: ModelGraph | bytes | str | Path, *, runtime: str = "tflm-cmsis-nn", inputs: int = 4
) -> PackChoice:
    """The smallest proven packing of a model for a runtime.

    Parameters
    ----------
    model, inputs : as for `lean`. runtime : as for `tinykit.fit`; what cannot run DECODE gets the lean model.

    Raises
    ------
    ModelError, EngineError : as `lean` and `decode`.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    plain = lean(graph, inputs=inputs)
    refusal = refuse_decode(runtime)
    if refusal:
        return PackChoice(graph, runtime, plain, None, plain, f"no DECODE: {refusal}")
    if has_decode(graph) or graph.subgraphs != 1:
        why = "it has DECODE operators already" if has_decode(graph) else "it has several subgraphs"
        return PackChoice(graph, runtime, plain, None, plain, f"no further DECODE: {why}")
    coded = decode(graph, inputs=inputs)
    if not coded.coded:
        return PackChoice(graph, runtime, plain, None, plain, "no DECODE: no weight tensor shrinks by it")
    gain = plain.flash_bytes - coded.flash_bytes
    code = coded.flash_bytes - coded.flatbuffer_bytes
    if gain > 0:
        reason = f"DECODE saves {gain:,} bytes more, its code of {code:,} bytes counted in"
        return PackChoice(graph, runtime, plain, coded, coded, reason)
    reason = f"no DECODE: it saves {gain + code:,} bytes of file, less than its code of {code:,}"
    return PackChoice(graph, runtime, plain, coded, plain, reason)
