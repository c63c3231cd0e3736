"""A room: a light for what each notebook needs, a workspace kept under its date, a folder and nothing beside it."""

from __future__ import annotations

import ast
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.test_writing import link_to_folder
from tinykit.ground.errors import EngineError, OutputError, ParameterError
from tinykit.model.record import Stage, open_record
from tinykit.show.cli.main import main, make_parser
from tinykit.show.course import list_course
from tinykit.show.workshop import checking, rooms
from tinykit.show.workshop.checking import MIND, MISSING, OK, Check, check_machine, list_lacks, read_room
from tinykit.show.workshop.rooms import make_bundle, reset_workspace, serve
from tools.lock import PYTHONS

ROOT = Path(__file__).resolve().parents[1]
ROOM = read_room()
ROWS = {row["name"]: row for row in ROOM["checks"]}


def light(name: str, seconds: float = 60.0) -> Check:
    """One check alone, with time enough on a machine that is busy."""
    return checking._try(time.monotonic() + seconds, ROWS[name], ())


# what is known of the room


def test_every_notebook_says_what_it_needs():
    assert [*ROOM["notebooks"]] == [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    ids = {row["id"] for row in ROOM["checks"]}
    assert {need for needs in ROOM["notebooks"].values() for need in needs} <= ids
    assert tuple(ROOM["pythons"]) == PYTHONS


def test_a_profile_serves_what_it_brings():
    light_lacks, full = (list_lacks(ROOM["profiles"][one]["extras"]) for one in ("light", "full"))
    assert {stem[:2] for stem, lacks in light_lacks.items() if not lacks} == {
        "00",
        "05",
        "06",
        "07",
        "08",
        "09",
        "10",
        "11",
        "st",
    }
    assert light_lacks["01_train_baseline"] == ("TensorFlow",)
    assert not any(full.values())
    browser = {stem[:2] for stem, lacks in list_lacks().items() if not lacks}
    assert browser == {"00", "05", "06", "07", "10", "st"}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_a_notebook_calls_is_among_its_needs(path: Path):
    """Names that are in no notebook without the need of them."""
    needs = {"train": (" train(", " prune("), "data": ("load_dataset(",), "npu": ("compile_for_npu(",)}
    needs |= {"emulator": ("virtual_board.run",), "onnx": ("onnx",)}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for need, signs in needs.items():
        if any(sign in code for sign in signs):
            assert need in ROOM["notebooks"][path.stem], f"{path.stem} calls {need}"


# the traffic light


@pytest.mark.parametrize("row", ROOM["checks"], ids=lambda row: row["name"])
def test_every_check_is_a_program_and_says_what_to_do(row):
    assert ast.parse(row["code"]).body
    assert row.keys() <= {"id", "name", "code", "extra", "cure", "needed", "without"}
    assert ("without" in row) == (row.get("needed", True) is False)
    assert row.get("cure") or row.get("extra") or row.get("without")


@pytest.mark.parametrize("name", [name for name in ROWS if name not in ("TensorFlow", "Jupyter's port")])
def test_what_is_here_is_found(name):
    """All that the tests run with: CI has the system's tools too."""
    found = light(name)
    if name in ("QEMU", "GCC for Arm", "a browser"):
        assert found.state in (OK, MIND)
    else:
        assert found.state in (OK, MIND) if name in ("disk", "memory") else found.state == OK, found
    assert found.found
    assert found.state != OK or not found.cure


def test_tensorflow_is_told_by_its_version_even_where_it_loads_late():
    found = light("TensorFlow", 4.0)
    assert found.state in (OK, MIND)
    assert "tensorflow 2." in found.found or "no answer" in found.found


def test_a_check_ends_in_time_and_is_no_verdict_then(monkeypatch):
    monkeypatch.setitem(
        ROWS, "slow", {"id": "all", "name": "slow", "code": "print('here')\nimport time; time.sleep(60)"}
    )
    began = time.monotonic()
    found = light("slow", 2.0)
    assert time.monotonic() - began < 15
    assert (found.state, found.cure) == (MIND, "")
    assert found.found == "here: no answer within 2 s; its first use will wait"
    assert light("slow", -1.0).found == "not tried: this machine is busy; check again"


@pytest.mark.parametrize(
    ("code", "needed", "state", "told"),
    [
        ("import no_such_package", True, MISSING, "No module named 'no_such_package'"),
        ("import no_such_package", False, MIND, "No module named 'no_such_package'"),
        (
            "import importlib.metadata as m; m.version('no-such')",
            True,
            MISSING,
            "No package metadata was found for no-such",
        ),
        ("raise SystemExit('lost')", True, MISSING, "lost"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", True, MISSING, "ended with status -4"),
        ("print('little'); raise SystemExit(3)", True, MIND, "little"),
        ("print('fine'); print('more')", True, OK, "fine"),
    ],
)
def test_how_a_program_ends_is_the_light(monkeypatch, code, needed, state, told):
    row = {
        "id": "all",
        "name": "row",
        "code": code,
        "needed": needed,
        "without": "less",
        "cure": "mend it",
        "extra": "npu",
    }
    monkeypatch.setitem(ROWS, "row", row)
    found = light("row")
    assert (found.state, found.found) == (state, told)
    assert ("pip install 'ethos-u-vela" in found.cure and found.cure.endswith("; mend it")) == (state != OK)


@pytest.mark.parametrize(
    ("name", "setting", "make"),
    [
        ("the workspace", "TINYKIT_WORKSPACE", Path.touch),
        ("the workspace", "TINYKIT_WORKSPACE", lambda path: path.symlink_to("elsewhere")),
        ("the home folder", "HOME", Path.touch),
        ("the home folder", "HOME", lambda path: None),
    ],
)
def test_a_folder_that_is_none_is_missing(tmp_path, monkeypatch, name, setting, make):
    make(tmp_path / "it")
    monkeypatch.setenv(setting, str(tmp_path / "it"))
    assert light(name).state == MISSING
    assert not list(tmp_path.glob("it/*"))


def test_a_temporary_folder_that_is_passed_over_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    found = light("temporary files")
    assert found.state == MIND
    assert f"instead of TMPDIR, {tmp_path / 'none'}" in found.found


def test_a_port_that_is_taken_is_told():
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", 8888))
            one.listen()
        except OSError:
            pass  # by another program, which is as well
        found = light("Jupyter's port")
    assert found.state == MIND
    assert "Address already in use" in found.found
    assert "takes the next free port" in found.cure


def test_the_whole_table_is_made_within_ten_seconds():
    began = time.monotonic()
    found = check_machine()
    assert time.monotonic() - began < 20, "8 s, and what a busy machine takes to end processes"
    assert [one.name for one in found] == [*ROWS]
    assert found[0].notebooks == tuple(ROOM["notebooks"])


def test_named_notebooks_ask_for_their_needs_alone(monkeypatch):
    monkeypatch.setattr(checking, "_try", lambda end, row, notebooks: Check(row["name"], OK, "", "", notebooks))
    told = {one.name: one.notebooks for one in check_machine(["08", "05"])}
    assert told["an emulator of the board"] == ("08_run_on_a_virtual_board",)
    assert told["Python"] == ("05_fit_boards", "08_run_on_a_virtual_board")
    assert "TensorFlow" not in told
    assert told["a browser"] == ()
    with pytest.raises(ParameterError, match="no notebook begins with '77'; allowed: 00_start_here"):
        check_machine(["77"])


@pytest.mark.parametrize(("states", "status"), [((OK, MIND), 0), ((OK, MISSING), 1)])
def test_the_command_is_a_verdict(monkeypatch, capsys, states, status):
    lights = tuple(Check(f"thing{i}", one, "found", "mend it", ("05_fit_boards",)) for i, one in enumerate(states))
    monkeypatch.setattr("tinykit.show.cli.teaching.check_machine", lambda notebooks: lights)
    assert main(["workshop", "check"]) == status
    said = capsys.readouterr().out
    assert f"[{states[1]}]" in said
    assert "thing1: mend it" in said
    assert main(["workshop", "check", "--json"]) == status
    told = json.loads(capsys.readouterr().out)
    assert told["ready"] is (status == 0)
    assert told["checks"][1] == {"name": "thing1", "state": states[1], "found": "found", "cure": "mend it",
                                 "notebooks": ["05_fit_boards"]}  # fmt: skip


# a clean workspace


@pytest.fixture
def workspace(tmp_path) -> Path:
    folder = tmp_path / "build" / "workspace"
    open_record(folder / "watch-exercises").with_stage(Stage("int8", "int8.tflite"), b"kept")
    (folder / "readings").mkdir()
    (folder / "explore-watch-exercises").mkdir()
    folder.chmod(0o700)
    return folder


def test_a_workspace_is_kept_whole_under_its_date(workspace, capsys):
    assert main(["workshop", "reset", "--workspace", str(workspace)]) == 0
    (saved,) = workspace.parent.iterdir()
    assert saved.name.startswith(f"workspace-{time.strftime('%Y-')}")
    assert str(saved) in capsys.readouterr().out
    assert open_record(saved / "watch-exercises").read("int8") == b"kept"
    assert (saved / "explore-watch-exercises").is_dir()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o700
    assert open_record(workspace / "watch-exercises").stages == {}
    assert main(["workshop", "reset", "--workspace", str(workspace)]) == 0
    assert "nothing is in it" in capsys.readouterr().out


def test_each_group_s_workspace_is_kept(workspace):
    saved = set()
    for _ in range(3):
        (workspace / "readings").mkdir(parents=True, exist_ok=True)
        saved.add(reset_workspace(workspace))
    assert len(saved) == 3
    assert all(one.is_dir() for one in saved)


def test_the_workspace_is_the_one_that_is_set(workspace, monkeypatch):
    monkeypatch.setenv("TINYKIT_WORKSPACE", str(workspace))
    assert main(["workshop", "reset"]) == 0
    assert not workspace.exists()


def test_what_is_not_only_a_workspace_stays(workspace, capsys):
    """A home, a project, a download: whatever a wrong --workspace names."""
    for name in ("notes.txt", "thesis"):
        own = workspace / name
        own.mkdir() if name == "thesis" else own.touch()
        with pytest.raises(
            OutputError, match=f"is a folder that is no workspace: it holds {name}\nmove that out first"
        ):
            reset_workspace(workspace)
        own.rmdir() if name == "thesis" else own.unlink()
    link_to_folder(link := workspace.parent / "link")
    with pytest.raises(OutputError, match="link is a link"):
        reset_workspace(link)
    assert (workspace / "watch-exercises" / "int8.tflite").read_bytes() == b"kept"
    assert main(["workshop", "reset", "--workspace", str(workspace / "watch-exercises")]) == 2
    assert "that is no workspace" in capsys.readouterr().err
    assert (workspace / "watch-exercises" / "record.toml").is_file()


def test_one_that_cannot_be_moved_stays(workspace, monkeypatch, capsys):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    assert main(["workshop", "reset", "--workspace", str(workspace)]) == 3
    assert "Permission denied" in capsys.readouterr().err
    assert (workspace / "watch-exercises" / "int8.tflite").is_file()


# a folder for all


@pytest.fixture
def served(tmp_path):
    """A folder with links in and out, served; and a function that asks for a path as it stands."""
    folder = tmp_path / "site"
    (folder / "lab").mkdir(parents=True)
    (folder / "index.html").write_text("the page")
    (folder / "lab" / "a.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "index.html").write_text("secret")
    (folder / "inside").symlink_to("lab/a.wasm")
    (folder / "outside").symlink_to(tmp_path / "secret.txt")
    (folder / "way out").symlink_to(tmp_path / "secrets")
    (folder / "circle").symlink_to("circle")
    (folder / "page").mkdir()
    (folder / "page" / "index.html").symlink_to(tmp_path / "secret.txt")
    told: list[str] = []
    threading.Thread(target=serve, args=(folder, "127.0.0.1", 0), kwargs={"tell": told.append}, daemon=True).start()
    while not told:
        time.sleep(0.02)
    port = int(told[0].rstrip("/").rpartition(":")[2])

    def ask(path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.putrequest("GET", path, skip_host=True)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()

    return ask


def test_what_lies_in_a_folder_is_served(served):
    assert served("/") == (200, b"the page")
    assert served("/lab/a.wasm") == (200, b"\0asm")
    assert served("/inside") == (200, b"\0asm")
    assert b"a.wasm" in served("/lab/")[1]


@pytest.mark.parametrize(
    "path",
    ["/outside", "/way%20out/", "/way%20out/index.html", "/page/", "/page/index.html", "/circle", "/%00",
     "/../secret.txt",
     "/..%2fsecret.txt", "//secret.txt", "/lab/../../secret.txt", "/%2e%2e/secret.txt", "/outside?x", "/./outside"],
)  # fmt: skip
def test_nothing_outside_it_is(served, path):
    status, body = served(path)
    assert status in (400, 404)
    assert b"secret" not in body.replace(b"secret.txt", b"")


def test_an_address_that_cannot_be_had_is_refused(tmp_path, capsys):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        with pytest.raises(EngineError, match=r"127.0.0.1, port \d+: cannot be served at .*--port 0 takes a free one"):
            serve(tmp_path, "127.0.0.1", one.getsockname()[1], tell=print)
    for ip, port in (("203.0.113.7", 0), ("127.0.0.1", 70000), ("no address", 0)):
        assert main(["workshop", "serve", str(tmp_path), "--ip", ip, "--port", str(port)]) in (2, 3)
        assert capsys.readouterr().err.startswith("tinykit: ")


def start(*arguments: str, folder: Path) -> tuple[subprocess.Popen[str], list[str]]:
    """`tinykit workshop serve`, and what it says until it answers."""
    command = [sys.executable, "-m", "tinykit", "workshop", "serve", *arguments, "--port", "0"]
    server = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    said = []
    while not said or not said[-1].startswith("http://127.0.0.1"):
        said.append(server.stdout.readline())
        assert said[-1], "it ended"
    return server, said


def fetch(address: str, path: str) -> bytes:
    connection = http.client.HTTPConnection(address.strip().removeprefix("http://").rstrip("/"), timeout=20)
    connection.request("GET", path)
    return connection.getresponse().read()


def test_the_command_says_where_and_serves_the_course_where_no_page_was_built(tmp_path):
    server, said = start("--ip", "0.0.0.0", folder=tmp_path)
    with server:
        assert said[0].startswith("build/site is not there (make site builds build/site): here are the notebooks")
        assert all(line.startswith("http://") for line in said[1:]), "every address, this machine's own last"
        assert json.loads(fetch(said[-1], "/00_start_here.ipynb"))["nbformat"] == 4
        assert b"conftest" not in fetch(said[-1], "/")
        for address in said[1:]:
            assert b"11_compare_frameworks.ipynb" in fetch(address, "/")
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 130


def test_a_page_that_was_built_is_served_to_this_machine_alone_unless_asked(tmp_path):
    (tmp_path / "build" / "site").mkdir(parents=True)
    (tmp_path / "build" / "site" / "index.html").write_text("the page")
    server, said = start(folder=tmp_path)
    with server:
        assert said[0] == "for this machine alone; for a room: --ip 0.0.0.0\n"
        assert fetch(said[-1], "/") == b"the page"
        server.kill()


# what a bundle refuses; tests/test_bundle.py makes one


@pytest.mark.parametrize(
    ("profile", "pythons", "match"),
    [
        ("huge", (), "no profile 'huge'; allowed: full, light"),
        ("light", ("2.7",), "the kit has no packages for Python '2.7'; "),
        ("light", ("3.12; rm",), "the kit has no packages for Python '3.12; rm'; "),
    ],
)
def test_a_bundle_of_what_is_not_is_refused(tmp_path, profile, pythons, match):
    with pytest.raises(ParameterError, match=match):
        make_bundle(tmp_path / "out", profile, pythons)
    assert not list(tmp_path.iterdir())


def test_a_bundle_of_a_kit_that_is_no_checkout_wants_its_wheel(tmp_path, monkeypatch):
    monkeypatch.setattr(rooms, "shipped_path", lambda *parts: tmp_path / "nowhere" / Path(*parts))
    with pytest.raises(ParameterError, match="no checkout that its wheel can be made of; name the wheel with --wheel"):
        make_bundle(tmp_path / "out", "light")


def test_a_bundle_does_not_take_the_place_of_another(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="out: exists already; choose another name, or remove it"):
        make_bundle(tmp_path / "out", "light")
    link_to_folder(tmp_path / "new.unfinished")
    with pytest.raises(OutputError, match="new.unfinished is a link"):
        make_bundle(tmp_path / "new", "light")
    assert not list((tmp_path / "out").iterdir())


def test_a_bundle_that_is_not_whole_says_so_and_goes_by_another_name(tmp_path, monkeypatch):
    monkeypatch.setattr(rooms.sys, "executable", "/no/such/python")
    with pytest.raises(
        EngineError, match=r"the bundle is not whole \(.*not found.*\)\nwhat was fetched is kept; run it again"
    ):
        make_bundle(tmp_path / "out", "light")
    assert {one.name for one in tmp_path.iterdir()} == {"out.unfinished"}


def test_the_course_is_listed_once():
    assert [*list_course()] == [f"{stem}.ipynb" for stem in ROOM["notebooks"]]
    assert make_parser().parse_args(["notebooks", "x"]).run


@pytest.mark.parametrize("name", ["bundle.sh", "install.sh"])
def test_the_scripts_are_plain_shell(name):
    path = ROOT / "tinykit" / "show" / "workshop" / "templates" / name
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
