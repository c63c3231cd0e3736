"""Laws of energy and supply current, one function each, for scalars and arrays alike."""

import statistics
from collections.abc import Sequence
from typing import Any

from tinykit.ground.errors import ParameterError


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
