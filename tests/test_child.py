"""Child processes take nothing from the current folder or the environment, are bounded, and die with their parent."""

from __future__ import annotations

import ast
import io
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinykit.ground.child import inside, process
from tinykit.ground.child.inside import adopt_package
from tinykit.ground.child.process import Bounds, Child, ChildError, Ended, WarmChild, run_program
from tinykit.ground.errors import EngineError
from tinykit.predict.runtime.session import Session
from tinykit.train.conversion.converting import convert
from tinykit.train.conversion.keras_file import inspect_keras_file, save_model
from tinykit.train.keras import load_keras

ROOT = Path(__file__).resolve().parents[1]
PLANTED = "numpy json re h5py tensorflow tf_keras tflite_micro tinykit sitecustomize usercustomize".split()
OTHER_DOORS = (
    *("subprocess.c", "subprocess.get", "multiprocessing.", "os.exec", "os.spawn", "os.posix_spawn"),
    *("os.system", "os.popen"),
)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A download of modules, as current folder and on every path of Python's that a shell can set."""
    folder, ran = tmp_path / "download", tmp_path / "ran"
    folder.mkdir()
    for name in PLANTED:
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r})\nraise ImportError('planted')\n")
    monkeypatch.chdir(folder)
    for name, value in {"PYTHONPATH": os.pathsep + str(folder), "PYTHONSTARTUP": "numpy.py", "PYTHONHOME": ""}.items():
        monkeypatch.setenv(name, value)
    return ran


def test_the_planted_modules_would_run(planted: Path) -> None:
    subprocess.run([sys.executable, "-c", "import re"], capture_output=True, check=False)
    assert planted.exists()


def test_no_child_imports_from_the_current_folder(planted: Path) -> None:
    pytest.importorskip("tf_keras", reason="tf-keras is not installed")
    layers = load_keras().layers
    path = save_model(load_keras().Sequential([layers.Input((3,)), layers.Dense(2)]), "model.h5")
    assert inspect_keras_file(path).input_shapes == ((3,),)
    model = convert(path, precision="float32").model
    with Session(model) as session:
        session.run(np.zeros((1, 3), np.float32))
    assert not planted.exists()


def test_a_child_finds_this_package_wherever_it_lies(tmp_path: Path) -> None:
    home = tmp_path / "kit"
    home.mkdir()
    (home / "__init__.py").write_text("HERE = __file__\n")
    (tmp_path / "numpy_of_a_stranger.py").touch()
    before = list(sys.path)
    try:
        adopt_package(home)
        assert Path(sys.modules["kit"].HERE).parent == home
        assert sys.path == before
    finally:
        sys.modules.pop("kit", None)


