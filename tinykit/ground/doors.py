"""The door of a package: the names that its stub lists, each loaded the first time it is asked for.

The stub (`__init__.pyi`) is what type checkers and editors read too, so a name stands in one place.
"""

import ast
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def open_door(
    package: str, file: str, found: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package by its `__name__` and `__file__`.

    Beside it may lie a stub with lines `from tinykit.wing.room import name as name`; `found` are names that stand in
    no stub, each with its module.
    """
    homes = list_names(Path(file).with_suffix(".pyi")) | dict(found or {})
    rooms = list_rooms(file)

    def find(name: str) -> Any:
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        if name in rooms:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find, lambda: sorted({*homes, *rooms}), sorted(homes)


def list_rooms(file: str) -> set[str]:
    """The modules and packages beside a package's `__file__`."""
    return {room.name for room in pkgutil.iter_modules([str(Path(file).parent)]) if not room.name.startswith("_")}


def list_names(stub: Path) -> dict[str, str]:
    """The names of a stub, each with its module; none where there is no stub."""
    tree = ast.parse(stub.read_text(encoding="utf-8") if stub.is_file() else "")
    lines = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: line.module or "" for line in lines for alias in line.names}
