"""One model in one interpreter, kept warm in a child process: `with Session(model) as session: session.run(inputs)`.

What happens to the child comes as errors with a reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.child.process import Bounds, Child, ChildError, WarmChild
from tinykit.ground.errors import DataError, EngineError, MissingPackageError, ModelError, ParameterError
from tinykit.ground.results import Result
from tinykit.predict.runtime.child import ORT, pack_arrays, unpack_arrays
from tinykit.predict.runtime.reference import explain_absence, hint_elsewhere, require_tflm

_WORKER = Path(__file__).with_name("child.py")
_SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
_NODE = re.compile(r"Node (\w+) \(number (\d+)f?\) failed")
_HYBRID = re.compile(r"[Hh]ybrid|FLOAT32 with filter type: INT8")

Reply = tuple[dict[str, Any], list[NDArray[Any]], str]


class Engine(Child):
    """A child process that holds an interpreter ("TFLM" or "LiteRT"), its time and its address space [byte] limited."""

    def __init__(self, interpreter: str = "TFLM", *, memory_bytes: int = 4 * 2**30) -> None:
        self._interpreter = interpreter
        super().__init__("the interpreter process", _WORKER, bounds=Bounds(memory_bytes), environment=_SETTINGS)

    def ask(self, request: dict[str, Any], *arrays: NDArray[Any], timeout_s: float) -> Reply:
        """The reply's header, its arrays, and what the interpreter wrote on stderr meanwhile.

        ModelError : refused, or a crash on it. EngineError : longer than `timeout_s`, or the child cannot work at all.
        """
        if self.closed:
            raise EngineError("the session is closed; open another one")
        listed, parts = pack_arrays(list(arrays))
        try:
            reply, answers = self.exchange({**request, "arrays": listed}, *parts, timeout_s=timeout_s)
            results = unpack_arrays(reply.pop("arrays", []), answers)
        except ChildError as error:
            raise self._explain_end(error, timeout_s) from error
        except (ValueError, TypeError) as error:
            self.kill()
            raise EngineError(f"the interpreter process gave no answer that can be read: {error}") from error
        reasons = self.said()
        if reply.get("error"):
            raise explain({**reply, "error": f"{reply['error']}: {reply.get('text', '')}"}, reasons, self._interpreter)
        return reply, results, reasons

    def _explain_end(self, end: ChildError, limit_s: float) -> ModelError | EngineError:
        if end.late:
            return EngineError(f"{self._interpreter} was stopped after {limit_s:g} s; allow more with timeout_s")
        if end.signal and end.status is not None:
            return ModelError(
                f"the interpreter crashed (signal {-end.status}, {end.signal}) on this model: {_last_line(end.said)}\n"
                f"the file is damaged, or built in a way {self._interpreter} does not check; convert it again"
            )
        return EngineError(f"the interpreter process ended (status {end.status}): {_last_line(end.said)}")


def start_engine(engine: str) -> Engine:
    """A child that holds the interpreter of one of `ENGINES`, or ONNX Runtime."""
    return Engine("TFLM" if engine == "tflm" else ONNX if engine in ONNX_ENGINES else "LiteRT")


WARM = WarmChild(Engine)
"""The child that is kept for the next arena or list of operators."""


def explain(
    reply: dict[str, Any], reasons: str, interpreter: str = "TFLM"
) -> ModelError | EngineError | MissingPackageError:
    """What the child said (its reply, and the interpreter's stderr) as the error a person can act on."""
    error = str(reply["error"])
    if missing := reply.get("missing"):
        return ModelError(
            f"TFLM has no operator {', '.join(str(name) for name in missing)}, which this model needs\n"
            "replace the layer by one TFLM has, or register a kernel of your own in firmware"
        )
    node = _NODE.search(reasons)
    where = f"operator {node[2]} ({node[1]})" if node else "its operators"
    if _HYBRID.search(reasons):
        return ModelError(
            f"{where} is hybrid: int8 weights on float32 activations (dynamic range), which TFLM does not run\n"
            "convert with representative_dataset set and target_spec.supported_ops = [TFLITE_BUILTINS_INT8],\n"
            "or without optimizations to keep float32"
        )
    if error.startswith(("ModuleNotFoundError", "ImportError")):
        return (MissingPackageError if interpreter == ONNX else EngineError)(explain_absence(interpreter))
    if interpreter == ONNX:
        return ModelError(f"ONNX Runtime refuses the model: {' '.join(error.split())[:300]}; export it again")
    if error.startswith("MemoryError"):
        return ModelError(f"{interpreter} ran out of memory on this model; the file is probably damaged")
    if not error.startswith("RuntimeError"):
        return ModelError(f"not a readable .tflite file ({error[:200]}); it is truncated or damaged, convert it again")
    said = error.removeprefix("RuntimeError: ")[:300] if interpreter == "LiteRT" else _last_line(reasons)
    return ModelError(f"{interpreter} refused {where}: {said}{hint_elsewhere(interpreter)}")


def check_bytes(model: bytes) -> NDArray[np.uint8]:
    """The model as an array of bytes; ModelError where it is none, too short, or without a .tflite's TFL3 mark."""
    if not isinstance(model, bytes | bytearray | memoryview):
        raise ModelError(f"model is {type(model).__name__}, not bytes; pass Path(...).read_bytes()")
    data = bytes(model)
    if len(data) < 16 or data[4:8] != b"TFL3":
        raise ModelError(f"not a .tflite file: {len(data)} bytes without the TFL3 mark; convert the model first")
    return np.frombuffer(data, np.uint8)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-2:])[:300] if lines else "it gave no reason"


