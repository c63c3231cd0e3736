"""A training that ends early keeps its best epoch, and a process takes no more threads than it is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.test_design import tiny_task
from tinykit.choose.design.steps import read_fit
from tinykit.ground.errors import ParameterError
from tinykit.ground.facts import without_none
from tinykit.train.compress import resuming
from tinykit.train.compress.pruning import prune
from tinykit.train.compress.recipe import Training
from tinykit.train.compress.resuming import TrainingStopped
from tinykit.train.compress.training import evaluate, train
from tinykit.train.keras import limit_threads
from tinykit.train.zoo import build_network

FIT = Training(4, 4e-3, 32)


@pytest.fixture(scope="module")
def data():
    whole = tiny_task()
    return replace(whole, train=whole.train.take(90), validation=whole.validation.take(28))


@pytest.fixture(scope="module")
def model():
    return build_network("watch-cnn")


def test_a_rung_ends_a_training_and_hears_each_epoch(model, data):
    heard: list[tuple[int, float]] = []
    told: list[tuple[int, int]] = []
    made = train(
        model, data, FIT, rung=lambda epoch, rate: bool(heard.append((epoch, rate))) or epoch == 2,
        progress=lambda stage, step, total, text: told.append((step, total)),
    )  # fmt: skip
    assert [epoch for epoch, _ in heard] == [1, 2]
    assert tuple(rate for _, rate in heard) == made.history.validation_accuracy
    assert made.history.steps == 2 * FIT.steps(len(data.train)) // 4
    assert told[-1][0] == told[-1][1], "the bar is closed"
    assert evaluate(made.model, data.validation).fraction == pytest.approx(max(rate for _, rate in heard))


def test_a_rung_that_never_ends_it_changes_nothing(model, data):
    plain, asked = train(model, data, FIT), train(model, data, FIT, rung=lambda epoch, rate: False)
    pairs = zip(plain.model.get_weights(), asked.model.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
    assert plain.history == asked.history


def test_patience_ends_it_after_so_many_epochs_without_a_better_one_and_the_best_stays(model, data):
    fit = Training(30, 4e-3, 32, patience=2)
    made = train(model, data, fit)
    rates = made.history.validation_accuracy
    best = rates.index(max(rates))
    assert len(rates) == best + 3 < fit.epochs
    assert evaluate(made.model, data.validation).fraction == pytest.approx(max(rates))


def test_a_training_stopped_after_its_end_was_due_ends_there_again(model, data, monkeypatch):
    """Killed between the epoch that is kept and the end it asks for: walking through asks again."""
    fit, keep = Training(30, 4e-3, 32, patience=2), resuming.Epochs._keep
    whole = train(model, data, fit)

    def stop_behind(epochs: resuming.Epochs) -> None:
        keep(epochs)
        if len(epochs.logs) == len(whole.history.loss):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resuming.Epochs, "_keep", stop_behind)
        with pytest.raises(TrainingStopped):
            train(model, data, fit)
    again = train(model, data, fit)
    assert again.history == whole.history
    pairs = zip(whole.model.get_weights(), again.model.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_patience_is_a_whole_number_and_none_of_pruning(model, data):
    with pytest.raises(ParameterError, match="patience 0: give a whole number from 1"):
        Training(3, 1e-3, patience=0)
    with pytest.raises(ParameterError, match="patience 2 in pruning, whose zeros grow to its last epoch"):
        prune(model, data, 0.5, fit=replace(FIT, patience=2))


def test_a_recipe_without_patience_is_recorded_as_it_always_was():
    assert without_none(FIT.to_json()) == {"epochs": 4, "learning_rate": 4e-3, "batch_size": 32}
    patient = replace(FIT, patience=3)
    assert read_fit(without_none(patient.to_json())) == patient
    assert read_fit(without_none(FIT.to_json())) == FIT


def test_threads_can_be_limited_before_tensorflow_and_not_after():
    code = (
        "from tinykit.train import limit_threads, load_tensorflow\n"
        "limit_threads(1)\n"
        "tensorflow = load_tensorflow()\n"
        "x = tensorflow.random.normal((400, 400))\n"
        "for _ in range(20): x = tensorflow.linalg.matmul(x, x) / 400\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('Threads')][0])\n"
        "limit_threads(1)\n"
        "try: limit_threads(2)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    counts = []
    for script in (code, code.replace("limit_threads(1)\n", "limit_threads(8)\n")):
        said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        counts.append(int(said.split()[0]))
        assert "ParameterError TensorFlow runs in this process and keeps its threads; 2 can no longer" in said
    assert counts[0] < counts[1], "threads of the pools themselves"


@pytest.mark.parametrize("count", [0, -1, 1.5, "2"])
def test_threads_are_a_whole_number(count):
    with pytest.raises(ParameterError, match="give a whole number from 1"):
        limit_threads(count)
