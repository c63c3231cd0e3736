"""Instructions of one inference, operator by operator, from the analytic model of each kernel.

Counted tables (`data/latency/operator_counts.csv`) fix the coefficients; kernels that no table holds
carry assumed costs and widen the interval.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tinykit.ground.caches import remember, remember_table
from tinykit.ground.errors import ParameterError, UnknownRuntimeError, keywords
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.latency.bounds import Arithmetic, arithmetic_of, count_bounded, find_loop, is_float, is_moved
from tinykit.predict.latency.kernels import (
    LANES,
    PARTS,
    count_loop_features,
    family_of,
    features_of,
    int4_factor,
    kind_of,
)
from tinykit.predict.latency.shapes import OperatorShape, from_graph, read_table
from tinykit.target.boards.record import Board
from tinykit.target.runtimes import default_runtime
from tinykit.target.target import BUILDS, Target, fill_in

Model = ModelGraph | Sequence[OperatorShape]
TO_80 = 1.2816
"""Half-width of the central 80 % of a normal distribution, in standard deviations."""

ASSUMED_SD = math.log(2) / TO_80
"""Log standard deviation of an assumed kernel cost: a factor of two either way."""

INFERENCE = 500.0
"""Instructions of one inference beside its operators: the interpreter's walk, the application around it (assumed)."""

_FITTED_SD = 0.04
_UNIFORM_SD = 0.5 * 0.8 / TO_80
"""Times the log ratio of two builds: a build anywhere between them, as a standard deviation."""
_OTHER_BUILD_SD = 0.2
_OTHER_DEPTHWISE = 1.06
_SAME_KERNELS = {"cortex-m85": "cortex-m55"}
_MOVES_ONLY = ("reshape", "copy", "rescale", "slice")


@dataclass(frozen=True, slots=True)
class OperatorInstructions(Result):
    """Instructions of one operator.

    Parameters
    ----------
    index, name : position and "CONV_2D", as in the graph.
    instructions : modelled instructions of one invocation.
    macs : multiply-accumulates of one invocation.
    kind, family : the kernel that runs it, and the family its cycle factor belongs to.
    basis : "modelled" where counted tables fix the kernel, "assumed" where none does.
    outside : of the instructions of a convolution, those outside its multiply-accumulate loop; 0 elsewhere.
    call : of the instructions, those that run once a call.
    cycles, call_cycles : on a Cortex-M4 without waits, of an operator that is bounded by its loop, and of these those
        of the call; 0 elsewhere.
    factor : of such an operator, and of one with int4 weights, how far its cost may stray either way (80 %).
    """

    index: int
    name: str
    instructions: float
    macs: int
    kind: str
    family: str
    basis: str
    outside: float = 0.0
    call: float = 0.0
    cycles: float = 0.0
    call_cycles: float = 0.0
    factor: float = 1.0


Operators = tuple[OperatorInstructions, ...]


@dataclass(frozen=True, slots=True)
class InstructionReport(Result):
    """Instructions of one inference.

    Parameters
    ----------
    core, runtime, build : what it holds for; build "" means it is not known.
    total : instructions of one inference, 80 % interval.
    operators : one entry per operator, in execution order.
    parts : instructions by part, in the order of `PARTS`, of operators that are not bounded by their loop, and of an
        inference beside them.
    assumed_share : fraction of these, 0–1, that rests on assumed kernel costs.
    build_spread : standard deviation of the log total for not knowing the build, or what int4 weights cost; else 0.
    """

    core: str
    runtime: str
    build: str
    total: Estimate
    operators: tuple[OperatorInstructions, ...]
    parts: tuple[float, ...]
    assumed_share: float
    build_spread: float


@dataclass(frozen=True, slots=True)
class _Kernels:
    style: str
    coefficients: Mapping[str, tuple[float, ...]]
    counted: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shapes:
    """The operator shapes of one model, equal to others by key."""

    key: str | tuple[OperatorShape, ...]
    shapes: tuple[OperatorShape, ...] = field(compare=False)


@keywords
def predict_instructions(
    model: Model, *,
    target: Target | None = None, core: str | None = None, runtime: str | None = None, build: str | None = None,
    fpu: bool | None = None
) -> InstructionReport:  # fmt: skip
    """Instructions that one inference executes.

    Of operators in int8 as counted tables fix them (`operator_counts.csv`, `sweep.csv`); of others as their loops were
    counted or bounded (`bounds.py`), with a wider interval.

    Parameters
    ----------
    model : a graph, or operator shapes where no file is at hand.
    target : whose core, runtime, build and FPU are meant, instead of them; what is given besides wins.
    core : "cortex-m4", …
    runtime : "tflm-reference" or "tflm-cmsis-nn".
    build : "-Os", "-O2" or "-O3"; None where unknown: the middle of -Os and -O3, with an interval over both.
    fpu : whether the core computes float32 itself; None: as the target's record says, else as such cores usually do.

    Raises
    ------
    UnknownRuntimeError : nothing was counted for this core, runtime and build, or nobody can bound an operator.
    ParameterError : unknown build, or neither a core nor a target.
    """
    core, runtime, build = fill_in(target, core=core, runtime=runtime, build=build)
    if core is None:
        raise ParameterError("instructions on what core? give core, such as 'cortex-m4', or a target")
    runtime, build = runtime or default_runtime(core), normalise_build(build)
    if fpu is None and target is not None:
        fpu = has_fpu(target.board, core)
    return count_operators(shapes_of(model), (core, runtime, build), arithmetic_of(core, runtime, fpu))


