"""docs/extending.md is true: what it lists for each kind of extension is what adding one takes.

Each test adds one to a copy of the project, lets the copy answer in its own process, and compares what was touched.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in GUIDE.split("\n## ")[1:]}
MOST = {
    "A board": 1,
    "A panel": 3,
    "A runtime": 4,
    "An operator": 5,
    "A rule of the lint": 1,
    "A task with data": 6,
    "A scenario": 2,
    "A hand-over target": 3,
}
COPIED = ("tinykit", "data", "tests", "docs")

PANEL = '''"""The number of operators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinykit.model.graph.model import ModelGraph
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel
from tinykit.show.plots import KitFigure, lay_axes


class MyOwnPanel(Panel[int]):
    """How many operators, times a number.

    Parameters
    ----------
    graph : the model.
    """

    times: Any

    def __init__(self, graph: ModelGraph) -> None:
        self.graph = graph
        super().__init__("My own", graph.path, {"times": Slider("times [1]", 1, 0, 9, 1)})

    def compute(self) -> int:
        """The product."""
        return int(len(self.graph.operators) * self.times.value)

    def draw(self, result: int, figure: KitFigure) -> None:
        """A bar."""
        lay_axes(figure, 1.0)[0].barh(["operators"], [result])

    def tell(self, result: int) -> Iterable[tuple[str, str]]:
        """The product in words."""
        yield "operators", str(result)

    def summarise(self, result: int) -> str:
        """The product in short."""
        return f"{result} operators"
'''
LOADER = '''"""`my_own`: two classes that anything tells apart."""

from __future__ import annotations

import numpy as np

from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.dataset import assemble, deal_classes


def load_my_own() -> Dataset:
    """Windows [n, 100, 1, 6]."""
    y = np.arange(300) % 2
    x = np.random.default_rng(1).normal(y[:, None, None, None], 1, (300, 100, 1, 6)).astype(np.float32)
    return assemble(
        "my-own", x, y, deal_classes(y, (75, 25, 50), 1), classes=("low", "high"), sha256="", source="made up"
    )
'''
TARGET = '''"""The model's bytes alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tinykit.handover.deployment.writing import Deployment
from tinykit.model.graph.reading import read


def deploy_my_own(model, folder, *, accuracy=None, name="", samples=None):
    """Write the flatbuffer."""
    graph = model if hasattr(model, "data") else read(model)
    folder = Path(folder)
    folder.mkdir()
    (folder / "model.bin").write_bytes(graph.data)
    return Deployment(folder, "my-own", name, ("model.bin",), (), 0, 0, 0, hashlib.sha256(graph.data).hexdigest())
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what an extension may touch."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "studies", "bench"))
    (tmp_path / "data" / "studies").symlink_to(ROOT / "data" / "studies")
    for path in [*ROOT.glob("*.*"), ROOT / "Makefile"]:
        if path.is_file():
            shutil.copy(path, tmp_path / path.name)
    return tmp_path


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def numbered(section: str) -> list[str]:
    """The files that a section of the guide says are needed, in its order."""
    return re.findall(r"^\d+\. `([^`]+)`", SECTIONS[section], re.M)


def answer(project: Path, *arguments: str) -> str:
    """What a process says that has the copy for tinykit."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment = {**inherited, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def run_tests(project: Path, *arguments: str) -> str:
    return answer(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments)


