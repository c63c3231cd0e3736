"""The errors that the README publishes: of every group that was measured, and of what the fit has not seen.

`data/validation/errors.csv` holds them, made by `make readme` from the shipped evidence and the published rows, so that
a notebook or a reader without those rows can quote them.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError, UnknownFactError
from tinykit.ground.facts import shipped_path
from tinykit.ground.results import Result
from tinykit.predict.validation.compare import QUANTITIES, GroupError

AS_PUBLISHED, ARCHITECTURE_OUT, BOARD_OUT = "as published", "architecture left out", "board left out"
"""How an error was found: every row as it is, or each network, or each board, predicted from the others alone."""

_HEADER = ("quantity", "core", "runtime", "rows", "known", "median", "p90", "in 80 %", "bias")
_UNSEEN = ("unseen: median", "p90", "in 80 %")


@dataclass(frozen=True, slots=True)
class PublishedError(Result):
    """Errors of one quantity on one core and runtime; fractions 0–1.

    Parameters
    ----------
    quantity : "latency", "energy" or "arena".
    core, runtime : "all" where they are pooled.
    how : `AS_PUBLISHED`, `ARCHITECTURE_OUT` or `BOARD_OUT`.
    rows, known : rows scored, and those of them that the fit knows.
    groups : architectures or boards, 0 if not counted.
    median_ape, p90_ape : absolute relative error.
    coverage_80 : rows inside their interval.
    bias : mean log error.
    """

    quantity: str
    core: str
    runtime: str
    how: str
    rows: int
    known: int
    groups: int
    median_ape: float
    p90_ape: float
    coverage_80: float
    bias: float


def from_groups(groups: Iterable[GroupError]) -> tuple[PublishedError, ...]:
    """The groups of a validation, as published."""
    return tuple(
        PublishedError(*told[:3], AS_PUBLISHED, *told[3:5], 0, *told[5:])  # type: ignore[call-arg]
        for told in ([getattr(one, field.name) for field in fields(one)] for one in groups)
    )


def parse_errors(text: str, where: str) -> tuple[PublishedError, ...]:
    """Errors from the text of such a file; FactError where a column is missing or is no number."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    try:
        rows = [[row[field.name] for field in fields(PublishedError)] for row in csv.DictReader(lines)]
        return tuple(PublishedError(*row[:4], *map(int, row[4:7]), *map(float, row[7:])) for row in rows)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise FactError(f"{where}: a row cannot be read ({error!r}); `make readme` writes the file again") from error


@remember_table
def read_errors() -> tuple[PublishedError, ...]:
    """The shipped errors.

    Raises
    ------
    FactError : the file is missing or damaged.
    """
    path = shipped_path("data", "validation", "errors.csv")
    try:
        return parse_errors(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise FactError(f"{path}: cannot be read ({error}); reinstall the package") from error


def to_markdown(errors: Sequence[PublishedError]) -> str:
    """A Markdown table, a row a quantity, core and runtime; beside it the error on what was left out, if any was."""
    unseen = {(one.quantity, one.core, one.runtime): one for one in errors if one.how != AS_PUBLISHED}
    seen = {(one.quantity, one.core, one.runtime): one for one in errors if one.how == AS_PUBLISHED}
    header: tuple[str, ...] = (*_HEADER, *_UNSEEN) if unseen else _HEADER
    lines = [header, ("---",) * len(header)]
    for key in sorted({*seen, *unseen}, key=lambda key: (QUANTITIES.index(key[0]), key[1] == "all", *key)):
        cells = _cells(seen.get(key), key)
        lines.append((*cells, *_shares(unseen.get(key))) if unseen else cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cells(one: PublishedError | None, key: tuple[str, str, str]) -> tuple[str, ...]:
    if one is None:
        return (*key, "", "", "", "", "", "")
    return (*key, str(one.rows), str(one.known), *_shares(one), f"{one.bias:+.1%}".replace("-", "−"))


def _shares(one: PublishedError | None) -> tuple[str, ...]:
    return ("", "", "") if one is None else (f"{one.median_ape:.1%}", f"{one.p90_ape:.1%}", f"{one.coverage_80:.0%}")


def quote_error(quantity: str, *, core: str = "all", runtime: str = "all") -> str:
    """One line that says how far predictions were off where it was measured, on what they had not seen if scored.

    Parameters
    ----------
    quantity : "latency", "energy" or "arena".
    core, runtime : of the prediction; "all" for energy on boards left out.

    Raises
    ------
    UnknownFactError : nothing was measured there.
    """
    asked = (quantity, core, runtime)
    found = [one for one in read_errors() if (one.quantity, one.core, one.runtime) == asked]
    if not found:
        known = sorted({f"{one.quantity} {one.runtime} on {one.core}" for one in read_errors()})
        raise UnknownFactError(f"no error of {quantity} {runtime} on {core} was published\nknown: {', '.join(known)}")
    one = next((one for one in found if one.how != AS_PUBLISHED), found[0])
    return (
        f"{quantity}, {'all boards' if core == 'all' else f'{runtime} on {core}'}: median error {one.median_ape:.1%}, "
        f"nine in ten below {one.p90_ape:.0%}, 80 % interval held {one.coverage_80:.0%} ({_evidence(one)})"
    )


def _evidence(one: PublishedError) -> str:
    if one.how == AS_PUBLISHED:
        return f"{one.rows} published rows, {one.known} of them known to the fit"
    what = "architectures" if one.how == ARCHITECTURE_OUT else "boards"
    return f"{one.rows} rows, each of {one.groups} {what} left out in turn"
