"""Networks on the virtual board: sizes, arena, stack and instructions beside TFLM's own, built and counted.

The course's network, the zoo's four of MLPerf Tiny (untrained), and MLPerf Tiny's own files, which lie beside the
checkout (../shared/models) and do not ship; without them a small network stands in. On Cortex-M4 each runs in QEMU too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.bench_zoo import convert_untrained
from tests.models import small_cnn
from tinykit.ground.errors import MissingPackageError
from tinykit.handover.virtual_board import BoardRun, run, sample_codes
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.latency.shapes import read_table
from tools.board_counts import course

TITLE = "The exported program on the virtual board, 10 inputs, beside TFLM (CMSIS-NN, -O3) built and counted under QEMU"
FILES = {
    "kws": "mlperf_kws01_dscnn_int8", "ic": "mlperf_ic01_resnet8_int8",
    "vww": "mlperf_vww01_mbv1_int8", "ad": "mlperf_ad01_int8",
}  # fmt: skip
ZOO = ("ds-cnn", "resnet8", "mobilenet-v1-025", "fc-autoencoder")
BOARDS = ("raspberry-pi-pico", "nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q", "stm32n6570-dk")
TFLM_ARENA = {
    "cortex-m55": {"kws": 27300, "ic": 54996, "vww": 100756, "ad": 5172},
    "": {"kws": 22820, "ic": 54996, "vww": 100708, "ad": 2580},
}
TFLM_STACK = {"kws": 1148, "ic": 1148, "vww": 1148, "ad": 836}
"""arena_used_bytes(), and the stack on Cortex-M4 and -M7, of TFLM with CMSIS-NN at -O3 (GCC 12.2, TFLM mid-2026)."""


def models() -> dict[str, ModelGraph]:
    folder = Path(__file__).resolve().parents[3] / "shared" / "models"
    found = {name: folder / f"{stem}.tflite" for name, stem in FILES.items()}
    graphs = {name: read(path) for name, path in found.items() if path.is_file()}
    return graphs or {"small": read(small_cnn())}


def everything() -> dict[str, ModelGraph]:
    """All networks of the table."""
    zoo = {f"zoo {name}": convert_untrained(name) for name in ZOO}
    return {"watch-cnn": course()[0], **zoo, **models()}


def table() -> list[dict[str, Any]]:
    """One row per model, board and kernels; TFLM's columns are empty where nothing was counted."""
    rows = []
    for name, graph in everything().items():
        inputs = sample_codes(graph, 10)
        for board in BOARDS:
            for kernels in ("cmsis-nn", "portable"):
                try:
                    found = run(graph, board, inputs, kernels)
                    rows.append(_row(name, graph, found) | _in_qemu(graph, found, inputs))
                except MissingPackageError as error:
                    rows.append({"model": name, "board": board, "kernels": kernels, "not available": str(error)})
    return rows


def _row(name: str, graph: ModelGraph, found: BoardRun) -> dict[str, Any]:
    beside = found.kernels == "cmsis-nn"
    counted = _counted(name, found.core) if beside and found.core != "cortex-m55" else None
    arenas = TFLM_ARENA.get(found.core, TFLM_ARENA[""]) if beside else {}
    return {
        "model": name, "board": found.board, "core": found.core, "kernels": found.kernels,
        "compiler": found.compiler, "engine": found.engine, "equal": found.equal,
        "fault": found.fault and found.fault.kind,
        "weights B": found.sizes and found.sizes.weights, "kernels B": found.sizes and found.sizes.kernels,
        "rest B": found.sizes and found.sizes.rest, "flatbuffer B": graph.flatbuffer_bytes,
        "own arena B": found.arena_bytes, "TFLM arena B": arenas.get(name),
        "stack B": found.stack_bytes, "TFLM stack B": TFLM_STACK.get(name) if beside else None,
        "instructions": found.instructions, "TFLM instructions": counted,
        "difference %": round(100 * (found.instructions / counted - 1), 2) if counted and found.instructions else None,
    }  # fmt: skip


def _in_qemu(graph: ModelGraph, found: BoardRun, inputs: Any) -> dict[str, Any]:
    """On Cortex-M4, whether the other emulator gives the same bytes and the same counts."""
    if found.core != "cortex-m4":
        return {}
    other = run(graph, found.board, inputs, found.kernels, engine="qemu")
    agreed = other.equal and other.instructions == found.instructions and other.operators == found.operators
    return {"QEMU agrees": agreed}


def _counted(name: str, core: str) -> int | None:
    column = f"tflm-cmsis-nn@{core}"
    rows = [row for row in read_table("operator_counts").rows if row["model"] == name]
    return sum(int(row[column]) for row in rows) if rows and column in rows[0] else None
