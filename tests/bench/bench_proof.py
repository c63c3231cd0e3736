"""What a proof of equality would have seen: deliberate faults in every model beside the checkout, and in some rebuilt.

Each model is held against itself under an offline plan. A fault that changes nothing for the inputs drawn is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.models import residual, small_cnn
from tests.test_striping import image_cnn, inverted_bottlenecks, visual_wake_words
from tinykit.ground.errors import TinykitError
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import plan_offline, with_offline_plan
from tinykit.predict.runtime.proving import prove_same

TITLE = "Proofs of equality: deliberate faults seen (power)"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
_REBUILT = {"small CNN": small_cnn, "residual": residual, "image classifier": image_cnn,
            "bottlenecks": inverted_bottlenecks, "VWW": visual_wake_words}  # fmt: skip


def table() -> list[dict[str, Any]]:
    """One row a model, and the sum."""
    rows = [_row(name, data) for name, data in _models()]
    faults, caught = (sum(row.get(name) or 0 for row in rows) for name in ("faults", "seen"))
    verdicts = [row["verdict"] for row in rows]
    told = ", ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts) if len(one) < 12)
    total = {
        "model": "all",
        "verdict": told,
        "faults": faults,
        "seen": caught,
        "power %": 100 * caught / max(1, faults),
    }
    return [*rows, total]


def _models() -> Iterator[tuple[str, bytes]]:
    yield from ((name, make()) for name, make in _REBUILT.items())
    yield from ((path.stem, path.read_bytes()) for path in sorted(SHARED.glob("*.tflite")))


def _row(name: str, data: bytes) -> dict[str, Any]:
    try:
        graph = read(data)
        proof = prove_same(data, with_offline_plan(graph, plan_offline(graph)))
    except TinykitError as error:
        return {"model": name, "verdict": str(error).partition("\n")[0]}
    share = 100 * proof.caught / proof.faults if proof.faults else None
    return {"model": name, "verdict": proof.verdict, "faults": proof.faults, "seen": proof.caught, "power %": share,
            "distinct answers": f"{proof.distinct} of {proof.n}", "tensors compared": len(proof.compared)}  # fmt: skip
