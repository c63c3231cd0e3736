"""Folders of strangers: SavedModels, earlier exports, the store of own rows, and files that lie beside a model."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.case import ROOT, Case, Draw, kind, rarely
from tests.fuzz.kind_tables import BOARD, COLUMNS, MODEL, list_texts, validate_rows
from tests.fuzz.mutating import NAMES, mutate_bytes, mutate_text, mutate_tree, mutate_wire
from tests.fuzz.telling import FaultError
from tinykit.budget.assessment.chain import assess
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.check import check_fit
from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate
from tinykit.ground.writing import scratch
from tinykit.handover.deployment.targets import deploy
from tinykit.model.graph.reading import read
from tinykit.model.readings import Reading, keep_readings, list_readings, name_damaged
from tinykit.predict.latency.measured import list_own, name_damage, undo_own
from tinykit.predict.npu.compiling import compile_for_npu
from tinykit.predict.validation.compare import calibrate
from tinykit.target.boards import board as find_board
from tinykit.target.devices import find_sensor
from tinykit.target.target import Target
from tinykit.train.conversion.converting import convert
from tinykit.train.conversion.saved_model import copy_saved_model

# SavedModels

BASE = ROOT / "build" / "fuzz-saved-model"
OPERATORS = (
    "ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "LoadDataset", "RestoreV2", "SaveV2", "MatMul", "While", "If",
    "StatefulPartitionedCall", "TPUExecute", "HashTableV2", "PrintV2", "_ListToArray", "Const", "XlaCallModule",
)  # fmt: skip
MAKE = """
import sys, tensorflow as tf
class Net(tf.Module):
    def __init__(self):
        self.w = tf.Variable(tf.ones((4, 3)), name="w")
    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def __call__(self, x):
        return tf.nn.relu(x @ self.w)
net = Net()
tf.saved_model.save(net, sys.argv[1], signatures=net.__call__)
"""
PARTS = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")


@functools.cache
def saved_model() -> dict[str, bytes]:
    """A SavedModel of one layer, as TensorFlow writes it; made once and kept beside the build."""
    if not (BASE / PARTS[0]).is_file():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-c", MAKE, f"{folder}/made"], check=True, capture_output=True)
            BASE.parent.mkdir(exist_ok=True)
            with contextlib.suppress(OSError):  # another process was quicker
                shutil.copytree(f"{folder}/made", f"{BASE}-{os.getpid()}")
                os.rename(f"{BASE}-{os.getpid()}", BASE)
    return {f"model/{name}": (BASE / name).read_bytes() for name in PARTS}


def copy_folder(path: Path) -> None:
    with scratch("fuzz-") as folder:
        copy_saved_model(path.parent, folder)


def convert_folder(path: Path) -> None:
    convert(path.parent, precision="float32")


@kind(copy_folder, rarely(convert_folder, 3), rarely("inspect model", 12), share=0.6)
def savedmodel(draw: Draw) -> Case:
    files = dict(saved_model())
    name = draw.choose([*files], (12, 1, 1))
    data = files[name]
    if name.endswith(".pb") and draw.chance(0.85):
        files[name] = mutate_wire(draw, data, (*NAMES[:8], *OPERATORS, *OPERATORS))
    else:
        files[name] = mutate_bytes(draw, data)
    if draw.chance(0.05):
        del files[draw.choose([*files][1:])]
    return Case(files.pop("model/saved_model.pb"), "model/saved_model.pb", files)


# an earlier export, whose list of files is a stranger's


@functools.cache
def export() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model.tflite")
        model.write_bytes(MODEL["model.tflite"])
        done = deploy(model, Path(folder, "export"), target="c")
        return {f"export/{name}": (done.folder / name).read_bytes() for name in done.files}


def deploy_again(path: Path) -> None:
    """Onto a copy of the folder, which is the user's to write."""
    shutil.rmtree("out/export", ignore_errors=True)
    shutil.copytree(path.parent, "out/export")
    deploy(path.parents[1] / "model.tflite", Path("out", "export"), target="c")


