"""Tables and lines for the terminal. Text from a model or a user is made printable first."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tinykit.ground.quantity import Estimate


def printable(text: str) -> str:
    """The text with control characters escaped, so that a tensor name cannot drive the terminal."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def say(*lines: str) -> None:
    """Print lines on stdout."""
    for line in lines:
        print("\n".join(printable(part) for part in line.split("\n")))


def say_json(document: Any) -> None:
    """Print exactly one JSON document on stdout."""
    print(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=True))


def say_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, columns as wide as their widest entry."""
    clean = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in clean) for column in range(len(header))]
    for row in clean:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say_figures(figures: Mapping[str, Estimate | None]) -> None:
    """Print a table of estimates by name."""
    say_table(("figure", "estimate"), [(name, show(figure)) for name, figure in figures.items()])


def show(estimate: Estimate | None) -> str:
    """An estimate with interval and basis, or "unknown"."""
    return "unknown" if estimate is None else str(estimate)


def show_short(estimate: Estimate | None) -> str:
    """An estimate's value with a mark for its basis, for tables."""
    return "unknown" if estimate is None else str(estimate).split(" [")[0].split(" (")[0]
