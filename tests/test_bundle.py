"""The light bundle is made, installed and used where no network is; then two people share what it installed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from tinykit.show.cli.main import main
from tinykit.show.workshop.checking import list_lacks, read_room

ROOT = Path(__file__).resolve().parents[1]
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
NOTEBOOK = "00_start_here"
LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket() as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Brings up the loopback of a new network, by which a kernel is talked to, and becomes the program named."""
KEEP = """
from tinykit.model.record import Stage, workspace
record = workspace()
print(sorted(record.stages), record.folder.absolute())
record.with_stage(Stage("mine", "mine.bin"), b"mine")
"""
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "VIRTUAL", "TINYKIT"))
}
DEAD = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https", "all")}


def find_python(place: Path) -> str:
    """This Python, in a place where every user may start it."""
    home, name = Path(sys.base_prefix), f"bin/python{VERSION}"
    if os.geteuid() or ((home / name).stat().st_mode & 0o005 == 0o005 and is_open(home)):
        return str(home / name)
    if not (place / "python").exists():
        shutil.copytree(home, place / "python", symlinks=True, copy_function=link_or_copy)
    return str(place / "python" / name)


def is_open(folder: Path) -> bool:
    return all(one.stat().st_mode & 0o001 for one in (folder, *folder.parents))


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)


