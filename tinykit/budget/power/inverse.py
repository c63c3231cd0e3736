"""Questions asked backward: the period, the model or the clock that still meets a wanted life."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

from tinykit.budget.power.budget import PowerBudget, PowerSetting, SupplySetting, budget_power
from tinykit.budget.power.workload import Workload, as_workload
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.quantity import LONGEST_S, Estimate, format_quantity
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate
from tinykit.target.boards import AnyBoard, find_board
from tinykit.target.boards.record import Board

_STEPS = 80
_ENDS = ("value", "low", "high")


@dataclass(frozen=True, slots=True)
class Answer(Result):
    """The limit that still meets a wish.

    Parameters
    ----------
    value : in `unit`; None where nothing meets it.
    sure, hoped : the same at the low and the high end of the life's interval: with `sure` nine of ten such designs
        last at least as long as wished.
    unit : of all three.
    budget : at the value.
    reason : why there is none.
    """

    value: float | None
    sure: float | None
    hoped: float | None
    unit: str
    budget: PowerBudget | None
    reason: str = ""


def shortest_period(
    board: Board, latency: Workload | Estimate | float, life_s: float, *, battery: Any, **setting: Unpack[PowerSetting]
) -> Answer:
    """The shortest period between inferences with which a battery lasts as long as wished, and a radio is legal [s].

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    latency, battery, setting : as in `budget_power`.
    life_s : wished [s].

    Raises
    ------
    UnknownFactError : the life is unknown. ParameterError : a figure out of range.
    """
    work, wished = as_workload(latency), _wish(life_s)
    legal = (stage.event.legal_period_s * stage.times for stage in work.stages() if stage.event)
    span = (max(work.busy_s * (1 + 1e-9), 1e-6, *legal), LONGEST_S)
    budget = partial(budget_power, board, work, battery=battery, **setting)
    return _answer(lambda period: budget(period_s=period), wished, span, rising=True)


def longest_latency(
    board: Board, life_s: float, period_s: float, *,
    battery: Any, around: Callable[[float], Workload] = as_workload, **setting: Unpack[PowerSetting]
) -> Answer:  # fmt: skip
    """The longest inference once a period with which a battery lasts as long as wished [s].

    Parameters
    ----------
    board : what it runs on.
    life_s : wished [s].
    period_s : from one inference to the next [s].
    around : the workload of a latency [s], with what comes before, after and beside it.
    battery, setting : as in `budget_power`.

    Raises
    ------
    UnknownFactError : the life is unknown. ParameterError : a figure out of range.
    """
    wished = _wish(life_s)
    period = as_estimate(period_s, "s", "period", low=1e-6, high=LONGEST_S).value
    most = (period - around(0.0).busy_s) / busy_per_inference(around) * (1 - 1e-9)
    budget = partial(budget_power, board, battery=battery, period_s=period, **setting)
    return _answer(lambda seconds: budget(around(seconds)), wished, (1e-9, most), rising=False)


def busy_per_inference(around: Callable[[float], Workload]) -> float:
    """Seconds awake that a second of inference brings in its workload `around`, its samples' copies too; at least 1."""
    return max(1.0, around(1.0).busy_s - around(0.0).busy_s)


def largest_model(
    board: AnyBoard, life_s: float, period_s: float, *,
    battery: Any, cycles_per_mac: Estimate | float, latency_s: float | None = None, clock_hz: float | None = None,
    **setting: Unpack[SupplySetting]
) -> Answer:  # fmt: skip
    """The most MACs an inference may have for a wished life and, if given, a wished latency [s].

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    life_s : wished [s].
    period_s : from one inference to the next [s].
    cycles_per_mac : of kernels like the design's own, from a prediction or a run: latency × clock / MACs.
    latency_s : the longest that is taken [s].
    clock_hz : None takes the board's highest.
    battery, setting : as in `budget_power`.

    Raises
    ------
    UnknownFactError : life or clock are unknown. ParameterError : a figure out of range.
    """
    each = as_estimate(cycles_per_mac, "cycle", "cycles per MAC", low=1e-6, high=1e6)
    board = find_board(board)
    clock = clock_hz if clock_hz is not None else board.clock_hz
    if clock is None:
        raise UnknownFactError(f"the clock of board {board.id!r} is unknown; give clock_hz")
    found = longest_latency(board, life_s, period_s, battery=battery, clock_hz=clock_hz, **setting)
    most = math.inf if latency_s is None else as_estimate(latency_s, "s", "wanted latency", low=1e-9).value

    def macs(seconds: float | None, cycles: float) -> float | None:
        return None if seconds is None else float(math.floor(min(seconds, most) * clock / cycles))

    sure, hoped = macs(found.sure, each.high), macs(found.hoped, each.low)
    return replace(found, value=macs(found.value, each.value), sure=sure, hoped=hoped, unit="MAC")


