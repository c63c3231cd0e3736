"""Flash a model takes on a device: flatbuffer, TFLM's own code and the kernels that its operators link.

Linked sizes exist for three sets of operators on four cores, two kernel sets and two optimisation levels
(data/firmware/linked_sizes.toml). A model with one of those sets gets the linked figure; for another, interpreter,
shared arithmetic and kernels, linked one by one, are added up (data/firmware/linked_operators.csv).
"""

import math
from dataclasses import dataclass
from typing import Any

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import ParameterError, UnknownRuntimeError, keywords
from tinykit.ground.facts import read_csv, read_toml, shipped_path
from tinykit.ground.quantity import Estimate, propagate, relabel
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.operators.table import DECODE, row_of
from tinykit.predict.st_memory import predict_st_memory
from tinykit.target.runtimes import default_runtime, list_runtimes, planner_of, platform_flash
from tinykit.target.target import Target, check_build, fill_in

INTERPRETER, ARITHMETIC, OTHER = "interpreter", "shared arithmetic", "other kernel"
"""Parts of an image in data/firmware/linked_operators.csv that are no operator."""
_SUMMED = "; summed over kernels linked one by one for Cortex-M4, scaled or carried to another core by assumption"
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
    graph: GraphOrFile, *, target: Target | None = None, runtime: str | None = None, core: str | None = None,
    build: str | None = None, runtime_version: str | None = None, platform: str | None = None
) -> FlashEstimate:  # fmt: skip
    """Flash in bytes of a model with TFLM, or under X-CUBE-AI, on a core.

    Parameters
    ----------
    graph : the model, or its file.
    target : whose runtime, core, build and platform are meant, instead of them; what is given besides wins.
    runtime : such as "tflm-cmsis-nn"; None for the core's default.
    core : lower-case core name.
    build : "-Os", "-O2", "-O3" or None: unknown, from the smallest to the largest of them; X-CUBE-AI's library is
        built already.
    runtime_version : of X-CUBE-AI, None where unknown.
    platform : one of data/firmware/platforms.toml, such as "zephyr": the total then holds it, as a linker's.

    Raises
    ------
    UnknownRuntimeError : nothing linked is known for this runtime and core.
    ParameterError : another build or platform, or neither a core nor a target.
    """
    given = {"runtime": runtime, "core": core, "build": build, "runtime_version": runtime_version, "platform": platform}
    runtime, core, build, version, platform = fill_in(target, **given)
    if core is None:
        raise ParameterError("flash on what core? give core, such as 'cortex-m4', or a target")
    graph, runtime = as_graph(graph), runtime or default_runtime(core)
    check_build(build)
    if planner_of(runtime) == "st":
        memory = predict_st_memory(graph, core, version)
        model, code = memory.weights, memory.code
    else:
        model = Estimate.exact(graph.flatbuffer_bytes, "byte", "compiled", ())
        code = _link(_name_operators(graph), runtime, core, build)
    parts = (model, code, *([platform_flash(platform)] if platform else []))
    total = propagate(lambda *sizes: sum(sizes), *parts, unit="byte")
    total = relabel(total, low=math.floor(total.low), high=math.ceil(total.high))
    return FlashEstimate(total, int(model.value), code, build)


def _name_operators(graph: ModelGraph) -> frozenset[str]:
    return frozenset(operator.name for operator in graph.operators)


@remember_table
def _link(names: frozenset[str], runtime: str, core: str, build: str | None) -> Estimate:
    sizes, factor, borrowed = _rows_of(runtime, core, build)
    sums = (_sum_kernels(names, sizes[level]) for level in ("-Os", "-O3"))
    small, large = ((factor * nbytes, factor * doubt) for nbytes, doubt in sums)
    return _estimate(small, large, build, borrowed, runtime)


def decoder_code() -> Estimate:
    """Flash of TFLM's DECODE operator with its lookup table, pruning and Huffman decoders, as an `Estimate` [byte]."""
    value, low, high = _table()["decoder_bytes"]
    return Estimate(value, low, high, "byte", "compiled", runtime="tflm", sources=_table()["decoder_source"])


