"""Keras files from strangers: nothing in them is run, and what is wrong is said clearly."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tinykit.ground.errors import KerasVersionError, MissingPackageError, ModelError, OutputError
from tinykit.train.conversion import keras_containers
from tinykit.train.conversion.keras_file import inspect_keras_file, load_model, save_model
from tinykit.train.keras import load_keras, load_tfmot, quiet

DENSE = {"class_name": "Dense", "config": {"name": "dense", "units": 2}}
INPUT = {"class_name": "InputLayer", "config": {"name": "input", "batch_input_shape": [None, 3]}}


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [INPUT, *layers]}}


def write_h5(path: Path, config: Any, version: str = "2.21.0") -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        if config is not None:
            file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
    return path


def write_keras(path: Path, config: Any, version: str = "2.21.0") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("model.weights.h5", b"")
    return path


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_keras()


@pytest.fixture(scope="module")
def model(keras: Any) -> Any:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Input((8, 1, 2)), keras.layers.Conv2D(4, (3, 1), name="first")]
    layers += [keras.layers.BatchNormalization()]
    layers += [keras.layers.ReLU(), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    return keras.Sequential(layers)


X = np.random.default_rng(0).standard_normal((5, 8, 1, 2)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_saved_and_loaded_gives_the_same_outputs(model: Any, tmp_path: Path, suffix: str) -> None:
    path = save_model(model, tmp_path / f"model{suffix}")
    np.testing.assert_array_equal(load_model(path)(X), model(X))
    assert list(tmp_path.iterdir()) == [path]
    found = inspect_keras_file(path)
    assert found.input_shapes == ((8, 1, 2),)
    assert ("Conv2D", "first") in found.layers
    assert not found.quantised


def test_qat_and_pruning_wrappers_come_back(keras: Any, model: Any, tmp_path: Path) -> None:
    tfmot = load_tfmot()
    with quiet():
        wrapped = tfmot.quantization.keras.quantize_model(model)
        sparse = tfmot.sparsity.keras.prune_low_magnitude(keras.models.clone_model(model))
    path = save_model(wrapped, tmp_path / "qat.h5")
    np.testing.assert_array_equal(load_model(path)(X), wrapped(X))
    assert inspect_keras_file(path).quantised
    assert inspect_keras_file(save_model(sparse, tmp_path / "sparse.h5")).pruned
    with pytest.raises(ModelError, match=r"cannot read a QAT model back from \.keras"):
        save_model(wrapped, tmp_path / "qat.keras")
    with quiet():
        wrapped.save(str(tmp_path / "qat.keras"))
    with pytest.raises(ModelError, match=r"cannot read a QAT model back from \.keras"):
        load_model(tmp_path / "qat.keras")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_compiled_model_is_read_without_its_optimiser(keras: Any, tmp_path: Path, suffix: str) -> None:
    compiled = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    with quiet():
        compiled.compile("adam", keras.losses.MeanSquaredError())
        compiled.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
        compiled.save(str(tmp_path / f"model{suffix}"))
    assert getattr(load_model(tmp_path / f"model{suffix}"), "optimizer", None) is None


def test_a_lambda_layer_is_not_run(keras: Any, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    code = f"__import__('pathlib').Path({str(touched)!r}).touch() or x"
    function = eval(f"lambda x: {code}")
    with quiet():
        evil = keras.Sequential([keras.layers.Input((3,)), keras.layers.Lambda(function)])
        evil.save(str(tmp_path / "evil.h5"))
        evil.save(str(tmp_path / "evil.keras"))
    touched.unlink()
    for name in ("evil.h5", "evil.keras"):
        with pytest.raises(ModelError, match="Lambda, which is code; it is not loaded"):
            load_model(tmp_path / name)
    assert not touched.exists()


def operator(called: str) -> dict[str, Any]:
    return {"class_name": "TFOpLambda", "config": {"name": "op", "function": called}, "inbound_nodes": []}


HOSTILE = [
    ({"class_name": "Popen", "module": "subprocess", "config": {"args": "id"}}, "custom 'Popen' of module subprocess"),
    ({"class_name": "Dense", "module": "os", "config": {}}, "custom 'Dense' of module os"),
    ({"class_name": "Dense", "module": "keras.layers.core;os", "config": {}}, "custom 'Dense' of module"),
    ({"class_name": "MyLayer", "config": {}, "registered_name": "Custom>MyLayer"}, "custom 'MyLayer'"),
    ({"class_name": "function", "module": "builtins", "config": "eval"}, "custom 'function' of module builtins"),
    ({"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "/x"}}, "custom 'TFSMLayer'"),
    ({"class_name": "QuantizeLayer", "module": "evil", "config": {}}, "custom 'QuantizeLayer' of module evil"),
    (operator("io.write_file"), "calls the TensorFlow function 'io.write_file'"),
    (operator("py_function"), "only arithmetic is loaded"),
    (DENSE | {"config": {"activation": {"class_name": "__lambda__", "config": {}}}}, "__lambda__, which is code"),
]


@pytest.mark.parametrize(("layer", "message"), HOSTILE)
def test_what_could_run_code_is_refused(tmp_path: Path, layer: dict[str, Any], message: str) -> None:
    for path in (write_h5(tmp_path / "m.h5", sequential(layer)), write_keras(tmp_path / "m.keras", sequential(layer))):
        with pytest.raises(ModelError, match=message):
            inspect_keras_file(path)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_truncated_and_garbage_files(model: Any, tmp_path: Path, suffix: str) -> None:
    whole = save_model(model, tmp_path / f"whole{suffix}").read_bytes()
    rng = np.random.default_rng(0)
    for content in (b"", whole[:100], whole[: len(whole) // 2], whole[:-40], rng.bytes(5000)):
        path = tmp_path / f"bad{suffix}"
        path.write_bytes(content)
        with pytest.raises(ModelError, match="truncated|cannot be loaded"):
            load_model(path)


def test_flipped_bytes_never_escape_as_another_error(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some make the HDF5 library loop for ever: it reads in a child process that is ended."""
    monkeypatch.setattr(keras_containers, "_TIMEOUT_S", 5.0)
    whole = bytearray(save_model(model, tmp_path / "whole.h5").read_bytes())
    rng = np.random.default_rng(1)
    path = tmp_path / "bad.h5"
    for _ in range(30):
        content = bytearray(whole)
        for position in rng.integers(0, len(whole), 20):
            content[position] = rng.integers(256)
        path.write_bytes(content)
        try:
            inspect_keras_file(path)
        except (ModelError, KerasVersionError):
            continue