def test_what_a_child_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    strange = "PYTHONPATH PYTHONSTARTUP HDF5_PLUGIN_PATH LD_PRELOAD SECRET HOME KERAS_HOME GLIBC_TUNABLES".split()
    settings = dict.fromkeys(strange, "x") | {"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in ("PATH", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, os.pathsep.join(["", ".", "bin", str(tmp_path)]))
    given = process.child_environment(OWN="1")
    assert given["PATH"] == given["LD_LIBRARY_PATH"] == str(tmp_path)
    assert (given["LC_ALL"], given["OMP_NUM_THREADS"], given["OWN"]) == ("C.UTF-8", "1", "1")
    assert not given.keys() & settings.keys() - {"LC_ALL", "OMP_NUM_THREADS"}
    code = "import sys, json; print(json.dumps([sys.flags.isolated, sys.path, sys.argv[1:]]))"
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run(process.python_command(script, 7, tmp_path), capture_output=True, check=True, cwd=tmp_path)
    isolated, path, arguments = json.loads(done.stdout)
    assert (isolated, arguments) == (1, ["7", str(tmp_path)])
    assert "" not in path
    assert str(tmp_path) not in path


@pytest.mark.skipif(os.name == "nt", reason="a program is marked by its mode on Unix alone")
def test_a_program_of_the_current_folder_is_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for folder in (tmp_path, tmp_path / "bin"):
        (folder / "a-compiler").write_text("#!/bin/sh\n")
        (folder / "a-compiler").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin"]))
    assert process.find_program("a-compiler") is None
    monkeypatch.setenv("PATH", os.pathsep.join([".", str(tmp_path / "bin")]))
    assert process.find_program("a-compiler") == str(tmp_path / "bin" / "a-compiler")


def imported_by(tree: ast.AST) -> set[str]:
    """Every module named in an import, and every name taken from one."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module).partition(".")[0], *(alias.name for alias in node.names)}
    return found


def test_no_other_module_starts_a_process() -> None:
    starters = []
    for path in sorted((ROOT / "tinykit").rglob("*.py")):
        tree, name = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(ROOT / "tinykit").as_posix()
        if imported_by(tree) & {"subprocess", "multiprocessing", "ProcessPoolExecutor", "pty"}:
            starters.append(name)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func)
            assert not called.startswith(OTHER_DOORS), f"{name}:{call.lineno}"
            assert called != "os.fork" or name == "predict/runtime/child.py", f"{name}:{call.lineno}"
            if called.startswith("subprocess."):
                assert {"cwd", "env"} <= {word.arg for word in call.keywords}, f"{name}:{call.lineno}"
            if called == "shutil.which":
                assert name == "ground/child/process.py", f"{name}:{call.lineno}"
    assert starters == ["ground/child/process.py"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Starts a worker from its source."""
    with ExitStack() as started:

        def one(code: str, **options: Any) -> Child:
            worker = tmp_path / "worker.py"
            worker.write_text(textwrap.dedent(code))
            return started.enter_context(Child("the worker", worker, **{"bounds": Bounds(), **options}))

        yield one


def gone(pid: int) -> bool:
    """Whether a process has ended, within a few seconds."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


ECHO = """
    import os, sys
    def answer(request, parts):
        print(*request.get("say", ()))
        sys.stdout.flush()
        return {"folder": os.getcwd(), "temporary": os.environ["TMPDIR"], **request}, parts
"""


def test_questions_and_answers_with_what_was_said_meanwhile(start: Callable[..., Child]) -> None:
    child = start(ECHO)
    reply, parts = child.exchange({"say": ["one"]}, b"xyz", np.arange(3, dtype="<i2"), timeout_s=20)
    assert (reply["say"], parts) == (["one"], [b"xyz", b"\0\0\1\0\2\0"])
    assert child.said() == "one\n"
    child.exchange({"say": ["two"]}, timeout_s=20)
    assert child.said() == "two\n"
    folder = Path(reply["folder"])
    assert reply["temporary"] == str(folder)
    assert folder.is_dir()
    child.close()
    child.close()
    assert not folder.exists()
    assert child.closed
    assert not child.alive


def test_an_error_in_a_worker_is_an_answer(start: Callable[..., Child]) -> None:
    child = start("def answer(request, parts): raise SystemExit('no' * 2000)")
    reply, parts = child.exchange({}, timeout_s=20)
    assert (reply["error"], len(reply["text"]), parts) == ("SystemExit", 2000, [])
    assert child.alive


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("raise SystemExit('no numpy here')", 1, r"the worker ended \(status 1\): no numpy here"),
        ("import os; os.kill(os.getpid(), 11)", -11, r"the worker ended \(stopped by SIGSEGV\)"),
        ("import os; os.kill(os.getpid(), 40)", -40, r"the worker ended \(stopped by signal 40\)"),
        (
            "import os, time; os.write(1, b'\\xff' * 9); time.sleep(60)",
            None,
            r"\(status None\): frame header of 4294967295",
        ),
        ("import os, time; os.write(1, b'\\2\\0\\0\\0{}'); time.sleep(60)", None, r"frame with parts of None bytes"),
    ],
)
def test_last_words(start: Callable[..., Child], code: str, status: int | None, words: str) -> None:
    child = start(code)
    with pytest.raises(ChildError, match=words) as caught:
        child.exchange({}, timeout_s=20)
    assert caught.value.status == status
    assert not caught.value.late
    assert not child.alive


def test_time_is_limited_for_all_that_a_child_started(start: Callable[..., Child], tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    child = start(f"""
        import subprocess
        other = subprocess.Popen(["sleep", "60"])
        open({str(noted)!r}, "w").write(str(other.pid))
        other.wait()
    """)
    with pytest.raises(ChildError) as caught:
        child.exchange({}, timeout_s=1.5)
    assert caught.value.late
    assert gone(int(noted.read_text()))


def test_memory_files_and_answers_are_limited(start: Callable[..., Child]) -> None:
    code = """
        def answer(request, parts):
            if request["do"] == "allocate":
                bytearray(2 ** 30)
            if request["do"] == "write":
                with open("large", "wb", 0) as file:
                    file.write(bytes(3000)), file.write(bytes(1))
            return {}, [bytes(request["bytes"])]
    """
    child = start(code, bounds=Bounds(512 * 2**20, file_bytes=2000, answer_bytes=1000, processor_s=60))
    assert child.exchange({"do": "allocate", "bytes": 1}, timeout_s=20)[0]["error"] == "MemoryError"
    assert child.exchange({"do": "write", "bytes": 1}, timeout_s=20)[0]["error"] == "OSError"
    assert child.exchange({"do": "", "bytes": 1000}, timeout_s=20)[1] == [bytes(1000)]
    with pytest.raises(ChildError, match="frame of 1001 bytes, over its limit of 1000"):
        child.exchange({"do": "", "bytes": 1001}, timeout_s=20)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a limit of memory holds on Linux")
@pytest.mark.parametrize(
    "death", ["bytearray(2**30)", "os.abort()", "os.kill(os.getpid(), 9)", "os.write(2, b'bad_alloc'), os._exit(1)"]
)
def test_what_a_small_machine_lacks_is_no_fault_of_a_file(tmp_path: Path, death: str) -> None:
    """A child that may not have what it is allowed to take dies of that; one that may, of what it was asked."""
    worker, parent = tmp_path / "worker.py", tmp_path / "parent.py"
    worker.write_text(f"import os, sys\ndef answer(request, parts):\n    {death}\n    return {{}}, []\n")
    parent.write_text(f"""
from pathlib import Path
from tinykit.ground.child.process import Bounds, Child
from tinykit.ground.errors import judge_failure
try:
    with Child("the worker", Path({str(worker)!r}), bounds=Bounds(900 * 2**20)) as child:
        print(child.exchange({{}}, timeout_s=60))
except Exception as error:
    print(type(error).__name__, *judge_failure(error))
""")
    said = []
    for kilobytes in (600_000, 2_000_000):
        line = ["/bin/sh", "-c", f'ulimit -v {kilobytes}; exec "$@"', "sh", sys.executable, str(parent)]
        done = subprocess.run(
            line, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        said.append(done.stdout)
    assert said[0].startswith("EngineError 3 the worker cannot allocate memory: 585 MiB of address space are what this")
    assert "`ulimit -v`); allow it 900 MiB" in said[0]
    killed = (
        "ChildError 3 the worker ended (stopped by SIGKILL)" if "kill" in death else "ChildError 2 the worker ended ("
    )
    assert said[1].startswith("({'error': 'MemoryError'" if "bytearray" in death else killed)


def test_a_child_inherits_no_handle(start: Callable[..., Child], tmp_path: Path) -> None:
    with (tmp_path / "secret").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        code = f"""
            import os
            def answer(request, parts):
                return {{"open": os.path.exists("/proc/self/fd/{file.fileno()}")}}, []
        """
        assert start(code).exchange({}, timeout_s=20)[0] == {"open": False}


def test_a_child_has_a_home_of_its_own_and_no_network(start: Callable[..., Child]) -> None:
    code = """
        import os, socket
        from pathlib import Path
        def answer(request, parts):
            try:
                socket.create_connection(("127.0.0.1", request["port"]), 2).close()
                said = "connected"
            except OSError as error:
                said = str(error)
            return {"said": said, "home": str(Path.home()), "folder": os.getcwd()}, []
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        child = start(code)
        told = child.exchange({"port": server.getsockname()[1]}, timeout_s=20)[0]
    assert told["home"] == told["folder"]
    assert (told["said"] == "connected") == bool(child.list_gaps())  # where the kernel does not allow it, it is said
    assert all("this system does not allow that" in one for one in child.list_gaps())


def test_what_a_system_cannot_hold_a_child_to_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "_gaps", [])
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("ctypes.CDLL", lambda _: None)
    inside.limit({})
    inside.leave_network()
    assert [one.partition(":")[0] for one in inside._gaps] == [
        "its memory and files have no limit that this system is known to keep; its time has",
        "it is not kept from the network",
    ]


