"""Faults of a machine and the commands that meet them: each pair ends in a status and three lines at most."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.models import small_cnn
from tests.st_reports import Said, files

HERE = Path(__file__).parents[1]
CHECKPOINTS = HERE / "data" / "checkpoints" / "watch-exercises"
VERDICTS, MACHINE = {0, 1}, {3}
"""What a status may be: a verdict where the fault does not reach, and the machine's own."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How the shell starts the command `$@` in it, and the statuses it may end with."""

    line: str
    allowed: frozenset[int]


def fault(line: str, *allowed: set[int]) -> Fault:
    return Fault(line, frozenset().union(*allowed))


FAULTS = {
    "none": fault('"$@"', VERDICTS),
    "stdout closed": fault('"$@" >&-', MACHINE),
    "stdout full": fault('"$@" > /dev/full', MACHINE),
    "stderr closed": fault('"$@" 2>&-', VERDICTS),
    "stdin closed": fault('"$@" <&-', VERDICTS),
    "reader gone": fault('set -o pipefail; "$@" | head -1', VERDICTS),
    "ascii": fault('PYTHONIOENCODING=ascii "$@"', VERDICTS, MACHINE),
    "latin-1": fault('PYTHONIOENCODING=latin-1 "$@"', VERDICTS, MACHINE),
    "LC_ALL=C": fault('LC_ALL=C "$@"', VERDICTS),
    "POSIX, uncoerced": fault('LC_ALL=POSIX PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 "$@"', VERDICTS, MACHINE),
    "tr_TR": fault('LC_ALL=tr_TR.UTF-8 LANGUAGE=tr TZ=Asia/Kathmandu "$@"', VERDICTS),
    "90 MB of memory": fault('ulimit -v 90000; "$@"', MACHINE),
    "213 MB of memory": fault('ulimit -v 213000; "$@"', MACHINE),
    "250 MB of memory": fault('ulimit -v 250000; "$@"', VERDICTS, MACHINE),
    "5 handles": fault('ulimit -n 5; "$@"', VERDICTS, MACHINE),
    "10 handles": fault('ulimit -n 10; "$@"', VERDICTS, MACHINE),
    "no HOME": fault('env -u HOME -u XDG_CACHE_HOME -u TINYKIT_CACHE "$@"', VERDICTS),
    "HOME is a file": fault('HOME="$MODEL" "$@"', VERDICTS),
    "no TMPDIR": fault('TMPDIR=/no/such/folder "$@"', VERDICTS),
    "TMPDIR is a file": fault('TMPDIR="$MODEL" "$@"', VERDICTS),
    "empty environment": fault('env -i TINYKIT_CACHE="$TINYKIT_CACHE" "$@"', VERDICTS),
    "folder gone": fault('mkdir "$WORK/gone"; cd "$WORK/gone"; rmdir "$WORK/gone"; "$@"', VERDICTS, MACHINE),
    "files of 0 bytes": fault('ulimit -f 0; "$@"', VERDICTS, MACHINE),
    "TMPDIR full": fault('TMPDIR="$FULL" "$@"', VERDICTS, MACHINE),
    "cache full": fault('TINYKIT_CACHE="$FULL" "$@"', VERDICTS, MACHINE),
    "optimised": fault('PYTHONOPTIMIZE=2 "$@"', VERDICTS),
}
NEEDS_A_FULL_DISK = ("TMPDIR full", "cache full")


REFUSED = ("design --data", "explore --data")
"""Commands whose plain end is a refusal that comes after the data were read: a network would have to be trained."""
MADE = ("export", "packed.tflite", "planned.tflite", "course", "mended.tflite", "import.tflite", "board.toml", "design",
        "study", "own")  # fmt: skip
"""What the commands leave in the folder."""


def commands(work: Path) -> dict[str, list[str]]:
    """Every command of the kit, on a small model; what they write goes into `work`."""
    model, board = str(work / "cnn.tflite"), ["--board", "nucleo-l4r5zi"]
    facts = ["--mcu", "STM32L432KC", "--core", "cortex-m4", "--clock", "8e7", "--sram", "65536", "--flash", "262144",
             "--supply", "3", "--run-current", "0.01", "--sleep-current", "1e-6", "--package", "LQFP64", "--scope",
             "mcu"]  # fmt: skip
    return {
        "boards": ["boards"],
        "boards --json": ["boards", "--json"],
        "help": ["fit", "--help"],
        "inspect": ["inspect", model],
        "lint": ["lint", model],
        "lint --fix": ["lint", model, "--fix", "--out", str(work / "mended.tflite")],
        "fit": ["fit", model, *board],
        "fit --json": ["fit", model, *board, "--json"],
        "compare": ["compare", model],
        "budget": ["budget", model, *board, "--battery", "cr2032"],
        "budget --trace": ["budget", model, *board, "--trace", str(work / "trace.csv")],
        "verify": ["verify", model],
        "validate": ["validate", str(work / "rows.csv"), "--models", str(work)],
        "calibrate": ["calibrate", str(work / "rows.csv"), *board, "--models", str(work)],
        "calibrate --list": ["calibrate", "--list"],
        "readback": ["readback", str(work / "network_c_info.json"), "--json"],
        "import": ["import", str(CHECKPOINTS / "float.h5"), "--out", str(work / "import.tflite")],
        "inspect .onnx": ["inspect", str(work / "net.onnx")],
        "board new": ["board", "new", "--out", str(work / "board.toml"), *facts],
        "design --data": ["design", "--data", str(work / "one.npz"), "--out", str(work / "design")],
        "explore --data": [
            "explore",
            "--data",
            str(work / "data.npz"),
            "--flash",
            "1",
            "--trials",
            "1",
            "--study",
            str(work / "study"),
        ],
        "deploy": ["deploy", model, "--out", str(work / "export")],
        "pack": ["pack", model, "--out", str(work / "packed.tflite")],
        "plan": ["plan", model, "--out", str(work / "planned.tflite")],
        "run": ["run", model, *board],
        "ledger": ["ledger", model],
        "notebooks": ["notebooks", str(work / "course")],
        "check": ["workshop", "check", "00"],
        "reset": ["workshop", "reset", "--workspace", str(work / "workspace")],
    }