@pytest.mark.parametrize(("version", "error"), [("²", None), ("9" * 5000, KerasVersionError), ("٣.0", None)])
def test_versions_that_are_no_number(tmp_path: Path, version: str, error: type[Exception] | None) -> None:
    path = write_h5(tmp_path / "model.h5", sequential(DENSE))
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = version
    if error is None:
        assert inspect_keras_file(path).keras_version == version
    else:
        with pytest.raises(error, match="this kit reads models of tf-keras and of Keras 3"):
            inspect_keras_file(path)


def test_other_faults(tmp_path: Path, model: Any) -> None:
    with pytest.raises(ModelError, match="not a Keras file by its name"):
        inspect_keras_file(tmp_path / "model.pb")
    with pytest.raises(ModelError, match="no such file"):
        inspect_keras_file(tmp_path / "none.h5")
    with pytest.raises(ModelError, match="weights alone"):
        inspect_keras_file(write_h5(tmp_path / "weights.h5", None))
    with pytest.raises(ModelError, match="its description is not JSON"):
        inspect_keras_file(write_h5(tmp_path / "text.h5", "{'a'"))
    with pytest.raises(ModelError, match="nested too deep|not JSON"):
        inspect_keras_file(write_h5(tmp_path / "deep.h5", "[" * 20000 + "]" * 20000))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(write_h5(tmp_path / "odd.h5", sequential(DENSE | {"config": {"units": -1}})))
    with pytest.raises(ModelError, match="a Keras file ends in one of"):
        save_model(model, tmp_path / "model.tflite")
    with pytest.raises(OutputError, match="choose another folder"):
        save_model(model, tmp_path / "none" / "model.h5")


def test_a_huge_description_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (17 * 1024**2))
    with pytest.raises(ModelError, match="no model needs that"):
        inspect_keras_file(path)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import time; time.sleep(60)", "model.h5: not a readable HDF5 file: no end after 0.5 s"),
        ("while True: pass", "model.h5: not a readable HDF5 file: no end after 1 s"),
        ("import os; os.abort()", "model.h5: not a readable HDF5 file, or truncated: its reader crashed"),
    ],
)
def test_a_reader_that_hangs_or_crashes(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    path, child = save_model(model, tmp_path / "model.h5"), tmp_path / "child.py"
    child.write_text(code)
    monkeypatch.setattr(keras_containers, "_WORKER", child)
    monkeypatch.setattr(keras_containers, "_TIMEOUT_S", 0.5 if "sleep" in code else 60.0)
    monkeypatch.setattr(keras_containers, "_PROCESSOR_S", 1)
    monkeypatch.setattr(keras_containers, "_BOUNDS", replace(keras_containers._BOUNDS, processor_s=1))
    with pytest.raises(ModelError, match=message):
        inspect_keras_file(path)


def test_missing_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_h5(tmp_path / "m.h5", sequential(DENSE))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingPackageError, match="h5py is not installed"):
        inspect_keras_file(path)


def test_inspection_needs_no_tensorflow(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", sequential(DENSE))
    code = (
        "import sys; from tinykit.train.conversion.keras_file import inspect_keras_file;"
        "inspect_keras_file(sys.argv[1]); print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
