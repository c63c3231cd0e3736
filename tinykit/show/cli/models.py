"""The MODEL of a command: a .tflite as it is, a Keras file converted."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinykit.ground.errors import DataError
from tinykit.model.graph.given import take_model
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import load, read

Options = argparse.Namespace
Command = Callable[[Options], int]

_KERAS_SUFFIXES = (".h5", ".keras")


def open_model(path: str, representative: str | None = None) -> ModelGraph:
    """The model of a command, a .tflite, or a tf-keras .h5 or .keras file, as a graph.

    A Keras file is converted: to int8 with the samples in `representative`, an .npz whose array `x` is float32
    [n, ...], else to float32, since calibration data is never invented.

    Raises
    ------
    ModelError : not a model tinykit can read. DataError : unusable samples.
    """
    if Path(path).suffix.lower() not in _KERAS_SUFFIXES:
        return read(path)
    from tinykit.train.conversion.converting import convert

    samples = _read_samples(representative) if representative else None
    conversion = convert(path, precision="float32" if samples is None else "int8", representative=samples)
    return read(conversion.model, name=path)


def read_bytes(path: str) -> bytes:
    """The .tflite in a file named on the command line.

    Raises
    ------
    ModelError : it cannot be read, or holds no model.
    """
    return take_model(load(Path(path)), path)


def _read_samples(path: str) -> Any:
    import zipfile
    import zlib

    import numpy as np

    try:
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return np.asarray(arrays["x"], dtype=np.float32)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: no samples in it ({error}); give an .npz whose array x is float32") from error
