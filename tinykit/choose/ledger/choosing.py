"""The cheapest variant that meets some budgets, or what is missing and by how much."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tinykit.choose.ledger.forms import list_runnable
from tinykit.choose.ledger.ledger_row import LedgerRow, store_as
from tinykit.choose.ledger.table import Ledger
from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Result

_FIGURES = {
    "flash_bytes": ("flash", "byte"), "arena_bytes": ("arena", "byte"), "latency_s": ("latency", "s"),
    "energy_j": ("energy", "J"), "life_s": ("life", "s"), "t_junction_c": ("junction", "degC"),
}  # fmt: skip
_LEAST = ("accuracy", "life")
_OF_USE = dict.fromkeys(("life", "junction"), "a ledger weighs no use")


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
    """

    budget: str
    limit: float
    found: float | None
    worst: float | None
    unit: str
    why: str = ""

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

    def _over(self, value: float) -> float:
        return self.limit - value if self.budget in _LEAST else value - self.limit

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.budget} unknown{f': {self.why}' if self.why else ''}" if self.limit else self.why
        shown, limit = (_show(value, self.unit) for value in (self.found, self.limit))
        if self.met:
            end = "" if self.sure else f", though its interval reaches {_show(self.worst or 0.0, self.unit)}"
            return f"{self.budget} {shown} of {limit}{end}"
        gap = _show(abs(self._over(self.found)), self.unit, gap=True)
        return f"{self.budget} {shown}, {gap} too {'little' if self.budget in _LEAST else 'much'} for {limit}"


@dataclass(frozen=True, slots=True)
class Recommendation(Result):
    """The variant to take, and why.

    Parameters
    ----------
    budgets : what was asked.
    chosen : the cheapest variant that meets them, None where none does.
    nearest : the chosen one, or else the one that misses least.
    checks : its budgets, one by one.
    met : names of every variant that meets the budgets, the cheapest first.
    passed_over : why the chosen one is not stored in its smallest form; "" where it is.
    """

    JSON = ("budgets", "chosen=chosen.name", "nearest=nearest.name", "in_flash=nearest.chosen.name", "met", "reasons")

    budgets: Budgets
    chosen: LedgerRow | None
    nearest: LedgerRow
    checks: tuple[Check, ...]
    met: tuple[str, ...]
    passed_over: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each check in words."""
        return tuple(map(str, self.checks))

    def __str__(self) -> str:
        told = "; ".join(self.reasons) or "no budget given"
        if self.chosen is None:
            missing = "; ".join(str(check) for check in self.checks if not check.met)
            return f"no variant meets the budgets; {self.nearest.name} comes nearest: {missing}"
        others = f", the fewest bytes in flash of {len(self.met)} that meet the budgets" if len(self.met) > 1 else ""
        form = f" ({self.chosen.chosen.name}{self.passed_over})" if self.chosen.chosen else ""
        return f"take {self.chosen.name}{form}{others}: {told}"

    __repr__ = __str__


def recommend(ledger: Ledger, budgets: Budgets) -> Recommendation:
    """The variant with the fewest bytes in flash that meets the budgets; of equal ones the fastest, then the first.

    A variant may be stored in any form the target runs: where decoding takes too much arena or time, lean may do.
    A figure meets a budget by its value; where its interval reaches beyond, the reason says so. None is met by what is
    unknown. Where no variant meets all, the nearest is the one whose worst miss is the smallest share of its limit.
    """
    stored = [one for row in ledger.rows for one in _list_stored(row, ledger)]
    judged = [(row, tuple(_check(row, budgets))) for row in stored]
    able = sorted((pair for pair in judged if all(check.met for check in pair[1])), key=lambda pair: _price(pair[0]))
    if able:
        row, checks = able[0]
        met = tuple(dict.fromkeys(row.name for row, _ in able))
        return Recommendation(budgets, row, row, checks, met, _pass_over(row, judged))
    row, checks = min(judged, key=lambda pair: sorted((check.excess for check in pair[1]), reverse=True))
    return Recommendation(budgets, None, row, checks, ())


def _list_stored(row: LedgerRow, ledger: Ledger) -> Iterator[LedgerRow]:
    """The row as it is, then in the other forms that the target can run."""
    yield row
    for name in list_runnable(ledger.target):
        if row.chosen is not row.forms[name] and row.forms[name].flash_bytes is not None:
            yield store_as(row, name)


def _pass_over(chosen: LedgerRow, judged: list[tuple[LedgerRow, tuple[Check, ...]]]) -> str:
    """What keeps the smallest form of the chosen variant out, "" where it is the chosen one."""
    forms = [(row, checks) for row, checks in judged if row.name == chosen.name]
    row, checks = min(forms, key=lambda pair: _price(pair[0]))
    if row.chosen is None or row.chosen is chosen.chosen:
        return ""
    return f"; with {row.chosen.name} {'; '.join(str(one) for one in checks if not one.met)}"


def _price(row: LedgerRow) -> tuple[float, float]:
    size = row.flash_bytes if row.flash_bytes is not None else math.inf
    return size, row.latency.value if row.latency else math.inf


def check_budgets(
    budgets: Budgets, figures: Mapping[str, Estimate | None], why: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Check]:
    """Each budget but that of accuracy, where one is given, against the figure of its name, and why one is unknown."""
    for field, (name, unit) in _FIGURES.items():
        limit, found = getattr(budgets, field), figures.get(field)
        if limit is not None and found:
            yield Check(name, limit, found.value, found.low if name in _LEAST else found.high, unit)
        elif limit is not None:
            yield Check(name, limit, None, None, unit, why.get(name, ""))


def _check(row: LedgerRow, budgets: Budgets) -> Iterator[Check]:
    figures = {"flash_bytes": row.flash, "arena_bytes": row.arena, "latency_s": row.latency, "energy_j": row.energy}
    yield from check_budgets(budgets, figures, _OF_USE)
    if budgets.accuracy is not None:
        accuracy = row.variant.accuracy
        yield Check("accuracy", budgets.accuracy, accuracy.fraction, accuracy.low, "%")


def _show(value: float, unit: str, *, gap: bool = False) -> str:
    if unit == "%":
        return f"{100 * value:.1f} {'points' if gap else '%'}"
    return format_quantity(value, unit)
