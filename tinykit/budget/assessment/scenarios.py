"""A model in a scenario, one call each: a whole workload, its clocks, edge or cloud, bursts and pauses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinykit.budget.assessment.outlook import look_hot
from tinykit.budget.fit import FitReport, check_fit
from tinykit.budget.offload import SENSORS, Offload, compare_offload
from tinykit.budget.power import ClockSweep, FrontEnd, PowerBudget, budget_power, make_load, plan_workload, sweep_clocks
from tinykit.budget.thermal import Warming, follow_bursts
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.quantity import Estimate, propagate
from tinykit.model.graph import ModelGraph
from tinykit.predict.energy import as_estimate
from tinykit.target.boards import Board


def plan_design(
    graph: ModelGraph,
    board: Board | str,
    *,
    period_s: float,
    battery: str | None = None,
    sense_s: float = 0.0,
    sensor: str = "accelerometer",
    gate_rate: float = 1.0,
    send: tuple[str, float] | None = None,
    front_end: FrontEnd | None = None,
    sleep_mode: str = "stop",
    beside: Sequence[str] = (),
) -> PowerBudget:
    """Budget of a model with its sensor, a gate, a radio and what else draws current on a board.

    Parameters
    ----------
    sense_s : time the sensor fills its buffer, the MCU in STOP [s]. sensor : id of a load.
    gate_rate : fraction of the periods in which the network runs. send : radio and payload [byte] after it.
    front_end : before the network, in every period.
    sleep_mode : "stop", "standby" or "sleep" between periods. beside : ids of loads that are always on, such as "led".

    Raises
    ------
    UnknownFactError : the latency on the board is unknown. ParameterError : a value out of range.
    """
    fit, latency = _timed(graph, board)
    loads = [*([make_load(sensor, during=["sense"])] if sense_s else []), *map(make_load, beside)]
    work = plan_workload(
        fit.board,
        latency,
        sense_s=sense_s or None,
        sense_at="stop",
        front_end=front_end,
        clock_hz=fit.clock_hz,
        gate_rate=gate_rate,
        send=send,
        loads=loads,
    )
    return budget_power(
        fit.board, work, period_s=period_s, battery=battery, clock_hz=fit.clock_hz, sleep_mode=sleep_mode
    )


def sweep_design(graph: ModelGraph, board: Board | str, *, period_s: float) -> ClockSweep:
    """Mean power of a model once a period [s] over the clocks of a board.

    Raises
    ------
    UnknownFactError : latency, clock or current are unknown. ParameterError : no clock meets the period.
    """
    fit, latency = _timed(graph, board)
    clock = fit.clock_hz or 0.0
    cycles = propagate(lambda t: t * clock, latency, unit="cycle", source="latency times clock")
    return sweep_clocks(fit.board, cycles, period_s)


def weigh_design(
    graph: ModelGraph, board: Board | str, *, sensor: str, radio: str, period_s: float, **more: Any
) -> Offload:
    """A model on a board against sending the raw data of a sensor of `tinykit.budget.offload.SENSORS`.

    Parameters
    ----------
    more : as in `compare_offload`.

    Raises
    ------
    UnknownFactError : the latency is unknown. ParameterError : a value out of range.
    """
    fit, latency = _timed(graph, board)
    setting = {"clock_hz": fit.clock_hz, **more.pop("setting", {})}
    return compare_offload(fit.board, latency, SENSORS[sensor], radio, period_s=period_s, setting=setting, **more)


def look_warm(
    graph: ModelGraph,
    board: Board | str,
    *,
    burst_s: float,
    pause_s: float,
    ambient_c: float = 25.0,
    enclosure_area_m2: float | None = None,
    sun_w: Estimate | float = 0.0,
) -> Warming:
    """Junction of a model that runs in bursts on a board, in time (`follow_bursts`).

    Parameters
    ----------
    burst_s : of inference after inference [s]. pause_s : asleep between bursts [s].
    ambient_c, enclosure_area_m2, sun_w : as in `look_hot`.

    Raises
    ------
    UnknownFactError : latency, power or θJA is unknown. ParameterError : a value out of range.
    """
    burst = as_estimate(burst_s, "s", "burst", low=1e-4, high=1e7).value
    duty = burst / (burst + as_estimate(pause_s, "s", "pause", high=1e7).value)
    report = look_hot(
        graph, board, duty_cycle=duty, ambient_c=ambient_c, enclosure_area_m2=enclosure_area_m2, sun_w=sun_w
    )
    return follow_bursts(report, burst, pause_s, area_m2=enclosure_area_m2)


def _timed(graph: ModelGraph, board: Board | str) -> tuple[FitReport, Estimate]:
    fit = check_fit(graph, board)
    if fit.latency_s is None:
        raise UnknownFactError(f"the latency on board {fit.board.id!r} is unknown: there is no budget; take another")
    return fit, fit.latency_s
