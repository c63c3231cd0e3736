"""The parent's side: an interpreter in a child process, and what happens to it as errors with a reason."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.child.process import Bounds, Child, ChildError, WarmChild
from tinykit.ground.errors import EngineError, ModelError
from tinykit.predict.runtime.child import pack_arrays, unpack_arrays

_WORKER = Path(__file__).with_name("child.py")
_SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
_NODE = re.compile(r"Node (\w+) \(number (\d+)f?\) failed")
_HYBRID = re.compile(r"[Hh]ybrid|FLOAT32 with filter type: INT8")

Reply = tuple[dict[str, Any], list[NDArray[Any]], str]


class Engine(Child):
    """A child process that holds an interpreter ("TFLM" or "LiteRT"), with a time limit and one on its address space
    [byte].
    """

    def __init__(self, interpreter: str = "TFLM", *, memory_bytes: int = 4 * 2**30) -> None:
        self._interpreter = interpreter
        super().__init__("the interpreter process", _WORKER, bounds=Bounds(memory_bytes), environment=_SETTINGS)

    def ask(self, request: dict[str, Any], *arrays: NDArray[Any], timeout_s: float) -> Reply:
        """The reply's header, its arrays, and what the interpreter wrote on stderr meanwhile.

        ModelError where the interpreter refused the model or crashed on it, EngineError where it took longer than
        `timeout_s` or the child cannot work at all.
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


WARM = WarmChild(Engine)
"""The child that is kept for the next arena or list of operators."""


def explain(reply: dict[str, Any], reasons: str, interpreter: str = "TFLM") -> ModelError | EngineError:
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
        return EngineError(f"{interpreter} is not installed: {error}; reinstall tinykit with its dependencies")
    if error.startswith("MemoryError"):
        return ModelError(f"{interpreter} ran out of memory on this model; the file is probably damaged")
    if not error.startswith("RuntimeError"):
        return ModelError(f"not a readable .tflite file ({error[:200]}); it is truncated or damaged, convert it again")
    said = error.removeprefix("RuntimeError: ")[:300] if interpreter == "LiteRT" else _last_line(reasons)
    return ModelError(f"{interpreter} refused {where}: {said}")


def check_bytes(model: bytes) -> NDArray[np.uint8]:
    """The model as an array of bytes; ModelError where it is none, too short, or without the TFL3 mark of a .tflite
    file.
    """
    if not isinstance(model, bytes | bytearray | memoryview):
        raise ModelError(f"model is {type(model).__name__}, not bytes; pass Path(...).read_bytes()")
    data = bytes(model)
    if len(data) < 16 or data[4:8] != b"TFL3":
        raise ModelError(f"not a .tflite file: {len(data)} bytes without the TFL3 mark; convert the model first")
    return np.frombuffer(data, np.uint8)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-2:])[:300] if lines else "it gave no reason"
