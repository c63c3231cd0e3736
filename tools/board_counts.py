"""`python -m tools.board_counts`: runs the course's network in QEMU and writes data/latency/board_counts.csv."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from tinykit.ground.facts import shipped_path
from tinykit.handover.virtual_board import run
from tinykit.handover.virtual_board.running import KEYS
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.codes import quantise_input
from tinykit.train.datasets.shipped import load_dataset

BOARD, COMPILER, KERNELS = "stm32n6570-dk", "zig", ("cmsis-nn", "portable")
HEAD = (
    "# source: the kit's export run in QEMU by the virtual board, made by tools/board_counts.py\n"
    "# content: instructions of one inference of the first sample, in all and by operator; outputs equal to TFLM's\n"
)


def course() -> tuple[ModelGraph, Any]:
    """The network and the ten windows of notebook 08."""
    graph = read(shipped_path("data", "checkpoints", "watch-exercises", "int8.tflite"))
    windows = load_dataset("watch-exercises").test.x
    edge = graph.tensors[graph.inputs[0]]
    return graph, quantise_input(windows[:: len(windows) // 10][:10], edge.scales[0], edge.zero_points[0])


def rows() -> list[dict[str, str]]:
    """One row a kernel set; empty of what did not equal TFLM."""
    graph, inputs = course()
    found = [run(graph, BOARD, inputs, kernels, compiler=COMPILER) for kernels in KERNELS]
    return [
        {
            "model_sha256": one.hashes.model, "inputs_sha256": one.hashes.inputs, "board": one.board,
            "kernels": one.kernels, "compiler": one.compiler, "engine": one.engine,
            "instructions": str(one.instructions), "operators": " ".join(str(op.instructions) for op in one.operators),
        }
        for one in found if one.equal
    ]  # fmt: skip


def text() -> str:
    """The file, run anew."""
    out = io.StringIO(newline="")
    write = csv.DictWriter(out, (*KEYS, "engine", "instructions", "operators"), lineterminator="\n")
    write.writeheader()
    write.writerows(rows())
    return HEAD + out.getvalue()


if __name__ == "__main__":
    Path(__file__).resolve().parents[1].joinpath("data", "latency", "board_counts.csv").write_text(text())
