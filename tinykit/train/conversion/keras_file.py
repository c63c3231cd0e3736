"""Keras files: those from strangers looked at without TensorFlow and refused if they could run code; loaded and saved.

A `.h5` or `.keras` file describes its layers in JSON, tf-keras in one notation, Keras 3 in another that is translated.
Only what `keras_gate` lets through is loaded: no Lambda, no object of the file's own, no operator that touches files.
"""

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinykit.ground.errors import KerasVersionError, ModelError, OutputError
from tinykit.ground.results import Result
from tinykit.ground.writing import scratch, write_atomically
from tinykit.train.conversion.converter import ask_converter
from tinykit.train.conversion.keras3_description import carry
from tinykit.train.conversion.keras3_model import rebuild, write_described
from tinykit.train.conversion.keras_containers import copy_file, pack_archive, read_archive, take_h5, write_h5
from tinykit.train.conversion.keras_gate import (
    LAYERS,
    PRUNING,
    QUANTISATION,
    Inputs,
    check_object,
    check_order,
    list_inputs,
    list_objects,
)
from tinykit.train.keras import load_keras, load_tfmot, quiet, require_model

KERAS_SUFFIXES = (".h5", ".hdf5", ".keras")
"""How the name of a Keras file ends."""
_KERAS_3 = 3


@dataclass(frozen=True, slots=True)
class KerasFile(Result):
    """What a Keras file says of its model, before anything is loaded.

    Parameters
    ----------
    path, keras_version : the file, and the Keras that wrote it.
    layers : (class name, name) of each layer, nested ones included.
    input_shapes, input_names : of each input, the shape without batch, None where the file leaves a size open.
    quantised, pruned : whether wrappers of QAT or of pruning are in it.
    unrolled : names of recurrent layers that are unrolled.
    """

    path: Path
    keras_version: str
    layers: tuple[tuple[str, str], ...]
    input_shapes: tuple[tuple[int | None, ...], ...]
    input_names: tuple[str, ...]
    quantised: bool
    pruned: bool
    unrolled: tuple[str, ...]


def inspect_keras_file(path: str | Path) -> KerasFile:
    """Read what a `.h5` or `.keras` file claims to be; neither TensorFlow nor any code of the file is run.

    Raises
    ------
    ModelError : unreadable or truncated, weights only, a Lambda layer, a custom layer or function, two containers in
        one file, data in other files, links, or sizes that no model has.
    KerasVersionError : written by a Keras after 3.
    MissingPackageError : h5py is not installed.
    """
    with scratch("tinykit-keras-") as folder:
        return copy_inspected(path, folder)[0]


def copy_inspected(path: str | Path, folder: Path) -> tuple[KerasFile, Path]:
    """What `inspect_keras_file` says, and the copy it looked at: the only one to load, since a file can change.

    It is left as `model.h5` or `model.keras`, as its bytes say, or, of Keras 3, as `keras3.json` beside its weights, in
    `folder`, which must be the caller's alone.
    """
    source = Path(path)
    if source.suffix.lower() not in KERAS_SUFFIXES:
        raise ModelError(f"{source.name}: not a Keras file by its name; allowed: {', '.join(KERAS_SUFFIXES)}")
    if not os.path.isfile(source):  # False too where the name is longer than any file's
        raise ModelError(f"{source}: no such file")
    copy = copy_file(source, folder)
    if copy.suffix == ".h5":
        told, metadata = take_h5(copy, source.name), None
        if told["config"] is None:
            raise ModelError(f"{source.name}: holds no model_config (weights alone?); save the whole model, model.save")
        version, config = told["version"] or "2", _parse(source, told["config"])
    else:
        texts = read_archive(copy, folder, source.name)
        config, metadata = (_parse(source, part.decode("utf-8", "replace")) for part in texts)
        version = str(metadata.get("keras_version", "2")) if isinstance(metadata, dict) else "2"
    described, config = carry(config, source.name) if _major(version) == _KERAS_3 else (None, config)
    found = _inspect(source, version, config)
    if copy.suffix != ".h5":
        copy = folder / "model.weights.h5"
        told = take_h5(copy, source.name)
    write_h5(copy, told, config if metadata is None else None, source.name)
    if described is not None:
        return found, write_described(copy, described, config)
    return found, copy if metadata is None else pack_archive(folder, config, metadata, source.name)


