"""Edge or cloud: the same sensor twice, thinking on the device with a short message, or raw data over the radio."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from tinykit.budget.assessment.chain import Assessment
from tinykit.budget.power.budget import PowerBudget, budget_power
from tinykit.budget.power.radio import Transmission, transmission
from tinykit.budget.power.workload import TRANSMIT, Workload, as_workload
from tinykit.ground.errors import ParameterError, keywords, name_nearest
from tinykit.ground.quantity import DAY_S, Estimate, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate
from tinykit.target.boards.record import Board


@dataclass(frozen=True, slots=True)
class Sensor(Result):
    """Raw data of one inference.

    Parameters
    ----------
    name : for messages.
    values : samples times channels of one inference.
    bytes_each : of a value.

    Raises
    ------
    ParameterError : a figure out of range.
    """

    name: str
    values: float
    bytes_each: float = 2.0

    def __post_init__(self) -> None:
        as_estimate(self.values, "1", f"values of {self.name}", low=1.0, high=1e9)
        as_estimate(self.bytes_each, "byte", f"bytes of a value of {self.name}", low=0.125, high=16.0)

    @property
    def raw_bytes(self) -> float:
        """Raw bytes of one inference."""
        return self.values * self.bytes_each


SENSORS = MappingProxyType(
    {
        "keyword": Sensor("one second of 16 kHz audio", 16_000, 2),
        "motion": Sensor("2 s of a six-axis motion sensor at 50 Hz", 600, 2),
        "vibration": Sensor("one second of 10 kHz vibration", 10_000, 2),
        "person": Sensor("a 96 × 96 grey image", 96 * 96, 1),
        "image": Sensor("a 320 × 240 grey image", 320 * 240, 1),
    }
)
"""Usual ones by id."""


@dataclass(frozen=True, slots=True)
class Offload(Result):
    """One sensor, edge against cloud.

    Parameters
    ----------
    radio : of both.
    edge, cloud : their budgets.
    edge_latency_s, cloud_latency_s : from the last sample to the answer [s].
    edge_bytes, cloud_bytes : that leave the device in a day.
    bandwidth_bps : mean of the raw data [bit/s].
    price_per_mb : of 10⁶ byte, None where none was given.
    break_even_bytes : raw bytes a period for which both take the same energy; None where unknown.
    findings : what cannot work.
    """

    LINE = ("edge.board", "radio", "verdict", "edge_latency_s", "cloud_latency_s")

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

    @property
    def edge_j(self) -> Estimate | None:
        """Energy of a day on the device [J]; None where unknown."""
        return self.edge.energy_per_day_j

    @property
    def cloud_j(self) -> Estimate | None:
        """Energy of a day of sending [J]; None where unknown."""
        return self.cloud.energy_per_day_j

    @property
    def edge_cost(self) -> float | None:
        """Data cost of a day on the device, in the currency of the price; None without one."""
        return None if self.price_per_mb is None else self.price_per_mb * self.edge_bytes * 1e-6

    @property
    def cloud_cost(self) -> float | None:
        """Data cost of a day of sending, in the currency of the price; None without one."""
        return None if self.price_per_mb is None else self.price_per_mb * self.cloud_bytes * 1e-6

    @property
    def verdict(self) -> str:
        """ "edge" or "cloud" where the intervals are apart, else "even"; "unknown" without a figure."""
        if self.edge_j is None or self.cloud_j is None:
            return "unknown"
        if self.edge_j.high < self.cloud_j.low:
            return "edge"
        return "cloud" if self.cloud_j.high < self.edge_j.low else "even"


def compare_offload(
    board: Board,
    latency: Workload | Estimate | float,
    sensor: Sensor,
    radio: str,
    *,
    period_s: float,
    message_bytes: float = 4.0,
    message_rate: float = 1.0,
    compression: float = 1.0,
    cloud_s: float = 0.1,
    price_per_mb: float | None = None,
    setting: Mapping[str, Any] | None = None,
) -> Offload:
    """Energy, latency, bytes and money of both ways, the same radio and cell in each.

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    latency : one inference [s], or a workload without a radio.
    sensor : whose raw data is sent.
    radio : one of `RADIOS`.
    period_s : between inferences [s].
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
    message, raw = transmission(radio, message_bytes), transmission(radio, sensor.raw_bytes / factor)
    need, text = raw.duration_s.value, f"sending {raw.payload_bytes:,.0f} bytes takes"
    slow = (f"{text} {need:.3g} s, longer than the period of {period_s:g} s",) if need > period_s else ()
    period = max(period_s, need * (1 + 1e-6)) if slow else period_s
    options: dict[str, Any] = dict(setting or {})
    ways = {"edge": work.plus_message(message, rate), "cloud": _raw_only(work, raw)}
    edge = budget_power(board, ways["edge"], period_s=period_s, **options)
    cloud = budget_power(board, ways["cloud"], period_s=period, **options)
    law = (f"{name}: {text}" for name, way in ways.items() for text in way.check_duty(period_s))
    even = break_even_bytes(board, work, radio, message_bytes=message_bytes, message_rate=rate, setting=options)
    price = None if price_per_mb is None else as_estimate(price_per_mb, "1", "price", high=1e6).value
    return Offload(
        radio=radio, edge=edge, cloud=cloud, edge_latency_s=work.latency,
        cloud_latency_s=propagate(lambda sent, rest: sent + rest, raw.duration_s, answer, unit="s"),
        edge_bytes=rate * work.rate * message.payload_bytes * DAY_S / period_s,
        cloud_bytes=raw.payload_bytes * DAY_S / period_s, bandwidth_bps=8.0 * raw.payload_bytes / period_s,
        price_per_mb=price, break_even_bytes=even, findings=(*slow, *law),
    )  # fmt: skip


