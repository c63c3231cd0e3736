"""What a path may name where a file is read, and is no file or has no end: each is made by a function of the path."""

from __future__ import annotations

import os
from pathlib import Path


def make_endless(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(2**40)


NO_FILES = {"fifo": os.mkfifo, "folder": Path.mkdir, "sparse": make_endless}
