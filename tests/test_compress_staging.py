"""Stages of a record: what a notebook leaves is what the next one, or the headless chain, takes up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinykit.ground.errors import RecordError
from tinykit.model.record import open_record, tool_versions
from tinykit.train.compress.clustering import Clustered, LayerClusters
from tinykit.train.compress.pruning import LayerSparsity, Pruned
from tinykit.train.compress.quantising import Quantised
from tinykit.train.compress.recipe import Training
from tinykit.train.compress.staging import keep_conversion, keep_model
from tinykit.train.compress.training import History, Trained, predict
from tinykit.train.conversion.converting import Conversion
from tinykit.train.conversion.keras_file import load_model
from tinykit.train.datasets.dataset import Dataset, Normalisation, Split
from tinykit.train.zoo import build_network

HISTORY = History("train", Training(2, 1e-3, 8), 3, 6, (1.23456789, 0.9), (0.4, 0.6), (0.5, 0.61239))


@pytest.fixture(scope="module")
def data() -> Dataset:
    rng = np.random.default_rng(0)
    parts = [
        Split(rng.normal(0, 1, (12, 40, 1, 2)).astype(np.float32), np.arange(12) % 3, np.full(12, group),
              np.arange(12) // 3 + 10 * group)
        for group in (1, 2, 3)
    ]  # fmt: skip
    return Dataset("own", ("a", "b", "c"), *parts, Normalisation((0.0,) * 2, (1.0,) * 2), 50.0, "ab" * 32, "made up")


@pytest.fixture(scope="module")
def model():
    return build_network("watch-cnn", input_shape=(40, 1, 2), classes=3)


def test_a_trained_model_is_kept_with_recipe_curves_and_accuracy(tmp_path, data, model):
    record = keep_model(open_record(tmp_path, "own"), "float", Trained(model, HISTORY), data)
    again = open_record(tmp_path, "own")
    stage = again.stage("float")
    assert (stage.artefact, stage.parent, stage.sha256) == ("float.h5", "", record.stage("float").sha256)
    assert stage.recipe == {"seed": 3, "epochs": 2, "learning_rate": 1e-3, "batch_size": 8}
    assert stage.results["loss"] == [1.23457, 0.9]
    assert stage.results["validation_accuracy"] == [0.5, 0.6124]
    assert stage.results["accuracy"]["n"] == 12
    assert (again.data_sha256, dict(again.tools)) == ("ab" * 32, tool_versions())
    assert again.read("float")
    loaded = load_model(again.path("float"))
    assert predict(loaded, data.test.x).tolist() == predict(model, data.test.x).tolist()


def test_pruned_and_quantised_models_keep_what_was_chosen(tmp_path, data, model):
    record = open_record(tmp_path, "own")
    layers = (LayerSparsity("conv", 30, 40),)
    record = keep_model(record, "pruned", Pruned(model, HISTORY, 0.75, "constant", layers), data, parent="float")
    record = keep_model(record, "pqat", Quantised(model, HISTORY, "sparsity", ()), data, parent="pruned")
    stages = open_record(tmp_path, "own").stages
    assert (stages["pruned"].recipe["sparsity"], stages["pruned"].recipe["schedule"]) == (0.75, "constant")
    assert stages["pruned"].results["sparsity"] == 0.75
    shared = (LayerClusters("conv", 40, 8, 15),)
    made = Clustered(model, HISTORY, {"conv": 8}, True, shared, layers, ("conv",), (), ())
    stage = keep_model(record, "clustered", made, data, parent="pruned").stage("clustered")
    assert (stage.recipe["clusters"], stage.recipe["sparse"]) == ({"conv": 8}, ["conv"])
    assert stage.results["distinct"] == {"conv": 8}
    assert stages["pqat"].recipe["preserve"] == "sparsity"
    assert [stage.parent for stage in stages.values()] == ["float", "pruned"]


def test_a_recipe_that_is_given_is_kept_as_it_is(tmp_path, data, model):
    record = keep_model(open_record(tmp_path, "own"), "float", Trained(model, HISTORY), data, recipe={"network": "x"})
    assert record.stage("float").recipe == {"network": "x"}


def test_a_conversion_is_kept_with_its_precision_and_notes(tmp_path):
    made = Conversion(b"model", "int8", "", "ptq", 200, "2.21.0", ("a note",))
    keep_conversion(open_record(tmp_path, "own"), "int8", made, parent="pqat")
    record = open_record(tmp_path, "own")
    assert record.read("int8") == b"model"
    assert record.stage("int8").recipe == {"precision": "int8", "representative": 200}
    assert record.stage("int8").results == {"quantisation": "ptq", "notes": ["a note"]}
    assert (record.stage("int8").parent, dict(record.tools)) == ("pqat", tool_versions())


def test_another_task_or_other_data_is_refused(tmp_path, data, model):
    trained = Trained(model, HISTORY)
    with pytest.raises(RecordError, match="records 'digits', data unknown; this is 'own'"):
        keep_model(open_record(tmp_path, "digits"), "float", trained, data)
    record = replace(open_record(tmp_path, "own"), data_sha256="cd" * 32)
    with pytest.raises(RecordError, match="data cdcdcdcdcdcd; this is 'own', abababababab: choose another folder"):
        keep_model(record, "float", trained, data)
