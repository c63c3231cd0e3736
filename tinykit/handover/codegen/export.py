"""From a graph to a folder of C: header, operators, constants, and the kernels they need.

CMSIS-NN comes from the installed package `bakenn` 1.0.0 (Apache-2.0), which ships CMSIS-NN 4.0.0 and the two headers
of CMSIS-Core 5.9.0 it needs; no code of that package runs. Its BAKENN_PROVENANCE.md says what it changed in them, and
goes along.
"""

import hashlib
import importlib.util
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import MissingPackageError, ModelError, ParameterError
from tinykit.ground.results import Result
from tinykit.handover.codegen.filling import fill_all, to_comment, to_identifier
from tinykit.handover.codegen.program import Lowered, Program, lowering_of, refuse
from tinykit.handover.codegen.windowed import LIBRARY_LOWERINGS, PORTABLE_LOWERINGS
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.operators.table import list_rows
from tinykit.predict.arena.plan import ArenaPlan, list_buffers, plan_greedily
from tinykit.predict.packing.cost import has_decode, refuse_decode
from tinykit.target.boards.record import CORE_FAMILIES, core_family

KERNELS = ("portable", "cmsis-nn")
"""The kernel sets an export can be built on."""

OPERATORS = tuple(sorted(row.name for row in list_rows().values() if row.lowering))
"""The operators that can be exported, int8 only."""

PACKAGE, PACKAGE_VERSION = "bakenn", "1.0.0"
INCLUDE_FOLDERS = ("cmsis_nn/freestanding", "cmsis_nn/Include", "cmsis_core/Include")
DEFINES = ("BAKENN_CMSIS_NN_BUILTIN_MEMORY",)
HOST_DEFINES = ("__GNUC_PYTHON__", "__RESTRICT=__restrict")
"""What lets the plain C paths compile on a host, without the Arm headers."""

_FOLDER = "backend/cmsis_nn/vendor"
_ADDED = Path(__file__).with_name("kernels") / "library"
_LIST = _ADDED / "files.txt"
"""Hash, path and groups of operators of every file; the headers and licences are for all."""

GROUPS = ("convolution", "depthwise", "dense", "average_pool", "max_pool")
"""Groups of operators that need source files of their own."""

GCC_FLAGS = {"cmsis_nn/Source/NNSupportFunctions/arm_nn_vec_mat_mult_t_s8.c": ("-funroll-loops",)}
"""What GCC is told beyond the common flags, by source file, for cores with the DSP extension and without Helium.

TensorFlow Lite Micro's own CMSIS-NN (6.2) asks for it by a pragma in this file, which version 4.0.0 has not. GCC then
rounds the sums without branches: with the flag a fully connected operator executes TFLM's instructions less the same
309 on a Cortex-M7 whatever its size (what the interpreter does around the kernel), without it 4 to 7 fewer for every
two outputs.
"""

_LARGEST_ARENA_BYTES = 1 << 30
_SOURCES = Path(__file__).with_name("kernels")
_TEMPLATES = Path(__file__).with_name("templates")
_PER_LINE = 24
_CONDITIONS = {"mve": "#if TK_MVE", "dsp": "#elif TK_DSP", "plain": "#else"}


@dataclass(frozen=True, slots=True)
class ExportedOperator(Result):
    """Position of an operator, its name in the model, and the C function that runs it."""

    index: int
    name: str
    symbol: str


@dataclass(frozen=True, slots=True)
class CExport(Result):
    """A model as C11, ready to be compiled: `gcc *export.compiler_flags(folder) *export.sources`.

    Parameters
    ----------
    files : relative path -> content.
    name : prefix of every external symbol: `<name>_run(input, output)` runs the model, `<name>_invoke()` runs it on
        what lies in the arena, `<name>_arena` is the arena.
    kernels : one of `KERNELS`.
    arena_bytes : the exported program's own static arena: the most any core needs (see `arena_for`).
    operators : each with the function that runs it, never inlined, in execution order.
    plans : by core family ("plain", "dsp", "mve"), where in the arena each tensor and scratch buffer lies.
    input_bytes, output_bytes : of all inputs, and all outputs, one after the other.
    model_sha256 : of the .tflite file.
    """

    files: Mapping[str, bytes] = field(repr=False)
    name: str
    kernels: str
    arena_bytes: int
    operators: tuple[ExportedOperator, ...] = field(repr=False)
    plans: Mapping[str, ArenaPlan] = field(repr=False)
    input_bytes: int
    output_bytes: int
    model_sha256: str

    @property
    def sources(self) -> tuple[str, ...]:
        """Relative paths of the C files to compile, the kit's own first."""
        return tuple(sorted((path for path in self.files if path.endswith(".c")), key=lambda path: ("/" in path, path)))

    @property
    def include_folders(self) -> tuple[str, ...]:
        """Relative paths of the folders with headers."""
        return (".", *(INCLUDE_FOLDERS if "NOTICE.txt" in self.files else ()))

    @property
    def defines(self) -> tuple[str, ...]:
        """Macros that have to be defined."""
        return DEFINES if "NOTICE.txt" in self.files else ()

    def compiler_flags(self, folder: str = ".") -> tuple[str, ...]:
        """What GCC and clang need besides the core's own flags, for files written below a folder."""
        includes = (f"-I{folder}" if path == "." else f"-I{folder}/{path}" for path in self.include_folders)
        return ("-std=c11", *includes, *(f"-D{define}" for define in self.defines))

    def gcc_flags(self, source: str, core: str) -> tuple[str, ...]:
        """Flags of one source for one core, GCC only, with which the kernels execute what TFLM's execute."""
        return GCC_FLAGS.get(source, ()) if core_family(core) == "dsp" else ()

    def plan_for(self, core: str) -> ArenaPlan:
        """Layout of the arena on a core, such as "cortex-m4"."""
        return self.plans[core_family(core)]

    def arena_for(self, core: str) -> int:
        """Size of the arena on a core in bytes, as the compiler for that core will make it."""
        return max(self.plan_for(core).head_bytes, 16)


