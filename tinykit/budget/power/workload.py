"""A workload as stages of a period: sense, front end, a gate, the network, what follows; and the loads beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from tinykit.budget.power.frontend import FrontEnd, front_end_time
from tinykit.budget.power.radio import Transmission, transmission
from tinykit.budget.power.timeline import State, Timeline
from tinykit.ground.errors import ParameterError, name_nearest
from tinykit.ground.quantity import LONGEST_S, Estimate, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, band, load_constants, stated
from tinykit.target.boards.record import Board
from tinykit.target.devices import Sensor, list_sensors

AT = ("run", "sleep", "stop")
"""What the MCU does in a stage: runs, halts with clocks on (a DMA fills a buffer), or keeps its RAM alone."""
MCU = "microcontroller"
RADIO = "radio"
TRANSMIT, FRONT_END = "transmit", "front end"
LINK = "radio link"
REST_OF_BOARD = "rest of the board"
PERIPHERALS = "peripherals"


@dataclass(frozen=True, slots=True)
class Load(Result):
    """A current that flows on top of the MCU's while certain states last.

    Parameters
    ----------
    name : as the line of the budget is to read.
    current_a : A drawn from the supply; None where it is unknown, and then so is the total.
    during : names of the states it overlaps; empty for always.
    idle_a : in the other states [A]; None for nothing.
    """

    name: str
    current_a: Estimate | None
    during: tuple[str, ...] = ()
    idle_a: Estimate | None = None

    def overlaps(self, state: State) -> bool:
        """Whether the load is on in a state."""
        return not self.during or state.name in self.during

    def within(self, state: State) -> Estimate | None:
        """Its current in a state [A]; None where unknown."""
        return self.current_a if self.overlaps(state) else self.idle_a or _OFF


_OFF = Estimate.exact(0.0, "A", "measured", "off")


@dataclass(frozen=True, slots=True)
class LoadShare(Result):
    """What one consumer takes; None where unknown.

    Parameters
    ----------
    name : of the consumer.
    charge_c : in a period [C].
    share : of the whole, 0–1.
    currents_a : in each state of the budget, in order [A].
    """

    name: str
    charge_c: float | None
    share: float | None
    currents_a: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Activity(Result):
    """A stretch of the period before the board's currents are known.

    Parameters
    ----------
    name : of the state it becomes.
    duration_s : s, one occurrence.
    current_a : of the whole stage [A]; None takes the MCU's own in mode `at`.
    at : one of `AT`.
    times : occurrences in a period on average.
    event : of a radio, where the stage is one.
    elastic : shortened to what the others leave of the period, as a sensor that is never off.

    Raises
    ------
    ParameterError : an unknown mode, or `times` not from 0 to 10⁶.
    """

    name: str
    duration_s: Estimate
    current_a: Estimate | None = None
    at: str = "run"
    times: float = 1.0
    event: Transmission | None = None
    elastic: bool = False

    def __post_init__(self) -> None:
        if self.at not in AT:
            raise ParameterError(f"stage {self.name!r}: mode {self.at!r} is unknown; allowed: {', '.join(AT)}")
        as_estimate(self.times, "1", f"occurrences of {self.name!r}", high=1e6)

    def to_state(self, find_current: Callable[[str], Estimate | None]) -> State:
        """The state, its current looked up by mode where the stage has none of its own."""
        mean = propagate(lambda t: t * self.times, self.duration_s, unit="s", source=f"{self.times:g} times a period")
        current = find_current(self.at) if self.current_a is None else self.current_a
        return State(self.name, self.duration_s if self.times == 1.0 else mean, current, self.times, self.at == "run")


@dataclass(frozen=True, slots=True)
class Workload(Result):
    """What one period holds, in order: `before` the network, the network itself, `after` it.

    Parameters
    ----------
    latency : of the network, one inference [s].
    before, after : stages; `after` comes as often as the network runs.
    rate : inferences a period on average, 1 without a gate.
    loads : currents on top, as of `make_load`.
    way_out : of sleep, your own time and current; None for the board's.
    """

    latency: Estimate
    before: tuple[Activity, ...] = ()
    after: tuple[Activity, ...] = ()
    rate: float = 1.0
    loads: tuple[Load, ...] = ()
    way_out: State | None = None

    def stages(self) -> tuple[Activity, ...]:
        """All stages, the network as "inference"."""
        network = Activity("inference", self.latency, times=self.rate)
        return (*self.before, network, *(replace(stage, times=stage.times * self.rate) for stage in self.after))

    def plus_message(self, event: Transmission, times: float = 1.0) -> Self:
        """The workload with a radio's event after so many of the inferences, and what keeps its link meanwhile."""
        stage = Activity(TRANSMIT, event.duration_s, event.current_a, times=times, event=event)
        link = () if event.upkeep_a is None else (Load(LINK, event.upkeep_a),)
        return replace(self, after=(*self.after, stage), loads=(*self.loads, *link))

    def plus_waking(self, way: State | None) -> Self:
        """The workload with the way out of the mode in which a sensor's FIFO fills: the full one wakes the core."""
        asleep = [place for place, stage in enumerate(self.before) if stage.at == "stop"]
        if way is None or not asleep:
            return self
        woken, place = Activity(way.name, way.duration_s, way.current_a, elastic=True), asleep[-1] + 1
        return replace(self, before=(*self.before[:place], woken, *self.before[place:]))

    def check_duty(self, period_s: float) -> tuple[str, ...]:
        """What the law has against the radio's share of a period [s]."""
        sent = ((stage.event, stage.times) for stage in self.stages() if stage.event)
        return tuple(text for event, times in sent for text in event.check_duty(period_s, times))

    @property
    def busy_s(self) -> float:
        """Time that the period cannot do without [s]: of all stages but the elastic ones."""
        return sum(stage.duration_s.value * stage.times for stage in self.stages() if not stage.elastic)

    def within(self, period_s: float) -> Self:
        """The workload in a period [s]: elastic stages at most as long as what is left, their loads then never off."""
        left = max(0.0, period_s - self.busy_s)
        cut: dict[str, Estimate] = {}
        for stage in (one for one in reversed(self.before) if one.elastic):
            if stage.duration_s.value >= left:
                cut[stage.name] = Estimate.exact(left, "s", "modelled", "what the period leaves")
            left -= min(left, stage.duration_s.value)
        if not cut:
            return self
        before = (replace(one, duration_s=cut.get(one.name, one.duration_s)) for one in self.before)
        gone = {name for name, rest in cut.items() if not rest.value}
        kept = ([name for name in one.during if name not in gone] for one in self.loads)
        pairs = zip(self.loads, kept, strict=True)
        loads = (replace(one, during=() if cut.keys() >= set(one.during) else tuple(names)) for one, names in pairs)
        return replace(self, before=tuple(one for one in before if one.name not in gone), loads=tuple(loads))


