"""Bytes that reach flash: the file as converted, lean, with DECODE, and as Vela encodes its weights.

Shipped checkpoints and published files are packed as they are. "75 % zeros", "16 values" and "both" put other weights
into the same network, which shows what packing makes of such weights and says nothing about accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.bench_zoo import convert_untrained
from tests.packing_models import thin_out
from tinykit.ground.facts import shipped_path
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.npu.compiling import compile_for_npu
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.leaning import lean
from tinykit.train.zoo import networks

TITLE = "Packing: bytes in flash, proven equal in TFLM (decoder code counted in; arena: CMSIS-NN on a Cortex-M4)"
_SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
_PUBLISHED = ("mlperf_ic01_resnet8_int8", "mlperf_kws01_dscnn_int8", "mlperf_vww01_mbv1_int8", "mlperf_ad01_int8")
_THINNED = {"75 % zeros": {"zeros": 0.75}, "16 values": {"values": 16}, "both": {"zeros": 0.75, "values": 15}}


def table() -> list[dict[str, Any]]:
    """One row a model and set of weights."""
    return [_row(name, weights, model) for name, weights, model in _models()]


def _models() -> Iterator[tuple[str, str, bytes]]:
    for path in sorted(shipped_path("data", "checkpoints").glob("*/*.tflite")):
        yield f"{path.parent.name}/{path.stem}", "trained", path.read_bytes()
    plain = {network.name: convert_untrained(network.name).data for network in networks()}
    plain |= {name: path.read_bytes() for name in _PUBLISHED if (path := _SHARED / f"{name}.tflite").exists()}
    for name, model in plain.items():
        yield name, "as converted", model
        for how, options in _THINNED.items():
            yield name, how, thin_out(model, **options)


def _row(name: str, weights: str, model: bytes) -> dict[str, Any]:
    graph = read(model)
    plain, packed = lean(graph), code_weights(graph)
    arenas = [predict_arena(one, core="cortex-m4") for one in (graph, packed.graph)]
    best = min(plain.flash_bytes, packed.flash_bytes)
    return {
        "model": name,
        "weights": weights,
        "file": graph.flatbuffer_bytes,
        "lean": plain.flatbuffer_bytes,
        "lean + DECODE": packed.flatbuffer_bytes if packed.coded else None,
        "with decoder code": packed.flash_bytes if packed.coded else None,
        "less in flash %": round(100 * (1 - best / graph.flatbuffer_bytes), 1),
        "tensors coded": len(packed.coded),
        "arena": int(arenas[0].value),
        "arena with DECODE": int(arenas[1].value) if packed.coded else None,
        "Vela's weights, U55-128": compile_for_npu(graph).encoded_weight_bytes,
        "equal": plain.equal and packed.equal,
    }
