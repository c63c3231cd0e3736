"""Every way to int8 and int16x8 a float network can go, each held against its float parent in the real interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.codes import dequantise, to_input
from tinykit.predict.runtime.session import Session
from tinykit.train.compress.clustering import cluster
from tinykit.train.compress.pruning import prune
from tinykit.train.compress.quantising import quantise_aware
from tinykit.train.compress.recipe import Training
from tinykit.train.compress.training import to_samples, train
from tinykit.train.conversion.child import convert_one, take_inputs
from tinykit.train.datasets.dataset import Dataset, Normalisation, Split
from tinykit.train.keras import load_tensorflow, quiet

VARIANTS = ("PTQ int8", "PTQ int16x8", "QAT", "PQAT", "CQAT", "PCQAT")
KERNELS = ("CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """A converted variant, the float model it came from, and the clusters and sparsity it should still have."""

    variant: str
    content: bytes
    parent: Any
    clusters: int | None = None
    sparsity: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """`agreement` of the largest output with the parent's (None for an autoencoder), SQNR of the outputs [dB]."""

    edges: tuple[str, str]
    operators: tuple[str, ...]
    agreement: float | None
    sqnr_db: float
    sparsity: float
    most_values: int


def combine(
    model: Any,
    data: Dataset,
    fits: tuple[Training, Training],
    *,
    clusters: int = 16,
    wanted: tuple[str, ...] = VARIANTS,
) -> Iterator[tuple[str, Callable[[], Combination]]]:
    """The wanted variants of a network by name, and what makes each, so that one that fails leaves the others.

    The first fit trains and prunes the float parents, the second clusters them and trains with rounding.
    """
    long, short = fits
    base = train(model, data, long).model
    samples = to_samples(model, data.representative(100))
    sparse = prune(base, data, 0.5, fit=long).model if {"PQAT", "PCQAT"} & set(wanted) else None
    recipes: dict[str, Callable[[], Combination]] = {
        "PTQ int8": lambda: Combination("PTQ int8", convert_here(base, "int8", samples), base),
        "PTQ int16x8": lambda: Combination("PTQ int16x8", convert_here(base, "int16x8", samples), base),
        "QAT": lambda: Combination("QAT", train_int8(base, data, short, "none"), base),
        "PQAT": lambda: Combination("PQAT", train_int8(sparse, data, short, "sparsity"), sparse, None, 0.5),
        "CQAT": lambda: share(base, data, short, clusters, None),
        "PCQAT": lambda: share(sparse, data, short, clusters, 0.5),
    }
    yield from ((variant, recipes[variant]) for variant in recipes if variant in wanted)


def share(parent: Any, data: Dataset, fit: Training, clusters: int, sparsity: float | None) -> Combination:
    shared = cluster(parent, data, clusters, fit=fit).model
    preserve = "both" if sparsity else "clusters"
    variant = "PCQAT" if sparsity else "CQAT"
    return Combination(variant, train_int8(shared, data, fit, preserve), shared, clusters, sparsity)


def train_int8(parent: Any, data: Dataset, fit: Training, preserve: str) -> bytes:
    return convert_here(quantise_aware(parent, data, preserve=preserve, fit=fit).model, "int8", None)


def convert_here(model: Any, precision: str, samples: Any = None) -> bytes:
    """The converter in this process: networks of the zoo do not crash it, and a child costs seconds."""
    with quiet():
        network = take_inputs(load_tensorflow(), model)
        return convert_one(load_tensorflow(), network, precision, [] if samples is None else [samples])


def judge(made: Combination, x: np.ndarray) -> Judgement:
    """Run in TFLM, compare with the float parent, count zeros and values in the integer kernels."""
    samples = to_samples(made.parent, x)
    wanted = np.asarray(made.parent(samples, training=False), dtype=np.float64)
    with Session(made.content) as session:
        start, end = session.inputs[0], session.outputs[0]
        found = dequantise(session.run(to_input(samples, start)), end.scale, end.zero_point).reshape(wanted.shape)
    noise = ((found - wanted) ** 2).sum()
    graph = read(made.content)
    kernels = [kernel for kernel, _ in list_kernels(graph)]
    agreement = float((found.argmax(1) == wanted.argmax(1)).mean())
    return Judgement(
        (start.dtype, end.dtype),
        tuple(operator.name for operator in graph.operators),
        None if wanted.shape[1:] == samples.shape[1:] else agreement,
        float(10 * np.log10((wanted**2).sum() / noise)) if noise else np.inf,
        sum(int((kernel == 0).sum()) for kernel in kernels) / sum(kernel.size for kernel in kernels),
        max(count_values(kernel, scales) for kernel, scales in list_kernels(graph)),
    )


def list_kernels(graph: ModelGraph) -> list[tuple[np.ndarray, int]]:
    """Stored kernels [out, …] of convolutions and dense layers, and how many scales each has."""
    found = [operator.inputs[1] for operator in graph.operators if operator.name in KERNELS]
    return [(np.asarray(graph.constant(index)), len(graph.tensors[index].scales)) for index in found]


def count_values(kernel: np.ndarray, scales: int) -> int:
    """Distinct integers in the channel that has most, or in the whole kernel if one scale serves it."""
    rows = kernel.reshape(len(kernel), -1) if scales > 1 else kernel.reshape(1, -1)
    return max(len(np.unique(row)) for row in rows)


def make_data(shape: tuple[int, int, int], classes: int, count: int = 240, seed: int = 0) -> Dataset:
    """Noise around one pattern a class: soon learnt, so that answers are not ties."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(0, 1, (classes, *shape))
    splits = []
    for group in range(3):
        y = np.arange(count) % classes
        x = patterns[y] + rng.normal(0, 0.7, (count, *shape))
        splits.append(Split(x.astype(np.float32), y.astype(np.int64), np.full(count, group), np.arange(count)))
    normal = Normalisation((0.0,) * shape[2], (1.0,) * shape[2])
    return Dataset("made-up", tuple(map(str, range(classes))), *splits, normal, None, "ab" * 32, "drawn numbers")
