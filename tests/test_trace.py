"""Traces: four layouts, plateaus against the trace's own making, bounded memory, and what is refused."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.no_files import NO_FILES
from tinykit.budget import Trace, budget_power, calibrate_board, compare_trace, find_layout, read_trace, rehearse_trace
from tinykit.ground.errors import DataError, ParameterError, UnknownFactError
from tinykit.predict.energy.predict import predict_energy
from tinykit.target.boards import board

U575 = board("nucleo-u575zi-q")
HEADERS = {
    "ppk2": ("Timestamp(ms),Current(uA),D0-D7", 1e3, 1e6, ",00000000"),
    "otii": ('"Timestamp (s)","Arc Main Current (A)"', 1.0, 1.0, ""),
    "joulescope": ("#time,current,voltage,power,charge,energy", 1.0, 1.0, ",3.0,0.03,0,0"),
    "plain": ("time [us];current [mA]", 1e6, 1e3, ""),
}


def waves(periods: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """30 ms at 9.6 mA every 200 ms, 10 µA between, 3 % noise, a step of 1 ms."""
    times = np.arange(periods * 200) * 1e-3
    noise = np.random.default_rng(seed).normal(1.0, 0.03, times.size)
    phase = np.arange(times.size) % 200
    return times, np.where((phase >= 50) & (phase < 80), 9.6e-3, 1e-5) * noise


def write(path: Path, kind: str, times: np.ndarray, currents: np.ndarray) -> Path:
    header, per_second, per_ampere, tail = HEADERS[kind]
    mark = ";" if ";" in header else ","
    rows = (f"{t * per_second:.9g}{mark}{i * per_ampere:.9g}{tail}" for t, i in zip(times, currents, strict=True))
    path.write_text(header + "\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", HEADERS)
def test_every_layout_gives_the_same_plateaus(tmp_path, kind):
    times, currents = waves()
    trace = read_trace(write(tmp_path / "run.csv", kind, times, currents))
    assert trace.kind == kind
    assert trace.samples == times.size
    assert trace.step_s == pytest.approx(1e-3, rel=1e-6)
    assert trace.average_a == pytest.approx(currents.mean(), rel=1e-6)
    assert trace.charge_c == pytest.approx(currents.sum() * 1e-3, rel=1e-6)
    assert trace.active_a == pytest.approx(9.6e-3, rel=5e-3)
    assert trace.sleep_a == pytest.approx(1e-5, rel=5e-3)
    assert trace.bursts == 20
    assert trace.burst_s == pytest.approx(0.030, rel=1e-6)
    assert trace.period_s == pytest.approx(0.200, rel=1e-6)
    assert trace.active_share == pytest.approx(0.15, rel=1e-6)
    assert 1e-5 < trace.threshold_a < 9.6e-3


def test_the_charge_of_the_plateaus_is_the_charge_of_the_trace(tmp_path):
    trace = read_trace(write(tmp_path / "run.csv", "plain", *waves()))
    parts = trace.active_share * trace.active_a + (1 - trace.active_share) * trace.sleep_a
    assert parts == pytest.approx(trace.average_a, rel=1e-9)
    assert sum(trace.histogram) == trace.samples


def test_a_flat_trace_has_one_plateau(tmp_path):
    times = np.arange(1000) * 1e-3
    trace = read_trace(write(tmp_path / "flat.csv", "plain", times, np.full(1000, 2e-3)))
    assert trace.threshold_a is None
    assert trace.sleep_a == trace.active_a == pytest.approx(2e-3, rel=1e-9)
    with pytest.raises(DataError, match="one plateau only"):
        calibrate_board(U575, trace, supply_v=3.0)
    verdicts = {row.figure: row.verdict for row in compare_trace(trace, budget_power(U575, 0.03))}
    assert verdicts["sleep current"] == "unknown"


def test_chunks_give_what_the_whole_gives(tmp_path, monkeypatch):
    path = write(tmp_path / "run.csv", "ppk2", *waves())
    whole = read_trace(path)
    monkeypatch.setattr("tinykit.budget.trace.reading._BLOCK_BYTES", 500)
    in_parts = read_trace(path)
    assert in_parts.bursts == whole.bursts
    assert in_parts.histogram == whole.histogram
    assert in_parts.burst_s == pytest.approx(whole.burst_s, rel=1e-12)
    assert in_parts.average_a == pytest.approx(whole.average_a, rel=1e-12)


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tinykit.budget.trace.reading._BLOCK_BYTES", 1 << 16)
    peaks = []
    for periods in (50, 500):
        path = write(tmp_path / f"{periods}.csv", "plain", *waves(periods))
        tracemalloc.start()
        read_trace(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_a_trace_against_its_own_budget_and_against_another(tmp_path):
    trace = read_trace(write(tmp_path / "run.csv", "plain", *waves()))
    given = {"sleep_current_a": 1e-5, "period_s": 0.2}
    rows = {row.figure: row for row in compare_trace(trace, budget_power(U575, 0.03, run_current_a=9.6e-3, **given))}
    assert {row.verdict for row in rows.values()} == {"as budgeted"}
    assert rows["average current"].ratio == pytest.approx(1.0, rel=1e-2)
    low = {row.figure: row for row in compare_trace(trace, budget_power(U575, 0.03, run_current_a=4.8e-3, **given))}
    assert low["current awake"].verdict == "more than budgeted"
    assert low["current awake"].ratio == pytest.approx(2.0, rel=1e-2)
    high = {row.figure: row for row in compare_trace(trace, budget_power(U575, 0.06, run_current_a=9.6e-3, **given))}
    assert high["time awake in a period"].verdict == "less than budgeted"
    assert rows["period"].to_json()["ratio"] == pytest.approx(1.0, rel=1e-6)


def test_one_measured_point_sharpens_the_board(tmp_path):
    trace = read_trace(write(tmp_path / "run.csv", "plain", *waves()))
    learned = calibrate_board(U575, trace, supply_v=3.0)
    before, after = predict_energy(0.03, U575, supply_v=3.0), predict_energy(0.03, learned, supply_v=3.0)
    assert after.value == pytest.approx(9.6e-3 * 3.0 * 0.03, rel=1e-2)
    assert (after.high - after.low) / after.value < (before.high - before.low) / before.value
    assert learned.ml_power[0].low.kind == "measured"
    assert "run.csv" in learned.ml_power[0].low.source
    assert learned.stop_current.value == pytest.approx(1e-5, rel=1e-2)
    with pytest.raises(ParameterError, match="supply"):
        calibrate_board(U575, trace, supply_v=-1.0)


def test_a_rehearsed_trace_reads_back_as_the_budget_it_was_made_of(tmp_path):
    budget = budget_power(U575, 0.03, period_s=0.5, run_current_a=9.6e-3, sleep_current_a=1e-5)
    trace = read_trace(rehearse_trace(budget, tmp_path / "made.csv", periods=10))
    assert (trace.kind, trace.samples) == ("plain", 5000)
    assert trace.average_a == pytest.approx(budget.average_current_a.value, rel=1e-2)
    assert {row.verdict for row in compare_trace(trace, budget)} == {"as budgeted"}
    again = rehearse_trace(budget, tmp_path / "again.csv", periods=10)
    assert again.read_bytes() == (tmp_path / "made.csv").read_bytes()


def test_nothing_unknown_or_endless_is_rehearsed(tmp_path):
    dark = budget_power(replace(U575, run_points=(), ml_power=()), 0.03)
    with pytest.raises(UnknownFactError, match="nothing to rehearse"):
        rehearse_trace(dark, tmp_path / "none.csv")
    budget = budget_power(U575, 0.03, run_current_a=9.6e-3)
    with pytest.raises(ParameterError, match="step"):
        rehearse_trace(budget, tmp_path / "none.csv", step_s=-1.0)
    with pytest.raises(ParameterError, match="give 1 up to"):
        rehearse_trace(budget, tmp_path / "none.csv", periods=0)


def test_units_may_be_given_where_the_header_has_none(tmp_path):
    path = tmp_path / "bare.csv"
    path.write_text("time,current\n0,1\n1,2\n2,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"unit 'none' of time.*\n.*header, as `time \(s\)`"):
        read_trace(path)
    layout = find_layout(path, time_unit="ms", current_unit="uA")
    assert (layout.to_seconds, layout.to_amperes) == (1e-3, 1e-6)
    assert read_trace(path, time_unit="ms", current_unit="uA").average_a == pytest.approx(4e-6 / 3, rel=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "time (s);current (mA)\n0;1\n1,0;2,5\n2,0;1\n",
        "time (s)\tcurrent (mA)\n0,0\t1,0\n1,0\t2,5\n2,0\t1,0\n",
        '"time (s)","current (mA)"\n"0","1"\n"1.0","2.5"\n"2.0","1"\n',
        "time_s,current_mA\n0,1\n1,2.5\n2,1\n",
        "time s,current mA\n0,1\n1,2.5\n2,1\n",
        "time (s);current (µA)\n0,0;1000,0\n1,0;2500,0\n2,0;1000,0\n",
    ],
)
def test_what_spreadsheets_make_of_a_trace_reads_alike(tmp_path, text):
    path = tmp_path / "saved.csv"
    path.write_bytes(text.encode("latin-1"))
    found = read_trace(path)
    assert (found.samples, found.step_s) == (3, 1.0)
    assert (found.average_a, found.peak_a) == pytest.approx((1.5e-3, 2.5e-3), rel=1e-9)


GOOD = "time (s),current (A)\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row of numbers"),
        ("0,1\n1,2\n", "no header"),
        ("time (s),volts (V)\n0,1\n", "no current column"),
        ("current (A),volts (V)\n0,1\n", "no time column"),
        (
            '"Wall-clock time (UTC)","Arc Main Current (A)"\n0,1\n',
            "a wall clock that cannot be read, not seconds\nexport",
        ),
        ("time (s),current (parsec)\n0,1\n", "unit 'parsec' of current"),
        ("time (s),current (mA),current (uA)\n0,1,2\n", r"mixed units \['ma', 'ua'\]"),
        ("time (s),current (A),more\n0,1\n", "header has 3 columns, the numbers 2"),
        (GOOD + "0,1\n1,2\ntime (s),current (mA)\n2,3\n", "row 4 is not 2 numbers.*\n.*mixed units"),
        (GOOD + "0,1\n1,2 mA\n2,1\n", "row 3 is not 2 numbers"),
        (GOOD + "0,1\n1,2,3\n2\n", "row 3 is not 2 numbers"),
        ("time (s);current (A)\n0.0;1.234,5\n", "row 2 is not 2 numbers"),
        (GOOD + "0,1\n1,1_0\n2,1\n", "no plain numbers; write digits alone"),
        (
            GOOD + "0,1\n1,2\n2,3\n30,1\n31,1\n",
            "87.1% of the time is missing: 1 gap, the longest 27 s after 2 s\nallowed: 5%",
        ),
        (GOOD + "1,1\n1,2\n1,3\n", "time does not rise after 1 s"),
        (GOOD + "".join(f"{t},1\n" for t in range(9)) + "1,1\n", "time goes back by 7 s after 8 s\nsort the rows"),
        (GOOD + "0,1\n1,nan\n2,1\n", "50.0% of the time is missing: 1 row without a number"),
        (GOOD + "0,1\n", "1 samples"),
        (
            "timestamp,current (uA)\n"
            + "".join(f"2026-03-01 10:00:00.{t:03d},10\n" for t in range(300))
            + "2026-03-01 10:00:01,10"
            + "x" * 140_000
            + "\n",
            "field larger than field limit.*; export the trace",
        ),
        (GOOD + "0,1\n1,inf\n2,1\n", "50.0% of the time is missing: 1 row without a number"),
        (GOOD + "0,1\n1,9600\n2,1\n", "a current of 9.6e\\+03 A; the unit is wrong"),
        (GOOD + "0,-1\n1,-2\n2,-1\n", "it flows backwards; swap the leads"),
    ],
)
def test_bad_traces_are_refused(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_trace(path)


def test_a_header_of_a_million_columns_costs_no_time(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(["time (s)", "current (A)", *["c"] * 10**6]) + "\n0,0.1\n1,0.1\n")
    start = time.process_time()
    with pytest.raises(DataError, match=r"header has \d+ columns, the numbers 2; make them agree"):
        read_trace(path)
    assert time.process_time() - start < 2


def test_noise_around_zero_is_no_fault(tmp_path):
    times, currents = waves()
    trace = read_trace(write(tmp_path / "noisy.csv", "plain", times, currents - 2e-5))
    assert trace.sleep_a < 0 < trace.active_a


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_trace(tmp_path / "none.csv")


def look(path: Path, times: np.ndarray, currents: np.ndarray) -> Trace:
    return read_trace(write(path / "seen.csv", "plain", times, currents))


def holds(found: Trace, rel: float) -> None:
    """The figures of `waves`, which has 9.6 mA for 15 % of the time and 10 µA between."""
    assert found.charge_c == pytest.approx(4.0 * (0.15 * 9.6e-3 + 0.85 * 1e-5), rel=rel)
    assert found.active_share == pytest.approx(0.15, rel=rel)
    assert found.active_a == pytest.approx(9.6e-3, rel=rel)
    assert found.burst_s == pytest.approx(0.030, rel=rel)


SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(st.integers(1, 25), st.integers(1, 5))
def test_a_logger_that_slows_down_sees_the_same_charge(tmp_path, asleep, awake):
    times, currents = waves()
    phase = np.arange(times.size) % 200
    busy = (phase >= 50) & (phase < 80)
    edge = np.isin(phase, (49, 50, 79, 80))
    seen = edge | (busy & (phase % awake == 0)) | (~busy & (phase % asleep == 0))
    found = look(tmp_path, times[seen], currents[seen])
    holds(found, 0.02)
    assert not found.notes


@SETTINGS
@given(st.integers(0, 3999), st.integers(1, 5))
def test_a_row_that_comes_again_changes_nothing(tmp_path, place, again):
    times, currents = waves()
    order = np.sort(np.concatenate([np.arange(times.size), [place] * again]))
    found, clean = look(tmp_path, times[order], currents[order]), look(tmp_path, times, currents)
    for name in ("duration_s", "average_a", "charge_c", "active_share", "sleep_a", "burst_s", "period_s"):
        assert getattr(found, name) == pytest.approx(getattr(clean, name), rel=1e-9), name
    assert found.bridged_share == 0.0
    assert found.notes[0].startswith(f"{again} of {times.size + again} rows repeat a time")


@SETTINGS
@given(st.integers(1, 3800), st.integers(6, 150))
def test_a_gap_is_bridged_and_said_in_its_share_of_the_time(tmp_path, place, length):
    times, currents = waves()
    seen = np.r_[:place, min(place + length, times.size - 2) : times.size]
    found = look(tmp_path, times[seen], currents[seen])
    lost = times.size - seen.size
    assert found.bridged_share == pytest.approx(lost / times.size, rel=1e-2)
    assert f"{found.bridged_share:.2%} of the time" in found.notes[0]
    assert found.duration_s == pytest.approx(4.0, rel=1e-6)
    whole = look(tmp_path, times, currents)
    assert abs(found.charge_c - whole.charge_c) <= found.bridged_share * 4.0 * whole.peak_a * 1.02


@SETTINGS
@given(st.sets(st.integers(1, 3998), min_size=1, max_size=150), st.sampled_from(["nan", "", "NULL", "inf", "-", "OL"]))
def test_cells_without_a_number_are_bridged_and_counted(tmp_path, places, cell):
    times, currents = waves()
    path = write(tmp_path / "seen.csv", "plain", times, currents)
    lines = path.read_text(encoding="utf-8").split("\n")
    for place in places:
        lines[1 + place] = lines[1 + place].partition(";")[0] + ";" + cell
    path.write_text("\n".join(lines), encoding="utf-8")
    found = read_trace(path)
    assert found.samples == times.size - len(places)
    assert found.bridged_share == pytest.approx(len(places) / times.size, rel=1e-2)
    assert f"{len(places)} row" in found.notes[0]
    assert found.duration_s == pytest.approx(4.0, rel=1e-6)
    holds(found, 0.1)


@SETTINGS
@given(
    st.sets(st.integers(1, 3998), min_size=1, max_size=150), st.sampled_from(["nan", "", "NULL", "inf", "-inf", "-"])
)
def test_rows_without_a_time_are_lost_like_those_without_a_current(tmp_path, places, cell):
    times, currents = waves()
    path = write(tmp_path / "seen.csv", "plain", times, currents)
    lines = path.read_text(encoding="utf-8").split("\n")
    for place in places:
        lines[1 + place] = cell + ";" + lines[1 + place].partition(";")[2]
    path.write_text("\n".join(lines), encoding="utf-8")
    found = read_trace(path)
    assert found.samples == times.size - len(places)
    assert found.bridged_share == pytest.approx(len(places) / times.size, rel=1e-2)
    assert f"{len(places)} row" in found.notes[0]
    assert "without a number" in found.notes[0]
    assert found.duration_s == pytest.approx(4.0, rel=1e-6)
    holds(found, 0.1)


def test_more_than_the_allowed_share_without_a_time_is_refused(tmp_path):
    times, currents = waves()
    times[1000:1210] = np.nan
    with pytest.raises(DataError, match=r"5\.3% of the time is missing: 210 rows without a number"):
        look(tmp_path, times, currents)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_gap_is_not_hidden_by_rows_without_a_time(tmp_path, rows):
    """The logger falls silent for 30 ms, and leaves rows that say nothing in the middle of it."""
    times, currents = waves()
    times, currents = np.delete(times, slice(1001, 1030 - rows)), np.delete(currents, slice(1001, 1030 - rows))
    times[1001 : 1001 + rows] = np.nan
    found = look(tmp_path, times, currents)
    assert found.bridged_share == pytest.approx(29 / 4000, rel=0.05)
    assert f"{rows} row" in found.notes[0]
    assert "1 gap" in found.notes[0]


def test_rows_without_a_time_at_the_ends_last_nothing_and_are_told(tmp_path):
    times, currents = waves()
    times[:5] = times[-7:] = np.nan
    found = look(tmp_path, times, currents)
    assert found.notes == ("12 rows without a time before the first time or after the last: left out",)
    assert (found.samples, found.bridged_share) == (3988, 0.0)
    assert found.duration_s == pytest.approx(4.0 - 12e-3, rel=1e-6)
    for text in (GOOD + "nan,1\n" * 9, GOOD + "0,1\n" + "nan,1\n" * 9):
        path = tmp_path / "none.csv"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"none\.csv: [01] samples; a trace needs two at least"):
            read_trace(path)


def test_a_logger_that_is_silent_asleep_is_refused_and_one_that_is_slow_is_not(tmp_path):
    bursts = np.concatenate([second + 0.001 * np.arange(500, 530) for second in range(20)])
    with pytest.raises(DataError, match=r"9\d.\d% of the time is missing: 19 gaps, the longest 0.97 s after"):
        look(tmp_path, bursts, np.full(bursts.size, 9.6e-3))
    times = np.unique(np.concatenate([bursts, np.arange(0, 20, 0.05)]).round(6))
    awake = np.isin(times, bursts.round(6))
    found = look(tmp_path, times, np.where(awake, 9.6e-3, 1e-5))
    assert found.average_a == pytest.approx(0.0645 * 9.6e-3 + 0.9355 * 1e-5, rel=0.05)
    assert np.where(awake, 9.6e-3, 1e-5).mean() > 9 * found.average_a


def test_stamps_coarser_than_the_samples_share_their_time(tmp_path):
    times, currents = waves()
    found = look(tmp_path, np.floor(times * 100) / 100, currents)
    assert found.average_a == pytest.approx(currents.mean(), rel=0.05)
    assert found.bridged_share == 0.0
    assert "3600 of 4000 rows repeat a time" in found.notes[0]


def test_what_was_bridged_stays_beside_the_figures(tmp_path):
    times, currents = waves()
    seen = np.r_[:1000, 1012:4000]
    found = look(tmp_path, times[seen], currents[seen])
    assert repr(found).endswith("bridged=0.30%)")
    assert found.to_json()["bridged_share"] == pytest.approx(0.003, rel=1e-3)
    assert "0.30% of the time bridged" in calibrate_board(U575, found, supply_v=3.0).stop_current.source


def test_rows_step_back_a_little_and_a_last_row_breaks_off(tmp_path):
    times, currents = waves()
    times[2000] -= 2.5e-3
    path = write(tmp_path / "seen.csv", "plain", times, currents)
    path.write_text(path.read_text(encoding="utf-8") + "4000", encoding="utf-8")
    found = read_trace(path)
    assert found.notes[-1].startswith("1 of 4000 rows step back in time")
    assert "1 row without a number" in found.notes[0] or found.bridged_share == 0.0
    holds(found, 0.02)


def test_rows_weigh_what_they_last(tmp_path):
    """Every 8 ms asleep, every 2 ms awake: the mean of the rows is 3 times the mean in time."""
    bursts = np.concatenate([at + 2e-3 * np.arange(27) for at in (5.0, 15.0)])
    asleep = np.arange(0, 20, 8e-3)
    times = np.unique(np.concatenate([asleep[(asleep < 4.996) | (asleep > 5.058)], bursts]).round(6))
    times = times[(times < 14.996) | (times > 15.058) | np.isin(times, bursts.round(6))]
    currents = np.where(np.isin(times, bursts.round(6)), 20e-3, 5e-6)
    found = look(tmp_path, times, currents)
    held = float(np.sum(np.diff(times) * (currents[:-1] + currents[1:]) / 2)) / (times[-1] - times[0])
    assert found.average_a == pytest.approx(held, rel=1e-3)
    assert currents.mean() > 3 * found.average_a
    assert found.active_share == pytest.approx(2 * 0.062 / 20, rel=0.02)
    assert not found.notes


def test_blemishes_are_the_same_in_chunks(tmp_path, monkeypatch):
    times, currents = waves()
    currents[[300, 301, 1500, 2222]] = np.nan
    times[[0, 136, 137, 138, 510, 3999]] = np.nan
    order = np.r_[:900, 930:2000, 1999, 2000:4000]
    path = write(tmp_path / "seen.csv", "plain", times[order], currents[order])
    whole = read_trace(path)
    assert whole.bridged_share == pytest.approx(38 / 4000, rel=1e-2)
    assert "2 rows without a time before the first time or after the last" in whole.notes[1]
    for block in (137, 500, 4096):
        monkeypatch.setattr("tinykit.budget.trace.reading._BLOCK_BYTES", block)
        parts = read_trace(path)
        assert (parts.notes, parts.samples, parts.bursts) == (whole.notes, whole.samples, whole.bursts)
        for name in ("average_a", "duration_s", "burst_s", "period_s", "active_share", "bridged_share"):
            assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-9), name


@pytest.mark.parametrize("noise_ma", [0.02, 0.05, 0.5])
def test_a_meters_noise_around_zero_parts_no_plateaus(tmp_path, noise_ma):
    rng, path = np.random.default_rng(1), tmp_path / "noisy.csv"
    current = np.where(np.arange(10_000) % 1000 < 140, 15.0, 0.02) + rng.normal(0, noise_ma, 10_000)
    path.write_text("t_ms;I_mA\n" + "\n".join(f"{time};{one:.5f}" for time, one in enumerate(current)) + "\n")
    found = read_trace(path)
    assert (found.burst_s, found.period_s) == (pytest.approx(0.14), pytest.approx(1.0))
    assert (found.sleep_a, found.active_a) == (pytest.approx(2e-5, abs=1e-5), pytest.approx(15e-3, rel=1e-3))


@pytest.mark.parametrize("rows", [3, 1000])
def test_rows_of_one_time_share_it_alike(tmp_path, rows):
    """A logger that stamps in whole seconds: every row of a second weighs as much."""
    path, values = tmp_path / "coarse.csv", np.where(np.arange(20 * rows) % rows < max(1, rows // 7), 15.0, 0.02)
    path.write_text("t_s;I_mA\n" + "\n".join(f"{place // rows};{one}" for place, one in enumerate(values)) + "\n")
    assert read_trace(path).average_a == pytest.approx(values.mean() / 1e3, rel=1e-9)


@pytest.mark.parametrize("step", ["%de-323", "%de-12", "%de14"])
def test_a_trace_lasts_as_long_as_a_recording_can(tmp_path, step):
    path = tmp_path / "trace.csv"
    path.write_text("time_s,current_a\n" + "".join(f"{step % row},0.1\n" for row in range(100)))
    with pytest.raises(DataError, match="lasts .* s; the unit is wrong, give it yourself"):
        read_trace(path)


@pytest.mark.parametrize("what", NO_FILES)
def test_what_is_no_file_or_endless_is_not_waited_for(tmp_path, what):
    path = tmp_path / "trace.csv"
    NO_FILES[what](path)
    with pytest.raises(DataError, match=r"more than 68,719,476,736 bytes\)?; give the file of a recording"):
        read_trace(path)


def test_a_session_that_lists_thousands_is_not_listed(tmp_path):
    path = tmp_path / "run.ppk2"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(1100):
            archive.writestr(str(index), b"")
    with pytest.raises(DataError, match=r"not readable as a \.ppk2 .* .lists 1100 members"):
        read_trace(path)
    whole = path.read_bytes()  # zip64 says the number in another place
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**32, 2**32, 2**40, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(whole) - 22, 1)
    path.write_bytes(whole[:-22] + record + locator + whole[-22:])
    with pytest.raises(DataError, match="lists 4294967296 members in 1099511627776 bytes"):
        read_trace(path)
