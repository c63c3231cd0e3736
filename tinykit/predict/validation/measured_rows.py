"""A CSV of measurements as rows that can be predicted: which runtime, core and board, and which model."""

from __future__ import annotations

import csv
import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import DataError, ModelError
from tinykit.ground.limits import read_cells
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import load, read
from tinykit.predict.latency.effects import RUNTIMES
from tinykit.predict.latency.shapes import OperatorShape, from_rows
from tinykit.target.boards import boards
from tinykit.target.boards.record import Board

_MOST_SIZE = 1 << 20
_LONGEST = 200
_NEEDED = ("core", "clock_mhz", "stack", "model_name")
_RANGES = {"clock_mhz": (1e-3, 1e4), "latency_ms": (1e-6, 1e8), "energy_uj": (1e-6, 1e12), "supply_v": (0.3, 60),
           "arena_bytes": (1, 1e12), "total_ram_bytes": (1, 1e12)}  # fmt: skip
"""What a column may hold: nothing beyond was ever measured, and all of it can be reckoned with."""
_STACKS = {
    "x-cube-ai": re.compile("Cube\\.AI|CUBE-AI|ST ?Edge ?AI", re.IGNORECASE),
    "tflm-cmsis-nn": re.compile("^(?=.*TFLM)(?!.*(Silabs|MVP|Edge Impulse)).*CMSIS-NN", re.DOTALL),
    "tflm-reference": re.compile("^(?!.*MLPerf reference)(TFLM.*reference|.*reference.*TFLM)", re.DOTALL),
    "esp-nn": re.compile("ESP-NN"),
    "edge-impulse-eon": re.compile("Edge Impulse EON"),
}
_BUILD = re.compile(r"-O(3|fast|s)\b")
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_ARENA_NOTE = re.compile("arena_used_bytes|RecordingMicroAllocator")
_OUTSIDE = re.compile(r"arena in (?:external )?(sdram|psram)", re.IGNORECASE)
_OPTION = re.compile(r"\b(time|balanced|ram) optimi[sz]ation", re.IGNORECASE)
_OPTIONS_BY_SOURCE = {"mlcommons/": "time", "stm32ai-modelzoo": "balanced"}
"""ST's option behind published rows that do not say it: what their latencies of 1×1 convolutions tell since 8.1."""
_CORES = {"RISC-V HP core (PIE SIMD)": "riscv-esp32-p4"}
Model = ModelGraph | tuple[OperatorShape, ...]


@dataclass(frozen=True, slots=True)
class MeasuredRow(Result):
    """One row that a prediction can be held against; SI units, None where it was not measured.

    Parameters
    ----------
    line : line in the CSV.
    board_name, board : as written, and the catalogue's, None where it is not in there.
    core, runtime, version, build : as `predict_latency` takes them.
    clock_hz : [Hz].
    model_name, model : name, and the graph or the operator shapes.
    latency_s, energy_j, supply_v, arena_bytes : what was measured.
    arena_region : "sdram" or "psram" where the notes say that the arena lay there, "" for on-chip RAM.
    source : repository or origin of the row, "" where not said.
    option : what ST's tool optimised for, as the column runtime_option, stack or notes say, or the source tells.
    """

    line: int
    board_name: str
    board: Board | None = field(repr=False)
    core: str
    runtime: str
    version: str
    build: str
    clock_hz: float
    model_name: str
    model: Model = field(repr=False)
    latency_s: float | None
    energy_j: float | None
    supply_v: float | None
    arena_bytes: float | None
    source: str
    arena_region: str = ""
    option: str = ""


@dataclass(frozen=True, slots=True)
class Skipped(Result):
    """One row that is left out, and why."""

    line: int
    reason: str


