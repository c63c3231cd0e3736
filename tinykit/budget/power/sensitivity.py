"""What moves the life of a battery: each input to the ends of its own interval, the widest swing first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.power.pack import CellPack, pack_life
from tinykit.budget.power.timeline import State, Timeline
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.quantity import Estimate, Fact, relabel
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import load_constants

_LOSS_FACTORS = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Swing(Result):
    """One input of a tornado.

    Parameters
    ----------
    name : of the input.
    low, high : the ends it was moved to, in `unit`.
    unit : of `low` and `high`.
    life_low_s, life_high_s : the lives at those ends, the shorter first [s].
    """

    name: str
    low: float
    high: float
    unit: str
    life_low_s: float
    life_high_s: float

    @property
    def width_s(self) -> float:
        """How far the input moves the life [s]."""
        return self.life_high_s - self.life_low_s


@dataclass(frozen=True, slots=True)
class Tornado(Result):
    """Swings of a life, the widest first; `life_s` at the best values."""

    LINE = ("budget.board", "life_s", "swings")

    budget: PowerBudget
    life_s: float
    swings: tuple[Swing, ...]


def swing_life(budget: PowerBudget, *, derate: bool | None = None) -> Tornado:
    """Move each current, each time, the capacity, self-discharge and period alone, and see the life.

    Each current and time goes to the ends of its 80 % interval, the capacity to its spread, self-discharge
    to half and twice, the period by a tenth either way: a choice rather than a doubt, and named so.

    Parameters
    ----------
    budget : with a pack of known life.
    derate : as in `budget_power`; None takes the budget's own.

    Raises
    ------
    UnknownFactError : the budget has no battery life.
    """
    pack, average = budget.pack, budget.average_current_a
    if pack is None or average is None:
        raise UnknownFactError("the battery life of this budget is unknown, nothing moves it; give cell and currents")
    rated, basis, last = budget.derate if derate is None else derate, average.basis, budget.states[-1]
    awake = budget.states[:-1] if last.name == "sleep" else budget.states
    timeline = Timeline(awake, last if last.name == "sleep" else None, budget.period_s)

    def life(moved: Timeline = timeline, cells: CellPack = pack) -> float:
        mean = moved.average_current()
        return pack_life(cells, Estimate.exact(mean.value if mean else 0.0, "A", basis, "swing"), derate=rated).value

    swings = [*_state_swings(timeline, life), *_cell_swings(pack, lambda cells: life(cells=cells))]
    busy = sum(state.duration_s.value for state in awake)
    periods = (max(busy, 0.9 * timeline.period_s), 1.1 * timeline.period_s)
    swings.append(_swing("period (a choice)", periods, "s", [life(replace(timeline, period_s=one)) for one in periods]))
    kept = sorted((swing for swing in swings if swing.width_s > 0), key=lambda swing: -swing.width_s)
    return Tornado(budget, life(), tuple(kept))


def _swing(name: str, ends: Sequence[float], unit: str, lives: Sequence[float]) -> Swing:
    return Swing(name, min(ends), max(ends), unit, min(lives), max(lives))


def _cell_swings(pack: CellPack, life: Callable[[CellPack], float]) -> Iterator[Swing]:
    """Capacity to the ends of its spread, self-discharge to half and twice."""
    spread = load_constants("power", "sleep.toml")["cell"]
    ranges = {"capacity": (spread["low"].value, spread["high"].value), "self_discharge": _LOSS_FACTORS}
    for field, factors in ranges.items():
        fact: Fact = getattr(pack.cell, field)
        ends = [fact.value * factor for factor in factors]
        changes: list[dict[str, Any]] = [{field: replace(fact, value=end)} for end in ends]
        lives = [life(replace(pack, cell=replace(pack.cell, **change))) for change in changes]
        yield _swing(field.replace("_", "-"), ends, fact.unit, lives)


def _state_swings(timeline: Timeline, life: Callable[[Timeline], float]) -> Iterator[Swing]:
    """One swing for the current and one for the time of every state; the sleep takes up what a time leaves."""
    for place, state in enumerate(timeline.states):
        for field, unit, word in (("current_a", "A", "current"), ("duration_s", "s", "time")):
            estimate: Estimate | None = getattr(state, field)
            if estimate is None or estimate.low == estimate.high or (state is timeline.sleep and unit == "s"):
                continue
            lives = []
            for end in (estimate.low, estimate.high):
                change: dict[str, Any] = {field: relabel(estimate, value=end, low=end, high=end)}
                lives.append(life(_with_state(timeline, place, replace(state, **change))))
            yield _swing(f"{word} of {state.name}", (estimate.low, estimate.high), unit, lives)


def _with_state(timeline: Timeline, place: int, state: State) -> Timeline:
    if place == len(timeline.awake):
        return replace(timeline, sleep=state)
    return replace(timeline, awake=(*timeline.awake[:place], state, *timeline.awake[place + 1 :]))