def test_the_end_of_its_time_is_told_from_an_end_by_the_system(start: Callable[..., Child]) -> None:
    """SIGKILL is the system's, or a second after what it is told first."""
    child = start("def answer(request, parts):\n    while True: pass", bounds=Bounds(processor_s=1))
    with pytest.raises(ChildError, match="stopped by SIGXCPU"):
        child.exchange({}, timeout_s=60)
    deaf = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"
    child = start(f"{deaf}def answer(request, parts):\n    while True: pass", bounds=Bounds(processor_s=1))
    with pytest.raises(ChildError, match="stopped by SIGKILL"):
        child.exchange({}, timeout_s=60)


def test_a_question_that_was_broken_off_leaves_no_answer_behind(
    start: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start(ECHO)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(inside, "read_frame", interrupt)
        with pytest.raises(KeyboardInterrupt):
            child.exchange({"of": "one"}, timeout_s=20)
    with pytest.raises(ChildError, match="stopped by SIGKILL"):
        child.exchange({"of": "another"}, timeout_s=20)


@pytest.mark.parametrize("by_the_system", [True, False])
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="what has ended is read from /proc")
def test_a_child_dies_with_its_parent_even_in_the_middle_of_an_answer(tmp_path: Path, by_the_system: bool) -> None:
    worker, noted, parent = tmp_path / "worker.py", tmp_path / "pid", tmp_path / "parent.py"
    worker.write_text(f"""
import os
def answer(request, parts):
    open({str(noted)!r}, "w").write(str(os.getpid()))
    while True:
        pass
""")
    parent.write_text(f"""
import threading, time
from pathlib import Path
from tinykit.ground.child import process
from tinykit.ground.child.process import Bounds, Child
if not {by_the_system}:
    process.SYSTEM_ENDS_IT, process._tie = False, lambda *_: None
children = []
def ask():
    children.append(Child("the worker", Path({str(worker)!r}), bounds=Bounds()))
    children[0].exchange({{}}, timeout_s=60)
threading.Thread(target=ask).start()
time.sleep(60)
""")
    with subprocess.Popen(
        [sys.executable, str(parent)], env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    ) as started:
        try:
            for _ in range(1000):
                if noted.exists() and noted.read_text():
                    break
                time.sleep(0.02)
            child = int(noted.read_text())
            assert not Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].startswith(" Z")
        finally:
            started.kill()
    assert gone(child)