@dataclass(frozen=True, slots=True)
class _Part:
    """One operator: the symbol of its function and its C."""

    symbol: str
    code: Lowered


def export_c(graph: GraphOrFile, *, kernels: str = "portable", name: str = "model") -> CExport:
    """A model as C11: constants, a static arena laid out by the kit's own plan, one function an operator.

    Parameters
    ----------
    graph : an int8 model of the operators in `OPERATORS`.
    kernels : "portable" (the kit's own) or "cmsis-nn" (from the installed package; what it lacks stays portable).
    name : prefix of every symbol, made a C identifier.

    Raises
    ------
    ParameterError : no such kernel set.
    ModelError : an operator, type or shape the exporter cannot take; the text names it and what is allowed.
    MissingPackageError : the package with CMSIS-NN is not installed, or not the one that was checked.
    """
    if kernels not in KERNELS:
        raise ParameterError(f"kernels {kernels!r} are unknown; allowed: {', '.join(KERNELS)}")
    graph = as_graph(graph)
    _check(graph)
    program = Program(graph, to_identifier(name))
    table = LIBRARY_LOWERINGS if kernels == "cmsis-nn" else PORTABLE_LOWERINGS
    lowered = [table[lowering_of(operator)](program, operator) for operator in graph.operators]
    plans = {family: _plan(graph, lowered, position) for position, family in enumerate(CORE_FAMILIES)}
    operators = tuple(
        ExportedOperator(one.index, one.name, f"{program.name}_op_{one.index:02d}_{one.name.lower()}")
        for one in graph.operators
    )
    parts = [_Part(one.symbol, code) for one, code in zip(operators, lowered, strict=True)]
    files = _write_program(program, parts, plans)
    files |= read_library(group for code in lowered for group in code.library)
    arena = max(16, *(plan.head_bytes for plan in plans.values()))
    return CExport(
        MappingProxyType(files), program.name, kernels, arena, operators, MappingProxyType(plans),
        sum(graph.tensors[one].nbytes for one in graph.inputs),
        sum(graph.tensors[one].nbytes for one in graph.outputs), graph.sha256,
    )  # fmt: skip


def _check(graph: ModelGraph) -> None:
    """What no operator can check: subgraphs, inputs and outputs, and that tensors are made before they are read."""
    if graph.subgraphs != 1:
        raise ModelError(f"the model has {graph.subgraphs} subgraphs (IF or WHILE); models of one can be exported")
    for index in (*graph.inputs, *graph.outputs):
        tensor = graph.tensors[index]
        if tensor.dtype != "int8" or not tensor.nbytes:
            raise ModelError(
                f"tensor {index}, an input or output of the model, is {tensor.dtype} of shape {tensor.shape}; "
                "allowed: int8\nconvert with int8 inputs and outputs"
            )
    made = set(graph.inputs)
    if any(graph.tensors[index].is_constant for index in made) or len(made) != len(graph.inputs):
        raise ModelError(f"an input of the model {graph.inputs} is a constant or occurs twice; the file is damaged")
    if has_decode(graph):
        raise ModelError(
            f"the model decodes its weights on the device: {refuse_decode('exporter')}\n"
            "export the model it was packed from"
        )
    for operator in graph.operators:
        if not lowering_of(operator):
            dtype = graph.tensors[operator.inputs[0]].dtype if operator.inputs and operator.inputs[0] >= 0 else "none"
            raise refuse(operator, f"no kernel for this operator on {dtype}", f"allowed, int8: {', '.join(OPERATORS)}")
        _check_order(graph, operator, made)
    missing = [index for index in graph.outputs if index not in made and not graph.tensors[index].is_constant]
    if missing:
        raise ModelError(f"tensor {missing[0]}, an output of the model, is made by no operator; the file is damaged")


