"""The parent's side: one child process kept warm, with limits; a new one where the old one died."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from tinykit.ground.errors import EngineError, MissingPackageError, ModelError, ParameterError, name_install
from tinykit.ground.isolation import child_environment, python_command
from tinykit.predict.npu.child import read_frame, write_frame

_CHILD = Path(__file__).with_name("child.py")
_OPTION_ERRORS = ("CliOptionError", "ConfigOptionError", "InputFileError")
_USES = 200
"""Compilations of one child: Vela keeps a database of what it has seen, which would grow for ever."""


class Compiler:
    """A child process that compiles models, with a memory limit.

    Parameters
    ----------
    memory_bytes : address space of the child (where the system can limit it).
    """

    def __init__(self, *, memory_bytes: int = 4 * 2**30) -> None:
        self._folder = tempfile.mkdtemp(prefix="tinykit-npu-")
        self._pid, self._uses = os.getpid(), 0
        command = python_command(_CHILD, memory_bytes, self._folder)
        environment = child_environment(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, cwd=self._folder, env=environment
            )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise EngineError(f"the compiler process could not be started: {error}") from error

    @property
    def usable(self) -> bool:
        """Whether the child lives, is this process's own, and is not worn."""
        return self._process.poll() is None and self._pid == os.getpid() and self._uses < _USES

    def compile(self, model: bytes, options: list[str], *, timeout_s: float) -> tuple[dict[str, Any], bytes]:
        """Vela's summary, layers and log, and the compiled model.

        Raises
        ------
        ModelError : Vela refused the model, or crashed on it. ParameterError : it refused a configuration.
        MissingPackageError : Vela is not installed. EngineError : it took longer than `timeout_s`.
        """
        late = threading.Event()
        watchdog = threading.Timer(timeout_s, self._kill, (late,))
        watchdog.daemon = True
        watchdog.start()
        self._uses += 1
        try:
            write_frame(self._process.stdin, {"options": options}, model)  # type: ignore[arg-type]
            reply, compiled = read_frame(self._process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError) as error:
            raise self._obituary(timeout_s if late.is_set() else None) from error
        finally:
            watchdog.cancel()
        if reply.get("error"):
            raise explain(str(reply["error"]), str(reply.get("text", "")))
        return reply, compiled

    def close(self) -> None:
        """End the child and remove its folder; safe to call twice."""
        if self._pid != os.getpid():
            return
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kill(self, late: threading.Event) -> None:
        late.set()
        self._process.kill()

    def _obituary(self, limit_s: float | None) -> ModelError | EngineError:
        self._process.kill()
        code = self._process.wait()
        if limit_s is not None:
            return EngineError(f"Vela was stopped after {limit_s:g} s; allow more with timeout_s")
        return ModelError(
            f"Vela ended (status {code}) on this model: it is damaged or needs too much memory; convert it again"
        )


def explain(kind: str, text: str) -> ModelError | ParameterError | MissingPackageError:
    """What Vela raised, as the error a person can act on."""
    if kind in ("ModuleNotFoundError", "ImportError"):
        return MissingPackageError(f"Arm's compiler Vela is not installed ({text}); {name_install('npu')}")
    said = " ".join(text.split())[:300] or kind
    if kind in _OPTION_ERRORS:
        return ParameterError(f"Vela refuses the configuration: {said}")
    return ModelError(f"Vela cannot compile this model ({kind}: {said})\nit is damaged, or built in a way Vela lacks")


_warm: list[Compiler] = []
_turn = threading.Lock()


def compile_warm(model: bytes, options: list[str], *, timeout_s: float) -> tuple[dict[str, Any], bytes]:
    """`Compiler.compile` in a child that is kept for the next call, one call at a time."""
    with _turn:
        if _warm and not _warm[0].usable:
            _warm.pop().close()
        if not _warm:
            _warm.append(Compiler())
        return _warm[0].compile(model, options, timeout_s=timeout_s)


@atexit.register
def close_warm() -> None:
    """End the warm child, if there is one."""
    while _warm:
        _warm.pop().close()
