"""How a network is used: how often, from which cell, in which air, with what around it."""

import math
import os
from dataclasses import dataclass
from typing import Any

from tinykit.budget.power.cells import Battery
from tinykit.budget.power.frontend import FrontEnd
from tinykit.budget.power.pack import CellPack, find_battery
from tinykit.budget.power.timeline import State
from tinykit.budget.power.workload import Workload, make_load, plan_workload
from tinykit.ground.errors import ParameterError, keywords
from tinykit.ground.quantity import LONGEST_S, Estimate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate
from tinykit.target.target import Target

_SENSOR = "accelerometer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use(Result):
    """How a network is used; figures of one's own win over predictions.

    Parameters
    ----------
    period_s : from one inference to the next, or from one look of a gate to the next [s].
    duty_cycle : instead of a period: time in inference over the period, above 0 and at most 1.
    battery : id of a cell, path of a TOML of one's own, a cell or a `Pack`; None for a supply without end.
    supply_v : of the MCU [V]; None for the cell's or the board's own.
    ambient_c : [degC], outside the box.
    enclosure_area_m2 : outer surface of a closed box [m²]; None for open air.
    sun_w : heat the sun leaves in that box [W].
    latency_s : one's own figure for one inference [s].
    run_current_a, sleep_current_a : one's own figures [A].
    sleep_mode : "stop", "standby" or "sleep" between periods.
    sensor : id of a load; on while it senses, or all the time where `sense_s` is 0.
    sense_s : time the sensor fills its buffer, the MCU in STOP [s]; an accelerometer where no sensor is named.
    gate_rate : fraction of the periods in which the network runs, 0–1.
    send : radio and payload [byte] after each inference.
    front_end : before the network, in every period.
    beside : ids of loads that are always on, such as "led".
    extra_states : further awake stretches of the period.
    derate : lower a coin cell's capacity at high average current.

    Raises
    ------
    ParameterError : a figure out of range. UnknownBatteryError : no such cell. FactError : a file that is no cell.
    """

    period_s: float = 10.0
    duty_cycle: float | None = None
    battery: Battery | CellPack | str | os.PathLike[str] | None = None
    supply_v: float | None = None
    ambient_c: float = 25.0
    enclosure_area_m2: float | None = None
    sun_w: Estimate | float = 0.0
    latency_s: Estimate | float | None = None
    run_current_a: Estimate | float | None = None
    sleep_current_a: Estimate | float | None = None
    sleep_mode: str = "stop"
    sensor: str | None = None
    sense_s: float = 0.0
    gate_rate: float = 1.0
    send: tuple[str, float] | None = None
    front_end: FrontEnd | None = None
    beside: tuple[str, ...] = ()
    extra_states: tuple[State, ...] = ()
    derate: bool = True

    def __post_init__(self) -> None:
        as_estimate(self.period_s, "s", "period", low=1e-6, high=LONGEST_S)
        as_estimate(self.ambient_c, "degC", "ambient", low=-60.0, high=200.0)
        if self.duty_cycle is not None and not 0 < self.duty_cycle <= 1:
            raise ParameterError(
                f"duty cycle {self.duty_cycle!r}; give the fraction of the time in inference, above 0, at most 1"
            )
        for name in ("beside", "extra_states"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.battery is not None:
            object.__setattr__(self, "battery", find_battery(self.battery))

    @property
    def own_latency_s(self) -> Estimate | None:
        """The latency given [s], checked; None where it is to be predicted.

        Raises
        ------
        ParameterError : it is not above 0, or longer than a year.
        """
        if self.latency_s is None:
            return None
        given = self.latency_s.value if isinstance(self.latency_s, Estimate) else self.latency_s
        if not 0 < given < math.inf:
            raise ParameterError(f"latency {given} s; give seconds above 0, such as 0.0289")
        return as_estimate(self.latency_s, "s", "latency", high=LONGEST_S)

    def list_power(self, target: Target) -> dict[str, Any]:
        """The arguments of `budget_power` that do not change with period and workload."""
        names = ("battery", "ambient_c", "supply_v", "run_current_a", "sleep_current_a", "sleep_mode")
        own = {name: getattr(self, name) for name in (*names, "extra_states", "derate")}
        return {**own, "clock_hz": target.clock_hz}

    def plan(self, target: Target, latency: Estimate | float) -> Workload:
        """What one period holds, for a network of a latency [s]."""
        sensing = ["sense"] if self.sense_s else []
        named = self.sensor or (_SENSOR if self.sense_s else None)
        loads = [*([make_load(named, during=sensing)] if named else []), *map(make_load, self.beside)]
        return plan_workload(
            target.board, latency, sense_s=self.sense_s or None, sense_at="stop", front_end=self.front_end,
            clock_hz=target.clock_hz, gate_rate=self.gate_rate, send=self.send, loads=loads,
        )  # fmt: skip


Use.__init__ = keywords(Use.__init__)  # type: ignore[method-assign]
