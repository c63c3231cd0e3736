"""The shipped studies: one for each of three models, and the grid the panel walks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from tinykit.choose.design.steps import Step, convert_steps
from tinykit.choose.design.study import Study
from tinykit.ground.errors import ParameterError, UnknownTaskError, name_nearest
from tinykit.train.compress import RECIPE, Training

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
    parent = _name_parent(sparsity, clusters)
    start = "" if parent == "float" else f"{parent}-"
    return f"{start}qat-int8" if precision == PRECISIONS[1] else f"{start}{precision}"


def _name_parent(sparsity: float, clusters: int) -> str:
    parts = ([f"s{100 * sparsity:.0f}"] if sparsity else []) + ([f"c{clusters}"] if clusters else [])
    return "-".join(parts) or "float"


def _grid() -> Study:
    points = {
        name_point(sparsity, clusters, precision): f"{sparsity:.0%} zeros, {clusters or 'no'} clusters, {precision}"
        for sparsity in SPARSITIES
        for clusters in CLUSTERS
        for precision in PRECISIONS
    }
    return Study(GRID, "watch-exercises", "watch-cnn", tuple(_walk_grid()), points)


def _walk_grid() -> Iterator[Step]:
    yield Step("float", "train", "", _fit(RECIPE.train, network="watch-cnn"))
    for sparsity in SPARSITIES:
        sparse = _name_parent(sparsity, 0)
        if sparsity:
            yield Step(sparse, "prune", "float", _fit(RECIPE.prune, sparsity=sparsity, schedule="polynomial"))
        for clusters in CLUSTERS:
            parent = _name_parent(sparsity, clusters)
            if clusters:
                yield Step(parent, "cluster", sparse, _fit(RECIPE.cluster, clusters=clusters))
            kinds = {kind: name_point(sparsity, clusters, kind) for kind in PRECISIONS[::2]}
            yield from convert_steps(parent, kinds)
            trained = name_point(sparsity, clusters, PRECISIONS[1]).removesuffix("-int8")
            yield Step(trained, "quantise", parent, _fit(RECIPE.quantise))
            yield _int8(trained, f"{trained}-int8")


def _fit(fit: Training, **choices: Any) -> dict[str, Any]:
    return {**choices, "seed": RECIPE.seed, **asdict(fit)}


def _int8(parent: str, name: str) -> Step:
    (step,) = convert_steps(parent, {"int8": name})
    return step


def _watch() -> Study:
    return Study(
        "watch-exercises",
        "watch-exercises",
        "watch-cnn",
        (
            Step("float", "train", "", _fit(RECIPE.train, network="watch-cnn")),
            _int8("float", "int8"),
            Step("sparse", "prune", "float", _fit(RECIPE.prune, sparsity=0.75, schedule="polynomial")),
            _int8("sparse", "int8-sparse"),
            Step("2of4", "prune", "float", _fit(RECIPE.prune, sparsity="2:4")),
            _int8("2of4", "int8-2of4"),
            Step("slim", "slim", "float", _fit(RECIPE.train, fraction=0.34)),
            _int8("slim", "int8-slim"),
        ),
        {
            "int8": "trained, PTQ",
            "int8-sparse": "75 % of the weights zero, PTQ",
            "int8-2of4": "two of every four weights zero, PTQ",
            "int8-slim": "a third of the channels removed, trained on, PTQ",
        },
    )


def _vowels() -> Study:
    fit = Training(60, 3e-3, 32)
    return Study(
        "vowels",
        "vowels",
        "vowels-cnn",
        (
            Step("float", "train", "", _fit(fit, network="vowels-cnn")),
            _int8("float", "int8"),
            Step("sparse", "prune", "float", _fit(fit, sparsity=0.85, schedule="polynomial")),
            _int8("sparse", "int8-sparse"),
            Step("slim", "slim", "float", _fit(fit, fraction=0.25)),
            _int8("slim", "int8-slim"),
            Step("slim-sparse", "prune", "slim", _fit(fit, sparsity=0.75, schedule="polynomial")),
            _int8("slim-sparse", "int8-slim-sparse"),
        ),
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
        (
            Step("float", "train", "", _fit(Training(8, 2e-3), network="resnet8")),
            _int8("float", "int8"),
            Step("sparse", "prune", "float", _fit(Training(6, 2e-3), sparsity=0.8, schedule="polynomial")),
            _int8("sparse", "int8-sparse"),
            Step("slim", "slim", "float", _fit(Training(5, 2e-3), fraction=0.25)),
            _int8("slim", "int8-slim"),
        ),
        {
            "int8": "trained, PTQ",
            "int8-sparse": "80 % of the weights zero, PTQ",
            "int8-slim": "25 % of the channels removed, PTQ",
        },
    )
