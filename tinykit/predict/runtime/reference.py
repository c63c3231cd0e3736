"""Which engine says what a model's right outputs are: TFLM's interpreter, or LiteRT's reference kernels in its place.

The interpreter has wheels for Linux on x86-64 alone, LiteRT for most systems. TFLM's reference kernels were made from
LiteRT's and agree with them on nearly all int8 and float32 operators; what was answered so says so.
"""

import importlib.metadata
import importlib.util
import platform
import sys
from dataclasses import dataclass

from tinykit.ground.errors import EngineError
from tinykit.ground.results import Result

_PACKAGES = {"TFLM": "tflite-micro", "LiteRT": "ai-edge-litert", "ONNX Runtime": "onnxruntime"}


@dataclass(frozen=True, slots=True)
class Reference(Result):
    """An engine whose outputs are taken for right.

    Parameters
    ----------
    engine : as in `ENGINES`.
    name : in a sentence, such as "equal to TFLM".
    kernels : whose kernels they are.
    note : what that means for an answer, in a sentence; empty for TFLM itself.
    """

    engine: str
    name: str
    kernels: str
    note: str


TFLM = Reference("tflm", "TFLM", "TFLM's reference kernels", "")
LITERT = Reference(
    "litert-reference",
    "LiteRT",
    "LiteRT's reference kernels",
    "TFLM's interpreter was not at hand (it has wheels for Linux on x86-64 alone): LiteRT's reference kernels stand "
    "in, and steps of difference in LOGISTIC or int16 SOFTMAX may be theirs",
)


def reference_engine() -> Reference:
    """The engine that proves on this computer: TFLM where its interpreter is installed, else LiteRT."""
    return TFLM if importlib.util.find_spec("tflite_micro") is not None else LITERT


def find_reference(engine: str) -> Reference:
    """What an answer by "tflm" or "litert-reference" is worth."""
    return TFLM if engine == TFLM.engine else LITERT


def require_tflm(purpose: str = "") -> None:
    """Refuse what LiteRT cannot stand in for, before a process is started in vain.

    Raises
    ------
    EngineError : TFLM's interpreter is not installed; the message says where it can be.
    """
    if reference_engine() is not TFLM:
        raise EngineError((f"{purpose} is proven in TFLM alone; " if purpose else "") + explain_absence("TFLM"))


def hint_elsewhere(interpreter: str) -> str:
    """A line to end a refusal by LiteRT with where it stands in for TFLM; empty elsewhere."""
    if interpreter != "LiteRT" or reference_engine() is TFLM:
        return ""
    return "\nTFLM may run it all the same: its interpreter answers on Linux on x86-64"


def explain_absence(interpreter: str) -> str:
    """That an interpreter ("TFLM" or "LiteRT") is not installed, and what helps on this computer.

    >>> explain_absence("LiteRT").partition(";")[0]
    'LiteRT is not installed'
    """
    machine = platform.machine() or "an unknown machine"
    if interpreter == "TFLM" and not (sys.platform == "linux" and machine == "x86_64"):
        return (
            f"TFLM is not installed: its interpreter has no wheel for {platform.system()} on {machine}\n"
            "Linux on x86-64 has one (on Windows: WSL2); `deploy`, `pack` and `run` answer by LiteRT's kernels here"
        )
    package = _PACKAGES[interpreter]
    lines = [line.partition(";")[0].strip() for line in importlib.metadata.requires("tinykit") or []]
    wanted = next((line for line in lines if line.startswith(package)), package)
    return f"{interpreter} is not installed; pip install '{wanted}'"
