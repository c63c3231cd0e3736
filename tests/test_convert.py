"""Conversion in a child process: integer edges, batch 1, and what goes wrong said clearly."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinykit.ground.errors import DataError, EngineError, ModelError, OutputError, ParameterError
from tinykit.model.graph.reading import read
from tinykit.train import zoo
from tinykit.train.conversion import converter, converting
from tinykit.train.conversion.converting import Conversion, convert, convert_all
from tinykit.train.conversion.keras_file import inspect_keras_file, save_model
from tinykit.train.keras import load_keras, load_tfmot, quiet


@pytest.fixture(scope="module")
def keras() -> Any:
    return load_keras()


@pytest.fixture(scope="module")
def model() -> Any:
    return zoo.build_network("watch-cnn", input_shape=(32, 1, 3), classes=4)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((100, 32, 1, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def converted(model: Any, samples: np.ndarray) -> dict[str, Conversion]:
    return convert_all(model, representative=samples, training=samples)


@pytest.mark.parametrize(("precision", "edge"), [("int8", "int8"), ("int16x8", "int16"), ("float32", "float32")])
def test_edges_have_the_type_asked_for_and_the_batch_is_one(
    converted: dict[str, Conversion], precision: str, edge: str
) -> None:
    result = converted[precision]
    graph = read(result.model)
    for index in (*graph.inputs, *graph.outputs):
        assert graph.tensors[index].dtype == edge
        assert graph.tensors[index].shape[0] == 1
        assert min(graph.tensors[index].signature, default=0) >= 0
    assert graph.precision == precision
    assert result.sha256 == hashlib.sha256(result.model).hexdigest() == graph.sha256
    assert result.flatbuffer_bytes == len(result.model)
    assert result.notes == ()
    assert (result.quantisation, result.samples) == (("none", 0) if precision == "float32" else ("ptq", 100))


def test_same_model_same_bytes_from_a_file_too(
    model: Any, samples: np.ndarray, converted: dict[str, Conversion], tmp_path: Path
) -> None:
    path = save_model(model, tmp_path / "watch.h5")
    again = convert(path, representative=samples)
    assert again.sha256 == converted["int8"].sha256


def test_the_same_network_built_twice_is_the_same_file(keras: Any) -> None:
    layers, hashes = keras.layers, []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        stack = [layers.Input((8, 1, 2)), layers.Conv2D(2, (3, 1)), layers.ReLU(), layers.Conv2D(2, (3, 1))]
        built = keras.Sequential([*stack, layers.GlobalAveragePooling2D(), layers.Dense(2, name="mine_7")])
        with quiet():
            wrapped = load_tfmot().quantization.keras.quantize_model(built)
        hashes.append(convert(wrapped).sha256)
    assert stack[1].name != "conv2d"
    assert hashes[0] == hashes[1]


def test_save_writes_the_whole_file_or_none(converted: dict[str, Conversion], tmp_path: Path) -> None:
    path = converted["int8"].save(tmp_path / "model.tflite")
    assert path.read_bytes() == converted["int8"].model
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError, match="choose another folder"):
        converted["int8"].save(tmp_path / "none" / "model.tflite")


def test_a_crash_takes_no_other_process_down(keras: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    layers = [keras.layers.Input((8, 3)), keras.layers.GRU(4, name="memory"), keras.layers.Dense(2)]
    replace_child(monkeypatch, tmp_path, "def answer(job, parts):\n    import os\n    os.abort()")
    with pytest.raises(EngineError, match=r"crashed \(SIGABRT\) on GRU 'memory'.*\n.*unroll=True"):
        convert(keras.Sequential(layers), precision="float32")


def test_crash_without_recurrent_layers_names_the_layers(model: Any, tmp_path: Path) -> None:
    found = inspect_keras_file(save_model(model, tmp_path / "model.h5"))
    with pytest.raises(EngineError, match=r"crashed \(SIGSEGV\) on a model of .*Conv2D"):
        raise EngineError(converting._describe_crash("SIGSEGV", found))


def test_timeout(model: Any, samples: np.ndarray) -> None:
    with pytest.raises(EngineError, match=r"did not end within 0\.01 s"):
        convert(model, representative=samples, timeout_s=0.01)


def replace_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    script = tmp_path / "child.py"
    script.write_text(code)
    converter.WARM.close()
    monkeypatch.setattr(converter, "_WORKER", script)


def test_a_converter_that_refuses_is_quoted(
    model: Any, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replace_child(monkeypatch, tmp_path, "raise SystemExit('no such operator')")
    with pytest.raises(EngineError, match="refused the model: no such operator"):
        convert(model, representative=samples)
    assert not converter.WARM._kept


def test_a_model_the_child_cannot_load_is_a_model_error(
    model: Any, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replace_child(monkeypatch, tmp_path, "def answer(job, parts): return {'refused': 'bad weights'}, []")
    with pytest.raises(ModelError, match="bad weights"):
        convert(model, representative=samples)
    converter.WARM.close()


def test_an_edge_of_another_type_is_refused(
    model: Any, samples: np.ndarray, converted: dict[str, Conversion], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pretend(*_: Any) -> tuple[dict[str, str], list[bytes]]:
        return {"tensorflow": "2.21.0"}, [converted["float32"].model]

    monkeypatch.setattr(converting, "ask_converter", pretend)
    with pytest.raises(EngineError, match="asked for int8, but an input or output is float32"):
        convert(model, representative=samples)


def test_request_faults(model: Any, samples: np.ndarray) -> None:
    with pytest.raises(ParameterError, match="precision 'int4' is unknown; allowed: int8"):
        convert(model, precision="int4", representative=samples)
    with pytest.raises(DataError, match="no representative samples"):
        convert(model)
    with pytest.raises(ModelError, match="not a tf-keras model"):
        convert(object(), representative=samples)


def test_models_that_cannot_go_on_a_device(keras: Any, model: Any, samples: np.ndarray) -> None:
    open_size = keras.Sequential([keras.layers.Input((None, 1, 3)), keras.layers.Conv2D(2, (3, 1))])
    with pytest.raises(ModelError, match=r"input \(None, 1, 3\) has an open size"):
        convert(open_size, representative=samples)
    with quiet():
        wrapped = load_tfmot().sparsity.keras.prune_low_magnitude(keras.models.clone_model(model))
    with pytest.raises(ModelError, match="still has its pruning wrappers"):
        convert(wrapped, representative=samples)


def test_a_qat_model_is_int8_alone(model: Any) -> None:
    with quiet():
        wrapped = load_tfmot().quantization.keras.quantize_model(model)
    with pytest.raises(ParameterError, match="a QAT model is int8 by training, not int16x8"):
        convert(wrapped, precision="int16x8")
