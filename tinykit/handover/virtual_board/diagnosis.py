"""What a linked program did, put together: counts by operator, sizes, the fault, the first difference from TFLM."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.codegen.export import FLOAT_BOUND
from tinykit.handover.virtual_board import timing
from tinykit.handover.virtual_board.building import Firmware, Overflow
from tinykit.handover.virtual_board.emulating import FIRST_OPERATOR, OUTSIDE, Emulation, emulate
from tinykit.handover.virtual_board.planning import BoardPlan, MemoryMap
from tinykit.handover.virtual_board.result import BoardRun, Classes, Fault, Hashes, OperatorRun, Outputs, Sizes
from tinykit.model.graph.flatbuffer import FlatBuffer
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.schema import IDENTIFIER, Model, SubGraph
from tinykit.model.record import hash_bytes
from tinykit.predict.arena.plan import ArenaPlan
from tinykit.predict.runtime.reference import reference_engine
from tinykit.predict.runtime.session import Session

_STACK_REACH_BYTES = 64 * 1024
_ACCESS = {"read": "read", "write": "write", "fetch": "execution"}

Tensors = tuple[NDArray[Any], ...]


def interleave(arrays: Tensors) -> bytes:
    """The samples one after the other, each with all its tensors, as bytes."""
    count = len(arrays[0])
    rows = [np.ascontiguousarray(one).reshape(count, -1).view(np.uint8) for one in arrays]
    return np.concatenate(rows, axis=1).tobytes()


def is_alike(given: NDArray[Any], wanted: NDArray[Any]) -> bool:
    """Whether integers are equal, and floats no further off than `FLOAT_BOUND` of the largest of them."""
    if wanted.dtype.kind != "f":
        return given.tobytes() == wanted.tobytes()
    largest = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0))
    return bool(np.allclose(given, wanted, rtol=0, atol=FLOAT_BOUND * largest, equal_nan=True))


def ask_tflm(model: bytes, inputs: Tensors) -> Tensors:
    """What the interpreter makes of the samples: TFLM's, or LiteRT's in its place."""
    with Session(model, engine=reference_engine().engine, timeout_s=300.0) as session:
        return session.run_all(inputs)


def describe_unlinked(plan: BoardPlan, fault: Fault, inputs: Tensors, golden: Tensors) -> BoardRun:
    """The result of a program that does not fit at link."""
    return BoardRun(
        *_head(plan), outputs=None, equal=False, first_difference=None, sizes=None,
        arena_bytes=plan.export.arena_for(plan.toolchain.core), stack_bytes=None, instructions=None, operators=(),
        cycles=None, latency_s=None, fault=fault,
        hashes=Hashes(plan.graph.sha256, "", hash_bytes(interleave(inputs)), "", hash_bytes(interleave(golden))),
        notes=plan.memory.notes,
    )  # fmt: skip


def _head(plan: BoardPlan) -> tuple[str, str, float | None, str, str, str]:
    """What was built, and what ran it."""
    return plan.board.id, plan.toolchain.core, plan.clock_hz, plan.export.kernels, str(plan.compiler), plan.engine


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
        outputs = self._outputs(seen.outputs) if (counted := fault is None) else ()
        equal = counted and all(map(is_alike, outputs, self.golden))
        operators = self._operators(seen.classes) if counted else ()
        # the model's own function and all that it calls, without the harness
        inside = [counts for slot, counts in seen.classes.items() if slot != OUTSIDE]
        cycles = timing.estimate_cycles(sum(map(timing.class_cycles, inside)), plan.board) if counted else None
        different = None if equal or fault else self._difference(outputs, operators)
        return BoardRun(
            *_head(plan), outputs=_single(outputs) if counted else None, equal=equal,
            first_difference=different, sizes=_measure(self.firmware), arena_bytes=self.firmware.size_of(".arena"),
            stack_bytes=seen.stack_bytes if counted else None,
            instructions=sum(counts["instructions"] for counts in inside) if counted else None,
            operators=operators, cycles=cycles,
            latency_s=timing.estimate_latency(cycles, plan.clock_hz) if cycles and plan.clock_hz else None, fault=fault,
            hashes=Hashes(
                plan.graph.sha256, hash_bytes(self.firmware.data), hash_bytes(data),
                "" if fault else hash_bytes(seen.outputs), hash_bytes(wanted),
            ),
            notes=memory.notes, reference=reference_engine().engine,
            tflm=timing.count_tflm(operators, plan.board, plan.compiler.name, plan.export.kernels, plan.clock_hz,
                                   graph=plan.graph),
        )  # fmt: skip

    def _fault(self, seen: Emulation) -> Fault | None:
        plan, firmware = self.plan, self.firmware
        if seen.fault:
            stack = firmware.address_of("tk_stack_base"), firmware.address_of("tk_stack_top")
            arena = firmware.address_of(f"{plan.export.name}_arena")
            return _explain_stop(seen.fault, plan, arena=arena, stack=stack)
        failed = next((status for status in seen.statuses if status), 0)
        return _explain_status(failed, plan.graph) if failed else None

    def _outputs(self, data: bytes) -> Tensors:
        rows = np.frombuffer(data, np.uint8).reshape(len(self.inputs[0]), -1)
        split = np.split(rows, np.cumsum([one[0].nbytes for one in self.golden])[:-1], axis=1)
        return tuple(
            np.frombuffer(part.tobytes(), one.dtype).reshape(one.shape)
            for part, one in zip(split, self.golden, strict=True)
        )

    def _operators(self, classes: Mapping[int, Mapping[str, int]]) -> tuple[OperatorRun, ...]:
        rows = []
        for position, operator in enumerate(self.plan.graph.operators):
            counts = classes.get(FIRST_OPERATOR + position, {})
            total, cycles = counts.get("instructions", 0), timing.class_cycles(counts)
            kind = timing.kind_of(operator, self.plan.graph) if total > timing.FOLDED_INSTRUCTIONS else timing.FOLDED
            rows.append(OperatorRun(operator.index, operator.name, total, _merge(counts), cycles, operator.macs, kind))
        return tuple(rows)

    def _difference(self, outputs: Tensors, operators: tuple[OperatorRun, ...]) -> OperatorRun | None:
        """The first operator whose output is not TFLM's, in the first sample that came out wrong."""
        plan, tensors = self.plan, self.plan.graph.tensors
        if plan.engine != "unicorn" or not plan.graph.operators:
            return None
        pairs = list(zip(outputs, self.golden, strict=True))
        samples = range(len(self.inputs[0]))
        wrong = next(one for one in samples if not all(is_alike(own[one], right[one]) for own, right in pairs))
        sample = tuple(one[wrong : wrong + 1] for one in self.inputs)
        arena = self.firmware.address_of(f"{plan.export.name}_arena")
        places = {one.buffer.tensor: arena + one.offset for one in plan.export.plan_for(plan.toolchain.core).placed}
        made = [next((index for index in one.outputs if index in places), None) for one in plan.graph.operators]
        spans = [(arena, 0) if index is None else (places[index], tensors[index].nbytes) for index in made]
        traced = emulate(plan, self.firmware, plan.memory, interleave(sample), spans)
        asked = ask_tflm(_give_out(plan.graph.data, [index for index in made if index is not None]), sample)
        rows = ((run, own) for run, own in zip(operators, traced.trace, strict=True) if own)
        return next(
            (run for (run, own), other in zip(rows, asked, strict=True)
             if not is_alike(np.frombuffer(own, other.dtype), other.reshape(-1))), None,
        )  # fmt: skip


