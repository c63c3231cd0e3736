"""What would lower a model's arena or flash, from its own plan and tensors."""

from tinykit.budget.fit.verdict import APPLICATION, ARENA, ARENA_HEAD, ARENA_TAIL, TIGHT_MARGIN, RegionUse
from tinykit.ground.errors import ModelError
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.arena.predict import ArenaEstimate, plan_offline
from tinykit.predict.packing.decoding import foresee_flash

_TO_INT8 = ("convert to int8: a quarter of the weight bytes, and kernels whose time is known",)

_IN_RAM = {ARENA, ARENA_HEAD, ARENA_TAIL, APPLICATION}


def advise(
    graph: ModelGraph, arena: ArenaEstimate | None, uses: tuple[RegionUse, ...], runtime: str
) -> tuple[str, ...]:
    """Advice for the memories that are tight or too small; none where all have room."""
    scarce = {held for use in uses if use.margin < TIGHT_MARGIN for held in use.holds}
    on_arena = advise_on_arena(graph, arena) if arena and scarce & _IN_RAM else ()
    on_flash = advise_on_flash(graph, runtime) if "model" in scarce else ()
    return on_arena + on_flash + (_TO_INT8 if graph.precision == "float32" else ())


def advise_on_arena(graph: ModelGraph, arena: ArenaEstimate) -> tuple[str, ...]:
    """The tensors that set the peak of the arena, and what would lower it."""
    live = arena.plan.live_bytes()
    if not live or not max(live):
        return ()
    peak = live.index(max(live))
    alive = [p.buffer for p in arena.plan.placed if p.buffer.first <= peak <= p.buffer.last]
    largest = sorted(alive, key=lambda buffer: -buffer.nbytes)[:3]
    names = ", ".join(_describe(graph, buffer.tensor, buffer.nbytes) for buffer in largest)
    where = "before the first operator" if peak == 0 else f"at operator {peak - 1} ({graph.operators[peak - 1].name})"
    advice = [f"the arena peaks {where} with {names} alive together; a smaller input or fewer channels there lowers it"]
    planned = plan_offline(graph, runtime=arena.runtime, core=arena.core) if _has_gaps(arena) else arena.plan
    won = arena.head_bytes - planned.head_bytes
    if won > 0:
        advice.append(
            f"an offline plan takes {format_quantity(won, 'byte')} less arena than TFLM's greedy one; "
            "write it into the model: tinykit plan MODEL --out FILE"
        )
    return tuple(advice)


def _has_gaps(arena: ArenaEstimate) -> bool:
    return arena.runtime.startswith("tflm-") and arena.head_bytes > arena.plan.lower_bound_bytes


def advise_on_flash(graph: ModelGraph, runtime: str) -> tuple[str, ...]:
    """What would make the image smaller."""
    advice = []
    saved = _foresee_saving(graph, runtime)
    if saved > 0:
        advice.append(f"{format_quantity(saved, 'byte')} fewer with the same outputs: tinykit pack MODEL --out FILE")
    if runtime == "tflm-cmsis-nn" and graph.precision == "int8":
        advice.append("register int8-only kernels (Register_…_INT8): 3 to 27 KiB less code on the networks linked")
    advice.append("build with -Os: smaller kernels, at the price of time")
    return tuple(advice)


def _foresee_saving(graph: ModelGraph, runtime: str) -> int:
    """Bytes of flash that packing would save, decoder code counted in; 0 for what cannot be packed."""
    try:
        return graph.flatbuffer_bytes - foresee_flash(graph, runtime=runtime)
    except ModelError:
        return 0


def _describe(graph: ModelGraph, tensor: int, nbytes: int) -> str:
    size = format_quantity(nbytes, "byte")
    if tensor < 0:
        return f"scratch of {size}"
    return f"tensor {tensor} {'×'.join(map(str, graph.tensors[tensor].shape))} ({size})"
