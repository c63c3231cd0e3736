"""What the kernel of the page is made of: Pyodide cut to what is used, and the kit with what it imports.

Pyodide loads a package when a cell imports it, and with it what its lock file says it depends on; so the kit and its
dependencies are written into that file, and no cell installs anything.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.lock import name_in_index
from tools.site.fonts import list_fonts

HERE = Path(__file__).parent
COMPILED = (".so", ".pyd", ".c")
CORE = ("pyodide.js", "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
KIT_NEEDS = ("anywidget", "ipywidgets", "matplotlib", "numpy")
FONT_LIST = "matplotlib/fontlist.json"
Entry = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """`pyodide.toml`."""

    wheel: str
    sha256: str
    folder: str
    python: str
    packages: tuple[str, ...]
    pure: tuple[str, ...]
    stripped: tuple[str, ...]

    @classmethod
    def read(cls) -> Recipe:
        """The recipe beside this module."""
        content = tomllib.loads((HERE / "pyodide.toml").read_text(encoding="utf-8"))
        return cls(**{name: tuple(one) if isinstance(one, list) else one for name, one in content.items()})


def fetch(recipe: Recipe, work: Path) -> Path:
    """The pinned distribution, unpacked; ends the program where the index gives other bytes."""
    folder = work / "fetched"
    _pip("download", "--no-deps", "--dest", folder, recipe.wheel)
    wheel = next(folder.glob("*.whl"))
    found = _digest(wheel)
    if found != recipe.sha256:
        sys.exit(f"{wheel.name}: SHA-256 {found}, {recipe.sha256} is pinned; nothing was built")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [one for one in archive.namelist() if one.startswith(recipe.folder)])
    return folder / recipe.folder


def fill(recipe: Recipe, pyodide: Path, folder: Path, *, work: Path, root: Path) -> None:
    """Write the cut distribution, with the kit in it, into a folder.

    Parameters
    ----------
    recipe : what belongs to it.
    pyodide : a distribution of Pyodide.
    folder : where it goes.
    work : room for what is fetched and built.
    root : the checkout.
    """
    folder.mkdir(parents=True)
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    kept = close(lock["packages"], recipe.packages)
    for name in (*CORE, *(entry["file_name"] for entry in kept.values())):
        shutil.copy(pyodide / name, folder / name)
    versions = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (root / "constraints.txt").read_text(encoding="utf-8"), re.M))
    mend_fonts(folder / kept["matplotlib"]["file_name"])
    kept["matplotlib"] = {**kept["matplotlib"], "sha256": _digest(folder / kept["matplotlib"]["file_name"])}
    wheels = [*fetch_pure(recipe, versions, work / "pure"), build_kit(root, work / "kit")]
    entries = {**kept, **{entry["name"]: entry for entry in (describe(wheel) for wheel in wheels)}}
    entries["tinykit"]["depends"] += [name for name in KIT_NEEDS if name not in entries["tinykit"]["depends"]]
    for wheel in wheels:
        shutil.copy(wheel, folder / wheel.name)
    _drop_absent(entries)
    (folder / "pyodide-lock.json").write_text(json.dumps({**lock, "packages": entries}), encoding="utf-8")


def close(packages: Mapping[str, Entry], wanted: Iterable[str]) -> dict[str, Entry]:
    """The packages wanted and all that they depend on, by name."""
    found: dict[str, Entry] = {}
    waiting = list(wanted)
    while waiting:
        name = name_in_index(waiting.pop())
        if name not in found and name in packages:
            found[name] = packages[name]
            waiting += packages[name]["depends"]
    return found


def fetch_pure(recipe: Recipe, versions: Mapping[str, str], folder: Path) -> list[Path]:
    """The wheels of pure Python, in the versions of the lock; compiled halves are left out of the stripped ones."""
    folder.mkdir(parents=True)
    pins = [f"{name}=={versions[name]}" for name in (*recipe.pure, *recipe.stripped)]
    _pip("download", "--no-deps", "--only-binary", ":all:", "--python-version", recipe.python, "--dest", folder, *pins)
    for wheel in sorted(folder.glob("*.whl")):
        if not wheel.name.endswith("-none-any.whl"):
            _strip(wheel)
    return sorted(folder.glob("*.whl"))


def build_kit(root: Path, folder: Path) -> Path:
    """The kit's own wheel."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the wheel could not be built:\n{(done.stdout + done.stderr)[-2000:]}")
    return next(folder.glob("tinykit-*.whl"))


def mend_fonts(wheel: Path) -> None:
    """Put the list of Matplotlib's fonts into its wheel, which takes a browser 12 s; Pyodide's own is stale."""
    text = list_fonts(wheel)
    _rewrite(wheel, wheel, lambda name: name != FONT_LIST, {FONT_LIST: text})


def describe(wheel: Path) -> Entry:
    """The entry of a wheel in Pyodide's lock file."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(about).decode()
    tops = {
        name.split("/")[0].removesuffix(".py") for name in names if name.endswith(".py") and ".dist-info" not in name
    }
    requires = re.findall(r"^Requires-Dist: ([\w.-]+)(?![^\n]*(?:extra ==|sys_platform|emscripten))", metadata, re.M)
    name, version = (re.findall(rf"^{field}: (.+)$", metadata, re.M)[0] for field in ("Name", "Version"))
    return {
        "name": name_in_index(name), "version": version, "file_name": wheel.name, "install_dir": "site",
        "sha256": _digest(wheel), "package_type": "package", "imports": sorted(tops), "unvendored_tests": False,
        "depends": [name_in_index(one) for one in requires],
    }  # fmt: skip


def _drop_absent(entries: dict[str, Entry]) -> None:
    """Take away dependencies that the page does not have: of another platform, or part of the kernel itself."""
    for entry in entries.values():
        entry["depends"] = [name for name in map(name_in_index, entry["depends"]) if name in entries]


def _strip(wheel: Path) -> None:
    name, version = wheel.name.split("-")[:2]
    _rewrite(wheel, wheel.with_name(f"{name}-{version}-py3-none-any.whl"), lambda file: not file.endswith(COMPILED), {})
    wheel.unlink()


def _rewrite(wheel: Path, out: Path, keeps: Callable[[str], bool], added: Mapping[str, str]) -> None:
    with zipfile.ZipFile(wheel) as source:
        kept = {item.filename: source.read(item) for item in source.infolist() if keeps(item.filename)}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**kept, **added}.items():
            archive.writestr(name, content)


def _pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"pip could not fetch what the page needs:\n{done.stderr[-2000:]}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
