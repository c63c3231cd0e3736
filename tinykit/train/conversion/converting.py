"""From a Keras model to a `.tflite`: batch 1, integer in and out, converted where a crash does no harm.

The representative dataset is checked against what the network was trained on, never invented.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.child.process import ChildError
from tinykit.ground.errors import (
    DataError,
    EngineError,
    MissingPackageError,
    ModelError,
    OutputError,
    ParameterError,
    name_install,
)
from tinykit.ground.results import Result
from tinykit.ground.writing import scratch, write_atomically
from tinykit.model.graph.given import is_onnx
from tinykit.model.graph.model import Precision
from tinykit.model.graph.reading import load, read
from tinykit.model.record import hash_bytes
from tinykit.train.conversion.converter import ONNX, TIMEOUT_S, ask_converter
from tinykit.train.conversion.keras_file import KERAS_SUFFIXES, KerasFile, copy_inspected, save_model
from tinykit.train.conversion.saved_model import copy_saved_model

PRECISIONS = (Precision.INT8, Precision.INT16X8, Precision.FLOAT32)
_CRASHERS = ("GRU", "SimpleRNN", "LSTM")
Representative = NDArray[np.float32] | Sequence[NDArray[np.float32]] | Mapping[str, NDArray[np.float32]]
"""Samples of the one input, or of each: in order, or by its name (as an `.npz` holds them)."""

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
    quantisation : "ptq" (calibrated on samples), "qat" (ranges learnt in training), "kept" (the scales of an ONNX file)
        or "none".
    samples : number of representative samples used.
    tensorflow : version of the converter, "onnx 1.23.2" for an ONNX file.
    notes : what to know of it.
    onnx : of an ONNX file, the quantised graph that the scales are of.
    """

    model: bytes = field(repr=False)
    precision: Precision
    sha256: str
    quantisation: str
    samples: int
    tensorflow: str
    notes: tuple[str, ...] = ()
    onnx: bytes = field(default=b"", repr=False)

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
    representative: Representative | None = None,
    training: Representative | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Conversion:
    """Convert a tf-keras model, a file of tf-keras, Keras 3 or ONNX, or a SavedModel, in a child process.

    Parameters
    ----------
    model : built model, or path of a file or folder.
    precision : "int8" (default), "int16x8" or "float32"; an ONNX file becomes int8.
    representative : float32 [n, *input_shape], normalised real samples; needed for PTQ, not for float32, a QAT model or
        an ONNX file with scales of its own (QDQ), which are kept. Of several inputs one array each, as a list in their
        order or as a dict by their names.
    training : training samples to hold the range of `representative` against.
    timeout_s : limit on the child process [s].

    Raises
    ------
    ParameterError : unknown precision, or one a QAT model cannot have.
    DataError : representative samples missing or unfit (see `check_representative`).
    ModelError : not a Keras model, an open input size, pruning wrappers left in, a hostile file, or layers of Keras 3
        or nodes of ONNX that cannot be carried, by name.
    EngineError : the converter refused the model, crashed or ran out of time; or input and output are not integer.
    MissingPackageError : the extra `onnx` is not installed.
    """
    made = convert_all(model, (precision,), representative=representative, training=training, timeout_s=timeout_s)
    return made[precision]


def convert_all(
    model: Any,
    precisions: Sequence[str] = PRECISIONS,
    *,
    representative: Representative | None = None,
    training: Representative | None = None,
    timeout_s: float = TIMEOUT_S,
) -> dict[str, Conversion]:
    """Several precisions of one model by one child process (starting TensorFlow is most of the time); as `convert`.

    Parameters
    ----------
    model, representative, training, timeout_s : as in `convert`.
    precisions : of `PRECISIONS`.
    """
    if unknown := [name for name in precisions if name not in PRECISIONS]:
        raise ParameterError(f"precision {unknown[0]!r} is unknown; allowed: {', '.join(PRECISIONS)}")
    path = Path(model) if isinstance(model, str | Path) else Path()
    if path.is_file() and path.suffix.lower() not in KERAS_SUFFIXES and is_onnx(content := load(path), str(path)):
        if wrong := set(precisions) - {"int8"}:
            raise ParameterError(f"an ONNX model becomes int8, not {', '.join(sorted(wrong))}; ask for int8")
        return {Precision.INT8: _convert_onnx(path, content, representative, training, timeout_s)}
    with scratch("tinykit-convert-") as folder:
        found, copy = _open_model(model, folder, timeout_s)
        _check_model(found, precisions)
        samples, notes = list[NDArray[np.float32]](), tuple[str, ...]()
        if not found.quantised and any(precision != "float32" for precision in precisions):
            samples, notes = _check_inputs(representative, found, training)
        job = _job(found, copy) | {"precisions": list(precisions), "shapes": [one.shape for one in samples]}
        try:
            reply, made = ask_converter(job, samples, timeout_s)
        except ChildError as error:
            raise EngineError(_describe_crash(str(error.signal), found)) from error
        notes = (*notes, *_list_remarks(reply, found))
        about = (len(samples[0]) if samples else 0, str(reply["tensorflow"]), notes)
        return {one: _collect(content, one, found, about) for one, content in zip(precisions, made, strict=True)}


