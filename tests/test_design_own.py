"""The main job on data of one's own: record, report and firmware name these, and never a task that ships."""

from __future__ import annotations

import filecmp
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinykit.budget import FrontEnd, Use
from tinykit.choose.design.outcome import DesignGoal
from tinykit.choose.design.own import GIVEN, choose_network, describe_data, own_recipe, start_from, tell_data
from tinykit.choose.design.run import make_models
from tinykit.choose.design.steps import chain_steps, read_steps
from tinykit.choose.exploration.training_job import load_source
from tinykit.ground.errors import DataError, ModelError, ParameterError, TinykitError
from tinykit.ground.facts import shipped_path
from tinykit.model.record import DesignRecord, Stage, open_record
from tinykit.show.cli.main import make_parser
from tinykit.show.cli.own import own_source, read_own
from tinykit.show.cli.program import main
from tinykit.train.compress.recipe import RECIPE, Training
from tinykit.train.compress.training import evaluate, train
from tinykit.train.conversion.keras_file import save_model
from tinykit.train.datasets.card import card_names, read_card
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.own import read_folder
from tinykit.train.fronts.front import Front
from tinykit.train.zoo import build_network
from tools import samples

GESTURES = shipped_path("data", "samples", "gestures")
NET = """
from tinykit.train import load_keras

def build(input_shape, classes):
    layers = load_keras().layers
    return load_keras().Sequential([
        layers.Input(input_shape), layers.Conv2D(4, (5, 1), strides=(4, 1), activation="relu"), layers.Flatten(),
        layers.Dense(classes, activation="softmax"),
    ])
"""


@pytest.fixture(scope="module")
def gestures() -> Dataset:
    return read_folder(GESTURES, rate_hz=samples.RATE_HZ, window_s=2.0)


def copy_as(name: str, folder: Path) -> Path:
    """The gestures under other names of folder and classes."""
    for place, (gesture, other) in enumerate(zip(sorted(samples.GESTURES), (name, "b & c", "d"), strict=True)):
        (folder / name / (other if place else f"{name} a")).mkdir(parents=True)
        for path in sorted((GESTURES / gesture).glob("*.csv")):
            os.link(path, folder / name / (other if place else f"{name} a") / path.name)
    return folder / name


def mention(folder: Path) -> str:
    """All text that a design leaves."""
    paths = [path for path in folder.rglob("*") if path.suffix not in (".tflite", ".h5") and path.is_file()]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)


def test_the_sample_folder_is_made_again_to_the_byte_and_says_that_it_is_synthetic(tmp_path):
    samples.make(tmp_path)
    for gesture in samples.GESTURES:
        names = [path.name for path in (GESTURES / gesture).iterdir()]
        assert filecmp.cmpfiles(GESTURES / gesture, tmp_path / gesture, names, shallow=False)[0] == names
        assert len(names) == len(samples.PEOPLE)
    assert (GESTURES / "README.md").read_text(encoding="utf-8").startswith("# Gestures, synthetic")


@pytest.fixture(scope="module")
def designed(tmp_path_factory) -> tuple[int, Path]:
    """A design by the command, of a folder whose names are hostile to HTML, C and a terminal, and bear a task's."""
    folder = tmp_path_factory.mktemp("own")
    data, out = copy_as("vowels<i>*", folder), folder / "out"
    arguments = ["design", "--data", str(data), "--rate", "25", "--window", "2", "--epochs", "1", "--out", str(out)]
    return main(arguments), out


def test_a_folder_becomes_record_models_report_and_firmware_under_its_own_name(designed):
    status, out = designed
    assert status == 0
    record = open_record(out, "vowels<i>*")
    assert {"float", "pruned", "pqat", "int8", "verdict"} <= set(record.stages)
    assert record.stages["float"].recipe["network"] == "watch-cnn"
    told = record.stages["float"].recipe["data"]
    assert (told["source"], told["shape"]) == ("folder vowels<i>*", [50, 1, 3])
    assert (out / "firmware" / "README.md").is_file()
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "<h1>vowels&lt;i&gt;* on NUCLEO-L4R5ZI" in report
    assert "Classes: b &amp; c, d, vowels&lt;i&gt;* a." in report
    assert "No data card describes them" in report
    assert "<i>" not in report


