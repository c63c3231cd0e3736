"""Errors of the instruction model against the counted tables: all of them fitted, and each model left out in turn."""

from __future__ import annotations

import numpy as np

from tinykit.predict.latency.kernels import features_of, kind_of
from tinykit.predict.latency.shapes import from_rows, read_table
from tools.latency.fitting import TABLES, fit_coefficients

TITLE = "Instructions of whole models against exact counts, fitted with and without the model"
MODELS = ("kws", "ic", "vww")


def table() -> list[dict[str, object]]:
    """One row per counted table and model, percent of the counted total; `ad` holds nearly all FC rows and stays in."""
    return [_row(name, model) for name in TABLES for model in MODELS]


def _row(name: str, model: str) -> dict[str, object]:
    rows = [row for row in read_table("operator_counts").rows if row["model"] == model]
    counted = sum(float(row[name]) for row in rows)
    fitted, left_out = (_total(rows, name, fit_coefficients(name, without)) for without in ("", model))
    return {
        "table": name,
        "model": model,
        "counted": int(counted),
        "error %": round(100 * (fitted / counted - 1), 2),
        "error without it %": round(100 * (left_out / counted - 1), 2),
    }


def _total(rows: list[dict[str, str]], name: str, coefficients: dict[str, tuple[float, ...]]) -> float:
    total = 0.0
    for shape, row in zip(from_rows(rows), rows, strict=True):
        kind = kind_of(shape)
        if kind in coefficients:
            total += float(np.dot(features_of(shape, kind, TABLES[name]), coefficients[kind]))
        else:
            total += float(row[name])
    return total
