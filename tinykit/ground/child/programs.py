"""A program that is no Python: compilers and QEMU, run once with the same bounds, to the end or until they are late."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinykit.ground.child.isolation import NEUTRAL_FOLDER, child_environment
from tinykit.ground.child.process import Bounds, Running


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Parameters
    ----------
    status : its exit status, -n where signal n ended it.
    printed : what it wrote on stdout, no more than the bounds allow.
    said : the end of what it wrote on stderr.
    late : whether it was stopped because its time was over.
    """

    status: int
    printed: bytes = field(repr=False)
    said: str
    late: bool = False


def run_program(
    command: Sequence[str], *, timeout_s: float, bounds: Bounds, folder: str | Path = NEUTRAL_FOLDER, **environment: str
) -> Ended:
    """Run a program; what it may take is bounded as soon as it has started.

    Parameters
    ----------
    command : program and arguments.
    timeout_s : after this it is stopped, with all that it started [s].
    bounds : what it may take.
    folder : where it works.
    environment : settings besides those of this process that a child may have.

    Raises
    ------
    EngineError : it could not be started.
    """
    with (
        tempfile.TemporaryFile() as printed,
        Running(
            command[0], lambda _: command, bounds=bounds, folder=folder, environment=child_environment(**environment),
            printed=printed,
        ) as process,
    ):  # fmt: skip
        status = process.wait(timeout_s)
        printed.seek(0)
        return Ended(status, printed.read(bounds.answer_bytes), process.said(), process.late)