def _single(outputs: Tensors) -> Outputs:
    return outputs[0] if len(outputs) == 1 else outputs


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


def explain_overflow(overflow: Overflow, memory: MemoryMap) -> Fault:
    """The fault of a program that does not link."""
    where = "flash" if overflow.region == memory.flash.name else "RAM"
    text = f"the program does not link: {overflow.region} ({where}) is {overflow.overflow_bytes:,} bytes too small"
    return Fault("link", text, region=overflow.region, overflow_bytes=overflow.overflow_bytes)


def _explain_status(status: int, graph: ModelGraph) -> Fault:
    """The fault of an operator that returned an error: 1 + its position."""
    found = graph.operators[status - 1] if 0 < status <= len(graph.operators) else None
    name = f"operator {found.index} {found.name}" if found else "the model's function"
    return Fault("status", f"{name} returned an error", operator=found.index if found else None)


def _explain_stop(stop: dict[str, Any], plan: BoardPlan, *, arena: int, stack: tuple[int, int]) -> Fault:
    """The fault of a program that was stopped: as the emulator tells it, with address of the arena, base and top."""
    graph, limits = plan.graph, plan.limits
    kind, address, slot = str(stop["kind"]), int(stop["address"]), int(stop["slot"])
    operator = slot - FIRST_OPERATOR if FIRST_OPERATOR <= slot < FIRST_OPERATOR + len(graph.operators) else None
    where = f"in operator {operator} {graph.operators[operator].name}" if operator is not None else "outside operators"
    if kind in ("time", "instructions"):
        allowed = f"{limits.seconds:g} s" if kind == "time" else f"{limits.instructions:,} instructions"
        return Fault(kind, f"stopped after {allowed} {where}", operator=operator, pc=int(stop["pc"]))
    if kind == "write" and stack[0] - _STACK_REACH_BYTES <= address < stack[0]:
        kind = "stack"
    layout = plan.export.plan_for(plan.toolchain.core)
    tensor = _tensor_at(address - arena, operator, layout) if kind in _ACCESS else None
    text = _describe(kind, address, stack) + f" {where}, pc {int(stop['pc']):#010x}"
    if tensor is not None:
        text += f": tensor {tensor} of shape {graph.tensors[tensor].shape} lies there"
    return Fault(kind, text, address, operator, tensor, int(stop["pc"]))


def _describe(kind: str, address: int, stack: tuple[int, int]) -> str:
    if kind == "stack":
        return f"stack overflow: {stack[1] - stack[0]:,} bytes are not enough, write below its base at {address:#010x}"
    if kind in _ACCESS:
        return f"{_ACCESS[kind]} at {address:#010x}, where this board has no memory for it,"
    if kind == "instruction":
        return f"an instruction at {address:#010x} that this core does not have"
    return f"an exception at {address:#010x}"


def _tensor_at(offset: int, operator: int | None, plan: ArenaPlan) -> int | None:
    scope = 0 if operator is None else operator + 1
    held = (one for one in plan.placed if one.buffer.first <= scope <= one.buffer.last and one.buffer.tensor >= 0)
    return next((one.buffer.tensor for one in held if one.offset <= offset < one.end), None)


def _give_out(model: bytes, tensors: list[int]) -> bytes:
    """The .tflite with other outputs of its main graph: their list goes behind the file, where the field points."""
    main = FlatBuffer(model).root(IDENTIFIER).tables(Model.SUBGRAPHS)[0].position
    vtable = main - struct.unpack_from("<i", model, main)[0]
    field = main + struct.unpack_from("<H", model, vtable + 4 + 2 * SubGraph.OUTPUTS)[0]
    start = -(-len(model) // 16) * 16
    changed = bytearray(model.ljust(start, b"\0"))
    struct.pack_into("<I", changed, field, start - field)
    return bytes(changed) + struct.pack(f"<I{len(tensors)}i", len(tensors), *tensors)
