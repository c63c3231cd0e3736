"""Data files that travel inside PyPI packages: found and hashed, the package itself never imported."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from tinykit.ground.errors import DataError, MissingPackageError


def find_packaged_file(package: str, *parts: str, install: str = "") -> Path:
    """Path of a file inside an installed package, without importing the package.

    Parameters
    ----------
    package : name it is imported by.
    parts : folders and file inside it.
    install : what pip calls it, where that is another name or an option belongs to it.

    Raises
    ------
    MissingPackageError : the package, or the file in it, is not there.
    """
    wanted = install or package
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            f"the package {package}, which holds the data, is not installed; pip install {wanted}"
        )
    path = Path(next(iter(spec.submodule_search_locations))).joinpath(*parts)
    if not path.is_file():
        raise MissingPackageError(f"{package} lacks {'/'.join(parts)}; pip install --force-reinstall {wanted}")
    return path


def read_verified(path: Path, sha256: str) -> bytes:
    """The bytes of a file whose hash is known.

    Raises
    ------
    DataError : the file is another one: it is not opened, since a pickle in it could run code.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path.name} has sha256 {found[:16]}…, expected {sha256[:16]}…: not the file this task was built on.\n"
            "It is not opened; reinstall the package in the pinned version"
        )
    return content
