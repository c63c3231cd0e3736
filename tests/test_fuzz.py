"""A fixed part of the hostile files, every kind of them, and the fuzzer itself: what it must see, it sees."""

from __future__ import annotations

import importlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tinykit
from tests.fuzz import kind_arrays, kind_data, kind_keras, kind_models, kind_onnx, mutating
from tests.fuzz.__main__ import main
from tests.fuzz.case import KINDS, Case, deal, kind, load_kinds, make_case, name_door, rarely
from tests.fuzz.inside import WATCH, run_case
from tests.fuzz.oracle import ask_tflm
from tests.fuzz.running import run_jobs
from tests.fuzz.telling import FaultError, judge_screen, judge_words, list_faults, to_table
from tests.fuzz.trees import pack_plainly
from tests.models import Net, hybrid, small_cnn
from tests.packing_models import unpack
from tinykit.ground.errors import DataError, ModelError
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.handover.deployment.writing import make_golden_vectors
from tinykit.model.graph.reading import read
from tinykit.predict import run_model, sample_inputs, verify_model
from tinykit.predict.arena.blocks import keeps_apart

PLANTED = {"dying", "sleeping", "holding"}  # known once a test has loaded them
NAMES = sorted(load_kinds().keys() - {"tflite_public"} - PLANTED)
SEED, COUNT = 13, 240


def job(folder: Path, name: str, index: int = 0, **more: object) -> dict[str, object]:
    return {"kind": name, "seed": SEED, "index": index, "folder": str(folder / f"{name}-{index}"), **more}


# the fixed part


def test_a_fixed_part_of_the_hostile_files(tmp_path):
    """No crash, no hang, nothing foreign, no memory, no verdict on what TFLM refuses, nothing outside the folder."""
    jobs = [{"kind": name, "seed": SEED, "index": index} for name, index in deal(NAMES, COUNT)]
    results = run_jobs(jobs, tmp_path, processes=2)
    assert len(results) == len(jobs) >= COUNT - len(NAMES)
    assert list_faults(results) == [], to_table(results)
    said = [how for one in results for how in one["doors"].values()]
    assert said.count("taken") > COUNT // 4, "mutations must leave files that are read"
    assert said.count("refused") > COUNT // 4


def test_models_without_outputs_are_refused_in_words():
    tree = unpack(small_cnn())
    tree.subgraphs[0].outputs = np.array([], np.int32)
    model = pack_plainly(tree)
    with pytest.raises(ModelError, match="the model has no output of any size, so nothing can be compared"):
        verify_model(model, sample_inputs(model, 2))


def test_models_of_no_size_are_run_and_give_no_golden_vectors():
    model = Net((0,)).unary("LOGISTIC").to_bytes()
    assert run_model(model, np.zeros((1, 0), np.int8)).size == 0
    with pytest.raises(ModelError, match="the model has no input of any size, so there is no golden vector"):
        make_golden_vectors(model, np.zeros((3, 0)))


def test_models_of_two_subgraphs_are_placed_without_a_plan_of_their_own():
    tree = unpack(small_cnn())
    tree.subgraphs = list(tree.subgraphs) * 2
    assert keeps_apart(read(pack_plainly(tree)))


# what is tried

NO_FILE = {"boards", "board", "notebooks"}
NO_FILE |= {"workshop check", "workshop reset", "workshop bundle", "workshop serve"}
"""Commands that take no file of a stranger's."""
BEHIND = {
    "read_chunks": "trace", "read_reports": "report", "read_rows": "rows", "read_toml": "board_file",
    "find_battery": "cell", "find_layout": "trace",
}  # fmt: skip
"""Readers that a kind reaches through another function: the kind."""
OWN = {"read_card", "read_errors", "load_constants", "load_dataset", "load_keras", "load_tensorflow", "load_tfmot",
       "find_runtime", "find_scenario", "find_signal", "find_stray_operators", "find_study", "open_ledger",
       "write_folder"}  # fmt: skip
