"""One model in one interpreter, kept warm: `with Session(model) as session: session.run(inputs)`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import DataError, ModelError, ParameterError
from tinykit.ground.results import Result
from tinykit.predict.runtime.process import WARM, Engine, check_bytes

Array = NDArray[Any]
Inputs = Array | tuple[Array, ...]
ENGINES = ("tflm", "litert-reference", "litert-optimised", "litert-xnnpack")
"""TFLM's reference kernels, and LiteRT's reference kernels, optimised kernels, and default delegate."""

_TOTAL = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")
_ROW = re.compile(r"'([^']+)' used (\d+) bytes with alignment overhead \(requested (\d+) bytes for (\d+) ")


@dataclass(frozen=True, slots=True)
class TensorInfo(Result):
    """An input or output as the interpreter sees it: shape with batch, dtype, scale and zero point (0 if none)."""

    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample: without the batch axis where that is 1."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape


@dataclass(frozen=True, slots=True)
class RecordedArena(Result):
    """What TFLM's recording allocator counted **on a 64-bit host**: pointers are twice a microcontroller's.

    Parameters
    ----------
    head_bytes, tail_bytes : activations with scratch (the same on 32 bits), and persistent structures.
    total_bytes : their sum.
    smallest_bytes : smallest arena that allocates, found by trying; more than `total_bytes` where planning
        needs temporary memory. None where it was not asked for, or the system cannot fork.
    allocations, requested, counts : by the recorder's own names ("NodeAndRegistration struct", …): bytes used
        with alignment, bytes requested, number of allocations.
    """

    head_bytes: int
    tail_bytes: int
    total_bytes: int
    smallest_bytes: int | None
    allocations: dict[str, int] = field(hash=False)
    requested: dict[str, int] = field(hash=False)
    counts: dict[str, int] = field(hash=False)


class Session:
    """A model loaded into an interpreter in a child process, to be run any number of times.

    Parameters
    ----------
    model : bytes of a .tflite file; nothing of it is parsed in this process.
    engine : one of `ENGINES`.
    timeout_s : limit for each request.
    child : a process to ask, that is not ended with the session; None starts one of its own.

    Raises
    ------
    ModelError : the file is no model, is damaged, crashes the interpreter, is hybrid, or needs an operator
        the interpreter lacks.
    EngineError : the interpreter is not installed, or took too long.
    """

    def __init__(
        self, model: bytes, *, engine: str = "tflm", timeout_s: float = 60.0, child: Engine | None = None
    ) -> None:
        if engine not in ENGINES:
            raise ParameterError(f"engine {engine!r} is unknown; allowed: {', '.join(ENGINES)}")
        data = check_bytes(model)
        self.engine = engine
        self._timeout_s = timeout_s
        self._own = child is None
        self._child = child or Engine("TFLM" if engine == "tflm" else "LiteRT")
        try:
            details = self._child.ask({"do": "load", "engine": engine}, data, timeout_s=timeout_s)[0]
            self.inputs = tuple(_to_info(row) for row in details["inputs"])
            self.outputs = tuple(_to_info(row) for row in details["outputs"])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child process, where it is the session's own."""
        if self._own:
            self._child.close()

    def run(self, inputs: Inputs) -> Array:
        """Output for n samples of a model of one output, [n, *shape] in the output's dtype.

        `inputs` are [n, *shape] in the model's input dtype, with shape as the model's without its batch of 1, or a
        tuple of such arrays for a model of several inputs. DataError : wrong number of inputs, shape or dtype, no
        sample at all, or several outputs.
        """
        if len(self.outputs) != 1:
            raise DataError(f"the model has {len(self.outputs)} outputs; call run_all, which returns a tuple")
        return self.run_all(inputs)[0]

    def run_all(self, inputs: Inputs) -> tuple[Array, ...]:
        """As `run`, with one array for each output of the model."""
        arrays = self._check(inputs if isinstance(inputs, tuple) else (inputs,))
        results = self._child.ask({"do": "run"}, *arrays, timeout_s=self._timeout_s)[1]
        return tuple(one.reshape(-1, *info.sample_shape) for one, info in zip(results, self.outputs, strict=True))

    def run_tensors(self, inputs: Inputs, indices: Sequence[int]) -> tuple[Array, ...]:
        """What tensors of the main subgraph hold after each of n inferences, in an arena that keeps all of them.

        `inputs` as for `run`; `indices` are those of tensors that operators write, as `tinykit.model.graph` numbers
        them. Each comes back as [n, *shape] in its dtype. ModelError : the interpreter has no such tensor. DataError :
        as `run`.
        """
        arrays = self._check(inputs if isinstance(inputs, tuple) else (inputs,))
        wanted = {"do": "tensors", "indices": [int(index) for index in indices]}
        return tuple(self._child.ask(wanted, *arrays, timeout_s=self._timeout_s)[1])

    def measure_arena(self, *, smallest: bool = True) -> RecordedArena:
        """The arena as recorded (see `RecordedArena`); `smallest=True` adds about 15 forks of a few ms.

        Raises
        ------
        ParameterError : the session runs LiteRT, which has no arena.
        """
        if self.engine != "tflm":
            raise ParameterError(f"engine {self.engine!r} has no arena; measure it with engine='tflm'")
        text = self._child.ask({"do": "record"}, timeout_s=self._timeout_s)[2]
        sizes = {name: int(count) for name, count in _TOTAL.findall(text)}
        if sorted(sizes) != ["head", "tail", "total"]:
            raise ModelError(f"TFLM did not report its arena for this model: {text[:200]!r}")
        rows = _ROW.findall(text)
        asked = {"do": "smallest", "total": sizes["total"]}
        least = self._child.ask(asked, timeout_s=self._timeout_s)[0]["smallest"] if smallest else None
        columns = [{row[0]: int(row[column]) for row in rows} for column in (1, 2, 3)]
        return RecordedArena(sizes["head"], sizes["tail"], sizes["total"], least, *columns)

    def _check(self, inputs: tuple[Array, ...]) -> list[Array]:
        if len(inputs) != len(self.inputs):
            raise DataError(f"the model has {len(self.inputs)} inputs, got {len(inputs)}; pass a tuple of arrays")
        arrays = []
        for given, info in zip(inputs, self.inputs, strict=True):
            array = np.asarray(given)
            if array.dtype.name != info.dtype:
                raise DataError(f"input is {array.dtype}, the model takes {info.dtype}; see quantise_input")
            if array.shape[1:] not in (info.sample_shape, info.shape) or len(array) != len(inputs[0]):
                wanted = ", ".join(map(str, info.sample_shape))
                raise DataError(f"input has shape {array.shape}, the model takes [n, {wanted}]")
            if not len(array):
                raise DataError("input holds no sample; pass at least one")
            arrays.append(array.reshape(-1, *info.shape))
        return arrays


