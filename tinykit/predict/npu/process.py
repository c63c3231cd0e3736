"""The parent's side: Vela in a child process kept warm, and what happens to it as errors with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinykit.ground.child import Bounds, Child, ChildError, WarmChild
from tinykit.ground.errors import EngineError, MissingPackageError, ModelError, ParameterError, name_install

_WORKER = Path(__file__).with_name("child.py")
_OPTION_ERRORS = ("CliOptionError", "ConfigOptionError", "InputFileError")
_FILE_BYTES = 2**30


class Compiler(Child):
    """A child process that compiles models, with a memory limit in bytes of address space (where the system can limit
    it).
    """

    def __init__(self, *, memory_bytes: int = 4 * 2**30) -> None:
        bounds = Bounds(memory_bytes, file_bytes=_FILE_BYTES, answer_bytes=_FILE_BYTES)
        settings = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        super().__init__("the compiler process", _WORKER, bounds=bounds, environment=settings)

    def compile(self, model: bytes, options: list[str], *, timeout_s: float) -> tuple[dict[str, Any], bytes]:
        """Vela's summary, layers and log, and the compiled model.

        ModelError where Vela refused the model or crashed on it, ParameterError where it refused a configuration,
        MissingPackageError where it is not installed, EngineError where it took longer than `timeout_s`.
        """
        try:
            reply, compiled = self.exchange({"options": options}, model, timeout_s=timeout_s)
        except ChildError as error:
            if error.late:
                raise EngineError(f"Vela was stopped after {timeout_s:g} s; allow more with timeout_s") from error
            raise ModelError(
                f"Vela ended (status {error.status}) on this model: it is damaged or needs too much memory; "
                "convert it again"
            ) from error
        if error_name := reply.get("error"):
            raise explain(str(error_name), str(reply.get("text", "")))
        return reply, b"".join(compiled)


def explain(kind: str, text: str) -> ModelError | ParameterError | MissingPackageError:
    """What Vela raised, as the error a person can act on."""
    if kind in ("ModuleNotFoundError", "ImportError"):
        return MissingPackageError(f"Arm's compiler Vela is not installed ({text}); {name_install('npu')}")
    said = " ".join(text.split())[:300] or kind
    if kind in _OPTION_ERRORS:
        return ParameterError(f"Vela refuses the configuration: {said}")
    return ModelError(f"Vela cannot compile this model ({kind}: {said})\nit is damaged, or built in a way Vela lacks")


_WARM = WarmChild(Compiler)
"""The child that is kept for the next model; Vela keeps a database of what it has seen, which would grow for ever."""


def compile_warm(model: bytes, options: list[str], *, timeout_s: float) -> tuple[dict[str, Any], bytes]:
    """`Compiler.compile` in a child that is kept for the next call, one call at a time."""
    return _WARM.ask(lambda compiler: compiler.compile(model, options, timeout_s=timeout_s))
