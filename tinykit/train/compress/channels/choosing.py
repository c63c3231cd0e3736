"""Which channels go: the least important of each group, as many as asked for and a kernel's width allows.

How much a channel matters: the norm of the weights that make it, with the scale of its normalisation folded in.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError, ParameterError
from tinykit.train.compress.channels.tracing import DEPTHWISE, PRODUCERS, ChannelMap
from tinykit.train.compress.channels.wiring import Wire
from tinykit.train.compress.recipe import check_share

Reals = NDArray[np.float64]
Groups = dict[tuple[str, ...], NDArray[np.int64]]
_NORMS: Mapping[str, int] = {"l1": 1, "l2": 2}


def group_channels(channels: ChannelMap) -> Groups:
    """Classes that may go, by the layers that make them: {(layer, …): classes}; several layers are coupled."""
    groups: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for one, makers in channels.producers.items():
        if not channels.held[one]:
            groups[makers].append(one)
    if not groups:
        raise ModelError("the model has no channel that could be removed: all of them reach its output or input")
    return {makers: np.array(classes, dtype=np.int64) for makers, classes in groups.items()}


def choose_channels(
    groups: Groups, ratings: Reals, fractions: Mapping[tuple[str, ...], float], multiple_of: int
) -> NDArray[np.bool_]:
    """bool [classes], True for those to remove: the lowest rated of each group, the first of equal ones staying.

    Of n channels ceil(n · (1 - fraction)) stay, rounded up to `multiple_of`, and never fewer than one step of it.
    """
    gone = np.zeros(len(ratings), dtype=bool)
    for makers, classes in groups.items():
        stay = count_kept(len(classes), fractions[makers], multiple_of)
        best_first = np.lexsort((classes, -ratings[classes]))
        gone[classes[best_first[stay:]]] = True
    return gone


def count_kept(count: int, fraction: float, multiple_of: int) -> int:
    """Channels of `count` that stay; as `choose_channels`."""
    wanted = max(1, int(np.ceil(round(count * (1 - fraction), 9))))
    return min(count, -(-wanted // multiple_of) * multiple_of)


def spread_fractions(groups: Groups, fraction: float | Mapping[str, float]) -> dict[tuple[str, ...], float]:
    """The fraction to remove of each group: one for all, or {layer: its own}.

    Layers not named keep all, coupled layers follow the one named.
    """
    if not isinstance(fraction, Mapping):
        return dict.fromkeys(groups, check_share("fraction", fraction, "channels"))
    able = {name for makers in groups for name in makers}
    if unknown := sorted(set(fraction) - able):
        raise ParameterError(f"no channel of layer {unknown[0]!r} can be removed; allowed: {', '.join(sorted(able))}")
    found = {}
    for makers in groups:
        own = {name: check_share("fraction", fraction[name], "channels") for name in makers if name in fraction}
        if len(set(own.values())) > 1:
            raise ParameterError(f"{' and '.join(own)} share their channels; give them one fraction, not {own}")
        found[makers] = next(iter(own.values()), 0.0)
    return found


def rate_channels(wires: tuple[Wire, ...], channels: ChannelMap, norm: str = "l1") -> Reals:
    """Importance of each class of channels, float64 [classes]; 0 is dead, 1 the average of its layer.

    For each layer that makes or filters the channel (convolution, dense, depthwise), ‖w_c‖ · |g_c| with the scale
    g = gamma / sqrt(variance + epsilon) of the normalisation right behind it, over the mean of that layer; the
    mean of these where several layers meet in a class, as in a residual sum. The norm of a filter as its importance:
    Li et al. 2017, arXiv:1608.08710.
    """
    if norm not in _NORMS:
        raise ParameterError(f"importance {norm!r} is unknown; allowed: {', '.join(_NORMS)}")
    total, count = np.zeros(len(channels.held)), np.zeros(len(channels.held))
    for wire in wires:
        if wire.kind not in (*PRODUCERS, *DEPTHWISE) or wire.name in channels.left_whole:
            continue
        rated = _rate_outputs(wire, _NORMS[norm]) * _fold_scale(wires, wire)
        mean = rated.mean()
        np.add.at(total, channels.outputs[wire.name], rated / mean if mean > 0 else rated)
        np.add.at(count, channels.outputs[wire.name], 1)
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0)


def _rate_outputs(wire: Wire, order: int) -> Reals:
    """Norm of the weights behind each output channel of a layer."""
    layer = wire.layer
    if wire.kind in DEPTHWISE:
        kernel = np.asarray(layer.depthwise_kernel)
        rows = kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1])
    else:
        kernel = np.asarray(layer.pointwise_kernel if wire.kind.startswith("Separable") else layer.kernel)
        kernel = np.swapaxes(kernel, -1, -2) if wire.kind.endswith("Transpose") else kernel
        rows = kernel.reshape(-1, kernel.shape[-1])
    return np.asarray(np.linalg.norm(rows.astype(np.float64), order, axis=0))


def _fold_scale(wires: tuple[Wire, ...], producer: Wire) -> Any:
    """|gamma / sqrt(variance + epsilon)| of the normalisation that is all that follows, else 1."""
    after = [wire for wire in wires if producer.name in wire.sources]
    if len(after) != 1 or after[0].kind != "BatchNormalization":
        return 1.0
    norm = after[0].layer
    variance = np.asarray(norm.moving_variance, dtype=np.float64)
    gamma = np.asarray(norm.gamma, dtype=np.float64) if norm.scale else np.ones_like(variance)
    return np.abs(gamma) / np.sqrt(variance + norm.epsilon)
