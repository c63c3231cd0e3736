"""The process that converts: its TensorFlow is started once and kept for the next model, and anew after any failure.

It is isolated and limited as any `Child`, forgets each model before the next one, and is ended by `clear_caches()`.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tinykit.ground.child.process import Bounds, Child, ChildError, WarmChild
from tinykit.ground.errors import EngineError, ModelError

TIMEOUT_S = 300.0
_WORKER, _ONNX_WORKER = (Path(__file__).with_name(name) for name in ("child.py", "onnx_child.py"))
_BOUNDS = Bounds(8 * 2**30, file_bytes=2**31)
_REFUSED = "the converter refused the model: {}"
_USES = 50


class Converter(Child):
    """A process with TensorFlow in it, or what else its worker needs, that takes one model after the other."""

    def __init__(self, worker: Path | None = None) -> None:
        own = {"KERAS_BACKEND": "tensorflow", "MALLOC_ARENA_MAX": "4"}  # arenas claim room by the core
        super().__init__("the converter", worker or _WORKER, bounds=_BOUNDS, adopt=True, environment=own)

    def answer(
        self, job: dict[str, Any], samples: Sequence[Any], timeout_s: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        """What it says of a job; a `ChildError` where it crashed, an `EngineError` where it was late or failed."""
        try:
            reply, made = self.exchange(job, *samples, timeout_s=timeout_s)
        except ChildError as error:
            if error.late:
                said = f"the converter did not end within {timeout_s:g} s; is the model too large?"
                raise EngineError(said) from error
            if error.signal:
                raise
            raise EngineError(_REFUSED.format(" ".join(error.said[-300:].split())[:400])) from error
        if kind := reply.get("error"):
            raise EngineError(_REFUSED.format(" ".join(str(reply.get("text") or kind).split())[:400]))
        return reply, made


WARM = WarmChild(Converter, uses=_USES)
"""The converter that is kept for the next model."""
ONNX = WarmChild(partial(Converter, _ONNX_WORKER), uses=_USES)
"""That of ONNX files."""


def ask_converter(
    job: dict[str, Any], samples: Sequence[Any] = (), timeout_s: float = TIMEOUT_S, kept: WarmChild[Converter] = WARM
) -> tuple[dict[str, Any], list[bytes]]:
    """The reply to a job and what was made, by the converter that is kept.

    Raises
    ------
    ModelError : it refused the model with a reason, in good order, and is kept.
    ChildError, EngineError : as `Converter.answer`; it is not kept.
    """
    reply, made = kept.ask(lambda converter: converter.answer(job, samples, timeout_s))
    if refused := reply.get("refused"):
        raise ModelError(str(refused))
    return reply, made
