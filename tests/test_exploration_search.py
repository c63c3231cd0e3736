"""A search from its space to its study: what it draws, refuses, keeps, and goes on from."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import exploring
from tests.exploring import FAILS, LOG, SLEEP, make_data, make_space, search
from tests.no_files import NO_FILES
from tinykit.budget.assessment.budgets import Budgets
from tinykit.choose.exploration import journal, training_job
from tinykit.choose.exploration.candidate import Candidate
from tinykit.choose.exploration.journal import FILE
from tinykit.choose.exploration.search import FOLDS, SEEDS
from tinykit.choose.exploration.study import Study, find_trial, read_study
from tinykit.ground.errors import (
    MACHINE,
    DataError,
    EngineError,
    OutputError,
    ParameterError,
    RecordError,
    judge_failure,
)
from tinykit.model.record import DesignRecord, Stage
from tinykit.show.cli.exploring import _Lines, take_trial
from tinykit.show.cli.program import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    exploring.put_stand_ins(monkeypatch.setattr)
    monkeypatch.setenv(LOG, str(tmp_path / "log"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "study"


def jobs(folder: Path) -> list[str]:
    log = folder.parent / "log"
    return log.read_text().splitlines() if log.exists() else []


def test_a_study_has_front_choice_optimism_and_a_random_search_beside_it(folder):
    study = search(folder, trials=24, random=True)
    assert (study.count, study.resumed) == (24, 0)
    assert study.refused
    assert any("latency" in one.refused and "too much for 1.00 ms" in one.refused for one in study.refused)
    assert all(one.short is None for one in study.refused)
    assert {one.name.split()[0] for one in study.trials} == {"tpe", "random"}
    drawn = {
        kind: {one.candidate.sha256 for one in study.trials if one.name.startswith(kind)} for kind in ("tpe", "random")
    }
    assert len(drawn["tpe"] & drawn["random"]) <= 1  # each draws for itself
    chosen = study.chosen
    assert chosen.name.startswith("tpe")
    assert study.random.name.startswith("random")
    assert study.optimism.value == pytest.approx(chosen.score.value - chosen.accuracy.fraction)
    assert study.optimism.low < study.optimism.value < study.optimism.high
    energies, scores = zip(*((one.energy_j.value, one.score.value) for one in study.front), strict=True)
    assert list(energies) == sorted(energies)
    assert list(scores) == sorted(scores)
    assert sum(job.startswith("test") for job in jobs(folder)) == 2
    assert study.baseline is None  # a task of one's own has no hand-made network
    assert "test split opened 20" in "\n".join(study.summary())


def test_finalists_are_scored_on_every_fold_with_seeds_that_no_choice_was_made_by(folder):
    study = search(folder)
    rungs = [json.loads(job.split(" ", 2)[2]) for job in jobs(folder) if job.startswith("fold")]
    stored = [rung for rung in rungs if not rung["epochs"]]
    assert {rung["seed"] for rung in rungs if rung["epochs"]} == {0}
    assert {rung["seed"] for rung in stored} == {1, 2}
    finalists = [one for one in study.trials if one.score]
    assert len(stored) == FOLDS * SEEDS * len(finalists)
    assert len(finalists) >= 2


def test_a_second_start_takes_all_over_and_opens_the_test_no_second_time(folder):
    first = search(folder)
    before = jobs(folder)
    again = search(folder)
    assert jobs(folder) == before
    assert again.resumed == 12
    assert again.chosen == first.chosen
    assert again.trials == first.trials
    assert read_study(folder).chosen == first.chosen


def test_a_longer_search_goes_on_and_draws_nothing_twice(folder):
    search(folder)
    study = search(folder, trials=20)
    drawn = [one.candidate.sha256 for one in study.trials]
    assert (study.resumed, len(drawn), len(set(drawn))) == (12, 20, 20)


def test_one_seed_makes_one_study_and_another_makes_another(tmp_path):
    one, two, other = (search(tmp_path / name, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    assert [(each.candidate, each.short) for each in one.trials] == [
        (each.candidate, each.short) for each in two.trials
    ]
    assert one.chosen.score == two.chosen.score
    assert [each.candidate for each in one.trials] != [each.candidate for each in other.trials]


DRIVER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tests import exploring
exploring.put_stand_ins(setattr)
exploring.search(Path(sys.argv[1]))
"""


