"""The cheapest variant that meets some budgets, or what is missing and by how much."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tinykit.budget.assessment.budgets import Budgets, Check, check_budgets
from tinykit.choose.ledger.forms import list_runnable
from tinykit.choose.ledger.ledger_row import LedgerRow, store_as
from tinykit.choose.ledger.table import Ledger
from tinykit.ground.results import Result

_OF_USE = dict.fromkeys(("life", "junction"), "a ledger weighs no use")


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


def _check(row: LedgerRow, budgets: Budgets) -> Iterator[Check]:
    figures = {"flash_bytes": row.flash, "arena_bytes": row.arena, "latency_s": row.latency, "energy_j": row.energy}
    yield from check_budgets(budgets, figures, _OF_USE)
    if budgets.accuracy is not None:
        accuracy = row.variant.accuracy
        yield Check("accuracy", budgets.accuracy, accuracy.fraction, accuracy.low, "%")
