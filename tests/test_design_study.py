"""The shipped studies: whole, scored as they say, and good for what they are shown for."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest

from tinykit.budget.assessment.budgets import Budgets
from tinykit.choose.design.steps import read_steps
from tinykit.choose.design.studies import (
    CLUSTERS,
    GRID,
    PRECISIONS,
    SPARSITIES,
    CompressionStudy,
    find_study,
    name_point,
    studies,
)
from tinykit.choose.ledger.choosing import recommend
from tinykit.choose.ledger.variants import weigh_variant
from tinykit.ground.errors import ParameterError, RecordError, UnknownBoardError, UnknownTaskError
from tinykit.ground.facts import shipped_path
from tinykit.model.graph.kernels import list_kernels
from tinykit.model.graph.reading import read
from tinykit.show.cli.main import main
from tinykit.show.panels import VariantPanel
from tinykit.train.datasets.shipped import load_dataset
from tools import studies as studies_tool
from tools.rebuild import compare_stages

MODELS = ("watch-exercises", "vowels", "digits-resnet8")
BOARD = "nucleo-l4r5zi"


@pytest.mark.parametrize("name", studies())
def test_a_study_is_whole_and_tells_how_each_variant_was_made(name: str):
    study = find_study(name)
    record = study.open()
    for variant in study.variants:
        assert record.read(variant)
        steps = read_steps(record, variant)
        assert steps[0].action == "train"
        assert all("seed" in step.choices for step in steps if step.action not in ("convert", "lean", "decode"))
    assert {step.name: step for step in studies_tool.steps_of(study)} == {
        step.name: step for variant in study.variants for step in read_steps(record, variant)
    }


def test_no_keras_model_is_shipped_and_the_panel_stays_small():
    folder = shipped_path("data", "studies")
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".tflite", ".toml"}
    assert sum(path.stat().st_size for path in (folder / GRID).iterdir()) < 600_000


@pytest.mark.parametrize(
    ("name", "variant"),
    [("watch-exercises", "int8-slim"), ("watch-exercises", "int8-sparse"), (GRID, "s75-c16-qat-int8")],
)
def test_recorded_accuracy_is_what_tflm_gives_again(name: str, variant: str):
    study = find_study(name)
    (recalled,) = study.recall(variant)
    (scored,) = study.score(load_dataset(study.task).test, BOARD, variant)
    assert scored.accuracy == recalled.accuracy


@pytest.mark.parametrize("name", ["vowels", "digits-resnet8"])
def test_above_40_kb_of_weights_a_variant_loses_a_point_at_most_and_45_percent_of_flash(name: str):
    ledger = find_study(name).ledger(BOARD)
    assert ledger.baseline.weights.parameters > 40_000
    row = ledger.row("int8-sparse")
    assert row.saved_of_plain >= 0.45
    assert row.against.value >= -0.01
    assert row.chosen.name == "lean + DECODE"
    assert row.chosen.code_bytes > 6000
    assert row.chosen.packed.equal
    assert "unverified on device" in str(ledger)


@pytest.mark.parametrize("name", MODELS)
def test_without_a_third_of_the_channels_40_percent_of_the_macs_go(name: str):
    ledger = find_study(name).ledger(BOARD)
    row, baseline = ledger.row("int8-slim"), ledger.baseline
    assert row.variant.graph.macs <= 0.6 * baseline.variant.graph.macs
    assert row.against.value >= -0.015
    for figure in ("arena", "flash", "latency", "energy", "instructions"):
        assert getattr(row, figure).value < getattr(baseline, figure).value, figure


def test_zeros_alone_save_nothing_on_the_small_network():
    row = find_study("watch-exercises").ledger(BOARD).row("int8-sparse")
    assert row.weights.non_zero < 0.3 * row.weights.parameters
    assert row.verdict == "saves nothing"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_grid_holds_the_zeros_and_values_it_is_named_for(precision: str):
    study = find_study(GRID)
    for sparsity in SPARSITIES:
        for clusters in CLUSTERS:
            graph = study.recall(name_point(sparsity, clusters, precision))[0].graph
            kernels = list_kernels(graph)
            share = sum(kernel.zeros for kernel in kernels) / sum(kernel.values.size for kernel in kernels)
            assert share >= sparsity - 0.03
            for kernel in (kernel for kernel in kernels if kernel.name.startswith("CONV") and clusters):
                channels = np.moveaxis(kernel.values, kernel.axis, 0)
                assert max(len(np.unique(channel)) for channel in channels) <= clusters


def test_two_points_of_the_grid_are_compared_from_where_they_part():
    found = compare_stages(find_study(GRID).open(), "s75-int8", "s75-c16-int8")
    assert found.shared == "s75"
    assert [len(path) for path in found.paths] == [1, 2]
    assert set(found.results) == {"accuracy", "against_baseline"}


def test_a_damaged_variant_is_not_handed_out(tmp_path, monkeypatch):
    source = shipped_path("data", "studies", "watch-exercises")
    for path in source.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "int8.tflite").write_bytes(b"other")
    monkeypatch.setattr(
        importlib.import_module("tinykit.choose.design.studies"), "shipped_path", lambda *parts: tmp_path
    )
    with pytest.raises(RecordError, match="content differs"):
        find_study("watch-exercises").ledger(BOARD)


def test_a_shipped_record_and_a_variant_are_read_once():
    """A move of the panel parsed the record of 24 variants twice: 30 ms."""
    study = find_study(GRID)
    assert study.open() is study.open()
    assert study.recall("int8")[0] is study.recall("int8", "s75-int8")[0]


def test_faults():
    with pytest.raises(UnknownTaskError, match="no study 'vowel'; nearest: vowels"):
        find_study("vowel")
    with pytest.raises(ParameterError, match=r"sparsity 0\.6, clusters 16, 'int8' is not on the grid"):
        name_point(0.6, 16, "int8")
    with pytest.raises(UnknownBoardError, match=BOARD):
        find_study("vowels").ledger("nucleo-l4r5z")


def test_advice_on_a_study_names_variant_form_and_reason():
    ledger = find_study("vowels").ledger(BOARD)
    found = recommend(ledger, Budgets(latency_s=0.15, accuracy=0.97))
    assert found.chosen.variant.graph.macs < ledger.baseline.variant.graph.macs
    assert str(found).startswith("take int8-slim")


# the panel


@pytest.fixture(scope="module")
def panel() -> VariantPanel:
    return VariantPanel()


def test_the_panel_shows_what_the_ledger_says(panel):
    row = find_study(GRID).ledger(BOARD, "s75-int8").rows[-1]
    assert panel.result.rows[-1].flash_bytes == row.flash_bytes
    assert f"{row.flash_bytes:,} bytes, {row.chosen.name}: {row.verdict}" in panel.verdict.value
    assert bytes(panel.picture.value).startswith(b"\x89PNG")
    assert repr(panel) == (
        "VariantPanel(sparsity=0.75, clusters=0, precision=int8, board=nucleo-l4r5zi): "
        f"{row.flash_bytes:,} B, {100 * row.variant.accuracy.fraction:.1f} %"
    )


def test_a_panel_starts_only_on_the_grid():
    with pytest.raises(ParameterError, match="not on the grid"):
        VariantPanel(sparsity=0.3)


# the command


def test_the_command_prints_the_ledger_and_the_advice(capsys):
    assert main(["ledger", "watch-exercises", "--flash", "70000", "--accuracy", "0.8"]) == 0
    told = capsys.readouterr().out
    assert "nucleo-l4r5zi with tflm-cmsis-nn: → marks the bytes that reach flash" in told
    assert "take int8-slim" in told


def test_the_command_says_what_is_missing_with_status_1(capsys):
    assert main(["ledger", "watch-exercises", "--flash", "30000", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["recommendation"]["chosen"] is None
    assert document["recommendation"]["nearest"] == "int8-slim"
    assert "too much for 29.3 KiB" in document["recommendation"]["reasons"][0]


def test_the_command_takes_models_of_ones_own(tmp_path, capsys):
    rng = np.random.default_rng(0)
    study = find_study("watch-exercises")
    paths = []
    for name in ("int8", "int8-slim"):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(study.open().read(name))
        paths.append(str(path))
    x = rng.normal(0, 1, (84, 100, 1, 6)).astype(np.float32)
    samples = tmp_path / "own.npz"
    np.savez(samples, x=x, y=np.arange(84) % 7, groups=np.arange(84) // 14)
    assert main(["ledger", *paths, "--test", str(samples), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in document["rows"]] == ["int8", "int8-slim"]
    assert document["recommendation"] is None
    graph = read(paths[1])
    assert document["rows"][1]["sha256"] == graph.sha256
    assert main(["ledger", *paths]) == 2
    assert "accuracy needs samples: give --test NPZ" in capsys.readouterr().err


def test_samples_of_ones_own_are_scored_as_the_study_scores_them(tmp_path, capsys):
    study, test = find_study("watch-exercises"), load_dataset("watch-exercises").test
    model, samples = tmp_path / "int8.tflite", tmp_path / "own.npz"
    model.write_bytes(study.open().read("int8"))
    np.savez(samples, x=test.x, y=test.y, groups=test.groups, recordings=test.recordings)
    assert main(["ledger", str(model), "--test", str(samples), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    (known,) = study.ledger("nucleo-l4r5zi", "int8").to_json()["rows"]
    assert row["accuracy"] == known["accuracy"]


def test_the_tool_writes_studies(tmp_path, monkeypatch):
    made: list[str] = []
    one: CompressionStudy = find_study("watch-exercises")
    monkeypatch.setattr(studies_tool, "studies", lambda: {one.name: one})
    monkeypatch.setattr(studies_tool, "load_dataset", made.append)
    monkeypatch.setattr(studies_tool, "make_study", lambda study, folder, data, *, say: study.open())
    assert studies_tool.main("studies", str(tmp_path)) == 0
    assert made == ["watch-exercises"]
    shipped = sorted(path.name for path in (tmp_path / one.name).iterdir())
    assert shipped == sorted(path.name for path in shipped_path("data", "studies", one.name).iterdir())


def test_scoring_again_gives_variants_for_a_ledger_of_ones_own():
    study = find_study("watch-exercises")
    test = load_dataset(study.task).test.take(40)
    (scored,) = study.score(test, BOARD, "int8")
    graph = read(study.open().read("int8"))
    assert scored.predicted == weigh_variant(graph, test, scored_board(), name="int8", note="").predicted


def scored_board():
    return importlib.import_module("tinykit.target.boards").board(BOARD)
