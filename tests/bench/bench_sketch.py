"""Sketches of networks: how fast they are drawn, and 200 random ones beside their converted twins."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from tests.architectures import FIGURES, INPUTS, calls, differences, draw_case, named_bytes
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.train.conversion.converting import convert
from tinykit.train.zoo import networks

TITLE = "Sketches: a second of one core draws so many, and the most that 200 random ones differ from converted twins"
TWINS, ROUNDS = 200, 50


def table() -> list[dict[str, Any]]:
    """A row for each network of the zoo, for the twins, and for what an operator's names take of a file."""
    return [*(_time(network) for network in networks()), *_compare(TWINS)]


def _time(network: Any) -> dict[str, Any]:
    from tinykit.train.architecture.sketching import sketch

    shape = {"input_shape": network.input_shape, "classes": network.classes}
    content, began = sketch(network.architecture, **shape), time.process_time()
    for _ in range(ROUNDS):
        sketch(network.architecture, **shape)
    spent = (time.process_time() - began) / ROUNDS
    return {
        "of": network.name,
        "operators": len(read(content).operators),
        "ms": round(1000 * spent, 2),
        "sketches a second": round(1 / spent),
    }


def _compare(count: int) -> list[dict[str, Any]]:
    far, alike, twins = dict.fromkeys(FIGURES, 0.0), 0, list[ModelGraph]()
    for seed in range(count):
        case = draw_case(seed)
        made, twin = case.sketch(), read(convert(case.build(), representative=case.samples()).model)
        alike += calls(made) == calls(twin)
        for name, found in differences(made, twin).items():
            far[name] = max(far[name], abs(found))
        twins.append(twin)
    row = {"of": f"{count} random networks on {len(INPUTS)} inputs", "operators": f"{alike} alike"}
    told = {"arena [byte]": far["arena"], **{f"{name} [%]": 100 * far[name] for name in FIGURES[1:]}}
    return [row | told, *_fit(twins)]


def _fit(twins: list[ModelGraph]) -> list[dict[str, Any]]:
    """Bytes of a converted file by operator, least squares: what the sketch takes them to be."""
    counted = [named_bytes(twin) for twin in twins]
    names = sorted(set().union(*(operators for operators, _ in counted)) - {"SOFTMAX"})  # one a file, as the rest of it
    rows = np.array([[1, *(operators[name] for name in names)] for operators, _ in counted], float)
    wanted = np.array([nbytes for _, nbytes in counted], float)
    found = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    worst = float(np.abs(rows @ found - wanted).max())
    return [
        {"of": name, "bytes of names": round(nbytes), "off by at most": round(worst)}
        for name, nbytes in zip(("file and SOFTMAX", *names), found, strict=True)
    ]
