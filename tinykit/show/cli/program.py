"""Arguments in, exit status out: the outermost hand, which catches whatever its commands do, their imports too.

0 done (and it fits; `verify`: the same), 1 does not fit or is not known to (`verify`: not the same), 2 bad input, 3 the
machine failed (room, memory, rights, an output that takes nothing or not every character), 70 a fault of the kit,
130 interrupted. Each but 0 and 1 comes with three lines at most; the traceback is shown by `--debug` alone.
"""

import codecs
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from tinykit.ground.errors import MACHINE, STOPPED, judge_failure

_LEAST_BYTES = 224 * 2**20
_lost: dict[str, None] = {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (None: the process's own), without the program's name, and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if arguments is None and not _prepare_streams():
            return _tell(MACHINE, "stdout is closed: nothing was done; give it a file, a pipe or /dev/null")
        status = _run(given)
        sys.stdout.flush()
        if not _lost or status > 1:
            return status
        lost = " ".join(list(_lost)[:8])
        return _tell(MACHINE, f"{lost}: {sys.stdout.encoding} has no such characters; set PYTHONIOENCODING=utf-8")
    except BrokenPipeError:
        _give_up_stdout()
        return 0
    except BaseException as error:  # noqa: BLE001 -- a status of 1 is a verdict, and this is none
        if arguments is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is the way out
            _give_up_stdout()
        if "--debug" in given:
            sys.__excepthook__(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            return _tell(STOPPED, str(error) or "stopped")
        return _tell(*judge_failure(error))


def _run(given: list[str]) -> int:
    import mmap

    mmap.mmap(-1, _LEAST_BYTES).close()  # OpenBLAS would leave with status 1, which is a verdict
    table: Any = import_module("tinykit.show.cli.main")  # most of the kit, which may be stopped or fail too
    try:
        options = table.make_parser().parse_args(given)
        status: int = options.run(options)
        return status
    except SystemExit as stop:  # help, and wrong usage
        return int(stop.code or 0)


def _tell(status: int, text: str) -> int:
    with contextlib.suppress(OSError, ValueError):  # the status says it where stderr cannot
        print("tinykit:", text, file=sys.stderr)
    return status


def _prepare_streams() -> bool:
    """Whether there is a stdout; closed standard handles are opened on nothing, lest a file takes their number.

    What an encoding does not have is escaped, and told at the end.
    """
    closed = sys.stdout is None
    while (handle := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(handle)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 -- as the next
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115 -- it is the process's own
    if not closed:
        codecs.register_error("tinykit", _escape)
        sys.stdout.reconfigure(errors="tinykit")  # type: ignore[union-attr]
    return not closed


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError):
        _lost.update(dict.fromkeys(error.object[error.start : error.end]))
    return codecs.backslashreplace_errors(error)


def _give_up_stdout() -> None:
    """Let Python's own last flush reach nothing, not the output that failed."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
