"""A reader's copy of the course: brought up to date without touching what the reader wrote."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NOTES = ".tinykit-lab.json"
"""What was brought: names, and digests of what the files said."""


@dataclass(frozen=True)
class Brought:
    """What a start brought."""

    new: tuple[str, ...]
    renewed: tuple[str, ...]
    kept: tuple[str, ...]
    beside: tuple[str, ...]

    def tell(self) -> list[str]:
        """A line for each that is not empty."""
        lines = [
            f"{len(self.new)} new files" if self.new else "",
            f"brought up to date: {', '.join(self.renewed)}" if self.renewed else "",
            f"kept as you edited them: {', '.join(self.kept)}" if self.kept else "",
            f"their new editions lie beside them: {', '.join(self.beside)}" if self.beside else "",
        ]
        return [line for line in lines if line]


def editions() -> dict[str, bytes]:
    """The course as `tinykit notebooks` hands it out, and the sample files, by their place in the copy."""
    from tinykit.ground.facts import shipped_path
    from tinykit.show.cli.main import main

    samples = shipped_path("data", "samples")
    found = {f"data/{one.relative_to(samples).as_posix()}": one.read_bytes() for one in sorted(samples.rglob("*.*"))}
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        course = Path(scratch, "course")
        if main(["notebooks", str(course)]):
            raise OSError("`tinykit notebooks` failed")
        files = sorted(path for path in course.rglob("*") if path.is_file())
        return found | {path.relative_to(scratch).as_posix(): path.read_bytes() for path in files}


def digest(name: str, data: bytes) -> str:
    """Of what was written: a notebook's cells without their outputs, any other file's bytes."""
    if name.endswith(".ipynb"):
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            cells = [[cell["cell_type"], "".join(cell["source"])] for cell in json.loads(data)["cells"]]
            data = json.dumps(cells).encode()
    return hashlib.sha256(data).hexdigest()


def read_notes(folder: Path) -> dict[str, str]:
    """What earlier starts brought; nothing where that is not known, and then every file counts as edited."""
    try:
        notes = json.loads((folder / NOTES).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    named = notes.items() if isinstance(notes, dict) else ()
    return {name: brought for name, brought in named if ".." not in Path(name).parts and not Path(name).is_absolute()}


def bring(files: Mapping[str, bytes], folder: Path) -> Brought:
    """Write what is missing or was never edited; lay a new edition of what was edited beside it."""
    from tinykit.ground.writing import write_atomically

    notes, told = read_notes(folder), {"new": [], "renewed": [], "kept": [], "beside": []}
    for name, data in files.items():
        path, fresh = folder / name, digest(name, data)
        found = digest(name, path.read_bytes()) if path.is_file() else None
        if found not in (None, fresh, notes.get(name)):
            told["kept"].append(name)
            if fresh == notes.get(name):
                continue
            path = next_to(path)
            told["beside"].append(path.relative_to(folder).as_posix())
        elif found is not None and found != fresh:
            told["renewed"].append(name)
        elif found is None:
            told["new"].append(name)
        if found != fresh:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
        notes[name] = fresh
    write_atomically(folder / NOTES, json.dumps(notes, indent=1).encode())
    return Brought(**{key: tuple(names) for key, names in told.items()})


def next_to(path: Path) -> Path:
    """A free name for a new edition."""
    names = (path.with_name(f"{path.stem}.new{number or ''}{path.suffix}") for number in range(1_000_000))
    return next(one for one in names if not one.exists())


def forget(folder: Path) -> list[str]:
    """Remove what was brought and never edited; what was edited is kept, and named."""
    kept, notes = [], read_notes(folder)
    for name, brought in notes.items():
        path = folder / name
        if path.is_file() and digest(name, path.read_bytes()) == brought:
            path.unlink()
        elif path.is_file():
            kept.append(name)
    if not kept:
        (folder / NOTES).unlink(missing_ok=True)
    return kept
