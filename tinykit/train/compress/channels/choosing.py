"""Which channels go: the least important of each group, as many as asked for and a kernel's width allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError, ParameterError
from tinykit.train.compress.channels.tracing import ChannelMap

Groups = dict[tuple[str, ...], NDArray[np.int64]]


def group_channels(channels: ChannelMap) -> Groups:
    """Classes that may go, by the layers that make them: {(layer, …): classes}; several layers are coupled.

    Raises
    ------
    ModelError : there is no channel to remove.
    """
    groups: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for one, makers in channels.producers.items():
        if not channels.held[one]:
            groups[makers].append(one)
    if not groups:
        raise ModelError("the model has no channel that could be removed: all of them reach its output or input")
    return {makers: np.array(classes, dtype=np.int64) for makers, classes in groups.items()}


def choose_channels(
    groups: Groups, ratings: NDArray[np.float64], fractions: Mapping[tuple[str, ...], float], multiple_of: int
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
    """The fraction to remove of each group.

    Parameters
    ----------
    fraction : one for all, or {layer: its own}; layers not named keep all, coupled layers follow the one named.

    Raises
    ------
    ParameterError : outside [0, 1), a layer whose channels cannot go, coupled layers with different fractions.
    """
    if not isinstance(fraction, Mapping):
        return dict.fromkeys(groups, _check_fraction(fraction))
    able = {name for makers in groups for name in makers}
    if unknown := sorted(set(fraction) - able):
        raise ParameterError(f"no channel of layer {unknown[0]!r} can be removed; allowed: {', '.join(sorted(able))}")
    found = {}
    for makers in groups:
        own = {name: _check_fraction(fraction[name]) for name in makers if name in fraction}
        if len(set(own.values())) > 1:
            raise ParameterError(f"{' and '.join(own)} share their channels; give them one fraction, not {own}")
        found[makers] = next(iter(own.values()), 0.0)
    return found


def _check_fraction(fraction: float) -> float:
    if isinstance(fraction, bool) or not isinstance(fraction, Real):
        raise ParameterError(f"fraction {fraction!r} is no number; give a share of the channels in [0, 1)")
    if not 0 <= fraction < 1:
        hint = f"; for {fraction:g} % write {fraction / 100:g}" if 1 < fraction < 100 else ""
        raise ParameterError(f"fraction {fraction:g} is outside [0, 1), a share of the channels{hint}")
    return float(fraction)
