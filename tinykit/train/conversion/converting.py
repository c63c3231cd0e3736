"""From a tf-keras model to a `.tflite`: batch 1, integer in and out, converted where a crash does no harm.

The representative dataset is checked against what the network was trained on, never invented.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.child.process import Bounds, Child, ChildError
from tinykit.ground.errors import DataError, EngineError, ModelError, OutputError, ParameterError
from tinykit.ground.results import Result
from tinykit.model.graph.model import Precision
from tinykit.model.graph.reading import read
from tinykit.model.record import hash_bytes, write_atomically
from tinykit.train.conversion.keras_file import KerasFile, copy_inspected, save_model

PRECISIONS = (Precision.INT8, Precision.INT16X8, Precision.FLOAT32)
_TIMEOUT_S = 300.0
_WORKER = Path(__file__).with_name("child.py")
_BOUNDS = Bounds(32 * 2**30, file_bytes=2**31)
_REFUSED = "the converter refused the model: {}"
_CRASHERS = ("GRU", "SimpleRNN", "LSTM")
_MINIMUM, _RECOMMENDED = 10, 100
_SPREAD_LIMIT = 3.0


@dataclass(frozen=True, slots=True)
class Conversion(Result):
    """A converted model.

    Parameters
    ----------
    model : the flatbuffer.
    precision : of weights, activations, input and output.
    sha256 : of the flatbuffer.
    quantisation : "ptq" (calibrated on samples), "qat" (ranges learnt in training) or "none".
    samples : number of representative samples used.
    tensorflow : version of the converter.
    notes : what to know of it.
    """

    model: bytes = field(repr=False)
    precision: Precision
    sha256: str
    quantisation: str
    samples: int
    tensorflow: str
    notes: tuple[str, ...] = ()

    @property
    def flatbuffer_bytes(self) -> int:
        """Size of the file."""
        return len(self.model)

    def save(self, path: str | Path) -> Path:
        """Write the flatbuffer, the whole file or nothing; `OutputError` if it cannot be."""
        target = Path(path)
        if not target.parent.is_dir():
            raise OutputError(f"{target}: cannot be written (there is no such folder); choose another folder")
        write_atomically(target, self.model)
        return target


def convert(
    model: Any,
    *,
    precision: str = "int8",
    representative: NDArray[np.float32] | None = None,
    training: NDArray[np.float32] | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> Conversion:
    """Convert a tf-keras model, or a `.h5`/`.keras` file, in a child process.

    Parameters
    ----------
    model : built model, or path.
    precision : "int8" (default), "int16x8" or "float32".
    representative : float32 [n, *input_shape], normalised real samples; needed for PTQ, not for float32 or a QAT model.
    training : training samples to hold the range of `representative` against.
    timeout_s : limit on the child process [s].

    Raises
    ------
    ParameterError : unknown precision, or one a QAT model cannot have.
    DataError : representative samples missing or unfit (see `check_representative`).
    ModelError : not a tf-keras model, several inputs, an open input size, pruning wrappers left in, hostile file.
    EngineError : the converter refused the model, crashed or ran out of time; or input and output are not integer.
    """
    made = convert_all(model, (precision,), representative=representative, training=training, timeout_s=timeout_s)
    return made[precision]


def convert_all(
    model: Any,
    precisions: Sequence[str] = PRECISIONS,
    *,
    representative: NDArray[np.float32] | None = None,
    training: NDArray[np.float32] | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> dict[str, Conversion]:
    """Several precisions of one model by one child process (starting TensorFlow is most of the time); as `convert`.

    Parameters
    ----------
    model, representative, training, timeout_s : as in `convert`.
    precisions : of `PRECISIONS`.
    """
    if unknown := [name for name in precisions if name not in PRECISIONS]:
        raise ParameterError(f"precision {unknown[0]!r} is unknown; allowed: {', '.join(PRECISIONS)}")
    with tempfile.TemporaryDirectory(prefix="tinykit-convert-") as name:
        folder = Path(name)
        source = model if isinstance(model, str | Path) else save_model(model, folder / "model.h5")
        found, copy = copy_inspected(source, folder)
        shape = _check_model(found, precisions)
        samples, notes = list[NDArray[np.float32]](), tuple[str, ...]()
        if not found.quantised and any(precision != "float32" for precision in precisions):
            checked, notes = check_representative(representative, shape, training)
            samples = [checked]
        job = {
            "name": found.path.name, "quantised": found.quantised, "pruned": found.pruned,
            "precisions": list(precisions), "shapes": [one.shape for one in samples],
        }  # fmt: skip
        try:
            version, made = _run_child(copy, job, samples, timeout_s)
        except ChildError as error:
            raise EngineError(_describe_crash(str(error.signal), found)) from error
        about = (sum(map(len, samples)), version, notes)
        return {one: _collect(content, one, found, about) for one, content in zip(precisions, made, strict=True)}


def check_representative(
    samples: Any, input_shape: tuple[int | None, ...], training: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The samples as float32 [n, ...] ready for calibration, and remarks worth showing.

    Parameters
    ----------
    samples : normalised as the network sees them, shape [n, *input_shape].
    input_shape : of the network, without batch; None matches any size.
    training : training samples (or some of them), to compare ranges with; None skips that comparison.

    Raises
    ------
    DataError : None, wrong shape, not float, NaN or infinity, fewer than 10, all equal, or of another range than
        the training samples (their span differs by more than a factor of 3, as when one of them is not normalised).
    """
    if samples is None:
        raise DataError(
            "no representative samples: the converter cannot know the range of the activations;\n"
            f"give about {_RECOMMENDED} real training samples (dataset.representative())"
        )
    array = np.asarray(samples)
    _check_samples(array, input_shape)
    if training is not None:
        _check_range(array, np.asarray(training))
    few = f"{len(array)} representative samples; {_RECOMMENDED} or more give steadier ranges"
    return np.ascontiguousarray(array, np.float32), (few,) if len(array) < _RECOMMENDED else ()