def add_line(path: Path, after: str, line: str) -> None:
    """Insert a line after the first that begins so."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place = next(index for index, one in enumerate(lines) if one.startswith(after))
    path.write_text("".join([*lines[: place + 1], f"{line}\n", *lines[place + 1 :]]), encoding="utf-8")


def add_board(project: Path) -> None:
    like = (project / "data/boards/nucleo-wl55jc.toml").read_text(encoding="utf-8")
    text = like.replace('id = "nucleo-wl55jc"', 'id = "my-own"')
    (project / "data/boards/my-own.toml").write_text(text, encoding="utf-8")


def add_panel(project: Path) -> None:
    (project / "tinykit/show/panels/my_own.py").write_text(PANEL, encoding="utf-8")


def add_runtime(project: Path) -> None:
    row = '\n[[runtimes]]\nname = "my-own"\ntitle = "My own"\nkernels = "tflm-cmsis-nn"\nplanner = "tflm"\n'
    row += 'linked = "tflm-cmsis-nn"\npool = "tflm"\ncounted = "tflm-cmsis-nn"\n'
    with (project / "data/runtimes.toml").open("a", encoding="utf-8") as file:
        file.write(row)


def add_operator(project: Path) -> None:
    """A custom operator that computes as LOGISTIC does."""
    path = project / "data/operators.csv"
    like = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("LOGISTIC,"))
    with path.open("a", encoding="utf-8") as file:
        file.write(like.replace("LOGISTIC,Logistic,", "CUSTOM:my-own,-,", 1) + "\n")


def add_rule(project: Path) -> None:
    row = '\n[[rules]]\nid = "my-own"\nseverity = "warning"\noperators = ["TANH"]\n'
    row += 'meaning = "${count} times ${operators} (${where})"\nadvice = "none"\nlines = ""\n'
    with (project / "data/lint.toml").open("a", encoding="utf-8") as file:
        file.write(row)


def add_task(project: Path) -> None:
    card = (project / "data/datasets/digits.toml").read_text(encoding="utf-8").partition("[classes]")[0]
    for key, value in {"id": '"my-own"', "network": '"watch-cnn"', "n": "300"}.items():
        card = re.sub(rf"^{key} = .*", f"{key} = {value}", card, flags=re.M)
    text = card + '[classes]\nlow = "below"\nhigh = "above"\n'
    (project / "data/datasets/my-own.toml").write_text(text, encoding="utf-8")
    (project / "tinykit/train/datasets/my_own.py").write_text(LOADER, encoding="utf-8")
    table = project / "tinykit/train/datasets/shipped.py"
    add_line(table, "from tinykit.train.datasets.dataset", "from tinykit.train.datasets.my_own import load_my_own")
    add_line(table, '    "faces": load_faces', '    "my-own": load_my_own,')


def add_target(project: Path) -> None:
    (project / "tinykit/handover/deployment/my_own.py").write_text(TARGET, encoding="utf-8")
    table = project / "tinykit/handover/deployment/targets.py"
    line = "from tinykit.handover.deployment.my_own import deploy_my_own"
    add_line(table, "from tinykit.handover.deployment import", line)
    add_line(table, "TARGETS = {", '    "my-own": Exporter(deploy_my_own, "the bytes alone"),')


def add_scenario(project: Path) -> None:
    devices = project / "data" / "devices"
    with (devices / "tasks.toml").open("a") as stream:
        stream.write('\n[my-own]\nname = "a second of hum"\nsensor = "vibration"\nvalues = 1000\nbits = 16\n')
    made = '{ value = 2.0, unit = "%s", kind = "assumed", source = "made up for a test", low = 1.0, high = 3.0 }'
    with (devices / "scenarios.toml").open("a") as stream:
        stream.write('\n[my-own]\nnetwork = "mlperf_ad01_int8"\nreads = 640\nfeatures = 640\n')
        stream.write(f"ratio = {made % '1'}\ncycles = {made % 'cycle/byte'}\n")


def check_board(project: Path) -> None:
    assert "my-own" in answer(project, "-m", "tinykit", "boards")
    run_tests(project, "tests/test_boards.py", "tests/test_data.py")


def check_scenario(project: Path) -> None:
    assert "my-own" in answer(project, "-c", "from tinykit.budget import SENSORS; print(*SENSORS)")
    run_tests(project, "tests/test_data.py", "-k", "tasks or scenarios")


def check_panel(project: Path) -> None:
    assert "8 passed" in run_tests(project, "tests/test_panels.py", "-k", "MyOwn or every_module")


def check_runtime(project: Path) -> None:
    program = """if 1:
        import tinykit as tk
        from tests.models import small_cnn
        graph = tk.read(small_cnn())
        report = tk.check_fit(graph, "nucleo-l4r5zi", runtime="my-own", use_engine=False)
        print(report.verdict, report.latency_s)
    """
    assert answer(project, "-c", program).startswith("fits ")


def check_operator(project: Path) -> None:
    program = """if 1:
        from tests.models import Net
        from tinykit.model import read
        from tinykit.model.operators.table import row_of
        from tinykit.predict import predict_arena, predict_latency
        graph = read(Net((1, 8)).custom("my-own").to_bytes())
        where = {"runtime": "tflm-cmsis-nn", "core": "cortex-m4"}
        print(row_of("CUSTOM:my-own").latency == row_of("LOGISTIC").latency, predict_arena(graph, **where).used)
        print(predict_latency(graph, clock_hz=1e8, **where))
    """
    said = answer(project, "-c", program)
    assert said.startswith("True ")
    assert "unknown" not in said
    run_tests(project, "tests/test_operators.py")


def check_rule(project: Path) -> None:
    program = """if 1:
        from tests.models import Net
        from tinykit.model import lint_graph, read
        print(*lint_graph(read(Net((1, 8)).unary("TANH").to_bytes())))
    """
    assert answer(project, "-c", program) == "1 times TANH (operators 0); none\n"


def check_task(project: Path) -> None:
    program = """if 1:
        from tinykit.choose import DesignGoal
        from tinykit.choose.design.steps import chain_steps, recipe_of
        from tinykit.train import load_dataset, read_card, tasks
        data, goal = load_dataset("my-own"), DesignGoal(task="my-own")
        assert "my-own" in tasks() and len(data.test.x) == 100
        print(chain_steps("my-own", recipe_of("my-own"))[0].choices["network"], *read_card("my-own").classes)
    """
    assert answer(project, "-c", program) == "watch-cnn low high\n"


def check_target(project: Path) -> None:
    run_tests(project, "tests/test_deploy.py", "-k", "every_target and my-own")
    assert "my-own: the bytes alone" in answer(project, "-m", "tinykit", "deploy", "--help")


Way = tuple[Callable[[Path], None], Callable[[Path], None]]
WAYS: dict[str, Way] = {
    "A board": (add_board, check_board),
    "A panel": (add_panel, check_panel),
    "A runtime": (add_runtime, check_runtime),
    "An operator": (add_operator, check_operator),
    "A rule of the lint": (add_rule, check_rule),
    "A task with data": (add_task, check_task),
    "A scenario": (add_scenario, check_scenario),
    "A hand-over target": (add_target, check_target),
}


def test_the_guide_has_a_section_for_each_way_and_keeps_it_short():
    assert list(SECTIONS) == list(WAYS) == list(MOST)
    for section, most in MOST.items():
        assert 1 <= len(numbered(section)) <= most, section


@pytest.mark.parametrize("section", WAYS)
def test_adding_one_touches_what_the_guide_lists(section: str, project: Path):
    add, check = WAYS[section]
    before = hashes(project)
    add(project)
    after = hashes(project)
    touched = {path for path in after if after[path] != before.get(path)}
    named = {re.sub(r"NAME", "my_own" if path.endswith(".py") else "my-own", path) for path in numbered(section)}
    assert touched == named
    check(project)


def test_every_file_the_guide_names_is_there():
    for path in re.findall(r"`((?:data|tinykit|tests|docs)/[^`]+)`", GUIDE):
        if "NAME" not in path:
            assert (ROOT / path).exists(), path
    for section, text in SECTIONS.items():
        assert re.search(r"^Tests: `tests/", text, re.M), section
