"""`make lab`: a copy for each reader, brought up to date, what was written left alone; the checkout stays clean."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browsing import WITH_CHROMIUM, open_page, run_all, start_lab, write_notebook
from tests.test_packaging import run, tracked
from tools.lab import __main__ as lab
from tools.lab.copying import NOTES, bring, editions, forget

ROOT = Path(__file__).resolve().parents[1]
HELD = ("TINYKIT_WORKSPACE", "JUPYTER_CONFIG_PATH", "SSH_CONNECTION")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in HELD:
        monkeypatch.delenv(name, raising=False)


def book(*cells: str, ran: bool = False) -> bytes:
    made = [nbformat.v4.new_code_cell(cell, id=f"cell-{number}") for number, cell in enumerate(cells)]
    if ran:
        made[0].outputs = [nbformat.v4.new_output("stream", text="42\n")]
    return nbformat.writes(nbformat.v4.new_notebook(cells=made)).encode()


def test_the_copy_is_the_course_as_it_is_handed_out_and_the_samples():
    files = editions()
    assert {f"course/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")} <= files.keys()
    assert lab.FIRST in files
    assert {f"data/{one.removeprefix('data/samples/')}" for one in tracked("data/samples")} <= files.keys()


def test_a_second_start_keeps_what_was_written_and_brings_what_is_new(tmp_path: Path):
    first = {"course/a.ipynb": book("1"), "course/b.ipynb": book("2"), "course/c.ipynb": book("3"), "data/x": b"x"}
    assert bring(first, tmp_path).tell() == ["4 new files"]
    (tmp_path / "course/a.ipynb").write_bytes(book("mine"))  # edited
    (tmp_path / "course/b.ipynb").write_bytes(book("2", ran=True))  # only run
    (tmp_path / "data/x").unlink()  # wanted as it was
    (tmp_path / "course/own.ipynb").write_bytes(book("my own"))
    again = bring(first, tmp_path)
    assert again.tell() == ["1 new files", "kept as you edited them: course/a.ipynb"]
    assert (tmp_path / "course/b.ipynb").read_bytes() == book("2", ran=True)
    later = bring({name: book("4") if "course" in name else data for name, data in first.items()}, tmp_path)
    assert later.tell() == [
        "brought up to date: course/b.ipynb, course/c.ipynb",
        "kept as you edited them: course/a.ipynb",
        "their new editions lie beside them: course/a.new.ipynb",
    ]
    assert (tmp_path / "course/a.ipynb").read_bytes() == book("mine")
    assert (tmp_path / "course/own.ipynb").read_bytes() == book("my own")
    assert (tmp_path / "course/a.new.ipynb").read_bytes() == book("4")
    assert not bring({"course/a.ipynb": book("4")}, tmp_path).beside, "laid beside once"
    assert bring({"course/a.ipynb": book("5")}, tmp_path).beside == ("course/a.new1.ipynb",)


@pytest.mark.parametrize("notes", [b"", b"[1]", b'{"course/a.ipynb": 1}', b"\xff", b"[" * 100_000])
def test_where_the_notes_are_lost_every_file_counts_as_edited(tmp_path: Path, notes: bytes):
    bring({"course/a.ipynb": book("1")}, tmp_path)
    (tmp_path / NOTES).write_bytes(notes)
    assert bring({"course/a.ipynb": book("2")}, tmp_path).kept == ("course/a.ipynb",)
    assert (tmp_path / "course/a.ipynb").read_bytes() == book("1")


def test_a_notebook_that_is_none_is_compared_by_its_bytes(tmp_path: Path):
    bring({"course/a.ipynb": b'{"cells": 3}'}, tmp_path)
    (tmp_path / "course/a.ipynb").write_bytes(b"[" * 100_000)
    assert bring({"course/a.ipynb": b'{"cells": 3}'}, tmp_path).kept == ("course/a.ipynb",)


def test_cleaning_removes_what_was_brought_and_keeps_what_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(lab, "ROOT", tmp_path)
    monkeypatch.setattr(lab, "editions", lambda: {"course/a.ipynb": book("1"), "course/b.ipynb": book("2")})
    (tmp_path / "report").mkdir()
    for person in ("ann", "bo"):
        lab.prepare(tmp_path / "lab" / person, tmp_path / "report")
        (tmp_path / "lab" / person / "workspace").mkdir()
        (tmp_path / "lab" / person / "course" / "b.ipynb").write_bytes(book("2", ran=True))
    (tmp_path / "lab/ann/course/a.ipynb").write_bytes(book("mine"))
    assert lab.main(["--clean"]) == 0
    left = [path.relative_to(tmp_path).as_posix() for path in sorted((tmp_path / "lab").rglob("*")) if path.is_file()]
    assert left == [f"lab/ann/{NOTES}", "lab/ann/course/a.ipynb"]
    assert not (tmp_path / "lab/bo").exists()
    assert (tmp_path / "report").is_dir()
    assert capsys.readouterr().out == f"kept in {tmp_path / 'lab/ann'}, as you edited them: course/a.ipynb\n"


def test_notes_never_lead_out_of_the_copy(tmp_path: Path):
    (tmp_path / "lab").mkdir()
    (tmp_path / "other").write_bytes(b"x")
    outside = {name: hashlib.sha256(b"x").hexdigest() for name in ("../other", str(tmp_path / "other"))}
    (tmp_path / "lab" / NOTES).write_text(json.dumps(outside))
    assert forget(tmp_path / "lab") == []
    assert (tmp_path / "other").exists()


def test_root_is_allowed_only_to_root_and_options_pass_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "--allow-root" not in lab.command(tmp_path, [])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    given = lab.command(tmp_path, ["--ip", "0.0.0.0", "--no-browser"])
    assert "--allow-root" in given
    assert given[-3:] == ["--ip", "0.0.0.0", "--no-browser"]


@pytest.mark.parametrize(
    ("options", "told"), [([], 0), (["--port=9"], 0), (["--ip", "0.0.0.0"], 2), (["--no-browser"], 2)]
)
def test_the_token_is_told_of_where_another_machine_may_look_in(options: list[str], told: int):
    assert len(lab.hints(options)) == told


def test_each_person_has_a_folder_and_a_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, folder in (("ann", "ann"), ("../bo", "___bo"), ("", "reader")):
        monkeypatch.setattr(lab.getpass, "getuser", lambda name=name: name)
        assert lab.user_name() == folder
        assert lab.environment(tmp_path / folder)["TINYKIT_WORKSPACE"] == str(tmp_path / folder / "workspace")

    def nobody() -> str:
        raise KeyError("no such user")

    monkeypatch.setattr(lab.getpass, "getuser", nobody)
    assert lab.user_name() == str(os.getuid())
    monkeypatch.setenv("TINYKIT_WORKSPACE", "/mine")
    assert lab.environment(tmp_path)["TINYKIT_WORKSPACE"] == "/mine"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("")
    assert lab.main(["--folder", str(tmp_path / "file" / "lab")]) == 3
    assert "`make lab LAB=FOLDER` takes another" in capsys.readouterr().err


def git_status() -> str:
    return run("git", "status", "--porcelain", cwd=ROOT).stdout


TOLD = """import os, tinykit as tk
print(tk.model.workspace().folder)"""


@WITH_CHROMIUM
def test_make_lab_opens_the_first_notebook_of_a_copy_and_asks_nothing(tmp_path: Path):
    """By make itself, as a new account: the root shows course, data and report, and git sees nothing of it."""
    before, folder = git_status(), tmp_path / "copy"
    design = tmp_path / "design"
    design.mkdir()
    (design / "report.html").write_text("<h1>A report</h1>")
    own = {f"JUPYTER{name}_DIR": str(tmp_path / name) for name in ("_CONFIG", "_RUNTIME", "LAB_SETTINGS")}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "views")}
    kept = {name: value for name, value in os.environ.items() if name not in HELD}

    def make(options: list[str]) -> list[str]:
        given = [f"LAB={folder}", f"OUT={design}", f"PY={sys.executable}", f"LAB_ARGS={' '.join(options)}"]
        return ["make", "--no-print-directory", "--old-file=.venv/.installed", "lab", *given]

    with start_lab(make, tmp_path, {**kept, **own}, cwd=ROOT) as address, open_page() as page:
        listed = address.replace("/lab/tree/{}", "/api/contents/").replace("&reset", "")
        with urllib.request.urlopen(listed, timeout=30) as answer:
            assert {one["name"] for one in json.load(answer)["content"]} == {"course", "data", "report"}
        page.goto(address.replace("/lab/tree/{}", "/"))
        page.get_by_role("tab", name="00_start_here.ipynb").wait_for()
        page.get_by_role("heading", name="Start here").first.wait_for()
        write_notebook(folder / "course" / "told.ipynb", TOLD)
        run_all(page, address.format("course/told.ipynb"))
        said: Any = page.locator('[data-mime-type="application/vnd.jupyter.stdout"]').all_inner_texts()
        assert said == [f"{folder}/workspace/watch-exercises\n"]
        page.wait_for_timeout(1500)
        assert page.locator(".Toastify__toast").all_inner_texts() == []
    assert git_status() == before
    assert "http://127.0.0.1" in (tmp_path / "lab.log").read_text()


def test_the_copy_in_the_checkout_is_none_of_gits():
    asked = run("git", "check-ignore", "lab/ann/course/a.ipynb", cwd=ROOT)
    if asked.returncode == 128:
        assert "/lab/" in (ROOT / ".gitignore").read_text().splitlines()
    else:
        assert asked.returncode == 0
