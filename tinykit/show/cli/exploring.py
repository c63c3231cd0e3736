"""Command `explore`: a search under budgets, with a line of progress where nobody sees a bar."""

import sys
import time
from pathlib import Path
from typing import Any

from tinykit.budget.assessment.budgets import Budgets
from tinykit.ground.errors import printable
from tinykit.ground.writing import write_atomically
from tinykit.show.cli.models import Options
from tinykit.show.cli.text import say, say_json, say_table
from tinykit.target.boards import boards
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.fronts.bound import BoundFront

_LINE_S = 15.0
DEFAULT, TASK = "nucleo-l4r5zi", "watch-exercises"


def explore(options: Options) -> int:
    """`tinykit explore`."""
    # These pull in the training floor, and Optuna.
    from tinykit.budget.assessment.use import Use
    from tinykit.choose.exploration.exploring import explore as search
    from tinykit.choose.exploration.judging import Judge, rank_boards, read_prices
    from tinykit.show.cli.own import own_source

    names = {"flash_bytes": options.flash, "arena_bytes": options.sram, "latency_s": options.latency}
    budgets = Budgets(**names, energy_j=options.energy, life_s=options.life, accuracy=options.accuracy)
    everywhere = options.board == "all"
    prices = read_prices(options.prices, [one.id for one in boards()]) if options.prices else {}
    use = Use(period_s=options.period, battery=options.battery, task=None if options.data else options.task or TASK)
    study = _draw(search(
        own_source(options) or options.task or TASK, budgets, boards=DEFAULT if everywhere else options.board,
        minutes=options.minutes, trials=options.trials, workers=options.workers, folder=options.study,
        seed=options.seed, use=use, sampler=options.sampler, random=options.random,
        progress=None if sys.stderr.isatty() else _Lines(),
    ))  # fmt: skip
    judge = Judge(budgets, boards(), use) if everywhere and study.chosen else None
    ranked = rank_boards(judge.judge_all(*_take_chosen(study)) if judge else (), prices)
    if options.json:
        say_json({**study.to_json(), **({"ranked": [one.to_json() for one in ranked]} if everywhere else {})})
    else:
        say(*study.summary())
        if everywhere:
            _say_ranked(ranked)
    return 0 if study.chosen and (ranked or not everywhere) else 1


def take_trial(options: Options) -> tuple[Dataset, str]:
    """Data and trained network of `design --model study:…`, the first through the trial's window and rate."""
    from tinykit.choose.exploration.study import find_trial
    from tinykit.choose.exploration.training_job import load_source

    study, name = find_trial(options.model, options.task or TASK)
    record = study.pick(name, Path(options.out) / "picked", say=say)
    return load_source(study.source, study.find(name).candidate.front), str(record.path("float"))


def _draw(study: Any) -> Any:
    """The study, its front drawn beside its journal."""
    from tinykit.show.plots import KitFigure, plot_front, to_png

    plot_front(study, ax=(figure := KitFigure((8.4, 4.4), layout="constrained")).add_subplot())
    write_atomically(study.folder / "front.png", to_png(figure))
    return study


def _say_ranked(ranked: Any) -> None:
    prices = ("unknown" if one.price is None else f"{one.price:g}" for one in ranked)
    rows = [(one.board, price, str(one.judgement)) for one, price in zip(ranked, prices, strict=True)]
    say_table(("board of the chosen", "price", "verdict"), rows)


def _take_chosen(study: Any) -> tuple[bytes, BoundFront | None]:
    """The model of the choice, and the front before it."""
    from tinykit.choose.exploration.training_job import load_source

    model = study.folder / f"{study.chosen.name}.tflite"
    return model.read_bytes(), load_source(study.source, study.chosen.candidate.front).bound


class _Lines:
    """Progress as a line on stderr, at a stage's start and end and now and then between."""

    def __init__(self) -> None:
        self._stage, self._last_s = "", 0.0

    def __call__(self, stage: str, step: int, total: int, text: str) -> None:
        now = time.monotonic()
        if stage != self._stage or step >= total or now - self._last_s > _LINE_S:
            print(printable(f"{stage}: {step} of {total}; {text}".rstrip("; ")), file=sys.stderr, flush=True)
            self._stage, self._last_s = stage, now
