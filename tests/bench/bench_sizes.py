"""What each profile costs on disk: the packages that its extras bring, as they lie installed beside these tests."""

from __future__ import annotations

import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tinykit.show.workshop.checking import list_lacks, read_room
from tools.lock import name_in_index

TITLE = "What each profile costs on disk, MB: files as installed, Python's own compiled ones too"
PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def weigh(one: Distribution) -> int:
    files = (Path(str(file.locate())) for file in one.files or ())
    return sum(file.stat().st_size for file in files if file.is_file())


def close(lines: list[str], installed: dict[str, Distribution]) -> set[str]:
    """The packages that requirements bring, with all that these require."""
    found: set[str] = set()
    waiting = [(Requirement(line), "") for line in lines]
    while waiting:
        wanted, extra = waiting.pop()
        name = name_in_index(wanted.name)
        if name in installed and (wanted.marker is None or wanted.marker.evaluate({"extra": extra})):
            known = name in found
            found.add(name)
            for own in wanted.extras or ([] if known else [""]):
                waiting += [(Requirement(line), own) for line in installed[name].requires or ()]
    return found


def table() -> list[dict[str, Any]]:
    installed = {name_in_index(one.metadata["Name"]): one for one in distributions()}
    profiles = {"the kit alone": [], "with lab": ["lab"]}
    profiles |= {name: list(one["extras"]) for name, one in reversed(read_room()["profiles"].items())}
    profiles["what make installs, tests too"] = [*profiles["full"], "test"]
    rows = []
    for name, extras in profiles.items():
        packages = close([*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])], installed)
        sizes = {one: weigh(installed[one]) for one in packages}
        largest = sorted(sizes, key=lambda one: -sizes[one])[:3]
        served = [stem[:2] for stem, lacks in list_lacks(extras or ["none"]).items() if not lacks]
        rows.append({
            "profile": name, "packages": len(packages), "MB": round(sum(sizes.values()) / 1e6),
            "of which": ", ".join(f"{one} {sizes[one] / 1e6:.0f}" for one in largest),
            "notebooks": " ".join(served) if "lab" in extras else "",
        })  # fmt: skip
    return rows