Array = NDArray[Any]
Inputs = Array | tuple[Array, ...]
ENGINES = ("tflm", "litert-reference", "litert-optimised", "litert-xnnpack")
"""TFLM's reference kernels, and LiteRT's reference kernels, optimised kernels, and default delegate."""
ONNX, ONNX_ENGINES = "ONNX Runtime", (ORT, f"{ORT}-optimised")
"""Of ONNX models: as their scales define it, and as its own kernels have it."""

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
    model : bytes of a .tflite file, or of ONNX for its engines; nothing of it is parsed in this process.
    engine : one of `ENGINES` or `ONNX_ENGINES`; then `inputs`, `outputs` and `keeps_state` say what it takes and gives.
    timeout_s : limit for each request.
    child : a process to ask, that is not ended with the session; None starts one of its own.
    last : the operator of the main subgraph behind which to cut the model: its outputs become the model's.

    Raises
    ------
    ModelError : the file is no model, is damaged, crashes the interpreter, is hybrid, or needs an operator
        the interpreter lacks.
    EngineError : the interpreter is not installed, or took too long.
    """

    def __init__(
        self, model: bytes, *, engine: str = "tflm", timeout_s: float = 60.0, child: Engine | None = None,
        last: int | None = None,
    ) -> None:  # fmt: skip
        if engine not in (*ENGINES, *ONNX_ENGINES):
            raise ParameterError(f"engine {engine!r} is unknown; allowed: {', '.join((*ENGINES, *ONNX_ENGINES))}")
        data = np.frombuffer(model, np.uint8) if engine in ONNX_ENGINES else check_bytes(model)
        self.engine = engine
        self._timeout_s = timeout_s
        self._own = child is None
        self._child = child or start_engine(engine)
        try:
            details = self._child.ask({"do": "load", "engine": engine, "last": last}, data, timeout_s=timeout_s)[0]
            self.inputs = tuple(_to_info(row) for row in details["inputs"])
            self.outputs = tuple(_to_info(row) for row in details["outputs"])
            self.keeps_state = bool(details["state"])
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
        tuple of such arrays for a model of several inputs. State that a model keeps is as at power-up before each
        sample. DataError : wrong number of inputs, shape or dtype, no sample at all, or several outputs.
        """
        if len(self.outputs) != 1:
            raise DataError(f"the model has {len(self.outputs)} outputs; call run_all, which returns a tuple")
        return self.run_all(inputs)[0]

    def run_all(self, inputs: Inputs, *, keep_state: bool = False, within_s: float | None = None) -> tuple[Array, ...]:
        """As `run`, with one array for each output of the model.

        `keep_state` lets state pass from each sample to the next, as on a device that is never reset. After `within_s`
        seconds no further sample is begun, so that fewer come back, but at least one.
        """
        wanted = {"do": "run", "keep_state": keep_state, "within_s": within_s}
        results = self._child.ask(wanted, *self._check(inputs), timeout_s=self._timeout_s)[1]
        return tuple(_as_samples(one, info) for one, info in zip(results, self.outputs, strict=True))

    def run_tensors(self, inputs: Inputs, indices: Sequence[int], *, keep_state: bool = False) -> tuple[Array, ...]:
        """What tensors of the main subgraph hold after each of n inferences, in an arena that keeps all of them.

        `inputs` and `keep_state` as for `run_all`; `indices` are those of tensors that operators write, as
        `tinykit.model.graph` numbers them. Each comes back as [n, *shape] in its dtype. ModelError : the interpreter
        has no such tensor. DataError : as `run`.
        """
        listed = [int(index) for index in indices]
        wanted = {"do": "tensors", "indices": listed, "keep_state": keep_state}
        return tuple(self._child.ask(wanted, *self._check(inputs), timeout_s=self._timeout_s)[1])

    def isolate(self, operator: int, *, real: bool = False) -> tuple[bytes, tuple[int, ...]]:
        """One operator as a model of its own, and the tensors of the whole model that are its inputs.

        Parameters
        ----------
        operator : its index in the main subgraph.
        real : float32 in place of quantised numbers, the operator's exact arithmetic.

        Raises
        ------
        ModelError : no such operator, or one that reads or writes a variable.
        """
        wanted = {"do": "isolate", "index": int(operator), "real": real}
        reply, results, _ = self._child.ask(wanted, timeout_s=self._timeout_s)
        return results[0].tobytes(), tuple(reply["fed"])

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

    def _check(self, given_inputs: Inputs) -> list[Array]:
        inputs = given_inputs if isinstance(given_inputs, tuple) else (given_inputs,)
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
            arrays.append(array.reshape(len(array), *info.shape))
        return arrays


