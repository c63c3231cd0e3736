"""The kit's tasks by way of ONNX: trained networks, quantised by ONNX Runtime on their own data, on unseen samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.onnx_nets import unquantise
from tinykit.ground.facts import shipped_path
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.codes import predict_labels, quantise_input
from tinykit.predict.runtime.session import Session
from tinykit.train.conversion.converting import Conversion, convert
from tinykit.train.datasets.scoring import paired_difference, score_predictions
from tinykit.train.datasets.shipped import load_dataset

TASKS = {
    "watch-exercises": ("checkpoints", "watch-exercises", "int8-ptq.tflite"),
    "vowels": ("studies", "vowels", "int8.tflite"),
    "digits": ("studies", "digits-resnet8", "int8.tflite"),
}
MOST = 400


def first(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Any:
    known: dict[str, tuple[Conversion, Any]] = {}

    def get(task: str) -> tuple[Conversion, Any]:
        if task not in known:
            data, folder = load_dataset(task), tmp_path_factory.mktemp("task")
            model = unquantise(read(shipped_path("data", *TASKS[task])))
            (folder / "net.onnx").write_bytes(model.SerializeToString())
            made = convert(folder / "net.onnx", representative=first(data.representative()))
            known[task] = made, data
        return known[task]

    return get


def labels_of(model: bytes, x: np.ndarray, engine: str) -> np.ndarray:
    with Session(model, engine=engine) as session:
        if engine.startswith("onnx"):
            return session.run(first(x)).reshape(len(x), -1).argmax(axis=1)
        info = session.inputs[0]
        return session.run(quantise_input(x, info.scale, info.zero_point)).reshape(len(x), -1).argmax(axis=1)


@pytest.mark.parametrize("task", TASKS)
def test_the_same_class_in_tflm_litert_and_onnx_runtime(brought: Any, task: str):
    made, data = brought(task)
    x = data.test.x[:MOST].astype(np.float32)
    ort = labels_of(made.onnx, x, "onnxruntime")
    assert (labels_of(made.model, x, "litert-xnnpack") == ort).mean() >= 0.99
    assert (labels_of(made.model, x, "tflm") == ort).mean() >= 0.99


@pytest.mark.parametrize("task", TASKS)
def test_accuracy_is_that_of_the_kits_own_conversion(brought: Any, task: str):
    made, data = brought(task)
    x, y = data.test.x[:MOST].astype(np.float32), data.test.y[:MOST]
    groups = data.test.groups[:MOST]
    own = predict_labels(Path(shipped_path("data", *TASKS[task])).read_bytes(), x)
    brought_labels = predict_labels(made.model, x)
    difference = paired_difference(own, brought_labels, y, groups)
    assert abs(difference.value) <= 0.01 or difference.low <= 0 <= difference.high
    assert score_predictions(brought_labels, y, groups).fraction > 0.8
