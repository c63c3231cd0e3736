"""Keras files of strangers: HDF5 and archives, whose configuration, weights and container are changed."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path

import h5py
import numpy as np

from tests.fuzz.case import ROOT, Case, Draw, kind, rarely
from tests.fuzz.mutating import NAMES, mutate_bytes, mutate_tree, mutate_zip
from tinykit.train.conversion.converting import convert
from tinykit.train.conversion.keras_file import inspect_keras_file, load_model

CHECKPOINTS = ROOT / "data" / "checkpoints" / "watch-exercises"
OBJECTS = (
    "Lambda",
    "TFOpLambda",
    "Dense",
    "Functional",
    "Sequential",
    "RNN",
    "InputLayer",
    "x>Evil",
    "SlicingOpLambda",
)


@functools.cache
def read_base(name: str) -> bytes:
    return (CHECKPOINTS / name).read_bytes()


@functools.cache
def small_archive(version: str) -> dict[str, bytes]:
    """The members of a .keras of two layers, in the form of tf-keras or of Keras 3."""
    modern = version.startswith("3")
    module = "keras.layers" if modern else "keras.src.layers"
    shape = {"batch_shape": [None, 4]} if modern else {"batch_input_shape": [None, 4]}
    start = {
        "class_name": "InputLayer",
        "module": module,
        "registered_name": None,
        "config": {"name": "input", **shape},
    }
    settings = {
        "name": "dense",
        "trainable": True,
        "dtype": "float32",
        "units": 3,
        "activation": "relu",
        "use_bias": True,
    }
    dense = {"class_name": "Dense", "module": module, "registered_name": None, "config": settings}
    dense["build_config"] = {"input_shape": [None, 4]}
    network = {"class_name": "Sequential", "module": "keras" if modern else "keras.src.engine.sequential",
               "registered_name": None, "config": {"name": "model", "layers": [start, dense]}}  # fmt: skip
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for place in ("layers/dense/vars", "_layer_checkpoint_dependencies/dense/vars"):
            group = file.create_group(place)
            group["0"], group["1"] = np.ones((4, 3), np.float32), np.zeros(3, np.float32)
    metadata = {"keras_version": version, "date_saved": "2026-01-01@00:00:00"}
    texts = {"metadata.json": metadata, "config.json": network}
    return {name: json.dumps(value).encode() for name, value in texts.items()} | {"model.weights.h5": stream.getvalue()}


def inspect_file(path: Path) -> None:
    json.dumps(inspect_keras_file(path).to_json(), default=str)


def load_file(path: Path) -> None:
    load_model(path)


def convert_file(path: Path) -> None:
    convert(path)


KERAS_DOORS = (inspect_file, rarely(load_file, 12), rarely(convert_file, 16), rarely("inspect {file}", 16),
               rarely("fit {file} --board nucleo-l4r5zi --json", 40))  # fmt: skip


@kind(*KERAS_DOORS, share=6)
def keras_archive(draw: Draw) -> Case:
    members = small_archive(draw.choose(("2.21.0", "3.12.0", "3.8.0")))
    return Case(mutate_zip(draw, members, _member), draw.choose(("m.keras", "m.h5", "m.KERAS"), (8, 1, 1)))


@kind(*KERAS_DOORS, share=6)
def keras_h5(draw: Draw) -> Case:
    base = read_base(draw.choose(("float.h5", "pruned.h5", "pqat.h5")))
    data = _h5(draw, base) if draw.chance(0.7) else mutate_bytes(draw, base)
    return Case(data, draw.choose(("m.h5", "m.hdf5", "m.keras"), (8, 1, 1)))


def _member(draw: Draw, name: str, data: bytes) -> bytes:
    if name.endswith(".json"):
        return json.dumps(_config(draw, json.loads(data))).encode() if draw.chance(0.8) else mutate_bytes(draw, data)
    return _h5(draw, data) if draw.chance(0.5) else mutate_bytes(draw, data)


def _config(draw: Draw, config: object) -> object:
    """A description with one value changed, or with an object of another class in it."""
    if draw.chance(0.25):
        text = json.dumps(config)
        return json.loads(
            text.replace('"Dense"', json.dumps(draw.choose((*OBJECTS, *NAMES[:6]))), draw.choose((1, 99)))
        )
    return mutate_tree(draw, config)


def _h5(draw: Draw, data: bytes) -> bytes:
    """A container with attributes, links, groups or data sets that it had not."""
    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        described = file.attrs.get("model_config")
        act = draw.below(9)
        if described is not None and act < 4:
            file.attrs["model_config"] = json.dumps(_config(draw, json.loads(described)))
        elif act == 4:
            file["soft"] = h5py.SoftLink(draw.choose(("/", "/soft", "/none")))
        elif act == 5:
            file["away"] = h5py.ExternalLink(draw.choose(("/etc/passwd", "m.h5")), "/")
        elif act == 6:
            kept = [("/etc/passwd", 0, 64)]
            file.create_dataset("outside", (64,), "u1", external=kept)
        elif act == 7:
            file.create_dataset("huge", (2**40,), "f4", chunks=(1024,), compression="gzip")
        else:
            _weights(draw, file)
    return stream.getvalue()


def _weights(draw: Draw, file: h5py.File) -> None:
    """One data set of another shape, type or content, or gone; or an attribute of names that are none."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    if not found or draw.chance(0.2):
        file.attrs[draw.choose(("layer_names", "keras_version", "backend"))] = draw.choose(
            (b"", b"9" * 5000, b"\xff", b"-1")
        )
        return
    name = draw.choose(found)
    values = file[name][()]
    del file[name]
    if draw.chance(0.8):
        other = (np.full_like(values, np.nan), values.astype(np.float64), np.zeros((0,)), values[None],
                 np.zeros((70_000,), np.float32), np.array([b"text"]))  # fmt: skip
        file[name] = draw.choose(other)
