"""The map of the house: `python -m tools.house [CHECKOUT]` prints wings, floors, arrows up, circles, lines and doors.

Everything is read from the sources: floors from the contracts of import-linter, arrows from the import statements, also
inside functions and for type checkers, public names from the doors.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

AIM, END = 30_000, 50_000
"""Lines of Python in the wheel: after the rebuild, and ever."""
Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class House:
    """A checkout."""

    root: Path

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Files by the name they are imported by, `tinykit` itself left out."""
        files = sorted((self.root / "tinykit").rglob("*.py"))
        names = {
            ".".join(path.relative_to(self.root).with_suffix("").parts).removesuffix(".__init__"): path
            for path in files
        }
        return {name: path for name, path in names.items() if name not in ("tinykit", "tinykit.__main__")}

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """The modules of the house that each imports."""
        trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.modules.items()}
        return {name: set(self._targets(tree)) - {name} for name, tree in trees.items()}

    def _targets(self, tree: ast.Module) -> Iterable[str]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name in self.modules)
            elif isinstance(node, ast.ImportFrom) and node.module:
                named = (f"{node.module}.{alias.name}" for alias in node.names)
                yield from (name if name in self.modules else node.module for name in named)

    def floors(self, container: str = "tinykit") -> dict[str, int]:
        """The floor of each room of a container, from 1 at the bottom; none without a contract."""
        contracts = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
        for contract in contracts["contracts"]:
            if contract["type"] == "layers" and contract["containers"] == [container]:
                layers = enumerate(reversed(contract["layers"]), 1)
                named = ((name.strip(" ()"), floor) for floor, names in layers for name in names.split("|"))
                pairs = ((f"{container}.{name}", floor) for name, floor in named)
                return {name: floor for name, floor in pairs if name in self.modules}
        return {}

    def between(self, depth: int) -> dict[str, set[str]]:
        """Imports between wings (depth 1) or rooms (depth 2)."""
        joined: dict[str, set[str]] = {}
        for name, targets in self.imports.items():
            place = _place(name, depth)
            reached = {_place(target, depth) for target in targets if target.startswith("tinykit.")}
            joined.setdefault(place, set()).update(reached - {place})
        return joined

    def arrows_up(self) -> list[tuple[str, str]]:
        """Imports of modules that go up, between wings or between the rooms of one wing."""
        containers = ["tinykit", *self.floors()]
        found = []
        for depth, container in ((len(one.split(".")), one) for one in containers):
            floors = self.floors(container)
            for name, targets in self.imports.items():
                here = floors.get(_place(name, depth))
                for target in targets:
                    there = floors.get(_place(target, depth))
                    if here and there and there > here:
                        found.append((name, target))
        return found

    def doors(self) -> dict[str, int]:
        """How many public names each wing has at its door."""
        return {wing: len(_public(self.root.joinpath(*wing.split(".")))) for wing in self.floors()}

    def lines(self, wing: str = "tinykit") -> int:
        """Lines of Python below a wing, or of the whole package with the modules at its top."""
        paths = self.root.joinpath(*wing.split(".")).rglob("*.py")
        alone = self.root.joinpath(*wing.split(".")).with_suffix(".py")
        return sum(path.read_text(encoding="utf-8").count("\n") for path in (*paths, alone) if path.is_file())


def _place(module: str, depth: int) -> str:
    return ".".join(module.split(".")[: depth + 1])


def _public(folder: Path) -> set[str]:
    """Names in a door's stub, or in its `__all__`."""
    stub, source = folder / "__init__.pyi", folder / "__init__.py"
    if stub.is_file():
        lines = [node for node in ast.parse(stub.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
        found = {path.stem for path in (folder / "panels").glob("[a-z]*.py")} - {"shell"}  # by their modules
        return {alias.name for line in lines for alias in line.names} | found
    path = source if source.is_file() else folder.with_suffix(".py")
    body = ast.parse(path.read_text(encoding="utf-8")).body
    lists = [node for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    if lists and isinstance(lists[0].value, ast.List | ast.Tuple):
        return {ast.literal_eval(one) for one in lists[0].value.elts}
    defined = (getattr(node, "name", "_") for node in body)
    return {name for name in defined if not name.startswith("_")}


def circles(graph: Graph) -> list[list[str]]:
    """Groups that import each other in a circle (strongly connected components, by Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def tell(house: House) -> list[str]:
    """The map as Markdown."""
    floors, doors = house.floors(), house.doors()
    said = ["| floor | wing | rooms | modules | lines | public names |", "| --- | --- | --- | --- | --- | --- |"]
    for wing, floor in sorted(floors.items(), key=lambda pair: (-pair[1], pair[0])):
        inside = [name for name in house.modules if name == wing or name.startswith(f"{wing}.")]
        rooms = len({_place(name, 2) for name in inside} - {wing})
        said.append(f"| {floor} | {wing[8:]} | {rooms} | {len(inside)} | {house.lines(wing):,} | {doors[wing]} |")
    up, rings = house.arrows_up(), circles(house.between(2))
    said.append(f"\n{len(floors)} doors on {max(floors.values())} floors, {sum(doors.values()):,} public names at them")
    said.append(f"arrows up: {len(up)}; circles of rooms: {len(rings)}, of modules: {len(circles(house.imports))}")
    said.append(f"lines of Python in the wheel: {house.lines():,} (aim {AIM:,}, end {END:,})")
    return [
        *said,
        *(f"up: {here} imports {there}" for here, there in up),
        *(f"circle: {', '.join(ring)}" for ring in rings),
    ]


if __name__ == "__main__":
    print("\n".join(tell(House(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))))
