"""Another fetch mode or regulator of a board: LDO for SMPS, the accelerator or cache off, another core on."""

from __future__ import annotations

from dataclasses import replace

from tinykit.ground.errors import ParameterError, name_nearest
from tinykit.ground.quantity import Fact
from tinykit.predict.energy.scaling import like_reference
from tinykit.target.boards import Board, PowerRange, RunPoint


def list_modes(board: Board) -> tuple[str, ...]:
    """The modes for which a document states a run current, the board's reference first; peripherals off."""
    quiet = [point for point in board.run_points if not point.peripherals_on]
    return tuple(dict.fromkeys(point.series for point in quiet if point.series))


def with_mode(board: Board, mode: str) -> Board:
    """The board in another of `list_modes`: its stated points come first, and measured power follows them.

    Measured power is taken in the same proportion as the stated currents of the two modes at its own supply and the
    clocks nearest to each other, kind "modelled"; at another supply of the same mode it stays. The latency is the
    caller's: a mode that fetches slower also runs longer.

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    mode : such as "LDO", "SMPS 3.0 V" or "ART off".

    Raises
    ------
    ParameterError : the record has no such mode.
    """
    modes = list_modes(board)
    if mode not in modes:
        known = name_nearest(str(mode), modes) if modes else "its record has none"
        raise ParameterError(f"mode {mode!r} of board {board.id!r} is unknown; {known}")
    chosen = tuple(point for point in board.run_points if point.series == mode and not point.peripherals_on)
    others = tuple(point for point in board.run_points if point not in chosen)
    alike = like_reference(board)
    if any(point in alike for point in chosen):
        return replace(board, run_points=(*chosen, *others))
    power = tuple(_scale(entry, _ratio(entry, alike, chosen), mode) for entry in board.ml_power)
    return replace(board, run_points=(*chosen, *others), ml_power=power)


def _ratio(entry: PowerRange, alike: tuple[RunPoint, ...], chosen: tuple[RunPoint, ...]) -> float:
    """Current of the mode over that of the reference [1] at the supply the power was measured at, to one clock."""

    def apart(point: RunPoint) -> float:
        return abs(point.supply.value - entry.supply.value) if point.supply and entry.supply else 0.0

    reference = min(alike, key=apart)
    near = min(chosen, key=lambda point: (abs(point.clock.value - reference.clock.value), apart(point)))
    return near.current.value / reference.current.value * reference.clock.value / near.clock.value


def _scale(entry: PowerRange, ratio: float, mode: str) -> PowerRange:
    def scaled(fact: Fact) -> Fact:
        source = f"{fact.source}, times {ratio:.3g} as the stated currents of mode {mode}"
        return Fact(fact.value * ratio, fact.unit, "modelled", source, fact.locator, fact.conditions)

    return PowerRange(scaled(entry.low), scaled(entry.high), entry.supply, entry.clock)
