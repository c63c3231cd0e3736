"""Where a wheel is missing, as TFLM's interpreter is everywhere but on Linux x86-64: what works, and how it says so.

The commands run for real, in an environment of links to everything that is installed but that wheel.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.codegen_graphs import random_model
from tests.models import small_cnn
from tests.packing_models import thin_out, wide_cnn
from tinykit.ground.errors import EngineError
from tinykit.predict.runtime.reference import LITERT, TFLM, explain_absence, reference_engine, require_tflm
from tinykit.show.workshop.checking import read_room

ROOT = Path(__file__).resolve().parents[1]
INTERPRETER = ("tflite_micro",)
EMULATOR = ("unicorn", "ziglang", "bakenn")
NEEDS = read_room()["notebooks"]
NOTEBOOKS = [path for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if "tflm" not in NEEDS[path.stem]]
"""Those that do not score or compare in TFLM itself."""
CELLS = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        shell.run_cell("".join(cell["source"])).raise_error()
"""


def environment(folder: Path, missing: tuple[str, ...]) -> Path:
    """An interpreter with links to all that is installed but some packages, and this checkout."""
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True)
    base = Path(sys._base_executable)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(base)
    for entry in (
        entry for place in sys.path if Path(place).name == "site-packages" for entry in Path(place).iterdir()
    ):
        if not entry.name.startswith(missing) and entry.suffix != ".pth" and not (site / entry.name).exists():
            (site / entry.name).symlink_to(entry)
    (site / "checkout.pth").write_text(f"{ROOT}\n")
    return python


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("bare"), INTERPRETER)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    path.write_bytes(small_cnn())
    return path


