"""Whether a network meets budgets on boards before it is trained: every figure is that of `assess`."""

import csv
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tinykit.budget.assessment.chain import assess_fit, check_for_use
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.verdict import APPLICATION, CODE, FitReport, Verdict
from tinykit.choose.ledger.choosing import Budgets, Check, check_budgets
from tinykit.ground.errors import DataError, ParameterError, UnknownBoardError, look_up
from tinykit.ground.limits import read_cells
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result, Rows
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.target.boards.record import Board
from tinykit.target.target import Target, as_target

_PRICE = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_OF_FIT = ("latency_s", "arena_bytes", "flash_bytes")
_OF_USE = ("energy_j", "life_s", "t_junction_c")


@dataclass(frozen=True, slots=True)
class Judgement(Result):
    """What a network takes on a target, and which budgets it misses there; figures are None where unknown.

    Parameters
    ----------
    target : where it would run.
    checks : memory that is too small, then each budget that was held against a figure.
    energy_j, latency_s, arena_bytes, flash_bytes, life_s, t_junction_c : as `assess` has them; of `judge_all`, energy,
        life and junction are None where no budget asks for them or another is missed already.
    """

    target: Target
    checks: tuple[Check, ...]
    energy_j: Estimate | None
    latency_s: Estimate | None
    arena_bytes: Estimate | None
    flash_bytes: Estimate | None
    life_s: Estimate | None = None
    t_junction_c: Estimate | None = None

    @property
    def refused(self) -> tuple[Check, ...]:
        """The checks that are not met, the worst first; empty where the network may be trained."""
        return tuple(sorted((one for one in self.checks if not one.met), key=lambda one: -one.excess))

    @property
    def excess(self) -> float:
        """Share of its limit by which the worst check is missed, 0 where none is."""
        return max((one.excess for one in self.refused), default=0.0)

    def __str__(self) -> str:
        told = "; ".join(map(str, self.refused or self.checks)) or "no budget given"
        return f"{self.target.board.id}: {'refused, ' if self.refused else ''}{told}"

    __repr__ = __str__


class Judge:
    """Holds networks against budgets on targets, in a use.

    Parameters
    ----------
    budgets : what a network may take; its accuracy is not known before it is trained, and not asked here.
    targets : one or more, as `Target` or as a board takes it.
    use : period, cell, air; None for `Use()`.

    Raises
    ------
    ParameterError : no target, or a life is wished and the use has no battery. UnknownBoardError : no such board.
    """

    def __init__(self, budgets: Budgets, targets: Iterable[Target | Board | str], use: Use | None = None) -> None:
        self.budgets, self.use, self.targets = budgets, use or Use(), tuple(map(as_target, targets))
        if not self.targets:
            raise ParameterError("no board to judge on; name one, such as nucleo-l4r5zi")
        if budgets.life_s is not None and self.use.battery is None:
            raise ParameterError("a life is wished, and no battery is given; name one, such as cr2032")
        self._of_fit = replace(budgets, **dict.fromkeys(_OF_USE))
        self._of_use = replace(budgets, **dict.fromkeys(_OF_FIT))
        self._asks_power = any(getattr(budgets, name) is not None for name in _OF_USE)

    def judge(self, candidate: ModelGraph | bytes) -> Judgement:
        """On the first target that refuses it, else on the first; every figure is told.

        ModelError: bytes that are no model.
        """
        graph = _as_graph(candidate)
        found = (self._judge(graph, target, full=True) for target in self.targets)
        first = next(found)
        return first if first.refused else next((one for one in found if one.refused), first)

    def judge_all(self, candidate: ModelGraph | bytes) -> Rows[Judgement]:
        """On each target; power and heat only where a budget asks for them and no other is missed."""
        graph = _as_graph(candidate)
        return Rows(self._judge(graph, target, full=False) for target in self.targets)

    def _judge(self, graph: ModelGraph, target: Target, *, full: bool) -> Judgement:
        fit = check_for_use(graph, target, self.use, use_engine=False, brief=True)
        figures: dict[str, Estimate | None] = {name: getattr(fit, name) for name in _OF_FIT}
        checks = (*check_memory(fit), *check_budgets(self._of_fit, figures, dict(fit.unknown)))
        if full or (self._asks_power and all(one.met for one in checks)):
            try:
                found = assess_fit(fit, self.use)
            except ParameterError as error:  # a period too short for this network, a cell that is none for this board
                checks += (Check("use", 0.0, None, None, "", str(error).partition("\n")[0]),)
            else:
                figures["energy_j"] = found.fit.energy_per_inference_j
                figures |= {"life_s": found.battery_life_s, "t_junction_c": found.t_junction_c}
                why = dict.fromkeys(("energy", "life", "junction"), "; ".join(found.power.unknown)) | dict(
                    found.fit.unknown
                )
                checks += tuple(check_budgets(self._of_use, figures, why))
        return Judgement(fit.target, checks, **{"energy_j": None, **figures})