def as_workload(latency: Workload | Estimate | float) -> Workload:
    """A workload as it is; a latency [s] as one of the network alone.

    Raises
    ------
    ParameterError : the latency is negative, NaN or longer than a year.
    """
    if isinstance(latency, Workload):
        return latency
    return Workload(as_estimate(latency, "s", "latency", high=LONGEST_S))


def plan_workload(
    board: Board, latency: Estimate | float, *,
    sense_s: Estimate | float | None = None, sense_at: str = "sleep", front_end: FrontEnd | None = None,
    gate_s: Estimate | float | None = None, gate_rate: float = 1.0, decide_s: Estimate | float | None = None,
    send: tuple[str, float] | None = None, clock_hz: float | None = None, loads: Sequence[Load] = (),
    capture_factor: Estimate | float | None = None
) -> Workload:  # fmt: skip
    """The usual workload: sense, front end, an always-on gate, the network when it opens, decide, transmit.

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    latency : of the network [s].
    sense_s : the sensor fills a buffer [s], the MCU in mode `sense_at`; as much of it as the period leaves.
    sense_at : mode of the MCU meanwhile, one of `AT`.
    front_end : its cost at `clock_hz` (`front_end_time`).
    gate_s : a small stage that runs every period [s].
    gate_rate : how often it opens, a fraction of the periods.
    decide_s : after the network [s].
    send : radio and payload [byte], after each inference.
    clock_hz : None takes the board's highest.
    loads : such as the sensor, `make_load("microphone-pdm", during=["sense"])`.
    capture_factor : awake time over that of front end and network, 1 and above: copies, interrupts, waiting.

    Raises
    ------
    ParameterError : a figure out of range, a rate outside 0 to 1, an unknown mode or radio.
    UnknownFactError : a front end on a board whose clock is unknown.
    """
    rate = as_estimate(gate_rate, "1", "gate rate", high=1.0).value
    before = [replace(_stage("sense", sense_s, sense_at), elastic=True)] if sense_s is not None else []
    if front_end is not None and front_end.kind != "none":
        before.append(Activity(FRONT_END, front_end_time(front_end, board, clock_hz=clock_hz)))
    if gate_s is not None:
        before.append(_stage("gate", gate_s))
    network = as_estimate(latency, "s", "latency", high=LONGEST_S)
    if capture_factor is not None:
        busy = (*(stage.duration_s for stage in before if not stage.elastic), network)
        factor = as_estimate(capture_factor, "1", "capture factor", low=1.0, high=100.0)
        more = propagate(
            lambda k, *t: (k - 1.0) * (sum(t[:-1]) + rate * t[-1]), factor, *busy, unit="s", source="capture and copies"
        )
        before.append(Activity("capture", more))
    after = [_stage("decide", decide_s)] if decide_s is not None else []
    work = Workload(network, tuple(before), tuple(after), rate, tuple(loads))
    return work if send is None else work.plus_message(transmission(*send))


