"""Edge or cloud: the same sensor twice, thinking on the device with a short message, or raw data over the radio."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from tinykit.budget.assessment.chain import Assessment
from tinykit.budget.power.budget import PowerBudget, budget_power
from tinykit.budget.power.radio import Transmission, transmission
from tinykit.budget.power.workload import FRONT_END, Activity, Workload, as_workload
from tinykit.budget.scenarios import Scenario, find_scenario, list_scenarios, scenario_of
from tinykit.ground.errors import ParameterError, UnknownFactError, keywords, name_nearest
from tinykit.ground.quantity import DAY_S, Estimate, format_quantity, propagate
from tinykit.ground.results import Result, Through
from tinykit.predict.energy.inputs import as_estimate, stated
from tinykit.target.boards import find_board
from tinykit.target.boards.record import Board
from tinykit.target.devices import Signal, find_signal

UPLINKS = ("raw", "compressed", "features")
"""What the cloud is sent: the samples, the samples compressed, or what front end or scaling leave of them."""


SENSORS = MappingProxyType({name: find_signal(name) for name in list_scenarios()})
"""What each of them listens to, by id."""


@dataclass(frozen=True, slots=True)
class Offload(Result):
    """One sensor, edge against cloud.

    Parameters
    ----------
    radio : of both.
    edge, cloud : their budgets.
    edge_latency_s, cloud_latency_s : from the last sample to the answer [s], what comes before network or radio too.
    edge_bytes, cloud_bytes : that leave the device in a day.
    bandwidth_bps : mean of the raw data [bit/s].
    price_per_mb : of 10⁶ byte, None where none was given.
    break_even_bytes : sent a period, with which both take the same energy: with fewer the cloud takes less; 0 where
        even an empty packet costs more than thinking, inf beyond 10⁹, None where a current is unknown.
    findings : what cannot work.
    uplink : one of `UPLINKS`.
    network : whose work the edge does, in words.
    """

    LINE = ("edge.board", "radio", "uplink", "verdict", "edge_latency_s", "cloud_latency_s")

    radio: str
    edge: PowerBudget
    cloud: PowerBudget
    edge_latency_s: Estimate
    cloud_latency_s: Estimate
    edge_bytes: float
    cloud_bytes: float
    bandwidth_bps: float
    price_per_mb: float | None
    break_even_bytes: float | None
    findings: tuple[str, ...] = ()
    uplink: str = "raw"
    network: str = "the design's own"

    edge_j = Through[Estimate | None]("edge.energy_per_day_j", "Energy of a day on the device [J]; None where unknown.")
    cloud_j = Through[Estimate | None]("cloud.energy_per_day_j", "Energy of a day of sending [J]; None where unknown.")

    @property
    def edge_cost(self) -> float | None:
        """Data cost of a day on the device, in the currency of the price; None without one."""
        return None if self.price_per_mb is None else self.price_per_mb * self.edge_bytes * 1e-6

    @property
    def cloud_cost(self) -> float | None:
        """Data cost of a day of sending, in the currency of the price; None without one."""
        return None if self.price_per_mb is None else self.price_per_mb * self.cloud_bytes * 1e-6

    @property
    def difference_j(self) -> Estimate | None:
        """Energy of a day on the device less that of sending [J]: what both share moves on both sides at once."""
        terms, function = self._terms()
        return propagate(function, *terms, unit="J", source="edge less cloud") if terms else None

    @property
    def verdict(self) -> str:
        """ "edge" or "cloud" where the difference is one whatever its interval, else "even"; "unknown" without it."""
        less = self.difference_j
        if less is None:
            return "unknown"
        return "edge" if less.high < 0 else "cloud" if less.low > 0 else "even"

    @property
    def turns(self) -> tuple[str, ...]:
        """What the verdict turns on: each input that at an end of its interval alone makes the other way take less."""
        terms, function = self._terms()
        usual = [one.value for one in terms]
        told = []
        for place, (one, name) in enumerate(terms.items()):
            for end in (one.low, one.high):
                less = function(*usual[:place], end, *usual[place + 1 :])
                if less * function(*usual) < 0:
                    winner = "edge" if less < 0 else "cloud"
                    told.append(f"{name} {format_quantity(end, one.unit)}: the {winner} takes less")
        return tuple(told)

    def _terms(self) -> tuple[dict[Estimate, str], Callable[..., float]]:
        """Each input of the difference once, with its name, and the difference as their function; none if unknown."""
        terms: dict[Estimate, str] = {}
        states = sorted((*self.edge.states, *self.cloud.states), key=lambda state: state.name != "inference")
        for state in states if self.edge_j and self.cloud_j else ():
            for known, word in ((state.duration_s, "time"), (state.current_a, "current")):
                if known is not None and (word, state.name) != ("time", "sleep"):
                    terms.setdefault(known, f"{word} of {state.name}")

        def less(*values: float) -> float:
            at = dict(zip(terms, values, strict=True))
            return DAY_S * (_mean_w(self.edge, at) - _mean_w(self.cloud, at))

        return terms, less


def _mean_w(way: PowerBudget, at: dict[Estimate, float]) -> float:
    """Mean power with the inputs at other values [W]; sleep takes what is left, without it what senses."""
    last = "sleep" if way.states[-1].name == "sleep" else "sense"
    known = [(state, at[state.current_a]) for state in way.states if state.current_a is not None]
    awake = [(at[state.duration_s], ampere) for state, ampere in known if state.name != last]
    idle = [ampere for state, ampere in known if state.name == last]
    rest = max(0.0, way.period_s - sum(seconds for seconds, _ in awake)) if idle else 0.0
    charge = sum(seconds * ampere for seconds, ampere in awake) + rest * sum(idle)
    return charge / (rest + sum(seconds for seconds, _ in awake)) * (way.source_v or 0.0)


def compare_offload(
    board: Board, latency: Workload | Estimate | float, sensor: Signal, radio: str, *,
    period_s: float, uplink: str = "raw", message_bytes: float = 4.0, message_rate: float = 1.0,
    compression: float = 1.0, cloud_s: float = 0.1, price_per_mb: float | None = None,
    setting: Mapping[str, Any] | None = None
) -> Offload:  # fmt: skip
    """Energy, latency, bytes and money of both ways, the same radio and cell in each.

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    latency : one inference [s], or a workload without a radio.
    sensor : whose data is sent.
    radio : one of `RADIOS`.
    period_s : between inferences [s].
    uplink : one of `UPLINKS`; any but "raw" for the sensor of a `Scenario` alone.
    message_bytes : the answer that the edge sends.
    message_rate : of the inferences that end in a message, 0–1.
    compression : raw over sent bytes, 1 and above.
    cloud_s : to the server, its inference, and back [s].
    price_per_mb : of 10⁶ byte sent.
    setting : further arguments of `budget_power`, such as `battery`.

    Raises
    ------
    ParameterError : a figure out of range; or sending takes longer than the period, on which see `findings`.
    """
    work = as_workload(latency)
    rate = as_estimate(message_rate, "1", "message rate", high=1.0).value
    factor = as_estimate(compression, "1", "compression", low=1.0, high=1e6).value
    answer = as_estimate(cloud_s, "s", "time of the cloud", high=1e5)
    message, options = transmission(radio, message_bytes), dict[str, Any](setting or {})
    clock = options.get("clock_hz") or find_board(board).clock_hz
    device, raw = _send_up(work, sensor, uplink, radio, factor=factor, clock_hz=clock)
    ways = {"edge": work.plus_message(message, rate), "cloud": device.plus_message(raw)}
    need, text = ways["cloud"].busy_s, f"sending {raw.payload_bytes:,.0f} bytes takes"
    slow = (f"{text} {need:.3g} s, longer than the period of {period_s:g} s",) if need > period_s else ()
    period = max(period_s, need * (1 + 1e-6)) if slow else period_s
    edge = budget_power(board, ways["edge"], period_s=period_s, **options)
    cloud = budget_power(board, ways["cloud"], period_s=period, **options)
    law = (f"{name}: {text}" for name, way in ways.items() for text in way.check_duty(period_s))
    even = _even_bytes(board, ways["edge"], device, radio, options)
    price = None if price_per_mb is None else as_estimate(price_per_mb, "1", "price", high=1e6).value
    return Offload(
        radio=radio, edge=edge, cloud=cloud, edge_latency_s=_answer_s(work, work.latency), uplink=uplink,
        cloud_latency_s=_answer_s(device, raw.duration_s, answer),
        edge_bytes=rate * work.rate * message.payload_bytes * DAY_S / period_s,
        cloud_bytes=raw.payload_bytes * DAY_S / period_s, bandwidth_bps=8.0 * raw.payload_bytes / period_s,
        price_per_mb=price, break_even_bytes=even, findings=(*slow, *law),
    )  # fmt: skip


@keywords
def weigh_design(
    assessment: Assessment, *,
    sensor: Signal | str, radio: str, uplink: str = "raw", message_bytes: float = 4.0, message_rate: float = 1.0,
    compression: float = 1.0, cloud_s: float = 0.1, price_per_mb: float | None = None
) -> Offload:  # fmt: skip
    """A design against sending the data of its sensor: the same window, sensor and cell on both sides.

    A scenario brings sensor, window and front end of its task, and where the design's network is that of another
    scenario (`scenario_of`) also the network on record.

    Parameters
    ----------
    assessment : of the network on the device; what it sends by itself is left out.
    sensor : of `SENSORS` by id, or one's own, for which the design's network is taken.
    radio, uplink, message_bytes, message_rate, compression, cloud_s, price_per_mb : as in `compare_offload`.

    Raises
    ------
    UnknownFactError, UnknownRuntimeError : the latency is unknown. ParameterError : a figure out of range, or no such
    sensor.
    """
    use, target = replace(assessment.use, send=None), assessment.target
    scene = find_scenario(sensor) if isinstance(sensor, str) else None
    if scene is None or scenario_of(assessment.fit.graph, use.task) in (None, scene.id):
        latency, network = assessment.complete()[0].latency, "the design's own"
    else:
        latency, network = scene.latency_s(target), scene.network
        use = replace(use, task=scene.id, sensor=None, sense_s=None, front_end=None, capture_factor=None)
    if scene is not None and use.task is None and use.sensor is None:
        use = replace(use, task=scene.id)
    budget = assessment.power
    found = compare_offload(
        budget.board, use.plan(target, latency), SENSORS[sensor] if isinstance(sensor, str) else sensor, radio,
        period_s=budget.period_s, uplink=uplink, message_bytes=message_bytes, message_rate=message_rate,
        compression=compression, cloud_s=cloud_s, price_per_mb=price_per_mb, setting=use.list_power(target),
    )  # fmt: skip
    return replace(found, network=network)


def _even_bytes(board: Board, edge: Workload, device: Workload, radio: str, options: dict[str, Any]) -> float | None:
    """Bytes a period for which sending costs as much charge as thinking and sending the answer.

    Over a period in which either way sleeps, so that the sleep both displace is taken off.
    """
    ways = (edge, device.plus_message(transmission(radio, 0)))
    period = 1.0 + 2.0 * max(sum(stage.duration_s.value * stage.times for stage in way.stages()) for way in ways)
    local, cloud = (budget_power(board, way, **{**options, "period_s": period}) for way in ways)
    if local.average_current_a is None or cloud.average_current_a is None:
        return None
    more_c = (local.average_current_a.value - cloud.average_current_a.value) * period
    sent, asleep = cloud.states[-2:]
    gap_a = sent.current_a.value - asleep.current_a.value if sent.current_a and asleep.current_a else 0.0
    longest = sent.duration_s.value + more_c / gap_a if gap_a > 0 else math.inf
    return _most_bytes(radio, longest) if more_c > 0 else 0.0


def _most_bytes(radio: str, seconds: float) -> float:
    """The payload that a radio sends in a time [s], to a byte; inf beyond 10⁹ byte."""
    if transmission(radio, 1e9).duration_s.value < seconds:
        return math.inf
    low, high = 0.0, 1e9
    while high - low > 0.5:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if transmission(radio, middle).duration_s.value < seconds else (low, middle)
    return low


def _send_up(
    work: Workload, sensor: Signal, uplink: str, radio: str, *, factor: float = 1.0, clock_hz: float | None = None
) -> tuple[Workload, Transmission]:
    """The sensing of a workload without gate and network, and what is sent instead of an answer."""
    if uplink not in UPLINKS:
        raise ParameterError(f"uplink {uplink!r} is unknown; {name_nearest(str(uplink), UPLINKS)}")
    known = list_scenarios().get(sensor.id)
    done = uplink == "features" or (known and known.features == sensor.values)  # what is sent is what it leaves
    names = ("sense", "wake-up", FRONT_END) if done else ("sense", "wake-up")
    before = [stage for stage in work.before if stage.name in names]
    during = {load: tuple(name for name in load.during if name in (*names, "sleep")) for load in work.loads}
    loads = tuple(replace(load, during=kept) for load, kept in during.items() if kept or not load.during)
    event = transmission(radio, sensor.raw_bytes / factor)
    if uplink == "features":
        event = transmission(radio, find_scenario(sensor.id).features / factor)
    if uplink == "compressed":
        packing, event = _compress(find_scenario(sensor.id), sensor.raw_bytes, radio, clock_hz)
        before.append(packing)
    none = Estimate.exact(0.0, "s", "measured", "no inference on the device")
    return Workload(none, tuple(before), (), 1.0, loads, work.way_out), event


def _compress(scene: Scenario, size: float, radio: str, clock_hz: float | None) -> tuple[Activity, Transmission]:
    """The stage that compresses so many bytes, and what is sent of them, the ratio's doubt in its time."""
    if clock_hz is None:
        raise UnknownFactError("how long compressing takes hangs on the clock, which is unknown; give clock_hz")
    packing = propagate(lambda c: c * size / clock_hz, stated(scene.cycles), unit="s", source="compressing")
    event = transmission(radio, size / scene.ratio.value)

    def seconds(usual: float, ratio: float) -> float:
        return usual * transmission(radio, size / ratio).duration_s.value / event.duration_s.value

    sent = propagate(seconds, event.duration_s, stated(scene.ratio), unit="s")
    return Activity("compress", packing), replace(event, duration_s=sent)


def _answer_s(work: Workload, *then: Estimate) -> Estimate:
    """From the last sample to the answer [s]: what comes before, and what follows it."""
    parts = [stage.duration_s for stage in work.before if stage.name not in ("sense", "wake-up")]
    return then[0] if len(then) == 1 and not parts else propagate(lambda *t: sum(t), *parts, *then, unit="s")
