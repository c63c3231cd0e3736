"""Writing a folder of files completely or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinykit.ground.errors import OutputError

MANIFEST = "deployment.json"
TEMPLATES = Path(__file__).with_name("templates")
"""A folder of files for each target, and `both` for what every target has."""


def write_folder(folder: Path, files: Mapping[str, str], about: Mapping[str, Any]) -> None:
    """Write text files and `deployment.json`, which lists their hashes, into a folder.

    They are written beside the folder first and moved there by renaming. An existing folder is replaced only if it is
    empty or holds an earlier export in which nobody has changed anything.

    Parameters
    ----------
    folder : where to; parents are made.
    files : relative path -> text.
    about : JSON values to keep in `deployment.json`.

    Raises
    ------
    OutputError : the folder holds other files, or cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    _refuse_foreign(folder)
    listed = {name: _sha256(text.encode()) for name, text in sorted(files.items())}
    manifest = json.dumps({**about, "files": listed}, indent=2) + "\n"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _fill(staging / "new", {**files, MANIFEST: manifest})
            _swap(staging, folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); choose another folder") from error


def _fill(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def _swap(staging: Path, folder: Path) -> None:
    """Put the new folder in the old one's place; the old one comes back if that fails."""
    old = staging / "old"
    if folder.exists():
        folder.rename(old)
    try:
        (staging / "new").rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file; choose a folder for the export")
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    if not present:
        return
    own = _read_hashes(present.get(MANIFEST))
    foreign = [name for name, path in sorted(present.items()) if name != MANIFEST and _differs(path, own.get(name))]
    if foreign:
        raise OutputError(
            f"{folder} holds {foreign[0]}, which is not of an earlier export or was changed since\n"
            "choose an empty folder, or move your files away"
        )


def _read_hashes(path: Path | None) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text())["files"]) if path is not None else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _differs(path: Path, expected: str | None) -> bool:
    try:
        return expected is None or _sha256(path.read_bytes()) != expected
    except OSError:
        return True


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
