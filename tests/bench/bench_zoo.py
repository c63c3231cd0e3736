"""The zoo: MACs beside the published ones, the real interpreter's arena beside the 32-bit prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.runtime.session import measure_arena
from tinykit.train.conversion.converting import convert
from tinykit.train.zoo import build_network, networks

TITLE = "The zoo as int8: MACs, the interpreter's arena (x86-64), and the 32-bit prediction"
LINKED = {
    "mlperf_kws01_dscnn_int8": (22_772, 22_820, 27_300),
    "mlperf_ic01_resnet8_int8": (54_340, 54_996, 54_996),
    "mlperf_vww01_mbv1_int8": (100_660, 100_708, 100_756),
    "mlperf_ad01_int8": (2_260, 2_580, 5_172),
}
"""arena_used_bytes of linked firmware: reference M4, CMSIS-NN M4, CMSIS-NN M55 (GCC 12.2, TFLM mid-2026, QEMU 7.2)."""

_SETTINGS = (("tflm-reference", "cortex-m4"), ("tflm-cmsis-nn", "cortex-m4"), ("tflm-cmsis-nn", "cortex-m55"))
_SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"


def table() -> list[dict[str, Any]]:
    """One row a network of the zoo, and one for each published file at hand."""
    rows = [_row(network.name, convert_untrained(network.name), network.macs) for network in networks()]
    for name, linked in LINKED.items():
        path = _SHARED / f"{name}.tflite"
        if path.exists():
            row = _row(name, read(path), None)
            predicted = [_predict(read(path), *setting) for setting in _SETTINGS]
            row["minus linked"] = " / ".join(f"{own - other:+d}" for own, other in zip(predicted, linked, strict=True))
            rows.append(row)
    return rows


def convert_untrained(name: str) -> ModelGraph:
    """An untrained network as int8; BatchNormalization sees data first, or activations fade to scales of nothing."""
    model = build_network(name)
    samples = np.random.default_rng(0).normal(0, 1, (100, *model.input_shape[1:])).astype(np.float32)
    for _ in range(30):
        model(samples[:8], training=True)
    return read(convert(model, representative=samples).model)


def _predict(graph: ModelGraph, runtime: str, core: str) -> int:
    return int(predict_arena(graph, runtime=runtime, core=core).value)


def _row(name: str, graph: ModelGraph, published: int | None) -> dict[str, Any]:
    recorded = measure_arena(graph.data)
    own_head = predict_arena(graph, runtime="tflm-reference", core="cortex-m4").head_bytes
    return {
        "network": name,
        "MACs": graph.macs,
        "published MACs": published,
        "interpreter total": recorded.total_bytes,
        "smallest that starts": recorded.smallest_bytes,
        "head minus recorded": own_head - recorded.head_bytes,
        "ref M4 / CMSIS M4 / CMSIS M55": " / ".join(f"{_predict(graph, *setting):,}" for setting in _SETTINGS),
    }