def predict_runtime_ram(graph: GraphOrFile, *, runtime: str, core: str, build: str | None = None) -> Estimate:
    """RAM in bytes that TFLM takes beside the arena: its stack at the deepest point, and its static data.

    Stack high-water marks of the networks linked: that of the network with the same operators, else the deepest of
    them, and a quarter more at the high end. Left out: what the application and its interrupts put on the stack.

    Parameters
    ----------
    graph, runtime, core, build : as for `predict_flash`.

    Raises
    ------
    UnknownRuntimeError, ParameterError : as `predict_flash`.
    """
    return _read_runtime_ram(_name_operators(as_graph(graph)), runtime, core, build)


@remember_table
def _read_runtime_ram(names: frozenset[str], runtime: str, core: str, build: str | None) -> Estimate:
    table, (sizes, _, borrowed) = _table(), _rows_of(runtime, core, build)
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


def _rows_of(runtime: str, core: str, build: str | None) -> tuple[dict[str, dict[str, Any]], float, float]:
    """Linked rows by build for a runtime and core, or those nearest; the factor and the doubt of carrying them over."""
    check_build(build)
    kernels = next((one.linked for one in list_runtimes() if one.name == runtime), "")
    nearest, factor, borrowed = core, 1.0, 0.0
    if core not in {row["core"] for row in _table()["sizes"]}:
        carried = (one for prefix, *one in _table()["nearest"] if core.startswith(prefix))
        nearest, reference, other, borrowed = next(carried, ("", 1.0, 1.0, 0.0))
        factor = reference if kernels == "tflm-reference" else other
    sizes = {row["build"]: row for row in _table()["sizes"] if (row["core"], row["runtime"]) == (nearest, kernels)}
    if not sizes:
        raise UnknownRuntimeError(
            f"flash of runtime {runtime!r} on {core} is unknown: nothing linked was published; "
            "known: TFLM with reference, CMSIS-NN or ESP-NN kernels on Cortex-M, Xtensa and RISC-V"
        )
    return sizes, factor, borrowed


@remember_table
def _table() -> dict[str, Any]:
    return read_toml(shipped_path("data", "firmware", "linked_sizes.toml"))


@remember_table
def _kernels(*of: str) -> dict[str, dict[str, str]]:
    """Rows of the parts of an image for a core, runtime and build."""
    rows = read_csv(shipped_path("data", "firmware", "linked_operators.csv")).rows
    return {row["operator"]: row for row in rows if (row["core"], row["runtime"], row["build"]) == of}


def _sum_kernels(names: frozenset[str], row: dict[str, Any]) -> tuple[float, float]:
    """Bytes of runtime and kernels, and the doubt about them, for one linked row."""
    if DECODE in names:
        plain, doubt = _sum_kernels(names - {DECODE}, row)
        code = decoder_code()
        return plain + code.value, math.hypot(doubt, (code.high - code.low) / 2)
    table, kernels = _table(), _kernels(row["core"], row["runtime"], row["build"])
    for network, operators in table["networks"].items():
        if names == frozenset(operators):
            return row[network] + table["data_bytes"], _LINKED_DOUBT * row[network]
    computes = any(row_of(name).latency not in ("copy", "reshape") for name in names)
    total, doubt = float(table["data_bytes"]), 0.0
    for name in (INTERPRETER, *([ARITHMETIC] if computes else []), *sorted(names)):
        part = kernels.get(name) or kernels[OTHER]
        nbytes = float(part["beside_bytes"] if part["beside"] in names else part["bytes"])
        total, doubt = total + nbytes, doubt + float(part["doubt"]) * nbytes
    return total, doubt


def _estimate(
    small: tuple[float, float], large: tuple[float, float], build: str | None, borrowed: float, runtime: str
) -> Estimate:
    value, doubt = large if build in ("-O2", "-O3") else small
    extra, exact = borrowed * value, not borrowed and build != "-O2" and doubt <= _LINKED_DOUBT * value
    low = small[0] if build == "-O2" else value - doubt
    high = sum(large) if build is None else value + doubt
    low, high, basis = round(low - extra), round(high + extra), "compiled" if exact else "modelled"
    source = _table()["source"] + ("" if exact else _SUMMED)
    return Estimate(round(value), low, high, "byte", basis, runtime=runtime, sources=source)
