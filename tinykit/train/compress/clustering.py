"""Clustering: the weights of a kernel share few values, so that an index of some bits can stand for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError, ParameterError
from tinykit.ground.results import Result
from tinykit.train.compress import pruning
from tinykit.train.compress.recipe import RECIPE, Progress, Training
from tinykit.train.compress.sharing import Floats, Held, is_per_channel, join_channels, make_holder, split_channels
from tinykit.train.compress.support import fold_batchnorm
from tinykit.train.compress.training import Trained, check_fits, refuse_wrapped, run_fit
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras, require_model

_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class LayerClusters(Result):
    """Distinct values in the kernel of one layer.

    Parameters
    ----------
    name : of the layer.
    weights : in the kernel.
    most : distinct values in the channel that has most, or in the whole kernel if that shares one scale.
    distinct : over the whole kernel.
    """

    name: str
    weights: int
    most: int
    distinct: int


@dataclass(frozen=True, slots=True, eq=False)
class Clustered(Trained):
    """A clustered model, its history, and how many values its kernels have left.

    Parameters
    ----------
    model, history : as `Trained`.
    clusters : asked for.
    per_channel : whether each output channel of a convolution has values of its own.
    layers : distinct values of each clustered kernel.
    zeros : zeros in them.
    sparse : layers whose zeros were held.
    skipped : layers too small to gain, left as they were.
    folded : BatchNormalization layers folded into Dense first.
    notes : what to know of it.
    """

    clusters: int | Mapping[str, int]
    per_channel: bool
    layers: tuple[LayerClusters, ...]
    zeros: tuple[pruning.LayerSparsity, ...] = field(repr=False)
    sparse: tuple[str, ...]
    skipped: tuple[str, ...]
    folded: tuple[str, ...]
    notes: tuple[str, ...] = ()


def cluster(
    model: Any, data: Dataset, clusters: int | Mapping[str, int] = 16, *,
    preserve_sparsity: bool | None = None, per_channel: bool = True, fit: Training = RECIPE.cluster,
    seed: int = RECIPE.seed, progress: Progress | None = None
) -> Clustered:  # fmt: skip
    """Cluster a copy of a trained classifier, then train the shared values on.

    One-dimensional k-means from evenly spaced values, then fine-tuning in which the weights of a cluster move
    together (Han, Mao and Dally 2016, arXiv:1510.00149). Normalisation behind a Dense layer is folded into it first,
    for folded later it would give each of its channels other values.

    Fewer values alone shrink no `.tflite`: they pay in flash only with a codec that stores indices.

    Parameters
    ----------
    model : a tf-keras model, left as it is.
    data : the dataset; its training split teaches.
    clusters : distinct values, 2 to 128, one number for all or {layer: number}; layers not named are not clustered.
    preserve_sparsity : one of the values is zero and zeros stay zero; None does so in kernels with at least 10 % zeros.
    per_channel : each output channel of a convolution has its own values, as its int8 scale is its own; a lookup
        table per channel is then no larger and the error smaller. Dense kernels share one scale and one set of values.
    fit, seed, progress : as `train`.

    Raises
    ------
    ParameterError : clusters outside 2–128, a layer that cannot be clustered.
    ModelError : no layer to cluster, or already wrapped by tfmot.
    DataError, EngineError, KerasVersionError : as `train`.
    """
    check_fits(require_model(model), data)
    wanted = _choose_clusters(model, clusters)
    load_keras().utils.set_random_seed(seed)
    copy, folded = fold_batchnorm(model)
    skipped = tuple(name for name in wanted if _is_small(copy.get_layer(name), wanted[name], per_channel))
    chosen = {name: count for name, count in wanted.items() if name not in skipped}
    if not chosen:
        raise ModelError(f"every kernel has too few weights for its clusters ({', '.join(skipped)}); ask for fewer")
    sparse = pruning.find_sparse(copy, tuple(chosen), preserve_sparsity)
    held = {name: _share(copy.get_layer(name), count, per_channel, name in sparse) for name, count in chosen.items()}
    held |= hold_zeros(copy, tuple(chosen), preserve_sparsity)
    holder = make_holder({name: copy.get_layer(name).kernel for name in held}, held)
    choices = sorted(chosen.items()), per_channel, sparse
    history = run_fit(
        copy, data, fit, stage="cluster", seed=seed, progress=progress, callbacks=(holder,), choices=choices
    )
    names = tuple(chosen)
    notes = (f"{', '.join(skipped)}: not clustered, as few weights as clusters in each channel",) if skipped else ()
    return Clustered(
        copy, history, clusters, per_channel, count_clusters(copy, names, per_channel=per_channel),
        pruning.count_zeros(copy, names), sparse, skipped, folded, notes,
    )  # fmt: skip


def count_clusters(
    model: Any, names: tuple[str, ...] | None = None, *, per_channel: bool = True
) -> tuple[LayerClusters, ...]:
    """Distinct values in the kernels of a Keras model (of the named layers, or of all that can be clustered).

    In a QAT model the float kernels inside its wrappers count, by the names they had before.
    """
    found = []
    for layer, kernel in pruning.walk_kernels(model, names):
        parts = split_channels(kernel, per_channel and is_per_channel(layer))
        most = max(len(np.unique(part)) for part in parts)
        found.append(LayerClusters(layer.name, int(kernel.size), most, len(np.unique(kernel))))
    return tuple(found)


def find_centroids(weights: Floats, count: int, *, zero: bool = False) -> tuple[Floats, NDArray[np.int64]]:
    """k-means of flat weights [n]: at most `count` centroids [k] and the index of each weight's own [n].

    Lloyd's rounds from evenly spaced values, until no weight changes its cluster; a value that no weight is nearest to
    moves to the weight farthest from its own. With `zero` one centroid is 0 and holds exactly the weights that are 0.
    """
    if zero:
        nonzero = weights != 0
        places = np.zeros(len(weights), dtype=np.int64)
        centroids = weights[:0]
        if nonzero.any():
            centroids, own = find_centroids(weights[nonzero], count - 1)
            places[nonzero] = own + 1
        return np.concatenate([np.zeros(1, np.float32), centroids]).astype(np.float32), places
    means = np.linspace(weights.min(), weights.max(), count, dtype=np.float64)
    places = np.full(len(weights), -1, dtype=np.int64)
    for _ in range(_ROUNDS):
        nearest = np.searchsorted((means[1:] + means[:-1]) / 2, weights)
        if np.array_equal(nearest, places):
            break
        places = nearest
        means = _centre(weights, places, means)
    return means.astype(np.float32), places


def _centre(weights: Floats, places: NDArray[np.int64], centroids: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of the clusters, ascending; empty ones at the weights that are farthest from the mean of their own."""
    sizes = np.bincount(places, minlength=len(centroids))
    sums = np.bincount(places, weights=weights.astype(np.float64), minlength=len(centroids))
    means = np.where(sizes > 0, sums / np.maximum(sizes, 1), centroids)
    if empty := np.flatnonzero(sizes == 0).tolist():
        farthest = np.argsort(-np.abs(weights - means[places]), kind="stable")[: len(empty)]
        means[empty[: len(farthest)]] = weights[farthest]
    return np.sort(means)


