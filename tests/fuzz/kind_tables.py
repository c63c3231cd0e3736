"""Tables and texts of strangers: measured rows, currents, boards, cells, records, logs of a board."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path

import numpy as np

from tests.fuzz.case import ROOT, Case, Draw, kind, rarely
from tests.fuzz.mutating import mutate_bytes, mutate_text, mutate_tree, mutate_zip
from tests.models import small_cnn
from tinykit.budget.fit.check import check_fit
from tinykit.budget.power.cells import read_battery
from tinykit.budget.trace.plateaus import read_trace
from tinykit.handover.deployment.self_test import read_self_test_log
from tinykit.model.record import open_record
from tinykit.predict.validation.compare import calibrate, validate
from tinykit.target.boards import board as find_board
from tinykit.target.boards.reading import read_board

MODEL = {"model.tflite": small_cnn()}
BOARD = "nucleo-l4r5zi"

# measured rows

COLUMNS = ("board", "core", "clock_mhz", "stack", "model_name", "precision", "model_file_path_local", "latency_ms",
           "energy_uj", "supply_v", "arena_bytes", "notes")  # fmt: skip
STACKS = ("tflm-cmsis-nn -O3", "TFLM + CMSIS-NN -Ofast", "X-CUBE-AI v8.1.0", "tflm-reference -Os", "TinyMaix")


def validate_rows(path: Path) -> None:
    json.dumps(validate(path).to_json(), allow_nan=False)


def calibrate_then_fit(path: Path) -> None:
    """Whatever was kept, the board can still be asked about, and calibrated again."""
    try:
        calibrate(path, find_board(BOARD))
    finally:
        json.dumps(check_fit(path.with_name("model.tflite"), BOARD, use_engine=False).to_json(), allow_nan=False)


@kind(validate_rows, calibrate_then_fit, rarely("validate {file}", 5), rarely("validate {file} --json", 8),
      rarely("validate {file} --markdown", 12), rarely(f"calibrate {{file}} --board {BOARD}", 8), share=7)  # fmt: skip
def rows(draw: Draw) -> Case:
    lines = [",".join(COLUMNS)]
    for index in range(draw.choose((1, 3, 8))):
        cells = (BOARD, "Cortex-M4", "120", draw.choose(STACKS), f"net{index}", "int8", "model.tflite",
                 f"{0.5 + index / 7:.4f}", "40.5", "3.3", "4096", "arena_used_bytes")  # fmt: skip
        lines.append(",".join(cells))
    return Case(mutate_text(draw, "\n".join(lines) + "\n"), "rows.csv", MODEL)


# currents


@functools.cache
def waves() -> tuple[np.ndarray, np.ndarray]:
    """20 periods of 0.2 s: 30 ms at 9.6 mA, 10 µA between."""
    times, phase = np.arange(4000) * 1e-3, np.arange(4000) % 200
    return times, np.where((phase >= 50) & (phase < 80), 9.6e-3, 1e-5)


# fmt: off
HEADS = (("Timestamp(ms),Current(uA),D0-D7", ",00000000", 1e3, 1e6), ("time [us],current [mA]", "", 1e6, 1e3),
         ("#time,current,voltage,power,charge,energy", ",3,0.03,0,0", 1.0, 1.0), ("timestamp,current (uA)", "", 0, 1e6),
         ('"Timestamp (s)","Arc Main Current (A)"', "", 1.0, 1.0))
TRACE_DOORS = (read_trace,
               rarely("budget model.tflite --board nucleo-u575zi-q --period 0.2 --trace {file} --json", 12),
               rarely("budget model.tflite --board nucleo-u575zi-q --trace {file} --trace-units ms,mA", 16))
# fmt: on


@kind(*TRACE_DOORS, share=6)
def trace(draw: Draw) -> Case:
    head, tail, per_second, per_ampere = draw.choose(HEADS)
    pairs = zip(*(one[:1200] for one in waves()), strict=True)
    stamps = ((f"{t * per_second:.9g}" if per_second else f"2026-03-01 10:00:{t:06.3f}", i) for t, i in pairs)
    lines = [f"{stamp},{i * per_ampere:.6g}{tail}" for stamp, i in stamps]
    return Case(mutate_text(draw, head + "\n" + "\n".join(lines) + "\n"), draw.choose(("run.csv", "run.txt")), MODEL)


@kind(*TRACE_DOORS, share=3)
def ppk2(draw: Draw) -> Case:
    frames = np.zeros(4000, [("current", "<f4"), ("bits", "<u2")])
    frames["current"] = waves()[1] * 1e6
    told = {"metadata": {"samplesPerSecond": 1000, "startSystemTime": 1}, "formatVersion": 2}
    members = {"session.raw": frames.tobytes(), "metadata.json": json.dumps(told).encode()}
    return Case(mutate_zip(draw, members, _member), "run.ppk2", MODEL)


def _member(draw: Draw, name: str, data: bytes) -> bytes:
    if name.endswith(".json") and draw.chance(0.8):
        return json.dumps(mutate_tree(draw, json.loads(data))).encode()
    if draw.chance(0.5):
        values = np.frombuffer(data[: len(data) // 6 * 6], [("current", "<f4"), ("bits", "<u2")]).copy()
        values["current"][draw.below(len(values))] = draw.choose((np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-38))
        return values.tobytes()
    return mutate_bytes(draw, data)


@functools.cache
def recording() -> bytes:
    """A JLS as the instrument's own library writes it."""
    from pyjls import Writer

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.jls")
        with Writer(str(path)) as writer:
            writer.source_def(source_id=1, name="js220", vendor="v", model="m", version="1", serial_number="1")
            writer.signal_def(signal_id=1, source_id=1, sample_rate=1000, name="current", units="A")
            writer.fsr_f32(1, 0, waves()[1].astype(np.float32))
        return path.read_bytes()


