"""`tinykit budget --trace`: the budget beside the measurement, in words and in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.models import small_cnn
from tinykit.show.cli.main import main


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    model, trace = tmp_path / "model.tflite", tmp_path / "run.csv"
    model.write_bytes(small_cnn())
    rows = (f"{ms},{9600 if ms % 200 < 30 else 10}" for ms in range(1, 4000))
    trace.write_text("Timestamp(ms),Current(uA)\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return str(model), str(trace)


def ask(files: tuple[str, str], *more: str) -> list[str]:
    options = ["--board", "nucleo-u575zi-q", "--latency", "0.03", "--period", "0.2", "--run-current", "0.0096"]
    return ["budget", files[0], *options, "--trace", files[1], *more]


def test_the_comparison_is_told(files, capsys):
    assert main(ask(files)) == 0
    said = capsys.readouterr().out
    assert "sleep current" in said
    assert "as budgeted" in said


def test_the_trace_sharpens_the_budget(files, capsys):
    given = ("--run-current", "0.0096")
    wide = [option for option in ask(files, "--json", "--battery", "cr2032") if option not in given]
    assert main(wide) == 0
    document = json.loads(capsys.readouterr().out)
    before, after = document["energy_per_inference_j"], document["sharpened"]["energy_per_inference_j"]
    assert (after["high"] - after["low"]) / after["value"] < (before["high"] - before["low"]) / before["value"]
    assert after["value"] == pytest.approx(9.6e-3 * document["supply_v"] * 0.03, rel=1e-2)
    assert "run.csv" in after["source"]
    bare = [option for option in wide if option not in ("--json", "--latency", "0.03")]
    assert main(bare) == 0
    assert "from this trace" in capsys.readouterr().out


def test_the_document_keeps_its_keys_and_gains_two(files, capsys):
    assert main(ask(files, "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"average_power_w", "energy_per_day_j", "battery_life_s", "t_junction_c", "states"} <= set(document)
    assert document["trace"]["bursts"] == 19
    by_figure = {row["figure"]: row for row in document["comparison"]}
    assert by_figure["current awake"]["verdict"] == "as budgeted"


def test_a_bad_trace_is_one_clear_message(files, capsys, tmp_path):
    assert main([*ask(files)[:-1], str(tmp_path / "none.csv")]) == 2
    assert "cannot be read" in capsys.readouterr().err
