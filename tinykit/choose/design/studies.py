"""The shipped studies: one for each of three models, and the grid the panel walks."""

from __future__ import annotations

from collections.abc import Mapping

from tinykit.choose.design.study import Study
from tinykit.ground.errors import ParameterError, UnknownTaskError, name_nearest

SPARSITIES = (0.0, 0.5, 0.75, 0.9)
CLUSTERS = (0, 16)
"""Values a channel may have left, 0 for as many as there are."""
PRECISIONS = ("int8", "int8 QAT", "int16x8")
GRID = "watch-grid"


def studies() -> Mapping[str, Study]:
    """The studies this kit ships, by name."""
    return {study.name: study for study in (_watch(), _vowels(), _digits(), _grid())}


def find_study(name: str) -> Study:
    """A study by its name.

    Raises
    ------
    UnknownTaskError : there is none; the message names the nearest.
    """
    known = studies()
    if name not in known:
        raise UnknownTaskError(f"no study {name!r}; {name_nearest(name, known)}")
    return known[name]


def name_point(sparsity: float, clusters: int, precision: str) -> str:
    """Name of the grid's variant.

    >>> name_point(0.0, 0, "int8"), name_point(0.75, 16, "int8 QAT")
    ('int8', 's75-c16-qat-int8')

    Raises
    ------
    ParameterError : no such point on the grid.
    """
    if sparsity not in SPARSITIES or clusters not in CLUSTERS or precision not in PRECISIONS:
        raise ParameterError(
            f"sparsity {sparsity}, clusters {clusters}, {precision!r} is not on the grid; sparsities "
            f"{SPARSITIES}, clusters {CLUSTERS}, {PRECISIONS}"
        )
    parent = name_parent(sparsity, clusters)
    start = "" if parent == "float" else f"{parent}-"
    return f"{start}qat-int8" if precision == PRECISIONS[1] else f"{start}{precision}"


def name_parent(sparsity: float, clusters: int) -> str:
    """Name of the Keras model that a point of the grid was converted from."""
    parts = ([f"s{100 * sparsity:.0f}"] if sparsity else []) + ([f"c{clusters}"] if clusters else [])
    return "-".join(parts) or "float"


def _grid() -> Study:
    points = {
        name_point(sparsity, clusters, precision): f"{sparsity:.0%} zeros, {clusters or 'no'} clusters, {precision}"
        for sparsity in SPARSITIES
        for clusters in CLUSTERS
        for precision in PRECISIONS
    }
    return Study(GRID, "watch-exercises", "watch-cnn", points)


def _watch() -> Study:
    return Study(
        "watch-exercises",
        "watch-exercises",
        "watch-cnn",
        {
            "int8": "trained, PTQ",
            "int8-sparse": "75 % of the weights zero, PTQ",
            "int8-2of4": "two of every four weights zero, PTQ",
            "int8-slim": "a third of the channels removed, trained on, PTQ",
        },
    )


def _vowels() -> Study:
    return Study(
        "vowels",
        "vowels",
        "vowels-cnn",
        {
            "int8": "trained, PTQ",
            "int8-sparse": "85 % of the weights zero but for depthwise kernels, PTQ",
            "int8-slim": "25 % of the channels removed, PTQ",
            "int8-slim-sparse": "25 % of the channels removed, 75 % of the rest zero but for depthwise kernels, PTQ",
        },
    )


def _digits() -> Study:
    return Study(
        "digits-resnet8",
        "digits",
        "resnet8",
        {
            "int8": "trained, PTQ",
            "int8-sparse": "80 % of the weights zero, PTQ",
            "int8-slim": "25 % of the channels removed, PTQ",
        },
    )
