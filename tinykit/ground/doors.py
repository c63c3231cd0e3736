"""The door of a package: the names that its stub lists, each loaded the first time it is asked for.

The stub (`__init__.pyi`) is what type checkers and editors read too, so a name stands in one place. Whoever imports the
package waits for this module, so it imports next to nothing.
"""

from __future__ import annotations

import importlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def open_door(
    package: str, file: str, found: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package, given its `__name__` and its `__file__`.

    A stub may lie beside the file, with lines `from tinykit.wing.room import name as name`. `found` are names that
    stand in no stub, each with its module.
    """
    homes = list_names(f"{os.path.splitext(file)[0]}.pyi") | dict(found or {})
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
    folder = os.path.dirname(file)
    names = [name for name in os.listdir(folder) if not name.startswith("_")]
    packages = {name for name in names if os.path.isfile(os.path.join(folder, name, "__init__.py"))}
    return packages | {name.removesuffix(".py") for name in names if name.endswith(".py")}


def list_names(stub: str) -> dict[str, str]:
    """The names of a stub, each with its module; none where there is no stub."""
    homes: dict[str, str] = {}
    module = ""
    if os.path.isfile(stub):
        with open(stub, encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("from "):
                    module = line.split()[1]
                homes |= {part.split()[-3]: module for part in line.split(",") if " as " in part}
    return homes
