"""Which layers bear how much pruning: accuracy against sparsity, one layer at a time, nothing trained."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ParameterError
from tinykit.ground.results import Result
from tinykit.train.compress.channels.choosing import choose_channels, group_channels, rate_channels
from tinykit.train.compress.channels.slimming import blank_weights
from tinykit.train.compress.channels.tracing import trace_channels
from tinykit.train.compress.channels.wiring import read_wiring
from tinykit.train.compress.pruning import choose_layers, list_prunable
from tinykit.train.compress.recipe import Progress
from tinykit.train.compress.sharing import find_kernel
from tinykit.train.compress.training import clone, predict
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import Difference, paired_difference
from tinykit.train.keras import require_model

_KINDS = ("weights", "channels")
_STEPS = (0.25, 0.5, 0.75, 0.9)

Labels = NDArray[np.int64]
Weights = list[NDArray[np.float32]]
Trials = Iterator[tuple[tuple[str, ...], dict[str, Weights]]]


@dataclass(frozen=True, slots=True)
class LayerSensitivity(Result):
    """What pruning one layer, all others whole, does to accuracy before any retraining.

    Parameters
    ----------
    name : of the layer.
    coupled : others that lose the same channels.
    kind : "weights" or "channels".
    accuracy : 0–1, of the whole model on the same samples.
    steps : shares removed, ascending, 0–1.
    changes : of accuracy at each, with its 95 % interval.
    """

    name: str
    coupled: tuple[str, ...]
    kind: str
    accuracy: float
    steps: tuple[float, ...]
    changes: tuple[Difference, ...] = field(repr=False)

    def bears(self, max_drop: float) -> float:
        """The largest step up to which the estimate never falls by more than `max_drop` (0–1); 0 if the first does."""
        borne = 0.0
        for step, change in zip(self.steps, self.changes, strict=True):
            if change.value < -max_drop:
                break
            borne = step
        return borne

    def __str__(self) -> str:
        shown = (f"{step:.0%}: {change.value:+.3f}" for step, change in zip(self.steps, self.changes, strict=True))
        return f"{self.name} ({self.kind}) {', '.join(shown)}"


def scan_sensitivity(
    model: Any, split: Split, *,
    kind: str = "weights", steps: tuple[float, ...] = _STEPS, layers: tuple[str, ...] | None = None,
    importance: str = "l1", progress: Progress | None = None
) -> tuple[LayerSensitivity, ...]:  # fmt: skip
    """Set part of one layer to zero at a time and count what the classifier still gets right.

    Parameters
    ----------
    model : trained tf-keras classifier; left as it was.
    split : to score on; take `data.validation`, for a choice made on the test split spoils it.
    kind : "weights", the smallest of each kernel, as `prune` takes them; "channels", the least important ones with
        all that is coupled to them, as `prune_channels` does: the same function as if they were gone.
    steps : shares to remove, ascending, each over 0 and under 1.
    layers : names; all that can be pruned if None.
    importance : of channels, "l1" or "l2".
    progress : called with the stage and its share done, such as `Bar()`.

    Raises
    ------
    ParameterError : unknown kind, layer or importance, steps outside 0–1 or not ascending.
    ModelError : nothing to prune. DataError : too few samples for an interval.
    """
    if kind not in _KINDS:
        raise ParameterError(f"kind {kind!r} is unknown; allowed: {', '.join(_KINDS)}")
    if not steps or list(steps) != sorted(set(steps)) or not 0 < steps[0] <= steps[-1] < 1:
        raise ParameterError(f"steps {steps!r}: give shares between 0 and 1, ascending, such as {_STEPS}")
    copy = clone(require_model(model))
    whole = predict(copy, split.x)
    weights = kind == "weights"
    trials = [*(_try_weights(copy, steps, layers) if weights else _try_channels(copy, steps, layers, importance))]
    found: dict[tuple[str, ...], list[Difference]] = {}
    for number, (names, changed) in enumerate(trials):
        predicted = _predict_with(copy, changed, split)
        found.setdefault(names, []).append(_compare(whole, predicted, split))
        if progress is not None:
            progress("scan", number + 1, len(trials), names[0])
    accuracy = float((whole == split.y).mean())
    return tuple(
        LayerSensitivity(names[0], names[1:], kind, accuracy, steps, tuple(changes)) for names, changes in found.items()
    )


def suggest_sparsity(scan: tuple[LayerSensitivity, ...], max_drop: float = 0.02) -> dict[str, float]:
    """{layer: largest share it bears} for `prune` or `prune_channels`; layers that bear none are left out.

    A guide, not a promise: losses of several layers add up, and retraining wins part of them back.

    Parameters
    ----------
    scan : of `scan_sensitivity`.
    max_drop : of accuracy, 0–1, for each layer by itself and before retraining.

    Raises
    ------
    ParameterError : max_drop outside 0–1.
    """
    if not 0 <= max_drop < 1:
        raise ParameterError(f"max_drop {max_drop:g} is outside [0, 1); 0.02 is two points")
    return {layer.name: layer.bears(max_drop) for layer in scan if layer.bears(max_drop) > 0}


def _try_weights(model: Any, steps: tuple[float, ...], wanted: tuple[str, ...] | None) -> Trials:
    """((layer,), {layer: its weights with the smallest of the kernel at zero}), every step of every layer."""
    for name in choose_layers(list_prunable(model), wanted):
        layer = model.get_layer(name)
        place = next(index for index, weight in enumerate(layer.weights) if weight is find_kernel(layer))
        weights = layer.get_weights()
        order = np.argsort(np.abs(weights[place]), axis=None, kind="stable")
        for step in steps:
            kernel = weights[place].copy()
            kernel.flat[order[: round(step * kernel.size)]] = 0
            yield (name,), {name: [*weights[:place], kernel, *weights[place + 1 :]]}


def _try_channels(model: Any, steps: tuple[float, ...], wanted: tuple[str, ...] | None, importance: str) -> Trials:
    """(coupled layers, {layer: its weights without some of their channels}), every step of every group."""
    wires, _ = read_wiring(model)
    channels = trace_channels(model)
    groups = group_channels(channels)
    ratings = rate_channels(wires, channels, importance)
    names = choose_layers([name for makers in groups for name in makers], wanted)
    for makers in (makers for makers in groups if set(makers) & set(names)):
        for step in steps:
            fractions = dict.fromkeys(groups, 0.0) | {makers: step}
            gone = choose_channels(groups, ratings, fractions, 1)
            yield makers, {wire.name: blank_weights(wire, channels, gone) for wire in wires if wire.layer.weights}


def _predict_with(model: Any, changed: dict[str, Weights], split: Split) -> Labels:
    before = {name: model.get_layer(name).get_weights() for name in changed}
    for name, weights in changed.items():
        model.get_layer(name).set_weights(weights)
    predicted: Labels = predict(model, split.x)
    for name, weights in before.items():
        model.get_layer(name).set_weights(weights)
    return predicted


def _compare(whole: Labels, predicted: Labels, split: Split) -> Difference:
    recordings = len(np.unique(split.recordings))
    return paired_difference(whole, predicted, split.y, split.recordings if 1 < recordings < len(split) else None)
