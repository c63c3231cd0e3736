"""The persistent part of the arena (the tail) on a 32-bit target, allocation by allocation.

TFLM takes its persistent allocations from the end of the arena downward, each with its own alignment
(tensorflow/lite/micro/micro_allocator.cc): its own objects, one record a tensor and a node, the options and the
kernel data of each operator, per-channel multipliers, scratch handles, the input and output tensors.
The order was checked on the x86-64 interpreter; the 32-bit sizes below, members counted with pointers of 4 bytes
and enumerations of 1, reproduce the linked arenas of four models with reference and CMSIS-NN kernels on Cortex-M4,
M7, M33 and M55 (GCC 12.2, TFLM mid-2026).
"""

from collections.abc import Sequence

from tinykit.model.graph.model import ModelGraph
from tinykit.model.operators.table import Tail, row_of
from tinykit.predict.arena.plan import ALIGNMENT_BYTES
from tinykit.predict.arena.scratch import kernels_of

_OWN_OBJECTS_BYTES = 132
"""Two allocators (40 and 36), the planner (40), the builder of options (8), one subgraph's two arrays (8)."""
_EVAL_TENSOR_BYTES = 12
_NODE_BYTES = 32
_TENSOR_BYTES, _WIDE_TENSOR_BYTES = 32, 40
_AFFINE_BYTES = 12
_POINTER_BYTES = 4
_UNKNOWN = Tail(32, 32, 96, 96)  # generous, for an operator whose sizes are not tabulated


def unknown_operators(graph: ModelGraph) -> tuple[str, ...]:
    """Operators whose kernel data is not tabulated: the tail assumes a generous size for each."""
    return tuple(sorted({op.name for op in graph.operators if row_of(op.name).tail is None}))


def measure_tail(graph: ModelGraph, scratch_bytes: Sequence[Sequence[int]], runtime: str, core: str) -> int:
    """Bytes of the tail on a 32-bit target, given what `list_scratch_bytes` says; Helium's kernels keep more."""
    used = _OWN_OBJECTS_BYTES
    for nbytes, alignment in _list_allocations(graph, scratch_bytes, runtime, core):
        used = -(-(used + nbytes) // alignment) * alignment
    return used


def _list_allocations(
    graph: ModelGraph, scratch_bytes: Sequence[Sequence[int]], runtime: str, core: str
) -> list[tuple[int, int]]:
    kernels, operators = kernels_of(runtime, core), graph.operators
    rows = [row_of(one.name) for one in operators]
    allocations = [(_EVAL_TENSOR_BYTES * len(graph.tensors), 4), (_NODE_BYTES * len(operators), 4)]
    tails = [row.tail or _UNKNOWN for row in rows]
    options = (one.options if _packs_enumerations(core) else one.wide_options for one in tails)
    allocations += [(size, 1 if size % 4 else 4) for size in options if size]
    own = (one.cmsis_kernel if kernels.cmsis else one.kernel for one in tails)
    allocations += [(size, ALIGNMENT_BYTES) for size in own if size]
    rules = [(row.prepared, one) for row, one in zip(rows, operators, strict=True) if row.prepared]
    allocations += [(size, ALIGNMENT_BYTES) for rule, one in rules for size in rule(graph.call(one), kernels)]
    allocations += [(_POINTER_BYTES * sum(len(sizes) for sizes in scratch_bytes), 4)]
    allocations += [
        (tensor.nbytes, ALIGNMENT_BYTES) for tensor in graph.tensors if tensor.is_variable and not tensor.is_constant
    ]
    return allocations + _list_ends(graph, core)


def _packs_enumerations(core: str) -> bool:
    return core.startswith("cortex")


def _list_ends(graph: ModelGraph, core: str) -> list[tuple[int, int]]:
    """The interpreter's input and output tensors with their quantisation."""
    allocations = []
    tensor_bytes = _TENSOR_BYTES if _packs_enumerations(core) else _WIDE_TENSOR_BYTES
    for indices in (graph.inputs, graph.outputs):
        allocations.append((_POINTER_BYTES * len(indices), ALIGNMENT_BYTES))
        for index in indices:
            allocations.append((tensor_bytes, _POINTER_BYTES))
            scales = len(graph.tensors[index].scales)
            if scales:
                allocations += [(_AFFINE_BYTES, _POINTER_BYTES), (4 + 4 * scales, 4)]
    return allocations
