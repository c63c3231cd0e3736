"""What a run on the virtual board found, as plain frozen values."""

from dataclasses import asdict, dataclass, field
from typing import Any

from numpy.typing import NDArray

from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Result
from tinykit.predict.latency.shapes import read_table
from tinykit.predict.runtime.reference import TFLM, find_reference

Outputs = NDArray[Any] | tuple[NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class Classes(Result):
    """Executed instructions by class; loads and stores include those of many words, branches those not taken."""

    load: int = 0
    store: int = 0
    multiply: int = 0
    divide: int = 0
    branch: int = 0
    other: int = 0


@dataclass(frozen=True, slots=True)
class OperatorRun(Result):
    """One operator of the first sample.

    Parameters
    ----------
    index, name : as in the graph.
    instructions : executed between entering its function and leaving it, whatever it calls included.
    classes : the same by class.
    cycles : by the class costs alone, without the board's factor.
    macs : multiply-accumulates.
    kind : operators of one kind depart from TFLM's counts in the same way.
    """

    index: int
    name: str
    instructions: int
    classes: Classes
    cycles: float
    macs: int
    kind: str = ""


@dataclass(frozen=True, slots=True)
class TflmCount(Result):
    """What TFLM with CMSIS-NN would execute, as far as it can be said from the export's counts.

    Parameters
    ----------
    operators : instructions of each, empty where only the sum is known.
    instructions, cycles, latency_s : of one inference; no latency where no clock is known.
    assumed : kinds of operators that nobody counted in TFLM; their own counts stand in, with a wide interval.
    """

    operators: tuple[Estimate, ...] = field(repr=False)
    instructions: Estimate
    cycles: Estimate
    latency_s: Estimate | None
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sizes(Result):
    """Bytes of the linked program by what they are for; arena and stack are not among them.

    Parameters
    ----------
    weights : constants of the model.
    kernels : code and tables of the kernels.
    rest : all other code.
    data : initialised variables (in flash and RAM).
    bss : variables that start at zero.
    """

    weights: int
    kernels: int
    rest: int
    data: int
    bss: int

    @property
    def text_bytes(self) -> int:
        """Code and constants."""
        return self.weights + self.kernels + self.rest


@dataclass(frozen=True, slots=True)
class Fault(Result):
    """How the program failed, as the hardware would say it.

    Parameters
    ----------
    kind : "link" (a region is too small), "read", "write", "fetch" (memory that is not there), "stack" (written
        below its base), "instruction" (the core does not have it), "exception", "status" (an operator returned
        an error), "time" or "instructions" (a limit).
    address : that was touched, None where none was.
    operator : index of the operator that was running, None outside them.
    tensor : index of the tensor whose buffer holds the address, None where none does.
    text : all of it in words.
    region, overflow_bytes : of a failed link.
    pc : of the instruction.
    """

    kind: str
    text: str
    address: int | None = None
    operator: int | None = None
    tensor: int | None = None
    pc: int | None = None
    region: str | None = None
    overflow_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Hashes(Result):
    """SHA-256 of what was run and what came out; empty where a fault came before."""

    model: str
    firmware: str
    inputs: str
    outputs: str
    reference: str


@dataclass(frozen=True, slots=True)
class BoardRun(Result):
    """A model compiled for a board and run in its memory map.

    Parameters
    ----------
    board, core, clock_hz, kernels, compiler, engine : what was built, and what ran it.
    outputs : [n, *shape] of the output's type, or a tuple of them for several; None where there was a fault.
    equal : the outputs of all samples equal the TFLM interpreter's, byte for byte; floats within 1e-5 of the largest.
    first_difference : the first operator whose output differs from TFLM's, where the outputs differ.
    sizes : bytes of the program, None where it did not link.
    arena_bytes : the exported program's own static arena; TFLM's is another (`predict_arena`).
    stack_bytes : high-water mark of the stack, None where the program did not end.
    instructions : of one inference of the first sample, the model's own function included.
    operators : the same by operator.
    cycles, latency_s : of the exported program, Estimates of basis "simulated"; None where there was a fault, or no
        clock is known.
    tflm : what TFLM would execute and take for the same; None where its counts cannot be said from the export's.
    fault : None where all samples came to their end.
    hashes : of model, firmware, inputs and outputs.
    notes : what about the memory map is not from the board's record.
    reference : engine that said what is right: "tflm", or "litert-reference" where its interpreter is not installed.
    """

    JSON = (
        *("board", "core", "clock_hz", "kernels", "compiler", "engine", "equal"),
        *("first_difference=first_difference.index", "text_bytes=sizes.text_bytes", "data_bytes=sizes.data"),
        *("bss_bytes=sizes.bss", "sizes", "arena_bytes", "stack_bytes", "instructions", "operators", "cycles"),
        *("latency_s", "tflm", "fault", "hashes", "notes", "reference"),
    )

    board: str
    core: str
    clock_hz: float | None
    kernels: str
    compiler: str
    engine: str
    outputs: Outputs | None = field(repr=False)
    equal: bool
    first_difference: OperatorRun | None
    sizes: Sizes | None
    arena_bytes: int
    stack_bytes: int | None
    instructions: int | None
    operators: tuple[OperatorRun, ...] = field(repr=False)
    cycles: Estimate | None
    latency_s: Estimate | None
    fault: Fault | None
    hashes: Hashes = field(repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)
    tflm: TflmCount | None = field(default=None, repr=False)
    reference: str = field(default=TFLM.engine, repr=False)

    def __str__(self) -> str:
        head = f"{self.board} ({self.core}, {self.kernels}, {self.compiler})"
        if self.fault:
            return f"{head}: fault: {self.fault.text}"
        verdict = f"{'' if self.equal else 'NOT '}equal to {self.judge}"
        arena = format_quantity(self.arena_bytes, "byte")
        return f"{head}: {verdict}, {self.instructions:,} instructions, arena {arena}, stack {self.stack_bytes} B"

    @property
    def judge(self) -> str:
        """Whose outputs were taken for right: "TFLM" or "LiteRT"."""
        return find_reference(self.reference).name

    @property
    def timing_validated(self) -> bool:
        """Whether cycles and latency of this core were held against boards that have it."""
        rows = read_table("board_factors").rows
        return next(row["validated"] == "yes" for row in rows if row["name"] == self.core)

    def proof(self) -> dict[str, Any]:
        """What ties the figures to the files: hashes, tools, and whether the outputs were equal."""
        return {
            **{f"{name}_sha256": value for name, value in asdict(self.hashes).items()},
            "board": self.board, "core": self.core, "kernels": self.kernels, "compiler": self.compiler,
            "engine": self.engine, "equal": self.equal, "reference": self.reference,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class CoreCount(Result):
    """Instructions of one inference of the first sample on a core.

    Parameters
    ----------
    board, core, kernels, compiler : what was built.
    instructions : the model's own function included.
    operators : of each.
    macs : of the model.
    equal : all outputs equalled the TFLM interpreter's.
    how : "run by unicorn", "run by qemu", or "kept from a run by qemu" where it is not installed.
    """

    board: str
    core: str
    kernels: str
    compiler: str
    instructions: int
    operators: tuple[int, ...] = field(repr=False)
    macs: int
    equal: bool
    how: str = field(compare=False, repr=False)
