"""tinykit.testing: a notebook of someone else's, in a folder of its own, is held to its outputs whoever runs it."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from tests.models import small_cnn
from tests.test_packaging import PROJECT
from tinykit import testing

CELLS = (
    'import os\nimport tinykit as tk\ngraph = tk.read("own.tflite")',
    'tk.check_fit(graph, tk.Target("nucleo-l4r5zi", build="-O3"))',
    "tk.model.workspace().stages",
    'os.environ["TINYKIT_GUESS"]',
    "tk.model.workspace().folder",
    "object()",
    'print("started by", os.getpid())',
)
ROW = {
    "source_repo": "mine", "board": "NUCLEO-L4R5ZI", "core": "Cortex-M4", "clock_mhz": "120",
    "stack": "TFLM + CMSIS-NN -O3", "model_name": "own", "precision": "int8", "model_file_path_local": "own.tflite",
    "latency_ms": "20",
}  # fmt: skip
OWN = "[who started it]\nregex: started by \\d+\nreplace: started by SOMEONE\n"


def run(folder: Path, workspace: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """In a process that knows nothing of this run's plugins, settings and places."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "TINYKIT"))}
    own = {
        "TINYKIT_WORKSPACE": str(workspace),
        "TINYKIT_GUESS": "auto",
        "PYTHONPATH": str(Path(testing.__file__).parents[1]),
    }
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env={**kept, **own}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    """A folder with a notebook that was executed in an empty workspace, and a model file beside it."""
    folder = tmp_path / "tutorials"
    folder.mkdir()
    (folder / "own.tflite").write_bytes(small_cnn())
    (folder / "sanitise.cfg").write_text(OWN)
    named = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS], metadata=named)
    nbformat.write(book, folder / "own.ipynb")
    made = run(folder, tmp_path / "tinykit-workspace-empty", "jupyter", "execute", "--inplace", "own.ipynb")
    assert made.returncode == 0, made.stderr
    assert [cell.execution_count for cell in nbformat.read(folder / "own.ipynb", 4).cells] == [*range(1, 8)]
    return folder


def test_a_tutorial_elsewhere_passes_with_the_plugin_where_its_users_own_rows_would_fail_it(tutorial: Path):
    mine = tutorial.parent / "mine"
    with (tutorial / "rows.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ROW)
        writer.writeheader()
        writer.writerow(ROW)
    done = run(tutorial, mine, "tinykit", "calibrate", "rows.csv", "--models", ".", "--board", "nucleo-l4r5zi")
    assert done.returncode == 0, done.stderr
    nbval = ["pytest", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env", "--nbval-sanitize-with=sanitise.cfg"]
    without = run(tutorial, mine, *nbval, "own.ipynb")
    assert without.returncode == 1
    assert re.findall(r"^FAILED .*::Cell (\d)", without.stdout, re.M) == ["1", "4", "5"]
    with_it = run(tutorial, mine, *nbval, "-p", "tinykit.testing", "own.ipynb")
    assert with_it.returncode == 0, with_it.stdout
    assert f"{len(CELLS)} passed" in with_it.stdout
    assert (mine / "calibration" / "nucleo-l4r5zi.toml").is_file()


def configured(**options: object) -> SimpleNamespace:
    return SimpleNamespace(stash=pytest.Stash(), option=SimpleNamespace(**options))


def test_the_environment_is_what_it_was_and_no_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TINYKIT_WORKSPACE", "mine")
    monkeypatch.setenv("TINYKIT_CALIBRATION", "rows")
    monkeypatch.delenv("TINYKIT_GUESS", raising=False)
    before, config, seen = dict(os.environ), configured(), []
    testing.pytest_configure(config)
    for name in ("a.ipynb", "b.py", "a.ipynb"):
        testing.pytest_runtest_setup(SimpleNamespace(config=config, path=tmp_path / name))
        seen.append(os.environ["TINYKIT_WORKSPACE"])
        assert "TINYKIT_CALIBRATION" not in os.environ
        assert os.environ.get("TINYKIT_GUESS") == ("auto" if name == "a.ipynb" else None)
        assert Path(seen[-1]).is_dir()
    assert seen[0] == seen[2] != seen[1]
    testing.pytest_unconfigure(config)
    assert dict(os.environ) == before
    assert not any(Path(one).exists() for one in seen)


def test_a_sanitiser_of_ones_own_that_cannot_be_read_is_named(tmp_path: Path):
    config = configured(nbval_sanitize_with=str(tmp_path / "none.cfg"))
    with pytest.raises(
        pytest.UsageError, match=r"--nbval-sanitize-with .*none.cfg: cannot be read \(.*\); name a text"
    ):
        testing.pytest_configure(config)
    testing.pytest_unconfigure(config)


def test_an_empty_workspace_for_one_test(tinykit_workspace: Path, tmp_path: Path):
    assert os.environ["TINYKIT_WORKSPACE"] == str(tinykit_workspace) == str(tmp_path / "workspace")
    assert "TINYKIT_CALIBRATION" not in os.environ


def test_the_plugin_is_asked_for_and_never_switched_on_by_being_installed():
    assert "entry-points" not in PROJECT["project"]
    assert "-ptinykit.testing" in PROJECT["tool"]["pytest"]["ini_options"]["addopts"]
    told = "import sys, tinykit.testing; print({'numpy', 'matplotlib', 'tinykit.show'} & {*sys.modules})"
    assert run(Path.cwd(), Path("x"), "timeit", "-n1", "-r1", told).stdout.startswith("set()\n")
