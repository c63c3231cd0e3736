"""tinykit: from a network to a board its designer can defend.

`import tinykit as tk` is quick: each name and each room below is loaded the first time it is used.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tinykit.errors import (
    DataError,
    EngineError,
    FactError,
    KerasVersionError,
    MissingPackageError,
    ModelError,
    OutputError,
    ParameterError,
    RecordError,
    TinykitError,
    UnknownBatteryError,
    UnknownBoardError,
    UnknownFactError,
    UnknownRuntimeError,
    UnknownStageError,
    UnknownTaskError,
)

# For type checkers and editors, which cannot follow the lazy names below; a test holds the two together.
if TYPE_CHECKING:
    from tinykit.arena import predict_arena as predict_arena
    from tinykit.boards import board as board
    from tinykit.boards import boards as boards
    from tinykit.boards import read_board as read_board
    from tinykit.energy import predict_energy as predict_energy
    from tinykit.fit import check_fit as check_fit
    from tinykit.fit import check_fit_all as check_fit_all
    from tinykit.fit import line_up as line_up
    from tinykit.fit import list_placements as list_placements
    from tinykit.graph import read as read
    from tinykit.latency import predict_latency as predict_latency
    from tinykit.quantity import Estimate as Estimate
    from tinykit.quantity import Fact as Fact

__version__ = "0.1.0"

__all__ = [
    "DataError",
    "EngineError",
    "FactError",
    "KerasVersionError",
    "MissingPackageError",
    "ModelError",
    "OutputError",
    "ParameterError",
    "RecordError",
    "TinykitError",
    "UnknownBatteryError",
    "UnknownBoardError",
    "UnknownFactError",
    "UnknownRuntimeError",
    "UnknownStageError",
    "UnknownTaskError",
]

_ROOMS_OF_NAMES = {
    "Estimate": "quantity",
    "Fact": "quantity",
    "read": "graph",
    "board": "boards",
    "boards": "boards",
    "read_board": "boards",
    "check_fit": "fit",
    "check_fit_all": "fit",
    "line_up": "fit",
    "list_placements": "fit",
    "predict_arena": "arena",
    "predict_latency": "latency",
    "predict_energy": "energy",
}


class _NamesakeRoom(ModuleType):
    """A room with a function of its own name: `tk.boards` is the room, `tk.boards()` calls the function."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **options)


class _Kit(ModuleType):
    """The package itself: the import system binds each room here, and a namesake becomes callable."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ROOMS_OF_NAMES and isinstance(value, ModuleType):
            value.__class__ = _NamesakeRoom
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name in _ROOMS_OF_NAMES:
        return getattr(importlib.import_module(f"tinykit.{_ROOMS_OF_NAMES[name]}"), name)
    if not name.startswith("_") and importlib.util.find_spec(f"tinykit.{name}"):
        return importlib.import_module(f"tinykit.{name}")
    raise AttributeError(f"module 'tinykit' has no attribute {name!r}")


def __dir__() -> list[str]:
    rooms = {room.name for room in pkgutil.iter_modules(__path__) if not room.name.startswith("_")}
    return sorted({*globals(), *_ROOMS_OF_NAMES, *rooms})


sys.modules[__name__].__class__ = _Kit
