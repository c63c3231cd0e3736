"""A stopped or killed training goes on to the same bits, or leaves its best epoch, or is begun anew: as asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_design import tiny_task
from tinykit.ground.errors import ParameterError
from tinykit.ground.limits import MEMBERS
from tinykit.train.compress import resuming
from tinykit.train.compress.clustering import cluster
from tinykit.train.compress.pruning import prune
from tinykit.train.compress.quantising import quantise_aware
from tinykit.train.compress.recipe import Training
from tinykit.train.compress.resuming import TrainingStopped, after_stop
from tinykit.train.compress.training import Trained, train
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras
from tinykit.train.zoo import build_network

FIT = Training(3, 4e-3, 32)
HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def data() -> Dataset:
    whole = tiny_task()
    return replace(whole, train=whole.train.take(90), validation=whole.validation.take(30))  # a last batch of 26


@pytest.fixture(scope="module")
def model(data) -> Any:
    """Two layers of dropout, which draw differently."""
    layers = load_keras().layers
    load_keras().utils.set_random_seed(1)
    return load_keras().Sequential(
        [
            layers.Input(data.input_shape), layers.Conv2D(4, (5, 1), strides=4, activation="relu"),
            layers.SpatialDropout2D(0.2), layers.BatchNormalization(), layers.Flatten(), layers.Dropout(0.3),
            layers.Dense(len(data.classes), activation="softmax"),
        ]
    )  # fmt: skip


def stop_at(step: int):
    def progress(stage: str, done: int, total: int, text: str) -> None:
        if done == step:
            raise KeyboardInterrupt

    return progress


def stop(make, *, at: int) -> str:
    with pytest.raises(TrainingStopped) as stopped:
        make(stop_at(at))
    assert stopped.value.__suppress_context__, "no hundred lines of TensorFlow"
    return str(stopped.value)


def same(one: Trained, two: Trained) -> bool:
    pairs = zip(one.model.get_weights(), two.model.get_weights(), strict=True)
    return one.history == two.history and all(np.array_equal(a, b) for a, b in pairs)


def made_by(kind: str, model: Any, data: Dataset):
    plain = build_network("watch-cnn")
    return {
        "train": lambda progress: train(model, data, FIT, progress=progress),
        "prune": lambda progress: prune(plain, data, 0.5, fit=FIT, progress=progress),
        "quantise": lambda progress: quantise_aware(plain, data, preserve="none", fit=FIT, progress=progress),
        "cluster": lambda progress: cluster(plain, data, 8, fit=FIT, progress=progress),
    }[kind]


@pytest.mark.parametrize("kind", ["train", "prune", "quantise", "cluster"])
def test_the_same_again_goes_on_to_the_same_bits(kind, model, data):
    make = made_by(kind, model, data)
    whole = make(None)
    said = stop(make, at=5)
    assert said.startswith(f"{kind}: stopped in epoch 2 of 3; the best so far, epoch 1 (validation accuracy 0.")
    assert "go on: the same again; keep it or discard it: `--stopped keep`" in said
    assert said.count("\n") == 1
    stop(make, at=8)
    again = make(None)
    assert same(whole, again)
    assert not resuming._kept


@pytest.mark.parametrize("kind", ["prune", "quantise"])
def test_a_file_of_many_arrays_is_taken_up_as_well(kind, data, tmp_path):
    """It is told by the epochs that were trained: a training that begins anew has three."""
    make, file = made_by(kind, build_network("watch-cnn"), data), tmp_path / "kept.npz"
    with after_stop(file=file):
        stop(make, at=5)
    with np.load(file) as kept:
        assert len(kept.files) > MEMBERS
    with after_stop("keep", file):
        assert len(make(None).history.loss) == 1
    assert not file.exists()


@pytest.mark.parametrize("kind", ["train", "prune"])
def test_a_training_stopped_behind_its_last_epoch_is_whole(kind, model, data, monkeypatch, tmp_path):
    """Nothing is left to train: its weights are taken, neither those it began with nor those of its best epoch."""
    make, keep, file = made_by(kind, model, data), resuming.Epochs._keep, tmp_path / "kept.npz"
    whole = make(None)

    def stop_behind(epochs: resuming.Epochs) -> None:
        keep(epochs)
        if len(epochs.logs) == FIT.epochs:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, after_stop(file=file):
        patch.setattr(resuming.Epochs, "_keep", stop_behind)
        assert stop(make, at=-1) == f"{kind}: stopped behind the last of 3 epochs; the same again takes them"
    kept = file.read_bytes()
    for choice in ("go on", "keep"):
        file.write_bytes(kept)
        with after_stop(choice, file):
            assert same(whole, make(None)), choice
        assert not file.exists()


def test_the_best_epoch_is_kept_on_demand(model, data):
    make = made_by("train", model, data)
    whole = make(None)
    stop(make, at=8)
    with after_stop("keep"):
        best = make(None)
    assert best.history.loss == whole.history.loss[:2]
    assert best.history.steps == 6
    curve = best.history.validation_accuracy
    stop(make, at=8)
    assert f"epoch {max(range(2), key=lambda epoch: (curve[epoch], epoch)) + 1} " in stop(make, at=8)
    with after_stop("discard"):
        assert same(whole, make(None))
    assert not resuming._kept


def test_nothing_is_kept_of_a_first_epoch_and_nothing_is_taken_for_another_training(model, data, tmp_path):
    make = made_by("train", model, data)
    assert stop(make, at=2) == "train: stopped in epoch 1 of 3, before one was whole; nothing is kept"
    file = tmp_path / "kept.npz"
    with after_stop(file=file):
        stop(make, at=5)
    assert file.is_file()
    for junk in (file.read_bytes()[:-9], b"", b"PK\x03\x04" + bytes(50)):
        file.write_bytes(junk)
        with after_stop("keep", file):
            assert len(make(None).history.loss) == 3, "what cannot be read is begun anew"
    for about in (
        [1],
        {"key": 1},
        {"logs": 3},
        {"logs": [{"loss": "x"}]},
        {"logs": []},
        {"best_at": 9},
        {"best_at": "0"},
        None,
    ):
        with after_stop(file=file):
            stop(make, at=5)
        with np.load(file) as kept:
            arrays = dict(kept)
        told = json.loads(arrays["about"].tobytes())
        text = json.dumps(about if isinstance(about, list) else told | (about or {}))
        arrays["about"] = np.frombuffer(text.encode(), np.uint8)
        if about is None:
            arrays["best0"] = arrays["best0"][:1]
        np.savez(file, **arrays)
        with after_stop("keep", file):
            assert len(make(None).history.loss) == 3, f"what makes no sense is begun anew: {about}"
    with after_stop(file=file):
        stop(make, at=5)
        with after_stop("keep", file):
            other = train(model, data, replace(FIT, learning_rate=1e-3))
    assert len(other.history.loss) == 3


def test_layers_that_draw_otherwise_are_begun_anew(data):
    layers = load_keras().layers
    noisy = load_keras().Sequential(
        [layers.Input(data.input_shape), layers.GaussianNoise(0.1), layers.Flatten(), layers.Dense(7)]
    )
    whole = train(noisy, data, FIT)
    stop(lambda progress: train(noisy, data, FIT, progress=progress), at=5)
    assert same(whole, train(noisy, data, FIT))


def test_another_choice_is_refused():
    with pytest.raises(ParameterError, match="'resume' with a stopped training: allowed are go on, keep, discard"):
        after_stop("resume").__enter__()
