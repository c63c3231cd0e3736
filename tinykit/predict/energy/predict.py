"""Run current and energy per inference of a board, measured power first."""

import math
import statistics

from tinykit.ground.errors import UnknownFactError, keywords
from tinykit.ground.quantity import Estimate, Fact, propagate, relabel
from tinykit.predict.energy.inputs import as_estimate, load_constants, stated
from tinykit.predict.energy.laws import activity_factor, clock_ratio, energy_per_inference
from tinykit.predict.energy.regulators import like_reference, scale_supply
from tinykit.predict.latency.measured import OwnRow, name_damage, read_own
from tinykit.target.boards import find_board
from tinykit.target.boards.record import Board, PowerRange, RunPoint
from tinykit.target.target import Target


def predict_run_current(
    board: Board | str, *,
    clock_hz: float | None = None, supply_v: float | None = None, run_current_a: Estimate | float | None = None
) -> Estimate:  # fmt: skip
    """Supply current of a board during inference [A], with its 80 % interval.

    The user's own current is taken as it is; else the energy of rows of one's own (`tinykit calibrate`); else the
    board's measured power while running networks; else the document's run current times the factor to ML kernels.

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    clock_hz, supply_v : Hz and V to predict for; None takes the reference point of the board.
    run_current_a : a current the user measured during inference [A].

    Raises
    ------
    UnknownFactError : the board has no run current and none is given.
    ParameterError : a value is out of range.
    """
    target = find_board(board)
    if run_current_a is not None:
        return as_estimate(run_current_a, "A", "run current", low=1e-9, high=10.0)
    clock = target.run_clock_hz or target.clock_hz if clock_hz is None else check_clock(clock_hz)
    supply = _supply_of(target) if supply_v is None else check_supply(supply_v)
    current = _own_current(target, clock, supply) or _measured_current(target, clock, supply)
    current = current or _stated_current(target, clock, supply)
    damage = name_damage(target.id)
    return relabel(current, sources=(*current.sources, *damage)) if damage else current


def _own_rows(board: Board) -> list[OwnRow]:
    return [row for row in read_own(board.id) if row.energy_j > 0 and row.supply_v > 0]


def _own_current(board: Board, clock: float | None, supply: float | None) -> Estimate | None:
    """The user's own measured energies (`tinykit calibrate`) over latency and supply; None where there are none."""
    points = _own_rows(board)
    if not points:
        return None
    near = min(abs(math.log((clock or row.clock_hz) / row.clock_hz)) for row in points)
    same = [row for row in points if abs(math.log((clock or row.clock_hz) / row.clock_hz)) <= near + 1e-9]
    at_hz, at_v = same[0].clock_hz, same[0].supply_v
    value = statistics.median(row.energy_j / row.latency_s / row.supply_v for row in same if row.supply_v == at_v)
    spread = load_constants("power", "run_current.toml")["measured_power"]["spread"].value
    source = f"your own measured energy of {len(same)} rows at {at_v:g} V (tinykit calibrate)"
    current = Estimate(value, value * (1 - spread), value * (1 + spread), "A", "measured", sources=source)
    return _scale(board, current, (at_hz, at_v, _regulator_of(board)), (clock, supply))


@keywords
def predict_energy(
    latency: Estimate | float, board: Board | Target | str, *,
    clock_hz: float | None = None, supply_v: float | None = None, run_current_a: Estimate | float | None = None
) -> Estimate:  # fmt: skip
    """Energy per inference [J], gross of idle, with its 80 % interval: E = k V I t.

    "measured" only where latency and current are the user's own, given or of rows (`tinykit calibrate`): a power
    measured with other networks makes a prediction for this one.

    Parameters
    ----------
    latency : inference latency [s].
    board : catalogue id, path of a TOML, a `Board`, or a `Target`, whose clock then holds where none is given.
    clock_hz, supply_v, run_current_a : as for `predict_run_current`.

    Raises
    ------
    UnknownFactError : the board has no run current or no supply voltage, and none is given.
    ParameterError : a value is negative, NaN or absurd.
    """
    if isinstance(board, Target):
        board, clock_hz = board.board, board.clock_hz if clock_hz is None else clock_hz
    target = find_board(board)
    time = as_estimate(latency, "s", "latency", high=1e5)
    current = predict_run_current(target, clock_hz=clock_hz, supply_v=supply_v, run_current_a=run_current_a)
    supply = supply_voltage(target) if supply_v is None else check_supply(supply_v)
    source = f"E = V I t at {supply:g} V"
    basis = "modelled" if run_current_a is None and not _own_rows(target) else "measured"
    return propagate(
        lambda t, i: energy_per_inference(t, supply, i), time, current, unit="J", source=source, basis=basis
    )