def _check_model(found: KerasFile, precisions: Sequence[str]) -> tuple[int | None, ...]:
    if found.pruned:
        raise ModelError("the model still has its pruning wrappers; take the one that prune() returns")
    if len(found.input_shapes) != 1:
        raise ModelError(f"the model has {len(found.input_shapes)} inputs; one is what this kit converts")
    shape = found.input_shapes[0]
    if not shape or None in shape:
        raise ModelError(f"the model's input {shape} has an open size; a microcontroller needs every size fixed")
    if found.quantised and set(precisions) != {"int8"}:
        raise ParameterError(f"a QAT model is int8 by training, not {', '.join(precisions)}; convert its float parent")
    return shape


def _run_child(copy: Path, job: dict[str, Any], samples: list[Any], timeout_s: float) -> tuple[str, list[bytes]]:
    """TensorFlow's version and the flatbuffers; a `ChildError` where the converter crashed."""
    try:
        with Child("the converter", _WORKER, bounds=_BOUNDS, folder=copy.parent, adopt=True) as child:
            reply, made = child.exchange({**job, "model": str(copy)}, *samples, timeout_s=timeout_s)
    except ChildError as error:
        if error.late:
            raise EngineError(f"the converter did not end within {timeout_s:g} s; is the model too large?") from error
        if error.signal:
            raise
        raise EngineError(_REFUSED.format(" ".join(error.said[-300:].split())[:400])) from error
    if refused := reply.get("refused"):
        raise ModelError(str(refused))
    if kind := reply.get("error"):
        raise EngineError(_REFUSED.format(" ".join(str(reply.get("text") or kind).split())[:400]))
    return str(reply["tensorflow"]), made


def _describe_crash(known: str, found: KerasFile) -> str:
    suspects = [f"{kind} {name!r}" for kind, name in found.layers if kind in _CRASHERS and name not in found.unrolled]
    if suspects:
        return (
            f"the converter crashed ({known}) on {', '.join(suspects[:3])}: recurrent layers kept as loops break it.\n"
            "Build them with unroll=True, or use LSTM, or a convolution over time"
        )
    kinds = ", ".join(sorted({kind for kind, _ in found.layers} - {"InputLayer", "Functional", "Sequential"}))
    return f"the converter crashed ({known}) on a model of {kinds}; take layers out until it passes"


def _collect(content: bytes, precision: str, found: KerasFile, used: tuple[int, str, tuple[str, ...]]) -> Conversion:
    graph = read(content)
    for index in (*graph.inputs, *graph.outputs):
        if (kind := graph.tensors[index].dtype) != precision.removesuffix("x8"):
            raise EngineError(f"asked for {precision}, but an input or output is {kind}: the converter ignored it")
    samples, version, notes = used
    if graph.precision != precision:
        notes = (*notes, f"operators of other precision are left in the graph ({graph.precision}): see its lint")
    quantisation = "none" if precision == "float32" else "qat" if found.quantised else "ptq"
    return Conversion(
        content, Precision(precision), hash_bytes(content), quantisation,
        0 if precision == "float32" else samples, version, notes,
    )  # fmt: skip


def _check_samples(array: NDArray[Any], input_shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(input_shape) + 1 and all(
        wanted is None or size == wanted for size, wanted in zip(array.shape[1:], input_shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("?" if size is None else str(size) for size in input_shape)
        raise DataError(f"representative samples of shape {array.shape}; the network takes [n, {wanted}]")
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(f"representative samples are {array.dtype}; give float samples normalised as in training")
    if len(array) < _MINIMUM:
        raise DataError(f"{len(array)} representative samples; {_MINIMUM} are the least, {_RECOMMENDED} a good number")
    if bad := int((~np.isfinite(array)).reshape(len(array), -1).any(axis=1).sum()):
        raise DataError(f"{bad} of {len(array)} representative samples hold NaN or infinity; leave them out")
    if array.min() == array.max():
        raise DataError(f"representative samples are all {array.min():g}; they set no range, give real ones")


def _check_range(array: NDArray[Any], training: NDArray[Any]) -> None:
    spans = [float(np.subtract(*np.percentile(part, [99, 1]))) for part in (array, training)]
    ratio = spans[0] / spans[1] if spans[1] > 0 else np.inf
    if not 1 / _SPREAD_LIMIT <= ratio <= _SPREAD_LIMIT:
        raise DataError(
            f"representative samples span {spans[0]:.3g} (1st to 99th percentile), training samples {spans[1]:.3g};\n"
            "were both normalised in the same way?"
        )
    shift = abs(float(array.mean()) - float(training.mean()))
    if shift > spans[1]:
        raise DataError(f"representative samples lie {shift:.3g} away from the training samples; normalise both alike")
