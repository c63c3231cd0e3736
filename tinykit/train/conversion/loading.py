"""Saving and loading tf-keras models, QAT and pruning wrappers included."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from tinykit.ground.errors import ModelError, OutputError
from tinykit.train.conversion.keras_file import QUANTISATION, SUFFIXES, inspect_keras_file
from tinykit.train.keras import load_keras, load_tfmot, quiet, require_model


def load_model(path: str | Path) -> Any:
    """The tf-keras model of a `.h5` or `.keras` file, not compiled; the file is inspected first.

    Raises
    ------
    ModelError : see `inspect_keras_file`, or its weights do not fit its layers.
    KerasVersionError : written by Keras 3, or Keras 3 is loaded in this process.
    """
    found = inspect_keras_file(path)
    if found.quantised and found.path.suffix.lower() == ".keras":
        raise ModelError(f"{found.path.name}: tf-keras cannot read a QAT model back from .keras; save it as .h5")
    keras = load_keras()
    with contextlib.ExitStack() as scopes:
        if found.quantised or found.pruned:
            tfmot = load_tfmot()
            scopes.enter_context(tfmot.quantization.keras.quantize_scope())
            scopes.enter_context(tfmot.sparsity.keras.prune_scope())
        scopes.enter_context(quiet())
        try:
            return keras.models.load_model(str(found.path), compile=False, safe_mode=True)
        except Exception as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ModelError(
                f"{found.path.name}: cannot be loaded ({reason}); save it again with model.save"
            ) from error


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
