"""`python -m tools.board_corrections`: counts MLPerf Tiny's files and writes data/latency/export_corrections.csv.

Needs both compilers, and the models beside the checkout. TFLM's counts come from the tables in data/latency.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.bench.bench_virtual_board import FILES, models
from tinykit.handover.virtual_board import BoardRun, run, sample_codes
from tinykit.handover.virtual_board.timing import NETWORK
from tinykit.predict.latency.shapes import read_table

BOARDS = {"cortex-m4": "nucleo-l4r5zi", "cortex-m7": "nucleo-h743zi2", "cortex-m33": "nucleo-u575zi-q"}
M0PLUS = ("cortex-m0plus", "raspberry-pi-pico")
COMPILERS = ("gcc", "zig")
RESHAPE = "reshape"
SAME_KERNELS = ("1x1 convolution", "depthwise", "fully connected", "average pool")
COLUMNS = ("core", "compiler", "kind", "operators", "factor", "low", "high", "added")
HEAD = (
    "# source: the kit's export (CMSIS-NN 4.0.0, -O3) counted by instruction, against TFLM with its own CMSIS-NN "
    "(mid-2026, GCC 12.2, -O3): MLPerf Tiny's four int8 networks, made by tools/board_corrections.py\n"
    "# content: TFLM's instructions = factor x the export's + added; low and high are the 80 % prediction interval of "
    "one more operator; rows 'network' are for the sum\n"
)
_T90 = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383)
"""Student's t for 80 %, two-sided, by degrees of freedom from 1; later ones from the normal distribution, 1.282."""

_LEAST_REACH, _LEAST_REACHES = 0.002, {"add": 0.06}
"""An interval is never narrower: inputs alone move a count by 0.1 %; of the kit's own addition, which branches on the
signs of its sums and takes 59 to 63 instructions an element on Cortex-M4, by 6 %."""

Pairs = dict[str, set[tuple[int, int]]]


def counted(name: str, core: str) -> list[int]:
    """TFLM's instructions by operator of a network."""
    return [int(row[f"tflm-cmsis-nn@{core}"]) for row in read_table("operator_counts").rows if row["model"] == name]


def runs(board: str, compiler: str) -> Iterator[tuple[str, BoardRun]]:
    for name, graph in models().items():
        if name in FILES:
            yield name, run(graph, board, sample_codes(graph, 1), compiler=compiler)


def pairs_of(core: str, board: str, compiler: str) -> Pairs:
    """By kind, (export, TFLM) of the operators; equal ones once."""
    found: Pairs = {}
    for name, one in runs(board, compiler):
        for operator, count in zip(one.operators, counted(name, core), strict=True):
            found.setdefault(operator.kind, set()).add((operator.instructions, count))
    return found


def added(kind: str, pairs: Pairs) -> float:
    """What TFLM does around a kernel: the difference of equal kernels; of other convolutions, as for 1x1."""
    if kind == RESHAPE:  # the export executes next to nothing
        return statistics.mean(count - own for own, count in pairs[kind])
    same = "1x1 convolution" if kind.endswith("convolution") else kind
    return statistics.median(count - own for own, count in pairs[same]) if same in SAME_KERNELS else 0.0


def interval(ratios: list[float], least: float = _LEAST_REACH) -> tuple[float, float, float]:
    """Geometric mean, and the 80 % prediction interval of one more: mean ± t s sqrt(1 + 1/n) in logarithms."""
    logs = [math.log(one) for one in ratios]
    count, middle = len(logs), statistics.mean(logs)
    student = _T90[count - 2] if count - 2 < len(_T90) else 1.282
    reach = max(least, student * statistics.stdev(logs) * math.sqrt(1 + 1 / count))
    return math.exp(middle), math.exp(middle - reach), math.exp(middle + reach)


def rows(core: str, board: str, compiler: str, gcc: Pairs) -> Iterator[tuple[object, ...]]:
    """Rows of one core and compiler; what is added is TFLM's own, and so the same for both compilers."""
    for kind, pairs in sorted((gcc if compiler == "gcc" else pairs_of(core, board, compiler)).items()):
        more = added(kind, gcc)
        least = _LEAST_REACHES.get(kind, _LEAST_REACH)
        ratios = [(count - more) / own for own, count in sorted(pairs)]
        found = (1.0, 1.0, 1.0) if kind == RESHAPE else interval(ratios, least)
        yield core, compiler, kind, len(pairs), *(f"{value:.4f}" for value in found), round(more)


def network_row(compiler: str) -> tuple[object, ...]:
    """The row of Cortex-M0+, of which TFLM's totals alone are known."""
    core, board = M0PLUS
    total = next(row for row in read_table("total_counts").rows if (row["core"], row["build"]) == (core, "-O3"))
    ratios = [
        1e6 * float(total[name]) / sum(operator.instructions for operator in one.operators)
        for name, one in runs(board, compiler)
    ]
    return core, compiler, NETWORK, len(ratios), *(f"{value:.4f}" for value in interval(ratios)), 0


def text() -> str:
    """The file, counted anew."""
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow(COLUMNS)
    for compiler in COMPILERS:
        for core, board in BOARDS.items():
            write.writerows(rows(core, board, compiler, pairs_of(core, board, "gcc")))
        write.writerow(network_row(compiler))
    return HEAD + out.getvalue()


if __name__ == "__main__":
    Path(__file__).resolve().parents[1].joinpath("data", "latency", "export_corrections.csv").write_text(text())
