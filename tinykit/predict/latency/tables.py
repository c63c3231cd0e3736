"""The shelf of the latency room: CSV tables under `data/latency/`, each with its source in its head."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError
from tinykit.ground.facts import shipped_path


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV of facts: where its figures come from, and its rows by column name."""

    name: str
    source: str
    rows: tuple[dict[str, str], ...]


@remember_table
def read_table(name: str) -> Table:
    """Read `data/latency/<name>.csv`; its head lines start with `#` and one of them is `# source: …`.

    Raises
    ------
    FactError : the file is missing, or names no source.
    """
    path = shipped_path("data", "latency", f"{name}.csv")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FactError(f"{path}: cannot be read ({error}); reinstall the package") from error
    heads = [line for line in lines if line.startswith("#")]
    source = next((line.split(":", 1)[1].strip() for line in heads if line.startswith("# source:")), "")
    if not source:
        raise FactError(f"{path}: names no source; its head needs a line '# source: …'")
    return Table(name, source, tuple(csv.DictReader(lines[len(heads) :])))
