"""What went wrong: a fault that names operator and tensor, or where the outputs first depart from TFLM's."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.virtual_board.building import Overflow
from tinykit.handover.virtual_board.emulating import FIRST_OPERATOR
from tinykit.handover.virtual_board.planning import BoardPlan, MemoryMap
from tinykit.handover.virtual_board.result import Fault
from tinykit.model.graph import ModelGraph
from tinykit.model.graph.flatbuffer import FlatBuffer
from tinykit.model.graph.schema import IDENTIFIER, Model, SubGraph
from tinykit.predict.arena import ArenaPlan
from tinykit.predict.runtime import Session

_STACK_REACH_BYTES = 64 * 1024
_ACCESS = {"read": "read", "write": "write", "fetch": "execution"}


def explain_overflow(overflow: Overflow, memory: MemoryMap) -> Fault:
    """The fault of a program that does not link."""
    where = "flash" if overflow.region == memory.flash.name else "RAM"
    text = f"the program does not link: {overflow.region} ({where}) is {overflow.overflow_bytes:,} bytes too small"
    return Fault("link", text, region=overflow.region, overflow_bytes=overflow.overflow_bytes)


def explain_status(status: int, graph: ModelGraph) -> Fault:
    """The fault of an operator that returned an error: 1 + its position."""
    found = graph.operators[status - 1] if 0 < status <= len(graph.operators) else None
    name = f"operator {found.index} {found.name}" if found else "the model's function"
    return Fault("status", f"{name} returned an error", operator=found.index if found else None)


def explain_stop(stop: dict[str, Any], plan: BoardPlan, *, arena: int, stack: tuple[int, int]) -> Fault:
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


def tensors_between(graph: ModelGraph, inputs: tuple[NDArray[Any], ...]) -> tuple[bytes, ...]:
    """What TFLM computes for one sample [1, *shape] of each input: the bytes of every operator's first output."""
    wanted = [operator.outputs[0] for operator in graph.operators]
    with Session(_give_out(graph.data, wanted), timeout_s=300.0) as session:
        return tuple(one.tobytes() for one in session.run_all(inputs))


def _give_out(model: bytes, tensors: list[int]) -> bytes:
    """The same .tflite with other tensors as the outputs of its main graph.

    The new list goes behind the file, and the graph's field for outputs points there: nothing else moves.
    """
    main = FlatBuffer(model).root(IDENTIFIER).tables(Model.SUBGRAPHS)[0].position
    vtable = main - struct.unpack_from("<i", model, main)[0]
    field = main + struct.unpack_from("<H", model, vtable + 4 + 2 * SubGraph.OUTPUTS)[0]
    start = -(-len(model) // 16) * 16
    changed = bytearray(model.ljust(start, b"\0"))
    struct.pack_into("<I", changed, field, start - field)
    return bytes(changed) + struct.pack(f"<I{len(tensors)}i", len(tensors), *tensors)


def first_departure(seen: tuple[bytes, ...], wanted: tuple[bytes, ...]) -> int | None:
    """Position of the first operator whose output differs, None where none does."""
    pairs = zip(seen, wanted, strict=True)
    return next((position for position, (own, other) in enumerate(pairs) if own and own != other), None)


def first_wrong_sample(outputs: bytes, wanted: bytes, samples: int) -> int:
    """Index of the first sample whose outputs differ."""
    rows = [np.frombuffer(data, np.int8).reshape(samples, -1) for data in (outputs, wanted)]
    return int((rows[0] != rows[1]).any(axis=1).argmax())
