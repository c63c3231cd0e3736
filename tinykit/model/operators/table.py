"""The table of operators: `data/operators.csv`, one row each, every cell filled or "-"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

from tinykit.ground.errors import FactError
from tinykit.ground.facts import read_csv, shipped_path
from tinykit.model.operators import cmsis, macs, scratch, tail
from tinykit.model.operators.row import ANY_RANK, LEFT_OUT, OperatorRow, Option, Tail, Weights

Rule = TypeVar("Rule")

COLUMNS = (
    "operator", "method", "role", "ranks", "outputs", "data", "macs", "weights", "layers", "options_packed",
    "options_wide", "kernel", "kernel_cmsis", "prepared", "scratch", "scratch_cmsis", "latency", "flash", "lowering",
    "counted", "options",
)  # fmt: skip
NONE = "-"
_TAIL = ("options_packed", "options_wide", "kernel", "kernel_cmsis")
_LAYOUTS = {"padding": "<b", "activation": "<b", "beta": "<f"}
_WEIGHT_WORDS = {"first", "last", "folds", "decodes", "idle-bias", "compared-bias"}
_DEFAULTS = {"dilation_h": 1, "dilation_w": 1}


@lru_cache(maxsize=1)
def list_rows() -> Mapping[str, OperatorRow]:
    """Every operator the kit knows something of, by name.

    Raises
    ------
    FactError : the table is missing, or a cell is empty or cannot be read.
    """
    rows = read_csv(shipped_path("data", "operators.csv")).rows
    return MappingProxyType({row.name: row for row in map(read_row, rows)})


@lru_cache(maxsize=512)
def row_of(name: str) -> OperatorRow:
    """The row of an operator; of one the kit knows nothing of, a row of none."""
    return list_rows().get(name) or read_row(dict.fromkeys(COLUMNS, NONE) | {"operator": name})


def read_row(cells: Mapping[str, str | None]) -> OperatorRow:
    """A row from its cells by column.

    Raises
    ------
    FactError : a column is missing, empty or unknown, or a cell cannot be read.
    """
    empty = [column for column in COLUMNS if not cells.get(column)]
    if empty or len(cells) != len(COLUMNS):
        found = f"empty: {', '.join(empty)}" if empty else f"{len(cells)} columns for {len(COLUMNS)}"
        raise FactError(f"operators.csv, {cells.get('operator')}: {found}; every cell is filled, '{NONE}' for none")
    given = {column: None if cell == NONE else cell for column, cell in cells.items()}
    try:
        return _build(str(cells["operator"]), given)
    except (KeyError, ValueError, TypeError) as error:
        raise FactError(f"operators.csv, {cells['operator']}: a cell cannot be read ({error!r})") from error


def _build(name: str, given: Mapping[str, str | None]) -> OperatorRow:
    sizes = [cell for column in _TAIL if (cell := given[column]) is not None]
    flash = (given["flash"] or "").split()
    return OperatorRow(
        name,
        method=given["method"],
        role=given["role"],
        ranks=tuple(_rank(word) for word in given["ranks"].split()) if given["ranks"] else None,
        outputs=int(given["outputs"]) if given["outputs"] else None,
        data=int(given["data"]) if given["data"] else None,
        macs=_rule(macs.RULES, given["macs"]),
        weights=_weights(given["weights"]),
        layers=tuple(given["layers"].split()) if given["layers"] else None,
        tail=Tail(*map(int, sizes)) if sizes else None,
        prepared=_rule(tail.RULES, given["prepared"]),
        scratch=_rule(scratch.RULES, given["scratch"]),
        scratch_cmsis=_rule(cmsis.RULES, given["scratch_cmsis"]),
        latency=given["latency"],
        flash=(flash[0], float(flash[1]) if len(flash) > 1 else 1.0) if flash else None,
        lowering=given["lowering"],
        counted=given["counted"],
        options=_options(given["options"]),
    )


def _rule(rules: Mapping[str, Rule], cell: str | None) -> Rule | None:
    return rules[cell] if cell else None


def _rank(word: str) -> int:
    return {"*": ANY_RANK, "?": LEFT_OUT}.get(word) or int(word)


def _weights(cell: str | None) -> Weights | None:
    if cell is None:
        return None
    words = set(cell.split())
    if not words <= _WEIGHT_WORDS or len(words & {"first", "last"}) != 1:
        raise ValueError(f"weights {cell!r} are not made of {sorted(_WEIGHT_WORDS)}")
    bias = "idle" if "idle-bias" in words else "compared" if "compared-bias" in words else ""
    return Weights("last" in words, "folds" in words, "decodes" in words, bias)


def _options(cell: str | None) -> Mapping[str, Option] | None:
    if cell is None:
        return None
    pairs = (word.split(":") for word in cell.split())
    return {name: Option(int(slot), _LAYOUTS.get(name, "<i"), _DEFAULTS.get(name, 0)) for name, slot in pairs}
