"""What moves the life of a battery: each input to the ends of its own interval, the widest swing first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.power.pack import CellPack, pack_life
from tinykit.budget.power.state import State
from tinykit.budget.power.timeline import Timeline
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.quantity import Estimate, Fact, relabel
from tinykit.ground.results import Result
from tinykit.predict.energy import load_constants

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

    rated = budget.derate if derate is None else derate

    def life(average_a: float) -> float:
        return pack_life(pack, Estimate.exact(average_a, "A", average.basis, "swing"), derate=rated).value

    mean = Estimate.exact(average.value, "A", average.basis, "swing")
    swings = [*_state_swings(budget, life), *_cell_swings(pack, mean, rated), _period_swing(budget, life)]
    kept = sorted((swing for swing in swings if swing.width_s > 0), key=lambda swing: -swing.width_s)
    return Tornado(budget, life(average.value), tuple(kept))


def _cell_swings(pack: CellPack, mean: Estimate, derate: bool) -> Iterator[Swing]:
    """Capacity to the ends of its spread, self-discharge to half and twice."""
    spread = load_constants("power", "sleep.toml")["cell"]
    cell = pack.cell
    ranges = {"capacity": (spread["low"].value, spread["high"].value), "self_discharge": _LOSS_FACTORS}
    for field, factors in ranges.items():
        fact: Fact = getattr(cell, field)
        moved = [replace(fact, value=fact.value * factor) for factor in factors]
        cells = [replace(cell, capacity=m) if field == "capacity" else replace(cell, self_discharge=m) for m in moved]
        packs = [replace(pack, cell=one) for one in cells]
        lives = [pack_life(one, mean, derate=derate).value for one in packs]
        yield _swing(field.replace("_", "-"), (moved[0].value, moved[1].value), fact.unit, lives)


def _swing(name: str, ends: tuple[float, ...], unit: str, lives: list[float]) -> Swing:
    return Swing(name, min(ends), max(ends), unit, min(lives), max(lives))


def _split(budget: PowerBudget) -> tuple[list[State], State | None]:
    states = list(budget.states)
    return (states[:-1], states[-1]) if states[-1].name == "sleep" else (states, None)


def _mean(awake: list[State], sleep: State | None, period_s: float) -> float:
    average = Timeline(tuple(awake), sleep, period_s).average_current()
    return average.value if average else 0.0


def _state_swings(budget: PowerBudget, life: Callable[[float], float]) -> list[Swing]:
    """One swing for the current and one for the time of every state; the sleep takes up what a time leaves."""
    awake, sleep = _split(budget)
    swings = []
    for place, state in enumerate([*awake, *([sleep] if sleep else [])]):
        for field, unit, word in (("current_a", "A", "current"), ("duration_s", "s", "time")):
            estimate: Estimate | None = getattr(state, field)
            if estimate is None or estimate.low == estimate.high or (state is sleep and field == "duration_s"):
                continue
            lives = []
            for end in (estimate.low, estimate.high):
                exact = relabel(estimate, value=end, low=end, high=end)
                moved = replace(state, current_a=exact) if unit == "A" else replace(state, duration_s=exact)
                others = [*awake[:place], moved, *awake[place + 1 :]] if state is not sleep else awake
                lives.append(life(_mean(others, moved if state is sleep else sleep, budget.period_s)))
            swings.append(_swing(f"{word} of {state.name}", (estimate.low, estimate.high), unit, lives))
    return swings


def _period_swing(budget: PowerBudget, life: Callable[[float], float]) -> Swing:
    awake, sleep = _split(budget)
    busy = sum(state.duration_s.value for state in awake)
    periods = (max(busy, 0.9 * budget.period_s), 1.1 * budget.period_s)
    lives = [life(_mean(awake, sleep, period)) for period in periods]
    return _swing("period (a choice)", periods, "s", lives)
