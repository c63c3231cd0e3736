"""Networks of a study where it did not search: its points on another board, and one on many boards as it is changed."""

from dataclasses import dataclass, replace
from typing import Any

from tinykit.budget.assessment.budgets import Budgets
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.verdict import Verdict
from tinykit.choose.exploration.judging import Judge, Judgement
from tinykit.choose.exploration.search import FIGURES, sketch_as_stored
from tinykit.choose.exploration.study import Point, Study
from tinykit.choose.exploration.training_job import lay_over, load_source
from tinykit.ground.errors import ParameterError, TinykitError
from tinykit.ground.results import Result, Rows
from tinykit.target.boards.record import Board
from tinykit.target.target import Target
from tinykit.train.architecture.value import WIDTH, Architecture
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.fronts.front import Front


@dataclass(frozen=True, slots=True)
class Outlook(Result):
    """A network of a study, wider or fed slower: its input, what each board says untrained, and if it was searched."""

    architecture: Architecture
    input_shape: tuple[int, ...]
    rate_hz: float | None
    judged: Rows[Judgement]
    as_searched: bool

    def list_boards(self, verdict: Verdict) -> tuple[str, ...]:
        """Ids of the boards with a verdict."""
        return tuple(one.target.board.id for one in self.judged if one.verdict == verdict)


def judge_on(
    study: Study, target: Target | Board | str, use: Use | None = None, *, budgets: Budgets | None = None
) -> Study:
    """The study as if judged on another board, or by other budgets, untrained; scores stay.

    Parameters
    ----------
    study, target, budgets : as `Judge` takes the last two; None for the study's budgets. Errors as of `Judge`.
    use : that of `explore` if None.
    """
    judge = Judge(wished := budgets or study.budgets, [target], use or Use(period_s=2.0, battery="cr2032"))
    every, data = [one for one in (*study.trials, study.baseline) if one], load_source(study.source)
    moved = {one.name: _move(one, data, judge) for one in every}
    named: dict[str, Any] = {
        name: (one := getattr(study, name)) and moved[one.name] for name in ("chosen", "baseline", "random")
    }
    trials, boards = Rows(moved[one.name] for one in study.trials), (judge.targets[0].board.id,)
    return replace(study, boards=boards, trials=trials, budgets=wished, **named)


def _move(point: Point, data: Dataset, judge: Judge) -> Point:
    figures: dict[str, Any] = dict.fromkeys(FIGURES)
    try:
        shape, bound = _feed(data, point.candidate.front)
        found = judge.judge(sketch_as_stored(point.candidate, point.candidate.value, shape, data), bound)
    except TinykitError as error:
        return replace(point, refused=" ".join(str(error).split()), **figures)
    figures = {name: getattr(found, name) for name in FIGURES}
    return replace(point, refused="; ".join(map(str, found.refused)), **figures)


def look_out(study: Study, name: str, judge: Judge, *, width: float = 1.0, rate: float = 1.0) -> Outlook:
    """A point of a study, wider or fed faster, on the boards of a judge.

    Parameters
    ----------
    study, name, judge : the point as `Study.find` takes it.
    width, rate : times that of the point; the rate is the nearest that can be.

    Raises
    ------
    ParameterError : no such point, a width or rate of 0 or less, or a network that its input has no room for.
    """
    if not (0 < width <= WIDTH and 0 < rate <= WIDTH):
        raise ParameterError(f"width {width:g}, rate {rate:g} times a network's own; give numbers above 0")
    own, data = study.find(name).candidate, load_source(study.source)
    shape, bound = _feed(data, own.front)
    first = rate_hz = (bound.rate_hz if bound else data.rate_hz) if data.recorded else None
    if first and data.rate_hz and (rate_hz := data.rate_hz / max(1, round(data.rate_hz / (first * rate)))) != first:
        shape, bound = _feed(data, replace(own.front or Front(), rate_hz=rate_hz))
    blocks = (replace(one, width=min(WIDTH, max(1, round(one.width * width)))) for one in own.value.blocks)
    network = replace(own.value, blocks=tuple(blocks))
    judged = judge.judge_all(sketch_as_stored(own, network, shape, data), bound)
    return Outlook(network, shape, rate_hz, judged, network == own.value and rate_hz == first)


def _feed(data: Dataset, front: Front | None) -> tuple[tuple[int, ...], Any]:
    """Shape of a sample behind a front, and the front as the device has it; no sample is computed."""
    if front is None or data.rate_hz is None or data.recorded is None:
        return (front.shape(data.input_shape) if front else data.input_shape), data.bound
    whole, (length, *_, channels) = lay_over(data.front or Front(), front), data.recorded
    window_s = whole.window_s or length / data.rate_hz
    recorded = 2 * max(length, round(window_s * data.rate_hz)), channels
    bound = replace(whole, window_s=window_s).bind(recorded, data.rate_hz)
    return bound.shape, bound
