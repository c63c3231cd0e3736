"""From what an emulator or a linker reports to a fault that names operator and tensor."""

from __future__ import annotations

from typing import Any

from tinykit.handover.virtual_board.building import Overflow
from tinykit.handover.virtual_board.emulating import FIRST_OPERATOR, Limits
from tinykit.handover.virtual_board.memory import MemoryMap
from tinykit.handover.virtual_board.result import Fault
from tinykit.model.graph import ModelGraph
from tinykit.predict.arena import ArenaPlan

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


def explain_stop(
    stop: dict[str, Any], graph: ModelGraph, plan: ArenaPlan, *, arena: int, stack: tuple[int, int], limits: Limits
) -> Fault:
    """The fault of a program that was stopped.

    Parameters
    ----------
    stop : as the emulator reports it: kind, address, pc, slot.
    plan : layout of the arena; `arena` : its address.
    stack : base and top.
    """
    kind, address, slot = str(stop["kind"]), int(stop["address"]), int(stop["slot"])
    operator = slot - FIRST_OPERATOR if FIRST_OPERATOR <= slot < FIRST_OPERATOR + len(graph.operators) else None
    where = f"in operator {operator} {graph.operators[operator].name}" if operator is not None else "outside operators"
    if kind in ("time", "instructions"):
        allowed = f"{limits.seconds:g} s" if kind == "time" else f"{limits.instructions:,} instructions"
        return Fault(kind, f"stopped after {allowed} {where}", operator=operator, pc=int(stop["pc"]))
    if kind == "write" and stack[0] - _STACK_REACH_BYTES <= address < stack[0]:
        kind = "stack"
    tensor = _tensor_at(address - arena, operator, plan) if kind in _ACCESS else None
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
    for placed in plan.placed:
        alive = placed.buffer.first <= scope <= placed.buffer.last
        if alive and placed.offset <= offset < placed.end and placed.buffer.tensor >= 0:
            return placed.buffer.tensor
    return None
