"""Child processes take nothing from the current folder, and neither modules nor settings from the environment."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinykit.ground import isolation
from tinykit.predict.runtime import Session
from tinykit.train.conversion import convert, inspect_keras_file, save_model
from tinykit.train.conversion.start_child import adopt_package
from tinykit.train.keras import load_keras

ROOT = Path(__file__).resolve().parents[1]
PLANTED = "numpy json re h5py tensorflow tf_keras tflite_micro tinykit sitecustomize usercustomize".split()
OTHER_DOORS = (
    *("subprocess.c", "subprocess.get", "multiprocessing.", "os.exec", "os.spawn", "os.posix_spawn"),
    *("os.system", "os.popen", "shutil.which"),
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
    settings = {"PYTHONPATH": "x", "PYTHONSTARTUP": "x", "HDF5_PLUGIN_PATH": "x", "KEPT": "y"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin", str(tmp_path)]))
    given = isolation.child_environment(OWN="1")
    assert given["PATH"] == str(tmp_path)
    assert (given["KEPT"], given["OWN"]) == ("y", "1")
    assert not given.keys() & settings.keys() - {"KEPT"}
    code = "import sys, json; print(json.dumps([sys.flags.isolated, sys.path, sys.argv[1:]]))"
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run(isolation.python_command(script, 7, tmp_path), capture_output=True, check=True, cwd=tmp_path)
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
    assert isolation.find_program("a-compiler") is None
    monkeypatch.setenv("PATH", os.pathsep.join([".", str(tmp_path / "bin")]))
    assert isolation.find_program("a-compiler") == str(tmp_path / "bin" / "a-compiler")


def calls_of(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


def test_every_process_of_the_package_has_a_folder_and_an_environment_of_its_own() -> None:
    seen: list[Any] = []
    for path in sorted((ROOT / "tinykit").rglob("*.py")):
        for call in calls_of(path):
            called, given = ast.unparse(call.func), {word.arg for word in call.keywords}
            if called in ("subprocess.run", "subprocess.Popen"):
                seen.append(path)
                # the emulating child is isolated itself: what it starts has its environment
                wanted = {"cwd"} if path.name == "child.py" else {"cwd", "env"}
                assert wanted <= given, f"{path}:{call.lineno}"
            if path.name != "isolation.py":
                assert not called.startswith(OTHER_DOORS), f"{path}:{call.lineno}"
    assert len(seen) >= 8
