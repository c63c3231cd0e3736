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


def retention_current(current_25_a: Any, temperature_c: Any, doubling_k: Any = 19.0) -> Any:
    """Leakage of a retention mode at a die temperature: I = I25 2^((T - 25)/T_d).

    Scalars or arrays; returns [A]. T_d is 19 ± 2.5 K over eight ST and NXP parts from 25 to 125 °C; not for the run
    current, which rises far less (U575 ×1.18 at 55 °C).

    >>> retention_current(9.3e-6, 44.0) / 9.3e-6
    2.0

    Parameters
    ----------
    current_25_a : [A] at 25 °C.
    temperature_c : [°C].
    doubling_k : T_d [K].
    """
    return current_25_a * 2.0 ** ((temperature_c - 25.0) / doubling_k)
