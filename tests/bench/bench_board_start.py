"""How long the course's network takes on the virtual board: from an empty cache, and again. One run of ten inputs.

Neighbours slow the wall clock of a shared machine; what compiler and emulator took of its processors stands beside it.
"""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from typing import Any

from tinykit.handover.virtual_board import run
from tinykit.handover.virtual_board.compilers import GCC
from tools.board_counts import course

TITLE = "watch-cnn on nucleo-l4r5zi, ten inputs [s]: from an empty cache (under 15 s), and again (under 2 s)"


def table() -> list[dict[str, Any]]:
    """One row a compiler and kernel set."""
    compilers = ("zig", "gcc") if shutil.which(GCC) else ("zig",)
    return [_row(compiler, kernels) for compiler in compilers for kernels in ("cmsis-nn", "portable")]


def _row(compiler: str, kernels: str) -> dict[str, Any]:
    graph, inputs = course()
    kept = os.environ.get("TINYKIT_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TINYKIT_CACHE"] = folder
        try:
            spent, worked, equal = [], [], True
            for _ in range(2):
                start, before = time.perf_counter(), _processor_s()
                equal = run(graph, "nucleo-l4r5zi", inputs, kernels, compiler=compiler).equal and equal
                spent.append(time.perf_counter() - start)
                worked.append(_processor_s() - before)
        finally:
            os.environ.pop("TINYKIT_CACHE")
            if kept is not None:
                os.environ["TINYKIT_CACHE"] = kept
    return {
        "compiler": compiler, "kernels": kernels, "first s": spent[0], "again s": spent[1], "equal": equal,
        "processors, first s": worked[0], "processors, again s": worked[1],
    }  # fmt: skip


def _processor_s() -> float:
    """Seconds of processor that this process's children have taken, all cores together."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
