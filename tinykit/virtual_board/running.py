"""`run`: export, build, emulate, compare with TFLM, and put the findings together."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.boards import Board
from tinykit.boards import board as find_board
from tinykit.codegen import CExport, export_c
from tinykit.errors import ParameterError
from tinykit.graph import ModelGraph
from tinykit.quantity import Estimate
from tinykit.runtime import Session
from tinykit.virtual_board.building import Overflow, build
from tinykit.virtual_board.compilers import Compiler, choose_compiler
from tinykit.virtual_board.elf import Firmware
from tinykit.virtual_board.emulating import FIRST_OPERATOR, OUTSIDE, Emulation, Limits, emulate
from tinykit.virtual_board.faults import explain_overflow, explain_status, explain_stop
from tinykit.virtual_board.memory import MemoryMap, map_machine, map_memory, shrink
from tinykit.virtual_board.result import BoardRun, Classes, Fault, Hashes, OperatorRun, Outputs, Sizes
from tinykit.virtual_board.targets import Target, engine_of, target_of
from tinykit.virtual_board.timing import class_cycles, estimate_cycles, estimate_latency
from tinykit.virtual_board.tracing import find_difference

Inputs = NDArray[Any] | tuple[NDArray[Any], ...]
STACK_BYTES = 4096
_VARIABLES_BYTES = 256
_LEAST_STACK_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that is decided before anything is compiled."""

    graph: ModelGraph
    board: Board
    target: Target
    engine: str
    compiler: Compiler
    export: CExport
    memory: MemoryMap
    stack_bytes: int
    limits: Limits
    clock_hz: float | None

    @property
    def sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Bytes of each input and each output of one sample."""
        graph = self.graph
        return (
            tuple(graph.tensors[index].nbytes for index in graph.inputs),
            tuple(graph.tensors[index].nbytes for index in graph.outputs),
        )


def run(
    graph: ModelGraph,
    board: Board | str,
    inputs: Inputs,
    kernels: str = "cmsis-nn",
    *,
    compiler: str | None = None,
    engine: str | None = None,
    clock_hz: float | None = None,
    ram_bytes: int | None = None,
    stack_bytes: int = STACK_BYTES,
    limits: Limits | None = None,
) -> BoardRun:
    """Compile a model for a board, run it in the board's memory map, and compare it with the TFLM interpreter.

    A model that does not fit is a result with a fault, not an exception.

    Parameters
    ----------
    graph : an int8 model of the operators `tinykit.codegen` can export.
    board : catalogue id, or a `Board`.
    inputs : int8 [n, *shape], or a tuple of such arrays for a model of several inputs.
    kernels : "cmsis-nn" or "portable".
    compiler : "gcc", "zig", or None for GCC where it is installed.
    engine : "unicorn", "qemu", or None for unicorn where it has the core.
    clock_hz : for the latency; None for the core's highest [Hz].
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
    target_board = find_board(board) if isinstance(board, str) else board
    target = target_of(target_board)
    chosen = engine_of(target, engine)
    export = export_c(graph, kernels=kernels)
    memory = map_memory(target_board, export.arena_for(target.core), stack_bytes + _VARIABLES_BYTES)
    if chosen == "qemu" and target.machine:
        if ram_bytes is not None:
            raise ParameterError("ram_bytes needs engine 'unicorn': QEMU's machines have the memory they have")
        memory = map_machine(memory, target.machine)
    plan = _Plan(
        graph, target_board, target, chosen, choose_compiler(compiler), export, memory, stack_bytes,
        limits or Limits(), clock_hz or target_board.clock_hz,
    )  # fmt: skip
    arrays = inputs if isinstance(inputs, tuple) else (inputs,)
    with ThreadPoolExecutor(max_workers=1) as pool:  # the interpreter's process starts while the compiler works
        reference = pool.submit(_ask_reference, graph.data, arrays)
        mailbox = plan.sizes if chosen == "qemu" else None
        firmware = build(export, target, memory, compiler=plan.compiler, stack_bytes=stack_bytes, mailbox=mailbox)
        golden = reference.result()
    if isinstance(firmware, Overflow):
        return _unlinked(plan, explain_overflow(firmware, memory), arrays, golden)
    there = memory if ram_bytes is None else shrink(memory, ram_bytes)
    return _Finding(plan, firmware, arrays, golden).judge(there)


def _check_sizes(ram_bytes: int | None, stack_bytes: int, clock_hz: float | None) -> None:
    if stack_bytes < _LEAST_STACK_BYTES or stack_bytes % 8:
        raise ParameterError(f"stack_bytes {stack_bytes}; give a multiple of 8 from {_LEAST_STACK_BYTES} on")
    if ram_bytes is not None and ram_bytes < 1024:
        raise ParameterError(f"ram_bytes {ram_bytes}; give at least 1024 bytes, or None for all the board has")
    if clock_hz is not None and not 0 < clock_hz < math.inf:
        raise ParameterError(f"clock_hz {clock_hz!r} is not a clock; give a number of hertz above 0, such as 120e6")