def run_model(model: bytes, inputs: Inputs, *, timeout_s: float = 300.0) -> Array:
    """Outputs of TFLM's reference kernels for n samples; arguments and errors as `Session` and `Session.run`."""
    with Session(model, timeout_s=timeout_s) as session:
        return session.run(inputs)


def measure_arena(model: bytes, *, smallest: bool = True, timeout_s: float = 30.0) -> RecordedArena:
    """The arena TFLM records for a model on this 64-bit host; errors as `Session`.

    About 0.2 s on an idle 2-core machine, nearly all of it starting the child, which is kept for the next call;
    `smallest=True` adds up to 0.1 s.
    """
    check_bytes(model)
    return WARM.ask(lambda child: Session(model, timeout_s=timeout_s, child=child).measure_arena(smallest=smallest))


def missing_operators(model: bytes, *, timeout_s: float = 30.0) -> tuple[str, ...]:
    """Names of the operators of a model that this TFLM does not register, sorted; errors as `Session`."""
    data = check_bytes(model)
    return WARM.ask(lambda child: tuple(child.ask({"do": "missing"}, data, timeout_s=timeout_s)[0]["missing"]))


def _to_info(row: dict[str, Any]) -> TensorInfo:
    scale = float(row["scales"][0]) if row["scales"] else 0.0
    zero_point = int(row["zero_points"][0]) if row["zero_points"] else 0
    return TensorInfo(tuple(row["shape"]), row["dtype"], scale if math.isfinite(scale) else 0.0, zero_point)
