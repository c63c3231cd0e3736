"""Laws of energy and supply current, for scalars and arrays, and the way from a stated current to ML kernels'."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate, propagate
from tinykit.predict.energy.inputs import band, load_constants
from tinykit.target.boards.record import Board, RunPoint


def energy_per_inference(latency_s: Any, supply_v: Any, current_a: Any, activity: Any = 1.0) -> Any:
    """Energy drawn from the supply while one inference runs, gross of idle: E = k V I t.

    Returns [J]. Valid for a CPU-bound inference at a constant clock; left out are the wake-up, what
    the board draws beside the MCU, and the change of current from operator to operator (power is
    nearly model-independent: 9 % median spread over four models, MLPerf Tiny v0.5-v1.3).

    >>> round(energy_per_inference(0.0289, 1.8, 0.011, 1.3) * 1e6)
    744

    Parameters
    ----------
    latency_s : inference latency [s].
    supply_v : [V].
    current_a : run current [A], all scalar or array.
    activity : k [1], ML kernels over the code of the data sheet; 1 for a measured current.
    """
    return activity * supply_v * current_a * latency_s


def affine_run_current(clock_hz: Any, static_a: Any, slope_a_per_hz: Any) -> Any:
    """Run current of an MCU within one core-voltage range: I = I0 + a f.

    Scalars or arrays; returns [A]. Valid inside one voltage range and fetch mode (1,665 series of ST's tables: median
    R² 0.9991); left out is the step between ranges. F407, scale 2: 1.44 mA + 205.5 µA/MHz.

    >>> round(affine_run_current(144e6, 1.44e-3, 205.5e-12), 4)
    0.031

    Parameters
    ----------
    clock_hz : f [Hz].
    static_a : I0 [A].
    slope_a_per_hz : a [A/Hz].
    """
    return static_a + slope_a_per_hz * clock_hz


def fit_run_current(clocks_hz: Sequence[float], currents_a: Sequence[float]) -> tuple[float, float]:
    """Least-squares I0 [A] and a [A/Hz] of `affine_run_current` through two points or more [Hz], [A].

    Raises
    ------
    ParameterError : fewer than two different clocks.
    """
    if len(set(clocks_hz)) < 2:
        raise ParameterError(f"clocks {list(clocks_hz)} Hz: give run currents at two different clocks or more")
    slope, static = statistics.linear_regression(clocks_hz, currents_a)
    return static, slope


def ldo_input_current(load_a: Any, quiescent_a: Any = 0.0) -> Any:
    """Input current of a linear regulator: I_in = I_load + I_q, whatever the input voltage.

    Scalars or arrays; returns [A]. Valid above drop-out; in ST's tables I(3.0 V)/I(1.8 V) of 1,189 LDO rows is 1.008
    in the median.

    >>> ldo_input_current(0.017)
    0.017

    Parameters
    ----------
    load_a, quiescent_a : [A].
    """
    return load_a + quiescent_a


def smps_input_current(load_a: Any, output_v: Any, input_v: Any, efficiency: Any = 0.85) -> Any:
    """Input current of a step-down converter: I_in = I_load V_out / (η V_in).

    Scalars or arrays; returns [A]. Valid for V_in > V_out in continuous load; left out is the fall of η at µA loads.
    ST's record of an external SMPS: 1.1 V out of 3.0 V at η 0.85 (power database, Smps.xml).

    >>> round(smps_input_current(18.5e-3, 1.1, 3.0) * 1e3, 2)
    7.98

    Parameters
    ----------
    load_a : [A].
    output_v, input_v : [V].
    efficiency : η [1].
    """
    return load_a * output_v / (efficiency * input_v)


_CONSTANTS = ("power", "run_current.toml")
_ACTIVITIES = {
    "reduced code": "reduced_code",
    "coremark": "coremark",
    "while(1)": "light",
    "fibonacci": "light",
    "prime numbers": "light",
}


def activity_factor(workload: str) -> Estimate:
    """The factor k [1] from the code a document's run current was taken with to ML kernels.

    1.30 [1.0, 1.6] for "reduced code", 1.1 [0.85, 1.6] for "coremark", 1.73 [1.3, 2.2] for "while(1)",
    "fibonacci" and "prime numbers", and 1.3 [1.0, 2.0] for anything else, such as a headline figure
    (`data/power/run_current.toml`, where the fits and their sources are). Most of each interval is firmware: on one
    board at one clock it took 1.26 to 1.78 (11 systems, MLPerf Tiny), which only a measured point settles.

    >>> activity_factor("reduced code")
    1.30 [1.00 … 1.60] (modelled)
    """
    name = _ACTIVITIES.get(workload.strip().lower().replace("_", " "), "headline")
    return band(load_constants(*_CONSTANTS)[f"activity.{name}"], "point", "low", "high")


def clock_ratio(board: Board, from_hz: float, to_hz: float) -> Estimate:
    """I(to)/I(from) [1] of a board: affine between the two stated points nearest, else by a prior.

    With two stated points or more the interval is ±5 % (the affine law itself holds to 1.3 %; the
    rest is the step between core-voltage ranges). With one the current is s + (1 - s) f/f0, its
    static share s = 0.05 [0, 0.3] being a prior: nearly proportional, and wide.
    """
    if math.isclose(from_hz, to_hz):
        return Estimate.exact(1.0, "1", "measured", "same clock")
    group = load_constants(*_CONSTANTS)["clock_scaling"]
    points = _series(board)
    if len(points) >= 2:
        ratio, spread = _affine(points, to_hz) / _affine(points, from_hz), group["series_error"].value
        sources = (f"affine law through the stated points of {board.id}", points[0].current.source)
        return Estimate(ratio, ratio * (1 - spread), ratio * (1 + spread), "1", "modelled", sources=sources)
    share = band(group, "static_share", "static_share_low", "static_share_high")
    source = f"one stated point only, scaled from {from_hz / 1e6:g} to {to_hz / 1e6:g} MHz by a prior"
    return propagate(lambda s: s + (1 - s) * to_hz / from_hz, share, unit="1", source=source)


def _series(board: Board) -> tuple[RunPoint, ...]:
    if not board.run_points or not board.run_points[0].series:
        return ()
    points = {point.clock.value: point for point in board.run_series() if not point.peripherals_on}
    return tuple(points[clock] for clock in sorted(points))


def _affine(points: tuple[RunPoint, ...], clock_hz: float) -> float:
    """Current [A] at a clock [Hz] by the affine law through the neighbouring points, never below proportional."""
    place = sum(point.clock.value < clock_hz for point in points[1:-1])
    pair = points[place : place + 2]
    static, slope = fit_run_current([p.clock.value for p in pair], [p.current.value for p in pair])
    least = pair[0].current.value * min(1.0, clock_hz / pair[0].clock.value)
    return max(float(affine_run_current(clock_hz, static, slope)), least)


def like_reference(board: Board) -> tuple[RunPoint, ...]:
    """The stated run points that differ from the board's first by the supply only."""
    first = board.run_points[0]
    wanted = (first.clock.value, first.regulator, first.workload, first.peripherals_on)
    return tuple(p for p in board.run_points if (p.clock.value, p.regulator, p.workload, p.peripherals_on) == wanted)


