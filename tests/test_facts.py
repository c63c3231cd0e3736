"""The shelf of facts: where files lie, and what a figure must carry to be taken from one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinykit.ground import facts
from tinykit.ground.errors import FactError
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.ground.quantity import Fact, weakest

ROOT = Path(__file__).resolve().parents[1]
WHOLE = {"value": 1.5, "unit": "A", "kind": "datasheet", "source": "DS1", "locator": "p. 3", "conditions": "25 °C"}


def test_in_a_checkout_shipped_files_lie_beside_the_package():
    assert shipped_path("data", "boards") == ROOT / "data" / "boards"


def test_in_an_installed_package_shipped_files_lie_inside_it(tmp_path, monkeypatch):
    (tmp_path / "shipped").mkdir()
    monkeypatch.setattr(facts, "_PACKAGE", tmp_path)
    assert shipped_path("data", "boards") == tmp_path / "shipped" / "data" / "boards"


def test_a_toml_file_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('name = "µ"\n', encoding="utf-8")
    assert read_toml(path) == {"name": "µ"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "absent.toml: cannot be read"),
        (b"\xff\xfe\x00", "cannot be read .*; give the path of a TOML file"),
        (b"value = \n", "not valid TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_named(tmp_path, content, message):
    path = tmp_path / "absent.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FactError, match=message):
        read_toml(path)


def test_a_whole_table_becomes_a_fact():
    assert to_fact(WHOLE, "x.toml: run_current") == Fact(1.5, "A", "datasheet", "DS1", "p. 3", "25 °C")


def test_a_figure_without_kind_and_source_is_the_users_word_and_no_document():
    fact = to_fact({"value": 1.5, "unit": "A"}, "mine.toml.current")
    assert (fact.kind, fact.source) == ("given", "given by the user in mine.toml.current")
    assert not fact.documented
    assert weakest("given", "datasheet") == weakest("given", "measured") == "given"
    assert weakest("given", "measured_by_others") == "measured_by_others"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (0.012, "x.toml: 0.012 is a bare figure; write {value, unit, kind, source}"),
        ({**WHOLE, "remark": "?"}, "missing \\[\\], unknown \\['remark'\\]"),
        ({"value": 1.0, "unit": "A", "kind": "datasheet"}, "missing \\['source'\\]"),
        ({"value": 1.0, "unit": "A", "source": "my notes"}, "missing \\['kind'\\]"),
        ({"value": 1.0}, "missing \\['unit'\\]"),
        ({**WHOLE, "low": "1 A"}, "low '1 A' is not a number; leave it out if it is unknown"),
        ({**WHOLE, "high": 1.0}, "has the range 1.5 to 1.0; give low <= value <= high"),
        ({**WHOLE, "value": "12 mA"}, "value '12 mA' is not a number; leave it out if it is unknown"),
        ({**WHOLE, "value": True}, "x.toml: fact value True"),
        ({**WHOLE, "source": " "}, "x.toml: .* has no source"),
        ({**WHOLE, "kind": "rumour"}, "x.toml: fact of kind 'rumour'"),
    ],
)
def test_a_table_that_is_no_fact_is_refused_with_its_place(table, message):
    with pytest.raises(FactError, match=message):
        to_fact(table, "x.toml")


def test_a_file_that_an_editor_marked_as_utf8_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes('\ufeffname = "µ"\n'.encode())
    assert read_toml(path) == {"name": "µ"}


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, name):
    path = tmp_path / name
    if name == "pipe":
        os.mkfifo(path)
    with pytest.raises(FactError, match=r"a folder, pipe or device, which may hold more than 4,194,304 bytes\); give"):
        read_toml(path)


@pytest.mark.parametrize("key", [".".join("a" * 5000), " . ".join(["'b c'"] * 40), '."."' * 40 + "x", "1" + ".1" * 99])
@pytest.mark.parametrize("line", ["{} = 1", "[{}]", "x = {{ {} = 1 }}"])
def test_a_key_of_many_parts_is_not_parsed(tmp_path, key, line):
    path = tmp_path / "a.toml"
    path.write_text(line.format(key))
    with pytest.raises(FactError, match="not a TOML file that can be taken .a key of over 16 parts."):
        read_toml(path)


def test_numbers_and_prose_with_points_are_no_keys(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b"x = [" + b"0.5, " * 99 + b"]\r\ny = 'one. two. three " + b"e.g. this one. " * 20 + b"'\r\n")
    assert read_toml(path)["x"] == [0.5] * 99