def wait_for(path: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not (path.exists() and text in path.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("moment", ['"short"', "every fold, fold 1", "as stored, fold 2"])
def test_a_killed_driver_loses_what_was_in_flight_and_no_more(folder, tmp_path, moment):
    environment = {**os.environ, SLEEP: "0.05", LOG: str(tmp_path / "log")}
    command = [sys.executable, "-c", DRIVER, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        wait_for(folder / FILE, moment, process)
        process.send_signal(signal.SIGKILL)
    text = (folder / FILE).read_text()
    study = search(folder)
    assert text.count('"short":') + text.count('"refused":') - study.resumed in (0, 1)
    assert study.count == 12
    assert len({one.candidate.sha256 for one in study.trials}) == 12
    assert study.chosen.accuracy is not None
    done = jobs(folder)
    assert len(done) - len(set(done)) <= 1  # the one in flight was begun again


def test_a_journal_of_another_study_is_refused(folder):
    search(folder)
    with pytest.raises(RecordError, match=r"the journal of another study; its budgets was .*latency_s.: 0.001"):
        search(folder, budgets=Budgets(latency_s=2e-3))
    with pytest.raises(RecordError, match="its seed was 0, this one has 1"):
        search(folder, seed=1)
    with pytest.raises(RecordError, match="its space was"):
        search(folder, space=make_space(width=(4,)))


def test_a_journal_of_another_version_is_refused(folder, monkeypatch):
    search(folder)
    monkeypatch.setattr("tinykit.choose.exploration.exploring.tool_versions", lambda: {"numpy": "0.1"})
    with pytest.raises(RecordError, match="its versions was"):
        search(folder)


@pytest.mark.parametrize("damage", [b"\x00\xff\n", b"[]\n", b'{"op_code": 99}\n', b"[" * 100_000 + b"\n", b"null\n"])
def test_a_damaged_journal_is_refused(folder, damage):
    search(folder, trials=4)
    path = folder / FILE
    path.write_bytes(damage + path.read_bytes())
    with pytest.raises(RecordError, match="a damaged journal"):
        search(folder, trials=4)
    with pytest.raises(RecordError, match="a damaged journal"):
        read_study(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("identity", {"boards": [], "source": 5}),
        ("unseen", {"groups": 0, "samples": 0}),
        ("{}: as stored", [{"fold": 0, "seed": 1, "groups": [], "right": [], "n": []}]),
        ("{}: test", {"seed": "x"}),
        ("{}: test", {"seed": 1e400}),
        ("{}: test", {"seed": 1, "accuracy": {"fraction": "x", "low": 0, "high": 1, "n": 1, "method": ""}}),
    ],
)
def test_values_that_no_study_can_have_are_damage_too(folder, key, value):
    chosen = search(folder, trials=6).chosen.name
    journal.read_journal(folder, write=True).keep(key.format(chosen), value)
    with pytest.raises(RecordError, match="a damaged journal"):
        read_study(folder)


def test_a_study_that_ended_before_the_test_is_told_without_it(folder):
    chosen = search(folder, trials=6).chosen
    kept = journal.read_journal(folder, write=True)
    kept.keep(f"{chosen.name}: test", None)
    kept.keep("made", {**kept.recall("made"), "hand-made": {**chosen.candidate.to_json(), "network": "own"}})
    study = read_study(folder)
    assert (study.against, study.optimism, study.chosen.accuracy) == (None, None, None)
    assert "optimism" not in "\n".join(study.summary())


def test_data_that_bear_the_name_of_a_task_are_not_that_task(folder):
    study = search(folder, trials=6, data=replace(make_data(), name="digits"))
    assert study.baseline is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"foldr": "x"}, r"data {'foldr': 'x'} name no source; give a task, a folder, a npz"),
        ({"npz": "x.npz", "widnow_s": 1.0}, "read_npz has no parameter 'widnow_s'"),
        ({"npz": "x.npz", "path": "y.npz"}, "read_npz: path is given twice, 'x.npz' and 'y.npz'"),
        ({"npz": "x.npz", "rate_hz": "fast"}, "read_npz: rate_hz is 'fast'; give float"),
        ({"npz": "x.npz", "recorded": ["a"]}, r"the shape \['a'\] that data were recorded in; give a list of whole"),
        ({"folder": Path("no such folder"), "rate_hz": 8.0}, "no such folder"),
        ({"folder": "x", "group_of": print}, r"data .*; give text, paths and numbers, as workers take them"),
    ],
)
def test_a_source_that_none_can_read_is_refused(folder, data, text):
    with pytest.raises((ParameterError, DataError), match=text):
        search(folder, data=data)


