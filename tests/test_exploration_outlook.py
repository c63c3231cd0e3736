"""A study elsewhere: its points on another board, one of them wider or slower on every board, and the shipped study."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.exploring import make_data, put_stand_ins, search
from tinykit.budget.fit.verdict import Verdict
from tinykit.choose.exploration.candidate import Candidate
from tinykit.choose.exploration.judging import Judge
from tinykit.choose.exploration.outlook import _feed, judge_on, look_out
from tinykit.choose.exploration.search import sketch_and_judge
from tinykit.choose.exploration.study import read_study, shipped_study
from tinykit.choose.exploration.training_job import load_source
from tinykit.choose.ledger.choosing import Budgets
from tinykit.ground.errors import ModelError, ParameterError, UnknownTaskError
from tinykit.ground.facts import shipped_path
from tinykit.show.panels import ExplorePanel
from tinykit.target.boards import boards
from tinykit.train.compress.recipe import Training
from tinykit.train.fronts.front import Front
from tools.studies import ship_search

BOARD, OTHER = "nucleo-l4r5zi", "microbit-v2"
FIGURES = ("energy_j", "latency_s", "arena_bytes", "flash_bytes")


@pytest.fixture(scope="module")
def study():
    return shipped_study()


@pytest.fixture(scope="module")
def judge(study):
    return Judge(study.budgets, [BOARD, OTHER])


def test_the_shipped_study_is_small_plain_and_whole(study):
    folder = shipped_path("data", "explored", "watch-exercises")
    assert [path.name for path in folder.iterdir()] == ["journal.jsonl"]
    lines = (folder / "journal.jsonl").read_text("utf-8").splitlines()
    assert sum(map(len, lines)) < 300_000
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert study.count >= 100
    assert study.refused
    assert len(study.front) > 2
    for one in (study.chosen, study.baseline, study.random):
        assert one.score
        assert one.accuracy
        assert one.opened
    assert study.optimism.low < study.optimism.value < study.optimism.high
    assert study.against.n == 42


def test_there_is_no_shipped_study_of_another_task():
    with pytest.raises(UnknownTaskError, match=r"no study of 'watch' is shipped; .*watch-exercises"):
        shipped_study("watch")


def test_the_figures_of_the_shipped_study_are_those_of_today(study):
    judge = Judge(study.budgets, [BOARD])
    for point in study.trials[:: len(study.trials) // 12]:
        found = sketch_and_judge(study.source, judge, point.candidate)
        assert bool(point.refused) == (isinstance(found, str) or bool(found.refused)), point.name
        for name in FIGURES if not point.refused else ():
            own, now = getattr(point, name), getattr(found, name)
            assert own.low <= now.value <= own.high, f"{point.name}: {name}; python -m tools.studies explored"


def test_what_is_shipped_of_a_study_reads_as_the_whole_of_it(tmp_path, monkeypatch):
    put_stand_ins(monkeypatch.setattr)
    whole = search(tmp_path / "whole", data="watch-exercises", space=None, budgets=Budgets(latency_s=4e-3), random=True)
    ship_search(whole.folder, tmp_path / "kept")
    kept = read_study(tmp_path / "kept")
    assert kept.budgets == whole.budgets
    assert [str(one.candidate) for one in kept.front] == [str(one.candidate) for one in whole.front]
    assert kept.chosen.score == whole.chosen.score
    assert kept.chosen.accuracy == whole.chosen.accuracy
    assert kept.baseline.score == whole.baseline.score
    assert [one.refused for one in kept.refused if one.name[:3] == "tpe"] == [
        one.refused for one in whole.refused if one.name[:3] == "tpe"
    ]


@pytest.mark.parametrize(
    "front",
    [None, Front(rate_hz=25.0), Front(window_s=3.0), Front(window_s=1.0, rate_hz=25.0, features="fft", bands=8)],
)
def test_the_shape_behind_a_front_is_that_of_its_data(front):
    source = {"task": "watch-exercises"}
    shape, bound = _feed(load_source(source), front)
    data = load_source(source, front)
    assert shape == data.input_shape
    assert (bound and replace(bound, full_scale=1.0)) == (data.bound and replace(data.bound, full_scale=1.0))


def test_a_study_on_its_own_board_is_as_it_was_and_on_another_keeps_its_scores(study):
    same, other = judge_on(study, BOARD), judge_on(study, OTHER)
    assert (same.boards, other.boards) == ((BOARD,), (OTHER,))
    assert [bool(one.refused) for one in same.trials] == [bool(one.refused) for one in study.trials]
    for before, here, there in zip(study.trials, same.trials, other.trials, strict=True):
        assert before.score == here.score == there.score
        if here.energy_j:
            assert here.energy_j.value == pytest.approx(before.energy_j.value, rel=0.1)
            assert there.energy_j.value != here.energy_j.value
    assert same.baseline.latency_s.value == pytest.approx(study.baseline.latency_s.value, rel=0.05)
    assert other.chosen.accuracy == study.chosen.accuracy


def test_tighter_budgets_refuse_more_each_with_the_reason_and_leave_the_front(study):
    tight = judge_on(study, BOARD, budgets=Budgets(flash_bytes=60 * 1024))
    assert len(study.refused) < len(tight.refused) < tight.count
    assert sum(one.refused.startswith("flash ") for one in tight.refused) > len(study.refused)
    assert 0 < len(tight.front) < len(study.front)
    assert not any(one.refused for one in tight.front)


def test_a_point_as_it_was_searched_and_wider_or_slower(study, judge):
    name = study.chosen.name
    own, wide = look_out(study, name, judge), look_out(study, name, judge, width=2.0)
    slow = look_out(study, "watch-cnn", judge, rate=0.5)
    assert own.as_searched
    assert own.architecture == study.chosen.candidate.architecture
    assert not wide.as_searched
    assert wide.architecture.blocks[0].width == 2 * own.architecture.blocks[0].width
    assert not slow.as_searched
    assert (slow.rate_hz, slow.input_shape) == (25.0, (50, 1, 6))
    assert look_out(study, "watch-cnn", judge, rate=2.0).rate_hz == 50.0  # no faster than it was recorded
    flash = [one.judged[0].flash_bytes.value for one in (own, wide)]
    assert flash[0] < flash[1]
    figure = own.judged[0].latency_s
    assert figure.value == pytest.approx(study.chosen.latency_s.value, rel=0.05)


def test_boards_are_told_by_verdict_each_once(study):
    found = look_out(study, "watch-cnn", Judge(study.budgets, boards()))
    told = [name for verdict in Verdict for name in found.list_boards(verdict)]
    assert sorted(told) == sorted(one.id for one in boards())
    assert BOARD in found.list_boards(Verdict.FITS)


@pytest.mark.parametrize("wrong", [{"width": 0.0}, {"width": float("nan")}, {"rate": -1.0}, {"rate": 1e9}])
def test_a_width_or_rate_that_cannot_be_is_refused(study, judge, wrong):
    with pytest.raises(ParameterError, match=r"width .*, rate .* times a network's own; give numbers above 0"):
        look_out(study, study.chosen.name, judge, **wrong)


@pytest.mark.parametrize(("rate_hz", "slow", "shape"), [(32.0, 16.0, (16, 1, 2)), (None, None, (32, 1, 2))])
def test_data_of_ones_own_are_fed_slower_where_they_have_a_rate(tmp_path, monkeypatch, rate_hz, slow, shape):
    put_stand_ins(monkeypatch.setattr)
    study = search(tmp_path, data=replace(make_data(), rate_hz=rate_hz))
    found = look_out(study, study.chosen.name, Judge(study.budgets, [BOARD]), rate=0.5)
    assert (found.rate_hz, found.input_shape) == (slow, shape)
    panel = ExplorePanel(study)
    assert panel.rate.disabled == (rate_hz is None)


def test_a_network_that_the_zoo_does_not_have_is_told():
    with pytest.raises(ModelError, match=r"no network 'watch-cn' in the zoo; .*watch-cnn"):
        _ = Candidate(None, Training(1, 1e-3), network="watch-cn").value


def test_a_verdict_is_tight_where_an_interval_reaches_beyond_a_budget(study, judge):
    found = look_out(study, study.chosen.name, judge).judged[0]
    between = (found.flash_bytes.value + found.flash_bytes.high) / 2
    verdicts = [
        look_out(study, study.chosen.name, Judge(Budgets(flash_bytes=most), [BOARD])).judged[0].verdict
        for most in (2 * found.flash_bytes.high, between, found.flash_bytes.value / 2)
    ]
    assert verdicts == [Verdict.FITS, Verdict.TIGHT, Verdict.DOES_NOT_FIT]


def test_a_verdict_is_unknown_where_only_unknown_figures_refuse(study):
    asked = Judge(Budgets(latency_s=1.0), ["esp32-c6-devkitc-1"])
    assert look_out(study, study.chosen.name, asked).judged[0].verdict == Verdict.UNKNOWN