def test_nothing_of_it_is_taken_for_a_task_that_ships(designed):
    text = mention(designed[1])
    for name in card_names():
        card = read_card(name)
        for word in (card.title, card.licence, card.source, card.reference, *card.does_not_represent):
            assert word not in text, word
    assert "watch-exercises" not in text
    assert "no sensor is counted" in text, "a folder named vowels has no microphone by its name"


def test_names_reach_c_as_identifiers_alone(designed):
    for path in (designed[1] / "firmware").rglob("*"):
        if path.suffix in (".c", ".cc", ".cpp", ".h", ".txt", ".ino"):
            assert "<i>" not in path.read_text(encoding="utf-8", errors="replace"), path


def test_the_same_again_trains_nothing_and_another_split_trains_anew(designed, capsys):
    out = designed[1]
    goal = DesignGoal(data=read_folder(out.parent / "vowels<i>*", rate_hz=25.0, window_s=2.0))
    said: list[str] = []
    make_models(goal, out, progress=said.append, recipe=own_recipe(goal.data, 1))
    assert not [line for line in said if "training" in line or "converting" in line]
    assert "float: as recorded" in said
    other = DesignGoal(data=read_folder(out.parent / "vowels<i>*", rate_hz=25.0, window_s=2.0, seed=5))
    assert other.data.sha256 == goal.data.sha256, "the same samples, dealt to other splits"
    assert describe_data(other.data) != describe_data(goal.data)


def record_in(folder: Path, data: Dataset) -> DesignRecord:
    return open_record(folder, data.name, data_sha256=data.sha256, tools={})


def test_a_network_of_the_zoo_or_the_one_that_suits(gestures, tmp_path):
    said: list[str] = []
    record, start = start_from(record_in(tmp_path, gestures), "zoo:digits-cnn", gestures, said.append)
    assert (start["network"], record.stages) == ("digits-cnn", {})
    assert start_from(record, "", gestures, said.append)[1]["network"] == "watch-cnn"
    assert said == ["network: digits-cnn of the zoo", "network: of the zoo, by the shape of a sample"]


def test_a_file_of_a_network_becomes_the_first_stage_and_is_trained_on(gestures, tmp_path):
    network = build_network("watch-cnn", input_shape=gestures.input_shape, classes=3, seed=4)
    for name in ("own.keras", "own.h5"):
        file, out = save_model(network, tmp_path / name), tmp_path / f"{name}.out"
        record, start = start_from(record_in(out, gestures), str(file), gestures, lambda line: None)
        assert "network" not in start
        assert record.stages[GIVEN].recipe["file"] == name
        again, _ = start_from(record, str(file), gestures, pytest.fail)
        assert again.stages[GIVEN] == record.stages[GIVEN]


def test_a_python_file_is_run_and_that_is_said(gestures, tmp_path):
    (tmp_path / "net.py").write_text(NET)
    said: list[str] = []
    record, _ = start_from(record_in(tmp_path / "out", gestures), str(tmp_path / "net.py"), gestures, said.append)
    assert said == ["network: net.py, code of yours, which is run"]
    first = record.stages[GIVEN].sha256
    (tmp_path / "net.py").write_text(NET + "# changed\n")
    record, _ = start_from(record, str(tmp_path / "net.py"), gestures, said.append)
    assert len(said) == 2, "another file is run again"
    assert len(first) == 64


def test_a_design_from_a_file_of_ones_own_says_whose_weights_it_went_on_from(gestures, tmp_path):
    (tmp_path / "net.py").write_text(NET)
    goal = DesignGoal(data=gestures, network=str(tmp_path / "net.py"))
    said: list[str] = []
    _, record = make_models(goal, tmp_path / "out", progress=said.append, recipe=own_recipe(gestures, 1))
    assert record.stages["float"].parent == GIVEN
    assert record.stages["float"].recipe["made_from"] == record.stages[GIVEN].sha256
    with pytest.raises(ParameterError, match="action 'given'"):
        read_steps(record, "int8")
    made = len(said)
    make_models(goal, tmp_path / "out", progress=said.append, recipe=own_recipe(gestures, 1))
    assert not [line for line in said[made:] if "training" in line or "code of yours" in line]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("def build(:", "net.py: SyntaxError"),
        ("x = 1", "net.py: KeyError: 'build'\ngive a function build"),
        ("def build(a, b): return 1 / 0", "net.py: ZeroDivisionError"),
        ("def build(a, b): return 3", "int is not a tf-keras model"),
        ("raise SystemExit", "net.py: SystemExit"),
        (NET.replace("Dense(classes", "Dense(classes + 1"), "3 classes, the model gives"),
        (NET.replace("Input(input_shape)", "Input((40, 1, 3))"), "the model takes"),
    ],
)
def test_a_python_file_that_builds_none(gestures, tmp_path, content, text):
    (tmp_path / "net.py").write_text(content)
    with pytest.raises(TinykitError, match=text):
        start_from(record_in(tmp_path / "out", gestures), str(tmp_path / "net.py"), gestures, lambda line: None)
    assert not (tmp_path / "out" / "record.toml").exists()


