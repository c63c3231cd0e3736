"""What a network may take, and a figure held against it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Result

_FIGURES = {
    "flash_bytes": ("flash", "byte"), "arena_bytes": ("arena", "byte"), "latency_s": ("latency", "s"),
    "energy_j": ("energy", "J"), "life_s": ("life", "s"), "t_junction_c": ("junction", "degC"),
}  # fmt: skip
_LEAST = ("accuracy", "life")
MET, TIGHT, MISSED, UNKNOWN = VERDICTS = ("met", "tight", "missed", "unknown")


@dataclass(frozen=True, slots=True)
class Budgets(Result):
    """What a network may take, and how well it has to do; None where it does not matter.

    Parameters
    ----------
    flash_bytes : model, runtime and decoder together.
    arena_bytes : of the tensor arena.
    latency_s : of one inference [s].
    accuracy : least fraction right in TFLM on unseen groups, 0–1.
    energy_j : of one inference [J].
    life_s : least life of the battery [s], in a use.
    t_junction_c : of the die on average [degC], in a use.
    """

    flash_bytes: float | None = None
    arena_bytes: float | None = None
    latency_s: float | None = None
    accuracy: float | None = None
    energy_j: float | None = None
    life_s: float | None = None
    t_junction_c: float | None = None

    def __post_init__(self) -> None:
        for name in ("flash_bytes", "arena_bytes", "latency_s", "energy_j", "life_s", "t_junction_c"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ParameterError(f"budget {name} = {value}; give a number above 0, or leave it out")
        if self.accuracy is not None and not 0 < self.accuracy <= 1:
            hint = f"; for {self.accuracy:g} % write {self.accuracy / 100:g}" if 1 < self.accuracy <= 100 else ""
            raise ParameterError(f"budget accuracy = {self.accuracy}; give a fraction above 0, at most 1{hint}")


@dataclass(frozen=True, slots=True)
class Check(Result):
    """One budget held against one network.

    Parameters
    ----------
    budget : its name.
    limit : the budget; 0 for what has no figure to hold it against, and is missed.
    found, worst : the figure, and the end of its interval that counts against it; None where unknown.
    unit : of all three.
    why : the figure is unknown, or the whole of what is missed; "" where nobody says.
    figure : with interval and basis.
    """

    budget: str
    limit: float
    found: float | None
    worst: float | None
    unit: str
    why: str = ""
    figure: Estimate | None = None

    @property
    def met(self) -> bool:
        """Whether the figure itself is within the budget; what is unknown is not."""
        return self.found is not None and self.excess <= 0

    @property
    def sure(self) -> bool:
        """Whether its whole interval is."""
        return self.worst is not None and self._over(self.worst) <= 0

    @property
    def excess(self) -> float:
        """Share of the limit by which it is missed, 0 or less where it is met, infinite where unknown."""
        return math.inf if self.found is None else self._over(self.found) / self.limit

    @property
    def used(self) -> Estimate | None:
        """Share of the limit that is used, 1 at the limit, also of what is to be reached; None where unknown."""
        if not self.limit or (one := self.figure) is None:
            return None
        least, ends = self.budget in _LEAST, (one.low, one.value, one.high)
        low, value, high = sorted(self.limit / max(end, 1e-9) if least else end / self.limit for end in ends)
        return Estimate(value, low, high, "1", one.basis, sources=one.sources)

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`: tight is met, but not by the whole interval."""
        if self.found is None:
            return UNKNOWN if self.limit else MISSED
        return MISSED if not self.met else MET if self.sure else TIGHT

    def _over(self, value: float) -> float:
        return self.limit - value if self.budget in _LEAST else value - self.limit

    def tell(self) -> str:
        """Figure and limit in words, without the name."""
        if self.found is None:
            return f"unknown{f': {self.why}' if self.why else ''}" if self.limit else self.why
        shown, limit = (_show(value, self.unit) for value in (self.found, self.limit))
        if self.met:
            end = "" if self.sure else f", though its interval reaches {_show(self.worst or 0.0, self.unit)}"
            return f"{shown} of {limit}{end}"
        gap = _show(abs(self._over(self.found)), self.unit, gap=True)
        return f"{shown}, {gap} too {'little' if self.budget in _LEAST else 'much'} for {limit}"

    def __str__(self) -> str:
        return f"{self.budget} {self.tell()}" if self.limit else self.why


def hold(name: str, limit: float, figure: Estimate | None, unit: str, why: str = "") -> Check:
    """A figure against a limit, by value and by the end that counts against it; and why there is none."""
    if figure is None:
        return Check(name, limit, None, None, unit, why)
    return Check(name, limit, figure.value, figure.low if name in _LEAST else figure.high, unit, "", figure)


def check_budgets(
    budgets: Budgets, figures: Mapping[str, Estimate | None], why: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Check]:
    """Each budget but that of accuracy, where one is given, against the figure of its name, and why one is unknown."""
    for field, (name, unit) in _FIGURES.items():
        if (limit := getattr(budgets, field)) is not None:
            yield hold(name, limit, figures.get(field), unit, why.get(name, ""))


def _show(value: float, unit: str, *, gap: bool = False) -> str:
    if unit == "%":
        return f"{100 * value:.1f} {'points' if gap else '%'}"
    return format_quantity(value, unit)
