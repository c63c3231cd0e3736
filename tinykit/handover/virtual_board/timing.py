"""Cycles of what the export executed, and what TFLM with CMSIS-NN would execute for the same, each deviation cited.

Cycles are the Cortex-M4 manual's cost of each class of instructions, times what boards add.

The export's CMSIS-NN is 4.0.0, TFLM's is newer and has an interpreter around it. So TFLM = factor x export + added:

- 1x1 and depthwise convolutions, fully connected operators and average pools are the same kernels: factor 1, and added
  is what TFLM's evaluation does around them (look tensors up, fill parameters in), the same for every shape.
- Other convolutions: 4.0.0 puts unpacked weights back in order, the newer library does not: factor 0.92 for KxK.
- ADD and SOFTMAX are the kit's own, leaner kernels: factor 1.28 to 1.38, and 1.8.
- Kernels on floats, on 16 bits and on what is only moved are the kit's own, in the form of TFLM's: not counted there.

The figures are in data/latency/export_corrections.csv, by core and compiler; where they have only the sum of a network
(Cortex-M0+) the sum is corrected. Nothing is corrected for the portable kernels, nor for the Cortex-M55, whose counts
say nothing about TFLM's. The export's own counts stay as they are.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tinykit.ground.caches import remember_table
from tinykit.ground.quantity import Estimate, unite
from tinykit.handover.codegen.lookups import CURVES
from tinykit.handover.codegen.placing import is_in_place
from tinykit.handover.virtual_board.result import OperatorRun, TflmCount
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.operators.table import row_of
from tinykit.predict.arena.blocks import Views, find_views
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.predict.latency.shapes import read_table
from tinykit.target.boards.record import Board

COSTS = {
    "load": 2.0, "load_following": 1.0, "store": 1.0, "load_multiple": 1.0, "store_multiple": 1.0, "words": 1.0,
    "multiply": 1.0, "branch": 1.0, "taken": 2.0, "divide": 7.0, "it": 0.5, "other": 1.0, "unknown": 1.0,
}  # fmt: skip
"""Cycles by class: load 2, straight after a load 1; store 1; of n words 1 + n; taken branch 3; division 7; IT 0.5."""

_MANUAL = "instruction classes counted in the emulator x costs of the Cortex-M4 technical reference manual"

NETWORK = "network"
"""The kind under which a table holds the correction of a whole network."""

FOLDED, LOOKED_UP = "folded", "looked up"
"""Kinds of what the export does unlike TFLM: not at all (constants are folded, variables have their place), or by a
table of all 256 codes."""

FOLDED_INSTRUCTIONS = 4
"""Of a function that has nothing to do."""

_LOOKED_UP_KINDS = {kind for kind, _ in CURVES}
_FEW_CHANNELS = 4
_DENSE, _BY_UNIT = "fully connected", "fully connected, a scale for each unit"
_UNCOUNTED = (1.0, 0.7, 1.5, 0.0)
_GUESSES = {_BY_UNIT: (0.65, 0.4, 1.05, 0.0), FOLDED: (1.0, 1.0, 1.0, 800.0), LOOKED_UP: (8.0, 3.0, 30.0, 800.0)}
"""Without a count in TFLM. Fully connected by unit: 4.0.0 has no kernel for it; its matrix product takes up to 2.4
times the plain kernel's. Folded: the interpreter's step. Looked up: 5 instructions an element against 30 of a rescaling
and 150 of a fixed-point exponential (data/latency/assumed_kernels.csv)."""
_CYCLES_PER_INSTRUCTION = 1.45
"""Of TFLM's evaluation where the export executed nothing: 1.42 to 1.54 for reference code at -O3."""

Correction = tuple[float, float, float, float]
"""Factor, its 80 % interval, and instructions added."""


def class_cycles(counts: Mapping[str, int]) -> float:
    """Cycles of counted classes without any wait: the sum of count x cost.

    >>> class_cycles({"load": 1, "load_following": 1, "multiply": 2, "branch": 1, "taken": 1, "instructions": 5})
    8.0
    """
    return sum(counts.get(name, 0) * cost for name, cost in COSTS.items())


@remember_table
def _factors() -> dict[str, dict[str, str]]:
    """What boards measured over the class costs, by board or core."""
    return {row["name"]: row for row in read_table("board_factors").rows}


def estimate_cycles(cycles: float, board: Board) -> Estimate:
    """Cycles on a board: class cycles x the board's factor, or its core's."""
    row = _factors().get(board.id) or _factors()[board.core]
    factor, low, high = (float(row[name]) for name in ("factor", "low", "high"))
    return Estimate(
        cycles * factor, cycles * low, cycles * high, "cycle", "simulated",
        sources=f"{_MANUAL} x {factor:g} [{low:g} to {high:g}]: {row['measured']}",
    )  # fmt: skip


def estimate_latency(cycles: Estimate, clock_hz: float) -> Estimate:
    """Seconds of that many cycles at a clock [Hz]: latency = cycles / clock."""
    return Estimate(
        cycles.value / clock_hz, cycles.low / clock_hz, cycles.high / clock_hz, "s", "simulated",
        sources=(*cycles.sources, f"at {clock_hz / 1e6:g} MHz"),
    )  # fmt: skip


