"""The ledger: variants of a model side by side on one target, one line a quantity, one column a variant."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tinykit.choose.ledger.forms import DECODE, FORMS, GZIP, STRIPED
from tinykit.choose.ledger.ledger_row import LedgerRow, choose_form, weigh_row
from tinykit.choose.ledger.variants import Variant
from tinykit.ground.errors import ParameterError, look_up
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Result, Rows
from tinykit.target.boards.record import Board
from tinykit.target.target import Target, as_target
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import Difference, paired_difference

_COLUMNS = 4
_MARK = "→"


@dataclass(frozen=True, slots=True)
class Ledger(Result):
    """Variants of one model on one target.

    Parameters
    ----------
    target : board and runtime; the line of the form that reaches its flash is marked.
    rows : the baseline first.
    """

    JSON = ("board=target.board.id", "target.runtime", "baseline=baseline.name", "rows")

    target: Target
    rows: Rows[LedgerRow]

    @property
    def baseline(self) -> LedgerRow:
        """What the others are compared with."""
        return self.rows[0]

    def row(self, name: str) -> LedgerRow:
        """The row of a variant; ParameterError for no variant of that name."""
        names = {row.name: row for row in self.rows}
        return look_up(name, names, f"the ledger has no variant {name!r}", ParameterError)

    def to_records(self) -> list[dict[str, Any]]:
        """The rows, each as a flat dict of plain values."""
        return self.rows.to_records()

    def to_frame(self) -> Any:
        """The rows as a pandas `DataFrame`; `MissingPackageError` without pandas."""
        return self.rows.to_frame()

    def _repr_html_(self) -> str:
        return self.rows._repr_html_()

    def __str__(self) -> str:
        blocks = [self.rows[start : start + _COLUMNS] for start in range(0, len(self.rows), _COLUMNS)]
        return "\n\n".join([self._head(), *(_to_text(block) for block in blocks), *self._notes()])

    __repr__ = __str__

    def _head(self) -> str:
        if any(row.chosen for row in self.rows):
            return f"{self.target}: {_MARK} marks the bytes that reach flash"
        return f"{self.target}: which bytes reach flash is unknown, the runtime makes a form of its own"

    def _notes(self) -> tuple[str, ...]:
        notes = dict.fromkeys(row.chosen.note for row in self.rows if row.chosen and row.chosen.name == DECODE)
        crowded = [row for row in self.rows if row.chosen is not choose_form(row.forms, self.target, heed_arena=False)]
        cut = [row for row in crowded if row.chosen and row.chosen.name == STRIPED]
        rest = ", ".join(row.name for row in crowded if row not in cut)
        told = (f"{rest}: the arena for decoded weights does not fit {self.target.board.id}",) if rest else ()
        whole = (f"{row.name}: fits {self.target.board.id} in stripes alone; {row.forms[STRIPED].note}" for row in cut)
        return (*(f"{DECODE}: {note}" for note in notes), *told, *whole)


def open_ledger(
    variants: Sequence[Variant], test: Split, board: Target | Board | str | os.PathLike[str], *,
    runtime: str | None = None
) -> Ledger:  # fmt: skip
    """The ledger of some variants on a board.

    Parameters
    ----------
    variants : of `weigh_variant`; the first is the baseline the others are compared with.
    test : the samples they were scored on.
    board : a target, or a board as it takes it.
    runtime : the target's own if None.

    Raises
    ------
    ParameterError : no variant, or two of one name. DataError : predictions of other samples.
    UnknownBoardError, UnknownRuntimeError : as `check_fit`.
    """
    names = [variant.name for variant in variants]
    if not names or len(set(names)) < len(names):
        raise ParameterError(f"variants {names}; give at least one, each under a name of its own")
    target = as_target(board, runtime=runtime)
    first = variants[0].predicted
    against = [paired_difference(first, one.predicted, test.y, test.recordings) for one in variants[1:]]
    return fill_ledger(variants, against, target)


def fill_ledger(variants: Sequence[Variant], against: Sequence[Difference], target: Target) -> Ledger:
    """The ledger of variants, the baseline first, whose differences to it are known: of each other, in their order."""
    first = weigh_row(variants[0], target)
    rest = (
        weigh_row(one, target, baseline=first, against=difference)
        for one, difference in zip(variants[1:], against, strict=True)
    )
    return Ledger(target, Rows((first, *rest)))


def _to_text(rows: Sequence[LedgerRow]) -> str:
    lines = [("", *(row.name for row in rows))]
    cut = any(row.forms[STRIPED].model_bytes for row in rows)
    lines += [(name, *(tell(row) for row in rows)) for name, tell in _LINES if cut or name != _STRIPED_LINE]
    widths = [max(len(line[column]) for line in lines) for column in range(len(rows) + 1)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]).rstrip()
        for line in lines
    )


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _tell_form(name: str) -> Callable[[LedgerRow], str]:
    def tell(row: LedgerRow) -> str:
        marked = _MARK if row.chosen and row.chosen.name == name else ""
        return f"{marked}{_count(row.forms[name].model_bytes)}"

    return tell


def _tell(name: str, unit: str) -> Callable[[LedgerRow], str]:
    return lambda row: format_quantity(found.value, unit) if (found := getattr(row, name)) else "unknown"


def _tell_range(name: str, unit: str) -> Callable[[LedgerRow], str]:
    return lambda row: _range(getattr(row, name), unit)


def _range(found: Estimate | None, unit: str) -> str:
    """Both ends of an interval, the unit once where it is the same."""
    if found is None:
        return ""
    ends = [format_quantity(end, unit).rpartition(" ") for end in (found.low, found.high)]
    low = ends[0][2] and (ends[0][0] if ends[0][2] == ends[1][2] else " ".join(ends[0][::2]))
    return f"{low} … {' '.join(ends[1][::2])}"


_STRIPED_LINE = "striped [B]"
"""Left out where no variant gains by it."""
_LINES: tuple[tuple[str, Callable[[LedgerRow], str]], ...] = (
    ("parameters", lambda row: _count(row.weights.parameters)),
    ("  not zero", lambda row: _count(row.weights.non_zero)),
    ("  distinct values, at most", lambda row: _count(row.weights.distinct)),
    ("flatbuffer [B]", _tell_form(FORMS[0])),
    ("lean [B]", _tell_form(FORMS[1])),
    ("lean + DECODE [B]", _tell_form(DECODE)),
    ("  decoder code [B]", lambda row: _count(row.forms[DECODE].code_bytes or None)),
    ("Vela-encoded [B]", _tell_form(FORMS[3])),
    (_STRIPED_LINE, _tell_form(STRIPED)),
    # To the hundred: the last bits of a converter's scales depend on the processor, and with them a few bytes here.
    ("gzip, about, transport only [B]", lambda row: f"{round(row.forms[GZIP].model_bytes or 0, -2):,}"),
    ("model in flash [B]", lambda row: _count(row.chosen.flash_bytes if row.chosen else None)),
    ("  less than baseline as converted", lambda row: _percent(row.saved_of_plain)),
    ("  less than baseline at its best", lambda row: row.verdict),
    ("flash with runtime", _tell("flash", "byte")),
    ("  80 %", _tell_range("flash", "byte")),
    ("arena", _tell("arena", "byte")),
    ("MACs", lambda row: _count(row.variant.graph.macs)),
    ("instructions", _tell("instructions", "1")),
    ("latency", _tell("latency", "s")),
    ("  80 %", _tell_range("latency", "s")),
    ("energy per inference", _tell("energy", "J")),
    ("  80 %", _tell_range("energy", "J")),
    ("accuracy in TFLM [%]", lambda row: f"{100 * row.variant.accuracy.fraction:.1f}"),
    ("  95 %", lambda row: f"{100 * row.variant.accuracy.low:.1f} … {100 * row.variant.accuracy.high:.1f}"),
    ("  less baseline, paired", lambda row: f"{100 * row.against.value:+.1f}" if row.against else ""),
    ("  95 %", lambda row: f"{100 * row.against.low:+.1f} … {100 * row.against.high:+.1f}" if row.against else ""),
)
"""Label and text of each line of the table; what belongs to the line before is indented."""
