"""A fault of the machine ends in three lines and a status of its own, a bug in another: neither is a verdict."""

from __future__ import annotations

import contextlib
import errno
import signal
import subprocess
import sys

import pytest

from tests.faults import FAULTS, HERE, NEEDS_A_FULL_DISK, Met, meet, prepare, small_disk
from tinykit.ground.child.process import ChildError
from tinykit.ground.errors import DataError, EngineError, ModelError, OutputError, judge_failure, name_lack, printable
from tinykit.show.cli import looking, program
from tinykit.show.cli.main import main

ALWAYS = ("boards", "fit")
"""Commands that meet every fault here; the others meet them all in `python -m tests.bench faults`."""
ALSO = {
    "stdout full": ("help", "fit --json", "inspect"),
    "stdout closed": ("run", "deploy"),
    "ascii": ("budget", "fit --json"),
    "files of 0 bytes": ("deploy", "notebooks", "pack"),
    "no HOME": ("run", "check"),
    "HOME is a file": ("validate", "check"),
    "TMPDIR full": ("run", "deploy", "check"),
    "cache full": ("run",),
    "10 handles": ("verify", "check"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    work = tmp_path_factory.mktemp("faults")
    prepare(work)
    with small_disk(work) as full:
        yield work, full


@pytest.mark.parametrize(("name", "short"), [(name, one) for name in FAULTS for one in (*ALWAYS, *ALSO.get(name, ()))])
def test_a_command_in_a_fault(place, name, short):
    work, full = place
    if name in NEEDS_A_FULL_DISK and full is None:
        assert not full  # told by the bench: nothing can be mounted here
        return
    met = meet(short, name, work, full)
    assert not met.wrong, f"{met.wrong}: {met.err}"
    if name.startswith("ascii") and short == "fit":
        assert met.status == 3
        assert "\\xb5" in met.out, "the whole answer, with what the encoding lacks escaped"
        assert "µ" in met.err or "\\xb5" in met.err
        assert "set PYTHONIOENCODING=utf-8" in met.err
    if short == "fit --json" and name == "ascii":
        assert met.status == 0, "JSON is ASCII"
    if short == "fit" and name == "10 handles" and met.status < 2:
        assert "the interpreter was not asked, so the file alone speaks: " in met.out
        assert "Too many open files" in met.out
    if short == "run" and name == "TMPDIR full":
        assert met.status in (0, 3), "no fault of the kit"
        assert "please report" not in met.err


def test_the_table_sees_what_is_wrong():
    allowed = frozenset({0, 1})
    assert Met(1, "", "Traceback (most recent call last):", allowed).wrong == "a traceback"
    assert Met(70, "", "tinykit: a fault", allowed).wrong == "status 70"
    assert Met(3, "", "", frozenset({3})).wrong == "no message"
    assert Met(2, "", "a\nb\nc\nd\n", frozenset({2})).wrong == "more than three lines"
    assert not Met(1, "does not fit", "", allowed).wrong


@pytest.mark.parametrize("module", ["numpy", "tinykit.ground.quantity", "tinykit.handover.deployment.targets"])
def test_interrupted_in_the_middle_of_the_imports(module):
    command = [sys.executable, "-X", "importtime", "-m", "tinykit", "ledger", "watch-grid"]
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not process.stderr.readline().rstrip().endswith(module):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.endswith("tinykit: stopped\n") or "\ntinykit: stopped\n" in said
    assert "Traceback" not in said


class TestStatus:
    def meet(self, monkeypatch, capsys, error, *more):
        def fail(*_):
            raise error

        monkeypatch.setattr(looking, "boards", fail)
        status = main(["boards", *more])
        said = capsys.readouterr()
        assert said.out == ""
        return status, said.err

    def test_a_bug_is_one_line_that_says_what_to_send(self, monkeypatch, capsys):
        status, said = self.meet(monkeypatch, capsys, IndexError("list index\x1b[2J out\nof range" + "x" * 9000))
        assert status == 70
        assert said.count("\n") == 1
        assert len(said) < 600
        assert said.startswith("tinykit: a fault of the kit (IndexError: list index\\x1b[2J out of range")
        assert "at looking.py:" in said
        assert "please report this line, what you called, and the file it took" in said

    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            OSError(errno.ENOSPC, "No space left on device"),
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
            RuntimeError("Could not determine home directory."),
            RuntimeError("can't start new thread"),
            ImportError("x.so: failed to map segment from shared object"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_the_machine(self, monkeypatch, capsys, error):
        status, said = self.meet(monkeypatch, capsys, error)
        assert (status, said.count("\n")) == (3, 2)
        assert said.startswith(f"tinykit: this machine failed ({type(error).__name__}:")

    def test_debug_shows_the_traceback(self, monkeypatch, capsys):
        status, said = self.meet(monkeypatch, capsys, ZeroDivisionError("by 0"), "--debug")
        assert status == 70
        assert said.startswith("Traceback (most recent call last):")
        assert "tinykit: a fault of the kit (ZeroDivisionError: by 0" in said
        with contextlib.suppress(SystemExit):
            assert main(["--debug", "inspect", "/no/such.tflite"]) == 2
        assert "Traceback" in capsys.readouterr().err

    def test_interrupted(self, monkeypatch, capsys):
        assert self.meet(monkeypatch, capsys, KeyboardInterrupt()) == (130, "tinykit: stopped\n")
        assert self.meet(monkeypatch, capsys, KeyboardInterrupt("kept\ngo on")) == (130, "tinykit: kept\ngo on\n")

    def test_an_import_that_fails_is_caught(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "tinykit.show.cli.main", None)
        assert program.main(["boards"]) == 70
        assert "a fault of the kit (ModuleNotFoundError" in capsys.readouterr().err

    def test_usage_is_two_lines_and_moves_no_terminal(self, capsys):
        assert main(["fit", "m", "--no\x1b[2J" + "x" * 5000]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 2
        assert "usage: tinykit …; `tinykit --help` lists all of it" in said
        assert "\x1b" not in said
        assert len(said) < 1500


def test_a_training_without_room_is_one_message():
    """TensorFlow would abort, without a word."""
    pytest.importorskip("tf_keras", reason="tf-keras is not installed")
    load = "from tinykit.train.keras import load_keras; load_keras()"
    command = f'ulimit -v 2097152; exec "{sys.executable}" -c "{load}"'
    done = subprocess.run(["/bin/sh", "-c", command], cwd=HERE, capture_output=True, text=True, check=False)
    assert "EngineError: TensorFlow cannot allocate memory: 2048 MiB of address space are what" in done.stderr
    assert "allow it 3072 MiB" in done.stderr


def test_a_closed_input_is_one_at_its_end(tmp_path):
    command = f'exec "{sys.executable}" -m tinykit board new --out "{tmp_path}/mine.toml" <&-'
    done = subprocess.run(["/bin/sh", "-c", command], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("tinykit: board of mcu None and core None; give both")


class TestJudged:
    @pytest.mark.parametrize(("number", "status"), [(13, 3), (28, 3), (30, 3), (12, 3), (2, 2), (20, 2), (36, 2)])
    def test_a_refusal_for_what_the_system_said(self, number, status):
        refused = OutputError("a: cannot be written")
        refused.__cause__ = OSError(number, "as it says")
        assert judge_failure(refused) == (status, "a: cannot be written")

    def test_input(self):
        assert judge_failure(ModelError("no model")) == (2, "no model")
        status, said = judge_failure(OSError(errno.ENAMETOOLONG, "File name too long", "a" * 5000))
        assert status == 2
        assert said.endswith("; give a shorter path")
        assert len(said) < 400
        assert judge_failure(EngineError("cc: write error: No space left on device"))[0] == 3

    @pytest.mark.parametrize(
        ("number", "late", "status"), [(-9, False, 3), (-9, True, 2), (-11, False, 2), (1, False, 2)]
    )
    def test_a_process_that_the_system_ended(self, number, late, status):
        refused = ModelError("m.h5: not readable")
        refused.__cause__ = ChildError("the reader", number, late=late)
        assert judge_failure(refused)[0] == status

    def test_a_chain_that_bites_its_tail_ends(self):
        one, two = ValueError("1"), ValueError("2")
        one.__cause__, two.__cause__ = two, one
        assert judge_failure(one)[0] == 70

    def test_what_a_program_lacked(self, tmp_path):
        assert name_lack("cc1: out of memory allocating; virtual memory exhausted: Cannot allocate memory")
        assert name_lack("error: NoSpaceLeft") == "NoSpaceLeft"
        assert name_lack("undefined reference to `main`", tmp_path, tmp_path / "none") == ""
        assert name_lack("", "/proc") in ("", "No space left in /proc")


class TestText:
    def test_an_error_is_three_printable_lines_at_most(self):
        said = str(DataError("a\x1b[2J\u202e" + "y" * 70_000 + "\n2\n3\n4\ndo this"))
        assert said.count("\n") == 2
        assert said.endswith("\n2; 3; 4\ndo this")
        assert len(said) < 1200
        assert "\x1b" not in said
        assert "\u202e" not in said

    def test_the_middle_gives_way(self):
        assert printable("a" * 50 + "b" * 50, 40) == "a" * 20 + " … (70 characters) … " + "b" * 10
        assert printable("a" * 40, 40) == "a" * 40