def scale_supply(
    current_a: Estimate, from_v: float, to_v: float, regulator: str | None, board: Board | None = None
) -> Estimate:
    """An input current [A] known at one supply [V], at another: as it is for an LDO, I (V0/V)^x for an SMPS.

    x comes from two stated points of the board where it has them (±20 %), else x = 0.76 [0.42, 1.41]
    from 502 rows of ST's tables, where the ideal converter has 1; with the regulator unknown (None)
    x = 0 [0, 1], assumed.

    Parameters
    ----------
    current_a : at `from_v` [A].
    from_v, to_v : supplies [V].
    regulator : "ldo", "smps", or None where it is not known.
    board : whose stated points say more than the prior.

    Raises
    ------
    ParameterError : the regulator is neither "ldo", "smps" nor None.
    """
    if regulator not in ("ldo", "smps", None):
        raise ParameterError(f"regulator {regulator!r} is unknown; allowed: ldo, smps, None for not known")
    if regulator == "ldo" or math.isclose(from_v, to_v):
        return current_a
    group = load_constants(*_CONSTANTS)["smps" if regulator else "unknown_regulator"]
    exponent = band(group, "exponent", "exponent_low", "exponent_high")
    if regulator == "smps" and board is not None:
        exponent = _own_exponent(board) or exponent
    source = f"from {from_v:g} to {to_v:g} V"
    return propagate(lambda i, x: i * (from_v / to_v) ** x, current_a, exponent, unit="A", source=source)


def _own_exponent(board: Board) -> Estimate | None:
    """x of `scale_supply` from the board's own points at its lowest and highest stated supply."""
    alike = like_reference(board) if board.run_points else ()
    stated = {point.supply.value: point.current for point in alike if point.supply is not None}
    if len(stated) < 2:
        return None
    low, high = min(stated), max(stated)
    exponent = math.log(stated[low].value / stated[high].value) / math.log(high / low)
    spread = load_constants(*_CONSTANTS)["smps"]["own_spread"].value
    ends = sorted((exponent * (1 - spread), exponent * (1 + spread)))
    source = f"{stated[low].source}, {low:g} and {high:g} V"
    return Estimate(exponent, ends[0], ends[1], "1", "modelled", sources=source)
