"""The watch network's variants: what pruning and quantisation cost in accuracy and bought in flash."""

from __future__ import annotations

from typing import Any

from tinykit.choose.design.run import VARIANTS
from tinykit.choose.ledger.variants import weigh_variant
from tinykit.model.graph.reading import read
from tinykit.model.record import resume
from tinykit.target.boards import board
from tinykit.train.datasets.scoring import paired_difference
from tinykit.train.datasets.shipped import load_dataset

TITLE = "watch-exercises, accuracy in TFLM on unseen subjects (95 % over recordings) and bytes on nucleo-l4r5zi"


def table() -> list[dict[str, Any]]:
    """One row a variant of the shipped checkpoints."""
    test, target = load_dataset("watch-exercises").test, board("nucleo-l4r5zi")
    record = resume("int8")
    variants = [
        weigh_variant(read(record.read(name)), test, target, name=name, note=note) for name, note in VARIANTS.items()
    ]
    rows = []
    for variant in variants:
        cost = paired_difference(variants[0].predicted, variant.predicted, test.y, test.recordings)
        flash, score = variant.sizes.flash_bytes, variant.accuracy
        rows.append(
            {
                "variant": variant.name,
                "n": score.n,
                "accuracy": f"{score.fraction:.3f} [{score.low:.3f} … {score.high:.3f}]",
                "against float32": f"{cost.value:+.3f} [{cost.low:+.3f} … {cost.high:+.3f}]",
                "zero weights": f"{variant.zeros:.0%}",
                "flatbuffer bytes": variant.sizes.flatbuffer_bytes,
                "gzip (transport)": variant.sizes.gzip_bytes,
                "flash": str(flash) if flash else "unknown",
            }
        )
    return rows
