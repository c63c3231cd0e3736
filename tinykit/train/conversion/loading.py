"""Saving and loading tf-keras models, QAT and pruning wrappers included."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from tinykit.ground.errors import ModelError, OutputError
from tinykit.train.conversion.keras_file import QUANTISATION, SUFFIXES, copy_inspected
from tinykit.train.keras import load_keras, load_tfmot, quiet, require_model


def load_model(path: str | Path) -> Any:
    """The tf-keras model of a `.h5` or `.keras` file, not compiled; a copy is inspected first, and that one is loaded.

    Raises
    ------
    ModelError : see `inspect_keras_file`, or its weights do not fit its layers.
    KerasVersionError : written by Keras 3, or Keras 3 is loaded in this process.
    """
    with tempfile.TemporaryDirectory(prefix="tinykit-keras-") as folder:
        found, copy = copy_inspected(path, Path(folder))
        return load_inspected(copy, found.path.name, quantised=found.quantised, pruned=found.pruned)


def load_inspected(copy: Path, name: str, *, quantised: bool, pruned: bool) -> Any:
    """The model of a copy that `copy_inspected` made.

    Parameters
    ----------
    copy : where it left the copy.
    name : of the stranger's file, for messages.
    quantised, pruned : as it found.

    Raises
    ------
    ModelError : weights that do not fit the layers, or QAT wrappers in a `.keras` archive.
    KerasVersionError : Keras 3 is loaded in this process.
    """
    if quantised and copy.suffix == ".keras":
        raise ModelError(f"{name}: tf-keras cannot read a QAT model back from .keras; save it as .h5")
    keras = load_keras()
    with contextlib.ExitStack() as scopes:
        if quantised or pruned:
            tfmot = load_tfmot()
            scopes.enter_context(tfmot.quantization.keras.quantize_scope())
            scopes.enter_context(tfmot.sparsity.keras.prune_scope())
        scopes.enter_context(quiet())
        try:
            return keras.models.load_model(str(copy), compile=False, safe_mode=True)
        except Exception as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
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
    if target.suffix.lower() not in SUFFIXES:
        raise ModelError(f"{target.name}: a Keras file ends in one of {', '.join(SUFFIXES)}")
    if target.suffix.lower() == ".keras" and is_quantised(model):
        raise ModelError(f"{target.name}: tf-keras cannot read a QAT model back from .keras; save it as .h5")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".saving-") as folder:
            draft = Path(folder) / f"model{target.suffix.lower()}"
            with quiet():
                model.save(str(draft), **({} if draft.suffix == ".keras" else {"include_optimizer": False}))
            os.replace(draft, target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); choose another folder") from error
    return target


def is_quantised(model: Any) -> bool:
    """Whether a Keras model carries the wrappers of QAT."""
    return any(type(layer).__name__ in QUANTISATION for layer in model.layers)
