"""ONNX Runtime in a child process: what a model answers there, and what a build of that runtime for a device takes."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinykit.ground.child.process import Bounds, Child, ChildError
from tinykit.ground.errors import EngineError, MissingPackageError, ModelError, name_install
from tinykit.predict.runtime.child import pack_arrays, unpack_arrays
from tinykit.predict.runtime.codes import dequantise, to_codes
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import Array, Session

_BOUNDS = Bounds(file_bytes=2**31)


def run_onnx(
    model: bytes, inputs: tuple[Array, ...], shapes: Sequence[tuple[int, ...]] = (), *, optimised: bool = False,
    timeout_s: float = 300.0,
) -> tuple[Array, ...]:  # fmt: skip
    """Outputs [n, values] of an ONNX model for n samples, real numbers, channels last or as the model takes them.

    `shapes` are those wanted of the outputs, channels last where the model has them first. Unoptimised, ONNX Runtime
    computes what the scales of a QDQ model define; optimised, what its own kernels make of it.

    Raises
    ------
    ModelError : it refuses the model or the samples. EngineError : crashed, or late.
    MissingPackageError : onnxruntime is not installed.
    """
    listed, parts = pack_arrays(list(inputs))
    reply, made = _ask(
        {"do": "run", "optimised": optimised, "arrays": listed, "shapes": list(shapes)}, [model, *parts], timeout_s
    )
    return tuple(one.reshape(len(one), -1) for one in unpack_arrays(reply["arrays"], made))


def ask_onnx(model: bytes, onnx: bytes, samples: Any = None) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Samples for a `.tflite`, made up where none are given, as its input can hold them, and what its ONNX answers."""
    with Session(model) as session:
        given = to_codes(session, sample_inputs(model, 3) if samples is None else samples)
        pairs = [*zip(given, session.inputs, strict=True)]
        shapes = [info.sample_shape for info in session.outputs]
    reals = tuple(dequantise(one, info.scale, info.zero_point) if info.scale else one for one, info in pairs)
    return reals, run_onnx(onnx, reals, shapes)


def reduce_onnx(model: bytes, *, timeout_s: float = 300.0) -> tuple[bytes, str]:
    """A model as `.ort`, and the operators and types that a reduced build of ONNX Runtime takes; errors as `run_onnx`.

    That it loads is the check of the model: a checker of the format says yes to more than that.
    """
    _, made = _ask({"do": "reduce"}, [model], timeout_s)
    lines = made[1].decode().splitlines()
    return made[0], "".join(f"{line}\n" for line in lines if not line.startswith("# - "))  # places on this computer


def _ask(request: dict[str, Any], parts: list[Any], timeout_s: float) -> tuple[dict[str, Any], list[bytes]]:
    if find_spec("onnxruntime") is None:
        raise MissingPackageError(f"onnxruntime is not installed, which runs ONNX; {name_install('onnx')}")
    worker = Path(__file__).with_name("onnx_child.py")
    with Child("ONNX Runtime", worker, bounds=_BOUNDS, adopt=True) as child:
        try:
            reply, made = child.exchange(request, *parts, timeout_s=timeout_s)
        except ChildError as error:
            late = f"ONNX Runtime was stopped after {timeout_s:g} s; give fewer samples"
            raise EngineError(late if error.late else f"ONNX Runtime crashed on this model ({error.how})") from error
    if reply.get("error"):
        said = " ".join(str(reply.get("text") or reply["error"]).split())[:300]
        raise ModelError(f"ONNX Runtime refuses the model: {said}")
    return reply, made
