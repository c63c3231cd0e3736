"""How a network is used: how often, from which cell, in which air, with what around it; all but the network alone."""

import math
import os
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tinykit.budget.power.budget import PowerBudget, budget_power
from tinykit.budget.power.cells import Battery
from tinykit.budget.power.frontend import FrontEnd, capture_factor, front_end_of
from tinykit.budget.power.inverse import busy_per_inference, longest_latency
from tinykit.budget.power.pack import CellPack, find_battery
from tinykit.budget.power.radio import transmission
from tinykit.budget.power.timeline import State, attempt, wake_up
from tinykit.budget.power.workload import (
    TRANSMIT,
    Workload,
    make_load,
    peripherals,
    plan_workload,
    rest_of_board,
    sensor_load,
)
from tinykit.ground.errors import ParameterError, keywords
from tinykit.ground.quantity import LONGEST_S, Estimate, format_quantity
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate
from tinykit.predict.energy.predict import predict_run_current
from tinykit.target.devices import NOTHING, Sensor, Signal, find_sensor, find_signal
from tinykit.target.target import Target
from tinykit.train.fronts.bound import BoundFront


@dataclass(frozen=True, slots=True, kw_only=True)
class Use(Result):
    """How a network is used; figures of one's own win over predictions.

    Parameters
    ----------
    period_s : from one inference to the next, or from one look of a gate to the next [s].
    duty_cycle : instead of a period: time in inference over the period, above 0 and at most 1.
    task : what the network is for, such as "watch-exercises" or "keyword": sensor, window and front end that are not
        given are those of the task; without a task and a sensor none is counted, and the answer says so.
    battery : id of a cell, path of a TOML of one's own, a cell or a `Pack`; None for a supply without end.
    supply_v : of the MCU [V]; None for the cell's or the board's own.
    ambient_c : [degC], outside the box.
    enclosure_area_m2 : outer surface of a closed box [m²]; None for open air.
    sun_w : heat the sun leaves in that box [W].
    latency_s : one's own figure for one inference [s].
    run_current_a, sleep_current_a : one's own figures [A].
    sleep_mode : "stop", "standby" or "sleep" between periods; None for the one that takes the least.
    boot_s : one's own figure: out of "standby", from the first instruction until the network can run [s].
    sensor : id, path of a TOML of one's own or a `Sensor`; "none" for nothing; None for the task's.
    sense_s : time the sensor fills its buffer [s], 0 for a sensor that is never off; None for the task's window, and
        without a task for never off.
    gate_rate : fraction of the periods in which the network runs, 0–1.
    send : radio and payload [byte] after each inference.
    front_end : before the network, in every period; None for the task's, `FrontEnd("none")` for nothing.
    capture_factor : awake time over that of front end and network, 1 and above, where samples stream in through the
        core (audio, images); None for 1.5 [1.0, 1.8].
    beside : ids of loads that are always on, such as "led".
    extra_states : further awake stretches of the period.
    derate : lower a coin cell's capacity at high average current.

    Raises
    ------
    ParameterError : a figure out of range. UnknownBatteryError, UnknownSensorError, UnknownTaskError : no such cell,
    sensor or task. FactError : a file that is none.
    """

    period_s: float = 10.0
    duty_cycle: float | None = None
    task: str | None = None
    battery: Battery | CellPack | str | os.PathLike[str] | None = None
    supply_v: float | None = None
    ambient_c: float = 25.0
    enclosure_area_m2: float | None = None
    sun_w: Estimate | float = 0.0
    latency_s: Estimate | float | None = None
    run_current_a: Estimate | float | None = None
    sleep_current_a: Estimate | float | None = None
    sleep_mode: str | None = None
    boot_s: Estimate | float | None = None
    sensor: Sensor | str | os.PathLike[str] | None = None
    sense_s: float | None = None
    gate_rate: float = 1.0
    send: tuple[str, float] | None = None
    front_end: FrontEnd | None = None
    capture_factor: Estimate | float | None = None
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
        object.__setattr__(self, "beside", (self.beside,) if isinstance(self.beside, str) else tuple(self.beside))
        object.__setattr__(self, "extra_states", tuple(self.extra_states))
        if self.battery is not None:
            object.__setattr__(self, "battery", find_battery(self.battery))
        if self.sensor not in (None, NOTHING):
            object.__setattr__(self, "sensor", find_sensor(self.sensor))
        if self.task is not None:
            find_signal(self.task)
        if self.sense_s is not None:
            as_estimate(self.sense_s, "s", "sense_s", high=LONGEST_S)
        if self.send is not None:
            if isinstance(self.send, str) or len(self.send) != len(("radio", "payload")):
                raise ParameterError(f"send {self.send!r}; give the radio and the bytes of a message, as ('ble', 20)")
            transmission(*self.send)

    @property
    def own_latency_s(self) -> Estimate | None:
        """The latency given [s], checked; None where it is to be predicted.

        ParameterError: it is not above 0, or longer than a year.
        """
        if self.latency_s is None:
            return None
        given = self.latency_s.value if isinstance(self.latency_s, Estimate) else self.latency_s
        if not 0 < given < math.inf:
            raise ParameterError(f"latency {given} s; give seconds above 0, such as 0.0289")
        return as_estimate(self.latency_s, "s", "latency", high=LONGEST_S)

    @property
    def signal(self) -> Signal | None:
        """What the network of the task listens to; None without a task."""
        return find_signal(self.task) if self.task else None

    @property
    def senses(self) -> Sensor | None:
        """The sensor that is counted: one's own, else the task's; None for nothing."""
        if self.sensor is None:
            return find_sensor(self.signal.sensor) if self.signal else None
        return self.sensor if isinstance(self.sensor, Sensor) else None

    @property
    def computes(self) -> FrontEnd | None:
        """The front end that is counted: one's own, else the task's; None for nothing."""
        front = self.front_end
        if front is None and self.signal and self.signal.front_end:
            front = FrontEnd(**dict(self.signal.front_end))
        return front if front and front.kind != NOTHING else None

    @property
    def sensing_s(self) -> float:
        """How long the sensor is on before each inference [s], its start-up included; 0 where it is never off."""
        sensor, signal = self.senses, self.signal
        window = self.sense_s
        if window is None:
            window = signal.window_time.value if sensor and signal and signal.window_time else 0.0
        return window + (sensor.start_up.value if sensor and sensor.start_up else 0.0) if window else 0.0

    def behind(self, front: BoundFront | None) -> "Use":
        """The same for a network behind a front: its work, and its window where that of the task would be counted."""
        if front is None:
            return self
        computes = front_end_of(front) if self.front_end is None else self.front_end
        of_task = self.sense_s is None and self.signal is not None and self.signal.window_time is not None
        return replace(self, front_end=computes, sense_s=front.samples / front.rate_hz if of_task else self.sense_s)

    def list_power(self, target: Target) -> dict[str, Any]:
        """The arguments of `budget_power` that do not change with period and workload."""
        names = ("battery", "ambient_c", "supply_v", "run_current_a", "sleep_current_a", "sleep_mode", "boot_s")
        own = {name: getattr(self, name) for name in (*names, "extra_states", "derate")}
        return {**own, "clock_hz": target.clock_hz}

    def plan(self, target: Target, latency: Estimate | float) -> Workload:
        """What one period holds, for a network of a latency [s]."""
        sensor, sensing = self.senses, self.sensing_s
        loads = [*([sensor_load(sensor, during=("sense",) if sensing else ())] if sensor else ())]
        loads += [*map(make_load, self.beside), *([rest_of_board(target.board)] if target.as_sold else ())]
        streams = sensor is not None and sensor.fills != "stop"
        work = plan_workload(
            target.board, latency, sense_s=sensing or None, sense_at=sensor.fills if sensor else "stop",
            front_end=self.computes, clock_hz=target.clock_hz, gate_rate=self.gate_rate, send=self.send, loads=loads,
            capture_factor=self.capture_factor if self.capture_factor is not None or not streams else capture_factor(),
        )  # fmt: skip
        if not (streams or sensing):
            return work
        ask = partial(predict_run_current, target.board, clock_hz=target.clock_hz, run_current_a=self.run_current_a)
        run, _ = attempt(lambda: ask(supply_v=self.supply_v))
        if not streams:
            return work.plus_waking(wake_up(target.board, "stop", run))
        names = [stage.name for stage in work.stages() if stage.at != "stop" and stage.name != TRANSMIT]
        return replace(work, loads=(*work.loads, peripherals(run, names))) if run else work


