"""The MODEL of a command: a .tflite as it is, a Keras or ONNX file converted."""

import argparse
import sys
from pathlib import Path
from typing import Any

from tinykit.ground.errors import DataError, printable
from tinykit.model.graph.given import is_onnx, take_model
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import load, read

Options = argparse.Namespace

_KERAS_SUFFIXES = (".h5", ".hdf5", ".keras")


def open_model(path: str, representative: str | None = None) -> ModelGraph:
    """The model of a command as a graph: a .tflite, a Keras or ONNX file, or a SavedModel folder.

    What is no .tflite is converted: to int8 with the samples in `representative`, an .npz whose array `x` is float32
    [n, ...], or which has one array for each input by its name, else to float32, or with the scales that an ONNX file
    has: calibration data is never invented.

    What a conversion tells is printed beside the answer, which may be JSON.

    Raises ModelError: not a model tinykit can read. DataError: unusable samples.
    """
    keras = Path(path).suffix.lower() in _KERAS_SUFFIXES or Path(path, "saved_model.pb").is_file()
    onnx = not keras and Path(path).is_file() and is_onnx(load(Path(path)), path)
    if not (onnx or keras):
        return read(path)
    from tinykit.train.conversion.converting import convert

    samples = read_samples(representative) if representative else None
    floats = samples is None and not onnx
    conversion = convert(path, precision="float32" if floats else "int8", representative=samples)
    for note in conversion.notes:
        print("tinykit:", printable(note), file=sys.stderr)
    return read(conversion.model, name=path)


def read_bytes(path: str) -> bytes:
    """The .tflite in a file named on the command line; ModelError: it cannot be read, or holds no model."""
    return take_model(load(Path(path)), path)


def read_samples(path: str) -> Any:
    """Arrays of float32 by name out of an .npz; DataError: none in it."""
    import numpy as np

    from tinykit.train.datasets.arrays import read_arrays

    try:
        return {name: np.asarray(one, dtype=np.float32) for name, one in read_arrays(Path(path)).items()}
    except (DataError, ValueError, TypeError) as error:
        raise DataError(f"{path}: no samples in it ({error}); give an .npz of float32 arrays") from error