def has_fpu(board: Board | None, core: str) -> bool | None:
    """Whether a board's record gives the core an FPU, None where it does not say."""
    return next((one.fpu for one in board.cores if one.name == core), None) if board else None


def shapes_of(model: Model) -> Shapes:
    """The operator shapes of a graph (kept for the last few graphs), or those given."""
    if isinstance(model, ModelGraph):
        return _read_shapes(model)
    shapes = tuple(model)
    return Shapes(shapes, shapes)


def normalise_build(build: str | None) -> str:
    """A build as the tables name it: "-Ofast" counts as "-O3", None as "" (unknown); ParameterError for another."""
    name = {None: "", "-Ofast": "-O3"}.get(build, build)
    if name and name not in BUILDS:
        raise ParameterError(f"build {build!r} is unknown; allowed: {', '.join(BUILDS)}, or None where it is not known")
    return name or ""


@remember_table
def counted_combinations() -> tuple[str, ...]:
    """Everything that was counted, as "tflm-cmsis-nn on cortex-m4"."""
    rows = read_table("coefficients").rows
    return tuple(sorted({f"{row['runtime']} on {row['core']}" for row in rows}))


@remember
def count_operators(model: Shapes, name: tuple[str, str, str], arithmetic: Arithmetic) -> InstructionReport:
    """`predict_instructions` by (core, runtime, build), with the arithmetic of what is bounded; its errors."""
    core, runtime, build = name
    counted = _counted_builds(runtime, core)
    if not counted:
        raise UnknownRuntimeError(
            f"no instruction counts for {runtime} on {core}\nknown: {', '.join(counted_combinations())}"
        )
    # the build itself where it was counted, else the counted builds it lies between
    builds = (build,) if build in counted else tuple(name for name in ("-Os", "-O3") if name in counted)
    kernels = [_kernels(runtime, core, one) for one in builds]
    counts = [_count_all(model.shapes, one, arithmetic, built) for one, built in zip(kernels, builds, strict=True)]
    operators = tuple(_between(one) for one in zip(*counts, strict=True))
    ends = [sum(operator.instructions for operator in count) for count in counts]
    spread = _UNIFORM_SD * math.log(max(ends) / min(ends)) if len(ends) > 1 and min(ends) > 0 else _OTHER_BUILD_SD
    return _report(name, operators, 0.0 if builds == (build,) else spread)


def _report(name: tuple[str, str, str], operators: Operators, spread: float) -> InstructionReport:
    parts = dict.fromkeys(PARTS, 0.0)
    known = [operator for operator in operators if not operator.cycles]
    for operator in known:
        parts[operator.family] += operator.instructions - operator.outside - operator.call
        parts["calls"] += operator.call
        if operator.outside:
            parts[f"{operator.family} outside"] += operator.outside
    total, share = sum(operator.instructions for operator in known), 0.0
    if total:
        parts["inference"] += INFERENCE
        share = sum(operator.instructions for operator in known if operator.basis == "assumed") / total
        strayed = sum(operator.instructions * math.log(operator.factor) for operator in known) / total / TO_80
        spread = math.hypot(spread, strayed)
    width = math.exp(math.hypot(_FITTED_SD, share * ASSUMED_SD, spread) * TO_80)
    bounded = [(one.instructions, one.factor) for one in operators if one.cycles]
    value, low, high = (
        total * width**power + sum(count * factor**power for count, factor in bounded) for power in (0, -1, 1)
    )
    source = f"kernel model fitted to: {read_table('operator_counts').source}"
    sources = (source, read_table("loops").source) if bounded else source
    estimate = Estimate(value, low, high, "instruction", "modelled", runtime=name[1], sources=sources)
    return InstructionReport(*name, estimate, operators, tuple(parts.values()), share, spread)


def _count_all(
    shapes: Sequence[OperatorShape], kernels: _Kernels, arithmetic: Arithmetic, build: str
) -> list[OperatorInstructions]:
    """Every operator by the instruction model, or by its loop; beside operators so bounded, what moves floats too."""
    counts = [_count(index, shape, kernels) for index, shape in enumerate(shapes)]
    mixed = None in counts
    return [
        count if count and not (mixed and is_float(shape)) else _bound(index, shape, arithmetic, build)
        for index, (shape, count) in enumerate(zip(shapes, counts, strict=True))
    ]


