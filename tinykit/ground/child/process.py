"""The parent's side: a process that is started isolated, asked, stopped when it is late, and heard when it dies.

A file beside a downloaded model must never be taken for a module or a program, so children start by path with `-I`, in
a folder of their own that is also their home, with no setting of the environment but those listed here.
"""

import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Generic, Self, TypeVar

from tinykit.ground.caches import on_clear
from tinykit.ground.child import inside
from tinykit.ground.errors import EngineError, TinykitError, refuse_shortage

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment,unused-ignore]

SYSTEM_ENDS_IT = hasattr(fcntl, "F_SETSIG")
"""Whether the system itself can end a process when the other end of its lifeline closes; Linux can."""

_C = TypeVar("_C", bound="Child")
_T = TypeVar("_T")
_FOLDERS = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_KEPT = re.compile(r"LANG|LC_[A-Z]+|TZ|[A-Z_]+_NUM(_[A-Z]+)?_THREADS|CUDA_VISIBLE_DEVICES|SYSTEMROOT|WINDIR|COMSPEC")
NEUTRAL_FOLDER = Path(sys.executable).anchor or os.sep
"""Where a program works that writes no files: the root folder, in which no download lies."""
_GRACE_S, _TIMEOUT_S, _SAID_LIMIT_BYTES = 2.0, 60.0, 65_536


def python_command(script: Path, *arguments: object) -> list[str]:
    """The command that runs a script of this kit by its path, with neither current folder nor user site in reach."""
    return [sys.executable, "-I", "-W", "ignore", str(script), *map(str, arguments)]


def child_environment(**own: str) -> dict[str, str]:
    """Of this process's environment language, time zone and processors, absolute folders of programs, and `own`."""
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    return kept | {name: _absolute_path(name) for name in _FOLDERS if name in os.environ} | own


def find_program(name: str) -> str | None:
    """Where on PATH a program is; one in the current folder, or in a folder named relative to it, is none."""
    found = shutil.which(name, path=_absolute_path())
    return found if found and Path(found).is_absolute() else None