def _as_graph(candidate: ModelGraph | bytes) -> ModelGraph:
    return read(candidate) if isinstance(candidate, bytes) else candidate


def check_memory(fit: FitReport, *, every: bool = False) -> tuple[Check, ...]:
    """Of what does not fit, the memories too small whatever was assumed as reserve, else why; `every` one if asked."""
    board, reserve, found = fit.target.board, fit.target.reserve, []
    refused = fit.verdict == Verdict.DOES_NOT_FIT or (every and fit.verdict == Verdict.UNKNOWN)
    for use in fit.regions if refused or every else ():
        kept = reserve.flash_bytes if CODE in use.holds else reserve.sram_bytes if APPLICATION in use.holds else 0
        room = use.total_bytes - use.reserved_bytes + (kept if fit.target.is_assumed("reserve") else 0)
        if every or use.used_bytes > room:
            limit, used = float(max(1, room)), float(use.used_bytes)
            found.append(Check(f"{use.name} of {board.id}", limit, used, used, "byte"))
    if refused and all(one.met for one in found):
        found.append(Check("run", 0.0, None, None, "", fit.refusal or "; ".join(fit.reasons)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class PricedBoard(Result):
    """A board that meets the wishes, with its price in the unit of the user's table; None where that has none."""

    board: str
    price: float | None
    judgement: Judgement


def rank_boards(judged: Iterable[Judgement], prices: Mapping[str, float] | None = None) -> Rows[PricedBoard]:
    """The boards that are not refused, the cheapest first, those of unknown price last; of equal ones by energy."""
    known = prices or {}
    met = [PricedBoard(one.target.board.id, known.get(one.target.board.id), one) for one in judged if not one.refused]

    def order(one: PricedBoard) -> tuple[float, float, str]:
        energy = one.judgement.energy_j
        return (math.inf if one.price is None else one.price, energy.value if energy else math.inf, one.board)

    return Rows(sorted(met, key=order))


def read_prices(path: str | os.PathLike[str], boards: Iterable[str]) -> dict[str, float]:
    """Prices by board from a CSV with the columns board and price.

    Raises
    ------
    DataError : no such table, a price that is no number of at least 0, or a board twice. UnknownBoardError : a board
    that is none of `boards`.
    """
    place, known = Path(path), dict.fromkeys(boards)
    cure = "give a CSV with a line `board,price` and a line for each board, such as `microbit-v2,14.9`"
    try:
        head, *rows = read_cells(place, DataError, cure) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{place}: cannot be read ({error}); {cure}") from error
    if [one.strip().lower() for one in head] != ["board", "price"]:
        raise DataError(f"{place}: its first line is {','.join(head)[:80]!r}; {cure}")
    prices: dict[str, float] = {}
    for row in rows:
        board, price = (one.strip() for one in (*row, "", "")[:2])
        look_up(board, known, f"{place}: no board {board!r}", UnknownBoardError)
        if len(row) != len(head) or board in prices or not _PRICE.fullmatch(price):
            raise DataError(f"{place}: {','.join(row)[:80]!r} is no board once with its price, a number of 0 or more")
        prices[board] = float(price)
    return prices
