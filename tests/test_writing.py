"""writing: whole or not at all, only onto what may be replaced, with the user's own rights, and nothing beside."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from tests.models import small_cnn
from tinykit.budget.assessment.chain import assess
from tinykit.budget.trace.compare import rehearse_trace
from tinykit.choose.design.outcome import DesignGoal
from tinykit.choose.design.run import run_design
from tinykit.ground import writing
from tinykit.ground.errors import OutputError
from tinykit.ground.writing import add_files, refuse_other, scratch, write_atomically, write_folder
from tinykit.handover.deployment.targets import deploy
from tinykit.model.graph.reading import read
from tinykit.model.record import Stage, open_record
from tinykit.show.cli.main import main


def link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def link_to_folder(path: Path) -> None:
    path.with_name("elsewhere").mkdir()
    path.symlink_to("elsewhere")


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        place = os.getcwd()
        os.chdir(path.parent)  # the name of a socket is short
        try:
            one.bind(path.name)
        finally:
            os.chdir(place)


SPECIAL = {"link": link, "pipe": os.mkfifo, "device": listen}


def write_csv(path: Path) -> None:
    budget = assess(read(small_cnn()), "nucleo-l4r5zi").budget
    rehearse_trace(budget, path, periods=1, step_s=0.1)


def rewrite(command: str):
    def write(path: Path) -> None:
        model = path.with_name("model.tflite")
        model.write_bytes(small_cnn())
        status = main([command, str(model), "--out", str(path)])
        if status != 0:
            raise OutputError("see stderr" if status == 2 else f"status {status}")

    return write


FILES = {
    "write_atomically": lambda path: write_atomically(path, b"new"),
    "rehearse_trace": write_csv,
    "record": lambda path: open_record(path.parent).with_stage(Stage("s", path.name), b"new"),
    "pack": rewrite("pack"),
}
FOLDERS = {
    "write_folder": lambda path: write_folder(path, {"a/b.txt": b"new"}),
    "add_files": lambda path: add_files(path, {"a.txt": b"new"}),
    "deploy": lambda path: deploy(small_cnn(), path, arena=900),
    "design": lambda path: run_design(DesignGoal("digits", "nucleo-l4r5zi"), path, progress=print),
}


@pytest.mark.parametrize("writer", FILES)
@pytest.mark.parametrize("kind", [*SPECIAL, "folder"])
def test_only_a_file_is_replaced_by_a_file(tmp_path, writer, kind, capsys):
    {**SPECIAL, "folder": Path.mkdir}[kind](tmp_path / "out")
    before = (tmp_path / "out").lstat()
    with pytest.raises(OutputError) as refused:
        FILES[writer](tmp_path / "out")
    said = str(refused.value) + capsys.readouterr().err
    assert f"out is a {kind}; only a file is replaced by one; choose another name" in said
    assert (tmp_path / "out").lstat().st_ino == before.st_ino
    assert not (tmp_path / "elsewhere").exists(), "written through the link"


@pytest.mark.parametrize("writer", FOLDERS)
@pytest.mark.parametrize("kind", [*SPECIAL, "file", "link to a folder"])
def test_only_a_folder_is_taken_for_a_folder(tmp_path, writer, kind):
    make = {**SPECIAL, "file": Path.touch, "link to a folder": link_to_folder}[kind]
    make(tmp_path / "out")
    with pytest.raises(OutputError, match=f"out is a {kind.split()[0]}; choose a folder"):
        FOLDERS[writer](tmp_path / "out")
    elsewhere = tmp_path / "elsewhere"
    assert not elsewhere.exists() or not any(elsewhere.iterdir())
    assert sorted(one.name for one in tmp_path.iterdir() if one != elsewhere) == ["out"]


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_a_name_that_no_system_takes(tmp_path, name):
    with pytest.raises(OutputError, match="cannot be written .*; choose another name"):
        refuse_other(tmp_path / name)


def test_temporary_files_that_have_no_place(tmp_path, monkeypatch):
    with pytest.raises(OutputError, match="a: cannot be written"), scratch("tk-"):
        raise OutputError("a: cannot be written")
    with scratch("tk-") as folder:
        (folder / "file").touch()
    assert not folder.exists()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with (
        pytest.raises(OutputError, match=r"temporary files cannot be written \(No such file.*\)\nset TMPDIR"),
        scratch("tk-"),
    ):
        pass


def fail_at_the_third(real):
    count = itertools.count(1)

    def fail(*arguments):
        if next(count) == 3:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    return fail


def test_a_course_copy_never_follows_a_link_and_is_whole_or_nothing(tmp_path, capsys, monkeypatch):
    (tmp_path / "nb").mkdir()
    (tmp_path / "nb" / "00_start_here.ipynb").symlink_to(tmp_path / "outside.ipynb")
    assert main(["notebooks", str(tmp_path / "nb")]) == 2
    assert "exists already; choose an empty folder" in capsys.readouterr().err
    assert not (tmp_path / "outside.ipynb").exists()
    (tmp_path / "there").mkdir()
    for place, name, folder in ((writing, "_write", "new"), (writing, "_write", "there"), (Path, "rename", "there")):
        monkeypatch.setattr(place, name, fail_at_the_third(getattr(place, name)))
        assert main(["notebooks", str(tmp_path / folder)]) == 3
        assert "cannot be written (No space left on device)" in capsys.readouterr().err
        monkeypatch.undo()
        assert not (tmp_path / "new").exists()
        assert not list((tmp_path / "there").iterdir())
    assert main(["notebooks", str(tmp_path / "there")]) == main(["notebooks", str(tmp_path / "new")]) == 0
    assert sorted(os.listdir(tmp_path / "there")) == sorted(os.listdir(tmp_path / "new"))


@pytest.mark.parametrize(("umask", "rights"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_users_umask_decides(tmp_path, umask, rights):
    old = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"1")
        write_folder(tmp_path / "folder", {"a/file": b"1"})
    finally:
        os.umask(old)
    for path in (tmp_path / "file", tmp_path / "folder" / "a" / "file"):
        assert stat.S_IMODE(path.stat().st_mode) == rights
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o777 & ~umask


def test_content_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(os, "fsync", lambda handle: told.append(os.readlink(f"/proc/self/fd/{handle}")))
    monkeypatch.setattr(Path, "replace", lambda path, target: told.append(str(target)))
    write_atomically(tmp_path / "out", b"1")
    assert told[0].startswith(str(tmp_path / ".tinykit-"))
    assert told[1:] == [str(tmp_path / "out")]


@pytest.mark.parametrize("moment", ["_write", "replace"])
def test_an_interruption_leaves_the_old_content_and_no_part(tmp_path, monkeypatch, moment):
    write_atomically(tmp_path / "out", b"old")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(*((writing, "_write") if moment == "_write" else (Path, "replace")), stop)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "out", b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_bytes() == b"old"


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from tinykit.ground import writing\n"
        "writing.os.fsync = lambda handle: (print('now', flush=True), time.sleep(60))\n"
        "writing.write_atomically(Path(sys.argv[1]), b'new')"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path / "out"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "now\n"
    write_atomically(tmp_path / "out", b"1")
    assert len(list(tmp_path.iterdir())) == 2, "a draft of a process at work is left alone"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(0.05)
    write_atomically(tmp_path / "other", b"1")
    write_atomically(tmp_path / "out", b"2")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["other", "out"]


def test_an_export_refuses_links_and_pipes_among_its_files_and_never_waits(tmp_path):
    deploy(small_cnn(), tmp_path / "out", arena=900)
    name = sorted(one.name for one in (tmp_path / "out").iterdir() if one.is_file())[0]
    (tmp_path / "out" / name).rename(tmp_path / "same")
    for make in (lambda path: path.symlink_to(tmp_path / "same"), os.mkfifo):
        make(tmp_path / "out" / name)
        with pytest.raises(OutputError, match=f"out holds {name}, which is not of an earlier export or was changed"):
            deploy(small_cnn(), tmp_path / "out", arena=900)
        (tmp_path / "out" / name).unlink()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "deployment.json").write_text("of somebody else")
    with pytest.raises(OutputError, match=r"holds deployment\.json, which is not of an earlier export"):
        deploy(small_cnn(), tmp_path / "b", arena=900)


def test_a_whole_machine_is_not_read_before_it_is_refused(tmp_path):
    start = time.monotonic()
    with pytest.raises(OutputError, match="/ holds "):
        deploy(small_cnn(), "/", arena=900)
    assert time.monotonic() - start < 20


def test_a_rehearsed_trace_reads_as_before(tmp_path):
    write_csv(tmp_path / "a" / "trace.csv")
    assert (tmp_path / "a" / "trace.csv").read_text().startswith("time (s),current (A)\n0,")
    assert np.loadtxt(tmp_path / "a" / "trace.csv", delimiter=",", skiprows=1).shape[1] == 2
