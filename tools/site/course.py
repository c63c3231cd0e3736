"""The notebooks as the page shows them: those that need an engine say first what they need."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat

NEEDS = {
    "01_train_baseline": "TensorFlow, to train",
    "02_prune": "TensorFlow, to train, and TensorFlow Lite Micro's interpreter, to score",
    "03_quantise_aware": "TensorFlow, to train, and TensorFlow Lite Micro's interpreter, to score",
    "04_convert_and_verify": "TensorFlow, to convert, and the interpreters, to verify",
    "08_run_on_a_virtual_board": "a C compiler and an emulator of the board",
    "09_accelerate_npu": "Arm's compiler for the NPU",
    "11_compare_frameworks": "ONNX Runtime, and the interpreters to compare it with",
    "12_explore_networks": "Optuna, to read a search's journal, and TensorFlow, to train six candidates",
}
"""What a notebook needs beside the kit and NumPy, Matplotlib and ipywidgets; the others run in a browser."""


def runs_in_browser(notebook: Path) -> bool:
    """Whether a notebook needs no engine."""
    return notebook.stem not in NEEDS


def write_course(root: Path, folder: Path) -> None:
    """Copy the notebooks of a checkout, each that needs an engine with a line that says so at its top."""
    folder.mkdir(parents=True)
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        if runs_in_browser(path):
            shutil.copy(path, folder / path.name)
            continue
        notebook = nbformat.read(path, as_version=4)
        banner = nbformat.v4.new_markdown_cell(
            f"> **To read here, not to run.** This notebook needs {NEEDS[path.stem]}; "
            "a browser has neither engines nor child processes. "
            "Its committed results are below. The whole kit runs it: `make lab`."
        )
        notebook.cells.insert(0, banner)
        nbformat.write(notebook, folder / path.name)
