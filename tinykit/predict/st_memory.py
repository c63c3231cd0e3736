"""Memory under ST's X-CUBE-AI and ST Edge AI Core, from the graph: activations, the runtime's RAM, weights and code.

ST's planner is closed; what is known of it was read from reports: scratch of each kernel, outputs laid over inputs that
are not needed again, a pool that its convolution computes, padding and views without a buffer of their own. How far
published figures stray from such a plan is in data/firmware/st_memory.toml, by tools/st_memory.py.
"""

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from operator import mul
from typing import Any

from tinykit.ground.caches import remember, remember_table
from tinykit.ground.errors import UnknownRuntimeError
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph, Operator, Tensor
from tinykit.model.operators.table import row_of
from tinykit.target.runtimes import refuse_int4
from tinykit.target.target import check_version

RUNTIME = "x-cube-ai"
_WIDENS_AT_MOST, _FEW_CHANNELS = 2, 4
_POOLS, _IN_PLACE = {"pool", "max_pool"}, {"nonlinear", "rescale"}  # kinds of kernel, OperatorRow.latency
_CONVOLUTIONS = {"conv", "depthwise", "transpose_conv"}
_Step = tuple[Operator, tuple[int, ...], tuple[int, ...]]  # a kernel, the buffers that it reads and that it writes


@dataclass(frozen=True, slots=True)
class StMemory(Result):
    """What a network takes under X-CUBE-AI, each an `Estimate` in bytes.

    `activations`: the buffer that the application gives the network, its inputs and outputs within. `runtime_ram`: data
    of the network and of the library beside it. `weights`, `code`: flash of the constants, and of network description,
    kernels and their tables.
    """

    activations: Estimate
    runtime_ram: Estimate
    weights: Estimate
    code: Estimate


@remember
def predict_st_memory(graph: ModelGraph, core: str, version: str | None) -> StMemory:
    """Memory of a network under X-CUBE-AI ("8.1.0") or ST Edge AI Core ("2.0"); as wide as all if the version is None.

    The core is a Cortex-M: code and RAM hardly differ between M4, M7 and M33. Raises UnknownRuntimeError: another core.
    ParameterError: a version that does not start with a number.
    """
    if not core.startswith("cortex-m"):
        raise UnknownRuntimeError(f"memory of {RUNTIME} on {core} is unknown: it is for ST's Cortex-M; take another")
    if refusal := refuse_int4(graph, RUNTIME):
        raise UnknownRuntimeError(refusal)
    table, step, figures = _table(), step_of(version), count_features(graph)
    rows = [table["steps"][name] for name in ([step] if step else table["steps"])]
    planned = plan_activations(graph)
    size = "large" if planned > table["large_bytes"] else "small"
    thinner = table["float_code"] if graph.precision == "float32" else 1.0
    source = f"{table['source']}; {f'version step {step}' if step else 'version unknown: as wide as all'}"
    return StMemory(
        _estimate([(planned, row[size]) for row in rows], source, graph),
        _estimate([(sum(map(mul, row["ram"], figures)), row["ram_spread"]) for row in rows], source, graph),
        _estimate([(weight_bytes(graph), table["weights"])], source),
        _estimate([(thinner * sum(map(mul, row["code"], figures)), row["code_spread"]) for row in rows], source, graph),
    )


def _estimate(told: list[tuple[float, list[float]]], source: str, graph: ModelGraph | None = None) -> Estimate:
    """The newest step's value, and the ends of all steps told; wider for a graph of other types than int8."""
    doubt, (value, (_, middle, _)) = 1.0, told[-1]
    if graph and graph.precision != "int8":
        doubt = _table()["other_types_doubt"]
        source += f"; {graph.precision} carried over from int8, wider by assumption"
    low = math.floor(min(value * factors[0] for value, factors in told) / doubt)
    high = math.ceil(max(value * factors[2] for value, factors in told) * doubt)
    return Estimate(round(value * middle), low, high, "byte", "modelled", runtime=RUNTIME, sources=source)


def step_of(version: str | None) -> str | None:
    """The tool's step of a version: X-CUBE-AI to 7, 8, and 9 on; below 5 it is ST Edge AI Core's, as new as 9."""
    check_version(version)
    if not version:
        return None
    major = int(version.lstrip("v").partition(".")[0])
    return "7" if 5 <= major <= 7 else "8" if major == 8 else "9"


def weight_bytes(graph: ModelGraph) -> int:
    """Bytes of the constants that kernels compute with; shapes, axes and paddings are compiled into the network."""
    places = ((place, index) for one in graph.operators for place, index in enumerate(one.inputs) if index >= 0)
    read = ((place, graph.tensors[index]) for place, index in places if graph.tensors[index].is_constant)
    used = (one for place, one in read if place > 1 or one.dtype not in ("int32", "int64"))
    return sum({one.data_start or -1 - one.index: one.nbytes for one in used}.values())


def count_features(graph: ModelGraph) -> tuple[float, ...]:
    """1, whether anything convolves, convolutions and half of the others with weights, the convolutions' channels."""
    weighted = [one for one in graph.operators if row_of(one.name).weights and one.outputs]
    shapes = [graph.tensors[one.outputs[0]].shape for one in weighted if row_of(one.name).latency in _CONVOLUTIONS]
    count = len(shapes) + (len(weighted) - len(shapes)) / 2
    return 1.0, float(bool(shapes)), count, float(sum(shape[-1] for shape in shapes if shape))


