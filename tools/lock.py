"""Resolve constraints.txt again, by pip alone: `make lock`.

The newest versions that pyproject.toml allows, for each Python that it allows and that is on PATH; of one that is not,
the old lines stay. Of the interpreter it keeps the nightly that the figures were made with while the index has it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LOCK = Path("constraints.txt")
FOLDER = Path("build/lock")
PYTHONS = ("3.11", "3.12", "3.13")
INTERPRETER = "tflite-micro"
Versions = dict[str, str]
"""By package, in the names of an index: small letters and hyphens."""


def read(lines: Sequence[str]) -> dict[str, Versions]:
    """What a lock says for each Python."""
    found: dict[str, Versions] = {python: {} for python in PYTHONS}
    for line in lines:
        if match := re.fullmatch(r"([\w.-]+)==([\w.]+)(?: ; python_version == '([\d.]+)')?", line):
            for python in PYTHONS if match[3] is None else [match[3]]:
                found[python][match[1]] = match[2]
    return found


def resolve(python: str, kept: str) -> Versions | None:
    """Version by package as pip would install them, None where there is no such Python.

    Parameters
    ----------
    python : "3.11".
    kept : a requirement that holds beside those of pyproject.toml, or "".
    """
    home, found = FOLDER / python, shutil.which(f"python{python}")
    if found is None or subprocess.run([found, "-m", "venv", "--clear", str(home)], check=False).returncode:
        return None
    (home / "kept.txt").write_text(kept, encoding="utf-8")
    command = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--dry-run", "--ignore-installed", "--report", str(home / "report.json")]
    done = subprocess.run([*command, "--constraint", str(home / "kept.txt"), ".[all,test]"], check=False)
    if done.returncode and kept:
        print(f"{python}: without {kept}, which may have left the index", file=sys.stderr)
        return resolve(python, "")
    if done.returncode:
        sys.exit(f"{python}: pip finds no versions that go together; see above")
    report = json.loads((home / "report.json").read_text(encoding="utf-8"))
    pairs = ((one["metadata"]["name"], one["metadata"]["version"]) for one in report["install"])
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs if name != "tinykit"}


def merge(versions: Mapping[str, Versions]) -> list[str]:
    """Lines of constraints: one a package, with a marker where not every Python that needs it takes the same version.

    Parameters
    ----------
    versions : by Python, then by package.
    """
    lines = []
    for name in sorted({name for found in versions.values() for name in found}):
        pins = {python: found[name] for python, found in versions.items() if name in found}
        if len({*pins.values()}) == 1:
            lines.append(f"{name}=={next(iter(pins.values()))}")
        else:
            lines += [f"{name}=={version} ; python_version == '{python}'" for python, version in pins.items()]
    return lines


def main() -> None:
    """Write the file; its head of comments stays."""
    before = LOCK.read_text(encoding="utf-8").splitlines()
    old = read(before)
    kept = next((line for line in before if line.startswith(f"{INTERPRETER}==")), "")
    new = {python: resolve(python, kept) for python in PYTHONS}
    absent = [python for python, found in new.items() if found is None]
    if absent:
        print(f"no Python {' or '.join(absent)} on PATH: what was locked for it stays")
    lines = merge({python: old[python] if found is None else found for python, found in new.items()})
    LOCK.write_text("\n".join([*(line for line in before if line.startswith("#")), *lines, ""]), encoding="utf-8")
    print(*(f"- {line}" for line in before if line not in lines and not line.startswith("#")), sep="\n")
    print(*(f"+ {line}" for line in lines if line not in before), sep="\n")


if __name__ == "__main__":
    main()