"""Names that sound like a reader's and take an id, a graph, or a file of the kit's own."""


def test_every_command_that_takes_a_file_is_tried():
    """A command that is new has no door here: give it one, or say why it needs none."""
    commands = {one["name"] for one in read_toml(shipped_path("data", "commands.toml"))["commands"]}
    doors = {name_door(rare.door) for one in load_kinds().values() for rare in one.doors}
    tried = {door.split()[0] for door in doors if " " in door}
    assert tried | NO_FILE == commands
    assert not tried & NO_FILE


def test_every_reader_is_tried():
    """So has a public function that reads."""
    words = set(
        re.findall(r"\w+", "".join(one.read_text() for one in Path(mutating.__file__).parent.glob("kind_*.py")))
    )
    package = Path(tinykit.__file__).parent
    named = {name for stub in package.rglob("__init__.pyi") for name in re.findall(r"(\w+) as \1", stub.read_text())}
    readers = {one for one in named if re.match(r"(read|open|load|find|take)_|read$|.*_folder$", one)}
    assert readers - words - OWN == BEHIND.keys()
    assert {*BEHIND.values()} <= KINDS.keys()


# what is made


@pytest.mark.parametrize("name", NAMES)
def test_cases_are_the_same_for_the_same_seed_and_can_always_be_made(name):
    made = [make_case(name, 3, index) for index in range(25)]
    assert made == [make_case(name, 3, index) for index in range(25)]
    assert all(doors for _, doors in made) or all(rare.one_in > 1 for rare in KINDS[name].doors)
    assert len({case.data for case, _ in made}) > 15


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("wrapped", "jls", "npy")])
def test_what_a_case_begins_with_is_sound(name, monkeypatch, tmp_path):
    """Unchanged, it is taken: so that what is changed reaches deep."""
    for module in {sys.modules[one.make.__module__] for one in KINDS.values()}:
        monkeypatch.setattr(module, "mutate_bytes", lambda draw, data: data, raising=False)
        monkeypatch.setattr(module, "mutate_wire", lambda draw, data, names: data, raising=False)
        monkeypatch.setattr(module, "mutate_tree", lambda draw, tree: tree, raising=False)
        monkeypatch.setattr(module, "mutate_text", lambda draw, text: text.encode(), raising=False)
        monkeypatch.setattr(module, "mutate_zip", _unchanged, raising=False)
    monkeypatch.setattr(kind_models, "mutate_model", lambda draw, model: model)
    monkeypatch.setattr(kind_models, "draw_base", lambda draw: small_cnn())
    monkeypatch.setattr(kind_keras, "_h5", lambda draw, data: data)
    monkeypatch.setattr(kind_onnx, "change", lambda draw, data: data)
    monkeypatch.setattr(kind_onnx, "cut", lambda draw, data: data)
    monkeypatch.setattr(kind_arrays, "_member", lambda draw, name, data: data)
    monkeypatch.setattr(kind_data, "change_file", lambda draw, name, data: (name, data))
    monkeypatch.setattr(kind_data, "change_picture", lambda draw, name, data: (name, data))
    light = [rare.door for rare in KINDS[name].doors if callable(rare.door) and rare.one_in == 1]
    index = next(i for i in range(50) if "groups.npy" in _members(make_case(name, SEED, i)[0]))
    doors = [door.__name__ for door in light if door is not kind_arrays.read_for_model]
    assert set(_here(job(tmp_path, name, index, doors=doors), monkeypatch)["doors"].values()) <= {"taken"}


def _members(case: Case) -> list[str]:
    if not case.name.endswith(".npz"):
        return ["groups.npy"]
    with zipfile.ZipFile(io.BytesIO(case.data)) as archive:
        return archive.namelist()


def _unchanged(draw, members, mutate):
    return mutating.pack_zip(list(members.items()))