def kind_of(operator: Operator, graph: ModelGraph) -> str:
    """Kind of an operator, as the deviations from TFLM fall together."""
    row, types = row_of(operator.name), [graph.tensors[index].dtype for index in operator.inputs if index >= 0]
    if row.lowering in _LOOKED_UP_KINDS and types[:1] == ["int8"]:
        return LOOKED_UP
    place = row.data or 0
    if types[place : place + 1] != ["int8"]:
        return operator.name.lower() + f" on {types[place]}" * (len(types) > place)
    kind = row.counted or operator.name.lower()
    if kind == _DENSE and len(graph.tensors[operator.inputs[1]].scales) > 1:
        return _BY_UNIT
    if kind != "convolution":
        return kind
    _, height, width, depth = graph.tensors[operator.inputs[1]].shape
    if (height, width) == (1, 1):
        return "1x1 convolution"
    return "few channels convolution" if depth < _FEW_CHANNELS else "KxK convolution"


@remember_table
def corrections(core: str, compiler: str) -> dict[str, Correction]:
    """By kind, what turns the export's count on a core into TFLM's; empty where TFLM was not counted."""
    return {
        row["kind"]: (float(row["factor"]), float(row["low"]), float(row["high"]), float(row["added"]))
        for row in read_table("export_corrections").rows
        if (row["core"], row["compiler"]) == (core, compiler)
    }


def correct(instructions: float, correction: Correction) -> Estimate:
    """TFLM's instructions for the export's: factor x instructions + added.

    >>> round(correct(1000, (0.93, 0.90, 0.96, 250)).value)
    1180
    """
    value, low, high, added = correction
    said = f"the export's count x {value:g} [{low:g} to {high:g}] + {added:g}"
    return Estimate(
        value * instructions + added, low * instructions + added, high * instructions + added, "instruction",
        "simulated", sources=f"{said}: {read_table('export_corrections').source}",
    )  # fmt: skip


def count_tflm(
    operators: Sequence[OperatorRun], board: Board, compiler: str, kernels: str, clock_hz: float | None, *,
    graph: ModelGraph | None = None,
) -> TflmCount | None:  # fmt: skip
    """TFLM's instructions, cycles and latency for a run, None where nothing says how TFLM's counts depart.

    Of a `graph` whose plan lays tensors into others the copies count that TFLM makes there, by the instruction model.
    """
    table = corrections(board.core, compiler)
    if table and graph and (views := find_views(graph)):
        operators = [*_add_copies(operators, graph, views, board.core)]
    own = sum(one.instructions for one in operators)
    if kernels != "cmsis-nn" or not table or not own:
        return None
    each: tuple[Estimate, ...] = ()
    assumed: tuple[str, ...] = ()
    if NETWORK in table:
        total = correct(own, table[NETWORK])
        cycles = sum(one.cycles for one in operators) * total.value / own
    else:
        known = _GUESSES | table
        each = tuple(correct(one.instructions, known.get(one.kind, _UNCOUNTED)) for one in operators)
        assumed = tuple(sorted({one.kind for one in operators} - set(table)))
        total = _add(each, assumed)
        # class cycles of each operator in TFLM: the export's, in proportion
        cycles = sum(
            own.cycles * found.value / own.instructions if own.instructions else found.value * _CYCLES_PER_INSTRUCTION
            for own, found in zip(operators, each, strict=True)
        )
    taken = _estimate(total, cycles, board)
    return TflmCount(each, total, taken, estimate_latency(taken, clock_hz) if clock_hz else None, assumed)


def _add_copies(
    operators: Sequence[OperatorRun], graph: ModelGraph, views: Views, core: str
) -> Iterator[OperatorRun]:  # fmt: skip
    """The operators of a run, with what TFLM executes for a SLICE or CONCATENATION that finds all in its place."""
    model = predict_instructions(graph, core=core, runtime="tflm-cmsis-nn", build="-O3").operators
    for one, found in zip(operators, model, strict=True):
        count = round(found.instructions)
        copied = replace(one, instructions=count, cycles=_CYCLES_PER_INSTRUCTION * count, kind="copied in TFLM alone")
        yield copied if is_in_place(graph.operators[one.index], views) else one


def _add(each: Sequence[Estimate], assumed: tuple[str, ...]) -> Estimate:
    sources = [f"the export's counts corrected by kind of operator: {read_table('export_corrections').source}"]
    if assumed:
        sources.append(f"not counted in TFLM, in wide intervals: {', '.join(assumed)}")
    value, low, high = (sum(getattr(one, name) for one in each) for name in ("value", "low", "high"))
    return Estimate(value, low, high, "instruction", "simulated", sources=sources)


def _estimate(total: Estimate, cycles: float, board: Board) -> Estimate:
    """Cycles on the board; the intervals of the count and of the board's factor are independent."""
    plain = estimate_cycles(cycles, board)
    low, high = (
        math.hypot(math.log(getattr(plain, end) / plain.value), math.log(getattr(total, end) / total.value))
        for end in ("low", "high")
    )
    return Estimate(
        plain.value, plain.value * math.exp(-low), plain.value * math.exp(high), "cycle", "simulated",
        sources=unite(total.sources, plain.sources),
    )  # fmt: skip
