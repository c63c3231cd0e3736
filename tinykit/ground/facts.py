"""The shelf: where `data/` lies, and how a TOML of sourced figures becomes `Fact` objects, a CSV of them rows."""

import csv
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinykit.ground.errors import FactError
from tinykit.ground.limits import KEY_PARTS, SETTINGS_BYTES, open_file
from tinykit.ground.quantity import Basis, Fact

_PACKAGE = Path(__file__).resolve().parents[1]
_DEEP = re.compile(rb"""(?:\.[ \t]*+(?:"[^"\n]*+"|'[^'\n]*+'|[^\s.=,\[\]{}"']++)[ \t]*+){%d}""" % KEY_PARTS)
_FACT_KEYS = {"value", "unit", "kind", "source", "locator", "conditions", "low", "high"}


def shipped_path(*parts: str) -> Path:
    """Path of a shipped file: inside the installed package, or beside it in a checkout."""
    installed = _PACKAGE / "shipped"
    return (installed if installed.is_dir() else _PACKAGE.parent).joinpath(*parts)


def names_toml(given: object) -> bool:
    """Whether what was given for an id is the path of a TOML of one's own: any path, or a text that ends so."""
    return isinstance(given, os.PathLike) or (isinstance(given, str) and given.lower().endswith(".toml"))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    FactError : the file is missing, unreadable or not TOML.
    """
    try:
        with open_file(path, SETTINGS_BYTES, FactError, "give the path of a TOML file") as stream:
            if _DEEP.search(content := stream.read()):
                raise FactError(f"{path}: not a TOML file that can be taken (a key of over {KEY_PARTS} parts)")
            return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except FactError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise FactError(f"{path}: cannot be read ({error}); give the path of a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise FactError(f"{path}: not valid TOML ({error})") from error
    except (ValueError, RecursionError) as error:  # a figure of thousands of digits, brackets nested without end
        raise FactError(f"{path}: not a TOML file that can be taken ({error})") from error


def without_none(value: Any) -> Any:
    """TOML has no null: an unknown figure is absent."""
    if isinstance(value, Mapping):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_none(item) for item in value if item is not None]
    return value


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV of facts: where its figures come from, and its rows by column name."""

    source: str
    rows: tuple[dict[str, str], ...]


def read_csv(path: Path) -> Table:
    """Read a CSV; its head lines start with `#` and one of them is `# source: …`, else it is a FactError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FactError(f"{path}: cannot be read ({error}); reinstall the package") from error
    heads = [line for line in lines if line.startswith("#")]
    source = next((line.split(":", 1)[1].strip() for line in heads if line.startswith("# source:")), "")
    if not source:
        raise FactError(f"{path}: names no source; its head needs a line '# source: …'")
    return Table(source, tuple(csv.DictReader(lines[len(heads) :])))


def to_fact(table: Any, where: str) -> Fact:
    """One inline table `{value, unit, kind, source, locator, conditions, low, high}` as a `Fact`.

    One that says neither kind nor source is the user's own word: kind "given", its place for a source.

    Parameters
    ----------
    table : the parsed inline table.
    where : file and key, for the error message.

    Raises
    ------
    FactError : not a table, a key missing or unknown, no source, unknown kind.
    """
    if not isinstance(table, dict):
        raise FactError(
            f"{where}: {table!r} is a bare figure; write {{value, unit, kind, source}}, your own as {{value, unit}}"
        )
    if not {"kind", "source"} & set(table):
        table = {**table, "kind": Basis.GIVEN.value, "source": f"given by the user in {where}"}
    unknown, missing = set(table) - _FACT_KEYS, {"value", "unit", "kind", "source"} - set(table)
    if unknown or missing:
        raise FactError(f"{where}: missing {sorted(missing)}, unknown {sorted(unknown)}; allowed: {sorted(_FACT_KEYS)}")
    for key in ("value", "low", "high"):
        if not isinstance(table.get(key, 0), int | float):
            raise FactError(f"{where}: {key} {table[key]!r} is not a number; leave it out if it is unknown")
    try:
        return Fact(**table)
    except FactError as error:
        raise FactError(f"{where}: {error}") from error