@kind(read_trace, share=1.5)
def jls(draw: Draw) -> Case:
    return Case(mutate_bytes(draw, recording()), "run.jls", MODEL)


# boards, cells, records, logs


@functools.cache
def list_texts(folder: str) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8") for path in sorted((ROOT / "data" / folder).glob("*.toml")))


def read_board_file(path: Path) -> None:
    json.dumps(read_board(path).to_json(), default=str)


def fit_board_file(path: Path) -> None:
    json.dumps(check_fit(path.with_name("model.tflite"), path, use_engine=False).to_json(), allow_nan=False)


@kind(read_board_file, fit_board_file, rarely("fit model.tflite --board-file {file} --json", 8),
      rarely("budget model.tflite --board-file {file} --battery cr2032", 5),
      rarely("fit model.tflite --board {file}", 12), share=6)  # fmt: skip
def board_file(draw: Draw) -> Case:
    return Case(mutate_text(draw, draw.choose(list_texts("boards"))), "mine.toml", MODEL)


@kind(read_battery, "budget model.tflite --board nucleo-u575zi-q --battery {file}",
      rarely("budget model.tflite --board nucleo-u575zi-q --battery {file} --json", 3), share=3)  # fmt: skip
def cell(draw: Draw) -> Case:
    return Case(mutate_text(draw, draw.choose(list_texts("batteries"))), "mine.toml", MODEL)


def open_a_record(path: Path) -> None:
    record = open_record(path.parent)
    for name in record.stages:
        record.read(name)


@kind(open_a_record, share=2)
def record(draw: Draw) -> Case:
    folder = ROOT / "data" / "checkpoints" / "watch-exercises"
    beside = {f"design/{one.name}": one.read_bytes() for one in folder.iterdir()}
    text = (folder / "record.toml").read_text(encoding="utf-8")
    if draw.chance(0.3):
        text = text.replace('artefact = "', f'artefact = "{draw.choose(("../", "/etc/", "a/../../", "~/", "."))}', 1)
    return Case(mutate_text(draw, text), "design/record.toml", beside)


def read_log(path: Path) -> None:
    found = read_self_test_log(path.read_text(encoding="utf-8", errors="replace"))
    if all(one.cycles is not None for one in found.vectors):
        found.cycles().to_json()
        found.latency(found.clock_hz or 1e6).to_json()


@kind(read_log, share=1.5)
def log(draw: Draw) -> Case:
    head = "TINYKIT selftest v1 model=0123456789ab"
    lines = (f"{head} target=c kernels=portable vectors=2 arena=2432 clock_hz=80000000",
             f"{head} vector=0 equal=1 cycles=800000",
             f"{head} vector=1 equal=1 cycles=800100", f"{head} failed=0")  # fmt: skip
    return Case(mutate_text(draw, "\r\n".join(lines)), "log.txt")
