"""Stripes: arena before and after, what it costs in instructions, modelled and counted, and the boards that join.

Arena and instructions of TFLM with CMSIS-NN on a Cortex-M4; "recorded" is the head that TFLM's interpreter took. What
is counted is the rise on the virtual board, TFLM's copies with it. "C export" is the kit's own program, without a tail.
Published files where they lie beside the checkout; the others are rebuilt by their shapes with weights from a seed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.models import Net
from tests.test_striping import image_cnn, visual_wake_words
from tinykit.budget.fit.check import list_gained
from tinykit.ground.errors import TinykitError
from tinykit.handover.codegen.export import export_c
from tinykit.handover.virtual_board.running import run, sample_codes
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.packing.ends import cut_ends
from tinykit.predict.packing.leaning import lean
from tinykit.predict.runtime.proving import prove_same
from tinykit.predict.striping.search import Striped, stripe

TITLE = "Stripes: arena in bytes, instructions, boards"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
PUBLISHED = {
    "mlperf_vww01_mbv1_int8": 0.04, "tinyengine_mcunet_vww1_80": 0.03, "mltk_rock_paper_scissors": 0.15,
    "tflm_person_detect_int8": 0.04, "mlperf_ic01_resnet8_int8": 0.12, "mlperf_kws01_dscnn_int8": 0.05,
    "mltk_keyword_spotting_mobilenetv2": 0.05, "mltk_image_classification": 0.15,
}  # fmt: skip
_MOST_COUNTED_BYTES = 256 * 1024
_BLOCKS = ((1, 8, 1, 1), (6, 8, 2, 2), (6, 16, 3, 2), (6, 24, 4, 2), (6, 32, 3, 1), (6, 56, 3, 2), (6, 112, 1, 1))
"""Of MobileNetV2 at 0.35: how much wider inside, channels, how many, and the first one's stride."""


def mobilenet_v2(size: int) -> bytes:
    """MobileNetV2 0.35 by its shapes."""
    net = Net((1, size, size, 3)).conv(16, stride=(2, 2))
    for wider, channels, count, stride in _BLOCKS:
        for place in range(count):
            start, inside = net.last, net.shape[3]
            if wider > 1:
                net.conv(inside * wider, (1, 1))
            step = stride if place == 0 else 1
            net.depthwise(stride=(step, step)).conv(channels, (1, 1), activation="NONE")
            net = net.add(start) if place else net
    side = net.conv(1280, (1, 1)).shape[1]
    return net.pool("AVERAGE", (side, side), (side, side)).flatten().dense(2).softmax().to_bytes()


def table() -> list[dict[str, Any]]:
    """One row a network."""
    return [_row(name, data, most) for name, data, most in _networks()]


def _networks() -> Iterator[tuple[str, bytes, float]]:
    for name, most in PUBLISHED.items():
        if (path := SHARED / f"{name}.tflite").exists():
            yield name, path.read_bytes(), most
    yield "VWW rebuilt", visual_wake_words(), 0.04
    yield "image classifier rebuilt", image_cnn(), 0.15
    for size in (96, 128, 160, 224):
        yield f"MobileNetV2 0.35 @ {size}", mobilenet_v2(size), 0.05


def _row(name: str, data: bytes, most: float) -> dict[str, Any]:
    began = time.process_time()
    made = stripe(read(data), most_latency=most)
    took = time.process_time() - began
    row: dict[str, Any] = {"model": name, "before": round(made.arena_before.value), "after": round(made.arena.value)}
    if not made.proof:
        return row | {"search [s]": round(took, 1), "reason": made.reason}
    base = prove_same(made.before.data, made.graph.data) if not made.ends else made.proof
    return row | {
        "less %": round(100 * made.saved_bytes / made.arena_before.value, 1), "head": made.arena.head_bytes,
        "recorded": base.after.head_bytes if base.after else None, "tail": made.arena.tail_bytes,
        "C export": export_c(made.graph).arena_bytes, "without a plan": made.unplanned_bytes,
        "instructions modelled %": round(100 * made.latency, 2), "counted %": _count(made),
        "flash more": made.graph.flatbuffer_bytes - lean(made.before, prove=False).flatbuffer_bytes,
        "boards that join": len(list_gained(made.before, made.graph)),
        "faults seen": f"{made.proof.caught} of {made.proof.faults}", "choices": len(made.front),
        "search [s]": round(took, 1), "ends": made.ends or None,
    }  # fmt: skip


def _count(made: Striped) -> float | None:
    if made.arena_before.value > _MOST_COUNTED_BYTES:
        return None
    cut = cut_ends(made.before) if made.ends else None
    try:
        counts = [_count_one(graph) for graph in (cut[0] if cut else made.before, made.graph)]
    except TinykitError:
        return None
    return round(100 * (counts[1] / counts[0] - 1), 2)


def _count_one(graph: ModelGraph) -> float:
    found = run(graph, "nucleo-l4r5zi", sample_codes(graph, 1))
    if not found.equal or found.tflm is None:
        raise TinykitError("the virtual board differs")
    return found.tflm.instructions.value
