"""Steps of a design on a tiny task: every variant a node, made again bit for bit, two of them compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.test_design import tiny_task
from tinykit.choose.design.steps import Step, follow, read_steps
from tinykit.ground.errors import ParameterError, RecordError, UnknownStageError
from tinykit.model.graph.kernels import list_kernels
from tinykit.model.graph.reading import read
from tinykit.model.record import DesignRecord, open_record, tool_versions
from tinykit.predict.packing.leaning import lean
from tinykit.train.datasets.dataset import Dataset
from tools.rebuild import compare_stages, rebuild

FIT = {"epochs": 1, "learning_rate": 2e-3, "batch_size": 64, "seed": 0}
CONVERT = {"precision": "int8", "representative": 20}
STEPS = (
    Step("float", "train", "", {"network": "watch-cnn", **FIT}),
    Step("int8", "convert", "float", CONVERT),
    Step("sparse", "prune", "float", {"sparsity": 0.5, **FIT}),
    Step("int8-sparse", "convert", "sparse", CONVERT),
    Step("slim", "slim", "float", {"fraction": 0.25, **FIT}),
    Step("int8-slim", "convert", "slim", CONVERT),
    Step("lean", "lean", "int8-slim"),
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return tiny_task()


@pytest.fixture(scope="module")
def record(data, tmp_path_factory) -> DesignRecord:
    empty = open_record(tmp_path_factory.mktemp("steps"), data.name, data_sha256=data.sha256, tools=tool_versions())
    return follow(empty, STEPS, data, say=lambda _: None)


def test_each_step_is_a_node_with_parent_recipe_seed_and_hash(record):
    assert list(record.stages) == [step.name for step in STEPS]
    for step in STEPS:
        stage = record.stage(step.name)
        assert stage.parent == step.parent
        assert stage.recipe["action"] == step.action
        assert record.read(step.name)
        if step.action in ("train", "prune", "slim"):
            assert stage.recipe["seed"] == 0
        if step.parent:
            assert stage.recipe["made_from"] == record.stage(step.parent).sha256


def test_the_actions_did_what_they_are_named_for(record):
    plain, sparse, slim = (read(record.read(name)) for name in ("int8", "int8-sparse", "int8-slim"))
    zeros = sum(kernel.zeros for kernel in list_kernels(sparse)) / sum(k.values.size for k in list_kernels(sparse))
    assert zeros == pytest.approx(0.5, abs=0.03)
    assert slim.macs < 0.7 * plain.macs
    assert record.read("lean") == lean(slim).data


def test_a_second_run_makes_nothing_again(record, data):
    said: list[str] = []
    assert follow(record, STEPS, data, say=said.append).stages == record.stages
    assert all(line.endswith("as recorded") for line in said)


def test_a_changed_recipe_is_made_again_with_all_that_follows(record, data, tmp_path):
    copy = replace(record, folder=tmp_path)
    for name, stage in record.stages.items():
        copy = copy.with_stage(stage, record.read(name))
    said: list[str] = []
    thinner = {"fraction": 0.5, **FIT}
    changed = [replace(step, choices=thinner) if step.name == "slim" else step for step in STEPS]
    again = follow(copy, changed, data, say=said.append)
    made = [line.partition(":")[0] for line in said if not line.endswith("as recorded") and "accuracy" not in line]
    assert made == ["slim", "int8-slim", "lean"]
    assert again.stage("int8").sha256 == record.stage("int8").sha256
    assert again.stage("lean").sha256 != record.stage("lean").sha256


def test_steps_are_read_back_from_the_record_alone(record):
    reread = open_record(record.folder, record.task)
    way = ("float", "slim", "int8-slim", "lean")
    assert read_steps(reread, "lean") == tuple(step for step in STEPS if step.name in way)


def test_a_variant_is_rebuilt_bit_for_bit(record, data, tmp_path):
    done = rebuild(record, "lean", data, tmp_path / "again")
    assert done.equal
    assert done.made == done.recorded
    assert done.record.read("lean") == record.read("lean")
    assert str(done) == "lean: bit for bit as recorded, 4 stages made again"


def test_a_rebuild_that_differs_says_from_where(record, data, tmp_path):
    forged = replace(record, folder=tmp_path / "forged", tools={**record.tools, "numpy": "0.1"})
    for name, stage in record.stages.items():
        forged = forged.with_stage(stage, record.read(name) + (b"x" if name == "int8" else b""))
    done = rebuild(forged, "int8", data, tmp_path / "again")
    assert not done.equal
    assert "other bytes than recorded from stage 'int8' on; other versions of numpy" in str(done)


def test_two_variants_are_compared_from_where_they_part(record):
    found = compare_stages(record, "int8-sparse", "lean")
    assert found.shared == "float"
    ways = [[step.name for step in path] for path in found.paths]
    assert ways == [["sparse", "int8-sparse"], ["slim", "int8-slim", "lean"]]
    assert not found.equal
    assert "sparsity=0.5" in str(found)
    same = compare_stages(record, "int8", "int8")
    assert same.equal
    assert "the same stage" in str(same)
    first = compare_stages(record, "float", "sparse")
    scored = record.stage("float").results["accuracy"]["fraction"]
    assert first.results["accuracy"][0] == pytest.approx(scored, abs=1e-4)


def test_faults(record, data, tmp_path: Path):
    with pytest.raises(ParameterError, match="step 'a' has action 'prun'; nearest: prune"):
        Step("a", "prun")
    with pytest.raises(UnknownStageError, match="no stage 'pruned'"):
        follow(record, [Step("x", "slim", "pruned", {"fraction": 0.1, **FIT})], data, say=lambda _: None)
    with pytest.raises(UnknownStageError, match="nearest: lean"):
        rebuild(record, "leam", data, tmp_path)
    with pytest.raises(RecordError, match="was made from data 000000000000; this is 111111111111"):
        rebuild(record, "lean", replace(data, sha256="1" * 64), tmp_path)
    with pytest.raises(RecordError, match="holds a record already; choose an empty folder"):
        rebuild(record, "lean", data, record.folder)
