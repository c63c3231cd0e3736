"""The main job on a tiny task: every stage recorded, resumed when nothing changed, and told in the report."""

from __future__ import annotations

import importlib
import re

import numpy as np
import pytest

from tests.models import small_cnn
from tinykit.budget.assessment.chain import assess
from tinykit.budget.assessment.use import Use
from tinykit.choose.design.actions import read_fit
from tinykit.choose.design.outcome import DesignGoal
from tinykit.choose.design.run import keep_measurement, prove_on_board, run_design
from tinykit.choose.design.steps import Step
from tinykit.ground.errors import (
    DataError,
    EngineError,
    OutputError,
    ParameterError,
    UnknownBoardError,
    UnknownFactError,
    UnknownTaskError,
    judge_failure,
)
from tinykit.ground.facts import shipped_path
from tinykit.model.graph.reading import read
from tinykit.model.record import open_record
from tinykit.show.report.render import write_report
from tinykit.target.boards import board
from tinykit.train.compress.quantising import judge_steps
from tinykit.train.compress.recipe import Recipe, Training
from tinykit.train.datasets.dataset import Dataset, Normalisation, Split
from tinykit.train.datasets.shipped import tasks
from tools import studies as studies_tool

QUICK = Recipe(Training(2, 2e-3), Training(3, 1e-3), Training(1, 3e-4))
RUN = importlib.import_module("tinykit.choose.design.run")


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"task": "watch-exercise"}, UnknownTaskError, "watch-exercises"),
        ({"target": "nucleo-l4r5z"}, UnknownBoardError, "nucleo-l4r5zi"),
        ({"target": 3}, ParameterError, "board 3: give a catalogue id"),
    ],
)
def test_a_goal_that_cannot_be_met_is_refused_before_anything_runs(changes, error, text):
    with pytest.raises(error, match=text):
        DesignGoal(**changes)