def hold_zeros(model: Any, clustered: tuple[str, ...], preserve: bool | None) -> dict[str, Held]:
    """Zeros of the layers that are not clustered: too small for it, or not named."""
    others = tuple(layer.name for layer in pruning.count_zeros(model) if layer.name not in clustered)
    kernels = {name: np.asarray(model.get_layer(name).kernel) for name in pruning.find_sparse(model, others, preserve)}
    return {name: Held(None, (kernel != 0).astype(np.float32)) for name, kernel in kernels.items()}


def _share(layer: Any, count: int, per_channel: bool, zero: bool) -> Held:
    """Give the kernel its shared values, and say which weights share them."""
    kernel = np.asarray(layer.kernel)
    apart = per_channel and is_per_channel(layer)
    values, groups, start = [], [], 0
    for part in split_channels(kernel, apart):
        centroids, places = find_centroids(part, count, zero=zero)
        values.append(centroids[places])
        groups.append((places + start).astype(np.int32))
        start += len(centroids)
    layer.kernel.assign(join_channels(values, kernel, apart))
    mask = (kernel != 0).astype(np.float32) if zero else None
    return Held(join_channels(groups, kernel, apart), mask)


def _choose_clusters(model: Any, clusters: int | Mapping[str, int]) -> dict[str, int]:
    refuse_wrapped(model, "cluster")
    able = pruning.list_prunable(model)
    wanted = dict(clusters) if isinstance(clusters, Mapping) else dict.fromkeys(able, clusters)
    chosen = pruning.choose_layers(able, tuple(wanted), "cluster")
    if not wanted:
        raise ParameterError("clusters for each layer that name none; give them such as {'conv_1': 16}")
    for name, count in wanted.items():
        if isinstance(count, bool) or not isinstance(count, int) or not 2 <= count <= 128:
            raise ParameterError(f"{count!r} clusters for {name!r}; allowed: whole numbers 2–128, 16 is common")
    return {name: wanted[name] for name in able if name in chosen}


def _is_small(layer: Any, count: int, per_channel: bool) -> bool:
    """As many clusters as weights to share them, or more: nothing to gain."""
    kernel = np.asarray(layer.kernel)
    return len(split_channels(kernel, per_channel and is_per_channel(layer))[0]) <= count