Use.__init__ = keywords(Use.__init__, strict=True)  # type: ignore[method-assign]


_NONE = Estimate.exact(0.0, "s", "assumed", "the network left out: its latency is unknown")
_NEARLY_ALL = 0.999


@dataclass(frozen=True, slots=True)
class Beside(Result):
    """A budget without its network, and the latencies at which the network would break it.

    Parameters
    ----------
    budget : of sleep, sensor, front end, radio and loads; figures of the network itself are None.
    longest_s : the longest inference that the period has room for [s], at least 0.
    halving_s : the inference with which the battery lasts half as long as without the network [s]; None where there is
        no battery, its life is unknown, or the period ends before.
    """

    JSON = ("budget", "longest_inference_s=longest_s", "halving_inference_s=halving_s")

    budget: PowerBudget
    longest_s: float
    halving_s: float | None

    def lines(self) -> tuple[str, ...]:
        """What the latency may be, as sentences."""
        period, longest = (format_quantity(value, "s") for value in (self.budget.period_s, self.longest_s))
        told = [f"an inference longer than {longest} does not end within the period of {period}"]
        if self.halving_s is not None and self.budget.battery_life_s is not None:
            halving, life = format_quantity(self.halving_s, "s"), format_quantity(self.budget.battery_life_s.value, "s")
            told.append(f"without the network the battery lasts {life}; an inference of {halving} halves that")
        return tuple(told)


def budget_beside(target: Target, use: Use, why: str) -> Beside:
    """The budget of all but a network whose latency is unknown, for the reason given; errors as `budget_power`."""
    power, period_s = use.list_power(target), use.period_s
    plan = partial(use.plan, target)
    found = budget_power(target.board, plan(_NONE), period_s=period_s, **power)
    awake = sum(state.duration_s.high for state in found.states if state.name not in ("sleep", "inference"))
    longest = max(0.0, period_s - awake) / busy_per_inference(plan)
    states = tuple(state for state in found.states if state.name != "inference")
    of_duty = f"period, which a duty cycle makes of the latency: {format_quantity(period_s, 's')} is taken"
    told = () if use.duty_cycle is None else (of_duty,)
    unknown = (f"latency, and with it what the network draws: {why}", *told, *found.unknown)
    budget = replace(found, states=states, energy_per_inference_j=None, lines=(), unknown=unknown)
    life = found.battery_life_s
    if life is None or not longest:
        return Beside(budget, longest, None)

    setting = {name: value for name, value in power.items() if name != "battery"}
    answer, _ = attempt(
        lambda: longest_latency(
            target.board, life.value / 2, period_s, battery=power["battery"], around=plan, **setting
        )
    )
    halving = answer.value if answer else None
    return Beside(budget, longest, halving if halving and halving < longest * _NEARLY_ALL else None)