def tiny_task() -> Dataset:
    rng = np.random.default_rng(3)

    def split(groups: tuple[int, ...], each: int) -> Split:
        y = np.tile(np.arange(7), len(groups) * each)
        owner = np.repeat(np.array(groups), 7 * each)
        x = rng.normal(0, 0.3, (len(y), 100, 1, 6)).astype(np.float32)
        x[np.arange(len(y)), :, 0, y % 6] += y[:, None].astype(np.float32) - 3
        return Split(x, y, owner, owner * 100 + y)

    return Dataset(
        name="watch-exercises",
        classes=tuple("abcdefg"),
        train=split((1, 2, 3), 10),
        validation=split((4,), 4),
        test=split((5, 6), 6),
        normalisation=Normalisation((0.0,) * 6, (1.0,) * 6),
        rate_hz=50.0,
        sha256="0" * 64,
        source="made for a test",
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A design on the tiny task, run twice: its outcome, folder, and what was said each time."""
    patch = pytest.MonkeyPatch()
    data = tiny_task()
    patch.setattr(RUN, "load_dataset", lambda task: data)
    folder = tmp_path_factory.mktemp("design")
    said: list[list[str]] = [[], []]
    outcome = run_design(DesignGoal(), folder, progress=said[0].append, recipe=QUICK)
    again = run_design(DesignGoal(), folder, progress=said[1].append, recipe=QUICK)
    yield outcome, again, folder, said
    patch.undo()


@pytest.mark.parametrize("task", tasks())
def test_each_task_trains_for_steps_enough_unless_told_otherwise(task, monkeypatch, tmp_path):
    """Twelve epochs of 225 or 100 samples left the float networks of vowels and faces at chance."""
    followed: list[Step] = []
    monkeypatch.setattr(RUN, "follow", lambda record, steps, data, *, say, stopped: followed.extend(steps))
    data, _ = RUN.make_models(DesignGoal(task=task), tmp_path, progress=lambda line: None)
    trained = [step for step in followed if step.action != "convert"]
    steps = {step.name: read_fit(step.choices).steps(len(data.train.x)) for step in trained}
    assert set(steps) == {"float", "pruned", "pqat"}
    assert min(steps["float"], steps["pruned"]) >= 250
    assert not any("steps of QAT are few" in note for note in judge_steps(steps["pqat"]))


def test_every_stage_is_recorded_with_its_parent_and_hash(finished):
    outcome, _, folder, _ = finished
    record = open_record(folder)
    parents = {name: stage.parent for name, stage in record.stages.items()}
    assert parents["pruned"] == "float"
    assert parents["pqat"] == "pruned"
    assert parents["int8"] == "pqat"
    for name, stage in record.stages.items():
        if stage.artefact:
            assert record.read(name), name
    assert record.stages["verdict"].results["fit"]["board"] == outcome.goal.target.board.id


def test_the_chosen_model_is_int8_inside_and_out_and_kept_its_zeros(finished):
    outcome, _, _, _ = finished
    graph = outcome.chosen.graph
    assert graph.precision == "int8"
    assert [graph.tensors[index].dtype for index in (*graph.inputs, *graph.outputs)] == ["int8", "int8"]
    assert outcome.chosen.zeros == pytest.approx(0.75, abs=0.03)
    assert outcome.variants[0].zeros < 0.02


def test_pruning_alone_leaves_the_flatbuffer_as_large_as_it_was(finished):
    outcome, _, _, _ = finished
    sizes = {variant.name: variant.sizes for variant in outcome.variants}
    assert sizes["pruned-float32"].flatbuffer_bytes == sizes["float32"].flatbuffer_bytes
    assert sizes["pruned-float32"].gzip_bytes < sizes["float32"].gzip_bytes


def test_a_second_run_takes_every_stage_over_and_comes_to_the_same(finished):
    outcome, again, _, said = finished
    assert sum("as recorded" in line for line in said[0]) == 0
    assert sum("as recorded" in line for line in said[1]) == 6
    assert again.chosen.graph.sha256 == outcome.chosen.graph.sha256
    assert again.summary() == outcome.summary()


def test_a_damaged_artefact_is_made_again(finished):
    _, _, folder, _ = finished
    target = folder / "int8.tflite"
    whole = target.read_bytes()
    target.write_bytes(whole[:-1] + b"x")
    said: list[str] = []
    mended = run_design(DesignGoal(), folder, progress=said.append, recipe=QUICK)
    assert any(line.startswith("int8: converting") for line in said)
    assert mended.chosen.graph.data == whole


def test_the_firmware_carries_model_hash_accuracy_and_normalisation(finished):
    outcome, _, folder, _ = finished
    header = (folder / "firmware" / "src" / "model.h").read_text()
    assert outcome.chosen.graph.sha256 in header
    assert str(outcome.chosen.accuracy.n) in header
    assert "kInputMean[] = {0.0f" in header


def test_the_report_is_one_page_that_loads_nothing_and_tells_each_figure(finished):
    outcome, _, _, _ = finished
    page = write_report(outcome).read_text()
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!data:)", page)
    assert "http" not in re.sub(r"github\.com\S*|https?://\S+ ?\)", "", page).split("<body>")[0]
    assert page.count("data:image/png;base64,") == 7
    for variant in outcome.variants:
        assert f"{variant.accuracy.fraction:.3f}" in page
    assert outcome.chosen.graph.sha256 in page
    assert all(report.board.id in page for report in outcome.fits)
    assert all(str(one) in page for one in outcome.assessment.settle())
    assert "What would settle it, the most telling measurement first" in page


def test_the_deployed_model_is_proven_on_the_virtual_board(finished):
    outcome, _, folder, _ = finished
    assert not isinstance(outcome.proof, str), outcome.proof
    assert outcome.proof.equal
    page = write_report(outcome).read_text()
    assert "outputs equal to TFLM, byte for byte" in page
    assert all(str(value) in page for value in outcome.proof.proof().values())
    kept = open_record(folder).stages["verdict"].results["proof"]
    assert kept["model_sha256"] == outcome.chosen.graph.sha256


def test_a_board_that_cannot_be_emulated_is_said_in_words(finished):
    outcome, _, _, _ = finished
    told = prove_on_board(outcome.chosen.graph, tiny_task().test, board("esp32-s3-devkitc-1"))
    assert isinstance(told, str)
    assert "xtensa-lx7" in told


def test_what_this_machine_lacks_is_no_word_of_a_record(monkeypatch):
    graph = read(shipped_path("data", "checkpoints", "watch-exercises", "int8.tflite"))

    def fail(*_):
        raise EngineError("the emulator ended (status 1): Could not allocate dynamic translator buffer")

    monkeypatch.setattr(RUN, "run_on_board", fail)
    with pytest.raises(EngineError, match="translator buffer") as caught:
        prove_on_board(graph, tiny_task().test, board("nucleo-l4r5zi"))
    assert judge_failure(caught.value)[0] == 3


def test_what_a_real_board_said_enters_the_record_as_measured(finished):
    outcome, _, folder, _ = finished
    digits = outcome.chosen.graph.sha256[:12]
    lines = [
        f"TINYKIT selftest v1 model={digits} target=c kernels=portable vectors=1 arena=2432 clock_hz=80000000",
        f"TINYKIT selftest v1 model={digits} vector=0 equal=1 cycles=800000",
        f"TINYKIT selftest v1 model={digits} failed=0",
    ]
    record = keep_measurement(open_record(folder), "\n".join(lines))
    results = open_record(folder).stages["measured"].results
    assert record.stages["measured"].parent == "int8"
    assert (results["equal"], results["latency_s"]["basis"]) == (True, "measured")
    assert results["latency_s"]["value"] == pytest.approx(0.01, rel=1e-9)
    with pytest.raises(DataError, match="the board ran model 000000000000"):
        keep_measurement(record, "\n".join(lines).replace(digits, "0" * 12))


def test_the_summary_names_every_variant_the_verdict_and_the_life(finished):
    outcome, _, _, _ = finished
    text = "\n".join(outcome.summary())
    assert all(variant.name in text for variant in outcome.variants)
    assert outcome.fit.verdict.replace("_", " ") in text
    assert str(outcome.budget.battery_life_s) in text


def test_checkpoints_are_the_record_and_its_models(finished, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(studies_tool, "make_models", lambda goal, folder, *, progress: made.append((goal.task, folder)))
    studies_tool.write_checkpoints(DesignGoal(), tmp_path, progress=lambda line: None)
    assert made == [("watch-exercises", tmp_path / "watch-exercises")]


def test_the_shipped_checkpoints_are_whole_and_of_this_recipe():
    record = open_record(shipped_path("data", "checkpoints", "watch-exercises"))
    assert {"float", "pruned", "pqat", "float32", "pruned-float32", "int8-ptq", "int8"} <= set(record.stages)
    assert all(record.read(name) for name, stage in record.stages.items() if stage.artefact)
    assert record.stages["pruned"].recipe["sparsity"] == Recipe().sparsity
    assert record.stages["float"].recipe["epochs"] == Recipe().train.epochs


def test_a_folder_that_cannot_be_written_is_found_out_before_training(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        run_design(DesignGoal(), blocked / "design", progress=lambda line: None)


def test_a_board_without_known_latency_ends_in_a_clear_error():
    found = assess(read(small_cnn()), "gap9-evk", Use(period_s=1.0))
    assert (found.budget, found.heat) == (None, None)
    with pytest.raises(UnknownFactError, match=r"latency on gap9-evk is unknown.*\n.*--latency S"):
        found.complete()
