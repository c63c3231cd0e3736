"""Inside the pool: a warm server that forks runners, and a runner that takes one case after the other.

The server reads one line a command on its stdin and answers on fd 3: it forks a runner, which takes its cases from the
same stdin; when the runner ends, however it ends, the server says so and forks another. What a case does is watched
from the runner: exceptions, statuses, texts, peaks of memory, files written elsewhere.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from tests.fuzz.case import Case, Door, find_door, load_kinds, make_case
from tests.fuzz.telling import FaultError, Found, judge_screen, judge_words, place_of, shorten
from tinykit.ground.errors import TinykitError

MEMORY_LIMIT_BYTES = 2 * 2**30
ADDRESS_LIMIT_BYTES = 12 * 2**30
PROCESSOR_LIMIT_S = 20.0
_GOOD = (0, 1, 2)
_WRITES = {"open": (), "os.rename": (2, 3), "os.remove": (1,), "os.mkdir": (2,), "os.rmdir": (1,), "os.symlink": (2,),
           "os.link": (2, 3), "os.truncate": (), "os.chmod": (2,), "shutil.move": ()}  # fmt: skip
"""Events that change files, and which of their arguments is the open folder that a path is relative to."""


class Watch:
    """Notes every file that this process opens to write, makes, moves or removes outside the folders it may use."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] = ()
        self.seen: list[str] = []
        self.armed = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed or event not in _WRITES:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        targets = {"os.rename": (0, 1), "shutil.move": (0, 1), "os.symlink": (1,), "os.link": (1,)}.get(event, (0,))
        for place in targets:
            if isinstance(arguments[place], str | bytes | os.PathLike):
                path = _resolve(os.fsdecode(arguments[place]), [arguments[one] for one in _WRITES[event]])
                if not any(f"{path}/".startswith(f"{one}/") for one in (*self.allowed, "/dev", "/proc", "/sys")):
                    self.seen.append(f"{event} {path}")


def _resolve(path: str, folders: list[Any]) -> str:
    opened = [one for one in folders if isinstance(one, int) and one >= 0]
    return os.path.realpath(os.path.join(f"/proc/self/fd/{opened[0]}", path) if opened else path)


WATCH = Watch()


def serve() -> None:
    """Fork runners until the parent closes the pipe."""
    load_kinds()
    _warm()
    answers = os.fdopen(int(sys.argv[1]), "w", buffering=1)
    while True:
        pid = os.fork()
        if pid == 0:
            answers.write(json.dumps({"runner": os.getpid()}) + "\n")
            os._exit(_run(answers))
        _, status, _ = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            return
        answers.write(json.dumps({"ended": code}) + "\n")


def _warm() -> None:
    """What runners would otherwise import one by one."""
    for name in ("tflite_micro.python.tflite_micro.runtime", "tinykit.show.cli.main", "tinykit.handover",
                 "tinykit.budget", "tinykit.predict", "tinykit.choose", "tinykit.handover.virtual_board"):  # fmt: skip
        importlib.import_module(name)


def _run(answers: Any) -> int:
    """Take cases until the pipe closes (0), or until told to end (99), so that another runner begins afresh."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_LIMIT_BYTES, ADDRESS_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while line := _read_line():
        job = json.loads(line)
        if job.get("renew"):
            return 99
        answers.write(json.dumps(run_case(job)) + "\n")
    return 0


def _read_line() -> bytes:
    """A line of stdin, byte by byte: nothing of the next runner's may stay in a buffer of this one."""
    line = b""
    while not line.endswith(b"\n"):
        one = os.read(0, 1)
        if not one:
            return b""
        line += one
    return line


