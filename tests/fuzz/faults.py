"""Designs that are killed, or short of something: what each leaves, against an unbroken run's folder.

A row is made by a function registered with `@fault`; it yields its cases, each a function that runs and yields
outcomes, and two cases run at a time. The design is the real command line with a small task and the recipe of a test,
so that training is killed too. The unbroken run is stopped for a moment where a stage begins and its folder copied: a
case begins there, so that what came before need not be made again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import name_locale, small_disk
from tests.fuzz.case import HERE, ROOT

DESIGN = HERE / "small_design.py"
LIMIT_S, SLOWER = 300.0, 6.0
"""For one run: so long, or so many times an unbroken one on a machine that has other work."""
STAGES = ("loading", "float: training", "pruned: training", "pqat: training", "float32, int8-ptq: converting",
          "pruned-float32: converting", "int8: converting", "scoring", "checking", "writing firmware",
          "writing the report")  # fmt: skip
"""Lines of progress that begin a stage; each is killed at random moments after its line."""
MOMENTS, AT_ONCE = 2, 2
LAST_TRAINING, LATE = "pqat: training", "int8: converting"
ASKING = ("float32, int8-ptq: converting", "int8: converting", "scoring", "writing firmware")
"""Stages that ask processes of their own."""
WRITING = (
    "float: training",
    LAST_TRAINING,
    "pruned-float32: converting",
    LATE,
    "writing firmware",
    "writing the report",
)
"""Stages that are tried without room for what they write."""
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


Rows = Iterator[tuple[str, Outcome]]
Case = Callable[[], Rows]
Fault = Callable[["Bench"], Iterator[Case]]
FAULTS: dict[str, Fault] = {}
NOT_TRIED = 2
NO_DISK = "no file system can be mounted here"


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__] = function
    return function


def not_tried(why: str) -> Outcome:
    return Outcome(NOT_TRIED, f"tinykit: not tried: {why}", same=False)


class Bench:
    """A place for runs: an unbroken one to compare with, what stood where each of its stages began, and folders."""

    def __init__(self, place: Path, seed: int = 0) -> None:
        self.place, self.rng, self.limit_s = place, np.random.default_rng(seed), SLOWER * LIMIT_S
        self._numbers = itertools.count(1)
        self.began: dict[str, float] = {}
        whole = self.reference = self.folder()
        start = time.monotonic()
        self.whole_status, self.whole_said = self._run_whole(whole)
        self.seconds = time.monotonic() - start
        self.limit_s = max(LIMIT_S, SLOWER * self.seconds)
        self.expected = hash_folder(whole)

    def _run_whole(self, out: Path) -> tuple[int, str]:
        """The unbroken run; it stands still while what it has left so far is copied."""
        with tempfile.TemporaryFile() as err, self.start(out, err) as process:
            for line in process.stdout or ():
                stage = next((one for one in STAGES if line.startswith(one) and one not in self.began), None)
                if stage:
                    os.kill(process.pid, signal.SIGSTOP)
                    self.began[stage] = time.monotonic()
                    shutil.copytree(out, self._snapshot(stage)) if out.exists() else None
                    os.kill(process.pid, signal.SIGCONT)
            status = process.wait()
            self.began["end"] = time.monotonic()
            err.seek(0)
            return status, err.read().decode("utf-8", "replace")

    def _snapshot(self, stage: str) -> Path:
        return self.place / "begun" / str(STAGES.index(stage))

    def lasts(self, stage: str) -> float:
        """So long the stage took in the unbroken run [s]."""
        later = [at for at in self.began.values() if at > self.began[stage]]
        return min(later) - self.began[stage] if later else 0.0

    def sizes(self, stage: str) -> tuple[int, int]:
        """What a disk holds where the stage begins and where the next one that writes does [kB]."""
        after = next((one for one in STAGES[STAGES.index(stage) + 1 :] if one in WRITING), "")
        return _kilobytes(self._snapshot(stage)), _kilobytes(self._snapshot(after) if after else self.reference)

    def folder(self, base: Path | None = None) -> Path:
        """A place for a design that begins with nothing."""
        return (base or self.place) / f"run{next(self._numbers)}" / "design"

    def begun(self, stage: str = LATE, base: Path | None = None) -> Path:
        """A place for a design that stands where this stage begins."""
        folder = self.folder(base)
        folder.parent.mkdir(parents=True)
        if self._snapshot(stage).exists():
            shutil.copytree(self._snapshot(stage), folder)
        return folder

    def start(self, out: Path, err: int | object = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """A run whose lines of progress are read."""
        out.parent.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            self.command(out), stdout=subprocess.PIPE, stderr=err, cwd=out.parent, text=True,  # type: ignore[call-overload]
            env=self.environment(PYTHONUNBUFFERED="1"), start_new_session=True,
        )  # fmt: skip

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
        """Start, wait for the line of progress, then for a share of the time of that stage, and kill -9."""
        process = self.start(out)
        self.wait_for(process, word, share)
        with contextlib.suppress(OSError):
            os.kill(process.pid, signal.SIGKILL)
        if process.stdout:
            process.stdout.close()
        process.wait()

    def wait_for(self, process: subprocess.Popen[str], word: str, share: float) -> None:
        for line in process.stdout or ():
            if line.startswith(word):
                break
        time.sleep(share * self.lasts(word))


def _kilobytes(folder: Path) -> int:
    return 4 * sum(-(-one.stat().st_size // 4096) or 1 for one in folder.rglob("*") if one.is_file())


def ulimit(flag: str, value: int) -> tuple[str, ...]:
    """The words before a command to run under a limit of the shell's: f in 512 bytes, v in KiB, n in handles."""
    return "/bin/sh", "-c", f'ulimit -{flag} {value}; exec "$@"', "sh"


