"""The floors of the house: import-linter's contracts, and the measures of its rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.house import END, House, circles, tell

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "tinykit").rglob("*.py"))
HEAVY = {
    "tensorflow",
    "tf_keras",
    "keras",
    "tensorflow_model_optimization",
    "tflite_micro",
    "ai_edge_litert",
    "ethosu",
    "unicorn",
    "ziglang",
    "optuna",
    "distributed",
    "dask",
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}


def run_import_linter(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command as main; sys.exit(main())"
    command = [sys.executable, "-c", program, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def functions_of(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def is_dataclass(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).split("(")[0] in ("dataclass", "dataclasses.dataclass")


def is_frozen_with_slots(decorator: ast.expr) -> bool:
    return {"frozen=True", "slots=True"} <= set(ast.unparse(decorator).strip(")").partition("(")[2].split(", "))


def function_findings(tree: ast.Module) -> Iterator[str]:
    for function in functions_of(tree):
        if (length := body_lines(function)) > 25:
            yield f"{function.name}: body of {length} lines, 25 at most"
        if (count := positional(function)) > 5:
            yield f"{function.name}: {count} positional parameters, 5 at most"


def node_findings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name, decorator_list=decorators):
                if any(not is_frozen_with_slots(decorator) for decorator in decorators if is_dataclass(decorator)):
                    yield f"{name}: dataclass not frozen with slots"
            case ast.Assert(lineno=line):
                yield f"line {line}: assert"
            case ast.ExceptHandler(type=None, lineno=line):
                yield f"line {line}: bare except"
            case ast.ImportFrom(module="tinykit", lineno=line):
                yield f"line {line}: from tinykit import"
            case ast.ImportFrom(level=level, lineno=line) if level:
                yield f"line {line}: relative import"


def findings(source: str, name: str = "room") -> list[str]:
    """Every breach of the house's measures in one module, in words."""
    tree = ast.parse(source)
    found = [f"a room named {name}"] if name in VAGUE else []
    if (lines := source.count("\n")) > 350:
        found.append(f"{lines} lines, 350 at most")
    found += [*function_findings(tree), *node_findings(tree)]
    return found + [f"{module} imported at the top" for module in sorted(top_imports(tree) & HEAVY)]


def top_imports(tree: ast.Module) -> set[str]:
    """Root packages that importing the module imports: all but those inside functions and `if TYPE_CHECKING`."""
    roots: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            roots.add(node.module.partition(".")[0])
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not typing_only and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))
    return roots


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "tinykit")))
def test_module_keeps_the_measures_of_the_house(path: Path):
    found = findings(path.read_text(encoding="utf-8"), path.stem)
    assert found == []


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("x = 1\n", "utils", "a room named utils"),
        ("x = 1\n" * 351, "room", "351 lines"),
        ("def f():\n" + "    x = 1\n" * 26, "room", "body of 26 lines"),
        ("def f(a, b, c, d, e, g):\n    return a\n", "room", "6 positional"),
        ("@dataclass(frozen=True)\nclass A:\n    x: int\n", "room", "not frozen with slots"),
        ("@dataclass\nclass A:\n    x: int\n", "room", "not frozen with slots"),
        ("assert True\n", "room", "assert"),
        ("try:\n    pass\nexcept:\n    pass\n", "room", "bare except"),
        ("from tinykit import boards\n", "room", "from tinykit import"),
        ("from . import boards\n", "room", "relative import"),
        ("class A:\n    import tensorflow as tf\n", "room", "tensorflow imported at the top"),
    ],
)
def test_each_measure_can_fail(source: str, name: str, expected: str):
    assert any(expected in finding for finding in findings(source, name))


def test_the_measures_let_good_code_pass():
    source = '''
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import tensorflow
@dataclass(frozen=True, slots=True)
class A:
    x: int
    def f(self, a, b, c, d, e, *, g=1):
        """Long
        docstring."""
        import tensorflow as tf
        return tf
'''
    assert not findings(source)


