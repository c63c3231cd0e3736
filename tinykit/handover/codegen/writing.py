"""The C files of an export: header, operators and constants from the templates, and the kernels they need."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinykit.handover.codegen.filling import fill_all, to_comment, to_identifier
from tinykit.handover.codegen.program import Lowered, Program, State, literal
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.arena.plan import ArenaPlan, align
from tinykit.target.boards.record import CORE_FAMILIES

_SOURCES = Path(__file__).with_name("kernels")
_TEMPLATES = Path(__file__).with_name("templates")
_PER_LINE = 24
_CONDITIONS = {"mve": "#if TK_MVE", "dsp": "#elif TK_DSP", "plain": "#else"}
_INCLUDE = re.compile(r'^#include "(.+)"$', re.M)


@dataclass(frozen=True, slots=True)
class Part:
    """One operator: the symbol of its function and its C."""

    symbol: str
    code: Lowered


@dataclass(frozen=True, slots=True)
class End:
    """An input or output: its name in C, where it lies, where it begins among all, its bytes, its type and shape."""

    name: str
    place: str
    start: int
    nbytes: int
    about: str


def write_program(
    program: Program, parts: Sequence[Part], plans: Mapping[str, ArenaPlan], *, row_bytes: int = 0
) -> dict[str, bytes]:
    """Relative path -> content of every file of the kit's own; `row_bytes` of an input that comes row by row."""
    graph, states = program.graph, program.states
    units = sorted({unit for part in parts for unit in part.code.kernels})
    inputs, outputs = (_lay_out(program, side) for side in (graph.inputs, graph.outputs))
    plain = {graph.tensors[index].dtype for index in (*graph.inputs, *graph.outputs)} == {"int8"}
    resets = [_reset(program, state) for state in states]
    texts = fill_all(
        _TEMPLATES, name=program.name, guard=program.name.upper(), about=_about(program),
        places=_by_family(plans, _places), parts=parts,
        arena=_by_family(plans, lambda plan: f"#define TK_ARENA_BYTES {max(plan.head_bytes, 16)}"),
        library=any(part.code.library for part in parts),
        functions="\n\n".join(_function(index, part) for index, part in enumerate(parts)),
        checks=[(index, part.code) for index, part in enumerate(parts) if part.code.scratch_call],
        inputs=inputs, outputs=outputs, end="int8_t" if plain else "void", arrays=program.arrays, numbers=_numbers,
        named=not plain or len(inputs) + len(outputs) > 2,
        states=states, state_bytes=sum(align(state.nbytes) for state in states), resets=resets,
        row_bytes=row_bytes,
        headers=[f"kernels_{unit}.h" for unit in units if (_SOURCES / f"kernels_{unit}.h").exists()],
    )  # fmt: skip
    texts |= _read_kernels(units)
    return {name: _rename(text, program.name).encode() for name, text in sorted(texts.items())}


def _rename(text: str, name: str) -> str:
    """Kernels under the program's own prefix, so that two exports can be linked into one firmware."""
    return re.sub(r"\bTK_(?=\w)", f"{name.upper()}_", re.sub(r"\btk_(?=\w)", f"{name}_", text))


def _about(program: Program) -> str:
    graph: ModelGraph = program.graph
    size = f"{len(graph.operators)} operators, {graph.macs} MACs, {to_comment(graph.precision)}"
    return f"/* Model {program.name}: {size}.\n * sha256 {graph.sha256}\n * Written by tinykit. */"


def _by_family(plans: Mapping[str, ArenaPlan], write: Callable[[ArenaPlan], str]) -> str:
    """What differs between cores under conditions; without them where nothing does."""
    texts = {family: write(plans[family]) for family in CORE_FAMILIES}
    if len(set(texts.values())) == 1:
        return texts["plain"]
    rows = [f"{_CONDITIONS[family]}\n{texts[family]}" for family in ("mve", "dsp", "plain")]
    return "\n".join([*rows, "#endif"])


def _places(plan: ArenaPlan) -> str:
    rows = []
    for placed in plan.placed:
        tensor, operator = placed.buffer.tensor, int(placed.buffer.first) - 1
        name = f"TENSOR_{tensor}" if tensor >= 0 else f"SCRATCH_{operator}"
        rows.append(f"#define {name} (tk_arena + {placed.offset})")
        if tensor < 0:
            rows.append(f"#define SCRATCH_BYTES_{operator} {placed.buffer.nbytes}")
    return "\n".join(rows)


def _function(index: int, part: Part) -> str:
    scratch = any(part.code.scratch)
    body = re.sub(r"\bSCRATCH_BYTES\b", f"SCRATCH_BYTES_{index}" if scratch else "0", part.code.body)
    body = re.sub(r"\bSCRATCH\b", f"SCRATCH_{index}" if scratch else "NULL", body)
    guard = ""
    if scratch and not all(part.code.scratch):
        guard = f"#ifndef SCRATCH_{index}\n#define SCRATCH_{index} NULL\n#define SCRATCH_BYTES_{index} 0\n#endif\n"
    constants = f"{part.code.constants}\n\n" if part.code.constants else ""
    return f"{guard}{constants}TK_OPERATOR int {part.symbol}(void)\n{{\n{body}\n}}"


def _read_kernels(units: Sequence[str]) -> dict[str, str]:
    """The kernels' files, and all that they include."""
    pending = ["kernels.h", "fixed_point.h", *(f"kernels_{unit}.c" for unit in units)]
    texts: dict[str, str] = {}
    while pending:
        name = pending.pop()
        if name not in texts:
            texts[name] = (_SOURCES / name).read_text()
            pending += _INCLUDE.findall(texts[name])
    return texts


def _lay_out(program: Program, tensors: Sequence[int]) -> list[End]:
    """The tensors one after the other."""
    found, ends = [program.graph.tensors[index] for index in tensors], list[End]()
    for tensor in found:
        name, start = to_identifier(tensor.name).upper(), sum(end.nbytes for end in ends)
        name = f"{name}_{len(ends)}" if any(name == end.name for end in ends) else name
        about = f"{tensor.dtype} {to_comment(str(list(tensor.shape)))}"
        ends.append(End(name, program.start(tensor.index), start, tensor.nbytes, about))
    return ends


def _reset(program: Program, state: State) -> str:
    place = f"STATE_{state.tensors[0]}"
    if len(set(state.initial)) == 1:
        return f"(void)__builtin_memset({place}, {state.initial[0]}, {state.nbytes});"
    initial = program.array("uint8_t", np.frombuffer(state.initial, np.uint8))
    return f"(void)__builtin_memcpy({place}, {initial}, {state.nbytes});"


def _numbers(data: NDArray[np.generic]) -> str:
    rows = (data[start : start + _PER_LINE].tolist() for start in range(0, len(data), _PER_LINE))
    return ",\n".join([",".join(map(literal, row)) for row in rows])