def test_progress_is_printed_without_control_characters(capsys):
    _Lines()("tpe", 1, 1, "class \x1b[2J failed")
    assert "\x1b" not in capsys.readouterr().err


def test_a_file_of_that_name_that_is_no_journal_stays_as_it_is(folder, monkeypatch):
    folder.mkdir()
    (folder / FILE).write_bytes(b"mine, without an end of line")
    with pytest.raises(RecordError, match="a damaged journal .*no journal of a study"):
        search(folder, trials=4)
    assert (folder / FILE).read_bytes() == b"mine, without an end of line"
    (folder / FILE).unlink()
    search(folder, trials=4)
    before = (folder / FILE).read_bytes()
    monkeypatch.setattr(journal, "_MOST_BYTES", 1000)
    with pytest.raises(RecordError, match="a damaged journal .*no journal of a study"):
        search(folder, trials=4)
    with pytest.raises(RecordError, match="more than 1,000 bytes; make one with `tinykit explore --study"):
        read_study(folder)
    assert (folder / FILE).read_bytes() == before


@pytest.mark.parametrize("what", NO_FILES)
def test_a_journal_that_is_no_file_or_endless_is_not_waited_for(folder, what):
    folder.mkdir()
    NO_FILES[what](folder / FILE)
    with pytest.raises(RecordError, match=r"more than [0-9,]+ bytes"):
        read_study(folder)
    with pytest.raises(RecordError, match=r"more than [0-9,]+ bytes"):
        find_trial(f"study:{folder}:1", "digits")


def test_a_folder_of_no_study_is_named_whatever_is_wrong_with_it(folder):
    for place, told in ((folder, "no study"), (Path("x" * 300), "File name too long"), (Path("a\0"), "null byte")):
        with pytest.raises(RecordError, match=told):
            read_study(place)
    folder.mkdir()
    (folder / FILE).symlink_to(FILE)
    with pytest.raises(RecordError, match="cannot be read .Too many levels of symbolic links.; make one with"):
        read_study(folder)


def test_a_line_that_was_cut_short_is_dropped(folder):
    first = search(folder, trials=4)
    with (folder / FILE).open("ab") as stream:
        stream.write(b'{"op_code": 2, "user_at')
    assert search(folder, trials=4).chosen == first.chosen


def test_a_second_driver_in_one_folder_is_refused(folder):
    import fcntl

    search(folder, trials=4)
    with (folder / FILE).open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(RecordError, match="another search is at work in this folder"):
            search(folder, trials=4)


def test_no_study_and_no_such_trial_are_named(folder):
    with pytest.raises(RecordError, match=r"no study \(journal.jsonl\) in it"):
        read_study(folder)
    study = search(folder, trials=6)
    with pytest.raises(ParameterError, match="no trial '99' in .*; nearest: tpe"):
        study.find("99")
    with pytest.raises(ParameterError, match=r"was refused: .*; pick one of the front"):
        study.pick(study.refused[0].name, folder / "picked")
    found, name = find_trial(f"study:{folder}:{study.chosen.name.removeprefix('tpe ')}", "waves")
    assert (found.chosen, name) == (study.chosen, study.chosen.name)


def test_design_takes_data_and_network_of_a_trial(folder, monkeypatch):
    chosen = search(folder, trials=6).chosen
    picked: list[tuple[str, Path]] = []

    def pick(study: Study, name: str, place: Path, *, say: object) -> DesignRecord:
        picked.append((name, place))
        return DesignRecord(place, "waves", stages={"float": Stage("float", "float.h5")})

    monkeypatch.setattr(Study, "pick", pick)
    number = chosen.name.removeprefix("tpe ")
    options = SimpleNamespace(model=f"study:{folder}:{number}", task=None, out=str(folder / "design"))
    data, network = take_trial(options)
    assert picked == [(chosen.name, folder / "design" / "picked")]
    assert network == str(folder / "design" / "picked" / "float.h5")
    assert data.input_shape == make_data().input_shape


