"""Loads beside the MCU: a sensor, an LED, a debugger, a regulator, each a line of its own in the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinykit.budget.power.timeline import State, Timeline
from tinykit.ground.errors import ParameterError, name_nearest
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.predict.energy import as_estimate, band, load_constants

MCU = "microcontroller"


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
        state = state.plus(one.current_a, one.name) if one.overlaps(state) else state
    return state


def break_down(bare: Timeline, average_a: Estimate | None, loads: Sequence[Load]) -> tuple[LoadShare, ...]:
    """Who takes the charge: the MCU by its states alone, and each load; the lines sum to the average current [A]."""
    whole = None if average_a is None else average_a.value * bare.period_s
    rows = [(MCU, [state.current_a for state in bare.states])]
    nothing = Estimate.exact(0.0, "A", "measured", "off")
    rows += [(one.name, [one.current_a if one.overlaps(state) else nothing for state in bare.states]) for one in loads]
    shares = []
    for name, currents in rows:
        flow = tuple(None if current is None else current.value for current in currents)
        known = [ampere for ampere in flow if ampere is not None]
        charges = [state.duration_s.value * ampere for state, ampere in zip(bare.states, known, strict=False)]
        charge = sum(charges) if len(known) == len(flow) else None
        shares.append(LoadShare(name, charge, None if charge is None or not whole else charge / whole, flow))
    return tuple(shares)