def hash_folder(folder: Path) -> dict[str, str]:
    """SHA-256 of each file below a folder, by its path there; links are passed over."""
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def list_children(pid: int) -> list[int]:
    """Processes that were started by one, and by those."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii").split():
                found += [int(child), *list_children(int(child))]
    return found


def run_faults(names: Sequence[str]) -> int:
    """Print the table; 1 where a row is wrong."""
    if unknown := set(names) - set(FAULTS):
        sys.exit(f"no fault {', '.join(sorted(unknown))}; allowed: {', '.join(FAULTS)}")
    rows: list[dict[str, str]] = []
    begin = time.monotonic()
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
        with ThreadPoolExecutor(AT_ONCE) as pool:
            cases = [(name, case) for name in names or FAULTS for case in FAULTS[name](bench)]
            for name, waiting in [(name, pool.submit(lambda case=case: [*case()])) for name, case in cases]:
                for told, outcome in waiting.result():
                    rows.append({"fault": name, "case": told, "outcome": outcome.verdict, "said": outcome.said[-2000:]})
                    print(f"| {name} | {told} | {outcome.verdict} |", flush=True)
        seconds = time.monotonic() - begin
    out = ROOT / "build" / "fuzz"
    out.mkdir(parents=True, exist_ok=True)
    (out / "faults.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    wrong = sum(row["outcome"].startswith("WRONG") for row in rows)
    missed = sum(": not tried: " in row["outcome"] for row in rows)
    print("", f"{len(rows)} rows in {seconds:.0f} s, {wrong} wrong, {missed} not tried here", sep="\n")
    return 1 if wrong else 0


# the rows


@fault
def kill(bench: Bench) -> Iterator[Case]:
    """SIGKILL at random moments of every stage; then a run that is left alone."""

    def case(stage: str, share: float) -> Rows:
        out = bench.begun(stage)
        bench.kill_after(out, stage, share)
        yield f"{stage}, at {share:.0%}", bench.whole(out)

    for stage in STAGES:
        for share in bench.rng.random(MOMENTS if bench.lasts(stage) > 0.1 else 1):
            yield functools.partial(case, stage, share)


@fault
def kill_often(bench: Bench) -> Iterator[Case]:
    """One folder, killed in every stage in turn."""
    shares = dict(zip(STAGES, bench.rng.random(len(STAGES)), strict=True))

    def case() -> Rows:
        out = bench.folder()
        for stage, share in shares.items():
            bench.kill_after(out, stage, share)
        yield "every stage in turn", bench.whole(out)

    yield case


@fault
def kill_child(bench: Bench) -> Iterator[Case]:
    """SIGKILL for the processes that a stage asks, as a system does that is short of memory; then a run left alone."""

    def case(stage: str, share: float) -> Rows:
        out = bench.begun(stage)
        with tempfile.TemporaryFile() as err, bench.start(out, err) as process:
            bench.wait_for(process, stage, share)
            end = time.monotonic() + SLOWER * bench.lasts(stage)
            killed = 0
            while not killed and time.monotonic() < end and process.poll() is None:
                for pid in list_children(process.pid):
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
                        killed += 1
                time.sleep(0.01)
            for _ in process.stdout or ():
                pass
            status = process.wait()
            err.seek(0)
            said = err.read().decode("utf-8", "replace")
        yield f"{stage}: {killed} of its processes", bench.judge(out, status, said)
        yield f"{stage}: and then a run left alone", bench.whole(out)

    for stage in ASKING:
        yield functools.partial(case, stage, 0.0)


@fault
def interrupt(bench: Bench) -> Iterator[Case]:
    """A limit on files that is lifted again: what was left is taken over."""

    def case() -> Rows:
        out = bench.begun()
        yield "files of 20 kB at most", bench.judge(out, *bench.run(out, *ulimit("f", 40)))
        yield "and then without that limit", bench.whole(out)

    yield case


@fault
def full_disk(bench: Bench) -> Iterator[Case]:
    """A small file system that has no room for one write after the other; then it is given some."""

    def case(stage: str) -> Rows:
        before, after = bench.sizes(stage)
        with small_disk(bench.folder().parent, 8192) as disk:
            if disk is None:
                yield stage, not_tried(NO_DISK)
                return
            out = bench.begun(stage, base=disk)
            for spare in sorted({0, 4, (after - before) // 2, max(0, after - before - 4)}):
                resize(disk, before + spare)
                yield f"{stage}, {spare} kB free", bench.judge(out, *_run_at(bench, out))
            resize(disk, 8192)
            yield f"{stage}, and then room", bench.judge(out, *_run_at(bench, out))

    for stage in WRITING:
        yield functools.partial(case, stage)
    yield functools.partial(_few_names, bench)


def resize(disk: Path, kilobytes: int) -> None:
    """Another size for a small disk, not below what is on it."""
    used = shutil.disk_usage(disk).used // 1024
    subprocess.run(["mount", "-o", f"remount,size={max(used, kilobytes, 4)}k", str(disk)], check=True)


def _few_names(bench: Bench) -> Rows:
    """A disk that has room, and names for so many files."""
    with small_disk(bench.folder().parent, 8192) as disk:
        if disk is None:
            yield "24 files", not_tried(NO_DISK)
            return
        subprocess.run(["mount", "-o", "remount,nr_inodes=24", str(disk)], check=True)
        out = bench.begun(base=disk)
        yield "24 files", bench.judge(out, *_run_at(bench, out))
        subprocess.run(["mount", "-o", "remount,nr_inodes=400", str(disk)], check=True)
        yield "and then 400", bench.judge(out, *_run_at(bench, out))


@fault
def full_temporary(bench: Bench) -> Iterator[Case]:
    """A small file system for temporary files."""

    def case(kilobytes: int, stage: str) -> Rows:
        with small_disk(bench.folder().parent, kilobytes) as disk:
            told = f"TMPDIR of {kilobytes} kB, from {stage!r}"
            yield told, bench.whole(bench.begun(stage), TMPDIR=str(disk)) if disk else not_tried(NO_DISK)

    for kilobytes in (4, 256):
        for stage in (LAST_TRAINING, LATE, "writing firmware"):
            yield functools.partial(case, kilobytes, stage)


@fault
def read_only(bench: Bench) -> Iterator[Case]:
    """Results where nothing can be written: below a file, and on a file system that is read-only."""

    def below() -> Rows:
        blocked = bench.folder().parent
        blocked.mkdir(parents=True)
        (blocked / "file").write_text("x", encoding="utf-8")
        out = blocked / "file" / "design"
        yield "below a file", bench.judge(out, *_run_at(bench, out))

    def mounted(stage: str) -> Rows:
        with small_disk(bench.folder().parent, 8192) as disk:
            told = f"a read-only file system, from {stage!r}"
            if disk is None:
                yield told, not_tried(NO_DISK)
                return
            out = bench.begun(stage, base=disk)
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            yield told, bench.judge(out, *_run_at(bench, out))

    yield below
    for stage in ("loading", LATE):
        yield functools.partial(mounted, stage)


def _run_at(bench: Bench, out: Path) -> tuple[int, str]:
    """A run that begins in the bench's own place, where the folder above its results is none."""
    done = subprocess.run(bench.command(out), capture_output=True, text=True, cwd=bench.place, check=False,
                          env=bench.environment(), timeout=bench.limit_s)  # fmt: skip
    return done.returncode, done.stderr


