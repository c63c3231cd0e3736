"""The notebooks as the page shows them: to run without outputs and answers, or with a line that says what they need."""

from __future__ import annotations

from pathlib import Path

import nbformat

from tinykit.show.course import strip_answers
from tinykit.show.workshop.checking import list_lacks

LACKS = {stem: lacks for stem, lacks in list_lacks().items() if lacks}
NEEDS = {stem: " and ".join(filter(None, (", ".join(lacks[:-1]), lacks[-1]))) for stem, lacks in LACKS.items()}
"""What a notebook needs beside the kit and NumPy, Matplotlib and ipywidgets; the others run in a browser."""


def runs_in_browser(notebook: Path) -> bool:
    """Whether a notebook needs no engine."""
    return notebook.stem not in NEEDS


def write_course(root: Path, folder: Path) -> None:
    """Copy the notebooks of a checkout as participants get them; one that needs an engine as executed, and says so."""
    folder.mkdir(parents=True)
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        if runs_in_browser(path):
            (folder / path.name).write_bytes(strip_answers(path.read_bytes()))
            continue
        notebook = nbformat.read(path, as_version=4)
        banner = nbformat.v4.new_markdown_cell(
            f"> **To read here, not to run.** This notebook needs {NEEDS[path.stem]}; "
            "a browser has neither engines nor child processes. "
            "Its committed results are below. The whole kit runs it: `make lab`."
        )
        notebook.cells.insert(0, banner)
        nbformat.write(notebook, folder / path.name)