@remember_table
def _table() -> dict[str, Any]:
    return read_toml(shipped_path("data", "firmware", "st_memory.toml"))


def plan_activations(graph: ModelGraph) -> int:
    """Bytes of activations, inputs and outputs among them, by the rules known of ST's planner."""
    steps, sizes, kept = _fuse(graph)
    first, last = dict.fromkeys(graph.inputs, 0), dict.fromkeys(graph.inputs, 0)
    for index, (_, reads, writes) in enumerate(steps):
        first |= {buffer: index for buffer in writes if buffer not in first}
        last |= dict.fromkeys(reads + writes, index)
    last |= dict.fromkeys(kept, len(steps))
    changes = [0] * (len(steps) + 2)
    for buffer, start in first.items():
        changes[start] += sizes[buffer]
        changes[last[buffer] + 1] -= sizes[buffer]
    most = 0
    for index, ((operator, reads, writes), alive) in enumerate(zip(steps, itertools.accumulate(changes), strict=False)):
        dying = max((sizes[one] for one in reads if last[one] == index), default=0)
        shared = _overlaid(graph, operator, min(dying, sum(sizes[out] for out in writes)))
        most = max(most, alive + _scratch(graph, operator) - shared)
    return most


def _fuse(graph: ModelGraph) -> tuple[list[_Step], dict[int, int], set[int]]:
    """Kernels in order, bytes of each buffer, and those kept to the end; views share one, convolutions pool."""
    readers = Counter(index for one in graph.operators for index in {*one.inputs}) + Counter(graph.outputs)
    home: dict[int, int] = {}
    sizes = {index: graph.tensors[index].nbytes for index in graph.inputs}
    steps: list[_Step] = []
    for one in graph.operators:
        own = [index for index in one.inputs if index >= 0 and not graph.tensors[index].is_constant]
        reads = tuple(dict.fromkeys(home.get(index, index) for index in own))
        alone, written = len(own) == 1 and readers[own[0]] == 1, sum(graph.tensors[out].nbytes for out in one.outputs)
        kind = row_of(one.name).latency
        if alone and one.outputs and (kind == "reshape" or row_of(one.name).role == "quantise"):
            home[one.outputs[0]] = reads[0]
            sizes[reads[0]] = max(sizes.get(reads[0], 0), written)
            continue
        step = (one, reads, one.outputs)
        if alone and kind in _POOLS and steps and steps[-1][2] == reads and row_of(steps[-1][0].name).latency == "conv":
            step = (*steps.pop()[:2], one.outputs)
        steps.append(step)
        sizes |= {out: graph.tensors[out].nbytes for out in one.outputs}
        sizes |= {index: graph.tensors[index].nbytes for index in reads if index not in sizes}
    return steps, sizes, {home.get(out, out) for out in graph.outputs} & sizes.keys()


def _overlaid(graph: ModelGraph, one: Operator, most: int) -> int:
    """Bytes of the output that lie on an input not needed again, of the most that both could share."""
    row, weights = row_of(one.name), _weights_of(graph, one)
    if weights is None or row.latency not in ("conv", "depthwise"):
        return most if row.role == "affine" or row.latency in _IN_PLACE or row.lowering == "padding" else 0
    columns, width, channels = graph.tensors[one.inputs[0]].shape[2], *(1, 1, *graph.tensors[one.outputs[0]].shape)[-2:]
    depth, taps = weights.shape[-1], math.prod(weights.shape[1:3])
    if row.latency == "depthwise":
        return max(0, most - 2 * (width + 1) * channels)
    if taps == 1:
        return most if channels <= _WIDENS_AT_MOST * depth else 0
    return max(0, most - columns * max(0, 3 * channels - 4)) if depth <= _FEW_CHANNELS else 0


def _scratch(graph: ModelGraph, one: Operator) -> int:
    """Bytes that an int8 kernel works in: as reports say of pointwise, depthwise and dense kernels, near for others."""
    weights, kind = _weights_of(graph, one), row_of(one.name).latency or ""
    if graph.precision != "int8" or weights is None:
        return 496 if graph.precision == "int8" and kind == "softmax" else 0
    units, taps, depth = weights.shape[0], math.prod(weights.shape[1:3]), weights.shape[-1]
    wide = 75 * units if depth <= _FEW_CHANNELS else 39 * taps * depth
    told = {
        "conv": 4 * depth + 10 * units if taps == 1 else wide,
        "depthwise": (3 * taps + 10) * depth + 1,
        "fully_connected": 2 * depth + (10 * units if len(weights.scales) > 1 else 0),
    }
    return told.get(kind, 0)


def _weights_of(graph: ModelGraph, one: Operator) -> Tensor | None:
    """Weights of an operator that has them and whose inputs have the ranks that it takes."""
    row, ranks = row_of(one.name), [len(graph.tensors[index].shape) if index >= 0 else -1 for index in one.inputs]
    found = bool(row.weights) and row.takes(ranks) and one.inputs[1] >= 0 and bool(one.outputs)
    return graph.tensors[one.inputs[1]] if found else None