def run_model(model: bytes, inputs: Inputs, *, timeout_s: float = 300.0) -> Any:
    """Output [n, *shape] of TFLM's reference kernels for n samples, a tuple of them for a model of several outputs.

    Arguments and errors as `Session` and `Session.run`.
    """
    with Session(model, timeout_s=timeout_s) as session:
        outputs = session.run_all(inputs)
    return outputs[0] if len(outputs) == 1 else outputs


def measure_arena(model: bytes, *, smallest: bool = True, timeout_s: float = 30.0) -> RecordedArena:
    """The arena TFLM records for a model on this 64-bit host; errors as `Session`.

    About 0.2 s on an idle 2-core machine, nearly all of it starting the child, which is kept for the next call;
    `smallest=True` adds up to 0.1 s.
    """
    check_bytes(model)
    require_tflm()
    return WARM.ask(lambda child: Session(model, timeout_s=timeout_s, child=child).measure_arena(smallest=smallest))


def missing_operators(model: bytes, *, timeout_s: float = 30.0) -> tuple[str, ...]:
    """Names of the operators of a model that this TFLM does not register, sorted; errors as `Session`."""
    data = check_bytes(model)
    return WARM.ask(lambda child: tuple(child.ask({"do": "missing"}, data, timeout_s=timeout_s)[0]["missing"]))


def _as_samples(values: Array, info: TensorInfo) -> Array:
    """[n, *shape]; as the interpreter gives it where it found another size than the file says."""
    same = values[0].size == math.prod(info.shape)
    return values.reshape(len(values), *info.sample_shape) if same else values


def _to_info(row: dict[str, Any]) -> TensorInfo:
    scale = float(row["scales"][0]) if row["scales"] else 0.0
    zero_point = int(row["zero_points"][0]) if row["zero_points"] else 0
    return TensorInfo(tuple(row["shape"]), row["dtype"], scale if math.isfinite(scale) else 0.0, zero_point)