@fault
def environment(bench: Bench) -> Iterator[Case]:
    """Settings of a machine that is not like the maker's, for whole designs and from the last training on."""
    turkish = name_locale(bench.place, "tr_TR")
    changed: dict[str, dict[str, str | None]] = {
        "no HOME": {"HOME": None, "XDG_CACHE_HOME": None},
        "a HOME that is not there": {"HOME": "/nonexistent", "XDG_CACHE_HOME": None},
        "no TMPDIR": {"TMPDIR": None},
        "a TMPDIR that is not there": {"TMPDIR": "/nonexistent"},
        "locale C": {"LC_ALL": "C"},
        "locale POSIX, ASCII output": {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        f"locale tr_TR{'' if turkish else ' (not installed: its name alone)'} and an odd time zone":
            {"LC_ALL": "tr_TR.UTF-8", "TZ": "XXX+13:37", **turkish},
        "nothing but PATH": {name: None for name in os.environ if name not in ("PATH",)},
    }  # fmt: skip

    def case(name: str, settings: dict[str, str | None]) -> Rows:
        stage = STAGES[0] if name.startswith(("no HOME", "locale tr_TR", "nothing")) else LAST_TRAINING
        yield f"{name}, from {stage!r}", bench.whole(bench.begun(stage), **settings)

    for name, settings in changed.items():
        yield functools.partial(case, name, settings)


@fault
def limits(bench: Bench) -> Iterator[Case]:
    """ulimit -v and -n, from the last training on."""

    def case(told: str, flag: str, value: int) -> Rows:
        out = bench.begun(LAST_TRAINING)
        yield told, bench.judge(out, *bench.run(out, *ulimit(flag, value)))
        if value == 16:
            yield f"{told}, and then without", bench.whole(out)

    for gigabytes in (0.4, 1, 2, 4, 16):
        yield functools.partial(case, f"ulimit -v {gigabytes:g} GiB", "v", int(gigabytes * 2**20))
    for handles in (16, 32, 64, 256):
        yield functools.partial(case, f"ulimit -n {handles}", "n", handles)


@fault
def together(bench: Bench) -> Iterator[Case]:
    """Two designs in one folder, and eight processes on one cold cache."""

    def one_folder(stage: str) -> Rows:
        out = bench.begun(stage)
        for number, (status, said) in enumerate(_at_once(bench, [bench.command(out)] * 2, out.parent), start=1):
            yield f"two designs in one folder from {stage!r}, {number}", bench.judge(out, status, said)
        yield "and then one alone", bench.whole(out)

    def one_cache() -> Rows:
        cold, model = bench.folder().parent, ROOT / "data" / "checkpoints" / "watch-exercises" / "int8.tflite"
        cold.mkdir(parents=True)
        run = [sys.executable, "-m", "tinykit", "run", str(model), "--board", "nucleo-l4r5zi", "--samples", "1",
               "--json"]  # fmt: skip
        done = _at_once(bench, [run] * 8, cold, XDG_CACHE_HOME=str(cold / "cache"))
        worst = max(done, key=lambda one: one[0])
        yield "eight runs on one cold cache", Outcome(worst[0], worst[1], same=True)

    for stage in (LAST_TRAINING, LATE):
        yield functools.partial(one_folder, stage)
    yield one_cache


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
def alone(bench: Bench) -> Iterator[Case]:
    """Without a network, and as another user."""

    def no_network() -> Rows:
        if not can("unshare", "-n", "true"):
            yield "no network", not_tried("no network can be taken away here")
            return
        out = bench.begun(LAST_TRAINING)
        yield "no network", bench.judge(out, *bench.run(out, "unshare", "-n"))

    def another_user(*, his: bool) -> Rows:
        told = "another user" if his else "another user, whose folder is not his"
        user = as_nobody(bench.place)
        if not can(*user, sys.executable, "-c", "import numpy, tinykit"):
            yield told, not_tried("the interpreter is not readable for another user")
            return
        out = bench.begun(LAST_TRAINING)
        home = out.parent / "home"
        home.mkdir()
        for path in (home, *((out.parent, out, *out.rglob("*")) if his else ())):
            os.chown(path, 65534, 65534)
        yield told, bench.judge(out, *bench.run(out, *user, HOME=str(home), TMPDIR=str(home), XDG_CACHE_HOME=None))

    yield no_network
    yield functools.partial(another_user, his=True)
    yield functools.partial(another_user, his=False)


def as_nobody(place: Path) -> tuple[str, ...]:
    """The words before a command to run as another user, who reaches what the interpreter needs.

    Folders above that which are shut to others are covered by open ones, in a view of the files of its own that ends
    with the command.
    """
    needed = {Path(one).resolve() for one in (sys.base_prefix, sys.prefix, ROOT, place, *sys.path) if one}
    needed = {one for one in needed if one.exists() and not any(other in one.parents for other in needed)}
    shut = {one for path in needed for one in (path, *path.parents) if not one.stat().st_mode & 0o001}
    shut = {one for one in shut if not any(other in one.parents for other in shut)}
    lines = ["mount -t tmpfs -o mode=755 tmpfs /mnt"] if shut else []
    for number, path in enumerate(kept := sorted(path for path in needed if shut & {path, *path.parents})):
        lines += [f"mkdir /mnt/{number}", f"mount --rbind {shlex.quote(str(path))} /mnt/{number}"]
    lines += [f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(one))}" for one in sorted(shut)]
    for number, path in enumerate(kept):
        lines += [f"mkdir -p {(at := shlex.quote(str(path)))}", f"mount --rbind /mnt/{number} {at}"]
        lines += [f"chmod 755 {at}"] if path == place else []
    user = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
    return "unshare", "-m", "/bin/sh", "-c", " && ".join([*lines, user]), "sh"


def can(*command: str) -> bool:
    """Whether a command is here and ends well."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
