"""Every command that writes, by the table of commands: onto what is no file or folder of its own it writes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.models import small_cnn
from tests.st_reports import Said, write
from tests.test_arena_offline import visual_wake_words
from tests.test_fix import dilated
from tests.test_striping import image_cnn
from tests.test_writing import link_to_folder, listen
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.handover.deployment.targets import TARGETS
from tinykit.handover.readback.matching import digest_of
from tinykit.model.graph.reading import read
from tinykit.model.readings import list_readings
from tinykit.predict.latency.measured import read_own
from tinykit.show.cli.main import main

COMMANDS = {one["name"]: one for one in read_toml(shipped_path("data", "commands.toml"))["commands"]}
ROWS = (
    "board,core,clock_mhz,stack,model_name,precision,model_file_path_local,latency_ms\n"
    "NUCLEO-L4R5ZI,cortex-m4,120,TFLM (CMSIS-NN) -O3,cnn,int8,model.tflite,1.2\n"
)
SHIPPED = shipped_path("data", "checkpoints", "watch-exercises", "int8.tflite")
BOARD = "board new --mcu STM32L412KB --core cortex-m4 --out OUT.toml"
FILES = {
    "lint": ["lint dilated.tflite --fix --out OUT"],
    "import": ["import model.tflite --out OUT"],
    "pack": ["pack model.tflite --out OUT", "pack grid.tflite --grid --out OUT"],
    "plan": ["plan vww.tflite --out OUT", "plan image.tflite --stripes --most-latency 0.15 --out OUT"],
    "board": [BOARD],
}
"""Commands that write one file, `OUT`; more than one line where they write it in more than one way."""
FOLDERS = {
    "deploy": [f"deploy model.tflite --target {target} --out OUT" for target in TARGETS],
    "design": ["design --out OUT"],
    "notebooks": ["notebooks OUT"],
    "explore": ["explore --study OUT --trials 2"],
    "workshop reset": ["workshop reset --workspace OUT"],
    "workshop bundle": ["workshop bundle --out OUT"],
}
STORES = {
    "readback": ("readback report.txt --model model.tflite", "readings"),
    "calibrate": ("calibrate rows.csv --board nucleo-l4r5zi", "calibration"),
}
"""Commands that keep what they read, in a file of that folder of the workspace."""
SILENT = {"boards", "inspect", "verify", "fit", "compare", "budget", "validate", "run", "ledger"}
SILENT |= {"workshop check", "workshop serve"}
"""Commands that write nothing but to a temporary folder or the cache of programs."""


@pytest.fixture
def place(tmp_path, monkeypatch, tinykit_workspace):
    """A folder with all that the commands take, which is the current one, and a workspace of its own."""
    monkeypatch.chdir(tmp_path)
    model = small_cnn()
    made = {"model": model, "dilated": dilated(), "vww": visual_wake_words(), "image": image_cnn()}
    made["grid"] = SHIPPED.read_bytes()
    for name, data in made.items():
        (tmp_path / f"{name}.tflite").write_bytes(data)
    (tmp_path / "rows.csv").write_text(ROWS)
    graph = read(model)
    (tmp_path / "report.txt").write_text(write(Said(md5=digest_of(model), macc=graph.macs, weights=graph.weight_bytes)))
    return tmp_path


def look(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What lies below a folder: kind and rights, place on the disk, time of the last change."""
    found = {one: one.lstat() for one in folder.rglob("*")}
    return {str(one): (at.st_mode, at.st_ino, at.st_mtime_ns if not one.is_dir() else 0) for one, at in found.items()}


def test_every_command_is_here():
    """A command that is new is to say what it writes, and to be tried."""
    assert {*FILES, *FOLDERS, *STORES} | SILENT == COMMANDS.keys()
    assert not {*FILES, *FOLDERS, *STORES} & SILENT
    for name, command in COMMANDS.items():
        options = [one for one in command["options"] if isinstance(one, dict)]
        writes = [one["name"] for one in options if one["name"] == "--out" or one.get("metavar") == "DIR"]
        assert bool(writes) == (name in FILES or name in FOLDERS), name


LINES = [line for lines in (*FILES.values(), *FOLDERS.values()) for line in lines]
ELSEWHERE = ("design", "explore", "workshop")
"""What they write is looked at where they are tested: it takes long, or is there before them."""


def name_of(line: str) -> str:
    """The command that a line begins with."""
    return next(name for name in COMMANDS if f"{line} ".startswith(f"{name} "))


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("kind", ["link", "link to a folder", "pipe", "socket", "other"])
def test_what_is_no_place_for_it_stays(place, capsys, line, kind):
    folder = name_of(line) in FOLDERS
    path = place / ("OUT.toml" if line.endswith(".toml") else "OUT")
    make = {
        "link": lambda: path.symlink_to(path.with_name("elsewhere")),
        "link to a folder": lambda: link_to_folder(path),
        "pipe": lambda: os.mkfifo(path),
        "socket": lambda: listen(path),
        "other": path.touch if folder else path.mkdir,
    }[kind]
    make()
    before = look(place)
    assert main(line.split()) == 2
    said = capsys.readouterr().err
    assert path.name in said
    assert said.count("\n") <= 3
    assert "exists" in said or " is a " in said
    assert look(place) == before


@pytest.mark.parametrize("line", [line for line in LINES if line.split()[0] not in ELSEWHERE])
def test_where_nothing_is_it_writes_there_and_nowhere_else(place, capsys, line):
    before = look(place)
    status = main(line.split())
    assert status == 0, capsys.readouterr().err
    new = look(place).keys() - before.keys()
    out = str(place / ("OUT.toml" if line.endswith(".toml") else "OUT"))
    assert out in new
    assert {name for name in new if not f"{name}/".startswith((f"{out}/", f"{place}/workspace/"))} == set()
    assert not (line.split()[0] in FILES and Path(out).is_dir())


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("kind", ["link", "pipe", "socket", "folder"])
def test_a_store_that_is_no_file_stays(place, capsys, name, kind):
    line, folder = STORES[name]
    assert main(line.split()) == 0, capsys.readouterr().err
    (path,) = (place / "workspace" / folder).glob("*.toml")
    path.unlink()
    for beside in path.parent.iterdir():
        beside.unlink()
    {
        "link": lambda: path.symlink_to(path.with_name("elsewhere")),
        "pipe": lambda: os.mkfifo(path),
        "socket": lambda: listen(path),
        "folder": path.mkdir,
    }[kind]()
    before = look(place / "workspace")
    assert main(line.split()) == 2
    assert path.name in capsys.readouterr().err
    after = look(place / "workspace")
    assert {name: after[name] for name in before} == before
    assert not list_readings(read("model.tflite").sha256)
    assert not read_own("nucleo-l4r5zi")
    assert np.all([one.endswith((".before", ".toml")) for one in after if not Path(one).is_dir()])
