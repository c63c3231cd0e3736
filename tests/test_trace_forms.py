"""Traces as programs and people write them: each form that docs/traces.md lists, read to the same figures."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.test_trace import waves
from tinykit.budget import find_layout, read_trace
from tinykit.ground.errors import DataError
from tinykit.show.cli.main import main

DOCUMENT = Path(__file__).parents[1] / "docs" / "traces.md"
LISTED = re.findall(r"^\| (.+) \| `(.+)` \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
START_S, ASLEEP_A = 0.2, 1e-5
"""What the first row of each form shows."""
TIME = re.compile(r"200000|200|0[.,]2")
CURRENT = re.compile(r"0[.,]00001|0[.,]01|10")
STAMP = re.compile(r"(?:\d{4}[-/]\d\d[-/]\d\d[ T])?\d\d:[\d:.,]+")


def make(form: str) -> str:
    """A file of 20 periods in a form: its head, and rows like its first."""
    *head, row = (line.replace("→", "\t") for line in form.split("⏎"))
    mark = next(mark for mark in ";\t, " if mark in row)
    cells = next(csv.reader([row], delimiter=mark)) if mark != " " else row.split(" ")
    time_at = next(at for at, cell in enumerate(cells) if TIME.fullmatch(cell) or STAMP.match(cell))
    current_at = next(at for at, cell in enumerate(cells) if CURRENT.fullmatch(cell))
    comma = "," in "".join(cells)
    per_ampere = float(cells[current_at].replace(",", ".")) / ASLEEP_A
    rows = []
    for seconds, amperes in zip(*waves(), strict=True):
        cells[time_at] = _tell_time(cells[time_at], row, START_S + seconds)
        cells[current_at] = f"{amperes * per_ampere:.9g}"
        told = [cell.replace(".", ",") if comma else cell for cell in cells]
        rows.append(mark.join(f'"{cell}"' if '"' in row else cell for cell in told))
    return "\n".join([*head, *rows]) + "\n"


def _tell_time(cell: str, row: str, seconds: float) -> str:
    if stamp := STAMP.match(cell):
        moment = datetime(2026, 3, 1, 10) + timedelta(seconds=round(seconds, 6))
        told = moment.isoformat("T" if "T" in stamp[0] else " ", "milliseconds") + cell[stamp.end() :]
        told = told.replace("-", "/", 2) if "/" in stamp[0] else told
        return told if len(stamp[0]) > len("10:00:00.200") else told.partition(" ")[2]
    first = next(csv.reader([row], delimiter=next(mark for mark in ";\t, " if mark in row)))
    scale = float(next(one for one in first if TIME.fullmatch(one)).replace(",", ".")) / START_S
    return f"{seconds * scale:.9g}"


@pytest.mark.parametrize(("name", "form"), LISTED, ids=[name for name, _ in LISTED])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_listed_form_gives_the_same_figures(tmp_path, name, form, encoding):
    _check(tmp_path, make(form).encode(encoding))


def _check(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.csv"
    path.write_bytes(content)
    trace, (_, currents) = read_trace(path), waves()
    assert (trace.samples, trace.bursts, trace.notes) == (currents.size, 20, ())
    assert trace.duration_s == pytest.approx(4.0, rel=1e-6)
    assert trace.average_a == pytest.approx(currents.mean(), rel=1e-6)
    assert trace.burst_s == pytest.approx(0.030, rel=1e-5)
    assert trace.period_s == pytest.approx(0.200, rel=1e-5)


@pytest.mark.parametrize("content", [b"time_ms,current (\xb5A)\r\n", "time_ms,current (ÂµA)\n\n".encode()])
def test_a_micro_sign_in_another_encoding_and_other_line_ends(tmp_path, content):
    rows = [f"{t * 1e3:.9g},{i * 1e6:.9g}" for t, i in zip(*waves(), strict=True)]
    _check(tmp_path, content + ("\r\n" if b"\r" in content else "\n").join(rows).encode())


def test_every_row_of_the_table_is_a_test():
    assert len(LISTED) == 27


HEADLESS = "0,1\n1,2.5\n2,1\n"


def test_units_that_a_header_lacks_are_given(tmp_path, capsys):
    path = tmp_path / "bare.csv"
    path.write_text("time,current\n" + HEADLESS, encoding="utf-8")
    with pytest.raises(DataError, match=r"unit 'none' of .*\nwrite it in the header.*\n.*--trace-units ms,mA"):
        read_trace(path)
    assert read_trace(path, time_unit="s", current_unit="mA").peak_a == pytest.approx(2.5e-3, rel=1e-9)
    path.write_text(HEADLESS, encoding="utf-8")
    assert read_trace(path, time_unit="s", current_unit="mA").peak_a == pytest.approx(2.5e-3, rel=1e-9)
    with pytest.raises(DataError, match="no header; put a line such as"):
        read_trace(path, time_unit="s")


@pytest.mark.parametrize(
    ("head", "at"),
    [
        ("timestamp,time_s,v,current_ma", (1, 3)),
        ("time_s,i_min_ma,i_max_ma,i_avg_ma", (0, 3)),
        ("n,elapsed (ms),Ibat [mA],charge (mAh)", (1, 2)),
        ("time state,time (ms),current state,current (mA)", (1, 3)),
        ("ms since start,port,voltage_V,I_mA_avg", (0, 3)),
        ("t_ms,a,port,shunt_mA", r"mixed units \['a', 'ma'\] of current"),
        ("time (ms),USB (mA),Aux (mA),V", r"2 columns of current: \['usb \(ma\)', 'aux \(ma\)'\]; keep one"),
        ("time (ms),USB (mA),Main (mA),V", (0, 2)),
        ("time (s),voltage (V),Supply current [mA],power (mW)", (0, 2)),
    ],
)
def test_the_right_columns_are_taken(tmp_path, head, at):
    path = tmp_path / "run.csv"
    rows = "\n0,1,on,3\n1,2,on,4\n" if "state" in head else "\n0,1,2,3\n1,2,3,4\n"
    path.write_text(head + rows, encoding="utf-8")
    if isinstance(at, str):
        with pytest.raises(DataError, match=at):
            find_layout(path)
    else:
        layout = find_layout(path)
        assert (layout.time_at, layout.current_at) == at


CLOCK = "timestamp,current (mA)\n2026-03-01 10:00:00,1\n2026-03-01 10:00:01,1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CLOCK + "2026-03-01 10:00:02Z,1\n", "row 4 is not 2 numbers.*\n.*one time zone"),
        (CLOCK + "01/03/2026 10:00:02,1\n", "row 4 is not 2 numbers"),
        (CLOCK + "2026-03-01 09:00:02,1\n", "time goes back by .* after .*\n.*clock was set back"),
        (CLOCK + "2026-03-01 10:00:02,1 mA\n", "row 4 is not 2 numbers"),
        (CLOCK + "2026-03-01 10:00:02.0000000000000000000000000000000000000000000000001,1\n", "a row of the 3"),
        (
            "timestamp,current (mA)\n01/03/2026 10:00:00,1\n",
            "time '01/03/2026 10:00:00' is a wall clock.*\n.*stamps as 20",
        ),
        ("time_s,current_mA\n0,1\n" + "1" * 9_000_000, "a line of more than 65536 characters"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path, text, message):
    path = tmp_path / "run.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_trace(path)


def session(path: Path, currents: np.ndarray, *, rate_hz: float = 1000, about: object = None, **more: bytes) -> Path:
    """A .ppk2 of these currents [A]."""
    frames = np.zeros(currents.size, [("current", "<f4"), ("bits", "<u2")])
    frames["current"] = currents * 1e6
    told = {"metadata": {"samplesPerSecond": rate_hz, "startSystemTime": 1}, "formatVersion": 2}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("session.raw", frames.tobytes())
        archive.writestr("metadata.json", json.dumps(told if about is None else about))
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def test_a_ppk2_gives_what_its_samples_hold(tmp_path, monkeypatch):
    _, currents = waves()
    trace = read_trace(session(tmp_path / "run.ppk2", currents))
    assert (trace.kind, trace.samples, trace.bursts) == ("ppk2-session", currents.size, 20)
    assert trace.average_a == pytest.approx(currents.mean(), rel=1e-6)
    assert trace.duration_s == pytest.approx(4.0, rel=1e-9)
    monkeypatch.setattr("tinykit.budget.trace.ppk2._BLOCK_SAMPLES", 100)
    again = read_trace(tmp_path / "run.ppk2")
    assert again.burst_s == pytest.approx(trace.burst_s, rel=1e-9)
    currents[1500:1510] = np.nan
    lossy = read_trace(session(tmp_path / "lossy.ppk2", currents))
    assert lossy.bridged_share == pytest.approx(10 / 4000, rel=1e-2)
    assert "10 rows without a number" in lossy.notes[0]


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ([], "not readable as a .ppk2"),
        ({"metadata": {}}, "not readable as a .ppk2"),
        ({"metadata": {"samplesPerSecond": "many"}}, "not readable as a .ppk2"),
        ({"metadata": {"samplesPerSecond": 0}}, "0 samples a second in format 1, not known here; open it"),
        ({"metadata": {"samplesPerSecond": 1000}, "formatVersion": 3}, "in format 3, not known here; open it"),
    ],
)
def test_a_ppk2_that_tells_nothing_of_use_is_refused(tmp_path, about, message):
    with pytest.raises(DataError, match=message):
        read_trace(session(tmp_path / "run.ppk2", waves(2)[1], about=about))


def test_zips_and_old_saves_are_named_with_the_way_on(tmp_path, monkeypatch):
    old = tmp_path / "run.ppk"
    old.write_bytes(b"\x01\x02\x03")
    with pytest.raises(DataError, match=r"not readable as a .ppk2 of version 4.*\nopen it in nRF Connect"):
        read_trace(old)
    other = tmp_path / "sheet.xlsx"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("workbook.xml", b"")
    with pytest.raises(DataError, match=r"a zip without session.raw and metadata.json.*\n.*a table saved as CSV"):
        read_trace(other)
    whole = session(tmp_path / "run.ppk2", waves()[1]).read_bytes()
    for place in range(60, len(whole) - 100, len(whole) // 40):
        (tmp_path / "broken.ppk2").write_bytes(whole[:place] + bytes(byte ^ 255 for byte in whole[place : place + 8]))
        with pytest.raises(DataError, match="ppk2"):
            read_trace(tmp_path / "broken.ppk2")
    with pytest.raises(DataError, match=r"\d+ files, a session of [\d,]+ bytes packed"):
        read_trace(session(tmp_path / "many.ppk2", waves(2)[1], **{f"f{n}": b"" for n in range(100)}))
    with zipfile.ZipFile(tmp_path / "run.ppk2") as archive, zipfile.ZipFile(other, "w", zipfile.ZIP_LZMA) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    with pytest.raises(DataError, match="packed by method 14"):
        read_trace(other)
    monkeypatch.setattr("tinykit.budget.trace.ppk2._FREE_BYTES", 1000)
    with pytest.raises(DataError, match=r"packed \d+ times\nallowed: 64 files"):
        read_trace(session(tmp_path / "bomb.ppk2", np.zeros(100_000)))


def test_the_command_line_takes_units_and_says_what_was_bridged(tmp_path, capsys):
    from tests.models import small_cnn

    model, trace = tmp_path / "model.tflite", tmp_path / "run.csv"
    model.write_bytes(small_cnn())
    rows = [f"{ms},{9.6 if ms % 200 < 30 else 0.01}" for ms in range(4000) if not 1000 <= ms < 1012]
    trace.write_text("time,current\n" + "\n".join(rows) + "\n", encoding="utf-8")
    asked = ["budget", str(model), "--board", "nucleo-u575zi-q", "--latency", "0.03", "--trace", str(trace)]
    assert main([*asked, "--trace-units", "ms,mA"]) == 0
    assert "run.csv: 0.30% of the time is missing and was bridged by straight lines: 1 gap" in capsys.readouterr().out
    assert main([*asked, "--trace-units", "ms,mA", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trace"]["bridged_share"] == pytest.approx(0.003, rel=1e-2)
    assert main([*asked, "--trace-units", "ms"]) == 2
    assert "--trace-units 'ms'; give the unit of time and of current" in capsys.readouterr().err


PIECES = [
    b"nan",
    b"\n",
    b",",
    b";",
    b"\t",
    b'"',
    b"\0",
    b"\xff\xfe",
    b"e999",
    b"(",
    b"[mA]",
    b"\r",
    b"1" * 70,
    b"9999-99-99 99:99:99",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(LISTED), st.randoms(use_true_random=False))
def test_a_damaged_table_is_read_or_refused_in_three_lines(tmp_path, listed, dice):
    content = bytearray(make(listed[1])[:1500].encode())
    for _ in range(dice.choice([1, 2, 5, 20])):
        place = dice.randrange(dice.choice([60, len(content)]))
        content[place : place + dice.randrange(6)] = dice.choice(
            [dice.choice(PIECES), b"", bytes([dice.randrange(256)])]
        )
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    told = ""
    try:
        read_trace(path)
    except DataError as error:
        told = str(error)
    assert told.count("\n") < 3
