"""Figures that were read back of a model win over their prediction: same content, runtime, version, option, place."""

from collections.abc import Mapping

from tinykit.budget.power.timeline import attempt
from tinykit.ground.quantity import Estimate, propagate
from tinykit.model.graph.model import ModelGraph
from tinykit.model.readings import Reading, list_readings
from tinykit.predict.arena.plan import plan_head
from tinykit.predict.arena.predict import ArenaEstimate
from tinykit.predict.flash import predict_flash
from tinykit.predict.latency.effects import version_number
from tinykit.target.runtimes import planner_of
from tinykit.target.target import Target

_SAME_CLOCK = 1e-3
Memory = tuple[ArenaEstimate | None, Estimate | None, Estimate | None]


def take_over(graph: ModelGraph, target: Target, predicted: ArenaEstimate | None) -> Memory:
    """Arena, flash [byte] and latency [s] of a model on a target, each as it was read back, else as predicted.

    A latency that nobody read back is None. Where the target names no version, what was read of the only one counts.
    """
    told = [one for one in list_readings(graph.sha256) if _speaks_of(one, target)]
    if target.runtime_version:
        wanted = version_number(target.runtime_version)
        told = [one for one in told if version_number(one.version) == wanted]
    only = len({version_number(one.version) for one in told}) == 1
    heard = {one.figure: one.found for one in told} if only else {}
    return _take_arena(predicted, heard, graph, target), _take_flash(graph, target, heard), heard.get("latency")


def _speaks_of(one: Reading, target: Target) -> bool:
    board, clock = target.board, target.clock_hz or 0.0
    placed = one.place in ("", board.id) or board.mcu.lower().startswith(one.place)
    timed = not one.clock_hz or abs(clock / one.clock_hz - 1) <= _SAME_CLOCK
    return one.runtime == target.runtime and placed and timed and target.runtime_option in (None, one.option)


def _take_arena(
    predicted: ArenaEstimate | None, heard: Mapping[str, Estimate], graph: ModelGraph, target: Target
) -> ArenaEstimate | None:  # fmt: skip
    """The arena and the runtime's own RAM beside it, under ST's planner; another's holds all."""
    used, own = heard.get("arena") or (predicted.used if predicted else None), heard.get("runtime_ram")
    if used is None or not heard.keys() & {"arena", "runtime_ram"}:
        return predicted
    plan = predicted.plan if predicted else plan_head(graph, ((),) * len(graph.operators))
    beside = predicted.tail_bytes if predicted and planner_of(target.runtime) == "st" else 0
    tail = int(own.value) if own else beside
    return ArenaEstimate(used, int(used.value) + tail, int(used.value), tail, plan, target.runtime, target.core)


def _take_flash(graph: ModelGraph, target: Target, heard: Mapping[str, Estimate]) -> Estimate | None:
    """Flash of constants and code; None where a part is unknown."""
    predicted, _ = attempt(lambda: predict_flash(graph, target=target))
    if not heard.keys() & {"weights", "code"}:
        return predicted.total if predicted else None
    told: dict[str, Estimate] = {}
    if predicted:
        of_file = Estimate.exact(predicted.flatbuffer_bytes, "byte", "modelled", predicted.total.sources)
        told = {"weights": of_file, "code": predicted.runtime_bytes}
    parts = [one for name in ("weights", "code") if (one := heard.get(name) or told.get(name))]
    return propagate(lambda *sizes: sum(sizes), *parts, unit="byte") if len(parts) == 2 else None
