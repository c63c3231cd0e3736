"""What the README prints is run as it is printed, on the files it names; its picture is of the panel as it is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.bench.picture import MOST_BYTES, PICTURE, SAID, say
from tinykit.show.cli.program import main
from tools import samples

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/commands.md")
LONG = ("design", "explore")
"""These train, for minutes: `make test-all` runs them."""
ELSEWHERE = {
    "make design": "the rest of this page",
    "make lab": "tests/test_lab.py",
    "make test": "it runs this",
    ". .venv/bin/activate": "test_the_line_that_activates_gives_the_command",
    "python3 -m venv kit && . kit/bin/activate": "tests/test_packaging.py, with the wheel",
    "pip install": "tests/test_packaging.py and tests/test_site.py",
    "tinykit workshop": "tests/test_workshop.py and tests/test_bundle.py",
    "tinykit notebooks course": "tests/test_packaging.py, with the wheel",
    "jupyter lab course/00_start_here.ipynb": "tests/test_lab.py, on the copy that make lab makes of it",
}
"""Lines that are run by another test, and by which."""


def printed(page: str) -> list[str]:
    """The lines of a page's blocks of shell, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
    lines = (re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines())
    return [line for line in lines if line.strip()]


def is_long(line: str) -> bool:
    return line.startswith(tuple(f"tinykit {name} " for name in LONG))


def run(line: str) -> int:
    """A line as printed: a command of the kit here, anything else in a shell that is told where it ends."""
    if line.startswith("tinykit "):
        return main(shlex.split(line)[1:])
    done = subprocess.run(["bash", "-ec", f"{line}\npwd"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        os.chdir(done.stdout.splitlines()[-1])
    return done.returncode


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tinykit_workspace: Path) -> Iterator[Path]:
    """A folder with what a checkout has of these files, which is the current one."""
    shutil.copytree(ROOT / "data" / "samples", tmp_path / "data" / "samples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_line_of_shell_runs_as_it_is_printed(checkout: Path, capsys: pytest.CaptureFixture[str]):
    """One page after the other, each line once; what an earlier one wrote is there for a later one."""
    failed, ran = [], 0
    for line in dict.fromkeys(line for page in PAGES for line in printed(page)):
        if line.startswith(tuple(ELSEWHERE)) or is_long(line):
            continue
        status, ran = run(line), ran + 1
        said = capsys.readouterr()
        if status or (line.startswith("tinykit") and not said.out.strip()):
            failed.append(f"{line}: {status}\n{said.err}")
    assert failed == []
    assert ran >= 25
    assert {"model.tflite", "small.tflite", "firmware"} <= {path.name for path in (checkout / "build/try").iterdir()}


if os.environ.get("TINYKIT_LONG"):

    @pytest.mark.parametrize("line", sorted({line for page in PAGES for line in printed(page) if is_long(line)}))
    def test_every_long_command_runs_as_it_is_printed(line: str, checkout: Path):
        command = [sys.executable, "-m", *shlex.split(line)]
        done = subprocess.run(command, cwd=checkout / "data" / "samples", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_what_is_run_elsewhere_is_printed():
    lines = [line for page in PAGES for line in printed(page)]
    assert [one for one in ELSEWHERE if not any(line.startswith(one) for line in lines)] == []


def test_a_line_that_fails_is_found(checkout: Path):
    assert run("tinykit inspect none.tflite") == 2
    assert run("cp none nowhere") != 0
    assert run("mkdir -p a/b && cd a/b") == 0
    assert Path.cwd() == checkout / "a" / "b"


def test_the_line_that_activates_gives_the_command():
    activate = ROOT / ".venv" / "bin" / "activate"
    if not activate.is_file():
        pytest.skip("no .venv here (make test makes it)")
    done = subprocess.run(
        ["bash", "-ec", ". .venv/bin/activate; command -v tinykit"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(ROOT / ".venv" / "bin" / "tinykit")


def test_the_python_of_the_readme_runs(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(checkout / "data" / "samples")
    (block,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    exec(block, {})
    assert capsys.readouterr().out.startswith("fits ")


def test_the_first_screen_shows_what_it_is_what_to_type_and_what_it_costs():
    screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:36]
    text = "\n".join(screen)
    assert "docs/panel.png" in text
    for line in ("make design", "make lab", "make test", ". .venv/bin/activate", "GB", "minute"):
        assert line in text, line
    assert "|---" not in text, "tables stand below"


def test_the_picture_is_of_the_panel_as_it_is():
    assert PICTURE.stat().st_size <= MOST_BYTES
    with Image.open(PICTURE) as picture:
        assert picture.text[SAID] == say(), "python -m tests.bench.picture draws it again"


def test_the_sample_files_are_made_again_to_the_byte(tmp_path: Path):
    samples.make_files(tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    assert made | {"README.md", "gestures"} == {path.name for path in samples.SAMPLES.iterdir()}
    for name in made:
        assert (tmp_path / name).read_bytes() == (samples.SAMPLES / name).read_bytes(), name


def test_every_sample_file_is_told_of():
    told = (samples.SAMPLES / "README.md").read_text(encoding="utf-8")
    for path in samples.SAMPLES.iterdir():
        assert f"`{path.name}" in told or path.name == "README.md", path.name
