"""Designs that are killed, or short of something: what each leaves, against an unbroken run's folder.

A row is made by a function registered with `@fault`; it yields its cases. The design is the real
command line with a small task and the recipe of a test, so that training is killed too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import small_disk
from tests.fuzz.case import HERE, ROOT

DESIGN = HERE / "small_design.py"
LIMIT_S, SLOWER = 300.0, 6.0
"""For one run: so long, or so many times an unbroken one on a machine that has other work."""
STAGES = ("loading", "float: training", "pruned: training", "pqat: training", "converting", "scoring", "checking",
          "writing firmware", "writing the report")  # fmt: skip
"""Lines of progress that begin a stage; each is killed at a random moment after its line."""
_LATE = 4
"""So many of them are tried with models that are there already."""
_STATUSES = (0, 2, 3)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: its status, what it said on stderr, and whether its folder is that of an unbroken run."""

    status: int
    said: str
    same: bool
    left: str = ""

    @property
    def verdict(self) -> str:
        """ "same folder", "one message", or what is wrong."""
        lines = [line for line in self.said.strip().splitlines() if line.startswith("tinykit:") or "rror" in line]
        if "Traceback (most recent call last)" in self.said:
            return "WRONG: traceback: " + self.said.strip().splitlines()[-1][:100]
        if self.status == 0:
            return "same folder" if self.same else f"WRONG: status 0, and another folder: {self.left}"
        if self.status not in _STATUSES:
            return f"WRONG: status {self.status}: {(lines or self.said.strip().splitlines() or ['no word'])[-1][:100]}"
        told = len(self.said.strip().splitlines())
        return f"status {self.status}: {(lines or ['no word'])[0][:110]}" if 1 <= told <= 3 else f"WRONG: {told} lines"


Fault = Callable[["Bench"], Iterator[tuple[str, Outcome]]]
FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__] = function
    return function


class Bench:
    """A place for runs: an unbroken one to compare with, and folders for the others."""

    def __init__(self, place: Path, seed: int = 0) -> None:
        self.place, self.rng, self.limit_s = place, np.random.default_rng(seed), SLOWER * LIMIT_S
        self.count = 0
        whole = self.folder()
        start = time.monotonic()
        self.whole_status, self.whole_said = self.run(whole)
        self.seconds = time.monotonic() - start
        self.limit_s = max(LIMIT_S, SLOWER * self.seconds)
        self.expected = hash_folder(whole)
        self.trained = [
            path for path in whole.iterdir() if path.is_file() and path.suffix in (".h5", ".tflite", ".toml")
        ]
        self.rooms = list_rooms(whole, self.trained)

    def folder(self, base: Path | None = None) -> Path:
        """A place for a design that begins with nothing."""
        self.count += 1
        return (base or self.place) / f"run{self.count}" / "design"

    def begun(self, base: Path | None = None) -> Path:
        """A place for a design whose models are recorded already, so that what follows is tried in seconds."""
        folder = self.folder(base)
        folder.mkdir(parents=True)
        for path in self.trained:
            shutil.copy(path, folder)
        return folder

    def command(self, out: Path) -> list[str]:
        return [sys.executable, str(DESIGN), "design", "--out", str(out)]

    def environment(self, **changes: str | None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("LC_ALL", "LANG", "TZ", "PYTHONPATH")}
        kept |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"}
        return {name: value for name, value in {**kept, **changes}.items() if value is not None}

    def run(self, out: Path, *before: str, **changes: str | None) -> tuple[int, str]:
        """Status and stderr of a run that is left alone."""
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [*before, *self.command(out)], stdout=subprocess.DEVNULL, stderr=err, cwd=out.parent,
                env=self.environment(**changes), start_new_session=True,
            )  # fmt: skip
            try:
                status = process.wait(self.limit_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                status = process.wait()
            err.seek(0)
            return status, err.read().decode("utf-8", "replace")

    def judge(self, out: Path, status: int, said: str) -> Outcome:
        found = hash_folder(out)
        other = sorted(
            name for name in found.keys() | self.expected.keys() if found.get(name) != self.expected.get(name)
        )
        return Outcome(status, said, not other, ", ".join(other[:4]))

    def whole(self, out: Path, **changes: str | None) -> Outcome:
        """A run in this folder that is left alone, judged."""
        return self.judge(out, *self.run(out, **changes))

    def kill_after(self, out: Path, word: str, share: float) -> None:
        """Start, wait for the line of progress, then for a share of a stage's time, and kill -9."""
        out.parent.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            self.command(out), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=out.parent, text=True,
            env=self.environment(PYTHONUNBUFFERED="1"), start_new_session=True,
        )  # fmt: skip
        for line in process.stdout or ():
            if word in line:
                break
        time.sleep(share * max(0.2, self.seconds / len(STAGES)))
        with contextlib.suppress(OSError):
            os.kill(process.pid, signal.SIGKILL)
        if process.stdout:
            process.stdout.close()
        process.wait()


