"""Loads beside the MCU: a sensor, an LED, a debugger, a regulator, each a line of its own in the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinykit.budget.power.state import State, average_of
from tinykit.budget.power.timeline import Timeline
from tinykit.ground.errors import ParameterError, name_nearest
from tinykit.ground.quantity import Estimate, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy import as_estimate, band, load_constants

MCU = "microcontroller"

_Flow = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Load(Result):
    """A current that flows on top of the MCU's while certain states last.

    Parameters
    ----------
    name : as the line of the budget is to read.
    current_a : A drawn from the supply; None where it is unknown, and then so is the total.
    during : names of the states it overlaps; empty for always.
    """

    name: str
    current_a: Estimate | None
    during: tuple[str, ...] = ()

    def overlaps(self, state: State) -> bool:
        """Whether the load is on in a state."""
        return not self.during or state.name in self.during


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


def make_load(name: str, current_a: Estimate | float | None = None, *, during: Sequence[str] = ()) -> Load:
    """A load of the shelf by its id ("led", "debugger", "pdm-microphone"), or one of the user's own.

    Parameters
    ----------
    name : id on the shelf, or a name of one's own.
    current_a : your figure [A]; None takes the shelf's, kind "assumed" and wide.
    during : states it is on in; empty for always.

    Raises
    ------
    ParameterError : no load of that id and no current given, or a current out of range.
    """
    if current_a is not None:
        return Load(name, as_estimate(current_a, "A", f"current of {name}", high=10.0), tuple(during))
    shelf = load_constants("power", "loads.toml")
    if name not in shelf:
        raise ParameterError(f"load {name!r} is not on the shelf; {name_nearest(name, shelf)}.\nGive current_a in A.")
    return Load(name, band(shelf[name], "current", "low", "high"), tuple(during))


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
        if not one.overlaps(state) or state.current_a is None:
            continue
        if one.current_a is None:
            return replace(state, current_a=None)
        source = f"plus {one.name}"
        total = propagate(lambda i, more: i + more, state.current_a, one.current_a, unit="A", source=source)
        state = replace(state, current_a=total)
    return state


def break_down(bare: Timeline, drawn: Timeline, loads: Sequence[Load]) -> tuple[LoadShare, ...]:
    """Who takes the charge: the MCU, each load, and what a regulator adds; the lines sum to the whole.

    Parameters
    ----------
    bare : the MCU's states alone.
    drawn : with loads and regulator, as the pack sees them.
    """
    times = [state.duration_s.value for state in bare.states]
    rows: list[tuple[str, _Flow]] = [(MCU, tuple(_value(state.current_a) for state in bare.states))]
    for one in loads:
        rows.append((one.name, tuple(_value(one.current_a) if one.overlaps(state) else 0.0 for state in bare.states)))
    total = average_of(drawn.awake, drawn.sleep, drawn.period_s)
    whole = None if total is None else total.value * drawn.period_s
    if whole is not None:
        taken = [sum(flow[place] or 0.0 for _, flow in rows) for place in range(len(times))]
        rest = tuple((_value(one.current_a) or 0.0) - used for one, used in zip(drawn.states, taken, strict=True))
        rows += [("regulator", rest)] if (_charge(rest, times) or 0.0) > whole * 1e-9 else []
    charges = [_charge(flow, times) for _, flow in rows]
    parts = [None if charge is None or not whole else charge / whole for charge in charges]
    shared = zip(rows, charges, parts, strict=True)
    return tuple(LoadShare(name, charge, part, flow) for (name, flow), charge, part in shared)


def _value(current: Estimate | None) -> float | None:
    return None if current is None else current.value


def _charge(flow: _Flow, times: Sequence[float]) -> float | None:
    """Charge of a consumer in a period [C]; None where a current is unknown."""
    known = [current for current in flow if current is not None]
    return sum(i * t for i, t in zip(known, times, strict=True)) if len(known) == len(flow) else None
