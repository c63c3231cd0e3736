"""The parent's side: start the child, ask it, and turn what happens to it into errors with a reason."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import EngineError, ModelError
from tinykit.predict.runtime.child import read_frame, write_frame

_CHILD = Path(__file__).with_name("child.py")
_REASONS_LIMIT_BYTES = 20_000
_NODE = re.compile(r"Node (\w+) \(number (\d+)f?\) failed")
_HYBRID = re.compile(r"[Hh]ybrid|FLOAT32 with filter type: INT8")

Reply = tuple[dict[str, Any], list[NDArray[Any]], str]


class Engine:
    """A child process that answers frames, with a time and a memory limit.

    Parameters
    ----------
    interpreter : "TFLM" or "LiteRT", as its errors name it.
    memory_bytes : address space of the child (where the system can limit it).
    """

    def __init__(self, interpreter: str = "TFLM", *, memory_bytes: int = 4 * 2**30) -> None:
        self._interpreter = interpreter
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the engine
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-W", "ignore", str(_CHILD), str(memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=environment,
            )
        except OSError as error:
            self._stderr.close()
            raise EngineError(f"the interpreter process could not be started: {error}") from error

    def ask(self, request: dict[str, Any], *arrays: NDArray[Any], timeout_s: float) -> Reply:
        """Send one request and wait for its reply.

        Returns the reply's header, its arrays, and what the interpreter wrote on stderr meanwhile.

        Raises
        ------
        ModelError : the interpreter refused the model, or crashed on it.
        EngineError : it took longer than `timeout_s`, or the child cannot work at all.
        """
        if self._stderr.closed:
            raise EngineError("the session is closed; open another one")
        start = os.fstat(self._stderr.fileno()).st_size
        late = threading.Event()
        watchdog = threading.Timer(timeout_s, self._kill, (late,))
        watchdog.daemon = True
        watchdog.start()
        try:
            reply, results = self._exchange(request, list(arrays))
        except (EOFError, OSError, ValueError) as error:
            raise self._obituary(start, timeout_s if late.is_set() else None) from error
        finally:
            watchdog.cancel()
        reasons = self._reasons(start)
        if reply.get("error"):
            raise explain(reply, reasons, self._interpreter)
        return reply, results, reasons

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the child; safe to call twice."""
        process = self._process
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        if process.poll() is None:
            process.kill()
            process.wait()
        self._stderr.close()

    def _exchange(self, request: dict[str, Any], arrays: list[NDArray[Any]]) -> tuple[dict[str, Any], list[Any]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        write_frame(stdin, request, arrays)  # type: ignore[arg-type]
        return read_frame(stdout)  # type: ignore[arg-type]

    def _kill(self, late: threading.Event) -> None:
        late.set()
        self._process.kill()

    def _reasons(self, start: int) -> str:
        return os.pread(self._stderr.fileno(), _REASONS_LIMIT_BYTES, start).decode(errors="replace")

    def _obituary(self, start: int, limit_s: float | None) -> ModelError | EngineError:
        """Why the child is gone; `limit_s` where it was stopped for being late."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        code = self._process.poll()
        if limit_s is not None:
            return EngineError(f"{self._interpreter} was stopped after {limit_s:g} s; allow more with timeout_s")
        if code is not None and code < 0:
            return ModelError(
                f"the interpreter crashed (signal {-code}, {_signal_name(-code)}) on this model: "
                f"{_last_line(self._reasons(start))}\n"
                f"the file is damaged, or built in a way {self._interpreter} does not check; convert it again"
            )
        return EngineError(f"the interpreter process ended (status {code}): {_last_line(self._reasons(start))}")


def explain(reply: dict[str, Any], reasons: str, interpreter: str = "TFLM") -> ModelError | EngineError:
    """What the child said, as the error a person can act on.

    Parameters
    ----------
    reply : its reply, with `error` (exception and text) and, where TFLM lacks operators, `missing`.
    reasons : what the interpreter wrote on stderr.
    interpreter : "TFLM" or "LiteRT", for the text.
    """
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
    """The model as an array of bytes, once it looks like a .tflite at all.

    Raises
    ------
    ModelError : not bytes, too short, or without the TFL3 mark of a .tflite file.
    """
    if not isinstance(model, bytes | bytearray | memoryview):
        raise ModelError(f"model is {type(model).__name__}, not bytes; pass Path(...).read_bytes()")
    data = bytes(model)
    if len(data) < 16 or data[4:8] != b"TFL3":
        raise ModelError(f"not a .tflite file: {len(data)} bytes without the TFL3 mark; convert the model first")
    return np.frombuffer(data, np.uint8)


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else "unknown"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-2:])[:300] if lines else "it gave no reason"
