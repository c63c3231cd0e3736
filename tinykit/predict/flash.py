"""Flash a model takes on a device: flatbuffer, TFLM's own code and the kernels that its operators link.

Linked sizes exist for three sets of operators on four cores, two kernel sets and two optimisation levels
(data/firmware/linked_sizes.toml). A model with one of those sets gets the linked figure; for another, the bytes
are divided over kernels by assumed shares, and the interval says so.
"""

import math
from dataclasses import dataclass
from typing import Any

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import ParameterError, UnknownRuntimeError, keywords
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.quantity import Estimate, propagate, relabel
from tinykit.ground.results import Result
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.operators.table import DECODE, row_of
from tinykit.predict.st_memory import RUNTIME as ST_RUNTIME, predict_st_memory
from tinykit.target.runtimes import default_runtime, list_runtimes
from tinykit.target.target import Target, check_build, fill_in

_EVERYWHERE = ("everywhere", 1.0)
_SHARE_DOUBT = 0.4
_LINKED_DOUBT = 0.02


@dataclass(frozen=True, slots=True)
class FlashEstimate(Result):
    """Flash of model and runtime, without the application.

    Parameters
    ----------
    total : sum, as an `Estimate` in bytes.
    flatbuffer_bytes : the model's own bytes, exact; under X-CUBE-AI its constants, all that it keeps of the file.
    runtime_bytes : the runtime with the kernels linked, as an `Estimate` in bytes.
    build : optimisation level it holds for, None where it is not known.
    """

    total: Estimate
    flatbuffer_bytes: int
    runtime_bytes: Estimate
    build: str | None


@keywords
def predict_flash(
    graph: GraphOrFile,
    *,
    target: Target | None = None,
    runtime: str | None = None,
    core: str | None = None,
    build: str | None = None,
    runtime_version: str | None = None,
) -> FlashEstimate:
    """Flash in bytes of a model with TFLM, or under X-CUBE-AI, on a core.

    Parameters
    ----------
    graph : the model, or its file.
    target : whose runtime, core and build are meant, instead of them; what is given besides wins.
    runtime : such as "tflm-cmsis-nn"; None for the core's default.
    core : lower-case core name.
    build : "-Os", "-O2", "-O3" or None: unknown, from the smallest to the largest of them; X-CUBE-AI's library is
        built already.
    runtime_version : of X-CUBE-AI, None where unknown.

    Raises
    ------
    UnknownRuntimeError : nothing linked is known for this runtime and core.
    ParameterError : another build, or neither a core nor a target.
    """
    given = {"runtime": runtime, "core": core, "build": build, "runtime_version": runtime_version}
    runtime, core, build, version = fill_in(target, **given)
    if core is None:
        raise ParameterError("flash on what core? give core, such as 'cortex-m4', or a target")
    graph, runtime = as_graph(graph), runtime or default_runtime(core)
    if runtime == ST_RUNTIME:
        check_build(build)
        memory = predict_st_memory(graph, core, version)
        total = propagate(lambda weights, code: weights + code, memory.weights, memory.code, unit="byte")
        total = relabel(total, low=math.floor(total.low), high=math.ceil(total.high))
        return FlashEstimate(total, int(memory.weights.value), memory.code, build)
    sizes, borrowed = _rows_of(runtime, core, build)
    names = frozenset(operator.name for operator in graph.operators)
    small, large = _sum_kernels(names, sizes["-Os"]), _sum_kernels(names, sizes["-O3"])
    runtime_bytes = _estimate(small, large, build, borrowed, runtime)
    ends = {end: getattr(runtime_bytes, end) + graph.flatbuffer_bytes for end in ("value", "low", "high")}
    total = relabel(runtime_bytes, **ends)
    return FlashEstimate(total, graph.flatbuffer_bytes, runtime_bytes, build)


def decoder_code() -> Estimate:
    """Flash of TFLM's DECODE operator with its lookup table, pruning and Huffman decoders, as an `Estimate` [byte]."""
    value, low, high = _table()["decoder_bytes"]
    return Estimate(value, low, high, "byte", "compiled", runtime="tflm", sources=_table()["decoder_source"])


