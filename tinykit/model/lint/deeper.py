"""Checks that infer shapes, count weights, follow who reads what, or list what the firmware must register."""

from collections import Counter

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.model.graph.kernels import list_kernels
from tinykit.model.graph.model import ModelGraph, Operator, Precision
from tinykit.model.graph.reading import list_codes
from tinykit.model.graph.shapes import find_contradictions, infer
from tinykit.model.lint.checks import FOREIGN, list_missing
from tinykit.model.lint.finding import Check, Rule, Words, list_rules, tell
from tinykit.model.operators.table import row_of

_MANY_ZEROS = 0.5
_FEW_WEIGHTS = 256
_STEPS_IN_A_ROW = 3
_NARROWEST_SPAN = 2.5e-6
"""The converter's own least is 2e-6, which it takes where all samples are zero."""
_CODES = {"int8": 255, "uint8": 255, "int16": 65_535}


def _contradiction(graph: ModelGraph, rule: Rule) -> Words | None:
    found = find_contradictions(graph)
    words = tell([graph.operators[one.operator] for one in found])
    return {**words, "contradiction": str(found[0])} if found else None


def _constants_made(graph: ModelGraph, rule: Rule) -> Words | None:
    """Operators all of whose results are whole numbers known before the model runs."""
    found = find_known(graph)
    return tell(found) if found else None


def find_known(graph: ModelGraph) -> list[Operator]:
    """Operators whose results are known before the model runs, as those of shapes are."""
    known = infer(graph).known
    return [one for one in graph.operators if one.outputs and all(index in known for index in one.outputs)]


def _no_kernel(graph: ModelGraph, rule: Rule) -> Words | None:
    found = _missing(graph, known=False)
    return tell(found) if found else None


def _shape_kernel(graph: ModelGraph, rule: Rule) -> Words | None:
    found = _missing(graph, known=True)
    return tell(found) if found else None


def _missing(graph: ModelGraph, *, known: bool) -> list[Operator]:
    """Operators without a kernel whose results are, or are not, known before the model runs."""
    missing = list_missing([one for one in graph.operators if not one.name.startswith(FOREIGN)])
    folded = {one.index for one in find_known(graph)} if missing else set()
    return [one for one in missing if (one.index in folded) == known]


def find_unused(graph: ModelGraph) -> list[Operator]:
    """Operators whose results no operator that is of use reads.

    One without results changes a state and is of use; loops and custom operators may do so unseen.
    """
    read, unused = set(graph.outputs), []
    loop = list_rules()["open-batch-loop"]
    for operator in reversed(graph.operators):
        unseen = operator.name.startswith(FOREIGN) or loop.names(operator.name)
        if operator.outputs and not read & set(operator.outputs) and not unseen:
            unused.append(operator)
        else:
            read |= set(operator.inputs)
    return unused[::-1]


def _unused(graph: ModelGraph, rule: Rule) -> Words | None:
    found = find_unused(graph)
    return tell(found) if found else None


def _zeros(graph: ModelGraph, rule: Rule) -> Words | None:
    try:
        kernels = list_kernels(graph)
    except ModelError:  # stored sparse already, or of a type that is not counted
        return None
    weights = sum(kernel.values.size for kernel in kernels)
    share = sum(kernel.zeros for kernel in kernels) / weights if weights >= _FEW_WEIGHTS else 0.0
    return {"where": "the weights", "share": f"{share:.0%}"} if share >= _MANY_ZEROS else None


def _unrolled(graph: ModelGraph, rule: Rule) -> Words | None:
    weighted = [one for one in graph.operators if row_of(one.name).weights and len(one.inputs) > 1]
    uses = Counter(one.inputs[1] for one in weighted)
    found = [one for one in weighted if uses[one.inputs[1]] >= _STEPS_IN_A_ROW and graph.tensors[one.inputs[1]].scales]
    return tell(found) if found else None


def _slow(graph: ModelGraph, rule: Rule) -> Words | None:
    found = [one for one in graph.operators if rule.names(one.name)]
    return tell(found) if found and graph.precision is Precision.INT8 else None


def _narrow(graph: ModelGraph, rule: Rule) -> Words | None:
    """An input whose whole range is next to nothing."""
    tensors = [graph.tensors[index] for index in graph.inputs]
    spans = [one.scales[0] * _CODES[one.dtype] for one in tensors if one.scales and one.dtype in _CODES]
    narrow = min((span for span in spans if span > 0), default=1.0)
    return {"where": "input", "span": f"{np.float32(narrow):.2g}"} if narrow < _NARROWEST_SPAN else None


def _ranges(graph: ModelGraph, rule: Rule) -> Words | None:
    """What integer inputs stand for."""
    inputs = [(place, graph.tensors[index]) for place, index in enumerate(graph.inputs)]
    scaled = [(place, one) for place, one in inputs if one.scales and one.zero_points and one.dtype in _CODES]
    told = []
    for place, one in scaled:
        limits = np.iinfo(one.dtype)
        low, high = ((code - one.zero_points[0]) * one.scales[0] for code in (limits.min, limits.max))
        told.append(f"input {place} {low:.4g} … {high:.4g}")
    if not told:
        return None
    first = scaled[0][1]
    scale, zero = f"{np.float32(first.scales[0])}", str(first.zero_points[0])
    return {"where": "inputs", "ranges": ", ".join(told), "scale": scale, "zero_point": zero, "type": first.dtype}


def _signal(graph: ModelGraph, rule: Rule) -> Words | None:
    found = [one for one in graph.operators if rule.names(one.name)]
    return {**tell(found), "calls": _register({one.name for one in found})} if found else None


def _resolver(graph: ModelGraph, rule: Rule) -> Words | None:
    names = {one.name for one in graph.operators} | set(list_codes(graph) if graph.subgraphs > 1 else ())
    methods = {row_of(name).method for name in names}
    if None in methods:
        return None
    return {"where": "firmware", "count": str(len(methods)), "calls": _register(names)}


def _register(names: set[str]) -> str:
    methods = {row_of(name).method for name in names} - {None}
    return "\n".join(f"resolver.Add{method}();" for method in sorted(str(one) for one in methods))


DEEPER: dict[str, Check] = {
    "stored-shape": _contradiction,
    "no-kernel": _no_kernel,
    "shape-kernel": _shape_kernel,
    "shape-arithmetic": _constants_made,
    "unused-operator": _unused,
    "zeros-stored": _zeros,
    "unrolled-recurrence": _unrolled,
    "slow-kernel": _slow,
    "one-point-calibration": _narrow,
    "input-range": _ranges,
    "signal-library": _signal,
    "resolver": _resolver,
}
"""By rule."""