@keywords
def weigh_design(
    assessment: Assessment,
    *,
    sensor: Sensor | str,
    radio: str,
    message_bytes: float = 4.0,
    message_rate: float = 1.0,
    compression: float = 1.0,
    cloud_s: float = 0.1,
    price_per_mb: float | None = None,
) -> Offload:
    """A network in its use against sending the raw data of its sensor.

    Parameters
    ----------
    assessment : of the network on the device; what it sends by itself is left out.
    sensor : one of `SENSORS` by id, or one's own.
    radio, message_bytes, message_rate, compression, cloud_s, price_per_mb : as in `compare_offload`.

    Raises
    ------
    UnknownFactError : the latency is unknown. ParameterError : a figure out of range, or no such sensor.
    """
    budget, _ = assessment.complete()
    if isinstance(sensor, str) and sensor not in SENSORS:
        raise ParameterError(f"sensor {sensor!r} is unknown; {name_nearest(sensor, SENSORS)}")
    work = replace(assessment.use, send=None).plan(assessment.target, budget.latency)
    return compare_offload(
        budget.board, work, SENSORS[sensor] if isinstance(sensor, str) else sensor, radio, period_s=budget.period_s,
        message_bytes=message_bytes, message_rate=message_rate, compression=compression, cloud_s=cloud_s,
        price_per_mb=price_per_mb, setting=assessment.use.list_power(assessment.target),
    )  # fmt: skip


def break_even_bytes(
    board: Board,
    latency: Workload | Estimate | float,
    radio: str,
    *,
    message_bytes: float = 4.0,
    message_rate: float = 1.0,
    setting: Mapping[str, Any] | None = None,
) -> float | None:
    """Raw bytes a period for which sending costs as much charge as thinking and sending the answer.

    Front end, gate and what follows the network count as thinking; the sleep that either way displaces is taken off.
    With fewer bytes the cloud is cheaper, with more the edge. 0 where even an empty packet costs more than thinking;
    None where a current is unknown, inf where no payload up to 10⁹ byte costs as much.

    Parameters
    ----------
    board, latency, radio, message_bytes, message_rate, setting : as in `compare_offload`.

    Raises
    ------
    ParameterError : a figure out of range.
    """
    work, options = as_workload(latency), dict(setting or {})
    rate = as_estimate(message_rate, "1", "message rate", high=1.0).value
    stages = work.plus_message(transmission(radio, message_bytes), rate)
    period = 1.0 + 2.0 * sum(stage.duration_s.value * stage.times for stage in stages.stages())
    empty = _raw_only(work, transmission(radio, 0))
    edge, cloud = (budget_power(board, way, **{**options, "period_s": period}) for way in (stages, empty))
    local, sent, sending = _above_sleep(edge), _above_sleep(cloud), _above_sleep(cloud, only=TRANSMIT)
    if local is None or sent is None or sending is None:
        return None
    if sent >= local:
        return 0.0
    each = transmission(radio, 0).duration_s.value
    longest = each + (local - sent) * each / sending if sending > 0 else math.inf
    return _most_bytes(radio, longest)


def _above_sleep(budget: PowerBudget, only: str = "") -> float | None:
    """Charge of a period above sleep [C], of one state or of all: what differs between two ways of the same sleep."""
    asleep = next((state.current_a for state in budget.states if state.name == "sleep"), None)
    floor = 0.0 if asleep is None else asleep.value
    awake = [state for state in budget.states if state.name == only or (not only and state.name != "sleep")]
    known = [(state.duration_s.value, state.current_a.value) for state in awake if state.current_a is not None]
    return sum(seconds * (ampere - floor) for seconds, ampere in known) if len(known) == len(awake) else None


def _most_bytes(radio: str, seconds: float) -> float:
    """The payload that a radio sends in a time [s], to a byte; inf beyond 10⁹ byte."""
    if transmission(radio, 1e9).duration_s.value < seconds:
        return math.inf
    low, high = 0.0, 1e9
    while high - low > 0.5:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if transmission(radio, middle).duration_s.value < seconds else (low, middle)
    return low


def _raw_only(work: Workload, raw: Transmission) -> Workload:
    """The sensing of a workload, no front end, no gate, no network: the radio takes their place."""
    sensing = tuple(stage for stage in work.before if stage.name == "sense")
    kept = tuple(load for load in work.loads if not load.during or set(load.during) <= {"sense", "sleep"})
    none = Estimate.exact(0.0, "s", "measured", "no inference on the device")
    return Workload(none, sensing, (), 1.0, kept).plus_message(raw)
