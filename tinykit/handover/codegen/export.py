"""From a graph to a folder of C: header, operators, constants, and the kernels they need.

CMSIS-NN comes from the installed package `bakenn` 1.0.0 (Apache-2.0), which ships CMSIS-NN 4.0.0 and the two headers
of CMSIS-Core 5.9.0 it needs; no code of that package runs. Its BAKENN_PROVENANCE.md says what it changed in them, and
goes along.
"""

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tinykit.ground.errors import MissingPackageError, ModelError, ParameterError
from tinykit.ground.results import Result
from tinykit.handover.codegen.filling import to_identifier
from tinykit.handover.codegen.folding import fold
from tinykit.handover.codegen.lowerings import LIBRARY_LOWERINGS, PORTABLE_LOWERINGS, find_lowering
from tinykit.handover.codegen.moves import NOTHING
from tinykit.handover.codegen.placing import lay_out
from tinykit.handover.codegen.program import C_TYPES, STATEFUL, Program, expect, kind_of, refuse
from tinykit.handover.codegen.writing import Part, write_program
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.predict.arena.plan import ArenaPlan, align
from tinykit.predict.packing.cost import has_decode, refuse_decode
from tinykit.target.boards.record import CORE_FAMILIES, core_family

KERNELS = ("portable", "cmsis-nn")
"""The kernel sets an export can be built on."""

FLOAT_BOUND = 1e-5
"""How far a float may be from TFLM's, as a share of the largest in its tensor: exponentials are the compiler's for the
interpreter and the kit's own on the device, some units in the last of 24 bits, which sums carry on."""

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
    state_bytes : of what is kept from one run to the next; where there is any, `<name>_reset()` puts it back.
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
    state_bytes: int = 0

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


def export_c(graph: GraphOrFile, *, kernels: str = "portable", name: str = "model", rows: bool = False) -> CExport:
    """A model as C11: constants, a static arena, one function an operator.

    The arena is laid out by the model's own offline plan, else by the kit's. Where that lays a SLICE into its source,
    or the parts of a CONCATENATION where it wants them, nothing is copied.

    Parameters
    ----------
    graph : a model of the operators in `lowerings.OPERATORS`, on the types they are written for.
    kernels : "portable" (the kit's own) or "cmsis-nn" (from the installed package; what it lacks stays portable).
    name : prefix of every symbol, made a C identifier.
    rows : `<name>_run_rows(source, context, output)` asks a function of yours for the input row by row, as a camera
        delivers it: no more of it lies in the arena than a stripe reads. For a model whose input is read in stripes.

    Raises
    ------
    ParameterError : no such kernel set, or rows of an input that is read whole.
    ModelError : an operator, type or shape the exporter cannot take; the text names it and what is allowed.
    MissingPackageError : the package with CMSIS-NN is not installed, or not the one that was checked.
    """
    if kernels not in KERNELS:
        raise ParameterError(f"kernels {kernels!r} are unknown; allowed: {', '.join(KERNELS)}")
    graph, folded = fold(as_graph(graph))
    _check(graph, folded)
    program = Program(graph, to_identifier(name))
    table = LIBRARY_LOWERINGS if kernels == "cmsis-nn" else PORTABLE_LOWERINGS
    layout = lay_out(graph, rows=rows)
    ready = dict.fromkeys((*folded, *layout.in_place), NOTHING) | layout.lower_rows(program)
    lowered = [ready.get(one.index) or find_lowering(table, graph, one)(program, one) for one in graph.operators]
    plans = {family: layout.plan(lowered, position) for position, family in enumerate(CORE_FAMILIES)}
    operators = tuple(
        ExportedOperator(one.index, one.name, f"{program.name}_op_{one.index:02d}_{one.name.lower()}")
        for one in graph.operators
    )
    parts = [Part(one.symbol, code) for one, code in zip(operators, lowered, strict=True)]
    files = write_program(program, parts, plans, row_bytes=layout.row_bytes)
    files |= read_library(group for code in lowered for group in code.library)
    arena = max(16, *(plan.head_bytes for plan in plans.values()))
    return CExport(
        MappingProxyType(files), program.name, kernels, arena, operators, MappingProxyType(plans),
        sum(graph.tensors[one].nbytes for one in graph.inputs),
        sum(graph.tensors[one].nbytes for one in graph.outputs), graph.sha256,
        sum(align(state.nbytes) for state in program.states),
    )  # fmt: skip


def _check(graph: ModelGraph, folded: frozenset[int]) -> None:
    """What no operator can check: inputs and outputs, and that tensors are made before they are read."""
    for index in (*graph.inputs, *graph.outputs):
        tensor = graph.tensors[index]
        if tensor.dtype not in C_TYPES or not tensor.nbytes:
            raise ModelError(
                f"tensor {index}, an input or output of the model, is {tensor.dtype} of shape {tensor.shape}; "
                f"allowed: {', '.join(C_TYPES)}, with elements"
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
        if operator.index in folded:
            continue
        find_lowering(PORTABLE_LOWERINGS, graph, operator)
        ends = operator.inputs[:1] + operator.outputs[:1]
        expect(len(ends) == 2 or kind_of(operator) in STATEFUL, operator, "an input or output is missing")
        _check_order(graph, operator, made)
    missing = [index for index in graph.outputs if index not in made and not graph.tensors[index].is_constant]
    if missing:
        raise ModelError(f"tensor {missing[0]}, an output of the model, is made by no operator; the file is damaged")


def _check_order(graph: ModelGraph, operator: Operator, made: set[int]) -> None:
    for index in operator.inputs:
        found = graph.tensors[index]
        if index >= 0 and index not in made and not found.is_constant and not found.is_variable:
            raise refuse(operator, f"tensor {index} is read before it is made", "the file is damaged")
    for index in operator.outputs:
        if index in made or graph.tensors[index].is_constant or graph.tensors[index].is_variable:
            raise refuse(operator, f"tensor {index} is made twice, constant or variable", "the file is damaged")
        made.add(index)


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
