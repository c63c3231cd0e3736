"""What the course asks, scores, checks and keeps, by hand values, and the edition that participants get."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import nbformat
import pytest

import tinykit as tk
from tinykit.ground.errors import ParameterError
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.show import course
from tinykit.show.course import Asked, keep, off_by, read_quantity, recall, scale_of, strip_answers

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXERCISES = read_toml(shipped_path("data", "exercises.toml"))
WRONG = "is the wrong kind of answer; asked is"
LIFE = tk.Estimate(200.0, 100.0, 400.0, "s", "modelled")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINYKIT_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("TINYKIT_GUESS", raising=False)
    return tmp_path


# numbers as people type them


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("15 KiB", "B", 15_360), ("15", "KiB", 15_360), ("64 kB", "KiB", 64_000), ("0.5MB", "B", 5e5),
     ("5 µs", "ms", 5e-6), ("\u22123", "K", -3),
     ("5us", "s", 5e-6), ("1.5 h", "days", 5400), ("2", "days", 172_800), ("3 YEARS", "s", 3 * 31_557_600),
     ("-3", "K", -3), ("40 %", "1", 0.4), ("40", "%", 0.4), ("1,200", "boards", 1200), ("1e3", "1", 1000),
     (".5 mJ", "J", 5e-4),
     ("20 C", "°C", 20), ("3.4 times", "times", 3.4), ("7 mA", "µA", 7e-3), ("64 MHz", "Hz", 64e6)],
)  # fmt: skip
def test_a_typed_number_is_read_in_si(text: str, unit: str, value: float):
    assert read_quantity(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "soon", "0,5", "1,20", "12 ms", "1.2.3", "nan", "inf", "3 4", "e5", "--1", "KiB", "1" * 50 + "x" * 999]
)
def test_what_is_no_number_of_bytes_is_refused(text: str):
    with pytest.raises(ParameterError, match="is not understood; write a number, as in 12 KiB") as refused:
        read_quantity(text, "KiB")
    assert len(str(refused.value)) < 160


def test_a_number_without_a_unit_is_asked_for_without_one():
    with pytest.raises(ParameterError, match=r"write a number, as in 12$"):
        read_quantity("many", "1")


def test_units_are_those_of_the_si():
    assert (scale_of("KiB"), scale_of("days"), scale_of("%")) == (("byte", 1024), ("s", 86_400), ("1", 0.01))
    assert scale_of("boards") == ("board", 1)
    assert scale_of("mJ") != scale_of("MJ")


# guesses


@pytest.mark.parametrize(
    ("guess", "truth", "factor"),
    [(20, 10, 2), (5, 10, 2), (10, 10, 1), (0, 0, 1), (-4, -4, 1), (0, 10, 1e9), (-1, 10, 1e9), (-2, -4, 1e9),
     (1e-300, 1e300, 1e9)],
)  # fmt: skip
def test_a_factor_is_the_same_above_and_below(guess: float, truth: float, factor: float):
    assert off_by(guess, truth) == off_by(truth, guess) == factor


def test_a_number_is_off_by_a_factor():
    answer = Asked("life", "min").judge(["10"], LIFE)
    assert answer["kind"] == "number"
    assert answer["mark"] == pytest.approx(3.0)
    assert (answer["said"], answer["truth"]) == ("10 min", "200 s [100 s … 400 s] (modelled)")


@pytest.mark.parametrize(("ends", "mark"), [(["1", "4"], 1), (["200 s", "200 s"], 1), (["4", "9"], 0), (["1", "3"], 0)])
def test_an_interval_holds_the_truth_or_not(ends: list[str], mark: float):
    answer = Asked("life", "min", interval=True).judge(ends, LIFE)
    assert (answer["kind"], answer["mark"]) == ("interval", mark)


@pytest.mark.parametrize("ends", [["4", "1"], ["1", "1e999"], ["-1e999", "1"]])
def test_ends_the_wrong_way_round_or_without_end_are_refused(ends: list[str]):
    with pytest.raises(ParameterError, match="is no range; write two ends, the lower one first"):
        Asked("life", "min", interval=True).judge(ends, LIFE)


@pytest.mark.parametrize(("truth", "right"), [(16 * 1024.0, "15 KiB"), (40 * 1024.0, "30 KiB"), (1e9, "75 KiB")])
def test_the_choice_nearest_by_factor_is_right(truth: float, right: str):
    asked = Asked("flash", "KiB", (15, 30, 75))
    assert {one for one in asked.list_choices() if asked.judge([one], truth)["mark"]} == {right}


def test_a_choice_of_nothing_is_right_where_nothing_is_true():
    asked = Asked("saved", "%", (0, 25, 50))
    assert [asked.judge([one], 0.0)["mark"] for one in asked.list_choices()] == [1, 0, 0]


def test_a_choice_of_words_is_the_truth_itself():
    asked = Asked("warms more", choices=("the sun", "the chip"))
    assert [asked.judge([one], "the sun")["mark"] for one in asked.choices] == [1, 0]
    assert asked.judge([], "the sun") == {"kind": "skipped", "mark": 0.0, "said": "", "truth": "the sun"}


# kept


def answered(kind: str, *marks: float) -> None:
    for place, mark in enumerate(marks):
        assert keep("guess", f"{kind} {place}", {"kind": kind, "mark": mark, "said": "a", "truth": "b"}) == ""


def test_looking_back_counts_what_held_and_how_far_numbers_were_off(capsys: pytest.CaptureFixture[str]):
    answered("interval", *7 * [1.0], *5 * [0.0])
    answered("number", 1.5, 40.0, 3.0)
    answered("choice", 1.0, 0.0)
    answered("skipped", 0.0)
    tk.look_back()
    assert capsys.readouterr().out.splitlines() == [
        "your 80 % intervals held 7 of 12",
        "your choices: 1 of 2 right",
        "your numbers (3) were off by a factor of 3 in the middle",
        "skipped: 1",
        "no decision was taken",
    ]


def test_an_answer_replaces_the_one_before(capsys: pytest.CaptureFixture[str]):
    answered("interval", 0.0)
    answered("interval", 1.0)
    tk.look_back()
    assert "held 1 of 1" in capsys.readouterr().out


def test_decisions_are_printed_kept_and_shown_together(capsys: pytest.CaptureFixture[str]):
    for board in ("a", "b"):
        tk.decide("the board", chose=board, binds="SRAM", margin=LIFE, risk="\x1b[2J" + 999 * "x")
    assert "  margin  200 s [100 s … 400 s] (modelled)" in capsys.readouterr().out
    tk.decide("the box", chose="sealed", binds="", margin=" ", risk="sun")
    assert "not kept: still open is binds, margin" in capsys.readouterr().out
    tk.look_back()
    out = capsys.readouterr().out
    assert out.startswith("no guess was answered\ndecision: the board\n  chose   b\n  binds   SRAM\n")
    assert "the box" not in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) < 330


def test_nothing_is_kept_where_guesses_answer_themselves(monkeypatch, capsys, workspace: Path):
    answered("interval", 1.0)
    monkeypatch.setenv("TINYKIT_GUESS", "auto")
    tk.decide("the board", chose="a", binds="b", margin="c", risk="d")
    capsys.readouterr()
    tk.look_back()
    assert capsys.readouterr().out == "no guess was answered\nno decision was taken\n"
    monkeypatch.delenv("TINYKIT_GUESS")
    assert recall("decision") == ({}, "")


def test_a_damaged_record_is_named_kept_as_it_is_and_passed_over(workspace: Path, capsys):
    answered("interval", 1.0)
    path = workspace / "answers" / "record.toml"
    path.write_text("half a rec")
    tk.look_back()
    assert "record.toml: not a readable record" in capsys.readouterr().out
    assert "not kept: " in keep("guess", "a", {"kind": "number"})
    tk.decide("a", chose="a", binds="b", margin="c", risk="d")
    assert "not kept: " in capsys.readouterr().out
    assert path.read_text() == "half a rec"


@pytest.mark.parametrize(
    ("old", "new"),
    [("mark = 1.0", 'mark = "1"'), ('said = "a"', "said = 3"), ('said = "a"\n', ""),
     ('said = "a"', 'said = "a"\nmore = 1')],
)  # fmt: skip
def test_a_damaged_answer_is_named_and_the_others_count(old: str, new: str, workspace: Path, capsys):
    answered("interval", 0.0)
    path = workspace / "answers" / "record.toml"
    keep("guess", "bad", {"kind": "interval", "mark": 1.0, "said": "a", "truth": "b"})
    path.write_text(path.read_text().replace(old, new) if "mark" in old else new.join(path.read_text().rsplit(old, 1)))
    tk.look_back()
    assert capsys.readouterr().out.splitlines() == [
        "your 80 % intervals held 0 of 1", "no decision was taken", "damaged and passed over: bad"
    ]  # fmt: skip


def test_a_workspace_that_is_full_or_cannot_be_written_says_so(workspace: Path, monkeypatch):
    monkeypatch.setattr(course, "MOST_KEPT", 2)
    answered("number", 1.0, 2.0)
    assert "has 2 answers; remove it to start again" in keep("guess", "third", {"mark": 1.0})
    answered("number", 1.5)
    monkeypatch.setenv("TINYKIT_WORKSPACE", str(workspace / "file"))
    (workspace / "file").write_text("in the way")
    assert keep("guess", "a", {"mark": 1.0}).startswith("not kept: ")


# exercises


def told(capsys: pytest.CaptureFixture[str], exercise: str, answer: object) -> str:
    tk.check(exercise, answer)
    return capsys.readouterr().out.removeprefix(f"{exercise}: ").rstrip("\n")


@pytest.mark.parametrize(
    ("exercise", "answer", "found"),
    [("05.3", 4806, "right"), ("05.3", "4,806 B", "right"), ("05.3", "4.6934 KiB", "right"),
     ("05.3", 4806e3, "off by a factor of 1000, mind the unit"),
     ("05.3", 4806 / 1024, "off by a factor of 1024, mind the unit"),
     ("05.3", 4532, "too low for the shipped network"), ("05.3", 5000, "too high for the shipped network"),
     ("05.3", 7e5, "far too high for the shipped network"), ("05.3", -1, "far too low for the shipped network"),
     ("05.1", tk.Estimate(10_240, 10_000, 11_000, "byte", "modelled"), "right"),
     ("05.1", tk.Estimate(10, 9, 11, "s", "modelled"), f"10.0 s [9.00 s … 11.0 s] (modelled) {WRONG} the arena"),
     ("05.1", "10 ms", f"'10 ms' {WRONG} the arena"), ("05.1", True, f"True {WRONG} the arena"),
     ("05.1", None, f"None {WRONG} the arena"), ("05.1", math.nan, f"nan {WRONG} the arena"),
     ("05.1", [1, 2], f"[1, 2] {WRONG} the arena"), ("05.1", ..., "no answer yet; put the arena for the dots"),
     ("01.1", 17.4, "off by a factor of 100, mind the unit"), ("01.1", "17.4 %", "right"),
     ("11.1", " X-CUBE-AI ", "right"), ("11.1", "esp-nn", "1 wrong, 1 missing"),
     ("11.1", 3, f"3 {WRONG} the name of a runtime"), ("04.2", {"QUANTIZE"}, "right"),
     ("05.2", ["microbit-v2", "pico"], "1 wrong, 7 missing"), ("05.2", [], "0 wrong, 8 missing")],
)  # fmt: skip
def test_an_answer_is_judged_and_never_given_away(capsys, exercise: str, answer: object, found: str):
    assert told(capsys, exercise, answer) == found


def test_an_exercise_that_is_not_checked_is_refused():
    with pytest.raises(ParameterError, match=r"no exercise '99\.9' is checked"):
        tk.check("99.9", 1)


def test_every_exercise_of_the_table_is_checked_by_a_solution_and_the_other_way_round():
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    checked = [name for cell in cells for name in re.findall(r'^tk\.check\("(.+?)", ', cell.source, re.M)]
    assert sorted(checked) == sorted(EXERCISES)
    assert all({"asks", "answer"} <= {*one} for one in EXERCISES.values())


# two editions


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_participants_get_every_question_and_no_answer(path: Path):
    whole, own = nbformat.read(path, 4), nbformat.reads(strip_answers(path.read_bytes()).decode(), 4)
    nbformat.validate(own)
    assert [cell.id for cell in own.cells] == [cell.id for cell in whole.cells]
    code = [cell for cell in own.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    for before, after in zip(whole.cells, own.cells, strict=True):
        if "solution" in before.metadata.get("tags", []):
            checks = [name for name in EXERCISES if f'tk.check("{name}"' in before.source]
            assert after.source == "".join(f'tk.check("{name}", ...)' for name in checks)
            assert after.metadata == {"tags": ["exercise"]}
        elif before.cell_type == "code" and "tk.decide" not in before.source:
            assert after.source == before.source


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem != "studio"], ids=lambda path: path.stem)
def test_what_reads_a_guessed_result_is_folded_until_then(path: Path):
    cells = nbformat.reads(strip_answers(path.read_bytes()).decode(), 4).cells
    asked = False
    for cell in cells:
        asked = asked or ("guess(" in cell.source and cell.cell_type == "code")
        if cell.cell_type == "markdown" and asked:
            assert cell.source.startswith(("<details>\n<summary>", "#"))
            asked = False
    assert any("<details>" in cell.source for cell in cells)


def test_a_decision_card_is_handed_out_empty():
    source = 'print(1)\ntk.decide(\n    "the board", chose=f(a)[0], binds="b",\n    margin=g(1), risk=h(2),\n)\nplot(x)'
    cell = {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": 3}
    (found,) = json.loads(strip_answers(json.dumps({"cells": [cell]}).encode()))["cells"]
    assert "".join(found["source"]) == (
        'print(1)\ntk.decide(\n    "the board", chose="", binds="", margin="", risk="")\nplot(x)'
    )