@kind(deploy_again, share=1)
def earlier_export(draw: Draw) -> Case:
    files = dict(export())
    listed = files.pop("export/deployment.json")
    if draw.chance(0.7):
        told = mutate_tree(draw, json.loads(listed))
        if isinstance(told, dict) and isinstance(told.get("files"), dict) and draw.chance(0.5):
            told["files"][draw.choose((*NAMES[:12], "../../owned", "/etc/passwd"))] = "0" * 64
        listed = json.dumps(told).encode()
    else:
        listed = mutate_text(draw, listed.decode())
    if draw.chance(0.1):
        listed = b'{"files": ' + b"[" * 100_000
    return Case(listed, "export/deployment.json", {**files, **MODEL})


# own rows, as `calibrate` keeps them


@functools.cache
def store() -> str:
    """What `calibrate` writes of three rows."""
    rows = [",".join(COLUMNS)]
    rows += [
        f"{BOARD},Cortex-M4,120,tflm-cmsis-nn -O3,net{n},int8,model.tflite,{9 + n},400,3.3,4096," for n in range(3)
    ]
    before = os.environ.get("TINYKIT_CALIBRATION")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TINYKIT_CALIBRATION"] = folder
        try:
            Path(folder, "model.tflite").write_bytes(MODEL["model.tflite"])
            Path(folder, "rows.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
            return calibrate(Path(folder, "rows.csv"), find_board(BOARD)).path.read_text(encoding="utf-8")
        finally:
            os.environ.pop("TINYKIT_CALIBRATION")
            os.environ.update({"TINYKIT_CALIBRATION": before} if before is not None else {})


def use_store(path: Path) -> None:
    """A board can be asked about whatever its store holds, and the store listed and taken back."""
    own = Path(os.environ["TINYKIT_CALIBRATION"])
    own.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, own / f"{BOARD}.toml")
    json.dumps(check_fit(path.with_name("model.tflite"), BOARD, use_engine=False).to_json(), allow_nan=False)
    for one in list_own():
        name_damage(one.stem)


def take_back(path: Path) -> None:
    with contextlib.suppress(ParameterError):
        undo_own(BOARD)


@kind(use_store, rarely("calibrate --list", 3), take_back, share=2)
def own_store(draw: Draw) -> Case:
    return Case(mutate_text(draw, store()), "store.toml", MODEL)


# figures read back, as `readback` keeps them

READ_BACK = ("nucleo-h743zi2", "x-cube-ai")


@functools.cache
def kept() -> str:
    """What `readback` keeps of a model: memory for a chip, a latency on a board."""
    said = {"arena": (9000.0, "byte"), "weights": (4000.0, "byte"), "code": (12_000.0, "byte"), "latency": (2e-3, "s")}
    readings = [
        Reading(name, READ_BACK[1], "8.1.0", "balanced", "stm32h743" if name != "latency" else READ_BACK[0],
                480e6 if name == "latency" else 0.0,
                Estimate(value, value, value, unit, "measured", runtime=READ_BACK[1], sources=("a report",)))
        for name, (value, unit) in said.items()
    ]  # fmt: skip
    before = os.environ.get("TINYKIT_WORKSPACE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TINYKIT_WORKSPACE"] = folder
        try:
            keep_readings("0" * 64, readings)
            return Path(folder, "readings", "0" * 64 + ".toml").read_text(encoding="utf-8")
        finally:
            os.environ.pop("TINYKIT_WORKSPACE")
            os.environ.update({"TINYKIT_WORKSPACE": before} if before is not None else {})


