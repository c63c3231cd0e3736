"""JLS: the same plateaus as the CSV of the same samples, bounded memory, and what strangers' files may not do."""

from __future__ import annotations

import hashlib
import random
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.test_trace import waves, write
from tinykit.budget import find_layout, read_trace
from tinykit.ground.errors import DataError, EngineError, MissingPackageError

pyjls = pytest.importorskip("pyjls", reason="pyjls, the JLS library, is not installed")


def record(path: Path, currents: np.ndarray, *, rate_hz: int = 1000, names: tuple[str, ...] = ("current",)) -> Path:
    """A recording as the instrument's own library writes it: currents, and a voltage beside them."""
    with pyjls.Writer(str(path)) as writer:
        writer.source_def(source_id=1, name="js220", vendor="v", model="m", version="1", serial_number="1")
        for place, name in enumerate((*names, "voltage"), start=1):
            unit = "V" if name == "voltage" else "A"
            writer.signal_def(signal_id=place, source_id=1, sample_rate=rate_hz, name=name, units=unit)
            samples = np.full(currents.size, 3.0) if name == "voltage" else currents
            writer.fsr_f32(place, 0, samples.astype(np.float32))
    return path


def test_a_jls_gives_what_the_csv_of_the_same_samples_gives(tmp_path):
    times, currents = waves()
    binary = read_trace(record(tmp_path / "run.jls", currents))
    text = read_trace(write(tmp_path / "run.csv", "plain", times, currents))
    assert binary.kind == "jls"
    assert (binary.samples, binary.bursts, binary.histogram) == (text.samples, text.bursts, text.histogram)
    for name in ("step_s", "average_a", "peak_a", "sleep_a", "active_a", "burst_s", "period_s", "threshold_a"):
        assert getattr(binary, name) == pytest.approx(getattr(text, name), rel=1e-6), name


def test_memory_of_the_reader_does_not_grow_with_the_recording(tmp_path, monkeypatch):
    monkeypatch.setattr("tinykit.budget.trace.reading._BLOCK_SAMPLES", 1 << 14)
    peaks = []
    for times in (50, 500):
        path = record(tmp_path / f"{times}.jls", np.tile(waves(10)[1], times))
        tracemalloc.start()
        read_trace(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_reading_leaves_the_file_as_it_was(tmp_path):
    path = record(tmp_path / "run.jls", waves()[1])
    before = hashlib.sha256(path.read_bytes()).digest()
    read_trace(path)
    cut = tmp_path / "cut.jls"
    cut.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not a closed JLS"):
        read_trace(cut)
    assert hashlib.sha256(path.read_bytes()).digest() == before
    assert cut.read_bytes() == path.read_bytes()[:-100]


def test_lost_samples_are_bridged_and_said(tmp_path):
    currents = waves()[1]
    currents[1500:1510] = np.nan
    found = read_trace(record(tmp_path / "lost.jls", currents))
    assert found.bridged_share == pytest.approx(10 / 4000, rel=1e-2)
    assert "10 rows without a number" in found.notes[0]
    currents[1500:1800] = np.nan
    with pytest.raises(DataError, match=r"7.5% of the time is missing: 300 rows without a number"):
        read_trace(record(tmp_path / "lost.jls", currents))


@pytest.mark.parametrize("names", [(), ("current", "current"), ("power",)])
def test_exactly_one_current(tmp_path, names):
    with pytest.raises(DataError, match=r"signals named current among .*export exactly one"):
        read_trace(record(tmp_path / "run.jls", waves(2)[1], names=names))


def test_a_unit_may_be_given(tmp_path):
    path = record(tmp_path / "run.jls", waves(2)[1])
    assert find_layout(path, current_unit="mA").to_amperes == 1e-3
    with pytest.raises(DataError, match="unit 'parsec' of current"):
        find_layout(path, current_unit="parsec")


def test_damaged_files_are_one_clear_error(tmp_path):
    whole = record(tmp_path / "run.jls", waves()[1]).read_bytes()
    dice = random.Random(0)
    for number in range(12):
        broken = bytearray(whole)
        for _ in range(3):
            broken[dice.randrange(32, 4000 if number % 2 else len(broken))] ^= 1 << dice.randrange(8)
        path = tmp_path / "broken.jls"
        path.write_bytes(broken)
        with pytest.raises(DataError, match="JLS"):
            read_trace(path)


def stand_in(monkeypatch, tmp_path: Path, body: str) -> None:
    """Another child in place of the one that reads."""
    script = tmp_path / "child.py"
    script.write_text(body, encoding="utf-8")
    monkeypatch.setattr("tinykit.budget.trace.reading._WORKER", script)


def test_a_crash_of_native_code_is_an_error_here(tmp_path, monkeypatch):
    path = record(tmp_path / "run.jls", waves(2)[1])
    stand_in(monkeypatch, tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    with pytest.raises(DataError, match=r"ended \(status -11\) on this file: it is damaged"):
        read_trace(path)


def test_a_reader_that_hangs_is_stopped(tmp_path, monkeypatch):
    path = record(tmp_path / "run.jls", waves(2)[1])
    stand_in(monkeypatch, tmp_path, "import time\ntime.sleep(60)\n")
    monkeypatch.setattr("tinykit.budget.trace.reading._BLOCK_TIMEOUT_S", 0.2)
    with pytest.raises(EngineError, match="gave nothing for 0.2 s"):
        read_trace(path)


def test_without_the_package_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    path = record(tmp_path / "run.jls", waves(2)[1])
    stand_in(monkeypatch, tmp_path, "def answer(request, parts):\n    raise ModuleNotFoundError('no pyjls')\n")
    with pytest.raises(MissingPackageError, match="is not installed; pip install 'pyjls"):
        read_trace(path)


def test_absurd_lengths_are_refused(tmp_path, monkeypatch):
    path = record(tmp_path / "run.jls", waves(2)[1])
    head = '{"signals": [{"id": 1, "name": "current", "unit": "A", "rate_hz": 1000, "samples": 10000000000000}]}'
    stand_in(monkeypatch, tmp_path, f"def answer(request, parts):\n    return {head}, []\n")
    with pytest.raises(DataError, match="10000000000000 samples at 1000 Hz; allowed"):
        read_trace(path)


def test_a_block_that_is_too_short_is_an_error(tmp_path, monkeypatch):
    path = record(tmp_path / "run.jls", waves(2)[1])
    head = '{"signals": [{"id": 1, "name": "current", "unit": "A", "rate_hz": 1000, "samples": 100}]}'
    stand_in(monkeypatch, tmp_path, f"def answer(request, parts):\n    return {head}, [bytes(396)]\n")
    with pytest.raises(DataError, match="run.jls: less than 100 samples after 0: it is damaged"):
        read_trace(path)


def test_no_child_is_left_behind(tmp_path, monkeypatch):
    started = []

    class Noted(subprocess.Popen):
        def __init__(self, *args, **more) -> None:
            super().__init__(*args, **more)
            started.append(self)

    monkeypatch.setattr("tinykit.ground.child.process.subprocess.Popen", Noted)
    read_trace(record(tmp_path / "run.jls", waves(2)[1]))
    assert len(started) == 3  # the layout, the histogram, the bursts
    assert all(child.returncode is not None for child in started)