def predict_runtime_ram(
    graph: GraphOrFile, *, runtime: str, core: str, build: str | None = None, runtime_version: str | None = None
) -> Estimate:
    """RAM in bytes that the runtime takes beside the arena: TFLM's stack at the deepest point, and its static data;
    X-CUBE-AI's static data alone.

    Stack high-water marks of the networks linked: that of the network with the same operators, else the deepest of
    them, and a quarter more at the high end. Left out: what the application and its interrupts put on the stack.

    Parameters
    ----------
    graph, runtime, core, build, runtime_version : as for `predict_flash`.

    Raises
    ------
    UnknownRuntimeError, ParameterError : as `predict_flash`.
    """
    if runtime == ST_RUNTIME:
        return predict_st_memory(as_graph(graph), core, runtime_version).runtime_ram
    graph, (sizes, borrowed) = as_graph(graph), _rows_of(runtime, core, build)
    table, names = _table(), frozenset(operator.name for operator in graph.operators)
    static = table["data_bytes"] + table["bss_bytes"]
    alike = [network for network, operators in table["networks"].items() if names == frozenset(operators)]
    levels = [build] if build in sizes else list(sizes)
    depths = [sizes[level]["stack"][network] for level in levels for network in alike or table["networks"]]
    doubt = (0.25 if not alike else _LINKED_DOUBT) + borrowed
    value, low, high = max(depths), min(depths) * (1 - doubt), max(depths) * (1 + doubt)
    source = f"{table['source']}: stack high-water mark, .data and .bss"
    basis = "simulated" if alike and not borrowed else "modelled"
    low, high = round(static + low), round(static + high)
    return Estimate(static + value, low, high, "byte", basis, runtime=runtime, sources=source)


def _rows_of(runtime: str, core: str, build: str | None) -> tuple[dict[str, dict[str, Any]], float]:
    """Linked rows by build for a runtime and core, or those nearest, and the doubt of carrying them over."""
    check_build(build)
    carried = ((one, doubt) for prefix, one, doubt in _table()["nearest"] if core.startswith(prefix))
    own = core in {row["core"] for row in _table()["sizes"]}
    nearest, borrowed = (core, 0.0) if own else next(carried, ("", 0.0))
    kernels = next((one.linked for one in list_runtimes() if one.name == runtime), "")
    sizes = {row["build"]: row for row in _table()["sizes"] if (row["core"], row["runtime"]) == (nearest, kernels)}
    if not sizes:
        raise UnknownRuntimeError(
            f"flash of runtime {runtime!r} on {core} is unknown: nothing linked was published; "
            "known: TFLM with reference, CMSIS-NN or ESP-NN kernels on Cortex-M, Xtensa and RISC-V"
        )
    return sizes, borrowed


@remember_table
def _table() -> dict[str, Any]:
    return read_toml(shipped_path("data", "firmware", "linked_sizes.toml"))


def _sum_kernels(names: frozenset[str], row: dict[str, Any]) -> tuple[float, float]:
    """Bytes of runtime and kernels, and the doubt about them, for one linked row."""
    if DECODE in names:
        plain, doubt = _sum_kernels(names - {DECODE}, row)
        code = decoder_code()
        return plain + code.value, math.hypot(doubt, (code.high - code.low) / 2)
    table = _table()
    for network, operators in table["networks"].items():
        if names == frozenset(operators):
            return row[network] + table["data_bytes"], _LINKED_DOUBT * row[network]
    total, doubt = float(row["ad"] + table["data_bytes"]), (_LINKED_DOUBT * row["ad"]) ** 2
    parts = [_kernel_code(row_of(name).flash, row) for name in sorted(names)]
    parts += [] if any(row_of(name).flash == _EVERYWHERE for name in names) else [-_dense_code(row)]
    return total + sum(parts), math.sqrt(doubt + sum((_SHARE_DOUBT * part) ** 2 for part in parts))


def _dense_code(row: dict[str, Any]) -> float:
    """Bytes of the fully connected kernels, which every network linked has and another may not: what they take beyond
    the reference kernel's, and that one's share of the smallest image, assumed."""
    same = (one for one in _table()["sizes"] if (one["core"], one["build"]) == (row["core"], row["build"]))
    reference = min(one["ad"] for one in same)
    return float(row["ad"] - reference + _table()["dense_share"] * reference)


def _kernel_code(told: tuple[str, float] | None, row: dict[str, Any]) -> float:
    """Bytes of one kernel beyond the smallest image: a share of what the largest has, or of that less the other's."""
    if told == _EVERYWHERE:
        return 0.0
    way, share = told or ("share", _table()["other_share"])
    code = float(share * (row["kws"] - row["ad"]))
    return max(0.0, code - (row["kws"] - row["ic"])) if way == "difference" else code


def _estimate(
    small: tuple[float, float], large: tuple[float, float], build: str | None, borrowed: float, runtime: str
) -> Estimate:
    value, doubt = large if build in ("-O2", "-O3") else small
    low, high = value - doubt, value + doubt
    if build is None:
        high = large[0] + large[1]
    if build == "-O2":
        low = small[0]
    extra = borrowed * value
    exact = not borrowed and build != "-O2" and doubt <= _LINKED_DOUBT * value
    source = _table()["source"] + ("" if exact else "; divided over kernels or carried to another core by assumption")
    basis = "compiled" if exact else "modelled"
    low, high = round(low - extra), round(high + extra)
    return Estimate(round(value), low, high, "byte", basis, runtime=runtime, sources=source)
