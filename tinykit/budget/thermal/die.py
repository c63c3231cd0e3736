"""A die in its package, board and box: θJA of a board's MCU, and from power to junction temperature, as bands."""

import math
import re
from dataclasses import dataclass

from tinykit.budget.thermal.laws import junction_with_leakage, maximum_ambient_with_leakage
from tinykit.ground.quantity import Estimate, Fact, propagate
from tinykit.predict.energy.inputs import as_estimate, load_constants
from tinykit.predict.energy.laws import retention_current
from tinykit.target.boards import AnyBoard, find_board

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
