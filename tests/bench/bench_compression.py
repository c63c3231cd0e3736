"""What compression brings to flash, MACs and accuracy on three models: the shipped variants, scored again in TFLM."""

from __future__ import annotations

from typing import Any

from tinykit.choose.design.studies import find_study
from tinykit.choose.ledger.ledger_row import LedgerRow
from tinykit.choose.ledger.table import open_ledger
from tinykit.target.boards import board
from tinykit.train.datasets.shipped import load_dataset

TITLE = "Compression on nucleo-l4r5zi with TFLM and CMSIS-NN; accuracy in TFLM on unseen samples, 95 %"
STUDIES = ("watch-exercises", "vowels", "digits-resnet8")


def table() -> list[dict[str, Any]]:
    """One row a variant; savings against plain int8 as converted, decoder code counted in."""
    rows = []
    for name in STUDIES:
        study, target = find_study(name), board("nucleo-l4r5zi")
        test = load_dataset(study.task).test
        ledger = open_ledger(study.score(test, target), test, target)
        rows += [_row(study.network, row, ledger.baseline) for row in ledger.rows]
    return rows


def _row(network: str, row: LedgerRow, baseline: LedgerRow) -> dict[str, Any]:
    against, accuracy = row.against, row.variant.accuracy
    forms = {name: form.model_bytes for name, form in row.forms.items()}
    return {
        "model": network,
        "variant": row.name,
        "not zero": f"{row.weights.non_zero:,} of {row.weights.parameters:,}",
        "flatbuffer [B]": forms["as converted"],
        "lean [B]": forms["lean"],
        "lean + DECODE [B]": forms["lean + DECODE"],
        "Vela [B]": forms["Vela-encoded"],
        "gzip, transport [B]": forms["gzip"],
        "in flash with decoder [B]": row.flash_bytes,
        "form": row.chosen.name if row.chosen else "unknown",
        "less than plain int8": f"{row.saved_of_plain:.1%}" if row.saved_of_plain is not None else "unknown",
        "itself": row.verdict,
        "MACs": row.variant.graph.macs,
        "fewer MACs": f"{1 - row.variant.graph.macs / baseline.variant.graph.macs:.1%}",
        "latency": str(row.latency or "unknown"),
        "n": accuracy.n,
        "accuracy": f"{accuracy.fraction:.3f} [{accuracy.low:.3f} … {accuracy.high:.3f}]",
        "less plain int8, paired": str(against).partition(" (")[0] if against else "",
    }
