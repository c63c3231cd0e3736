"""From tf-keras to `.tflite`, in a child process, and Keras files from strangers opened with care."""

from __future__ import annotations

from tinykit.train.conversion.converting import PRECISIONS, Conversion, check_representative, convert, convert_all
from tinykit.train.conversion.keras_file import KerasFile, inspect_keras_file, load_model, save_model

__all__ = [
    "PRECISIONS", "Conversion", "KerasFile", "check_representative", "convert", "convert_all", "inspect_keras_file",
    "load_model", "save_model",
]  # fmt: skip
