"""published errors: the pages show what the table holds, the table reads back, quotes say what stands behind them."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from tinykit.ground.errors import FactError, UnknownFactError
from tinykit.predict.latency.shapes import read_table
from tinykit.predict.validation.compare import GroupError
from tinykit.predict.validation.published import (
    ARCHITECTURE_OUT,
    AS_PUBLISHED,
    PublishedError,
    from_groups,
    parse_errors,
    quote_error,
    read_errors,
    to_markdown,
)
from tinykit.show.cli.main import main
from tools import published_errors as readme, trust

ROOT = Path(__file__).resolve().parents[1]
README, ACCURACY = ROOT / "README.md", ROOT / "docs" / "accuracy.md"
SEEN = PublishedError("latency", "cortex-m4", "x", AS_PUBLISHED, 5, 3, 0, 0.101, 0.25, 0.8, -0.02)
UNSEEN = dataclasses.replace(SEEN, how=ARCHITECTURE_OUT, known=0, groups=4, median_ape=0.151)


def test_the_page_of_accuracy_shows_the_shipped_errors():
    text = ACCURACY.read_text(encoding="utf-8")
    assert readme.START in text, "`make readme` finds its place by this line"
    assert readme.fill(text, to_markdown(read_errors())) == text, "`make readme` writes the block again"


def test_the_readme_says_in_short_what_the_shipped_errors_are():
    text = README.read_text(encoding="utf-8")
    assert readme.SHORT in text, "`make readme` finds its place by this line"
    short = readme.tell_short(read_errors())
    assert readme.fill(text, short, start=readme.SHORT, end=readme.SHORT_END) == text, "`make readme` writes it again"


def test_the_page_of_accuracy_says_how_far_each_measured_runtime_and_core_may_be_trusted():
    """Boards and rows are those of the shipped evidence, errors those of the last `make readme`."""
    text, rows = ACCURACY.read_text(encoding="utf-8"), read_table("measured").rows
    shown = text.partition(readme.TRUST)[2].partition(readme.TRUST_END)[0].splitlines()
    without = trust.to_markdown((), rows).splitlines()
    assert [line.split(" | ")[:5] for line in shown] == [line.split(" | ")[:5] for line in without]


def test_a_line_of_trust_by_hand():
    rows = [
        {"runtime": "x", "core": "c", "board": board, "version": version, "build": ""}
        for board, version in (("b", "10.2"), ("a", "7.1.0"), ("a", "3.0.0"))
    ]
    score = {
        "left out": "board", "runtime": "x", "core": "c", "median error %": 8.5, "p90 error %": 21.7,
        "in the 80 % interval %": 95, "pool": "thin",
    }  # fmt: skip
    line = trust.to_markdown([score], rows).splitlines()[2]
    assert line == "| x | c | a, b | 7.1 to 10.2, ST Edge AI Core 3.0 | 3 |  | 8 / 22 %, 95 %, few |  |  |"


def test_what_was_left_out_scores_as_the_shipped_evidence_gives():
    """Every network, and every board, predicted from the others alone, again; `make readme` after a change."""
    shipped = [one for one in read_errors() if one.how != AS_PUBLISHED]
    scored = readme.left_out()
    keys = [[(one.core, one.runtime, one.rows) for one in errors] for errors in (shipped, scored)]
    assert keys[0] == keys[1]
    for one, again in zip(shipped, scored, strict=True):
        for name in ("median_ape", "p90_ape", "coverage_80", "bias"):
            assert getattr(one, name) == pytest.approx(getattr(again, name), abs=1e-4), f"{one.runtime} on {one.core}"


def test_notebooks_quote_errors_of_the_table():
    """A median that a notebook states under "How far to trust this" is one of the table's."""
    known = {f"{100 * one.median_ape:.1f}" for one in read_errors()}
    quoted = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        trust = next("".join(cell["source"]) for cell in cells if "## How far to trust this" in "".join(cell["source"]))
        quoted[path.stem] = set(re.findall(r"median (\d+\.\d) %", trust))
    assert sum(map(bool, quoted.values())) >= 4
    assert not {name: left for name, found in quoted.items() if (left := found - known)}


def test_the_table_reads_back():
    errors = read_errors()
    assert parse_errors(readme.render_errors(errors), "test") == errors
    assert {one.quantity for one in errors} == {"latency", "energy", "arena"}
    assert {one.how for one in errors} == {"as published", "architecture left out", "board left out"}


def test_markdown_by_hand():
    alone = to_markdown((SEEN,))
    assert alone.splitlines()[2] == "| latency | cortex-m4 | x | 5 | 3 | 10.1% | 25.0% | 80% | −2.0% |"
    both = to_markdown((UNSEEN, SEEN)).splitlines()
    assert both[0].endswith("| unseen: median | p90 | in 80 % |")
    assert both[2].endswith("| −2.0% | 15.1% | 25.0% | 80% |")
    assert len(both) == 3


def test_a_group_becomes_a_row():
    group = GroupError("arena", "cortex-m55", "tflm-cmsis-nn", 7, 2, 0.1, 0.2, 0.9, 0.05)
    (one,) = from_groups((group,))
    assert (one.rows, one.known, one.how, one.median_ape, one.bias) == (7, 2, AS_PUBLISHED, 0.1, 0.05)


def test_a_quote_prefers_what_was_not_seen_and_says_so():
    unseen = quote_error("latency", core="cortex-m4", runtime="tflm-cmsis-nn")
    assert unseen.startswith("latency, tflm-cmsis-nn on cortex-m4: median error ")
    assert unseen.endswith(" architectures left out in turn)")
    arena = quote_error("arena", core="cortex-m4", runtime="tflm-cmsis-nn")
    assert arena.endswith("published rows, 0 of them known to the fit)")
    assert quote_error("energy").startswith("energy, all boards: median error ")
    assert "boards left out in turn" in quote_error("energy")


def test_nothing_measured_is_not_quoted():
    with pytest.raises(UnknownFactError, match="no error of latency ethos-u on cortex-m55 was published\nknown: arena"):
        quote_error("latency", core="cortex-m55", runtime="ethos-u")


def test_a_damaged_table_is_told():
    with pytest.raises(FactError, match="a row cannot be read .* `make readme` writes the file again"):
        parse_errors("quantity,core\nlatency,cortex-m4\n", "errors.csv")


def test_a_missing_table_is_told(monkeypatch, tmp_path):
    from tinykit.predict.validation import published

    monkeypatch.setattr(published, "shipped_path", lambda *_: tmp_path / "none.csv")
    with pytest.raises(FactError, match="cannot be read .* reinstall the package"):
        published.read_errors.__wrapped__()


def test_the_command_prints_markdown(tmp_path, capsys):
    from tests.test_validation import COLUMNS, GOOD, small_cnn

    (tmp_path / "net.tflite").write_bytes(small_cnn())
    row = {**dict.fromkeys(COLUMNS, ""), **GOOD, "model_file_path_local": "net.tflite", "latency_ms": "2"}
    path = tmp_path / "rows.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    assert main(["validate", str(path), "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| quantity | core | runtime | rows | known |")
    assert lines[2].startswith("| latency | cortex-m4 | tflm-cmsis-nn | 1 | 0 |")
    assert len(lines) == 3
