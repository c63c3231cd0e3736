"""A search with real trainings: what a worker does, what it must not look at, and what is made of a choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.exploring import FIT, make_data, make_space
from tinykit.choose.exploration import exploring, search
from tinykit.choose.exploration.candidate import COMPRESSIONS, PRECISIONS, Candidate
from tinykit.choose.exploration.exploring import explore
from tinykit.choose.exploration.space import Space
from tinykit.choose.exploration.training_job import keep_dataset, load_source, make_model, open_test, score_fold
from tinykit.ground.errors import ParameterError
from tinykit.model.graph.reading import read
from tinykit.model.record import hash_bytes
from tinykit.predict.packing.cost import has_decode
from tinykit.train.architecture.value import Architecture, Block
from tinykit.train.compress.recipe import Training
from tinykit.train.datasets.shipped import load_dataset
from tinykit.train.fronts.front import Front

SMALL = Architecture((Block("conv", 8, 5, stride=2),))
RUNG = {"fold": 0, "folds": 3, "dealt": 0, "seed": 1, "epochs": 3}


def test_a_candidate_is_its_plain_values_and_two_alike_have_one_hash():
    one = Candidate(SMALL, FIT, Front(window_s=1.0), precision="int8 QAT", compression="sparse")
    again = Candidate.from_json(one.to_json())
    assert again == one
    assert again.sha256 == one.sha256
    assert Candidate(SMALL, FIT).sha256 != one.sha256
    assert str(one) == "1 s windows; conv 8×5/2 → average; int8 QAT; sparse"
    with pytest.raises(ParameterError, match="precision 'int4' of a candidate; allowed: int8, int8 QAT, int16x8"):
        Candidate(SMALL, FIT, precision="int4")
    with pytest.raises(ParameterError, match="compression 'gzip' of a candidate; allowed: none, sparse, grid"):
        Candidate(SMALL, FIT, compression="gzip")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_steps_of_a_candidate_follow_each_other_and_tell_where_they_are_from(precision, compression):
    steps = Candidate(SMALL, FIT, precision=precision, compression=compression).steps(7, trial="tpe 3")
    assert [step.parent for step in steps[1:]] == [step.name for step in steps[:-1]]
    assert (steps[0].name, steps[-1].name) == ("float", "int8")
    assert all(step.choices["trial"] == "tpe 3" for step in steps)
    assert ("qat" in [step.name for step in steps]) == (precision == "int8 QAT")
    assert (steps[-1].action == "decode") == (compression != "none")
    patient = Candidate(SMALL, replace(FIT, patience=2), precision=precision, compression=compression).steps(7)
    asked = {step.action for step in patient if "patience" in step.choices}
    assert asked == {step.action for step in steps} - {"prune", "convert", "decode"}


def test_blocks_beyond_the_depth_make_no_other_candidate():
    space = make_space()
    first = dict.fromkeys(space.axes, 0)
    assert space.candidate(first).sha256 == space.candidate({**first, "width3": 1, "kernel2": 1}).sha256
    assert space.candidate(first).sha256 != space.candidate({**first, "width0": 1}).sha256


def test_window_and_rate_of_a_signal_and_the_side_of_a_picture_may_vary():
    watch, digits, vowels = (
        Space.of(load_dataset(task), Training(2, 1e-3)) for task in ("watch-exercises", "digits", "vowels")
    )
    assert watch.axes["window_s"] == (1.0, 1.5, 2.0, 3.0)
    assert watch.axes["rate_hz"] == (25.0, 50.0)
    assert watch.axes["features"] == ("none", "fft")
    assert digits.axes["side"] == (14, 28)
    assert {vowels.axes[name] for name in ("window_s", "rate_hz", "side")} == {(None,)}
    at = {**dict.fromkeys(watch.axes, 0), "rate_hz": 1}
    shape = load_source({"task": "watch-exercises"}, watch.candidate(at).front).input_shape
    assert shape == (50, 1, 6)
    spectrum = {**at, "features": 1, "bands": 1}
    assert load_source({"task": "watch-exercises"}, watch.candidate(spectrum).front).input_shape == (1, 16, 6)
    hashes = {watch.candidate({**at, "features": kind, "bands": bands}).sha256 for kind in (0, 1) for bands in (0, 1)}
    assert len(hashes) == 3  # without features their bands are no choice


def test_a_dataset_goes_to_workers_as_it_is(tmp_path):
    data = make_data()
    again = load_source(keep_dataset(data, tmp_path))
    assert (again.name, again.classes, again.rate_hz) == (data.name, data.classes, data.rate_hz)
    for name, split in data.splits.items():
        np.testing.assert_allclose(again.splits[name].x, split.x, atol=1e-5)
        np.testing.assert_array_equal(again.splits[name].y, split.y)
        assert len(np.unique(again.splits[name].groups)) == len(np.unique(split.groups))


def test_the_front_of_a_dataset_goes_with_it(tmp_path):
    """Its samples are features already; firmware of what a search chooses computes them of what is recorded."""
    data = load_dataset("watch-exercises", Front(features="fft", bands=8, channels=(1,)))
    again = load_source(keep_dataset(data, tmp_path))
    assert (again.front, again.recorded, again.bound) == (data.front, (100, 6), data.bound)
    np.testing.assert_allclose(again.test.x, data.test.x, atol=1e-5)
    small = load_dataset("digits", Front(side=14))
    assert load_source(keep_dataset(small, tmp_path)).front == small.front
    plain = keep_dataset(make_data(), tmp_path)
    assert not {"front", "recorded"} & {*plain}


def test_what_a_fold_comes_to_does_not_hang_on_the_test_split(tmp_path):
    found = []
    for mixed in (False, True):
        (folder := tmp_path / str(mixed)).mkdir()
        source = keep_dataset(make_data(mixed_test=mixed), folder)
        found.append(score_fold(source, Candidate(SMALL, FIT).to_json(), RUNG))
    assert {**found[0], "seconds": 0} == {**found[1], "seconds": 0}
    assert sum(found[0]["n"]) > 80
    assert found[0]["groups"]


def test_a_study_with_real_trainings_ends_in_a_record_with_the_bytes_that_were_tested(tmp_path, monkeypatch):
    for name, value in (("FOLDS", 2), ("SEEDS", 1)):
        monkeypatch.setattr(search, name, value)
    monkeypatch.setattr(exploring, "SEEDS", 1)
    space = make_space(depth=(1,), kind=("conv",), precision=("int8",))
    study = explore(make_data(), trials=3, folder=tmp_path / "study", space=space, progress=lambda *_: None)
    chosen = study.chosen
    tested = (tmp_path / "study" / f"{chosen.name}.tflite").read_bytes()
    assert read(tested).operators
    assert chosen.accuracy.n == len(make_data().test)
    assert chosen.accuracy.fraction > 0.4  # of three classes
    record = study.pick(chosen.name, tmp_path / "picked")
    assert record.stage("int8").sha256 == hash_bytes(tested)
    for stage in ("float", "int8"):
        recipe = record.stage(stage).recipe
        assert (recipe["trial"], recipe["seeds"], recipe["study"]) == (chosen.name, [1], str(study.folder))
    assert record.stage("float").recipe["architecture"]["blocks"]


@pytest.mark.parametrize(("precision", "compression"), [("int8 QAT", "sparse"), ("int8", "grid"), ("int16x8", "none")])
def test_other_precisions_and_forms_are_made_and_scored(tmp_path, precision, compression):
    data = make_data()
    wide = Architecture((Block("conv", 48, 7), Block("conv", 64, 7)))  # where to decode pays
    candidate = Candidate(wide, Training(3, 3e-3, 32), precision=precision, compression=compression)
    graph = read(make_model(candidate, data, 1))
    assert has_decode(graph) == (compression != "none")
    found = open_test(keep_dataset(data, Path(tmp_path)), candidate.to_json(), 1)
    assert found["accuracy"]["n"] == len(data.test)


def test_a_front_of_the_source_holds_where_a_candidate_leaves_it_open():
    source = {"task": "watch-exercises", "front": {"features": "fft", "bands": 8, "rate_hz": 25.0}}
    assert load_source(source).input_shape == (1, 8, 6)
    kept = load_source(source, Front(window_s=3.0)).front
    assert (kept.window_s, kept.rate_hz, kept.features, kept.bands) == (3.0, 25.0, "fft", 8)
    assert load_source(source, Front(bands=16)).input_shape == (1, 16, 6)


def test_sound_may_be_heard_as_a_spectrogram(tmp_path):
    noise = np.random.default_rng(0).normal(size=(24, 4000, 1))
    np.savez(tmp_path / "sound.npz", x=noise, y=np.arange(24) % 2, groups=np.arange(24) // 2)
    source = {"npz": str(tmp_path / "sound.npz"), "rate_hz": 8000.0}
    axes = Space.of(load_source(source), Training(2, 1e-3)).axes
    assert (axes["features"], axes["bands"]) == (("none", "log-mel", "mfcc"), (20, 40))
    assert load_source(source, Front(features="log-mel", bands=20)).input_shape == (32, 20, 1)