def test_a_fork_has_no_say_in_its_parents_child(start: Callable[..., Child]) -> None:
    child = start(ECHO)
    folder = Path(child.exchange({}, timeout_s=20)[0]["folder"])
    if (pid := os.fork()) == 0:
        child.close()
        os._exit(child.alive)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert folder.is_dir()
    assert child.exchange({"still": "here"}, timeout_s=20)[0]["still"] == "here"


def test_a_child_that_cannot_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(EngineError, match=r"the worker could not be started: .* '/nowhere/python'"):
        Child("the worker", tmp_path / "none.py", bounds=Bounds())
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_child_needs_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    words = r"^the worker could not be started: no folder for it can be made \(No such file.*\)\nset TMPDIR to a folder"
    with pytest.raises(EngineError, match=words):
        Child("the worker", tmp_path / "none.py", bounds=Bounds())


def test_programs(tmp_path: Path) -> None:
    shell = ["/bin/sh", "-c"]
    done = run_program(
        [*shell, "pwd; echo $OWN $PYTHONPATH; echo sorry >&2; exit 3"],
        timeout_s=20, bounds=Bounds(), folder=tmp_path, OWN="1",
    )  # fmt: skip
    assert done == Ended(3, f"{tmp_path}\n1\n".encode(), "sorry\n")
    endless = run_program([*shell, "yes"], timeout_s=20, bounds=Bounds(file_bytes=5000, answer_bytes=100))
    assert endless.printed == b"y\n" * 50
    late = run_program([*shell, "echo begun; sleep 60"], timeout_s=0.5, bounds=Bounds())
    assert (late.printed, late.status, late.late) == (b"begun\n", -9, True)
    with pytest.raises(EngineError, match="/nowhere/cc could not be started"):
        run_program(["/nowhere/cc"], timeout_s=1, bounds=Bounds())