def ask(python: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    own = {"TINYKIT_WORKSPACE": str(folder / "work"), "TINYKIT_CALIBRATION": str(folder / "own"), "MPLBACKEND": "agg"}
    return subprocess.run(
        [python, "-I", *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, **own, "TINYKIT_GUESS": "auto"},
    )  # fmt: skip


def say(python: Path, folder: Path, *arguments: object) -> str:
    """What a command prints that is done."""
    done = ask(python, folder, "-m", "tinykit", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_environment_lacks_the_interpreter_and_nothing_else(bare, tmp_path):
    names = ("tflite_micro", "ai_edge_litert", "tinykit")
    seen = f"import importlib.util as u; print([u.find_spec(name) is None for name in {names}])"
    assert ask(bare, tmp_path, "-c", seen).stdout.strip() == "[True, False, False]"


@pytest.mark.parametrize(("target", "marked"), [("tflm", "src/golden_vectors.h"), ("c", "src/golden_vectors.h")])
def test_golden_vectors_are_marked_and_are_those_of_tflm(bare, tmp_path, model, target, marked):
    said = say(bare, tmp_path, "deploy", model, "--target", target, "--out", tmp_path / "there")
    assert "3 golden vectors from LiteRT's reference kernels" in said
    assert f"- {LITERT.note}" in said
    assert json.loads((tmp_path / "there/deployment.json").read_text())["golden_engine"] == "litert-reference"
    for name in (marked, "README.md"):
        assert LITERT.note in (tmp_path / "there" / name).read_text()
    say(Path(sys.executable), ROOT, "deploy", model, "--target", target, "--out", tmp_path / "here")
    here, there = ((tmp_path / place / marked).read_text().split("#include")[1] for place in ("here", "there"))
    assert here == there
    assert LITERT.kernels not in (tmp_path / "here/README.md").read_text()


def test_pack_is_proven_in_litert_and_says_that_decode_is_not(bare, tmp_path):
    sparse = tmp_path / "sparse.tflite"
    sparse.write_bytes(thin_out(wide_cnn(), values=8))
    said = say(bare, tmp_path, "pack", sparse, "--out", "small.tflite")
    assert "chosen: lean; no DECODE: not proven: TFLM alone runs it, which is not installed here" in said
    assert "outputs equal in LiteRT to the byte on 4 inputs" in said
    assert LITERT.note in said
    document = json.loads(say(bare, tmp_path, "pack", sparse, "--out", "small.tflite", "--json"))
    assert (document["lean"]["engine"], document["lean"]["arena_head_bytes"]) == ("litert-reference", None)
    asked = "import sys, tinykit.predict as p; p.code_weights(sys.argv[1])"
    refused = ask(bare, tmp_path, "-c", asked, sparse)
    assert "a model with DECODE is proven in TFLM alone; TFLM is not installed" in refused.stderr


def test_the_virtual_board_is_held_against_litert(bare, tmp_path, model):
    asked = ("run", model, "--board", "nucleo-l4r5zi", "--kernels", "portable")
    said = say(bare, tmp_path, *asked)
    assert "equal to LiteRT, " in said
    assert f"- {LITERT.note}" in said
    assert json.loads(say(bare, tmp_path, *asked, "--json"))["reference"] == "litert-reference"


def test_a_model_that_litert_alone_refuses_is_told_so(bare, tmp_path):
    path = tmp_path / "unbiased.tflite"
    path.write_bytes(random_model(11))
    assert "3 golden vectors" in say(Path(sys.executable), ROOT, "deploy", path, "--out", tmp_path / "here")
    refused = ask(bare, tmp_path, "-m", "tinykit", "deploy", path, "--out", tmp_path / "there")
    assert refused.returncode == 2
    assert "LiteRT refused" in refused.stderr
    assert "TFLM may run it all the same: its interpreter answers on Linux on x86-64" in refused.stderr
    assert not (tmp_path / "there").exists()


def test_fit_gives_the_same_figures(bare, tmp_path, model):
    asked = ("fit", model, "--board", "nucleo-l4r5zi", "--json")
    there, here = (json.loads(say(python, tmp_path, *asked)) for python in (bare, Path(sys.executable)))
    for figure in ("arena_bytes", "flash_bytes", "latency_s", "energy_per_inference_j"):
        told = [document["results"][0][figure] for document in (there, here)]
        assert told[0]["value"] == told[1]["value"], figure
    assert "the interpreter was not asked" in there["results"][0]["arena_bytes"]["source"]


def test_what_needs_tflm_itself_says_so_once(bare, tmp_path, model):
    refused = ask(bare, tmp_path, "-m", "tinykit", "verify", model)
    assert refused.returncode == 2
    assert refused.stderr.startswith("tinykit: TFLM is not installed; pip install 'tflite-micro")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_the_course_runs_without_it(bare, tmp_path, notebook):
    done = ask(bare, tmp_path, "-c", CELLS, notebook)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_without_emulator_and_compiler_the_way_on_is_named(tmp_path, model):
    python = environment(tmp_path / "without", EMULATOR)
    refused = ask(python, tmp_path, "-m", "tinykit", "run", model, "--board", "nucleo-l4r5zi", "--kernels", "portable")
    assert refused.returncode == 2
    assert "pip install" in refused.stderr
    assert "unicorn" in refused.stderr


@pytest.mark.parametrize(
    ("system", "machine"), [("darwin", "arm64"), ("linux", "aarch64"), ("win32", "AMD64"), ("linux", "")]
)
def test_nothing_is_advised_that_cannot_help(monkeypatch, system, machine):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    said = explain_absence("TFLM")
    assert "pip install" not in said
    assert "Linux on x86-64 has one (on Windows: WSL2)" in said
    assert explain_absence("LiteRT").startswith("LiteRT is not installed; pip install 'ai-edge-litert")


def test_one_place_decides(monkeypatch):
    assert reference_engine() is TFLM
    require_tflm("anything")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert reference_engine() is LITERT
    with pytest.raises(EngineError, match="a plan is proven in TFLM alone; TFLM is not installed"):
        require_tflm("a plan")