def use_readings(path: Path) -> None:
    """A model can be asked about whatever was kept of it, and what is kept be added to."""
    model = path.with_name("model.tflite")
    sha256 = read(model).sha256
    own = Path(os.environ["TINYKIT_WORKSPACE"], "readings", f"{sha256}.toml")
    own.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, own)
    name_damaged(sha256)
    target = Target(READ_BACK[0], runtime=READ_BACK[1], runtime_version="8.1.0", runtime_option="balanced")
    json.dumps(assess(model, target, Use(period_s=2.0, battery="cr2032")).to_json(), allow_nan=False)
    found = list_readings(sha256)
    keep_readings(sha256, found)
    if list_readings(sha256) != found or name_damaged(sha256):
        raise FaultError("verdict", f"{len(found)} figures that were kept are not those that are read again")


_ASKED = f"--board {READ_BACK[0]} --runtime {READ_BACK[1]} --runtime-version 8.1.0"


@kind(use_readings, rarely(f"fit model.tflite {_ASKED} --json", 4), rarely(f"budget model.tflite {_ASKED}", 6), share=2)
def readings(draw: Draw) -> Case:
    return Case(mutate_text(draw, kept()), "kept.toml", MODEL)


# tables beside other files


def validate_beside(path: Path) -> None:
    validate_rows(path.with_name("rows.csv"))


@kind(validate_beside, rarely("validate rows.csv --json", 4), share=2)
def operators_beside(draw: Draw) -> Case:
    """`model_operators.csv` beside rows of models that are not at hand."""
    head = "model_file,operator,input,weights,output,dtype,stride,padding,dilation,depth_multiplier"
    lines = ("gone.tflite,CONV_2D,1x25x5x64,64x1x1x64,1x25x5x64,int8,1x1,SAME,1x1,",
             "gone.tflite,DEPTHWISE_CONV_2D,1x25x5x64,1x3x3x64,1x25x5x64,int8,1x1,SAME,1x1,1",
             "gone.tflite,AVERAGE_POOL_2D,1x25x5x64,25x5,1x1x1x64,int8,1x1,VALID,1x1,",
             "gone.tflite,FULLY_CONNECTED,1x64,12x64,1x12,int8,,,,")  # fmt: skip
    row = f"{BOARD},Cortex-M4,120,tflm-cmsis-nn -O3,gone,int8,gone.tflite,20.0,400,3.3,22000,"
    text = mutate_text(draw, "\n".join([head, *lines]) + "\n")
    return Case(text, "model_operators.csv", {"rows.csv": "\n".join([",".join(COLUMNS), row, ""]).encode()})


def sense(path: Path) -> None:
    find_sensor(path)
    outlook = assess(
        path.with_name("model.tflite"), "nucleo-u575zi-q", Use(period_s=2.0, battery="cr2032", sensor=path)
    )
    json.dumps(outlook.to_json(), allow_nan=False)


@kind(sense, rarely("budget model.tflite --board nucleo-u575zi-q --sensor {file}", 6), share=2)
def sensor(draw: Draw) -> Case:
    (text,) = [one for one in list_texts("devices") if "[accelerometer]" in one]
    parts = [part for part in text.split("\n[") if "current" in part][1:]
    return Case(mutate_text(draw, draw.choose(parts).partition("]\n")[2]), "mine.toml", MODEL)


def compile_by(path: Path) -> None:
    own = {"system_config": "Ethos_U55_High_End_Dram", "memory_mode": "Dedicated_Sram_256KB"}
    compile_for_npu(path.with_name("model.tflite"), config_file=path, **own)


@kind(rarely(compile_by, 2), share=0.5)
def vela_ini(draw: Draw) -> Case:
    text = (ROOT / "data" / "npu" / "ethos_u55_dram.ini").read_text(encoding="utf-8")
    if draw.chance(0.2):
        text = text.replace("inherit=Memory_Mode.Dedicated_Sram", "inherit=Memory_Mode.Dedicated_Sram_256KB")
    return Case(mutate_text(draw, text), "mine.ini", MODEL)