@pytest.mark.parametrize(
    ("network", "error", "text"),
    [
        ("watch-cnn", ParameterError, r"model 'watch-cnn' is none to train: .* or zoo:NAME; .*watch-cnn"),
        ("study:17", ParameterError, "model 'study:17' is none to train"),
        ("net.tflite", ParameterError, "give a .keras or .h5 file, a .py of yours"),
        ("none.keras", ModelError, "none.keras: cannot be read"),
    ],
)
def test_what_is_no_network_to_train_is_told(gestures, tmp_path, monkeypatch, network, error, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text):
        start_from(record_in(tmp_path, gestures), network, gestures, lambda line: None)


def shaped(data: Dataset, *shape: int) -> Dataset:
    parts = {name: type(part)(np.resize(part.x, (len(part), *shape)), part.y, part.groups, part.recordings)
             for name, part in data.splits.items()}  # fmt: skip
    return Dataset(
        data.name, data.classes, **parts, normalisation=data.normalisation, rate_hz=None, sha256="", source=""
    )


@pytest.mark.parametrize(
    ("shape", "network"),
    [
        ((8, 1, 3), "watch-cnn"),
        ((16000, 1, 1), "watch-cnn"),
        ((28, 28, 3), "digits-cnn"),
        ((4, 5, 1), "digits-cnn"),
        ((1, 1, 9), "row-dense"),
        ((1, 40, 3), "row-dense"),
        ((1, 2048, 1), "row-dense"),
    ],
)
def test_the_network_by_the_shape_can_be_built(gestures, shape, network):
    data = shaped(gestures, *shape)
    assert choose_network(data) == network
    assert build_network(network, input_shape=shape, classes=3).output_shape == (None, 3)


def test_spectra_of_whole_windows_are_learnt_by_the_network_that_is_chosen():
    """Chance is a third; a person's gestures differ in rhythm, which a spectrum shows."""
    spectra = read_folder(GESTURES, rate_hz=samples.RATE_HZ, window_s=2.0, front=Front(features="fft", bands=12))
    own = build_network(choose_network(spectra), input_shape=spectra.input_shape, classes=3, seed=0)
    assert evaluate(train(own, spectra, Training(30, 5e-3, 32)).model, spectra.test).low > 0.5


@pytest.mark.parametrize("shape", [(7, 1, 2), (3, 30, 1), (2, 40, 3)])
def test_no_network_is_guessed_for_what_suits_none(gestures, shape):
    with pytest.raises(ParameterError, match=r"no network suits samples of .*\nname one: --model zoo:NAME"):
        choose_network(shaped(gestures, *shape))


def test_few_samples_are_trained_for_steps_enough_unless_told(gestures):
    recipe = own_recipe(gestures)
    assert recipe.train.steps(len(gestures.train)) == 300  # 60 epochs are the most
    assert recipe.train.epochs == 60
    assert recipe.prune.epochs == 50
    short = own_recipe(gestures, 2)
    assert (short.train.epochs, short.prune.epochs, short.quantise.epochs) == (2, 2, 1)
    assert (RECIPE.sparsity, RECIPE.seed) == (short.sparsity, short.seed)
    early = own_recipe(gestures, patience=3)
    assert (early.train.patience, early.prune.patience, early.quantise.patience) == (3, None, 3)
    assert replace(early, train=recipe.train, quantise=recipe.quantise) == recipe
    steps = {step.name: step.choices for step in chain_steps(gestures.name, early, {"network": "watch-cnn"})}
    assert [steps[name].get("patience") for name in ("float", "pruned", "pqat")] == [3, None, 3]


def test_what_is_told_of_the_data(gestures):
    told = tell_data(gestures)
    assert told.startswith("216 samples of (50, 1, 3): ")
    assert "test (groups: 2). Classes: circle, shake, still." in told