def _convert_onnx(path: Path, content: bytes, given: Any, training: Any, timeout_s: float) -> Conversion:
    """An ONNX file as a `.tflite`: with its own scales, else with those that the samples give it."""
    if missing := [one for one in ("onnx", "onnxruntime") if find_spec(one) is None]:
        raise MissingPackageError(f"{missing[0]} is not installed, which ONNX files need; {name_install('onnx')}")
    job: dict[str, Any] = {"folder": str(path.resolve().parent), "shapes": []}
    samples, notes = list[NDArray[np.float32]](), tuple[str, ...]()
    try:
        reply, made = ask_converter(job, [content], timeout_s, ONNX)
        if not made:
            shapes = reply["inputs"]
            found = KerasFile(path, "", (), tuple(map(tuple, shapes.values())), tuple(shapes), False, False, ())
            samples, notes = _check_inputs(given, found, training)
            job["shapes"] = [one.shape for one in samples]
            reply, made = ask_converter(job, [content, *samples], timeout_s, ONNX)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except ChildError as error:
        raise EngineError(f"{path}: ONNX's own reader crashed on it ({error.signal}); export it again") from error
    about = ("ptq" if samples else "kept", len(samples[0]) if samples else 0, str(reply["version"]))
    return Conversion(made[0], Precision.INT8, hash_bytes(made[0]), *about, (*notes, *reply["notes"]), made[1])


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


def _open_model(model: Any, folder: Path, timeout_s: float) -> tuple[KerasFile, Path]:
    """What is known of a model, and the inspected copy of it."""
    if not isinstance(model, str | Path):
        return copy_inspected(save_model(model, folder / "model.h5"), folder)
    path = Path(model)
    if not path.is_dir():
        return copy_inspected(path, folder)
    copy = copy_saved_model(path, folder)
    found = KerasFile(path, "", (), (), (), False, False, ())
    inputs = ask_converter(_job(found, copy), (), timeout_s)[0]["inputs"]
    return replace(found, input_shapes=tuple(map(tuple, inputs.values())), input_names=tuple(inputs)), copy


def _list_remarks(reply: dict[str, Any], found: KerasFile) -> list[str]:
    proof, unrolled = reply.get("proof"), reply.get("unrolled")
    told = [f"rebuilt from Keras {found.keras_version} in tf-keras: {proof}"] if proof else []
    return told + ([f"recurrent layers without a kernel are unrolled: {', '.join(unrolled)}"] if unrolled else [])


def _job(found: KerasFile, copy: Path) -> dict[str, Any]:
    asked = {"model": str(copy), "name": found.path.name, "precisions": [], "shapes": []}
    return asked | {"quantised": found.quantised, "pruned": found.pruned}


def _check_model(found: KerasFile, precisions: Sequence[str]) -> None:
    if found.pruned:
        raise ModelError("the model still has its pruning wrappers; take the one that prune() returns")
    if not found.input_shapes:
        raise ModelError(f"{found.path.name}: does not say what its inputs are; build it with an Input layer")
    for shape in found.input_shapes:
        if not shape or None in shape:
            raise ModelError(f"the model's input {shape} has an open size; a microcontroller needs every size fixed")
    if found.quantised and set(precisions) != {"int8"}:
        raise ParameterError(f"a QAT model is int8 by training, not {', '.join(precisions)}; convert its float parent")


def _check_inputs(samples: Any, found: KerasFile, training: Any) -> tuple[list[NDArray[np.float32]], tuple[str, ...]]:
    """Checked samples of each input in order, one row of all of them an inference, and remarks."""
    names = found.input_names
    if samples is None or (len(names) == 1 and not isinstance(samples, Mapping)):
        checked, notes = check_representative(samples, found.input_shapes[0], training)
        return [checked], notes
    made, remarks = [], list[str]()
    given, known = (_by_name(one, names) for one in (samples, training))
    for name, shape in zip(names, found.input_shapes, strict=True):
        try:
            checked, notes = check_representative(given[name], shape, known.get(name))
        except DataError as error:
            raise DataError(f"input {name!r}: {error}") from error
        made.append(checked)
        remarks += notes
    if len({len(one) for one in made}) != 1:
        raise DataError(f"representative samples of {', '.join(names)} differ in number: {[len(one) for one in made]}")
    return made, tuple(dict.fromkeys(remarks))


def _by_name(samples: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    if samples is None:
        return {}
    if isinstance(samples, Mapping):
        if set(names) <= set(samples):
            return samples
        if len(samples) == 1 or all(str(key).startswith("arr_") for key in samples):  # an .npz without names
            samples = [samples[key] for key in sorted(samples)]
    if isinstance(samples, list | tuple) and len(samples) == len(names):
        return dict(zip(names, samples, strict=True))
    raise DataError(
        f"representative samples: the network has {len(names)} inputs; give one array for each of them,\n"
        f"as a list in this order or by name: {', '.join(names)}"
    )


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
    if len(graph.inputs) > 1:
        notes = (*notes, f"order of inputs: {', '.join(graph.tensors[index].name for index in graph.inputs)}")
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
