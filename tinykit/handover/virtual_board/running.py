"""`run`: export, build, emulate, compare with TFLM; `count`: what a run counted, or one that was kept.

QEMU, which alone runs the Cortex-M55, comes from the system's packages and not from pip. For the models of the course
the counts that `run` found with it are kept in data/latency/board_counts.csv, under the hashes of model and inputs; a
test runs them again. A count that was never made is not guessed.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import EngineError, MissingPackageError, ParameterError, keywords
from tinykit.handover.codegen.export import CExport, export_c
from tinykit.handover.codegen.program import RANGES
from tinykit.handover.virtual_board.building import Overflow, build
from tinykit.handover.virtual_board.compilers import choose_compiler, engine_of, toolchain_of
from tinykit.handover.virtual_board.diagnosis import Finding, ask_tflm, describe_unlinked, explain_overflow, interleave
from tinykit.handover.virtual_board.planning import BoardPlan, Limits, MemoryMap, map_machine, map_memory, shrink
from tinykit.handover.virtual_board.result import BoardRun, CoreCount
from tinykit.model.graph.model import ModelGraph, Tensor
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.record import hash_bytes
from tinykit.predict.latency.shapes import read_table
from tinykit.predict.runtime.samples import sample_shape
from tinykit.target.boards import find_board
from tinykit.target.boards.record import Board
from tinykit.target.target import Target, as_target

Inputs = NDArray[Any] | tuple[NDArray[Any], ...]
STACK_BYTES = 4096
KEYS = ("model_sha256", "inputs_sha256", "board", "kernels", "compiler")
"""Columns that tell the kept counts apart."""
_VARIABLES_BYTES = 256
_LEAST_STACK_BYTES = 64
_MOST_VALUES = 2**27


@keywords
def run(
    graph: GraphOrFile, board: Target | Board | str | os.PathLike[str], inputs: Inputs,
    kernels: str = "cmsis-nn", *, compiler: str | None = None, engine: str | None = None,
    clock_hz: float | None = None, ram_bytes: int | None = None, stack_bytes: int = STACK_BYTES,
    limits: Limits | None = None
) -> BoardRun:  # fmt: skip
    """Compile a model for a board, run it in the board's memory map, and compare it with the TFLM interpreter.

    A model that does not fit is a result with a fault, not an exception.

    Parameters
    ----------
    graph : a model of the operators and types `tinykit.handover.codegen` can export, or its file.
    board : a target, of which board and clock are taken, or a board as it takes it.
    inputs : [n, *shape] of the input's type, or a tuple of such arrays for a model of several inputs. What the model
        keeps between runs is as at power-up before each sample.
    kernels : "cmsis-nn" or "portable".
    compiler : "gcc", "zig", or None for GCC where it is installed.
    engine : "unicorn", "qemu", or None for unicorn where it has the core.
    clock_hz : for the latency [Hz]; None for the target's.
    ram_bytes : only so much of the arena's window is there when the program runs, though it was linked for all of
        it: what a board with less RAM than its linker script says does. None for all; steps of 1024 bytes.
    stack_bytes : room for the stack, at the base of the RAM.
    limits : on time and instructions.

    Raises
    ------
    ParameterError : unknown kernels, compiler or engine; a size or clock out of range.
    UnknownBoardError : no such board. UnknownRuntimeError : its core or memory cannot be emulated.
    ModelError : an operator cannot be exported, or TFLM refuses the model. DataError : inputs of another shape or type.
    MissingPackageError : a package of the extra `virtual-board`, or QEMU, is not installed.
    EngineError : compiler, emulator or interpreter failed or took too long.
    """
    _check_sizes(ram_bytes, stack_bytes, clock_hz)
    graph, target = as_graph(graph), as_target(board, clock_hz=clock_hz)
    toolchain = toolchain_of(target.board)
    chosen = engine_of(toolchain, engine)
    if chosen == "qemu" and ram_bytes is not None:
        raise ParameterError("ram_bytes needs engine 'unicorn': QEMU's machines have the memory they have")
    export = export_c(graph, kernels=kernels)
    plan = BoardPlan(
        graph, target.board, toolchain, chosen, choose_compiler(compiler), export,
        _map(target.board, chosen, export, stack_bytes), stack_bytes, limits or Limits(), target.clock_hz,
    )  # fmt: skip
    arrays = inputs if isinstance(inputs, tuple) else (inputs,)
    with ThreadPoolExecutor(max_workers=1) as pool:  # the interpreter's process starts while the compiler works
        reference = pool.submit(ask_tflm, graph.data, arrays)
        firmware = build(plan)
        golden = reference.result()
    if isinstance(firmware, Overflow):
        return describe_unlinked(plan, explain_overflow(firmware, plan.memory), arrays, golden)
    there = plan.memory if ram_bytes is None else shrink(plan.memory, ram_bytes)
    return Finding(plan, firmware, arrays, golden).judge(there)


def _map(board: Board, engine: str, export: CExport, stack_bytes: int) -> MemoryMap:
    memory = map_memory(board, export.arena_for(board.core), stack_bytes + _VARIABLES_BYTES + export.state_bytes)
    machine = toolchain_of(board).machine
    return map_machine(memory, machine) if engine == "qemu" and machine else memory


def sample_codes(graph: GraphOrFile, n: int = 10, *, seed: int = 0) -> Inputs:
    """Inputs made up for a check without data: [n, *shape], uniform over the range; a tuple for several inputs.

    The range is the type's; of floats that the model quantises the range of the codes, of others -1 to 1.

    Raises
    ------
    ParameterError : n below 1, or more than memory should hold.
    """
    if n < 1:
        raise ParameterError(f"n {n}; give at least one sample")
    graph, rng = as_graph(graph), np.random.default_rng(seed)
    values = sum(math.prod(sample_shape(graph.tensors[index])) for index in graph.inputs)
    if n > (most := max(1, _MOST_VALUES // max(1, values))):
        raise ParameterError(f"n {n:,} of {values:,} values each; give {most:,} samples or fewer")
    parts = [_draw(graph, graph.tensors[index], n, rng) for index in graph.inputs]
    return parts[0] if len(parts) == 1 else tuple(parts)


def _draw(graph: ModelGraph, tensor: Tensor, n: int, rng: np.random.Generator) -> NDArray[Any]:
    shape = (n, *sample_shape(tensor))
    if tensor.dtype != "float32":
        lowest, highest = RANGES.get(tensor.dtype, (0, 1))
        return rng.integers(lowest, highest + 1, shape).astype(tensor.dtype)
    readers = (one.outputs[0] for one in graph.operators if one.inputs[:1] == (tensor.index,) and one.outputs)
    codes = next((graph.tensors[index] for index in readers if graph.tensors[index].dtype in RANGES), None)
    low, high = -1.0, 1.0
    if codes is not None and codes.scales:
        low, high = ((end - codes.zero_points[0]) * codes.scales[0] for end in RANGES[codes.dtype])
    return rng.uniform(low, high, shape).astype(np.float32)


def count(
    graph: ModelGraph, board: Board | str, inputs: Inputs, kernels: str = "cmsis-nn", *, compiler: str | None = None
) -> CoreCount:
    """Count a model's instructions on a board, from a kept run where no emulator of its core is installed.

    Takes what `run` takes, but no target. Raises MissingPackageError: the emulator is not installed, and no run of this
    model and these inputs was kept; EngineError: the program came to a fault; others as `run`.
    """
    target = find_board(board)
    try:
        found = run(graph, target, inputs, kernels, compiler=compiler)
    except MissingPackageError as error:
        built_by = str(choose_compiler(compiler))
        kept = _recall(graph, target, (hash_inputs(inputs), target.id, kernels, built_by))
        if kept is None:
            said = f"no count of this model on {target.id} with {built_by} was kept"
            raise MissingPackageError(f"{error}\n{said}") from error
        return kept
    return of_run(found, graph)


def of_run(found: BoardRun, graph: ModelGraph) -> CoreCount:
    """The count of a run that came to its end."""
    if found.instructions is None:
        said = found.fault.text if found.fault else "no reason known"
        raise EngineError(f"{found.board} counted nothing: {said}\nlook at the fault with tk.virtual_board.run")
    return CoreCount(
        found.board, found.core, found.kernels, found.compiler, found.instructions,
        tuple(one.instructions for one in found.operators), graph.macs, found.equal, f"run by {found.engine}",
    )  # fmt: skip


def hash_inputs(inputs: Inputs) -> str:
    """SHA-256 of the samples, as in `BoardRun.hashes`."""
    arrays = inputs if isinstance(inputs, tuple) else (inputs,)
    return hash_bytes(interleave(arrays))


def _recall(graph: ModelGraph, board: Board, built: tuple[str, ...]) -> CoreCount | None:
    """The kept count of this model for the rest of `KEYS`, None where there is none."""
    for row in read_table("board_counts").rows:
        if tuple(row[name] for name in KEYS) == (graph.sha256, *built):
            each = tuple(int(one) for one in row["operators"].split())
            return CoreCount(
                board.id, board.core, row["kernels"], row["compiler"], int(row["instructions"]), each, graph.macs,
                equal=True, how=f"kept from a run by {row['engine']}",
            )  # fmt: skip
    return None


def _check_sizes(ram_bytes: int | None, stack_bytes: int, clock_hz: float | None) -> None:
    if stack_bytes < _LEAST_STACK_BYTES or stack_bytes % 8:
        raise ParameterError(f"stack_bytes {stack_bytes}; give a multiple of 8 from {_LEAST_STACK_BYTES} on")
    if ram_bytes is not None and ram_bytes < 1024:
        raise ParameterError(f"ram_bytes {ram_bytes}; give at least 1024 bytes, or None for all the board has")
    if clock_hz is not None and not 0 < clock_hz < math.inf:
        raise ParameterError(f"clock_hz {clock_hz!r} is not a clock; give a number of hertz above 0, such as 120e6")