def options(*arguments: str):
    return make_parser().parse_args(["design", *map(str, arguments)])


def test_options_become_a_dataset(tmp_path):
    data = read_own(options("--data", GESTURES, "--rate", "25", "--window", "1", "--step", "1", "--groups", "file"))
    assert data.input_shape == (25, 1, 3)
    assert sum(len(np.unique(part.groups)) for part in data.splits.values()) == 24
    (tmp_path / "classes.txt").write_text("still\nshake\n")
    two = read_own(options("--data", GESTURES, "--rate", "25", "--classes", tmp_path / "classes.txt"))
    assert two.classes == ("still", "shake")
    spectra = read_own(
        options("--data", GESTURES, "--rate", "25", "--window", "2", "--features", "fft", "--bands", "12")
    )
    assert (spectra.front.features, spectra.input_shape) == ("fft", (1, 12, 3))
    assert read_own(options()) is None


def test_a_search_takes_the_same_data_as_a_design(tmp_path):
    (tmp_path / "classes.txt").write_text("still\nshake\n")
    told = ["--data", str(GESTURES), "--rate", "25", "--window", "1", "--features", "fft", "--bands", "8"]
    told += ["--groups", "file", "--classes", str(tmp_path / "classes.txt")]
    source = own_source(make_parser().parse_args(["explore", *told]))
    assert source == own_source(options(*told))
    assert load_source(source).sha256 == read_own(options(*told)).sha256
    assert load_source(source).input_shape == (1, 8, 3)
    with pytest.raises(ParameterError, match=r"--task digits beside --data .*: give one of them"):
        own_source(make_parser().parse_args(["explore", "--task", "digits", *told]))
    with pytest.raises(ParameterError, match="--step goes with --data"):
        own_source(make_parser().parse_args(["explore", "--step", "1"]))


def test_the_budget_of_own_data_counts_the_front_that_its_firmware_computes():
    spectra = read_folder(
        GESTURES, rate_hz=samples.RATE_HZ, front=Front(2.02, features="fft", bands=8, channels=(2, 0))
    )
    assert spectra.bound.shape == spectra.input_shape == (1, 8, 2)
    goal = DesignGoal(data=spectra)
    assert goal.use.front_end == FrontEnd("fft", 2, spectra.bound.samples, 8, 10, "int32")
    own = DesignGoal(data=spectra, use=Use(period_s=2.0, front_end=FrontEnd("none")))
    assert own.use.front_end == FrontEnd("none")
    assert DesignGoal(data=replace(spectra, front=None)).use.front_end is None


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("--rate", "25"), ParameterError, "--rate goes with --data; a task that ships has its own"),
        (("--model", "zoo:watch-cnn"), ParameterError, "--model goes with --data"),
        (("--grey",), ParameterError, "--grey goes with --data"),
        (("--patience", "3"), ParameterError, "--patience goes with --data"),
        (("--data", GESTURES, "--rate", "25", "--task", "digits"), ParameterError, "--task digits beside --data"),
        (("--data", GESTURES, "--window", "2"), ParameterError, "--window with gestures: say the --rate too"),
        (("--data", GESTURES), DataError, "no .png .*; add pictures, or say the rate of recordings"),
        (("--data", "x.npz", "--groups", "file"), ParameterError, "--groups with x.npz: an .npz holds windows"),
        (("--data", "none.npz"), DataError, "none.npz: no such file"),
        (("--data", "none", "--rate", "25"), DataError, "none: no such folder"),
        (("--data", GESTURES, "--rate", "25", "--features", "wavelet"), ParameterError, "features 'wavelet'"),
        (("--data", GESTURES, "--rate", "30"), DataError, "sampled at 25 Hz, expected 30 Hz"),
        (("--data", GESTURES, "--rate", "25", "--window", "0"), ParameterError, "window_s 0.* must be above 0"),
        (("--data", GESTURES, "--rate", "25", "--groups", "who"), DataError, "no column 'who'"),
    ],
)
def test_options_that_do_not_suit_are_told(arguments, error, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text):
        read_own(options(*arguments))


def test_a_record_of_other_data_is_kept(gestures, tmp_path):
    record_in(tmp_path, gestures).with_stage(Stage("float"))
    with pytest.raises(TinykitError, match="a record of task 'gestures', not 'watch-exercises'"):
        open_record(tmp_path, "watch-exercises")