class TestFrames:
    def test_round_trip(self) -> None:
        stream = io.BytesIO()
        inside.write_frame(stream, {"a": 1}, [b"xyz", np.zeros((0, 4)), np.eye(2, dtype=np.int8)])
        assert inside.read_frame(io.BytesIO(stream.getvalue())) == ({"a": 1}, [b"xyz", b"", b"\1\0\0\1"])
        with pytest.raises(EOFError, match="stream ended 1 bytes early"):
            inside.read_frame(io.BytesIO(stream.getvalue()[:-1]))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (b"[]", "not a JSON object"),
            (b"{}", "parts of None bytes"),
            (b'{"parts": [-1]}', r"parts of \[-1\] bytes"),
            (b'{"parts": [true]}', r"parts of \[True\] bytes"),
            (b'{"parts": [2147483649]}', "frame of 2147483649 bytes, over its limit"),
            (b"{", "Expecting property name"),
            (b"[" * 100_000, "nested too deep"),
        ],
    )
    def test_hostile_frames(self, text: bytes, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            inside.read_frame(io.BytesIO(struct.pack("<I", len(text)) + text))

    def test_no_frame_at_all(self) -> None:
        with pytest.raises(ValueError, match="frame header of 4294967295 bytes"):
            inside.read_frame(io.BytesIO(b"\xff" * 20))
        with pytest.raises(EOFError, match="ended 3 bytes early"):
            inside.read_frame(io.BytesIO(b"\1"))


class TestWarmChild:
    def test_it_is_kept_and_replaced_when_worn(self, start: Callable[..., Child]) -> None:
        warm = WarmChild(lambda: start(ECHO), uses=2)
        folders = [warm.ask(lambda child: child.exchange({}, timeout_s=20)[0]["folder"]) for _ in range(4)]
        assert (folders[0], folders[2]) == (folders[1], folders[3])
        assert folders[0] != folders[2]
        warm.close()

    def test_a_used_child_that_was_late_is_not_asked_again(self, start: Callable[..., Child]) -> None:
        started: list[Child] = []
        warm = WarmChild(
            lambda: (
                started.append(
                    start("""
            import time
            def answer(request, parts):
                time.sleep(request["s"])
                return {}, []
        """)
                )
                or started[-1]
            )
        )
        warm.ask(lambda child: child.exchange({"s": 0}, timeout_s=20))
        with pytest.raises(ChildError):
            warm.ask(lambda child: child.exchange({"s": 60}, timeout_s=0.5))
        assert len(started) == 1
