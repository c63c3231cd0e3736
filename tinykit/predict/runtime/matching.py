"""Which operator of one model is which of another made from the same network."""

import re
from collections.abc import Sequence

from tinykit.model.graph.model import ModelGraph, Operator

_MOST_PAIRS = 1_000_000
_SAME_NAME, _SAME_KIND = 3.0, 1.0
_DECORATION = re.compile(r"_(int8|requantized|quantized)\d*$|^quant_|(?<=/)quant_|:\d+$")


def match_operators(
    graph: ModelGraph, steps: Sequence[Operator], other: ModelGraph, other_steps: Sequence[Operator]
) -> tuple[tuple[int, int, str], ...]:
    """Pairs of operators (index, index in the other, "name" or "order") whose outputs mean the same.

    An alignment in execution order, so that pairs never cross: of all alignments the one with the most equal tensor
    names, and after them the most operators of the same kind and output shape. Decorations that converters add to names
    (`_int8`, `quant_`, `:0`) do not count.
    """
    mine = [_describe(graph, step) for step in steps]
    theirs = [_describe(other, step) for step in other_steps]
    align = _by_name_alone if len(mine) * len(theirs) > _MOST_PAIRS else _align
    places = align(mine, theirs)
    return tuple(
        (steps[one].index, other_steps[two].index, "name" if _share_name(mine[one], theirs[two]) else "order")
        for one, two in places
    )


def _describe(graph: ModelGraph, operator: Operator) -> tuple[str, tuple[int, ...], frozenset[str]]:
    tensor = graph.tensors[operator.outputs[0]]
    names = frozenset(_undress(part) for part in tensor.name.split(";")[:4]) - {""}
    return operator.name, tuple(size for size in tensor.shape if size != 1), names


def _undress(name: str) -> str:
    before = None
    while before != name:
        before, name = name, _DECORATION.sub("", name)
    return name


Described = tuple[str, tuple[int, ...], frozenset[str]]


def _share_name(one: Described, other: Described) -> bool:
    return bool(one[2] & other[2])


def _score(one: Described, other: Described) -> float:
    """How well two operators match; 0 where they cannot be the same."""
    if one[1] != other[1]:
        return 0.0
    return _SAME_NAME * _share_name(one, other) * (0.5 + 0.5 * (one[0] == other[0])) + _SAME_KIND * (one[0] == other[0])


def _align(mine: Sequence[Described], theirs: Sequence[Described]) -> list[tuple[int, int]]:
    """The best alignment without crossings (Needleman and Wunsch, gaps free)."""
    best = [[0.0] * (len(theirs) + 1) for _ in range(len(mine) + 1)]
    for one in range(len(mine) - 1, -1, -1):
        for two in range(len(theirs) - 1, -1, -1):
            paired = _score(mine[one], theirs[two])
            paired = paired + best[one + 1][two + 1] if paired else 0.0
            best[one][two] = max(paired, best[one + 1][two], best[one][two + 1])
    places, one, two = [], 0, 0
    while one < len(mine) and two < len(theirs):
        paired = _score(mine[one], theirs[two])
        if paired and best[one][two] == paired + best[one + 1][two + 1]:
            places.append((one, two))
            one, two = one + 1, two + 1
        elif best[one][two] == best[one + 1][two]:
            one += 1
        else:
            two += 1
    return places


def _by_name_alone(mine: Sequence[Described], theirs: Sequence[Described]) -> list[tuple[int, int]]:
    """For models of very many operators: those with an equal name, in order."""
    known = {name: place for place, one in enumerate(theirs) for name in one[2]}
    places, after = [], -1
    for place, one in enumerate(mine):
        found = sorted(known[name] for name in one[2] if name in known and known[name] > after)
        if found and theirs[found[0]][1] == one[1]:
            places.append((place, found[0]))
            after = found[0]
    return places