def _count(index: int, shape: OperatorShape, kernels: _Kernels) -> OperatorInstructions | None:
    """An operator by the instruction model; None where it has none in this precision."""
    kind = kind_of(shape)
    # Nothing is computed where there is no output, or a handle alone.
    other = shape.dtype not in ("int8", "", "resource") and kind not in _MOVES_ONLY
    if other or kind not in kernels.coefficients or is_moved(shape):
        return None
    features, (slower, factor) = features_of(shape, kind, kernels.style), int4_factor(shape, kernels.style)
    costs = [slower * feature * value for feature, value in zip(features, kernels.coefficients[kind], strict=True)]
    *body, call = costs
    outside = sum(body[count_loop_features(kind, kernels.style) :])
    basis = "modelled" if kind in kernels.counted else "assumed"
    return OperatorInstructions(
        index, shape.name, sum(costs), shape.macs, kind, family_of(kind, shape), basis, outside, call, factor=factor
    )


def _bound(index: int, shape: OperatorShape, arithmetic: Arithmetic, build: str) -> OperatorInstructions:
    """An operator by the loop that bounds it."""
    loop = find_loop(shape, arithmetic, build)
    if loop is None:
        raise UnknownRuntimeError(
            f"operator {index} {shape.name} has no instruction model\n"
            "its latency is unknown; measure it on the board and give the figure (--latency)"
        )
    cost, basis = count_bounded(shape, loop), "modelled" if loop.counted else "assumed"
    return OperatorInstructions(
        index, shape.name, cost.instructions, shape.macs, "bounded", "other", basis,
        call=cost.call, cycles=cost.cycles, call_cycles=cost.call_cycles, factor=cost.factor,
    )  # fmt: skip


def _between(counted: Sequence[OperatorInstructions]) -> OperatorInstructions:
    first = counted[0]
    if len(counted) == 1:
        return first
    middle = math.sqrt(math.prod(count.instructions for count in counted))
    scales = [middle / max(count.instructions, 1e-30) / len(counted) for count in counted]
    parts = {
        name: sum(scale * getattr(count, name) for scale, count in zip(scales, counted, strict=True))
        for name in ("outside", "call", "cycles", "call_cycles")
    }
    factor = max(count.factor for count in counted)
    return replace(first, instructions=middle, factor=factor, **parts)


@remember_table
def _counted_builds(runtime: str, core: str) -> frozenset[str]:
    core = _SAME_KERNELS.get(core, core)
    rows = read_table("coefficients").rows
    return frozenset(row["build"] for row in rows if row["runtime"] == runtime and row["core"] == core)


@remember_table
def _kernels(runtime: str, core: str, build: str) -> _Kernels:
    wanted = (runtime, _SAME_KERNELS.get(core, core), build)
    rows = [row for row in read_table("coefficients").rows if (row["runtime"], row["core"], row["build"]) == wanted]
    counted = {row["kind"]: _numbers(row["coefficients"]) for row in rows}
    style = rows[0]["style"]
    counted["slice"] = _count_slice(style, build)
    assumed = (row for row in read_table("assumed_kernels").rows if row["style"] == style)
    every = {row["kind"]: _numbers(row["coefficients"]) for row in assumed}
    every["depthwise_any"] = every["depthwise_mult"] = _any_depthwise(counted["depthwise"], style)
    every["max_pool"] = counted["pool"]
    return _Kernels(style, every | counted, frozenset(counted))


def _count_slice(style: str, build: str) -> tuple[float, ...]:
    """Coefficients of SLICE, which is TFLM's own in every kernel set: a loop that computes each place anew."""
    wanted = ("slice", "soft-v6m" if style == "scalar" else "soft", "-Os" if build == "-Os" else "-O3")
    rows = (row for row in read_table("loops").rows if (row["loop"], row["arithmetic"], row["build"]) == wanted)
    return _numbers(next(rows)["coefficients"])[2:]


def _any_depthwise(counted: tuple[float, ...], style: str) -> tuple[float, ...]:
    """Coefficients of a depthwise kernel nobody counted: the portable one is the same code for every size, Helium's
    takes as much a tap as for 3×3 (the virtual board counts 3 to 10 % more for 5×5 and 7×7)."""
    if style != "mve":
        return counted
    macs, outputs, blocks, pixels, call = counted
    per_tap = (9 * macs + outputs + blocks / LANES[style]) / 9
    return _OTHER_DEPTHWISE * per_tap, 0.0, 0.0, pixels, call


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


@remember
def _read_shapes(graph: ModelGraph) -> Shapes:
    return Shapes(graph.sha256, from_graph(graph))