def run_case(job: dict[str, Any]) -> Found:
    """One case through its doors, in a folder of its own."""
    folder = Path(job["folder"])
    for name in ("in", "out", "home", "tmp", "own"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    found: Found = {"id": f"{job['kind']}:{job['seed']}:{job['index']}", "kind": job["kind"], "doors": {}, "faults": []}
    if "module" in job:  # kinds beside those of every run
        importlib.import_module(job["module"])
    try:
        case, doors = make_case(job["kind"], job["seed"], job["index"])
    except Exception as error:  # noqa: BLE001 -- a fault of the fuzzer's own
        return {**found, "faults": [_fault("unmade", "none", place_of(error), repr(error))]}
    doors = job.get("doors") or doors
    path = case.write(folder / "in")
    own = str(folder / "own")
    os.environ |= {"HOME": str(folder / "home"), "TINYKIT_CALIBRATION": own, "TINYKIT_WORKSPACE": own}
    os.chdir(folder / "in")
    os.makedirs("out", exist_ok=True)
    before = _list_files(folder)
    places = (folder / "out", folder / "own", folder / "home", folder / "in" / "out")
    fonts = os.environ.get("MPLCONFIGDIR", str(folder / "home"))
    WATCH.allowed = (*map(str, places), os.environ["TMPDIR"], os.environ["XDG_CACHE_HOME"], fonts)
    for name in doors:
        _reset_peak()
        start = _processor_s()
        _mark(folder, name)
        found["doors"][name] = _try(find_door(job["kind"], name), path, folder, found["faults"])
        _look_at_memory(name, found["faults"])
        spent = round(_processor_s() - start, 2)
        found["slowest_s"] = max(found.get("slowest_s", 0.0), spent)
        if spent > PROCESSOR_LIMIT_S:
            found["faults"].append(_fault("hang", name, "it ends, but late", f"{spent} s of processor time"))
    _look_outside(folder, case, before, found["faults"])
    found["peak_mib"] = _peak_bytes(os.getpid()) >> 20
    os.chdir("/")
    return found


def _mark(folder: Path, name: str) -> None:
    """Which door is open, for whoever finds the runner dead."""
    (folder / "door").write_text(name, encoding="utf-8")


def _try(door: Door, path: Path, folder: Path, faults: list[Found]) -> str:
    name = door if isinstance(door, str) else door.__name__
    WATCH.seen.clear()
    WATCH.armed = True
    try:
        return _command(door, path, folder, faults) if isinstance(door, str) else _call(door, path)
    except TinykitError as error:
        if wrong := judge_words(str(error)):
            faults.append(_fault("words", name, f"{wrong} by {place_of(error)}", str(error)[:400]))
        return "refused"
    except FaultError as error:
        faults.append(_fault(error.category, name, shorten(str(error)), str(error)[:1000]))
        return "fault"
    except BaseException as error:  # noqa: BLE001 -- that is what is looked for
        faults.append(_fault("foreign", name, place_of(error), str(error)[:400]))
        return "fault"
    finally:
        WATCH.armed = False
        if WATCH.seen:
            faults.append(_fault("outside", name, shorten(WATCH.seen[0]), "; ".join(WATCH.seen[:5])))


def _call(door: Any, path: Path) -> str:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        door(path)
    return "taken"


def _command(line: str, path: Path, folder: Path, faults: list[Found]) -> str:
    from tinykit.show.cli.main import main

    words = [word.format(file=path.name, out=folder / "out") for word in line.split(" ")]
    out, err = _Screen(), _Screen()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(words)
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 2
    said = err.getvalue()
    if wrong := judge_screen(out.getvalue() + said):
        faults.append(_fault("words", line, wrong, said[:400]))
    if status not in _GOOD:
        faults.append(_fault("foreign", line, f"status {status}: {shorten(said)}", said[:1000]))
    elif status == 2 and (wrong := judge_words(said.rstrip("\n"))):
        faults.append(_fault("words", line, wrong, said[:400]))
    return "refused" if status == 2 else "taken"


class _Screen(io.StringIO):
    """A stream of the screen that commands may ask for its encoding and its file."""

    encoding = "utf-8"  # type: ignore[assignment]

    def reconfigure(self, **_: Any) -> None:
        """As a terminal's stream has it."""


def _fault(category: str, door: str, signature: str, text: str) -> Found:
    return {"category": category, "door": door, "signature": signature, "text": text}


# memory


def _reset_peak() -> None:
    for pid in (os.getpid(), *_descendants()):
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _descendants() -> list[int]:
    """Processes that this one started and that still live."""
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                text = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii")
                found += (inner := [int(one) for one in text.split()])
                waiting += inner
    return found


def _peak_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _processor_s() -> float:
    """What this process and those that it started have computed so far [s]."""
    ticks = 0
    for pid in _descendants():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            ticks += int(words[11]) + int(words[12])
    return sum(os.times()[:4]) + ticks / os.sysconf("SC_CLK_TCK")


_REAPED = 0


def _look_at_memory(door: str, faults: list[Found]) -> None:
    """The peak of this process, of its living children, and of those that ended since (the largest so far)."""
    global _REAPED  # noqa: PLW0603 -- the system keeps one figure for all children that ended
    reaped = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    peaks = {"this process": _peak_bytes(os.getpid()), **{f"child {pid}": _peak_bytes(pid) for pid in _descendants()}}
    if reaped > _REAPED:
        _REAPED = reaped
        peaks["a child that ended"] = reaped
    who, most = max(peaks.items(), key=lambda pair: pair[1])
    if most > MEMORY_LIMIT_BYTES:
        faults.append(_fault("memory", door, f"{who.split(' ')[0]} {who.split(' ')[1]}", f"{who}: {most >> 20} MiB"))


# files


def _list_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Files below the case's folder but for those it may write, with size and time."""
    found = {}
    for base, folders, files in os.walk(folder):
        if base == str(folder):
            folders[:] = [one for one in folders if one == "in"]
        if base == str(folder / "in"):
            folders[:] = [one for one in folders if one != "out"]
        for name in files:
            with contextlib.suppress(OSError):
                facts = os.lstat(os.path.join(base, name))
                found[os.path.join(base, name)] = (facts.st_size, facts.st_mtime_ns)
    return found


def _look_outside(folder: Path, case: Case, before: dict[str, tuple[int, int]], faults: list[Found]) -> None:
    """What came, went or changed among the stranger's files and beside them."""
    after = _list_files(folder)
    after.pop(str(folder / "door"), None)
    changed = sorted(name for name in after.keys() | before.keys() if after.get(name) != before.get(name))
    if changed:
        faults.append(
            _fault("outside", "all", f"{Path(changed[0]).name[:60]} came, went or changed", "; ".join(changed[:5]))
        )


if __name__ == "__main__":
    serve()
