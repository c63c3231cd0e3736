"""Which operator goes by which rule of its shapes, and whole numbers that are known before a model runs.

`data/operator_shapes.csv` names both. Such numbers are shapes taken apart and put together (SHAPE, STRIDED_SLICE).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tinykit.ground.caches import remember_table
from tinykit.ground.facts import read_csv, shipped_path
from tinykit.model.operators.shapes import SHAPES, Numbers, ShapeRule, Site, given, spans

ValueRule = Callable[[Site], Numbers]
MOST_NUMBERS = 64
"""Most whole numbers that are followed through a tensor: shapes have at most a handful."""


@dataclass(frozen=True, slots=True)
class ShapeRow:
    """The rules of one operator, and the slots of the options they read."""

    shape: ShapeRule
    value: ValueRule | None
    options: Mapping[str, int]


@remember_table
def list_shape_rows() -> Mapping[str, ShapeRow]:
    """Rules by operator."""
    rows = read_csv(shipped_path("data", "operator_shapes.csv")).rows
    return MappingProxyType({row["name"]: _read_row(row) for row in rows})


def _read_row(row: Mapping[str, str]) -> ShapeRow:
    slots = dict(word.split(":") for word in row["options"].split() if word != "-")
    value = None if row["value"] == "-" else VALUES[row["value"]]
    return ShapeRow(SHAPES[row["shape"]], value, {name: int(slot) for name, slot in slots.items()})


def _all(site: Site) -> Iterator[Numbers]:
    return (given(known) for known in site.known)


def _fill(site: Site) -> Numbers:
    if math.prod(site.numbers(0)) > MOST_NUMBERS:
        raise ValueError("more numbers than a shape has")
    return np.full(site.numbers(0), given(site.known[1]))


VALUES: dict[str, ValueRule] = {
    "sizes": lambda site: np.array(site.shape(0)),
    "itself": lambda site: given(site.known[0]),
    "cut": lambda site: given(site.known[0])[tuple(spans(site)[0])],
    "piece": lambda site: given(site.known[0])[site.numbers(1)[0] :][: SHAPES["slice"](site)[0][0]],
    "stack": lambda site: np.stack([*_all(site)], axis=site.options["axis"]),
    "chain": lambda site: np.concatenate([*_all(site)], axis=site.options["axis"]),
    "pick": lambda site: np.take(given(site.known[0]), site.numbers(1), axis=site.options["axis"]),
    "sum": lambda site: np.add(*_all(site)),
    "difference": lambda site: np.subtract(*_all(site)),
    "product": lambda site: np.multiply(*_all(site)),
    "quotient": lambda site: np.floor_divide(*_all(site)),
    "larger": lambda site: np.maximum(*_all(site)),
    "smaller": lambda site: np.minimum(*_all(site)),
    "total product": lambda site: np.prod(given(site.known[0]), axis=tuple(site.numbers(1))),
    "fill": _fill,
}
"""Whole numbers of the first output, where those of the inputs are known."""