def test_import_linter_contracts_are_kept():
    result = run_import_linter(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("room", "line", "expected"),
    [
        ("ground.errors", "from tinykit.ground.quantity import Estimate", "The rooms of ground BROKEN"),
        ("ground.quantity", "from tinykit.budget.fit import x", "nothing is imported upward BROKEN"),
        ("budget.fit", "from tinykit.budget.thermal import x", "The rooms of budget BROKEN"),
        ("budget.power", "def f():\n    from tinykit.show.report import x", "nothing is imported upward BROKEN"),
        ("budget.fit", "from tinykit.handover.codegen import x", "nothing is imported upward BROKEN"),
        ("budget.attic", "x = 1", "The rooms of budget BROKEN"),
        ("attic", "x = 1", "nothing is imported upward BROKEN"),
        ("budget.fit", "import matplotlib.pyplot", "matplotlib only in plots BROKEN"),
        ("budget.fit", "def f():\n    import tensorflow as tf", "tfmot only in train BROKEN"),
        ("show.plots", "import ipywidgets", "ipywidgets only in panels BROKEN"),
        ("show.plots", "import jinja2", "jinja2 only in report and where templates of C are filled BROKEN"),
        ("predict.arena", "def f():\n    from tflite_micro import runtime", "The interpreter only in runtime BROKEN"),
        ("budget.fit", "def f():\n    import ethosu.vela", "Vela only in npu BROKEN"),
        ("budget.fit", "def f():\n    import pytest", "pytest only in the plugin beside the wings BROKEN"),
        ("ground.errors", "import tinykit.testing", "The plugin beside the wings is imported by none BROKEN"),
        ("testing", "from tinykit.show.plots import x", "The plugin beside the wings stands on ground alone BROKEN"),
    ],
)
def test_import_linter_contracts_can_break(tmp_path: Path, room: str, line: str, expected: str):
    """In a house of empty rooms with one line too many."""
    for folder in {path.parent for path in MODULES}:
        if len(parts := folder.relative_to(ROOT).parts) <= 2:
            tmp_path.joinpath(*parts).mkdir(parents=True, exist_ok=True)
            tmp_path.joinpath(*parts, "__init__.py").write_text("")
    for path in MODULES:
        wing, name = [*path.relative_to(ROOT / "tinykit").with_suffix("").parts, ""][:2]
        stands = tmp_path.joinpath("tinykit", *filter(None, (wing, name))).with_suffix(".py")
        if not stands.name.startswith("_"):
            stands.write_text("x = Estimate = 1\n")
    target = tmp_path.joinpath("tinykit", *room.split(".")).with_suffix(".py")
    target.write_text(line + "\n")
    rooms_are_empty = 'type = "forbidden"\nunmatched_ignore_imports_alerting = "none"'
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8").replace('type = "forbidden"', rooms_are_empty)
    (tmp_path / "pyproject.toml").write_text(contracts, encoding="utf-8")
    result = run_import_linter(tmp_path)
    assert result.returncode != 0
    assert expected in result.stdout


def test_an_exception_for_what_is_not_imported_is_told():
    """No contract may speak of a room or a package that is not there."""
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "unmatched_ignore_imports_alerting" not in contracts


def test_the_map_has_no_arrow_up_and_no_circle_and_an_end():
    house = House(ROOT)
    assert house.arrows_up() == []
    assert circles(house.between(2)) == circles(house.imports) == []
    assert house.lines() <= END
    assert sum(house.lines(wing) for wing in house.floors()) <= house.lines()
    assert all(count > 0 for count in house.doors().values())
    assert any(f"| {len(house.floors()) - 1} | show |" in line for line in tell(house))


def test_the_map_sees_an_arrow_up_and_a_circle(tmp_path: Path):
    lines = {"ground/a.py": "def f():\n    from tinykit.model import b", "model/b.py": "import tinykit.ground.a"}
    for name, line in {"ground/__init__.py": "", "model/__init__.py": "", **lines}.items():
        path = tmp_path / "tinykit" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{line}\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    house = House(tmp_path)
    assert house.arrows_up() == [("tinykit.ground.a", "tinykit.model.b")]
    assert circles(house.imports) == [["tinykit.ground.a", "tinykit.model.b"]]
    assert house.lines() == 5


def test_every_wing_and_room_of_the_contract_stands_once():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        rooms = [room.strip(" ()") for layer in contract.get("layers", ()) for room in layer.split("|")]
        assert len(rooms) == len(set(rooms)), contract["name"]


def test_no_module_hides_behind_a_package_of_its_name():
    """Python takes the package and never reads the module, which then lies dead beside it."""
    assert [path.relative_to(ROOT).as_posix() for path in MODULES if path.with_suffix("").is_dir()] == []