def _check_order(graph: ModelGraph, operator: Operator, made: set[int]) -> None:
    for index in operator.inputs:
        if index >= 0 and index not in made and not graph.tensors[index].is_constant:
            raise refuse(operator, f"tensor {index} is read before it is made", "the file is damaged")
    for index in operator.outputs:
        if index in made or graph.tensors[index].is_constant or graph.tensors[index].is_variable:
            raise refuse(operator, f"tensor {index} is made twice, constant or variable", "the file is damaged")
        made.add(index)


def _plan(graph: ModelGraph, lowered: list[Lowered], family: int) -> ArenaPlan:
    buffers = list_buffers(graph, [(code.scratch[family],) for code in lowered])
    plan = plan_greedily(buffers, len(graph.operators) + 1)
    if plan.head_bytes > _LARGEST_ARENA_BYTES:
        raise ModelError(f"the model needs an arena of {plan.head_bytes:,} bytes; no microcontroller has that")
    return plan


def _write_program(program: Program, parts: Sequence[_Part], plans: Mapping[str, ArenaPlan]) -> dict[str, bytes]:
    """Relative path -> content of every file of the kit's own."""
    graph = program.graph
    texts = fill_all(
        _TEMPLATES, name=program.name, guard=program.name.upper(), about=_about(program),
        places=_by_family(plans, _places), parts=parts,
        arena=_by_family(plans, lambda plan: f"#define TK_ARENA_BYTES {max(plan.head_bytes, 16)}"),
        library=any(part.code.library for part in parts),
        functions="\n\n".join(_function(index, part) for index, part in enumerate(parts)),
        checks=[(index, part.code) for index, part in enumerate(parts) if part.code.scratch_call],
        inputs=_lay_out(program, graph.inputs), outputs=_lay_out(program, graph.outputs),
        arrays=program.arrays, numbers=_numbers,
    )  # fmt: skip
    units = sorted({unit for part in parts for unit in part.code.kernels})
    kernels = ("kernels.h", "fixed_point.h", *(f"kernels_{unit}.c" for unit in units))
    texts |= {name: (_SOURCES / name).read_text() for name in kernels}
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
        tensor, operator = placed.buffer.tensor, placed.buffer.first - 1
        name = f"TENSOR_{tensor}" if tensor >= 0 else f"SCRATCH_{operator}"
        rows.append(f"#define {name} (tk_arena + {placed.offset})")
        if tensor < 0:
            rows.append(f"#define SCRATCH_BYTES_{operator} {placed.buffer.nbytes}")
    return "\n".join(rows)


def _function(index: int, part: _Part) -> str:
    scratch = any(part.code.scratch)
    body = re.sub(r"\bSCRATCH_BYTES\b", f"SCRATCH_BYTES_{index}" if scratch else "0", part.code.body)
    body = re.sub(r"\bSCRATCH\b", f"SCRATCH_{index}" if scratch else "NULL", body)
    guard = ""
    if scratch and not all(part.code.scratch):
        guard = f"#ifndef SCRATCH_{index}\n#define SCRATCH_{index} NULL\n#define SCRATCH_BYTES_{index} 0\n#endif\n"
    constants = f"{part.code.constants}\n\n" if part.code.constants else ""
    return f"{guard}{constants}TK_OPERATOR int {part.symbol}(void)\n{{\n{body}\n}}"


def _lay_out(program: Program, tensors: Sequence[int]) -> list[tuple[str, int, int]]:
    """(place, start, bytes) of each tensor, the tensors one after the other."""
    sizes = [program.graph.tensors[index].nbytes for index in tensors]
    return [(program.place(index), sum(sizes[:at]), sizes[at]) for at, index in enumerate(tensors)]


def _numbers(data: NDArray[np.generic]) -> str:
    texts = [str(value) for value in data.tolist()]
    lines = (",".join(texts[start : start + _PER_LINE]) for start in range(0, len(texts), _PER_LINE))
    return ",\n".join(lines)


def read_library(groups: Iterable[str]) -> dict[str, bytes]:
    """Relative path -> content of the library's files for some of `GROUPS`, nothing for no group."""
    needed = {*groups, "all"}
    if needed == {"all"}:
        return {}
    folder = _find_folder()
    rows = [line.split() for line in _LIST.read_text().splitlines()]
    files = {path: _take(folder, path, sha256) for sha256, path, whose in rows if needed & set(whose.split(","))}
    added = {"cmsis_nn/freestanding/math.h": "math.h", "NOTICE.txt": "NOTICE.txt"}
    return files | {path: (_ADDED / name).read_bytes() for path, name in added.items()}


def _find_folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingPackageError(
            f"kernels 'cmsis-nn' need the package {PACKAGE}, which is not installed\n"
            f"pip install {PACKAGE}=={PACKAGE_VERSION}, or use kernels='portable'"
        )
    return Path(found.submodule_search_locations[0]) / _FOLDER


def _take(folder: Path, path: str, sha256: str) -> bytes:
    try:
        data = (folder / path).read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise MissingPackageError(
            f"{path} of the installed {PACKAGE} is not the file of version {PACKAGE_VERSION}\n"
            f"pip install --force-reinstall {PACKAGE}=={PACKAGE_VERSION}, or use kernels='portable'"
        )
    return data