def _stage(name: str, seconds: Estimate | float, at: str = "run") -> Activity:
    return Activity(name, as_estimate(seconds, "s", f"time of {name!r}", high=LONGEST_S), at=at)


def make_load(name: str, current_a: Estimate | float | None = None, *, during: Sequence[str] = ()) -> Load:
    """A load of the shelf or a sensor by its id ("led", "debugger", "microphone-pdm"), or one of the user's own.

    Parameters
    ----------
    name : id on the shelf or of a sensor, or a name of one's own.
    current_a : your figure [A]; None takes the record's, with the spread of parts of its kind.
    during : states it is on in; empty for always.

    Raises
    ------
    ParameterError : no load of that id and no current given, or a current out of range.
    """
    if current_a is not None:
        return Load(name, as_estimate(current_a, "A", f"current of {name}", high=10.0), tuple(during))
    shelf, sensors = load_constants("power", "loads.toml"), {one.id: one for one in list_sensors()}
    if name in sensors:
        return sensor_load(sensors[name], during)
    if name not in shelf:
        nearest = name_nearest(name, (*shelf, *sensors))
        raise ParameterError(f"load {name!r} is not on the shelf; {nearest}.\nGive current_a in A.")
    return Load(name, band(shelf[name], "current", "low", "high"), tuple(during))


def sensor_load(sensor: Sensor, during: Sequence[str] = ()) -> Load:
    """A sensor as a load: on in the states named, or always; idle in the others where its idle current is on record."""
    idle = stated(sensor.idle_current) if sensor.idle_current and during else None
    return Load(sensor.id, stated(sensor.current), tuple(during), idle)


def peripherals(run_a: Estimate, during: Sequence[str] = ()) -> Load:
    """The peripherals that feed samples through the core, beside its run current [A]: 0.036 [0, 0.26] of it.

    From none of them over the DMA alone to a third of all that a chip has.
    """
    share = band(load_constants("power", "frontend.toml")["peripherals"], "share", "low", "high")
    current = propagate(lambda i, k: i * k, run_a, share, unit="A", source="peripherals, a share of the run current")
    return Load(PERIPHERALS, current, tuple(during))


def rest_of_board(board: Board) -> Load:
    """What a board as sold draws beside its chip [A]: the whole less the chip in its mode, nothing below 0.

    Nothing where the record's currents are the whole board's; unknown where nobody is known to have measured it.
    """
    sold = board.as_sold.asleep if board.as_sold else None
    if board.current_scope == "board":
        return Load(REST_OF_BOARD, _OFF)
    if sold is None:
        return Load(REST_OF_BOARD, None)
    state = board.standby_current if board.as_sold and board.as_sold.mode == "standby" else board.stop_current
    chip = state.value if state else 0.0
    rest = propagate(lambda whole: max(0.0, whole - chip), stated(sold), unit="A", source="the board less its chip")
    return Load(REST_OF_BOARD, rest)


def add_loads(timeline: Timeline, loads: Sequence[Load]) -> Timeline:
    """The timeline with every load's current added to the states it overlaps.

    Raises
    ------
    ParameterError : a load names a state the period does not have.
    """
    names = [state.name for state in timeline.states]
    for one in loads:
        for name in one.during:
            if name not in names:
                raise ParameterError(f"load {one.name!r} flows during {name!r}; states are: {', '.join(names)}")
    awake = tuple(_burden(state, loads) for state in timeline.awake)
    return Timeline(awake, _burden(timeline.sleep, loads) if timeline.sleep else None, timeline.period_s)


def _burden(state: State, loads: Sequence[Load]) -> State:
    for one in loads:
        if (more := one.within(state)) is not _OFF:
            state = state.plus(more, one.name)
    return state


def break_down(bare: Timeline, average_a: Estimate | None, loads: Sequence[Load]) -> tuple[LoadShare, ...]:
    """Who takes the charge: the MCU, a radio, and each load; the lines sum to the average current [A].

    The current of a radio is on record for the whole board, so that the MCU's own meanwhile is in the radio's line.
    """
    whole = None if average_a is None else average_a.value * bare.period_s
    owners = [(RADIO if state.name == TRANSMIT else MCU, state.current_a) for state in bare.states]
    rows = [
        (name, [current if owner == name else _OFF for owner, current in owners])
        for name in dict.fromkeys((MCU, *(owner for owner, _ in owners)))
    ]
    rows += [(one.name, [one.within(state) for state in bare.states]) for one in loads]
    shares = []
    for name, currents in rows:
        flow = tuple(None if current is None else current.value for current in currents)
        known = [ampere for ampere in flow if ampere is not None]
        charges = [state.duration_s.value * ampere for state, ampere in zip(bare.states, known, strict=False)]
        charge = sum(charges) if len(known) == len(flow) else None
        shares.append(LoadShare(name, charge, None if charge is None or not whole else charge / whole, flow))
    return tuple(shares)
