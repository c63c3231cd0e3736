"""The table of operators: `data/operators.csv`, one row each, every cell filled or "-"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError
from tinykit.ground.facts import read_csv, shipped_path
from tinykit.model.operators.row import ANY_RANK, LEFT_OUT, OperatorRow, Option, Tail, Weights
from tinykit.model.operators.rules import MACS, PREPARED, SCRATCH

NONE = "-"
COLUMNS = tuple(field.name for field in fields(OperatorRow))
_RANKS = {"*": ANY_RANK, "?": LEFT_OUT}
_OPTIONS = {
    "padding": ("<b", 0), "activation": ("<b", 0), "beta": ("<f", 0), "dilation_h": ("<i", 1), "dilation_w": ("<i", 1),
}  # fmt: skip
"""Layout and default of the options that are no 32-bit integers of 0."""
_WEIGHT_WORDS = ("folds", "decodes", "idle", "compared")


@remember_table
def list_rows() -> Mapping[str, OperatorRow]:
    """Every operator the kit knows something of, by name.

    Raises
    ------
    FactError : the table is missing, or a cell is empty or cannot be read.
    """
    rows = read_csv(shipped_path("data", "operators.csv")).rows
    return MappingProxyType({row.name: row for row in map(read_row, rows)})


@remember_table
def row_of(name: str) -> OperatorRow:
    """The row of an operator; of one the kit knows nothing of, a row of none."""
    return list_rows().get(name) or read_row(dict.fromkeys(COLUMNS, NONE) | {"name": name})


def read_row(cells: Mapping[str, str]) -> OperatorRow:
    """A row from its cells by column.

    Raises
    ------
    FactError : a column is missing, empty or unknown, or a cell cannot be read.
    """
    empty = [column for column in COLUMNS if not cells.get(column)]
    if empty or len(cells) != len(COLUMNS):
        found = f"empty: {', '.join(empty)}" if empty else f"{len(cells)} columns for {len(COLUMNS)}"
        raise FactError(f"operators.csv, {cells.get('name')}: {found}; every cell is filled, '{NONE}' for none")
    read: dict[str, Any] = dict.fromkeys(COLUMNS)
    for column, cell in cells.items():
        try:
            read[column] = None if cell == NONE else _READERS.get(column, str)(cell)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise FactError(f"operators.csv, {cells['name']}: {column} {cell!r} cannot be read ({error!r})") from error
    return OperatorRow(**read)


def _read_weights(cell: str) -> Weights:
    words = cell.split()
    if words[0] not in ("first", "last") or not set(words[1:]) <= set(_WEIGHT_WORDS):
        raise ValueError(f"first or last, and of {', '.join(_WEIGHT_WORDS)}")
    bias = next((word for word in ("idle", "compared") if word in words), "")
    return Weights(words[0] == "last", "folds" in words, "decodes" in words, bias)


def _read_options(cell: str) -> Mapping[str, Option]:
    pairs = (word.split(":") for word in cell.split())
    return {name: Option(int(slot), *_OPTIONS.get(name, ("<i", 0))) for name, slot in pairs}


_READERS: dict[str, Callable[[str], Any]] = {
    "ranks": lambda cell: tuple(_RANKS.get(word) or int(word) for word in cell.split()),
    "outputs": int,
    "data": int,
    "macs": MACS.__getitem__,
    "weights": _read_weights,
    "layers": lambda cell: tuple(cell.split()),
    "tail": lambda cell: Tail(*map(int, cell.split())),
    "prepared": PREPARED.__getitem__,
    "scratch": SCRATCH.__getitem__,
    "flash": lambda cell: (cell.split()[0], float(cell.split()[1])),
    "options": _read_options,
}
"""How a cell becomes a value, by column; a text where nothing stands here."""
