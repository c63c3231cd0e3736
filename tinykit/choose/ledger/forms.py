"""The ways to store one model, what each takes in flash, and which of them a target can run."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinykit.choose.ledger.variants import count_gzip_bytes
from tinykit.ground.caches import remember
from tinykit.ground.errors import EngineError, MissingPackageError, ModelError, ParameterError, UnknownRuntimeError
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.npu.compiling import accelerators_of, compile_for_npu
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.gridding import LEVELS
from tinykit.predict.packing.leaning import Packed, lean
from tinykit.predict.striping.search import stripe
from tinykit.target.runtimes import NPU_RUNTIME, find_runtime
from tinykit.target.target import Target

AS_CONVERTED, LEAN, DECODE, VELA, GZIP = "as converted", "lean", "lean + DECODE", "Vela-encoded", "gzip"
STRIPED = "striped"
FORMS = (AS_CONVERTED, LEAN, DECODE, VELA, STRIPED, GZIP)
"""Every form, in the order of the ledger."""

_ACCELERATOR = "ethos-u55-128"

_REFUSALS: tuple[type[Exception], ...] = (ModelError, EngineError)


def list_runnable(target: Target) -> tuple[str, ...]:
    """Forms whose bytes the target keeps in flash and can run; none where that is not known.

    TFLM runs files as they are, lean ones, DECODE, and stripes; an Ethos-U runs what Vela made. X-CUBE-AI turns a model
    into C of its own, whose size is not predicted.
    """
    if target.runtime == NPU_RUNTIME:
        return (VELA,)
    return (AS_CONVERTED, LEAN, DECODE, STRIPED) if find_runtime(target.runtime).runs_decode else ()


@dataclass(frozen=True, slots=True)
class Form(Result):
    """One way to store a model.

    Parameters
    ----------
    name : one of `FORMS`.
    model_bytes : of the file; None where it cannot be made.
    code_bytes : what reading it adds to the program.
    packed : the smaller file, its proof and its cost; None for the others.
    note : how it was checked, or why there is none.
    """

    JSON = ("model_bytes", "code_bytes", "note")

    name: str
    model_bytes: int | None
    code_bytes: int = 0
    packed: Packed | None = None
    note: str = ""

    @property
    def flash_bytes(self) -> int | None:
        """Model and code that reads it, in bytes; None where it cannot be made."""
        return None if self.model_bytes is None else self.model_bytes + self.code_bytes


def list_forms(graph: ModelGraph, target: Target) -> dict[str, Form]:
    """Every form of a model, by name; lean and DECODE are proved byte-equal in TFLM on this host before they count.

    The Vela column is for the target's NPU (Ethos-U55-128 where it has none).
    """
    accelerator = next(iter(accelerators_of(target.board)), _ACCELERATOR)
    found = (
        Form(AS_CONVERTED, graph.flatbuffer_bytes),
        _try(LEAN, lambda: _pack(graph, LEAN)),
        _try(DECODE, lambda: _pack(graph, DECODE)),
        _try(VELA, lambda: _encode(graph, accelerator), (*_REFUSALS, MissingPackageError, ParameterError)),
        _try(STRIPED, lambda: _cut(graph, target.runtime, target.core), (*_REFUSALS, UnknownRuntimeError)),
        Form(GZIP, count_gzip_bytes(graph), note="transport only: nothing on a board unpacks it"),
    )
    return {form.name: form for form in found}


def _try(name: str, make: Callable[[], Form], also: tuple[type[Exception], ...] = _REFUSALS) -> Form:
    """A form, or why there is none; that is not remembered, since an engine may answer the next time."""
    try:
        return make()
    except also as error:
        return Form(name, None, note=str(error).partition("\n")[0])


@remember
def _pack(graph: ModelGraph, name: str) -> Form:
    packed = lean(graph) if name == LEAN else code_weights(graph)
    if name == DECODE and not packed.coded:
        return Form(name, None, note="no tensor shrinks by it")
    note = f"outputs byte-equal in {packed.judge} on this host"
    if packed.cost is not None:
        note += f"; {packed.cost.device}"
    if packed.coded and all(np.isin(graph.constant(one.tensor), LEVELS).all() for one in packed.coded):
        note += (
            "; on a 4-bit grid: native int4 spares decoder and decoded weights, and takes 1.6 to 2.4 × the instructions"
        )
    return Form(name, packed.flatbuffer_bytes, packed.flash_bytes - packed.flatbuffer_bytes, packed, note)


@remember
def _cut(graph: ModelGraph, runtime: str, core: str) -> Form:
    made = stripe(graph, runtime=runtime, core=core)
    packed = None if made.reason or made.ends else Packed(made.before, made.graph, (STRIPED,), made.proof)
    note = "its ends would have to be cut off first: `tinykit lint --fix`" if made.ends else str(made)
    return Form(STRIPED, packed.flatbuffer_bytes if packed else None, packed=packed, note=note)


@remember
def _encode(graph: ModelGraph, accelerator: str) -> Form:
    report = compile_for_npu(graph, accelerator=accelerator)
    return Form(VELA, report.flatbuffer_bytes, note=f"compiled for {accelerator}")