def load_model(path: str | Path) -> Any:
    """The tf-keras model of a `.h5` or `.keras` file, not compiled; built of a copy made anew from what was looked at.

    It is built in a child process first, within limits on memory and time. A model of Keras 3 is rebuilt in tf-keras,
    and its outputs are held against Keras 3's own there.

    Raises
    ------
    ModelError : see `inspect_keras_file`, or its weights do not fit its layers, or its outputs would not be the same.
    KerasVersionError : written by a Keras after 3, or Keras 3 is loaded in this process.
    EngineError : the child process crashed or ran out of time.
    """
    with scratch("tinykit-keras-") as folder:
        found, copy = copy_inspected(path, folder)
        kinds = {"quantised": found.quantised, "pruned": found.pruned}
        ask_converter({"model": str(copy), "name": found.path.name, "precisions": [], "shapes": [], **kinds})
        return load_inspected(copy, found.path.name, **kinds)


def load_inspected(copy: Path, name: str, *, quantised: bool, pruned: bool) -> Any:
    """The model of a copy that `copy_inspected` made, with what that found; `name` is the stranger's, for messages."""
    _refuse_qat_archive(name, copy.suffix, quantised)
    keras = load_keras()
    with contextlib.ExitStack() as scopes:
        if quantised or pruned:
            tfmot = load_tfmot()
            scopes.enter_context(tfmot.quantization.keras.quantize_scope())
            scopes.enter_context(tfmot.sparsity.keras.prune_scope())
        scopes.enter_context(quiet())
        try:
            if copy.suffix == ".json":
                return rebuild(copy, name)
            return keras.models.load_model(str(copy), compile=False, safe_mode=True)
        except ModelError:
            raise
        except Exception as error:
            lines = str(error).splitlines() or [type(error).__name__]
            reason = " … ".join(dict.fromkeys([lines[0][:120], lines[-1][:120]]))
            raise ModelError(f"{name}: cannot be loaded ({reason}); save it again with model.save") from error


def save_model(model: Any, path: str | Path) -> Path:
    """Write a tf-keras model to `.h5` or `.keras`, the whole file or nothing; returns the path.

    Raises
    ------
    ModelError : not a tf-keras model, or a QAT model to `.keras` (tf-keras could not read it back).
    OutputError : the file cannot be written.
    """
    require_model(model)
    target = Path(path)
    if target.suffix.lower() not in KERAS_SUFFIXES:
        raise ModelError(f"{target.name}: a Keras file ends in one of {', '.join(KERAS_SUFFIXES)}")
    quantised = any(type(layer).__name__ in QUANTISATION for layer in model.layers)
    _refuse_qat_archive(target.name, target.suffix, quantised)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".saving-") as folder:
            draft = Path(folder) / f"model{target.suffix.lower()}"
            with quiet():
                model.save(str(draft), **({} if draft.suffix == ".keras" else {"include_optimizer": False}))
            write_atomically(target, draft.read_bytes())
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); choose another folder") from error
    return target


def _refuse_qat_archive(name: str, suffix: str, quantised: bool) -> None:
    if quantised and suffix.lower() == ".keras":
        raise ModelError(f"{name}: tf-keras cannot read a QAT model back from .keras; save it as .h5")


def _major(version: str) -> int:
    first = version.partition(".")[0]
    return int(first[:9]) if first.isascii() and first.isdecimal() else 0


def _inspect(source: Path, version: str, config: Any) -> KerasFile:
    if _major(version) > _KERAS_3:
        raise KerasVersionError(
            f"{source.name} was saved by Keras {version[:20]}; this kit reads models of tf-keras and of Keras 3.\n"
            "Save it again with one of these"
        )
    if isinstance(config, dict):
        config.pop("compile_config", None)  # optimiser and loss: never loaded
    try:
        found = tuple(list_objects(config))
    except RecursionError as error:
        raise ModelError(f"{source.name}: its layers are nested too deep to be a model") from error
    for item in found:
        check_object(source.name, item)
        check_order(source.name, item)
    return _describe(source, version, found, list_inputs(config))


def _parse(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name}: its description is not JSON ({str(error)[:80]})") from error


def _describe(path: Path, version: str, found: tuple[dict[str, Any], ...], inputs: Inputs) -> KerasFile:
    layers, unrolled = [], []
    for item in found:
        kind, config = str(item["class_name"]), item.get("config")
        config = config if isinstance(config, dict) else {}
        name = str(config.get("name", ""))
        if kind in LAYERS or kind in PRUNING or (kind in QUANTISATION and "name" in config):
            layers.append((kind, name))
        if config.get("unroll") is True:
            unrolled.append(name)
    kinds = {kind for kind, _ in layers}
    quantised, pruned = bool(kinds & QUANTISATION), bool(kinds & PRUNING)
    shapes, names = tuple(inputs.values()), tuple(inputs)
    return KerasFile(path, version, tuple(layers), shapes, names, quantised, pruned, tuple(unrolled))
