"""Files and folders written whole or not at all: beside their place, down to the disk, then renamed onto it.

A regular file is replaced by a file and a folder by a folder; a link, a pipe, a device is refused by its name, for what
is behind it lies elsewhere. Rights are what the user's umask leaves. What a killed process left goes with the next.
"""

import contextlib
import hashlib
import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tinykit.ground.errors import OutputError, TinykitError

_KINDS = {stat.S_IFLNK: "link", stat.S_IFDIR: "folder", stat.S_IFREG: "file", stat.S_IFIFO: "pipe"}
_numbers = itertools.count()


def refuse_other(path: Path, kind: int = stat.S_IFREG) -> None:
    """`OutputError` where the name is taken by anything but a regular file, or a folder for `stat.S_IFDIR`."""
    try:
        found = stat.S_IFMT(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be written ({error}); choose another name") from error
    if found != kind:
        cure = "choose a folder" if kind == stat.S_IFDIR else "only a file is replaced by one; choose another name"
        raise OutputError(f"{path} is a {_KINDS.get(found, 'device')}; {cure}")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises
    ------
    OutputError : the folder cannot be made or written, or a link, device, pipe or folder has that name.
    """
    refuse_other(path)
    with _draft(path, path.parent, "a folder you may write to") as draft:
        _write(draft, data)
        draft.replace(path)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put a folder of files {relative path: content} in the place of a folder or of nothing; errors as for a file."""
    refuse_other(folder, stat.S_IFDIR)
    with _draft(folder, folder.parent, "another folder") as draft:
        for name, data in files.items():
            _write(draft / "new" / name, data)
        old = draft / "old"
        if folder.exists():
            folder.rename(old)
        try:
            (draft / "new").rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise


def add_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put files into a folder that may hold others, all or none; a name that is taken is refused as well."""
    refuse_other(folder, stat.S_IFDIR)
    for name in files:
        if os.path.lexists(folder / name):
            raise OutputError(f"{folder / name}: exists already; choose an empty folder")
    if not folder.exists():
        write_folder(folder, files)
        return
    with _draft(folder, folder, "another folder") as draft, contextlib.ExitStack() as undo:
        for name, data in files.items():
            _write(draft / name, data)
        for name in files:
            undo.callback((folder / name).unlink, missing_ok=True)
            (draft / name).rename(folder / name)
        undo.pop_all()


@contextlib.contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder among the temporary ones, gone after the block; OutputError where there is none, or no room in it."""
    try:
        with tempfile.TemporaryDirectory(prefix=prefix) as folder:
            yield Path(folder)
    except TinykitError:
        raise
    except OSError as error:
        raise OutputError(
            f"temporary files cannot be written ({error.strerror or error})\n"
            "set TMPDIR to a folder with room that can be written"
        ) from error


@contextlib.contextmanager
def _draft(target: Path, beside: Path, choose: str) -> Iterator[Path]:
    """A free name in a folder that is made for it; what is left there is removed, and an OSError told."""
    key = f".tinykit-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]}-"
    draft = beside / f"{key}{os.getpid()}-{next(_numbers)}"
    try:
        beside.mkdir(parents=True, exist_ok=True)
        yield draft
        for left in beside.glob(f"{key}*"):
            if Path("/proc/self").exists() and not Path("/proc", left.name.split("-")[2]).exists():
                _remove(left)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); choose {choose}") from error
    finally:
        _remove(draft)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _remove(draft: Path) -> None:
    with contextlib.suppress(OSError):
        draft.unlink()
    shutil.rmtree(draft, ignore_errors=True)
