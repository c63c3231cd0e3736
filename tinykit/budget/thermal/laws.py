"""Laws of a die's temperature, one function each, for scalars and arrays alike."""

from collections.abc import Sequence
from typing import Any

import numpy as np

LN2 = 0.6931471805599453


def junction_with_leakage(ambient_c: Any, power_w: Any, theta_ja: Any, leakage_w: Any, doubling_k: Any = 19.0) -> Any:
    """Junction temperature with leakage feedback: Tj = Ta + θJA (P + L 2^((Tj - Ta)/T_d)).

    Scalars or arrays; returns [°C], inf where no temperature is stable (runaway: e θJA L 2^(θJA P/T_d) ln 2/T_d > 1,
    the equation being Lambert's). Solved by Newton's method from below, which is monotonic here. Left out: the rise
    of the run current itself.

    >>> round(float(junction_with_leakage(25.0, 0.132, 43.0, 0.01)), 2)
    31.22

    Parameters
    ----------
    ambient_c : [°C].
    power_w : P without leakage [W].
    theta_ja : [K/W].
    leakage_w : L at ambient [W].
    doubling_k : T_d [K].
    """
    rate, offset = LN2 / np.asarray(doubling_k, float), np.multiply(power_w, theta_ja)
    start = np.multiply(theta_ja, leakage_w) * np.exp(rate * offset)
    return (ambient_c + offset + _solve_feedback(rate * start) / rate)[()]


def maximum_ambient_with_leakage(
    junction_max_c: Any, power_w: Any, theta_ja: Any, leakage_w: Any, doubling_k: Any = 19.0
) -> Any:
    """Highest ambient with leakage feedback: Ta = Tj - θJA (P + L 2^((Tj - 25)/T_d)) at the limit Tj.

    Scalars or arrays; returns [°C]. The limit is Tj_max, or the temperature of loop gain 1, where θJA dP/dTj = 1, if
    that is lower: beyond it nothing is stable.

    >>> round(float(maximum_ambient_with_leakage(105.0, 0.132, 43.0, 0.0)), 1)
    99.3

    Parameters
    ----------
    junction_max_c : [°C].
    power_w : P without leakage [W].
    theta_ja : [K/W].
    leakage_w : L at 25 °C [W].
    doubling_k : T_d [K].
    """
    leakage = np.maximum(leakage_w, 1e-30)
    runaway_c = 25.0 + doubling_k * np.log2(doubling_k / (theta_ja * leakage * LN2))
    limit_c = np.minimum(junction_max_c, runaway_c)
    return limit_c - theta_ja * (power_w + leakage_w * 2.0 ** ((limit_c - 25.0) / doubling_k))


def _solve_feedback(strength: Any) -> Any:
    """The smaller root x of x = s e^x, inf for s > 1/e."""
    stable = strength <= np.exp(-1.0)
    bounded = np.where(stable, strength, 0.0)
    root = np.zeros_like(bounded)
    for _ in range(60):
        grown, before = bounded * np.exp(root), root
        root = before + (grown - before) / np.maximum(1.0 - grown, 1e-9)
        if (root == before).all():
            break
    return np.where(stable, root, np.inf)


def temperature_rise(time_s: Any, power_w: Any, resistances: Sequence[float], time_constants_s: Sequence[float]) -> Any:
    """Rise of the junction after a step of power, a Foster ladder: ΔT(t) = P Σ R_i (1 - exp(-t/τ_i)).

    Scalars or arrays; returns [K]. Linear, from equilibrium; Foster stages are fitted curves, their nodes are no
    places in the package.

    >>> round(float(temperature_rise(1e6, 0.132, [4.3, 12.9, 25.8], [0.01, 3.0, 120.0])), 2)
    5.68

    Parameters
    ----------
    time_s : t [s].
    power_w : P [W].
    resistances : R_i [K/W].
    time_constants_s : τ_i [s], one pair a stage.
    """
    stages = zip(resistances, time_constants_s, strict=True)
    return power_w * sum(r * -np.expm1(-np.asarray(time_s, float) / tau) for r, tau in stages)


def enclosure_rise(power_w: Any, area_m2: Any, film: Any = 10.0) -> Any:
    """Rise of the air in a closed box: ΔT = P / (h A).

    Returns [K]. Left out: sun, wind, a wall the box is fixed to. A box of 60 × 40 × 20 mm has 88 cm², 11 K/W:

    >>> round(enclosure_rise(1.0, 88e-4), 1)
    11.4

    Parameters
    ----------
    power_w : [W] of everything inside, regulator loss included.
    area_m2 : outer surface [m²].
    film : h [W/(m² K)], 5–12 for natural convection and radiation.
    """
    return power_w / (film * area_m2)


def solar_heat(irradiance: Any, lit_area_m2: Any, absorptance: Any) -> Any:
    """Heat the sun leaves in a box: P = α G A. Scalar or array; returns [W].

    Left out: what the sky takes back, wind. A black lid of 60 × 40 mm at noon:

    >>> round(solar_heat(1000.0, 24e-4, 0.9), 2)
    2.16

    Parameters
    ----------
    irradiance : G [W/m²] on the lit face.
    lit_area_m2 : A [m²] seen from the sun.
    absorptance : α 0–1 of the paint for sunlight.
    """
    return absorptance * irradiance * lit_area_m2