def read_rows(path: Path, models: Path | None = None) -> tuple[tuple[MeasuredRow, ...], tuple[Skipped, ...]]:
    """The rows of a measurements CSV that can be predicted, and those that cannot.

    Parameters
    ----------
    path : CSV with at least the columns core, clock_mhz, stack, model_name. `model_operators.csv` beside it, or in
        or above the folder of the models, gives the operators of models whose file is not at hand.
    models : folder of the model files; None looks beside the CSV, in its folder, its parent's and their `models`.

    Raises
    ------
    DataError : no such file, no CSV, or columns missing.
    """
    tables = _read_csv(path, _NEEDED)
    finder = _Finder(path, models)
    made = [_read_row(line, table, finder) for line, table in enumerate(tables, start=2)]
    rows = tuple(one for one in made if isinstance(one, MeasuredRow))
    return rows, tuple(one for one in made if isinstance(one, Skipped))


def name_runtime(stack: str) -> str | None:
    """The runtime that a published stack means, first match wins; None where no runtime of tinykit's is meant.

    A stack that begins with a runtime's own name, `tflm-cmsis-nn -O3`, means that runtime.

    >>> name_runtime("X-CUBE-AI v8.1.0"), name_runtime("TFLM + CMSIS-NN -O3"), name_runtime("TinyMaix")
    ('x-cube-ai', 'tflm-cmsis-nn', None)
    """
    stack = stack[:_LONGEST]  # a search for two words takes the square of the length
    named = stack.partition(" ")[0]
    return named if named in RUNTIMES else next((name for name, sign in _STACKS.items() if sign.search(stack)), None)


def name_core(core: str) -> str:
    """A published core's name as tinykit's: lower case, no blanks.

    >>> name_core("Cortex-M0+"), name_core("Xtensa LX6"), name_core("Cortex-M4 (build target)")
    ('cortex-m0plus', 'xtensa-lx6', 'cortex-m4')
    """
    plain = _CORES.get(core) or re.sub(r"\(.*?\)", "", core).replace("+", "plus").replace("RISC-V", "riscv")
    return "-".join(plain.lower().split())


@remember_table
def match_board(name: str) -> Board | None:
    """The catalogue's board of a published name: its id or name, or the one whose id begins or ends it."""
    wanted = _slug(name)
    everything = boards()
    exact = [one for one in everything if wanted in (one.id, _slug(one.name))]
    near = [one for one in everything if wanted.startswith(f"{one.id}-") or f"-{one.id}-" in f"-{wanted}-"]
    return (exact or near or [None])[0]  # type: ignore[list-item]


def is_exact(name: str, board: Board) -> bool:
    """Whether a published name is this board's own, not that of a variant (NUCLEO-L4R5ZI-P has another supply)."""
    return _slug(name) in (board.id, _slug(board.name))


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _read_csv(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        cells = read_cells(path, DataError, "give a CSV of measured rows")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV ({error}); give a CSV of measured rows") from error
    columns = cells.pop(0) if cells else []
    rows = [{**dict.fromkeys(columns, ""), **dict(zip(columns, row, strict=False))} for row in cells]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, columns[:12])) or 'none'}")
    return rows


def _read_row(line: int, table: Mapping[str, str], finder: _Finder) -> MeasuredRow | Skipped:
    reason, clock = _refuse(table), _positive(table["clock_mhz"], 1e6)
    given = table.get("model_file_path_local", "")
    model = "" if reason else finder.find(given)
    if reason or clock is None or isinstance(model, str):
        return Skipped(line, reason or str(model))
    runtime, version, build = _read_stack(table["stack"])
    return MeasuredRow(
        line=line, board_name=table.get("board", ""),
        board=match_board(table["board"]) if table.get("board") else None,
        core=name_core(table["core"][:_LONGEST]), runtime=runtime, version=version, build=build, clock_hz=clock,
        model_name=Path(given).stem or table["model_name"], model=model,
        latency_s=_positive(table.get("latency_ms", ""), 1e-3), energy_j=_positive(table.get("energy_uj", ""), 1e-6),
        supply_v=_positive(table.get("supply_v", "")), arena_bytes=_positive(_arena_text(table)),
        source=table.get("source_repo", ""),
        arena_region="".join(_OUTSIDE.findall(table.get("notes", ""))[:1]).lower(),
        option=_read_option(table) if runtime == "x-cube-ai" else "",
    )  # fmt: skip