def _absolute_path(name: str = "PATH") -> str:
    return os.pathsep.join(filter(os.path.isabs, os.environ.get(name, os.defpath).split(os.pathsep)))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a process may take, where the system can hold it to that.

    It is address space, each file that it writes and stderr, one answer or what a program prints, and processor time,
    None where the clock on the wall bounds each answer.
    """

    memory_bytes: int = 4 * 2**30
    file_bytes: int = 16 * 2**20
    answer_bytes: int = inside.PARTS_LIMIT_BYTES
    processor_s: int | None = None

    @property
    def limits(self) -> dict[str, int]:
        """The resources as the system names them."""
        wanted = {"RLIMIT_AS": self.memory_bytes, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": self.file_bytes}
        return wanted if self.processor_s is None else wanted | {"RLIMIT_CPU": self.processor_s}


class ChildError(EngineError):
    """A process that gave no answer: its exit status, whether its time was over, the end of what it wrote on stderr.

    The status is -n where signal n ended it, None where it had to be ended for an answer that is none.
    """

    def __init__(self, name: str, status: int | None, *, late: bool = False, said: str = "") -> None:
        self.status, self.late, self.said = status, late, said.strip()
        super().__init__(f"{name} ended ({self.how}): {self.said[-300:] or 'it gave no reason'}")

    @property
    def signal(self) -> str | None:
        """Name of the signal that ended it, None where it left by itself."""
        number = -(self.status or 0)
        return next((one.name for one in signal.Signals if one == number), f"signal {number}") if number > 0 else None

    @property
    def how(self) -> str:
        """Whether it left or was stopped."""
        return f"stopped by {self.signal}" if self.signal else f"status {self.status}"


class Running:
    """A process in a group of its own that ends whole: when it is late, when it is closed, when this process dies.

    Its command is made from the end of the lifeline that it inherits. It prints into the file `printed`, and then
    reads nothing, or has pipes to be asked by; `environment` is all that it is given.
    """

    def __init__(
        self, name: str, command: Callable[[int], Sequence[str]], *, bounds: Bounds, folder: str | Path,
        environment: dict[str, str], printed: IO[bytes] | None = None,
    ) -> None:  # fmt: skip
        self.bounds, self.late, self._name, self._owner = bounds, False, name, os.getpid()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 -- it lives as long as the process
        reader, writer = os.pipe()
        self._streams: list[IO[bytes]] = [self._stderr, os.fdopen(writer, "wb")]
        try:
            self._process = subprocess.Popen(
                command(reader), cwd=folder, env=environment, stdin=subprocess.DEVNULL if printed else subprocess.PIPE,
                stdout=printed or subprocess.PIPE, stderr=self._stderr,
                pass_fds=(reader,) if os.name == "posix" else (), process_group=0,
            )  # fmt: skip
            if printed:  # a program cannot bound itself, as a worker does
                inside.limit(bounds.limits, self._process.pid)
            _tie(reader, self._process.pid)
        except OSError as error:
            self._close_streams()
            raise EngineError(f"{name} could not be started: {error}") from error
        finally:
            os.close(reader)
        self._streams += [one for one in (self._process.stdin, self._process.stdout) if one]

    @property
    def alive(self) -> bool:
        """Whether it still runs; to a fork of the process that started it, it is gone."""
        return self._owner == os.getpid() and self._process.poll() is None

    @property
    def closed(self) -> bool:
        """Whether it was closed here."""
        return self._stderr.closed

    def said(self) -> str:
        """The end of what it wrote on stderr since it was asked."""
        start = max(0, os.fstat(self._stderr.fileno()).st_size - _SAID_LIMIT_BYTES)
        return os.pread(self._stderr.fileno(), _SAID_LIMIT_BYTES, start).decode(errors="replace")

    def wait(self, seconds: float) -> int:
        """Its exit status; it is ended if it takes longer."""
        with self.watched(seconds):
            return self._process.wait()

    @contextlib.contextmanager
    def watched(self, seconds: float) -> Iterator[None]:
        """End it if the block takes longer."""
        watchdog = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._stop)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()

    def kill(self) -> None:
        """End it and all that it started."""
        if self._owner == os.getpid() and self._process.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL) if os.name == "posix" else self._process.kill()

    def close(self) -> None:
        """End it and give back what it held; safe to call twice."""
        self.kill()
        if self._owner == os.getpid():
            self._process.wait()
        self._close_streams()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _stop(self) -> None:
        self.late = True
        self.kill()

    def _close_streams(self) -> None:
        for stream in self._streams:
            with contextlib.suppress(OSError):
                stream.close()


class Child(Running):
    """A worker in an isolated Python that answers questions, one after the other.

    The file's `answer(request, parts)` is asked (see `inside`). It works in the folder, or in one of its own that goes
    with it, may import this package if it adopts it, and has the settings given besides those a child may have.
    """

    def __init__(
        self, name: str, worker: Path, *, bounds: Bounds, folder: Path | None = None, adopt: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        try:
            self._asked, place = False, str(folder or tempfile.mkdtemp(prefix="tinykit-"))
        except OSError as error:
            raise EngineError(
                f"{name} could not be started: no folder for it can be made ({error.strerror or error})\n"
                "set TMPDIR to a folder with room that can be written"
            ) from error
        self._tidy = weakref.finalize(self, _remove_folder, None if folder else place, os.getpid())

        def command(lifeline: int) -> list[str]:
            setup = {"limits": bounds.limits, "adopt": adopt, "lifeline": None if SYSTEM_ENDS_IT else lifeline}
            return python_command(Path(inside.__file__), worker, json.dumps(setup))

        given = child_environment(HOME=place, USERPROFILE=place, TMPDIR=place, **(environment or {}))
        try:
            super().__init__(name, command, bounds=bounds, folder=place, environment=given)
        except EngineError:
            self._tidy()
            raise

    def exchange(self, request: dict[str, Any], *parts: Any, timeout_s: float) -> tuple[dict[str, Any], list[bytes]]:
        """Send a question and wait for the answer; ChildError where it is late, dead, or answers with no frame."""
        if self._asked:  # what it said in starting belongs to the first question
            os.ftruncate(self._stderr.fileno(), 0)
            os.lseek(self._stderr.fileno(), 0, os.SEEK_SET)
        self._asked, self.late = True, False
        stdin, stdout = self._process.stdin, self._process.stdout
        try:
            with self.watched(timeout_s):
                inside.write_frame(stdin, request, parts)  # type: ignore[arg-type]
                reply, answers = inside.read_frame(stdout, self.bounds.answer_bytes)  # type: ignore[arg-type]
            refuse_shortage(self._name, f"{reply.get('error')} {reply.get('text')}", self.bounds.memory_bytes)
            return reply, answers
        except (EOFError, OSError) as error:
            late = self.late
            end = ChildError(self._name, self.wait(_GRACE_S), late=late, said=self.said())
            refuse_shortage(self._name, f"{end.said} {'' if late else end.signal}", self.bounds.memory_bytes)
            raise end from error
        except ValueError as error:  # no frame, and so no word of it can be trusted any more
            self.kill()
            self.wait(_GRACE_S)
            raise ChildError(self._name, None, said=self.said() or str(error)) from error
        except BaseException:  # an answer that nobody waits for would be taken for the next one
            self.kill()
            raise

    def list_gaps(self) -> tuple[str, ...]:
        """What this system cannot hold it to, in words: a limit on memory, no network; empty where it can."""
        return tuple(self.exchange(dict(inside.GAPS_ASKED), timeout_s=_TIMEOUT_S)[0]["gaps"])

    def close(self) -> None:
        """End it, with the folder that was its own; safe to call twice."""
        super().close()
        self._tidy()


class WarmChild(Generic[_C]):
    """At most one idle child, which answers one question at a time, and so many that what it leaves behind is small."""

    def __init__(self, start: Callable[[], _C], *, uses: int = 200) -> None:
        self._start, self._uses, self._turn = start, uses, threading.Lock()
        self._kept: list[tuple[_C, int]] = []
        atexit.register(self.close)
        on_clear(self.close)

    def ask(self, question: Callable[[_C], _T]) -> _T:
        """The answer of the child that is kept, or of a new one.

        A child that failed is not kept: what a damaged model left in it must not reach the next model. Where a used
        child died, the question goes to a new one, so that no model is blamed for another's damage.
        """
        with self._turn:
            while True:
                child, uses = self._take()
                answered = False
                try:
                    answer = question(child)
                    answered = True
                    return answer
                except TinykitError:
                    if uses == 0 or child.alive or child.late:
                        raise
                finally:
                    self._put_back(child, uses + 1, keep=answered)

    def close(self) -> None:
        """End the kept child, if there is one."""
        while self._kept:
            self._kept.pop()[0].close()

    def _take(self) -> tuple[_C, int]:
        while self._kept:
            child, uses = self._kept.pop()
            if child.alive:
                return child, uses
            child.close()
        return self._start(), 0

    def _put_back(self, child: _C, uses: int, *, keep: bool) -> None:
        if keep and uses < self._uses and child.alive:
            self._kept.append((child, uses))
        else:
            child.close()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status (-n by signal n), what it printed within its bounds, the end of stderr."""

    status: int
    printed: bytes = field(repr=False)
    said: str
    late: bool = False


def run_program(
    command: Sequence[str], *, timeout_s: float, bounds: Bounds, folder: str | Path = NEUTRAL_FOLDER, **environment: str
) -> Ended:
    """Run a program that is no Python (a compiler, QEMU) to its end or until it is late [s], bounded from its start."""
    given = child_environment(**environment)
    with (
        tempfile.TemporaryFile() as printed,
        Running(command[0], lambda _: command, bounds=bounds, folder=folder, environment=given, printed=printed) as one,
    ):
        status = one.wait(timeout_s)
        printed.seek(0)
        return Ended(status, printed.read(bounds.answer_bytes), one.said(), one.late)


def _remove_folder(folder: str | None, owner: int) -> None:
    """Remove a child's own folder, but not from a fork of the process that started the child."""
    if folder and owner == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)


def _tie(lifeline: int, pid: int) -> None:
    """Have the system end a process and its group when this process, which holds the other end, is gone."""
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -pid)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)