def run(*command: object, cwd: Path, **more: object) -> str:
    """What a command prints; it must end well."""
    line = [*map(str, command)]
    done = subprocess.run(
        line, cwd=cwd, capture_output=True, text=True, check=False, timeout=600, **{"env": CLEAN, **more}
    )
    assert done.returncode == 0, f"{line[:4]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def cut() -> list[str]:
    """The beginning of a command line that runs the rest in a network of its own; empty where no such can be made."""
    for options in (["--net"], ["--map-root-user", "--net"]):
        line = ["unshare", *options, sys.executable, "-c", LOOPBACK]
        if (
            shutil.which("unshare")
            and subprocess.run([*line, "true"], check=False, capture_output=True).returncode == 0
        ):
            return line
    return []


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that everybody may look into."""
    folder = Path(tempfile.mkdtemp(prefix="tinykit-bundle-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def bundle(place: Path) -> Path:
    """The light bundle, made from the index that pip is set to."""
    status = main(["workshop", "bundle", "--profile", "light", "--out", str(place / "bundle")])
    if status:
        probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place / "probe", "tomli-w"]
        if subprocess.run(probe, check=False, capture_output=True).returncode:
            pytest.skip("pip cannot reach a package index")
    assert status == 0
    return place / "bundle"


@pytest.fixture(scope="module")
def installed(bundle: Path, place: Path) -> Path:
    """What its script installs without a network; where none can be cut, by proxies that are none."""
    setting = CLEAN | DEAD | {"PYTHON": find_python(place)}
    said = run(*cut(), "sh", bundle / "install.sh", place / "kit", cwd=place, env=setting)
    assert "jupyter lab course/00_start_here.ipynb" in said
    return place / "kit"


def test_a_bundle_says_what_it_holds_and_what_it_serves(bundle: Path):
    """And is whole by its own checksums, to any `sha256sum`."""
    said = run("sha256sum", "--check", "--quiet", "SHA256SUMS", cwd=bundle)
    assert said == ""
    listed = {line.split(maxsplit=1)[1] for line in (bundle / "SHA256SUMS").read_text().splitlines()}
    there = {f"./{one.relative_to(bundle)}" for one in bundle.rglob("*") if one.is_file()}
    assert there - listed == {"./SHA256SUMS"}
    assert listed < there
    readme = (bundle / "README.md").read_text(encoding="utf-8")
    served = readme.partition("It serves the notebooks")[2].partition("and not those")[0]
    for stem, lacks in list_lacks(read_room()["profiles"]["light"]["extras"]).items():
        assert (f"- `{stem}`" in served) == (not lacks)
        assert (bundle / "course" / f"{stem}.ipynb").is_file()
    wheels = {one.name.split("-")[0].lower() for one in (bundle / "wheels").iterdir()}
    assert {"tinykit", "tflite_micro", "ziglang", "jupyterlab", "seglearn"} <= wheels
    assert not {"tensorflow", "scikit_learn", "scikit_image"} & wheels, (
        "without TensorFlow, and what carries no data used"
    )
    assert {one.name for one in bundle.iterdir()} == {
        "README.md", "SHA256SUMS", "course", "install.sh", f"packages-{VERSION}.txt", "wheels"
    }  # fmt: skip


def test_what_is_fetched_is_what_the_lock_names(bundle: Path):
    """In its versions always; by its hashes where the index has these files, and those it has not are told."""
    locked = dict(
        line.split(" ")[0].split("==")
        for line in (ROOT / "locks" / "packages.txt").read_text().splitlines()
        if "==" in line and ("python_version" not in line or f"'{VERSION}'" in line)
    )
    first, *lines = (bundle / f"packages-{VERSION}.txt").read_text().splitlines()
    assert first.startswith(f"# least {VERSION}.")
    for line in lines:
        name, version = line.split(" ")[0].replace("_", "-").lower().split("==")
        assert locked.get(name.replace(".", "-"), version) == version or name == "tinykit", line


def test_a_notebook_runs_where_no_network_is_as_it_was_committed(installed: Path, place: Path):
    before = nbformat.read(ROOT / "notebooks" / f"{NOTEBOOK}.ipynb", as_version=4)
    home = place / "home"
    home.mkdir()
    convert = [installed / ".venv" / "bin" / "jupyter", "nbconvert", "--to", "notebook", "--execute"]
    own = {"HOME": str(home), "TINYKIT_WORKSPACE": str(home / "workspace"), "TINYKIT_GUESS": "auto"}
    tinykit, book = installed / ".venv" / "bin" / "tinykit", home / "teacher" / f"{NOTEBOOK}.ipynb"
    run(*cut(), tinykit, "notebooks", home / "teacher", "--teacher", cwd=home, env=CLEAN | DEAD | own)
    run(*cut(), *convert, "--output", home / "done", book, cwd=home, env=CLEAN | DEAD | own)
    after = nbformat.read(home / "done.ipynb", as_version=4)
    assert [printed(cell) for cell in after.cells] == [printed(cell) for cell in before.cells]
    assert any(printed(cell) for cell in after.cells)


def printed(cell: nbformat.NotebookNode) -> list[str]:
    outputs = cell.get("outputs", [])
    assert not [one for one in outputs if one.output_type == "error"]
    return [word for one in outputs if one.output_type == "stream" for word in one.text.split()]


def test_a_file_that_was_damaged_on_the_way_is_not_installed(bundle: Path, place: Path, installed: Path):
    damaged = place / "damaged"
    shutil.copytree(bundle, damaged, copy_function=os.link)
    victim = next((damaged / "wheels").glob("tomli_w-*.whl"))
    content = bytearray(victim.read_bytes())
    content[100] ^= 1
    victim.unlink()
    victim.write_bytes(content)
    line = ["sh", damaged / "install.sh", place / "other"]
    done = subprocess.run(line, env=CLEAN | {"PYTHON": find_python(place)}, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
    assert not (place / "other" / "course").exists()


def test_a_python_without_packages_here_is_named(bundle: Path, place: Path, installed: Path):
    line = ["sh", bundle / "install.sh", place / "other"]
    done = subprocess.run(line, env=CLEAN | {"PYTHON": "/bin/false"}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"No Python for this bundle: it takes {VERSION}." in done.stderr


def test_an_installation_that_is_there_keeps_its_course(bundle: Path, place: Path, installed: Path):
    note = installed / "course" / "mine.txt"
    note.write_text("mine")
    run("sh", bundle / "install.sh", installed, cwd=place, env=CLEAN | {"PYTHON": find_python(place)})
    assert note.read_text() == "mine"
    assert (installed / "course" / f"{NOTEBOOK}.ipynb").is_file()


# docs/jupyterhub.md: one installation that nobody writes to, a home each


@pytest.fixture(scope="module")
def people(installed: Path, place: Path) -> list[dict[str, object]]:
    """Two users, each with a home; two accounts where these tests may become another that can start this Python."""
    found: list[dict[str, object]] = []
    for number in (20001, 20002):
        home = place / f"user{number}"
        home.mkdir(mode=0o700)
        setting = {"HOME": str(home), "PATH": os.defpath, "LD_LIBRARY_PATH": str(place / "python" / "lib")}
        who: dict[str, object] = {"cwd": home, "env": setting}
        if os.geteuid() == 0:
            os.chown(home, number, number)
            who |= {"user": number, "group": number, "extra_groups": []}
        found.append(who)
    same = f"import ssl, sys; sys.exit(sys.version_info[:3] != {sys.version_info[:3]})"
    probe = [installed / ".venv" / "bin" / "python", "-c", same]
    if os.geteuid() == 0 and not can_start(probe, found[0]):
        for who in found:  # the tests' own Python lies where only they may look
            os.chown(who["cwd"], 0, 0)
            for name in ("user", "group", "extra_groups"):
                del who[name]
    return found


def can_start(line: list[object], who: dict[str, object]) -> bool:
    try:
        return subprocess.run([*map(str, line)], check=False, capture_output=True, **who).returncode == 0
    except PermissionError:
        return False


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(one): (one.lstat().st_size, one.lstat().st_mtime_ns) for one in folder.rglob("*")}


def test_two_people_share_a_kit_that_neither_writes_to(installed: Path, people: list[dict[str, object]]):
    kit, before = installed / ".venv", state_of(installed / ".venv")
    for who in people:
        home = Path(str(who["cwd"]))
        listed = run(kit / "bin" / "tinykit", "notebooks", "course", **who)
        assert f"course/{NOTEBOOK}.ipynb" in listed
        assert run(kit / "bin" / "python", "-c", KEEP, **who).split() == [
            "[]",
            str(home / "build/workspace/watch-exercises"),
        ]
        assert run(kit / "bin" / "python", "-c", KEEP, **who).startswith("['mine'] ")
        (home / "course" / f"{NOTEBOOK}.ipynb").write_text(str(home))
        checks = json.loads(run(kit / "bin" / "tinykit", "workshop", "check", "00", "--json", **who))
        told = {one["name"]: one for one in checks["checks"]}
        assert checks["ready"]
        assert str(home) in told["the workspace"]["found"] + told["the home folder"]["found"]
    assert state_of(kit) == before
    first, second = (Path(str(who["cwd"])) for who in people)
    assert (first / "course" / f"{NOTEBOOK}.ipynb").read_text() == str(first)
    assert (second / "course" / f"{NOTEBOOK}.ipynb").read_text() == str(second)


def test_neither_sees_the_other_s(installed: Path, people: list[dict[str, object]]):
    first, second = people
    look = ["-c", f"import os; print(os.listdir({str(second['cwd'])!r}))"]
    assert stat.S_IMODE(os.stat(str(second["cwd"])).st_mode) == 0o700
    if "user" in first:
        assert not can_start([installed / ".venv" / "bin" / "python", *look], first)
        touch = ["-c", f"open({str(installed / '.venv' / 'mine')!r}, 'w')"]
        assert not can_start([installed / ".venv" / "bin" / "python", *touch], first)
    elsewhere = run(installed / ".venv" / "bin" / "tinykit", "workshop", "reset", **first)
    assert str(Path(str(first["cwd"])) / "build") in str(Path(str(first["cwd"])) / elsewhere.split()[-1])
    assert run(installed / ".venv" / "bin" / "python", "-c", KEEP, **first).startswith("[] ")
    assert run(installed / ".venv" / "bin" / "python", "-c", KEEP, **second).startswith("['mine'] ")


def test_the_page_for_hubs_says_what_is_tried_here():
    page = (ROOT / "docs" / "jupyterhub.md").read_text(encoding="utf-8")
    for word in (
        "tinykit notebooks",
        "tinykit workshop check",
        "TINYKIT_WORKSPACE",
        "TINYKIT_CACHE",
        "workshop bundle",
    ):
        assert word in page, word