def supply_voltage(board: Board) -> float:
    """The supply a board's figures are taken at by default [V]: its reference point's, else its typical one.

    Raises
    ------
    UnknownFactError : the board's record has none.
    """
    supply = _supply_of(board)
    if supply is None:
        raise UnknownFactError(f"board {board.id!r} has no supply voltage on record.\nGive it: supply_v in V.")
    return supply


def check_supply(supply_v: float) -> float:
    """A supply voltage [V] that the user gave, checked.

    Raises
    ------
    ParameterError : not a number from 0.3 to 60 V.
    """
    return as_estimate(supply_v, "V", "supply", low=0.3, high=60.0).value


def check_clock(clock_hz: float) -> float:
    """A clock [Hz] that the user gave, checked.

    Raises
    ------
    ParameterError : not a number from 1 kHz to 10 GHz.
    """
    return as_estimate(clock_hz, "Hz", "clock", low=1e3, high=1e10).value


def _supply_of(board: Board) -> float | None:
    stated = board.run_supply_v
    if stated is None and board.ml_power and board.ml_power[0].supply is not None:
        return board.ml_power[0].supply.value
    return stated


def _distance(stated: Fact | None, wanted: float | None) -> float:
    return 0.0 if stated is None or wanted is None else abs(math.log(wanted / stated.value))


def _measured_current(board: Board, clock: float | None, supply: float | None) -> Estimate | None:
    """Measured power over its supply, from the entry nearest in clock, then in supply; None where there is none.

    Where the document does not state the supply, the power is taken to be the same at any.
    """
    entries = [entry for entry in board.ml_power if entry.supply is not None or supply is not None]
    if not entries:
        return None
    entry = min(entries, key=lambda e: (_distance(e.clock, clock), _distance(e.supply, supply)))
    at_v, at_hz = _value_or(entry.supply, supply) or 1.0, _value_or(entry.clock, board.run_clock_hz)
    current = propagate(lambda p: p / at_v, _power_band(entry), unit="A", source=f"measured power at {at_v:g} V")
    return _scale(board, current, (at_hz, at_v, _regulator_of(board)), (clock, supply))


def _regulator_of(board: Board) -> str | None:
    return board.run_points[0].regulator if board.run_points else None


def _value_or(fact: Fact | None, default: float | None) -> float | None:
    return default if fact is None else fact.value


def _power_band(entry: PowerRange) -> Estimate:
    """The range of the models measured, at least ±8 %, which holds four of five further models."""
    spread = load_constants("power", "run_current.toml")["measured_power"]["spread"].value
    value = math.sqrt(entry.low.value * entry.high.value)
    low = min(stated(entry.low).low, value * (1 - spread))
    high = max(stated(entry.high).high, value * (1 + spread))
    return Estimate(value, low, high, "W", entry.low.kind, sources=entry.low.source)


def _stated_current(board: Board, clock: float | None, supply: float | None) -> Estimate:
    if not board.run_points:
        raise UnknownFactError(
            f"board {board.id!r} has no run current: none was found in a document.\n"
            "Give the one you measured (run_current_a in A, --run-current) to get an energy."
        )
    point = _nearest_point(board, supply)
    at_v = _value_or(point.supply, _supply_of(board))
    have, want = (point.clock.value, at_v, point.regulator), (clock, supply)
    current = _scale(board, stated(point.current), have, want)
    factor = activity_factor(point.workload)
    source = f"times {factor.value:g} for ML kernels"
    return propagate(lambda i, k: i * k, current, factor, unit="A", source=source)


def _nearest_point(board: Board, supply: float | None) -> RunPoint:
    """The point like the reference one whose supply is nearest: an SMPS draws less at a higher voltage."""
    if board.run_points[0].regulator != "smps":
        return board.run_points[0]
    like = like_reference(board)
    return min(like, key=lambda point: _distance(point.supply, supply))


def _scale(
    board: Board, current: Estimate, have: tuple[float | None, float | None, str | None],
    want: tuple[float | None, float | None]
) -> Estimate:  # fmt: skip
    """A current known at (clock, supply, regulator), at (clock, supply); what is None is not scaled."""
    clock, supply, regulator = have
    if clock is not None and want[0] is not None and not math.isclose(clock, want[0]):
        ratio = clock_ratio(board, clock, want[0])
        current = propagate(lambda i, r: i * r, current, ratio, unit="A")
    if supply is not None and want[1] is not None:
        current = scale_supply(current, supply, want[1], regulator, board)
    return current
