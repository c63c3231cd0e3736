"""`predict_latency`: seconds of one inference, with the runtime's name and an interval that covers."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import ParameterError, UnknownRuntimeError, keywords
from tinykit.ground.quantity import Estimate, relabel
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import as_graph
from tinykit.predict.latency.bounds import arithmetic_of, computes_in_floats, core_factor
from tinykit.predict.latency.effects import (
    KERNEL_VERSIONS,
    RUNTIMES,
    Case,
    has_options,
    is_measured_version,
    proxy_of,
    row_noise,
    shipped_profile,
)
from tinykit.predict.latency.instructions import (
    TO_80,
    InstructionReport,
    Model,
    count_operators,
    counted_combinations,
    has_fpu,
    normalise_build,
    shapes_of,
)  # fmt: skip
from tinykit.predict.latency.kernels import INT4_SOURCE, PARTS
from tinykit.predict.latency.known import Carried, carry_over, find_known, shipped_width, width_of
from tinykit.predict.latency.measured import OwnShift, find_measured, find_own, own_rows, read_own, say_unused, shift_of
from tinykit.predict.latency.places import add_code, count_case, doubt_outside, find_places
from tinykit.predict.latency.shapes import OperatorShape, read_table
from tinykit.target.boards import find_board
from tinykit.target.boards.record import Board
from tinykit.target.runtimes import default_runtime, find_runtime, refuse_int4
from tinykit.target.target import Target, check_option, check_version, fill_in, is_external

_OPEN_BUILDS = ("esp-nn",)
"""Pools whose int8 kernels are told by counts of one build, and whose other kernels any build compiles."""

_UNTOLD = {
    "option": "the option (--runtime-option time, balanced or ram)",
    "version": "the version (--runtime-version)",
}
_NORMAL = np.array([NormalDist().inv_cdf((number + 0.5) / 100) for number in range(100)])


@keywords
def predict_latency(
    model: Model | str | os.PathLike[str], *,
    target: Target | None = None, core: str | None = None, clock_hz: float | None = None, runtime: str | None = None,
    runtime_version: str | None = None, runtime_option: str | None = None, board: str | Board | None = None,
    build: str | None = None, arena_region: str | None = None, code_region: str | None = None, modelled: bool = False
) -> Estimate:  # fmt: skip
    """Latency of one inference [s], 80 % interval: "measured" where this very case was published, else "modelled".

    Operators of other precisions than int8, and those whose kernel nobody counted, are bounded by their loops: they
    widen the interval by their share, the sources name them, and the basis is "assumed" where more than half of the
    time is assumed.

    Measured: the same operators on the same board, core, runtime (with its version, or its build) and clock, arena in
    on-chip RAM. Modelled: latency = Σ over parts of the kernels of instructions × cycles per instruction / clock.
    Instructions follow from the operator shapes (`predict_instructions`); cycles per instruction from published
    measurements, pooled over runtimes, cores, boards and versions. Left out: pre- and post-processing, interrupts, a
    cold cache.

    Parameters
    ----------
    model : a graph, its file, or operator shapes.
    target : a board with all that follows, instead of them; what is given besides wins.
    core : "cortex-m4", …
    clock_hz : clock of the core [Hz].
    runtime : one of `known_runtimes(core)`; None takes `default_runtime(core)`.
    runtime_version : of X-CUBE-AI ("8.1.0") or ST Edge AI Core ("2.2"); kernels changed at 7.3, 8.1, 9.0 and Core 3.
    runtime_option : of X-CUBE-AI: "time", "balanced" or "ram", which matters from 8.1 on; None: over both measured.
    board : catalogue id, Board or None; a board that was measured carries its own factor, and rows of your own
        (`tinykit calibrate`) shift it.
    build : "-Os", "-O2", "-O3" or None (unknown: a wider interval).
    arena_region : name of the board's region, or "psram", where the arena lies; None: on the chip where it can lie
        there at all, else in the board's external RAM, and over both where nobody can tell.
    code_region : name of the board's flash or ITCM that code and weights are read from in place; None: its flash.
    modelled : never take a measured figure, as error tables need it that hold one against the other.

    Raises
    ------
    ParameterError : clock not a finite number above 0, unknown build, a version that is no number, a board without
        such a core or region, or neither a target nor a core with its clock.
    UnknownBoardError : no such board.
    UnknownRuntimeError : no evidence for this core and runtime, or an operator that nobody can bound.
    """
    core, clock_hz, board, runtime, runtime_version, runtime_option, build, arena_region, code_region = fill_in(
        target, core=core, clock_hz=clock_hz, board=board, runtime=runtime, runtime_version=runtime_version,
        runtime_option=runtime_option, build=build, arena_region=arena_region, code_region=code_region,
    )  # fmt: skip
    if core is None or clock_hz is None:
        raise ParameterError("latency of what core at what clock? give core and clock_hz, or a target with a clock")
    opened = as_graph(model) if isinstance(model, ModelGraph | str | os.PathLike) else tuple(model)
    asked = default_runtime(core) if runtime is None else runtime
    name = _find_sister(asked, core, opened)
    _check_known(name, core, opened)
    check_version(runtime_version)
    check_option(runtime_option, name)
    record = None if board is None else find_board(board)
    place = _read_place(core, record, arena_region)
    version, option = runtime_version or "", runtime_option or ""
    case = replace(place, runtime=name, version=version, build=normalise_build(build), option=option)
    clock = _check_clock(clock_hz)
    cases, told = ((case,), "") if arena_region else find_places(opened, case, record)
    seen = (_find_known(opened, one, clock, has_fpu(record, core)) for one in dict.fromkeys((case, *cases)))
    known = None if modelled else next(filter(None, seen), None)
    found = known or _model_any(opened, cases, clock, record)
    if code_region or not known:
        found = add_code(found, shapes_of(opened).shapes, record, core=core, asked=code_region, clock_hz=clock)
    more = (*([told] if told and not known else ()), *say_unused(case))
    return relabel(found, runtime=asked, sources=(*found.sources, *more))


def _find_known(model: Model, case: Case, clock: float, fpu: bool | None) -> Estimate | None:
    """This very case as the user measured it, else as published where no own row speaks of the case."""
    if not own_rows(case):
        return find_measured(shapes_of(model), case, clock)
    return find_own(count_case(model, case, fpu).parts, case, clock)


def _model_any(model: Model, cases: Sequence[Case], clock: float, board: Board | None) -> Estimate:
    """The latency [s] over the places that an arena may have, and every version and option where they are not told.

    Of the mixture of all in equal parts: the geometric mean, and the ends of its central 80 %.
    """
    fpu, members = has_fpu(board, cases[0].core), [one for place in cases for one in _members_of(place)]
    ones = [_model_case(model, one, clock, fpu) for one in members]
    if len(ones) == 1 or not ones[0].value:
        return ones[0]
    logs, down, up = (np.log([getattr(one, name) for one in ones])[:, None] for name in ("value", "low", "high"))
    spreads = np.where(_NORMAL < 0, logs - down, up - logs) / TO_80
    low, high = np.exp(np.quantile(logs + spreads * _NORMAL, (0.1, 0.9)))
    untold = [told for name, told in _UNTOLD.items() if len({getattr(one, name) for one in members}) > 1]
    told = [f"over all that it may be, in equal parts: tell {' and '.join(untold)} to narrow this"] if untold else []
    value, sources = float(np.exp(logs.mean())), (*ones[-1].sources, *told)
    return replace(ones[-1], value=value, low=float(low), high=float(high), sources=sources)


def _members_of(case: Case) -> list[Case]:
    """The cases that one may be whose version or option is not told."""
    versions = [case.version] if case.version or case.runtime != "x-cube-ai" else KERNEL_VERSIONS
    cases = [replace(case, version=one) for one in versions]
    options = [("balanced", "time") if has_options(one) and not case.option else (case.option,) for one in cases]
    return [replace(one, option=name) for one, names in zip(cases, options, strict=True) for name in names]


def _model_case(model: Model, case: Case, clock: float, fpu: bool | None) -> Estimate:
    report, mine = count_case(model, case, fpu), read_own(case.board)
    profile, rows = shipped_profile(case), () if mine else find_known(shapes_of(model))
    cycles, spread = profile.cycles(report.parts)
    known = carry_over(rows, case, profile.pointwise(report.parts))
    own, doubts = shift_of(case, spread, mine), doubt_outside(case)
    told = shipped_width(width_of(own.spread, row_noise(case, report), known), case, known)
    value = cycles * math.exp(own.log_factor + known.log) / clock
    low, high = (math.exp(side * TO_80 * math.hypot(told, one)) for side, one in zip((-1, 1), doubts, strict=True))
    found = Estimate(value, value * low, value * high, "s", "modelled", runtime=case.runtime)
    any_build = find_runtime(case.runtime).pool in _OPEN_BUILDS and any(one.cycles for one in report.operators)
    built = _count_build(model, case, fpu) if any_build else report
    bounded = _bound_cycles(built, case, doubts)
    if bounded is None:
        return relabel(found, sources=tuple(_cite(case, report, own, known)))
    per_cycle = math.exp(own.log_factor) / clock
    ends = zip((value, found.low, found.high), bounded, strict=True)
    value, low, high = (one + more * per_cycle for one, more in ends)
    share = bounded[0] * per_cycle / value
    sources = (*(_cite(case, report, own, known) if cycles else ()), *_cite_bounded(report, case, share))
    basis = "assumed" if share * _assumed_share(report) > 0.5 else "modelled"
    return Estimate(value, low, high, "s", basis, runtime=case.runtime, sources=sources)


def _count_build(model: Model, case: Case, fpu: bool | None) -> InstructionReport:
    """As `count_case`, of the build that is asked for where the counts of another stand in."""
    runtime, core, _ = proxy_of(case)
    return count_operators(shapes_of(model), (core, runtime, case.build), arithmetic_of(case.core, case.runtime, fpu))


def _assumed_share(report: InstructionReport) -> float:
    """Of the cycles of bounded operators, the fraction that nobody counted."""
    assumed = sum(one.cycles for one in report.operators if one.basis == "assumed")
    return assumed / sum(one.cycles for one in report.operators)


def _bound_cycles(
    report: InstructionReport, case: Case, doubts: tuple[float, float]
) -> tuple[float, float, float] | None:
    """Cycles of the operators that are bounded by their loops: value, low, high (80 %); None without any.

    What a memory outside and a runtime's calls add to counted kernels, they add to these.
    """
    operators = [one for one in report.operators if one.cycles]
    if not operators:
        return None
    logs, inside = shipped_profile(case).log_cycles, shipped_profile(replace(case, arena="")).log_cycles
    plain = shipped_profile(replace(case, runtime=find_runtime(case.runtime).kernels)).log_cycles
    slow, calls = math.exp((logs - inside)[PARTS.index("other")]), math.exp((logs - plain)[PARTS.index("calls")])
    cycles = [(one.cycles + one.call_cycles * (calls - 1), one.factor) for one in operators]
    value, low, high = (slow * sum(count * factor**power for count, factor in cycles) for power in (0, -1, 1))
    least, core, most = core_factor(case.core, case.board, case.runtime)
    down, up = (
        math.exp(math.hypot(math.log(a / b), math.log(c / d), TO_80 * report.build_spread, TO_80 * doubt))
        for a, b, c, d, doubt in ((value, low, core, least, doubts[0]), (high, value, most, core, doubts[1]))
    )
    return value * core, value * core / down, value * core * up


def _read_place(core: str, board: Board | None, arena_region: str | None) -> Case:
    """Core, board and memory of a case, its runtime still open."""
    if board is not None and core not in [one.name for one in board.cores]:
        names = ", ".join(one.name for one in board.cores)
        raise ParameterError(f"{board.id} has no core {core!r}; its cores: {names}")
    arena = "external" if is_external(board, arena_region) else ""
    return Case(core, "", board=board.id if board else "", arena=arena)


@remember_table
def known_runtimes(core: str) -> tuple[str, ...]:
    """The runtimes whose latency can be predicted on a core; empty where there is no evidence."""
    return tuple(name for name in RUNTIMES if _rows_behind(name, core) or f"{name} on {core}" in counted_combinations())


def _check_clock(clock_hz: float) -> float:
    if isinstance(clock_hz, bool) or not isinstance(clock_hz, int | float) or not 0 < clock_hz < 1e30:
        raise ParameterError(f"clock_hz {clock_hz!r} is not a clock; give a number of hertz above 0, such as 120e6")
    return float(clock_hz)


def _find_sister(runtime: str, core: str, model: Model) -> str:
    """Whose evidence tells a runtime's latency on a core: its own, else, for floats alone, that of one of its pool.

    All builds of TFLM run the same kernels in float32.
    """
    if not isinstance(model, ModelGraph) and not all(isinstance(one, OperatorShape) for one in model):
        raise ParameterError(f"model {model!r:.60}: give a graph, its file, or operator shapes")
    known = known_runtimes(core)
    if runtime in known or runtime not in RUNTIMES or not all(map(computes_in_floats, shapes_of(model).shapes)):
        return runtime
    pool = find_runtime(runtime).pool
    return next((one for one in known if find_runtime(one).pool == pool), runtime)


def _check_known(runtime: str, core: str, model: Model) -> None:
    known = known_runtimes(core)
    if runtime in known:
        if isinstance(model, ModelGraph) and (refusal := refuse_int4(model, runtime, timed=True)):
            raise UnknownRuntimeError(refusal)
        return
    if runtime not in RUNTIMES:
        raise UnknownRuntimeError(
            f"no latency evidence for runtime {runtime!r}\nknown: {', '.join(RUNTIMES)}\n"
            "measure it on the board and give the figure (--latency)"
        )
    raise UnknownRuntimeError(
        f"no latency evidence for {runtime} on core {core!r}\n"
        f"known there: {', '.join(known) or 'nothing'}; {runtime} is known on {', '.join(_known_cores(runtime))}\n"
        "measure it on the board and give the figure (--latency)"
    )


def _known_cores(runtime: str) -> Sequence[str]:
    counted = (entry.split(" on ") for entry in counted_combinations())
    cores = {core for name, core in counted if name == runtime}
    return sorted(cores | {row["core"] for row in read_table("evidence").rows if row["runtime"] == runtime})


@remember_table
def _rows_behind(runtime: str, core: str) -> tuple[int, ...]:
    """Rows, architectures and boards that were measured, or () where there are none."""
    rows = (row for row in read_table("evidence").rows if (row["runtime"], row["core"]) == (runtime, core))
    return next(((int(row["rows"]), int(row["architectures"]), int(row["boards"])) for row in rows), ())


@remember_table
def _cite_cached(case: Case, proxy: tuple[str, str, str]) -> tuple[str, str]:
    counted = f"instructions of {proxy[0]} on {proxy[1]}, {read_table('operator_counts').source}"
    behind = _rows_behind(case.runtime, case.core)
    if not behind:
        return counted, "cycles per instruction carried over from other cores and runtimes (data/latency)"
    measured = "{} published latencies of {} architectures on {} boards".format(*behind)
    return counted, f"cycles per instruction from {measured} (data/latency/measured.csv)"


def _cite(case: Case, report: InstructionReport, own: OwnShift, known: Carried) -> Iterator[str]:
    yield from _cite_cached(replace(case, version="", board="", option=""), proxy_of(case))
    if known.log:
        where = f"{', '.join(known.boards)} by the same kernels" if known.boards else "other cores or versions"
        yield f"times {math.exp(known.log):.3f}, ±{known.spread:.0%}, as this network was measured on {where}"
    if case.runtime == "x-cube-ai" and case.version and not is_measured_version(case.version):
        yield f"version {case.version} is beyond those that anyone measured: as the nearest of them, wider"
    if case.option == "ram":
        yield "option ram: nobody measured it, taken as balanced, wider"
    if case.arena:
        yield "arena in external RAM as rows of measured.csv had it, dearer where its bus is narrow or a cache is off"
    if any(one.factor > 1 and not one.cycles for one in report.operators):
        yield INT4_SOURCE
    if report.assumed_share > 0.01:
        yield f"{report.assumed_share:.0%} of the instructions assumed"
    if own.models:
        yield f"times {math.exp(own.log_factor):.3f} by your own rows of {own.models} models (tinykit calibrate)"


def _cite_bounded(report: InstructionReport, case: Case, share: float) -> Iterator[str]:
    """What was bounded by its loop, the operators that nobody counted by name."""
    counted, assumed = (
        [one for one in report.operators if one.cycles and one.basis == b] for b in ("modelled", "assumed")
    )
    if counted:
        names = ", ".join(dict.fromkeys(one.name for one in counted))
        yield f"{share:.0%} of the time bounded by loops: {names} in the form of TFLM's reference kernels (loops.csv)"
    if assumed:
        names = ", ".join(dict.fromkeys(f"{one.name} by {one.factor:g} either way" for one in assumed))
        yield f"nobody counted, bounded by bytes moved and arithmetic done (bounds.csv): {names}"
    yield f"cycles of {case.core} over a Cortex-M4's as boards measured, or assumed (board_factors.csv, priors.toml)"
