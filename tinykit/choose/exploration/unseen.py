"""What folds and seeds say of accuracy on groups nobody has seen, and how far a search flattered itself."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinykit.ground.quantity import Estimate
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import Accuracy, Difference

_Z80, _Z95 = 1.2815515655446004, 1.959963984540054
Scored = Mapping[str, Any]
"""What one training came to: its `fold`, its `seed`, and `right` of `n` by group; `groups` is empty where each sample
is a group of its own."""


def count_hits(predicted: Any, split: Split) -> dict[str, Any]:
    """Hits of a split by group as plain values, in one sum where each sample is a group of its own."""
    names, index = np.unique(split.groups, return_inverse=True)
    alone = len(names) == len(split)
    index = np.zeros(len(split), np.int64) if alone else index
    hits = np.bincount(index, weights=np.asarray(predicted) == split.y)
    sizes = np.bincount(index).tolist()
    return {"groups": [] if alone else names.tolist(), "right": hits.astype(int).tolist(), "n": sizes}


def share_right(scored: Sequence[Scored]) -> float:
    """Right over all samples of all trainings."""
    return float(sum(sum(one["right"]) for one in scored) / sum(sum(one["n"]) for one in scored))


def predict_unseen(scored: Sequence[Scored], groups: int, samples: int) -> Estimate:
    """Cross-validated accuracy, with the 80 % interval in which that on so many unseen groups and samples is expected.

    mean ± t √(v (1/U + 1/G) + w (1 + 1/m)): v the variance between the G groups of the folds, t of G - 1 degrees of
    freedom, U unseen groups; between samples, where none has a group, p (1 - p). w is the variance between trainings of
    one fold, m their number. Left out: folds teach with fewer groups than the whole, and the best of many was taken.
    """
    mean, own = share_right(scored), _by_group(scored)
    once = sum(sum(one["n"]) for one in scored) / len({one["seed"] for one in scored})
    spread, inside, there, free = mean * (1 - mean), once, samples, math.inf
    if own is not None:
        spread, inside, there, free = float(np.var(own, ddof=1)), len(own), groups, len(own) - 1
    drawn = _between_trainings(scored)
    half = _student(free) * math.sqrt(spread * (1 / there + 1 / inside) + drawn * (1 + 1 / len(scored)))
    told = f"{len(scored)} trainings, {inside:.0f} {'samples' if own is None else 'groups'}"
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), "1", "modelled", sources=told)


def tell_optimism(search: Estimate, found: Accuracy) -> Estimate:
    """A search's own score minus the accuracy on groups it had not seen, and the 80 % interval of that difference.

    Each side adds those of both as squares (Zou and Donner, Stat. Med. 27 (2008) 1693), since an interval that ends at
    1 is shorter there. That of the score holds the spread of unseen groups already: rather too wide.
    """
    value, share = search.value - found.fraction, _Z80 / _Z95
    below = math.hypot(search.value - search.low, share * (found.high - found.fraction))
    above = math.hypot(search.high - search.value, share * (found.fraction - found.low))
    told = (*search.sources, f"{found.n} samples of unseen groups")
    return Estimate(value, value - below, value + above, "1", "measured", sources=told)


def compare_recordings(one: Mapping[str, Any], other: Mapping[str, Any]) -> Difference | None:
    """Mean share right of one minus that of the other over the recordings both were tested on, whatever their windows.

    Each recording counts alike; None where they share fewer than two, of which no interval can be told.
    """
    first, second = (dict(zip(own["recordings"], own["shares"], strict=True)) for own in (one, other))
    both = np.array([first[name] - second[name] for name in first if name in second])
    if len(both) < 2:
        return None
    value, error = float(both.mean()), float(both.std(ddof=1) / math.sqrt(len(both)))
    method = f"95 % normal interval over {len(both)} recordings"
    return Difference(value, value - _Z95 * error, value + _Z95 * error, len(both), len(both), method)


def rank_fronts(costs: Sequence[float], scores: Sequence[float]) -> list[list[int]]:
    """Places by Pareto front, the cheapest first in each: first those that no other beats in cost and score.

    >>> rank_fronts([1.0, 2.0, 3.0], [0.5, 0.9, 0.8])
    [[0, 1], [2]]
    """
    left, fronts = sorted(range(len(costs)), key=lambda one: (costs[one], -scores[one])), []
    while left:
        front: list[int] = []
        for one in left:
            if not front or scores[one] > scores[front[-1]]:
                front.append(one)
        fronts.append(front)
        left = [one for one in left if one not in front]
    return fronts


def order_for_choice(
    costs: Sequence[float], scored: Sequence[Sequence[Scored]], least: float | None = None
) -> list[int]:
    """Places in the order in which more trainings pay, for whoever will choose by `choose_cheapest` or an accuracy.

    The most accurate, on which the choice hangs, then those that could be chosen, the cheapest first, then the rest by
    what they lack.
    """
    means = [share_right(own) for own in scored]
    best = max(range(len(means)), key=lambda one: (means[one], -costs[one]), default=None)

    def lack(one: int) -> float:
        wanted = least if least is not None else means[best or 0] - _error(scored[best or 0], scored[one])
        return max(0.0, wanted - means[one])

    return sorted(range(len(means)), key=lambda one: (one != best, lack(one), costs[one]))


def choose_cheapest(costs: Sequence[float], scored: Sequence[Sequence[Scored]]) -> int:
    """Place of the cheapest within one standard error of the best (Breiman et al., CART, 1984), paired by group."""
    means = [share_right(own) for own in scored]
    best = max(range(len(means)), key=lambda one: (means[one], -costs[one]))
    able = [one for one, mean in enumerate(means) if means[best] - mean <= _error(scored[best], scored[one])]
    return min(able, key=lambda one: (costs[one], -means[one]))


def _error(best: Sequence[Scored], other: Sequence[Scored]) -> float:
    """Standard error of the difference of two means, over their groups, or else over their trainings."""
    first, second = _by_group(best), _by_group(other)
    if first is None or second is None or len(first) != len(second):
        first, second = (np.array([share_right([one]) for one in own]) for own in (best, other))
    alike = len(first) == len(second) > 1
    return float(np.std(first - second, ddof=1) / math.sqrt(len(first))) if alike else 0.0


def _by_group(scored: Sequence[Scored]) -> Any:
    """Accuracy of each group over all its trainings; None where samples of a fold have no groups, or all are of one."""
    hits: dict[int, list[float]] = {}
    for one in scored if all(one["groups"] for one in scored) else ():
        for group, right, n in zip(one["groups"], one["right"], one["n"], strict=True):
            hits.setdefault(group, []).append(right / n)
    return np.array([np.mean(hits[group]) for group in sorted(hits)]) if len(hits) > 1 else None


def _between_trainings(scored: Sequence[Scored]) -> float:
    """Variance of the accuracy between seeds of one fold; 0 where each has but one."""
    folds: dict[int, list[float]] = {}
    for one in scored:
        folds.setdefault(one["fold"], []).append(share_right([one]))
    several = [float(np.var(own, ddof=1)) for own in folds.values() if len(own) > 1]
    return float(np.mean(several)) if several else 0.0


def _student(free: float) -> float:
    """Student's t at 90 %, by the series of Abramowitz and Stegun 26.7.5; within 1 % from 2 degrees of freedom on.

    >>> round(_student(6), 3), round(_student(math.inf), 3)
    (1.44, 1.282)
    """
    z = _Z80
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + sum(term / free**power for power, term in enumerate(terms, 1))
