"""A die in its package, board and box: the laws of its temperature, θJA of a board's MCU, from power to junction."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinykit.ground.quantity import Estimate, Fact, propagate
from tinykit.predict.energy.inputs import as_estimate, load_constants
from tinykit.predict.energy.laws import retention_current
from tinykit.target.boards import AnyBoard, find_board

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


_FAMILIES = {"QFP": "QFP", "QFN": "QFN", "BGA": "BGA", "WLCSP": "CSP", "CSP": "CSP"}
DESTROYED_C = 250.0
"""No silicon works from here on [degC]: what an interval ends at where its warm end runs away (assumed)."""


@dataclass(frozen=True, slots=True)
class Die:
    """What turns a power into a temperature: θJA [K/W], leakage at 25 °C [W] and its doubling [K], air in the box over
    ambient [K], ambient outside it [°C].
    """

    theta: Estimate
    leakage_w: Estimate
    doubling_k: Estimate
    air_rise_k: Estimate
    ambient_c: float

    def junction(self, power_w: Estimate | None) -> Estimate | None:
        """Junction temperature at a power that holds the leakage at ambient [degC]; None if unknown or at runaway."""
        if power_w is None or self.runs_away(power_w):
            return None
        source = "Tj = Ta + P theta_ja"
        inputs = self._inputs(power_w)
        return propagate(lambda *ends: min(DESTROYED_C, self._stable_c(*ends)), *inputs, unit="degC", source=source)

    def runs_away(self, power_w: Estimate) -> bool:
        """Whether leakage and heat have no stable temperature at the best values; `junction` tells the warm end."""
        return math.isinf(self._stable_c(*(estimate.value for estimate in self._inputs(power_w))))

    def ambient_limit(self, power_w: Estimate | None, junction_max_c: float | None) -> Estimate | None:
        """Highest ambient outside the box [degC]; None where power or limit is unknown."""
        if power_w is None or junction_max_c is None:
            return None

        def limit(watt: float, theta: float, leakage: float, rise: float, doubling: float) -> float:
            rest = max(0.0, watt - float(retention_current(leakage, self.ambient_c, doubling)))
            return float(maximum_ambient_with_leakage(junction_max_c, rest, theta, leakage, doubling)) - rise

        source = "Ta_max = Tj_max - P theta_ja"
        return propagate(limit, *self._inputs(power_w), unit="degC", source=source)

    def _inputs(self, power_w: Estimate) -> tuple[Estimate, ...]:
        return power_w, self.theta, self.leakage_w, self.air_rise_k, self.doubling_k

    def _stable_c(self, watt: float, theta: float, leakage: float, rise: float, doubling: float) -> float:
        rest = max(0.0, watt - float(retention_current(leakage, self.ambient_c, doubling)))
        air_c = self.ambient_c + rise
        warm = float(retention_current(leakage, air_c, doubling))
        return float(junction_with_leakage(air_c, rest, theta, warm, doubling))


def theta_ja(board: AnyBoard, given: Estimate | float | None = None) -> Estimate | None:
    """Junction-to-ambient resistance of a board's MCU [K/W]; None where neither figure nor package is known.

    The stated JEDEC figure θ gives the band [θ, 1.7 θ] with θ as the value, a board of fewer copper
    planes being the rule. Without one a package of the same kind and nearest pin count lends its
    median, [0.7, 2.5] times, kind "assumed". A figure of the user's is taken as it is.

    Raises
    ------
    ParameterError : the user's figure is not a number from 0.1 to 1000 K/W.
    """
    if given is not None:
        return as_estimate(given, "K/W", "theta_ja", low=0.1, high=1000.0)
    board, group = find_board(board), load_constants("thermal", "constants.toml")["theta_ja"]
    if board.theta_ja is not None:
        ranged = board.theta_ja.kind == "assumed" and board.theta_ja.high is not None  # a prior, written down
        return board.theta_ja.estimate(1.0, 1.0 if ranged else group["board_factor_high"].value)
    prior = _package_prior(board.package or "")
    if prior is None:
        return None
    low, high = prior.value * group["prior_low"].value, prior.value * group["prior_high"].value
    source = f"prior for package {board.package}: {prior.source}"
    return Estimate(prior.value, low, high, "K/W", "assumed", sources=source)


def foster_ladder(theta: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Resistances [K/W] and time constants [s] of die, package and board for `temperature_rise`.

    Shares of θJA 0.1, 0.3, 0.6 and 10 ms, 3 s, 120 s: orders of magnitude, kind "assumed".
    """
    stages, group = ("die", "package", "board"), load_constants("thermal", "constants.toml")["foster"]
    shares = tuple(group[f"{stage}_share"].value * theta for stage in stages)
    return shares, tuple(group[f"{stage}_time"].value for stage in stages)


def _package_prior(package: str) -> Fact | None:
    """The table's package of the same family whose pin count is nearest, and at most twice or half as many."""
    family, pins = _split(package)
    if not family or not pins:
        return None
    priors = load_constants("thermal", "packages.toml")[""]
    near = {name: abs(_split(name)[1] / pins - 1) for name in priors if _split(name)[0] == family}
    best = min(near, key=lambda name: (near[name], name != package), default="")
    return priors[best] if best and 0.5 <= _split(best)[1] / pins <= 2.0 else None


def _split(package: str) -> tuple[str, int]:
    """Family and pin count of a package name: "UFQFPN48 7x7" -> ("QFN", 48)."""
    name = package.upper().replace("QFPN", "QFN")
    family = next((_FAMILIES[key] for key in _FAMILIES if key in name), "")
    found = re.search(r"\d+", name)
    return family, int(found.group()) if found else 0
