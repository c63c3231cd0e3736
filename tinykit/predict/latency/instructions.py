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
from tinykit.predict.latency.kernels import (
    BLOCK,
    LANES,
    PARTS,
    count_loop_features,
    family_of,
    feature_names,
    features_of,
    kind_of,
)
from tinykit.predict.latency.shapes import OperatorShape, from_graph, read_table
from tinykit.target.runtimes import default_runtime
from tinykit.target.target import BUILDS, Target, fill_in

Model = ModelGraph | Sequence[OperatorShape]
TO_80 = 1.2816
"""Half-width of the central 80 % of a normal distribution, in standard deviations."""

ASSUMED_SD = math.log(2) / TO_80
"""Log standard deviation of an assumed kernel cost: a factor of two either way."""

_FITTED_SD = 0.04
_UNIFORM_SD = 0.5 * 0.8 / TO_80
"""Times the log ratio of two builds: a build anywhere between them, as a standard deviation."""
_OTHER_BUILD_SD = 0.2
_OTHER_DEPTHWISE = 1.3
_SAME_KERNELS = {"cortex-m85": "cortex-m55"}
_MOVES_ONLY = ("reshape", "copy", "rescale")


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


Operators = tuple[OperatorInstructions, ...]


@dataclass(frozen=True, slots=True)
class InstructionReport(Result):
    """Instructions of one inference.

    Parameters
    ----------
    core, runtime, build : what it holds for; build "" means it is not known.
    total : instructions of one inference, 80 % interval.
    operators : one entry per operator, in execution order.
    parts : instructions by part, in the order of `PARTS`.
    assumed_share : fraction of the total, 0–1, that rests on assumed kernel costs.
    build_spread : standard deviation of the log total for not knowing the build, 0 where it is known.
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
    model: Model,
    *,
    target: Target | None = None,
    core: str | None = None,
    runtime: str | None = None,
    build: str | None = None,
) -> InstructionReport:
    """Instructions that one inference executes.

    Parameters
    ----------
    model : a graph, or operator shapes where no file is at hand; int8.
    target : whose core, runtime and build are meant, instead of them; what is given besides wins.
    core : "cortex-m4", …
    runtime : "tflm-reference" or "tflm-cmsis-nn".
    build : "-Os", "-O2" or "-O3"; None where unknown: the middle of -Os and -O3, with an interval over both.

    Raises
    ------
    UnknownRuntimeError : nothing was counted for this core, runtime and build, the model is not int8,
        or an operator has no kernel model.
    ParameterError : unknown build, or neither a core nor a target.
    """
    core, runtime, build = fill_in(target, core=core, runtime=runtime, build=build)
    if core is None:
        raise ParameterError("instructions on what core? give core, such as 'cortex-m4', or a target")
    runtime, build = runtime or default_runtime(core), normalise_build(build)
    if not _counted_builds(runtime, core):
        raise UnknownRuntimeError(
            f"no instruction counts for {runtime} on {core}\nknown: {', '.join(counted_combinations())}"
        )
    return _predict(shapes_of(model), core, runtime, build)


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
def _predict(model: Shapes, core: str, runtime: str, build: str) -> InstructionReport:
    _refuse_other_precisions(model.shapes)
    counted = _counted_builds(runtime, core)
    # the build itself where it was counted, else the counted builds it lies between
    builds = (build,) if build in counted else tuple(name for name in ("-Os", "-O3") if name in counted)
    kernels = [_kernels(runtime, core, name) for name in builds]
    counts = [[_count(index, shape, one) for index, shape in enumerate(model.shapes)] for one in kernels]
    operators = tuple(_between(one) for one in zip(*counts, strict=True))
    ends = [sum(operator.instructions for operator in count) for count in counts]
    spread = _UNIFORM_SD * math.log(max(ends) / min(ends)) if len(ends) > 1 and min(ends) > 0 else _OTHER_BUILD_SD
    return _report((core, runtime, build), operators, 0.0 if builds == (build,) else spread)


def _report(name: tuple[str, str, str], operators: Operators, spread: float) -> InstructionReport:
    total = sum(operator.instructions for operator in operators)
    assumed = sum(operator.instructions for operator in operators if operator.basis == "assumed")
    parts = dict.fromkeys(PARTS, 0.0)
    for operator in operators:
        parts[operator.family] += operator.instructions - operator.outside - operator.call
        parts["calls"] += operator.call
        if operator.outside:
            parts[f"{operator.family} outside"] += operator.outside
    share = assumed / total if total else 0.0
    width = math.exp(math.hypot(_FITTED_SD, share * ASSUMED_SD, spread) * TO_80)
    source = f"kernel model fitted to: {read_table('operator_counts').source}"
    estimate = Estimate(total, total / width, total * width, "instruction", "modelled", runtime=name[1], sources=source)
    return InstructionReport(*name, estimate, operators, tuple(parts.values()), share, spread)


def _count(index: int, shape: OperatorShape, kernels: _Kernels) -> OperatorInstructions:
    kind = kind_of(shape)
    if kind not in kernels.coefficients:
        raise UnknownRuntimeError(
            f"operator {index} {shape.name} has no instruction model\n"
            "its latency is unknown; measure it on the board and give the figure (--latency)"
        )
    features = features_of(shape, kind, kernels.style)
    costs = [feature * value for feature, value in zip(features, kernels.coefficients[kind], strict=True)]
    *body, call = costs
    outside = sum(body[count_loop_features(kind, kernels.style) :])
    basis = "modelled" if kind in kernels.counted else "assumed"
    return OperatorInstructions(index, shape.name, sum(costs), shape.macs, kind, family_of(kind), basis, outside, call)


def _between(counted: Sequence[OperatorInstructions]) -> OperatorInstructions:
    first = counted[0]
    if len(counted) == 1:
        return first
    middle = math.sqrt(math.prod(count.instructions for count in counted))
    scales = [middle / max(count.instructions, 1e-30) / len(counted) for count in counted]
    outside, call = (
        sum(scale * getattr(count, name) for scale, count in zip(scales, counted, strict=True))
        for name in ("outside", "call")
    )
    return replace(first, instructions=middle, outside=outside, call=call)


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
    assumed = (row for row in read_table("assumed_kernels").rows if row["style"] == style)
    every = {row["kind"]: _numbers(row["coefficients"]) for row in assumed}
    every["depthwise_any"] = every["depthwise_mult"] = _any_depthwise(counted["depthwise"], style)
    every["max_pool"] = counted["pool"]
    return _Kernels(style, every | counted, frozenset(counted))


def _any_depthwise(counted: tuple[float, ...], style: str) -> tuple[float, ...]:
    """Coefficients of a depthwise kernel nobody counted: the portable one is the same code for every size; the SIMD
    libraries unroll 3×3, so that its whole cost per tap, and 30 % more (assumed), is taken for the others."""
    if style == "portable":
        return counted
    if style in BLOCK:
        each = dict(zip(feature_names("depthwise", style), counted, strict=True))
        per_tap = (each["tap_blocks"] + each["row_blocks"] / 3 + each["blocks"] / 9) / 4
        return _OTHER_DEPTHWISE * per_tap, 0.0, 0.0, each["pixels"], each["call"]
    macs, outputs, blocks, pixels, call = counted
    per_tap = (9 * macs + outputs + blocks / LANES[style]) / 9
    return _OTHER_DEPTHWISE * per_tap, 0.0, 0.0, pixels, call


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


@remember
def _read_shapes(graph: ModelGraph) -> Shapes:
    return Shapes(graph.sha256, from_graph(graph))


def _refuse_other_precisions(shapes: tuple[OperatorShape, ...]) -> None:
    for index, shape in enumerate(shapes):
        # Nothing is computed where there is no output, or a handle alone.
        if shape.dtype not in ("int8", "", "resource") and kind_of(shape) not in _MOVES_ONLY:
            raise UnknownRuntimeError(
                f"operator {index} {shape.name} computes in {shape.dtype}; instructions are known for int8 alone\n"
                "quantise the model to int8, or give a measured latency (--latency)"
            )