def ulimit(flag: str, value: int) -> tuple[str, ...]:
    """The words before a command to run under a limit of the shell's: f in 512 bytes, v in KiB, n in handles."""
    return "/bin/sh", "-c", f'ulimit -{flag} {value}; exec "$@"', "sh"


def list_rooms(whole: Path, first: Sequence[Path]) -> list[int]:
    """Sizes of a disk [kB]: each holds the files written before one, in their order, and half of that one."""
    later = [path for path in whole.rglob("*") if path.is_file() and path not in first]
    pages, sizes = sum(-(-path.stat().st_size // 4096) for path in first), []
    for path in sorted(later, key=lambda one: one.stat().st_mtime_ns):
        size = -(-path.stat().st_size // 4096)
        sizes.append(4 * (pages + size // 2))
        pages += size
    return sorted({*sizes})


def hash_folder(folder: Path) -> dict[str, str]:
    """SHA-256 of each file below a folder, by its path there; links are passed over."""
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def run_faults(names: Sequence[str]) -> int:
    """Print the table; 1 where a row is wrong."""
    if unknown := set(names) - set(FAULTS):
        sys.exit(f"no fault {', '.join(sorted(unknown))}; allowed: {', '.join(FAULTS)}")
    rows: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        bench = Bench(Path(folder))
        if bench.whole_status:
            sys.exit(f"an unbroken run ends with {bench.whole_status}: {bench.whole_said[-500:]}")
        print(
            f"an unbroken run: {bench.seconds:.0f} s, {len(bench.expected)} files",
            "",
            "| fault | case | outcome |",
            "|---|---|---|",
            sep="\n",
        )
        for name in names or FAULTS:
            for case, outcome in FAULTS[name](bench):
                rows.append({"fault": name, "case": case, "outcome": outcome.verdict, "said": outcome.said[-2000:]})
                print(f"| {name} | {case} | {outcome.verdict} |", flush=True)
    out = ROOT / "build" / "fuzz"
    out.mkdir(parents=True, exist_ok=True)
    (out / "faults.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    wrong = sum(row["outcome"].startswith("WRONG") for row in rows)
    print("", f"{len(rows)} runs, {wrong} wrong", sep="\n")
    return 1 if wrong else 0


# the rows


@fault
def kill(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """SIGKILL at a random moment of every stage; then a run that is left alone."""
    for stage in STAGES:
        out = bench.begun() if stage in STAGES[-_LATE:] else bench.folder()
        share = float(bench.rng.random())
        bench.kill_after(out, stage, share)
        yield f"{stage}, at {share:.0%}", bench.whole(out)


@fault
def kill_often(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """One folder, killed in every stage in turn."""
    out = bench.folder()
    for stage in STAGES:
        bench.kill_after(out, stage, float(bench.rng.random()))
    yield "every stage in turn", bench.whole(out)


@fault
def interrupt(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """A full disk that has room again: what was left is taken over."""
    out = bench.begun()
    status, said = bench.run(out, *ulimit("f", 40))
    yield "files of 20 kB at most", bench.judge(out, status, said)
    yield "and then without that limit", bench.whole(out)


@fault
def full_disk(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """A small file system for the results, which has no room for one write after the other; then with room."""
    for kilobytes in (4, *bench.rooms):
        with small_disk(bench.place, kilobytes) as disk:
            if disk is None:
                yield (
                    f"{kilobytes} kB",
                    Outcome(2, "tinykit: not tried: no file system can be mounted here", same=False),
                )
                return
            out = bench.folder(disk) if kilobytes < 64 else _begun_on(bench, disk)
            yield f"{kilobytes} kB", bench.judge(out, *bench.run(out))
            kept = bench.folder()
            kept.parent.mkdir(parents=True)
            if out.exists():
                shutil.copytree(out, kept, symlinks=True)
            yield f"{kilobytes} kB, then moved to where there is room", bench.whole(kept)


def _begun_on(bench: Bench, disk: Path) -> Path:
    """A begun design on a small disk; what has no room there is not begun."""
    try:
        return bench.begun(disk)
    except OSError:
        return disk / f"run{bench.count}" / "design"


@fault
def full_temporary(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """A small file system for temporary files."""
    for kilobytes in (4, 256):
        with small_disk(bench.place, kilobytes) as disk:
            if disk is not None:
                out = bench.begun()
                yield f"TMPDIR of {kilobytes} kB", bench.whole(out, TMPDIR=str(disk))


@fault
def read_only(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """Results where nothing can be written: below a file, and on a file system that is read-only."""
    blocked = bench.folder()
    blocked.parent.mkdir(parents=True)
    (blocked.parent / "file").write_text("x", encoding="utf-8")
    out = blocked.parent / "file" / "design"
    yield "below a file", bench.judge(out, *_run_at(bench, out))
    with small_disk(bench.place, 40) as disk:
        if disk is not None:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=False)
            yield "a read-only file system", bench.judge(disk, *_run_at(bench, disk / "design"))


def _run_at(bench: Bench, out: Path) -> tuple[int, str]:
    """A run that begins in the bench's own place, where the folder above its results is none."""
    done = subprocess.run(bench.command(out), capture_output=True, text=True, cwd=bench.place, check=False,
                          env=bench.environment(), timeout=bench.limit_s)  # fmt: skip
    return done.returncode, done.stderr


@fault
def environment(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """Settings of a machine that is not like the maker's."""
    changed: dict[str, dict[str, str | None]] = {
        "no HOME": {"HOME": None},
        "a HOME that is not there": {"HOME": "/nonexistent"},
        "no TMPDIR": {"TMPDIR": None},
        "a TMPDIR that is not there": {"TMPDIR": "/nonexistent"},
        "locale C": {"LC_ALL": "C"},
        "locale POSIX, ASCII output": {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        "locale tr_TR and an odd time zone": {"LC_ALL": "tr_TR.UTF-8", "TZ": "XXX+13:37"},
        "nothing but PATH": {name: None for name in os.environ if name not in ("PATH",)},
    }
    for name, settings in changed.items():
        yield name, bench.whole(bench.folder(), **settings)


@fault
def limits(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """ulimit -v and -n."""
    for gigabytes in (0.4, 1, 2, 4, 16):
        out = bench.begun()
        yield f"ulimit -v {gigabytes:g} GiB", bench.judge(out, *bench.run(out, *ulimit("v", int(gigabytes * 2**20))))
    for handles in (16, 32, 64, 256):
        out = bench.begun()
        yield f"ulimit -n {handles}", bench.judge(out, *bench.run(out, *ulimit("n", handles)))


@fault
def together(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """Two designs in one folder, and eight processes on one cold cache."""
    out = bench.begun()
    for number, (status, said) in enumerate(_at_once(bench, [bench.command(out)] * 2, out.parent), start=1):
        yield f"two designs in one folder, {number}", bench.judge(out, status, said)
    yield "and then one alone", bench.whole(out)
    cold, model = bench.folder().parent, ROOT / "data" / "checkpoints" / "watch-exercises" / "int8.tflite"
    cold.mkdir(parents=True)
    run = [sys.executable, "-m", "tinykit", "run", str(model), "--board", "nucleo-l4r5zi", "--samples", "1", "--json"]
    done = _at_once(bench, [run] * 8, cold, XDG_CACHE_HOME=str(cold / "cache"))
    worst = max(done, key=lambda one: one[0])
    yield "eight runs on one cold cache", Outcome(worst[0], worst[1], same=True)


def _at_once(bench: Bench, commands: list[list[str]], folder: Path, **changes: str) -> list[tuple[int, str]]:
    started = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder,
                         env=bench.environment(**changes))
        for command in commands
    ]  # fmt: skip
    return [
        (one.wait(), said) for one, said in ((one, one.communicate(timeout=4 * bench.limit_s)[1]) for one in started)
    ]


@fault
def alone(bench: Bench) -> Iterator[tuple[str, Outcome]]:
    """Without a network, and as another user."""
    if _can("unshare", "-n", "true"):
        out = bench.begun()
        yield "no network", bench.judge(out, *bench.run(out, "unshare", "-n"))
    user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if not _can(*user, sys.executable, "-c", "import numpy"):
        yield (
            "another user",
            Outcome(2, "tinykit: not tried: the interpreter is not readable for another user", same=False),
        )
        return
    out = bench.begun()
    home = out.parent / "home"
    home.mkdir()
    for path in (out.parent, home, out, *out.iterdir()):
        os.chown(path, 65534, 65534)
    bench.place.chmod(0o755)
    yield "another user", bench.judge(out, *bench.run(out, *user, HOME=str(home), TMPDIR=str(home)))
    shut = bench.begun()
    yield (
        "another user, whose folder is not his",
        bench.judge(shut, *bench.run(shut, *user, HOME=str(home), TMPDIR=str(home))),
    )


def _can(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
