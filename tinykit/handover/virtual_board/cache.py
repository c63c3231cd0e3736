"""A folder of compiled objects under the hash of everything that went into them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tinykit.ground.errors import OutputError

_LIMIT_BYTES = 512 * 2**20


def cache_folder() -> Path:
    """Where compiled objects are kept: `TINYKIT_CACHE`, else `tinykit` in the user's cache folder."""
    own = os.environ.get("TINYKIT_CACHE")
    if own:
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).absolute() if base else Path.home() / ".cache") / "tinykit"


def hash_of(*parts: str | bytes | Iterable[str]) -> str:
    """SHA-256 over the parts, each with its length, so that no two lists of parts run together."""
    digest = hashlib.sha256()
    for part in parts:
        text = part if isinstance(part, str | bytes) else hash_of(*part)
        data = text.encode() if isinstance(text, str) else text
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def recall(kind: str, key: str) -> bytes | None:
    """What was kept under a key, None where nothing (whole) was."""
    try:
        data = (cache_folder() / kind / key).read_bytes()
    except OSError:
        return None
    digest, body = data[:64], data[64:]
    return body if hashlib.sha256(body).hexdigest().encode() == digest else None


def check_folder() -> None:
    """Make the cache folder.

    Raises
    ------
    OutputError : it cannot be made, or not be written.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise _refuse(folder, error) from error


def keep(kind: str, key: str, data: bytes) -> None:
    """Keep bytes under a key; another process sees them whole or not at all.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    folder = cache_folder() / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _make_room(folder)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as file:
            file.write(hashlib.sha256(data).hexdigest().encode() + data)
        os.replace(file.name, folder / key)
    except OSError as error:
        raise _refuse(folder, error) from error


def _refuse(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"{folder}: cannot be written ({error.strerror}); name a folder of yours in TINYKIT_CACHE")


def _make_room(folder: Path) -> None:
    """Drop the oldest entries of a folder that has grown over its limit, to half of it."""
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            with contextlib.suppress(FileNotFoundError):  # another process has just named its file, or dropped it
                entries.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    if total <= _LIMIT_BYTES:
        return
    for _, size, path in sorted(entries):
        if total <= _LIMIT_BYTES // 2:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
