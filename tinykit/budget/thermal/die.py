"""A die in its package, board and box: from power to junction temperature, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinykit.budget.power import retention_current
from tinykit.budget.thermal.laws import junction_with_leakage, maximum_ambient_with_leakage
from tinykit.ground.quantity import Estimate, propagate

DESTROYED_C = 250.0
"""No silicon works from here on [degC]: what an interval ends at where its warm end runs away (assumed)."""


@dataclass(frozen=True, slots=True)
class Die:
    """What turns a power into a temperature.

    Parameters
    ----------
    theta : junction to ambient [K/W].
    leakage_w : at 25 °C [W].
    doubling_k : of the leakage [K].
    air_rise_k : of the air in the box over ambient [K].
    ambient_c : outside the box [degC].
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
        return propagate(self._junction_c, *self._inputs(power_w), unit="degC", source=source)

    def runs_away(self, power_w: Estimate | None) -> bool:
        """Whether leakage and heat have no stable temperature at the best values; `junction` tells the warm end."""
        if power_w is None:
            return False
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

    def _junction_c(self, watt: float, theta: float, leakage: float, rise: float, doubling: float) -> float:
        """As `_stable_c`, an end of the interval that runs away shown as `DESTROYED_C`."""
        return min(DESTROYED_C, self._stable_c(watt, theta, leakage, rise, doubling))

    def _stable_c(self, watt: float, theta: float, leakage: float, rise: float, doubling: float) -> float:
        rest = max(0.0, watt - float(retention_current(leakage, self.ambient_c, doubling)))
        air_c = self.ambient_c + rise
        warm = float(retention_current(leakage, air_c, doubling))
        return float(junction_with_leakage(air_c, rest, theta, warm, doubling))
