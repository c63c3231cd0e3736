"""What a linked program did, put together: counts by operator, sizes, the fault, the first difference from TFLM."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.virtual_board.elf import Firmware
from tinykit.handover.virtual_board.emulating import FIRST_OPERATOR, OUTSIDE, Emulation, emulate
from tinykit.handover.virtual_board.faults import (
    explain_status,
    explain_stop,
    first_departure,
    first_wrong_sample,
    tensors_between,
)
from tinykit.handover.virtual_board.planning import BoardPlan, MemoryMap
from tinykit.handover.virtual_board.result import BoardRun, Classes, Fault, Hashes, OperatorRun, Outputs, Sizes
from tinykit.handover.virtual_board.tflm import count_tflm, kind_of
from tinykit.handover.virtual_board.timing import class_cycles, estimate_cycles, estimate_latency

Tensors = tuple[NDArray[Any], ...]


def interleave(arrays: Tensors) -> bytes:
    """The samples one after the other, each with all its tensors."""
    count = len(arrays[0])
    return np.concatenate([np.ascontiguousarray(one).reshape(count, -1) for one in arrays], axis=1).tobytes()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def describe_unlinked(plan: BoardPlan, fault: Fault, inputs: Tensors, golden: Tensors) -> BoardRun:
    """The result of a program that does not fit at link."""
    return BoardRun(
        *_head(plan), outputs=None, equal=False, first_difference=None, sizes=None,
        arena_bytes=plan.export.arena_for(plan.toolchain.core), stack_bytes=None, instructions=None, operators=(),
        cycles=None, latency_s=None, fault=fault,
        hashes=Hashes(plan.graph.sha256, "", _hash(interleave(inputs)), "", _hash(interleave(golden))),
        notes=plan.memory.notes,
    )  # fmt: skip


def _head(plan: BoardPlan) -> tuple[str, str, float | None, str, str, str]:
    """What was built, and what ran it."""
    core, compiler = plan.toolchain.core, str(plan.compiler)
    return plan.board.id, core, plan.clock_hz, plan.export.kernels, compiler, plan.engine


@dataclass(frozen=True, slots=True)
class Finding:
    """A linked program with its samples and the answers it should give."""

    plan: BoardPlan
    firmware: Firmware
    inputs: Tensors
    golden: Tensors

    def judge(self, memory: MemoryMap) -> BoardRun:
        """Run all samples and put the result together."""
        plan, data = self.plan, interleave(self.inputs)
        seen = emulate(plan, self.firmware, memory, data)
        fault, wanted = self._fault(seen), interleave(self.golden)
        counted = fault is None
        equal = counted and seen.outputs == wanted
        operators = self._operators(seen.classes) if counted else ()
        # the model's own function and all that it calls, without the harness
        inside = [counts for slot, counts in seen.classes.items() if slot != OUTSIDE]
        cycles = estimate_cycles(sum(map(class_cycles, inside)), plan.board) if counted else None
        different = None if equal or fault else self._difference(seen.outputs, wanted, operators)
        return BoardRun(
            *_head(plan), outputs=None if fault else self._outputs(seen.outputs), equal=equal,
            first_difference=different, sizes=_measure(self.firmware), arena_bytes=self.firmware.size_of(".arena"),
            stack_bytes=seen.stack_bytes if counted else None,
            instructions=sum(counts["instructions"] for counts in inside) if counted else None,
            operators=operators, cycles=cycles,
            latency_s=estimate_latency(cycles, plan.clock_hz) if cycles and plan.clock_hz else None, fault=fault,
            hashes=Hashes(
                plan.graph.sha256, _hash(self.firmware.data), _hash(data), "" if fault else _hash(seen.outputs),
                _hash(wanted),
            ),
            notes=memory.notes,
            tflm=count_tflm(operators, plan.board, plan.compiler.name, plan.export.kernels, plan.clock_hz),
        )  # fmt: skip

    def _fault(self, seen: Emulation) -> Fault | None:
        plan, firmware = self.plan, self.firmware
        if seen.fault:
            stack = firmware.address_of("tk_stack_base"), firmware.address_of("tk_stack_top")
            arena = firmware.address_of(f"{plan.export.name}_arena")
            return explain_stop(seen.fault, plan, arena=arena, stack=stack)
        failed = next((status for status in seen.statuses if status), 0)
        return explain_status(failed, plan.graph) if failed else None

    def _outputs(self, data: bytes) -> Outputs:
        rows = np.frombuffer(data, np.int8).reshape(len(self.inputs[0]), -1)
        ends = np.cumsum([one[0].size for one in self.golden])[:-1]
        split = np.split(rows, ends, axis=1)
        parts = [part.reshape(one.shape).copy() for part, one in zip(split, self.golden, strict=True)]
        return parts[0] if len(parts) == 1 else tuple(parts)

    def _operators(self, classes: Mapping[int, Mapping[str, int]]) -> tuple[OperatorRun, ...]:
        rows = []
        for position, operator in enumerate(self.plan.graph.operators):
            counts = classes.get(FIRST_OPERATOR + position, {})
            total, cycles = counts.get("instructions", 0), class_cycles(counts)
            kind = kind_of(operator, self.plan.graph)
            rows.append(OperatorRun(operator.index, operator.name, total, _merge(counts), cycles, operator.macs, kind))
        return tuple(rows)

    def _difference(self, seen: bytes, wanted: bytes, operators: tuple[OperatorRun, ...]) -> OperatorRun | None:
        """The first operator whose output is not TFLM's, in the first sample that came out wrong."""
        plan = self.plan
        if plan.engine != "unicorn" or not plan.graph.operators:
            return None
        wrong = first_wrong_sample(seen, wanted, len(self.inputs[0]))
        sample = tuple(one[wrong : wrong + 1] for one in self.inputs)
        arena = self.firmware.address_of(f"{plan.export.name}_arena")
        places = {one.buffer.tensor: arena + one.offset for one in plan.export.plan_for(plan.toolchain.core).placed}
        made = [plan.graph.tensors[operator.outputs[0]] for operator in plan.graph.operators]
        spans = [(places.get(tensor.index, arena), tensor.nbytes * (tensor.index in places)) for tensor in made]
        traced = emulate(plan, self.firmware, plan.memory, interleave(sample), spans)
        index = first_departure(traced.trace, tensors_between(plan.graph, sample))
        return operators[index] if index is not None else None


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
