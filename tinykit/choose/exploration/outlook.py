"""Networks of a study where it did not search: its points on another board, and one on many boards as it is changed."""

from dataclasses import dataclass, field, replace
from typing import Any

from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.verdict import Verdict
from tinykit.choose.exploration.candidate import Candidate
from tinykit.choose.exploration.judging import Judge, Judgement
from tinykit.choose.exploration.search import FIGURES
from tinykit.choose.exploration.study import Point, Study
from tinykit.choose.exploration.training_job import lay_over, load_source
from tinykit.ground.errors import ParameterError, TinykitError
from tinykit.ground.results import Result, Rows
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.target.boards.record import Board
from tinykit.target.target import Target
from tinykit.train.architecture.sketching import sketch
from tinykit.train.architecture.value import WIDTH, Architecture
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.fronts.front import Front


@dataclass(frozen=True, slots=True)
class Outlook(Result):
    """A network of a study, wider or fed slower, its sketch and input, the untrained verdict of each board, and whether
    it is `as_searched`; the rate is None of pictures and features."""

    LINE = ("architecture", "input_shape", "rate_hz")

    architecture: Architecture
    input_shape: tuple[int, ...]
    rate_hz: float | None
    graph: ModelGraph = field(repr=False)
    judged: Rows[Judgement]
    as_searched: bool

    def list_boards(self, verdict: Verdict) -> tuple[str, ...]:
        """Ids of the boards with a verdict."""
        return tuple(one.target.board.id for one in self.judged if one.verdict == verdict)


def judge_on(study: Study, target: Target | Board | str, use: Use | None = None) -> Study:
    """The study as if judged on another board, untrained; scores stay, and the use is `explore`'s own if None."""
    judge, data = Judge(study.budgets, [target], use or Use(period_s=2.0, battery="cr2032")), load_source(study.source)
    moved = {one.name: _move(one, data, judge) for one in (*study.trials, study.baseline) if one}
    named = {name: (one := getattr(study, name)) and moved[one.name] for name in ("chosen", "baseline", "random")}
    trials, boards = Rows(moved[one.name] for one in study.trials), (judge.targets[0].board.id,)
    return replace(study, boards=boards, trials=trials, **named)


def _move(point: Point, data: Dataset, judge: Judge) -> Point:
    try:
        shape, bound = _feed(data, point.candidate.front)
        found = judge.judge(_sketch(point.candidate, point.candidate.value, shape, data), bound)
    except TinykitError as error:
        return replace(point, refused=" ".join(str(error).split()), **dict.fromkeys(FIGURES))
    figures = {name: getattr(found, name) for name in FIGURES}
    return replace(point, refused="; ".join(map(str, found.refused)), **figures)


def look_out(study: Study, name: str, judge: Judge, *, width: float = 1.0, rate_hz: float | None = None) -> Outlook:
    """A point of a study with every block `width` times as wide, fed at the nearest rate [Hz] that can be, or its own.

    ParameterError: no such point, a width or rate out of range, or a network that its input has no room for.
    """
    own, data = study.find(name).candidate, load_source(study.source)
    most, (shape, bound) = data.rate_hz if data.recorded else None, _feed(data, own.front)
    if not 0 < width <= WIDTH or not 0 < (rate_hz or most or 1.0) <= (most or 1.0):
        raise ParameterError(f"width {width:g}, rate {rate_hz} Hz; give a width above 0 and a rate up to {most} Hz")
    first = rate = bound.rate_hz if bound else most
    if rate_hz and most and (rate := most / round(most / rate_hz)) != first:
        shape, bound = _feed(data, replace(own.front or Front(), rate_hz=rate))
    blocks = (replace(one, width=min(WIDTH, max(1, round(one.width * width)))) for one in own.value.blocks)
    network = replace(own.value, blocks=tuple(blocks))
    graph, same = _sketch(own, network, shape, data), network == own.value and rate == first
    return Outlook(network, shape, rate, graph, judge.judge_all(graph, bound), same)


def _feed(data: Dataset, front: Front | None) -> tuple[tuple[int, ...], Any]:
    """Shape of a sample behind a front, and the front as the device has it; no sample is computed."""
    if front is None or data.rate_hz is None or data.recorded is None:
        return (front.shape(data.input_shape) if front else data.input_shape), data.bound
    whole, (length, *_, channels) = lay_over(data.front or Front(), front), data.recorded
    whole = replace(whole, window_s=whole.window_s or length / data.rate_hz)
    bound = whole.bind((2 * max(length, round(whole.window_s * data.rate_hz)), channels), data.rate_hz)
    return bound.shape, bound


def _sketch(candidate: Candidate, network: Architecture, shape: tuple[int, ...], data: Dataset) -> ModelGraph:
    known = {"input_shape": shape, "classes": len(data.classes)}
    return read(sketch(network, **known, precision=candidate.precision.split()[0]))
