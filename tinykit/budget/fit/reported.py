"""Figures that were read back of a model win over their prediction: same content, runtime, version, option, place."""

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
    wanted = version_number(target.runtime_version) if target.runtime_version else None
    told = [one for one in told if wanted in (None, version_number(one.version))]
    only = len({version_number(one.version) for one in told}) == 1
    heard = {one.figure: one.found for one in told} if only else {}
    flash, _ = attempt(lambda: predict_flash(graph, target=target))
    if heard.keys() & {"weights", "code"} and (flash or heard.keys() >= {"weights", "code"}):
        kept = Estimate.exact(flash.flatbuffer_bytes, "byte", "modelled", flash.total.sources) if flash else None
        parts = (heard.get("weights", kept), heard.get("code", flash.runtime_bytes if flash else None))
        total: Estimate | None = propagate(lambda *sizes: sum(sizes), *filter(None, parts), unit="byte")
    else:
        total = flash.total if flash else None
    used, own = heard.get("arena", predicted.used if predicted else None), heard.get("runtime_ram")
    if used is None or not heard.keys() & {"arena", "runtime_ram"}:
        return predicted, total, heard.get("latency")
    plan = predicted.plan if predicted else plan_head(graph, ((),) * len(graph.operators))
    beside = predicted.tail_bytes if predicted and planner_of(target.runtime) == "st" else 0
    head, tail = int(used.value), int(own.value) if own else beside
    arena = ArenaEstimate(used, head + tail, head, tail, plan, target.runtime, target.core)
    return arena, total, heard.get("latency")


def _speaks_of(one: Reading, target: Target) -> bool:
    board, clock = target.board, target.clock_hz or 0.0
    placed = one.place in ("", board.id) or board.mcu.lower().startswith(one.place)
    timed = not one.clock_hz or abs(clock / one.clock_hz - 1) <= _SAME_CLOCK
    return one.runtime == target.runtime and placed and timed and target.runtime_option in (None, one.option)
