"""What a child process of this kit is given: nothing of the current folder, no Python settings of the environment.

A file beside a downloaded model must never be taken for a module or a program, so children start by path with `-I`, in
a folder of their own, with the environment that is made here.
"""

import os
import shutil
import sys
from pathlib import Path

_DROPPED = ("PYTHON", "HDF5_")
NEUTRAL_FOLDER = Path(sys.executable).anchor or os.sep
"""Where a program works that writes no files: the root folder, in which no download lies."""


def python_command(script: Path, *arguments: object) -> list[str]:
    """The command that runs a script of this kit by its path, with neither current folder nor user site in reach."""
    return [sys.executable, "-I", "-W", "ignore", str(script), *map(str, arguments)]


def child_environment(**own: str) -> dict[str, str]:
    """This process's environment without settings of Python and HDF5, PATH cut to absolute folders, and `own`."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_DROPPED)}
    return kept | {"PATH": _absolute_path()} | own


def find_program(name: str) -> str | None:
    """Where on PATH a program is; one in the current folder, or in a folder named relative to it, is none."""
    found = shutil.which(name, path=_absolute_path())
    return found if found and Path(found).is_absolute() else None


def _absolute_path() -> str:
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if Path(entry).is_absolute())