def prepare(work: Path) -> None:
    """The files that the commands take; the one in ONNX where its package is installed."""
    (work / "cnn.tflite").write_bytes(small_cnn())
    (work / "rows.csv").write_text(
        "board,core,clock_mhz,stack,model_name,precision,model_file_path_local,latency_ms\n"
        "NUCLEO-L4R5ZI,cortex-m4,120,TFLM (CMSIS-NN) -O3,cnn,int8,cnn.tflite,1.2\n"
    )
    said = files(Said(version="3.0.0"))
    (work / "network_c_info.json").write_text(said["network_c_info.json"], encoding="utf-8")
    lines = (f"{i / 1000},{0.0096 if i % 200 < 30 else 1e-5}" for i in range(2000))
    (work / "trace.csv").write_text("\n".join(["Timestamp (s),Current (A)", *lines, ""]), encoding="utf-8")
    rng, y = np.random.default_rng(0), np.tile(np.arange(3), 20)
    x = rng.normal(size=(60, 8, 8, 1)).astype(np.float32)
    np.savez(work / "data.npz", x=x, y=y, groups=np.repeat(np.arange(6), 10))
    np.savez(work / "one.npz", x=x, y=0 * y, groups=np.repeat(np.arange(6), 10))
    with contextlib.suppress(ImportError):
        from tests.fuzz.kind_onnx import scaled

        (work / "net.onnx").write_bytes(scaled().SerializeToString())


@contextlib.contextmanager
def small_disk(place: Path, kilobytes: int = 64) -> Iterator[Path | None]:
    """A folder on a disk of that size; None where none can be mounted here."""
    disk = place / f"disk{kilobytes}"
    disk.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,nr_inodes=400", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def name_locale(place: Path, name: str) -> dict[str, str]:
    """Settings by which a locale in UTF-8 is found that this machine lacks; none where it cannot be made either."""
    command = ["localedef", "-i", name, "-f", "UTF-8", str(place / f"{name}.UTF-8")]
    made = shutil.which("localedef") and not subprocess.run(command, capture_output=True, check=False).returncode
    return {"LOCPATH": str(place)} if made else {}


@dataclass(frozen=True, slots=True)
class Met:
    """How a command ended in a fault."""

    status: int
    out: str
    err: str
    allowed: frozenset[int]
    heard: bool = True
    """Whether a message can reach anyone."""

    @property
    def wrong(self) -> str:
        """What is wrong with the end, "" where nothing is."""
        if "Traceback" in self.err or "Exception ignored" in self.err:
            return "a traceback"
        if self.status not in self.allowed:
            return f"status {self.status}"
        if self.status > 1 and not self.err.strip() and self.heard:
            return "no message"
        return "more than three lines" if self.err.count("\n") > 3 else ""


def clear(work: Path) -> None:
    """Take away what a command left, so that the next finds the folder as the first did."""
    for made in MADE:
        shutil.rmtree(work / made, ignore_errors=True)
        (work / made).unlink(missing_ok=True)


def meet(short: str, name: str, work: Path, full: Path | None) -> Met:
    """Start a command, by its short name, in a fault and see how it ends."""
    command = commands(work)[short]
    allowed = FAULTS[name].allowed
    allowed = allowed - VERDICTS | {2} if short in REFUSED else allowed
    given = {"MODEL": str(work / "cnn.tflite"), "WORK": str(work), "FULL": str(full), "PYTHONPATH": str(HERE)}
    given |= {"TINYKIT_CALIBRATION": str(work / "own"), "TINYKIT_WORKSPACE": str(work / "own")}
    given["TINYKIT_CACHE"] = os.environ.get("TINYKIT_CACHE", str(work / "cache"))
    line = ["bash", "-c", FAULTS[name].line, "bash", sys.executable, "-m", "tinykit", *command]
    done = subprocess.run(
        line, cwd=work, env=os.environ | given, capture_output=True, text=True, errors="replace", check=False,
        timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Met(done.returncode, done.stdout, done.stderr, allowed, name != "stderr closed")