def _ask_reference(model: bytes, inputs: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
    with Session(model, timeout_s=300.0) as session:
        return session.run_all(inputs)


def _interleave(arrays: tuple[NDArray[Any], ...]) -> bytes:
    """The samples one after the other, each with all its tensors."""
    count = len(arrays[0])
    return np.concatenate([np.ascontiguousarray(one).reshape(count, -1) for one in arrays], axis=1).tobytes()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _unlinked(
    plan: _Plan, fault: Fault, inputs: tuple[NDArray[Any], ...], golden: tuple[NDArray[Any], ...]
) -> BoardRun:
    return BoardRun(
        plan.board.id, plan.target.core, plan.clock_hz, plan.export.kernels, str(plan.compiler), plan.engine,
        outputs=None, equal=False, first_difference=None, sizes=None,
        arena_bytes=plan.export.arena_for(plan.target.core), stack_bytes=None, instructions=None, operators=(),
        cycles=None, latency_s=None, fault=fault,
        hashes=Hashes(plan.graph.sha256, "", _hash(_interleave(inputs)), "", _hash(_interleave(golden))),
        notes=plan.memory.notes,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Finding:
    """A linked program with its samples and the answers it should give."""

    plan: _Plan
    firmware: Firmware
    inputs: tuple[NDArray[Any], ...]
    golden: tuple[NDArray[Any], ...]

    def judge(self, memory: MemoryMap) -> BoardRun:
        """Run all samples and put the result together."""
        plan, data = self.plan, _interleave(self.inputs)
        seen = emulate(
            self.firmware, plan.target, memory, engine=plan.engine, program=plan.export, sizes=plan.sizes,
            inputs=data, limits=plan.limits,
        )  # fmt: skip
        fault, wanted = self._fault(seen), _interleave(self.golden)
        equal = fault is None and seen.outputs == wanted
        counted = fault is None
        operators = self._operators(seen.classes) if counted else ()
        cycles = self._cycles(seen.classes) if counted else None
        different = None if equal or fault else self._difference(seen, operators)
        return BoardRun(
            plan.board.id, plan.target.core, plan.clock_hz, plan.export.kernels, str(plan.compiler), plan.engine,
            outputs=None if fault else self._outputs(seen.outputs), equal=equal, first_difference=different,
            sizes=_measure(self.firmware), arena_bytes=self.firmware.size_of(".arena"),
            stack_bytes=seen.stack_bytes if counted else None,
            instructions=_total(seen.classes) if counted else None, operators=operators, cycles=cycles,
            latency_s=estimate_latency(cycles, plan.clock_hz) if cycles and plan.clock_hz else None, fault=fault,
            hashes=Hashes(
                plan.graph.sha256, _hash(self.firmware.data), _hash(data), "" if fault else _hash(seen.outputs),
                _hash(wanted),
            ),
            notes=memory.notes,
        )  # fmt: skip

    def _fault(self, seen: Emulation) -> Fault | None:
        plan, firmware = self.plan, self.firmware
        if seen.fault:
            stack = firmware.address_of("tk_stack_base"), firmware.address_of("tk_stack_top")
            arena = firmware.address_of(f"{plan.export.name}_arena")
            layout = plan.export.plan_for(plan.target.core)
            return explain_stop(seen.fault, plan.graph, layout, arena=arena, stack=stack, limits=plan.limits)
        failed = next((status for status in seen.statuses if status), 0)
        return explain_status(failed, plan.graph) if failed else None

    def _outputs(self, data: bytes) -> Outputs:
        rows = np.frombuffer(data, np.int8).reshape(len(self.inputs[0]), -1)
        parts, start = [], 0
        for one in self.golden:
            size = one[0].size
            parts.append(rows[:, start : start + size].reshape(one.shape).copy())
            start += size
        return parts[0] if len(parts) == 1 else tuple(parts)

    def _operators(self, classes: Mapping[int, Mapping[str, int]]) -> tuple[OperatorRun, ...]:
        rows = []
        for position, operator in enumerate(self.plan.graph.operators):
            counts = classes.get(FIRST_OPERATOR + position, {})
            total, cycles = counts.get("instructions", 0), class_cycles(counts)
            rows.append(OperatorRun(operator.index, operator.name, total, _merge(counts), cycles, operator.macs))
        return tuple(rows)

    def _cycles(self, classes: Mapping[int, Mapping[str, int]]) -> Estimate:
        total = sum(class_cycles(counts) for slot, counts in classes.items() if slot != OUTSIDE)
        return estimate_cycles(total, self.plan.board)

    def _difference(self, seen: Emulation, operators: tuple[OperatorRun, ...]) -> OperatorRun | None:
        del seen
        index = find_difference(self.plan.graph)
        return operators[index] if index is not None else None


def _total(classes: Mapping[int, Mapping[str, int]]) -> int:
    return sum(counts["instructions"] for slot, counts in classes.items() if slot != OUTSIDE)


def _merge(counts: Mapping[str, int]) -> Classes:
    def add(*names: str) -> int:
        return sum(counts.get(name, 0) for name in names)

    return Classes(
        load=add("load", "load_following", "load_multiple"), store=add("store", "store_multiple"),
        multiply=add("multiply"), divide=add("divide"), branch=add("branch"), other=add("other", "it", "unknown"),
    )  # fmt: skip


def _measure(firmware: Firmware) -> Sizes:
    """Bytes by section; what the linker adds (`.vectors`, `.ARM.exidx`) belongs to the rest."""
    kept = {".weights", ".kernels", ".data", ".bss", ".arena", ".stack"}
    rest = sum(section.total_bytes for section in firmware.sections if section.name not in kept)
    size = firmware.size_of
    return Sizes(size(".weights"), size(".kernels"), rest, size(".data"), size(".bss"))