def _here(wanted, monkeypatch):
    """A case in this process, which is put back where it was."""
    folder = Path(str(wanted["folder"]))
    for name in ("HOME", "TINYKIT_CALIBRATION", "TINYKIT_WORKSPACE", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(folder / name.lower()))
    (folder / "tmpdir").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return run_case(wanted)


# what is seen


@pytest.fixture
def kinds():
    """The registry, put back afterwards."""
    before = dict(KINDS)
    yield KINDS
    KINDS.clear()
    KINDS.update(before)


def _refuse(path):
    raise DataError("no")


class _WordyError(DataError):
    def __str__(self):
        return "\n".join("abcdef")


def _go_on(path):
    raise _WordyError


def _divide(path):
    1 / 0  # noqa: B018


def _misjudge(path):
    raise FaultError("verdict", "fits what TFLM refuses")


def _wander(path):
    (path.parents[1] / "elsewhere").write_text("x")


def _overwrite(path):
    path.write_text("x")


DOORS = {
    _refuse: None,
    _go_on: "words",
    _divide: "foreign",
    _misjudge: "verdict",
    _wander: "outside",
    _overwrite: "outside",
}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_every_category_is_seen(door, kinds, monkeypatch, tmp_path):
    @kind(door)
    def planted(draw):
        return Case(b"abc", "a.bin")

    found = _here(job(tmp_path, "planted"), monkeypatch)
    assert {fault["category"] for fault in found["faults"]} == ({DOORS[door]} if DOORS[door] else set())
    assert not WATCH.armed


def test_a_fuzzer_that_cannot_make_a_case_says_so(kinds, monkeypatch, tmp_path):
    @kind(_refuse)
    def planted(draw):
        raise KeyError("mine")

    assert [one["category"] for one in _here(job(tmp_path, "planted"), monkeypatch)["faults"]] == ["unmade"]


def test_the_pool_outlives_crashes_and_hangs_and_sees_memory(kinds, tmp_path):
    planted = "tests.fuzz.planted"
    importlib.import_module(planted)
    wanted = ("dying", "sleeping", "holding", "log")
    jobs = [{"kind": name, "seed": 0, "index": 0, "module": planted} for name in wanted]
    results = {one["kind"]: one for one in run_jobs(jobs, tmp_path, processes=1, limit_s=5)}
    seen = {name: [fault["category"] for fault in one["faults"]] for name, one in results.items()}
    assert seen == {"dying": ["crash"], "sleeping": ["hang"], "holding": ["memory"], "log": []}
    kept = json.loads((tmp_path / "inputs" / "dying-0-0" / "found.json").read_text())
    assert kept["again"] == "python -m tests.fuzz replay dying:0:0"
    assert (tmp_path / "inputs" / "dying-0-0" / "a").read_bytes() == b"x"


def test_words_and_screens():
    assert judge_words("a\nb\nc") == ""
    assert judge_words("a\nb\nc\nd") == "an error of 4 lines"
    assert judge_words("a" * 3000) == "an error of 3000 characters"
    assert judge_screen("plain µ\n") == ""
    assert "\\x1b" in judge_screen("\x1b[2J")


def test_the_oracle_is_tflm_itself():
    assert ask_tflm(small_cnn()) == ""
    assert ask_tflm(hybrid()) == "it raises at allocation"


def test_a_run_prints_its_table_and_ends_with_its_status(tmp_path, capsys):
    assert main(["run", "--count", "4", "--kind", "log", "--jobs", "1", "--out", str(tmp_path)]) == 0
    assert "| log | 4 | 4 |" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "results.json").read_text())["results"]) == 4
    with pytest.raises(SystemExit, match="no kind logs; allowed: "):
        main(["run", "--kind", "logs"])


def test_how_often_a_door_is_tried():
    assert rarely("fit {file}", 12).one_in == 12
    drawn = [len(make_case("tflite", 0, index)[1]) for index in range(300)]
    assert 2.5 < np.mean(drawn) < 5
