"""The instruction model of single kernels on shapes it was not fitted to: every third of those `make sweep` counts."""

from __future__ import annotations

import numpy as np

from tinykit.predict.latency.kernels import features_of, kind_of
from tools.latency.sweeping import HELD_OUT, fit_swept, read_sweep

TITLE = "Instructions of single kernels on held-out shapes against exact counts (CMSIS-NN 4.0.0)"
STYLES = {"cortex-m4": "dsp", "cortex-m7": "dsp", "cortex-m33": "dsp", "cortex-m0plus": "scalar"}


def table() -> list[dict[str, object]]:
    """One row per core and kernel, and one for all kernels of a core; `instructions` says what share they hold."""
    return [row for core, style in STYLES.items() for row in _judge(core, style)]


def errors_of(core: str, style: str) -> dict[str, list[tuple[float, int]]]:
    """(relative error, counted instructions) of every held-out shape, by kernel."""
    coefficients = fit_swept(core, style, judged=True)
    found: dict[str, list[tuple[float, int]]] = {}
    for number, (shape, counted) in enumerate(read_sweep(core)):
        kind = kind_of(shape)
        if number % HELD_OUT == 0 and kind in coefficients:
            turns = features_of(shape, kind, style)
            predicted = sum(turn * length for turn, length in zip(turns, coefficients[kind], strict=True))
            found.setdefault(kind, []).append((predicted / counted - 1, counted))
    return found


def _judge(core: str, style: str) -> list[dict[str, object]]:
    found = errors_of(core, style)
    found["all"] = [one for each in found.values() for one in each]
    whole = sum(counted for _, counted in found["all"])
    rows: list[dict[str, object]] = []
    for kind, pairs in sorted(found.items(), key=lambda item: (item[0] == "all", item[0])):
        errors, counts = np.abs([error for error, _ in pairs]), np.array([counted for _, counted in pairs])
        rows.append(
            {
                "core": core,
                "kernel": kind,
                "held-out shapes": len(pairs),
                "median error %": round(100 * float(np.median(errors)), 2),
                "p90 error %": round(100 * float(np.quantile(errors, 0.9)), 2),
                "within 3 % %": round(100 * float((errors <= 0.03).mean()), 1),
                "instructions within 3 % %": round(100 * float(counts[errors <= 0.03].sum() / counts.sum()), 1),
                "share of instructions %": round(100 * float(counts.sum()) / whole, 1),
            }
        )
    return rows
