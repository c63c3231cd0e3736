"""What an operator costs at least and at most where no kernel of its own was counted: other precisions, rare operators.

Float kernels are TFLM's reference loops in every build, for CMSIS-NN has none: `loops.csv` counts loops of their form,
with an FPU and without. For what nobody counted `bounds.csv` says what each element takes, with a factor either way.
Both give instructions and cycles on a Cortex-M4 without waits; what cores add is known from boards that were measured.
"""

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tinykit.ground.caches import remember_table
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.model.operators.table import row_of
from tinykit.predict.latency.kernels import count_inside
from tinykit.predict.latency.shapes import OperatorShape, read_table
from tinykit.target.runtimes import find_runtime

_PRIORS = read_toml(shipped_path("data", "latency", "priors.toml"))["bounds"]
_FEW = 16
"""Elements up to which moving them is no more than a call: shapes that a graph computes."""

_CALL_FACTOR = 2.0
"""Either way (80 %): what TFLM adds around a kernel changed with its versions."""

_FLOATS = ("float32", "float16", "float64")
_UNCOUNTED = ("bool", "int32", "int64", "resource", "")
_V6M = ("cortex-m0*", "cortex-m1", "cortex-m23")


@dataclass(frozen=True, slots=True)
class Loop:
    """Instructions and cycles by multiply-accumulate, tap, element and call; factor either way (80 %), not of calls."""

    instructions: tuple[float, ...]
    cycles: tuple[float, ...]
    factor: float
    counted: bool


@dataclass(frozen=True, slots=True)
class Bounded:
    """What an operator costs under its loop: instructions, cycles, of both those of the call, factor either way."""

    instructions: float
    cycles: float
    call: float
    call_cycles: float
    factor: float


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a core computes: its float operations and its integer kernels, as the tables name them."""

    floats: str
    integers: str

    def of(self, dtype: str) -> str:
        """The one of these that a tensor's type takes."""
        return self.floats if dtype in _FLOATS else self.integers


def arithmetic_of(core: str, runtime: str, fpu: bool | None) -> Arithmetic:
    """The arithmetic of a core under a runtime; `fpu` None means as cores of its name usually are.

    >>> arithmetic_of("cortex-m33", "tflm-cmsis-nn", None)
    Arithmetic(floats='fpu', integers='integer-dsp')
    >>> arithmetic_of("cortex-m0plus", "tflm-cmsis-nn", None).floats
    'soft-v6m'
    """
    has = any(fnmatchcase(core, one) for one in _PRIORS["fpu"]) if fpu is None else fpu
    soft = "soft-v6m" if any(fnmatchcase(core, one) for one in _V6M) else "soft"
    dsp = runtime != "tflm-reference" and core in _PRIORS["dsp"]
    return Arithmetic("fpu" if has else soft, "integer-dsp" if dsp else "integer")


def find_loop(shape: OperatorShape, arithmetic: Arithmetic, build: str) -> Loop | None:
    """The loop that bounds an operator; None where nobody can bound it: unknown custom operators, loops over graphs."""
    name = _loop_names().get(shape.name)
    if name is None or (name in ("conv", "depthwise") and not count_inside(shape)):
        return None
    if name == "add" and shape.weight_shape and shape.weight_shape != shape.input_shape:
        name = "broadcast"
    kind = arithmetic.of(shape.dtype)
    known = _loops()
    wanted = ((name, kind, build), (name, kind, ""), (name, kind.partition("-dsp")[0], ""), (name, "any", ""))
    return next((known[one] for one in wanted if one in known), None)


def is_float(shape: OperatorShape) -> bool:
    """Whether an operator's result is of real numbers."""
    return shape.dtype in _FLOATS


def computes_in_floats(shape: OperatorShape) -> bool:
    """Whether an operator computes with real numbers, or with none that a kernel was counted for."""
    return is_float(shape) or shape.dtype in _UNCOUNTED


def is_moved(shape: OperatorShape) -> bool:
    """Whether an operator of which the instruction model knows the call alone moves a whole tensor."""
    moves = row_of(shape.name).latency == "reshape" and _loop_names().get(shape.name) == "move"
    return moves and math.prod(shape.output_shape) > _FEW


def count_bounded(shape: OperatorShape, loop: Loop) -> Bounded:
    """The cost of an operator under its loop."""
    inside, outputs = count_inside(shape), math.prod(shape.output_shape)
    taps = inside * shape.output_shape[-1] if inside and shape.output_shape else 0
    macs = taps * shape.weight_shape[-1] if row_of(shape.name).latency == "conv" else shape.macs
    elements = outputs if inside or shape.macs else shape.elements or max(outputs, math.prod(shape.input_shape))
    work = (macs, taps, elements, 1)
    count, cycles = (sum(c * n for c, n in zip(one, work, strict=True)) for one in (loop.instructions, loop.cycles))
    call = loop.cycles[-1]
    factor = 1 + math.hypot((cycles - call) * (loop.factor - 1), call * (_CALL_FACTOR - 1)) / cycles
    return Bounded(count, cycles, loop.instructions[-1], call, factor)


def core_factor(core: str, board: str, runtime: str) -> tuple[float, float, float]:
    """Cycles of a core over those of a Cortex-M4 without waits: low, value, high (80 %).

    As measured on boards (`board_factors.csv`, and for floats alone `priors.toml`), else assumed; times what a closed
    runtime gains on the loops.
    """
    rows = {row["name"]: row for row in read_table("board_factors").rows if row["validated"] == "yes"}
    row = rows.get(board) or (None if core in _PRIORS["core"] else rows.get(core))
    found = [float(row[name]) for name in ("low", "factor", "high")] if row else _assume_core(core)
    gain = _PRIORS["pool"].get(find_runtime(runtime).pool, (1.0, 1.0, 1.0))
    value = found[1] * gain[1]
    down, up = (math.hypot(*(math.log(one[end] / one[1]) for one in (found, gain))) for end in (0, 2))
    return value * math.exp(-down), value, value * math.exp(up)


def _assume_core(core: str) -> list[float]:
    return next(factors for pattern, factors in _PRIORS["core"].items() if fnmatchcase(core, pattern))


@remember_table
def _loop_names() -> dict[str, str]:
    return {row["operator"]: row["loop"] for row in read_table("operator_loops").rows}


@remember_table
def _loops() -> dict[tuple[str, str, str], Loop]:
    """Every loop by name, arithmetic and build, "" for any."""
    found: dict[tuple[str, str, str], Loop] = {}
    for row in (*read_table("loops").rows, *read_table("bounds").rows):
        counted = "cycles" in row
        factor = _PRIORS["counted"][row["arithmetic"]] if counted else float(row["factor"])
        count = tuple(map(float, row["coefficients"].split()))
        per_instruction = 0.0 if counted else float(row["cycles_per_instruction"])
        cycles = tuple(map(float, row["cycles"].split())) if counted else tuple(per_instruction * n for n in count)
        for build in _builds(row.get("build", "")):
            found[row["loop"], row["arithmetic"], build] = Loop(count, cycles, factor, counted)
    return found


def _builds(build: str) -> tuple[str, ...]:
    """-O2 makes of these loops what -O3 makes of them."""
    return ("-O3", "-O2") if build == "-O3" else (build,)
