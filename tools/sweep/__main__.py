"""`make sweep`, or `python -m tools.sweep [SHAPES]`: single kernels of CMSIS-NN counted on the virtual board.

Shapes are random, the same for the same seed; thirty operators make one model. It is built by GCC and run for a
Cortex-M0+, M4, M7 and M33, its outputs are compared with the TFLM interpreter's, and every operator's instructions are
written by class into data/latency/sweep.csv. The Cortex-M55 is left out: this library's counts are not TFLM's there.
The default of 2400 shapes takes about ten minutes; refit the tables afterwards (tools/latency/refit.py).

`python -m tools.sweep multiplied` counts depthwise convolutions with a multiplier or a dilation, in two minutes, on the
M55 too, whose code for these is the library's of today, into data/latency/sweep_multiplied.csv.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np

from tinykit.ground.errors import TinykitError
from tinykit.handover.virtual_board import Classes, run, sample_codes
from tinykit.model.graph.reading import read
from tinykit.predict.latency.shapes import OperatorShape, from_graph
from tools.sweep.graphs import join
from tools.sweep.shapes import Draw, draw, draw_multiplied

TABLE = Path(__file__).resolve().parents[2] / "data" / "latency" / "sweep.csv"
BOARDS = ("nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q", "raspberry-pi-pico")
CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m0plus")
HELIUM = {"stm32n6570-dk": "cortex-m55"}
TOGETHER = 30
WORKERS = 1
CLASSES = " ".join(field.name for field in fields(Classes))


def count(
    seed: int, *, kind: Callable[[np.random.Generator], Draw] = draw, boards: Sequence[str] = BOARDS
) -> list[str]:
    """The rows of one model."""
    rng = np.random.default_rng(seed)
    graph = read(join([kind(rng) for _ in range(TOGETHER)], seed))
    inputs = sample_codes(graph, 1, seed=seed)
    found = [run(graph, board, inputs, "cmsis-nn", compiler="gcc") for board in boards]
    for one in found:
        if not one.equal:
            raise TinykitError(f"seed {seed} on {one.board}: {one.fault or 'outputs are not the interpreter’s'}")
    rows = []
    for index, shape in enumerate(from_graph(graph)):
        counts = [" ".join(map(str, astuple(one.operators[index].classes))) for one in found]
        rows.append(",".join((*describe(shape), *counts)))
    return rows


def describe(shape: OperatorShape) -> tuple[str, ...]:
    """The columns of a shape, as in operators.csv."""
    sizes = ["x".join(map(str, size)) for size in (shape.input_shape, shape.weight_shape, shape.output_shape)]
    pairs = ["x".join(map(str, pair)) for pair in (shape.stride, shape.dilation)]
    multiplier = str(shape.depth_multiplier or "")
    return shape.name, *sizes, "INT8", pairs[0], shape.padding, pairs[1], multiplier


def count_multiplied(seed: int) -> list[str]:
    """The same of depthwise convolutions with a multiplier or a dilation."""
    return count(seed, kind=draw_multiplied, boards=(*BOARDS, *HELIUM))


def main(wanted: int, *, multiplied: bool = False) -> int:
    path = TABLE.with_name("sweep_multiplied.csv") if multiplied else TABLE
    cores = (*CORES, *HELIUM.values()) if multiplied else CORES
    lines = [
        "# source: counted by tools/sweep on the virtual board: CMSIS-NN 4.0.0 (PyPI bakenn 1.0.0; ADD and SOFTMAX are"
        " tinykit's own), GCC 12.2 -O3, unicorn; outputs equal the tflite_micro interpreter's",
        f"# content: instructions of single operators by core and class ({CLASSES})",
        ",".join(("operator,input,weights,output,dtype,stride,padding,dilation,depth_multiplier", *cores)),
    ]
    started = time.perf_counter()
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        for rows in pool.map(count_multiplied if multiplied else count, range(-(-wanted // TOGETHER))):
            lines += rows
            print(f"{len(lines) - 3} shapes, {time.perf_counter() - started:.0f} s", flush=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    multiplied = sys.argv[1:2] == ["multiplied"]
    sys.exit(main(300 if multiplied else int(sys.argv[1]) if len(sys.argv) > 1 else 2400, multiplied=multiplied))
