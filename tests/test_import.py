"""`import tinykit` is quick: it loads no room, and no room loads a package it does not need."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

import tinykit

HEAVY = ("tensorflow", "tf_keras", "keras", "tensorflow_model_optimization", "matplotlib", "ipywidgets", "IPython")
HEAVY += ("tflite_micro", "ai_edge_litert", "ethosu", "sklearn", "pandas", "scipy")
# The telling and the faces are the rooms that may draw and show.
MAY_LOAD = {
    "show.plots": {"matplotlib"},
    "show.report": {"matplotlib"},
    "show.panels": {"matplotlib", "ipywidgets", "IPython"},
}


def rooms() -> list[str]:
    found = pkgutil.walk_packages(tinykit.__path__, prefix="tinykit.")
    return sorted(room.name for room in found if not room.name.endswith("__main__"))


def home(module: str) -> str:
    """The wing and the room of a module: "show.plots" of "tinykit.show.plots.style"."""
    return ".".join(module.split(".")[1:3])


def run_python(program: str) -> str:
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_importing_the_package_loads_no_room_and_nothing_heavy():
    loaded = set(json.loads(run_python("import tinykit, sys, json; print(json.dumps(list(sys.modules)))")))
    assert {name for name in loaded if name.startswith("tinykit.")} == {"tinykit.ground", "tinykit.ground.doors"}
    assert not loaded & {*HEAVY, "numpy", "jinja2", "flatbuffers"}


def test_no_room_loads_a_heavy_package_it_has_no_business_with():
    order = sorted(rooms(), key=lambda room: home(room) in MAY_LOAD)
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
        assert set(loaded) <= MAY_LOAD.get(home(room), set()), f"importing {room} loads {loaded}"


def test_importing_prints_nothing_and_warns_nothing():
    program = f"import importlib\nfor room in {rooms()!r}: importlib.import_module(room)"
    result = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


DOORS = ["tinykit", *(f"tinykit.{wing.name}" for wing in pkgutil.iter_modules(tinykit.__path__) if wing.ispkg)]


@pytest.mark.parametrize("door", DOORS)
def test_every_name_at_a_door_is_behind_it(door: str):
    package = importlib.import_module(door)
    assert package.__all__ == sorted(set(package.__all__))
    for name in package.__all__:
        assert getattr(package, name) is not None, name
    assert dir(package) == sorted(dir(package))
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("door", DOORS)
def test_no_name_at_a_door_is_a_room_too(door: str):
    """Importing a room binds it on its wing: a function of the same name would be hidden by it."""
    package = importlib.import_module(door)
    rooms = {room.name for room in pkgutil.iter_modules(package.__path__)}
    assert not rooms & set(package.__all__)


def test_a_name_of_the_contract_is_at_the_top():
    wanted = "read board boards check_fit check_fit_all predict_latency predict_arena predict_energy Estimate".split()
    assert {*wanted, "virtual_board", "TinykitError", "UnknownRuntimeError"} <= set(tinykit.__all__)
    assert len(tinykit.boards()) > 0


def test_a_panel_is_loaded_alone():
    program = "from tinykit.show import FitPanel; import sys, json; print(json.dumps(list(sys.modules)))"
    loaded = {name for name in json.loads(run_python(program)) if name.startswith("tinykit.show.panels.")}
    assert loaded == {f"tinykit.show.panels.{one}" for one in ("controls", "memory", "shell")}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tinykit' has no attribute 'bord'"):
        tinykit.bord  # noqa: B018
