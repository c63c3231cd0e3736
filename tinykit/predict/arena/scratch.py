"""Scratch buffers that the kernels of a graph ask for while they run, by kernel set and core (`model.operators`)."""

from tinykit.model.graph.model import ModelGraph
from tinykit.model.operators.rules import EARLIER, ESPRESSIF_MOST, NEWEST, Kernels
from tinykit.model.operators.table import row_of
from tinykit.target.boards.record import core_family

Sizes = tuple[tuple[int, ...], ...]
"""Bytes of each buffer, operator by operator."""


def list_scratch_bytes(graph: ModelGraph, runtime: str, core: str, *, older: bool = False) -> Sizes:
    """Sizes in bytes of the scratch buffers each operator asks for, in operator order.

    Parameters
    ----------
    graph : the model.
    runtime : "tflm-cmsis-nn" or "tflm-reference".
    core : lower-case Arm name, such as "cortex-m55".
    older : as with CMSIS-NN of 2023 (`model.operators.EARLIER`).
    """
    kernels = kernels_of(runtime, core, EARLIER if older else NEWEST)
    rules = ((row_of(one.name).scratch, one) for one in graph.operators)
    return tuple(rule(graph.call(one), kernels) if rule else () for rule, one in rules)


def list_espressif_scratch(graph: ModelGraph, reference: Sizes) -> Sizes:
    """The most that any version of ESP-NN asks for; operators without a kernel of its own keep the reference's."""
    rules = ((ESPRESSIF_MOST.get(row_of(one.name).latency or ""), one) for one in graph.operators)
    asked = (rule(graph.call(one), Kernels("plain")) if rule else () for rule, one in rules)
    return tuple(own or sizes for own, sizes in zip(asked, reference, strict=True))


def kernels_of(runtime: str, core: str, version: str = NEWEST) -> Kernels:
    """Whose kernels a runtime takes on a core."""
    return Kernels(core_family(core), version if runtime == "tflm-cmsis-nn" else "")


def keep_kernel_sums(graph: ModelGraph, scratch_bytes: Sizes, core: str) -> tuple[Sizes, int]:
    """Scratch and tail where TFLM keeps the weight sums of fully connected kernels, which Helium's kernels need.

    Built for speed (`KERNELS_OPTIMIZED_FOR_SPEED`, its makefile's default) they lie in the tail; the builds that were
    linked sum again at each call, into scratch.
    """
    if core_family(core) != "mve":
        return scratch_bytes, 0
    sums = [row_of(operator.name).lowering == "dense" for operator in graph.operators]
    kept = sum(sum(sizes) for sizes, own in zip(scratch_bytes, sums, strict=True) if own)
    return tuple(() if own else sizes for sizes, own in zip(scratch_bytes, sums, strict=True)), kept
