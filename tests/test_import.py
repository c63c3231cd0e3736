"""`import tinykit` is quick: it loads no room, and no room loads a package it does not need."""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tinykit

HEAVY = ("tensorflow", "tf_keras", "keras", "tensorflow_model_optimization", "matplotlib", "ipywidgets", "IPython")
HEAVY += ("tflite_micro", "ai_edge_litert", "ethosu", "sklearn", "pandas", "scipy")
# The telling and the faces are the rooms that may draw and show.
MAY_LOAD = {
    "plots": {"matplotlib"},
    "report": {"matplotlib"},
    "design": {"matplotlib"},
    "explore": {"matplotlib"},
    "panels": {"matplotlib", "ipywidgets", "IPython"},
}


def rooms() -> list[str]:
    found = pkgutil.walk_packages(tinykit.__path__, prefix="tinykit.")
    return sorted(room.name for room in found if not room.name.endswith("__main__"))


def run_python(program: str) -> str:
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_importing_the_package_loads_no_room_and_nothing_heavy():
    loaded = set(json.loads(run_python("import tinykit, sys, json; print(json.dumps(list(sys.modules)))")))
    assert {name for name in loaded if name.startswith("tinykit.")} == {"tinykit.errors"}
    assert not loaded & {*HEAVY, "numpy", "jinja2", "flatbuffers"}


def test_no_room_loads_a_heavy_package_it_has_no_business_with():
    order = sorted(rooms(), key=lambda room: room.split(".")[1] in MAY_LOAD)
    program = f"""
import importlib, json, sys
found, before = {{}}, set()
for room in {order!r}:
    importlib.import_module(room)
    found[room] = sorted(set({HEAVY!r}) & set(sys.modules) - before)
    before = set(sys.modules)
print(json.dumps(found))
"""
    for room, loaded in json.loads(run_python(program)).items():
        assert set(loaded) <= MAY_LOAD.get(room.split(".")[1], set()), f"importing {room} loads {loaded}"


def test_importing_prints_nothing_and_warns_nothing():
    program = f"import importlib\nfor room in {rooms()!r}: importlib.import_module(room)"
    result = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_names_of_the_contract_come_from_their_rooms():
    for name in ("Estimate", "Fact", "read", "board", "check_fit", "check_fit_all", "predict_arena"):
        assert callable(getattr(tinykit, name))
    for name in ("predict_latency", "predict_energy"):
        assert callable(getattr(tinykit, name))
    assert isinstance(tinykit.fit, ModuleType)


def test_type_checkers_see_the_names_that_load_lazily():
    source = Path(tinykit.__file__).read_text(encoding="utf-8")
    seen = re.findall(r"^    from tinykit\.(\w+) import (.+)$", source, re.M)
    names = {name.split(" as ")[0]: room for room, line in seen for name in line.split(", ")}
    assert names == tinykit._ROOMS_OF_NAMES


def test_boards_is_the_room_and_the_function():
    program = """
import tinykit as tk
before = tk.boards()
import tinykit.boards
from tinykit.boards import board
assert tk.boards() == before and tk.boards.board is board and len(before) > 0
"""
    run_python(program)


def test_every_room_and_name_is_listed():
    listed = dir(tinykit)
    assert {"Estimate", "read", "boards", "TinykitError", "quantity", "facts"} <= set(listed)
    assert listed == sorted(listed)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tinykit' has no attribute 'bord'"):
        tinykit.bord  # noqa: B018
