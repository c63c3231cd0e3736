"""Predicted arenas beside linked firmware, devices with other versions, and the plan made offline."""

from __future__ import annotations

from tests.test_arena import LINKED, REFERENCE_NETWORKS
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import plan_offline, predict_arena

TITLE = "Arena in bytes: predicted, measured, and what an offline plan saves"

# avionicharshit-byte/mcufit-bench, arena_used_bytes() on the device: an ESP32 with ESP-NN, an nRF52840 with the
# CMSIS-NN of an Arduino library; both of other versions than the linked firmware.
DEVICES = {
    ("esp-nn", "xtensa-lx6", "ESP32"): {"kws": 22_780, "ic": 54_364, "ad": 2_380},
    ("tflm-cmsis-nn", "cortex-m4", "nRF52840"): {"kws": 24_164, "ic": 55_188, "ad": 2_596},
}
RUNTIMES = (("tflm-reference", "cortex-m4"), ("tflm-cmsis-nn", "cortex-m4"), ("tflm-cmsis-nn", "cortex-m55"))


def table() -> list[dict[str, object]]:
    """One row per model and target: linked firmware first, then devices."""
    rows = []
    for name, arenas in LINKED.items():
        linked = zip(RUNTIMES, arenas, strict=True)
        rows += [_row(name, runtime, core, "linked", measured) for (runtime, core), measured in linked]
    for (runtime, core, device), measured in DEVICES.items():
        rows += [_row(name, runtime, core, device, arena) for name, arena in measured.items()]
    return rows


def _row(name: str, runtime: str, core: str, where: str, measured: int) -> dict[str, object]:
    graph = read(REFERENCE_NETWORKS[name]().to_bytes())
    found = predict_arena(graph, runtime=runtime, core=core)
    offline = plan_offline(graph, runtime=runtime, core=core)
    return {
        "model": name,
        "runtime": runtime,
        "core": core,
        "measured on": where,
        "measured": measured,
        "predicted": int(found.value),
        "error %": round(100 * (found.value / measured - 1), 2),
        "inside the interval": found.low <= measured <= found.high,
        "head": found.head_bytes,
        "lower bound": found.plan.lower_bound_bytes,
        "offline saves": found.head_bytes - offline.head_bytes,
    }