def _refuse(table: Mapping[str, str]) -> str:
    """Why a row is no int8 row of a CPU that can be predicted, "" where it is one."""
    stack, precision = table["stack"], table.get("precision", "")
    reasons = {
        f"no runtime is known for stack {stack[:60]!r}": name_runtime(stack) is None,
        "ran on an accelerator": bool(table.get("accelerator")),
        "built with the FPU off": "FPU off" in stack,
        f"precision {precision}, not int8": precision not in ("", "int8"),
        "no clock given": _positive(table["clock_mhz"]) is None,
    } | {
        f"{name} {table[name].strip()[:20]} is not from {low:g} to {high:g}": not low <= given <= high
        for name, (low, high) in _RANGES.items()
        if (given := _positive(table.get(name, ""))) is not None
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _read_stack(stack: str) -> tuple[str, str, str]:
    """Runtime, version (of X-CUBE-AI alone) and build."""
    runtime, build, version = name_runtime(stack) or "", _BUILD.search(stack), _VERSION.search(stack)
    level = {"3": "-O3", "fast": "-O3", "s": "-Os"}[build[1]] if build else ""
    return runtime, version[0] if version and runtime == "x-cube-ai" else "", level


def _read_option(table: Mapping[str, str]) -> str:
    told = table.get("runtime_option") or "".join(_OPTION.findall(table["stack"] + " " + table.get("notes", ""))[:1])
    source = table.get("source_repo", "")
    return told.lower() or next((name for sign, name in _OPTIONS_BY_SOURCE.items() if sign in source), "")


def _arena_text(table: Mapping[str, str]) -> str:
    """The measured arena: its own column, or the total RAM where the notes say that it is the arena."""
    total = table.get("total_ram_bytes", "") if _ARENA_NOTE.search(table.get("notes", "")) else ""
    return table.get("arena_bytes") or total


def _positive(text: str, unit: float = 1.0) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value * unit if 0 < value < math.inf else None


class _Finder:
    """Models by the path a row gives: the file where it is at hand, else its operators from the table."""

    def __init__(self, path: Path, models: Path | None) -> None:
        if models is not None and not models.is_dir():
            raise DataError(f"{models}: no such folder; give the folder of the .tflite files")
        beside = path.parent
        self._folders = (models,) if models else (beside, beside / "models", beside.parent, beside.parent / "models")
        self._operators: dict[str, list[dict[str, str]]] = {}
        tables = (folder / "model_operators.csv" for folder in (beside, *((models, models.parent) if models else ())))
        table = next((one for one in tables if one.is_file()), None)
        for row in _read_csv(table, ("model_file", "operator")) if table else ():
            self._operators.setdefault(Path(row["model_file"]).name, []).append(row)
        self.find = functools.cache(self._look)

    def _look(self, given: str) -> Model | str:
        """The model, or why there is none."""
        if not given:
            return "no model file named"
        name = Path(given).name
        candidates = (folder / one for folder in self._folders for one in (name, given))
        try:
            for path in candidates:
                if not Path(given).is_absolute() and ".." not in Path(given).parts and path.is_file():
                    return read(load(path), name)
            rows = self._operators.get(name, [])
            shapes = from_rows(rows)
            named = [(*s.input_shape, *s.weight_shape, *s.output_shape, *s.stride, *s.dilation) for s in shapes]
            if any(not 0 < size <= _MOST_SIZE for sizes in named for size in sizes):
                return f"model {name}: a size of its operators is not from 1 to {_MOST_SIZE:,}"
            return shapes or f"model {name} not at hand, and not in model_operators.csv"
        except (ModelError, OSError, ValueError) as error:
            return f"model {str(error).splitlines()[0][:120]}"