def lowest_clock_for_life(
    board: AnyBoard, cycles: Estimate | float, life_s: float, period_s: float, *,
    battery: Any, **setting: Unpack[SupplySetting]
) -> Answer:  # fmt: skip
    """The lowest of a board's clocks that does the work within the period and still lasts as long as wished [Hz].

    The clocks are those on record, else twelve steps up to the highest.

    Parameters
    ----------
    board : what it runs on.
    cycles : of the work in one period.
    life_s : wished [s].
    period_s : from one inference to the next [s].
    battery, setting : as in `budget_power`.

    Raises
    ------
    UnknownFactError : clock or life are unknown. ParameterError : a figure out of range.
    """
    board, wished = find_board(board), _wish(life_s)
    work = as_estimate(cycles, "cycle", "cycles", low=1.0, high=1e15)
    period = as_estimate(period_s, "s", "period", low=1e-6, high=LONGEST_S).value
    if not board.list_clocks():
        raise UnknownFactError(f"the clock of board {board.id!r} is unknown")
    ends: dict[str, float] = {}
    chosen = None
    for clock in board.list_clocks():
        if work.value / clock > period:
            continue
        plan = budget_power(board, work.value / clock, battery=battery, period_s=period, clock_hz=clock, **setting)
        met = [end for end in _ENDS if _lasts(plan, end, wished)]
        chosen = plan if "value" in met and chosen is None else chosen
        ends = {**dict.fromkeys(met, clock), **ends}
    reason = "" if chosen else f"no clock lasts {format_quantity(wished, 's')} at this period"
    value, sure, hoped = map(ends.get, _ENDS)
    return Answer(value, sure, hoped, "Hz", chosen, reason)


def _wish(life_s: float) -> float:
    return as_estimate(life_s, "s", "wished life", low=1.0, high=1e10).value


def _answer(
    budget: Callable[[float], PowerBudget], wished_s: float, span: tuple[float, float], *, rising: bool
) -> Answer:
    """Bisect on a logarithmic scale; the life rises or falls with what is asked for, the tests hold it to that."""
    easy, hard = reversed(span) if rising else span

    def limit(end: str) -> float | None:
        return _bisect(lambda place: _lasts(budget(place), end, wished_s), easy, hard)

    value, sure, hoped = map(limit, _ENDS)
    if value is not None:
        return Answer(value, sure, hoped, "s", budget(value))
    best, wished = budget(easy).battery_life_s, format_quantity(wished_s, "s")
    text = f"nothing lasts {wished}: asleep throughout it is {best}; take a larger cell"
    return Answer(None, None, hoped, "s", None, text)


def _lasts(plan: PowerBudget, end: str, wished_s: float) -> bool:
    """Whether the life, at its value or at an end of its interval, is as long as wished."""
    if plan.battery_life_s is None:
        raise UnknownFactError("the battery life is unknown: " + "; ".join(plan.unknown or ("no battery given",)))
    life: float = getattr(plan.battery_life_s, end)
    return life >= wished_s


def _bisect(holds: Callable[[float], bool], easy: float, hard: float) -> float | None:
    """The place nearest to `hard` at which the condition still holds; None where it does not even at `easy`."""
    if not holds(easy):
        return None
    if holds(hard):
        return hard
    for _ in range(_STEPS):
        middle = math.sqrt(easy * hard)
        easy, hard = (middle, hard) if holds(middle) else (easy, middle)
        if abs(easy / hard - 1) < 1e-6:
            break
    return easy