def test_budgets_that_nothing_meets_are_told_before_anything_is_written_or_trained(folder):
    start = time.monotonic()
    with pytest.raises(
        ParameterError, match=r"none of 64 sketches meets the budgets; the nearest: latency .* too much"
    ):
        search(folder, budgets=Budgets(latency_s=1e-6, flash_bytes=1e6))
    assert time.monotonic() - start < 30
    assert not (folder / FILE).exists()
    assert jobs(folder) == []


def test_an_empty_space_is_told(folder):
    with pytest.raises(ParameterError, match="the space is empty: axis 'width0' has no choice"):
        make_space(width=())
    with pytest.raises(ParameterError, match="the space has no axis 'widht'"):
        make_space(widht=(4,))
    with pytest.raises(ParameterError, match=r"the space is empty: none of 64 sketches can be .*pool"):
        search(folder, space=make_space(pool=(1000,)))


def test_a_space_of_two_candidates_is_searched_to_its_end(folder):
    one = {"kind": ("conv",), "kernel": (3,), "stride": (1,), "pool": (1,), "width": (4,)}
    space = make_space(**one, depth=(1,), head=("average",), dropout=(0.0, 0.2), pace=(1.0,))
    assert search(folder, space=space, budgets=Budgets()).count == 2


@pytest.mark.parametrize(
    ("option", "value"), [("sampler", "cmaes"), ("minutes", -1), ("trials", 0), ("minutes", float("nan"))]
)
def test_what_is_no_search_is_refused(folder, option, value):
    with pytest.raises(ParameterError, match=r"sampler .*, minutes .*, trials .*; give 'tpe' or 'random'"):
        search(folder, **{option: value})


def test_trainings_that_fail_are_left_out_until_all_fail(folder, monkeypatch):
    monkeypatch.setenv(FAILS, "20")
    study = search(folder, trials=12)
    assert study.chosen is not None
    monkeypatch.setenv(FAILS, "100")
    with pytest.raises(EngineError, match="5 trainings in a row failed: this training fails"):
        search(folder.with_name("other"))


FULL = """
import resource, signal, sys
from pathlib import Path
from types import SimpleNamespace
from tests import exploring
from tinykit.ground.errors import judge_failure
exploring.put_stand_ins(setattr)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
try:
    exploring.search(Path(sys.argv[1]), trials=60)
except OSError as error:
    print(judge_failure(error)[0], error)
"""


def test_a_full_disk_is_status_3_and_nothing_is_lost(folder):
    found = subprocess.run(
        [sys.executable, "-c", FULL, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith(f"{MACHINE} ")
    assert "the journal cannot be written" in found.stdout
    kept = (folder / FILE).read_text().count('"short"')
    assert kept > 3
    study = search(folder, trials=60)
    assert study.count == 60
    assert sum(one.short is not None for one in study.trials if not one.refused) >= kept
    done = jobs(folder)
    assert len(done) - len(set(done)) <= 2
    assert judge_failure(OutputError("none"))[0] != MACHINE  # so that the 3 above was the disk's


def test_the_command_tells_the_study_as_one_json_document(tmp_path, capsys):
    source = training_job.keep_dataset(make_data(), tmp_path)
    command = ["explore", "--data", source["npz"], "--rate", "32", "--trials", "3", "--study", str(tmp_path / "study")]
    assert main([*command, "--latency", "0.01", "--json"]) == 0
    assert (tmp_path / "study" / "front.png").read_bytes().startswith(b"\x89PNG")
    told, progress = capsys.readouterr()
    document = json.loads(told)
    assert {"front", "trials", "chosen", "optimism", "baseline", "resumed"} <= set(document)
    assert (document["trials"], document["resumed"], document["baseline"]) == (3, 0, None)
    assert document["optimism"]["unit"] == "1"
    assert Candidate.from_json(document["chosen"]["candidate"]).architecture
    assert "one fold, few epochs" in progress
    assert main([*command, "--latency", "0.01"]) == 0
    assert "3 taken over" in capsys.readouterr().out
    assert main([*command, "--latency", "0.01", "--board", "all", "--json"]) == 0
    ranked = json.loads(capsys.readouterr().out)["ranked"]
    assert "nucleo-l4r5zi" in [one["board"] for one in ranked]
    assert all(one["judgement"]["latency_s"]["value"] <= 0.01 for one in ranked)
    assert main([*command, "--latency", "1e-7"]) == 2
    assert "none of 64 sketches meets the budgets" in capsys.readouterr().err
