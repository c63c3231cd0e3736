"""`explore`: a search under budgets, and the one look at groups that no step of it has seen."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from reprlib import repr as say
from typing import Any

import numpy as np

from tinykit.budget.assessment.budgets import Budgets
from tinykit.budget.assessment.use import Use
from tinykit.choose.design.own import own_recipe
from tinykit.choose.design.steps import recipe_of
from tinykit.choose.exploration.candidate import Candidate
from tinykit.choose.exploration.executing import open_executor
from tinykit.choose.exploration.journal import RANDOM, TPE, load_optuna, open_journal
from tinykit.choose.exploration.judging import Judge
from tinykit.choose.exploration.search import SEEDS, STORED, Desk, Search, require_possible
from tinykit.choose.exploration.space import Space
from tinykit.choose.exploration.study import Study, choose, default_folder, read_study
from tinykit.choose.exploration.training_job import keep_dataset, load_source
from tinykit.ground.errors import ParameterError, keywords
from tinykit.model.record import tool_versions
from tinykit.target.boards.record import Board
from tinykit.target.target import Target
from tinykit.train.compress.recipe import Bar, Progress
from tinykit.train.datasets.card import read_card
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.shipped import load_dataset, tasks

Places = Target | Board | str


@keywords
def explore(
    data: str | Dataset | Mapping[str, Any] = "watch-exercises", budgets: Budgets | None = None, *,
    boards: Places | Sequence[Places] = "nucleo-l4r5zi", minutes: float | None = None, trials: int | None = None,
    workers: int | str = 0, folder: str | Path | None = None, seed: int = 0, sampler: str = TPE, random: bool = False,
    space: Space | None = None, use: Use | None = None, progress: Progress | None = None
) -> Study:  # fmt: skip
    """Search networks, windows and rates that meet budgets; a study in the same folder goes on where it ended.

    Candidates are judged untrained, then trained on one fold of the groups, the best on every fold, and their best with
    new seeds as they are stored. One is chosen; on the test split that one is looked at alone, beside the task's own
    network and a random search's choice.

    Parameters
    ----------
    data : a task's id, a dataset, or the arguments of `read_folder` ("folder" …) or `read_npz` ("npz" …).
    budgets : what a network may take; nothing is refused if None.
    boards : on all of which they hold; the energy to lower is that on the first.
    minutes : for the searches, as far as trainings can be foreseen; the task's own network and what is made for the
        test come on top. 20 if neither is given.
    trials : candidates to draw, instead of minutes.
    workers : 0 for this process, a number of processes, or the address of a Dask scheduler.
    folder : of the journal; in the workspace if None.
    seed : of draws, folds and trainings; the same one gives the same study in this process.
    sampler : "tpe" or "random".
    random : whether a random search takes half of the time or trials, to compare with.
    space : what may vary; `Space.of` the data if None.
    use : period and cell, for the budgets of life and heat; an inference every 2 s from a CR2032 if None.
    progress : called as training calls it; a bar if None.

    Raises
    ------
    ParameterError : no time, an empty space, or budgets that no sketch of it meets. DataError : too few groups.
    RecordError : the folder holds another study. EngineError : workers are lost, or no training succeeds.
    OutputError : the journal cannot be written; what had ended is kept.
    """
    if sampler not in (TPE, RANDOM) or any(own is not None and not 0 < own < math.inf for own in (minutes, trials)):
        raise ParameterError(
            f"sampler {sampler!r}, minutes {minutes}, trials {trials}; give {TPE!r} or {RANDOM!r}, and a number above 0"
        )
    load_optuna()
    place = Path(folder or default_folder(_name(data)))
    source, listed = _find_source(data, place), [boards] if isinstance(boards, Target | Board | str) else boards
    whole = load_source(source)
    task = _find_task(data, source)
    use = use or Use(period_s=2.0, battery="cr2032", task=task)
    judge = Judge(budgets or Budgets(), listed, use)
    space = space or Space.of(whole, (recipe_of(task) if task else own_recipe(whole)).train, fronts="npz" not in source)
    require_possible(source, judge, space, seed)
    samplers = (TPE, RANDOM) if random and sampler == TPE else (sampler,)
    most = (-(-trials // len(samplers)), None) if trials else (None, 60 * (minutes or 20) / len(samplers))
    identity = {
        "source": source, "data": whole.sha256, "boards": [one.board.id for one in judge.targets], "seed": seed,
        "budgets": judge.budgets.to_json(), "use": use.to_json(), "space": space.to_json(), "samplers": samplers,
        "versions": {**tool_versions(), **{name: metadata.version(name) for name in ("tinykit", "optuna")}},
    }  # fmt: skip
    show = progress or Bar()
    opened = open_executor(workers, task=source.get("task"), tell=lambda line: show("workers", 0, 1, line))
    with open_journal(place, identity) as journal, opened as executor:
        return _run(Desk(source, space, judge, journal, executor, seed, show), samplers, most, place, task)


def _name(data: str | Dataset | Mapping[str, Any]) -> str:
    if isinstance(data, Mapping):
        return Path(str(data.get("folder") or data.get("npz") or data.get("task"))).stem
    return Path(data.name).name if isinstance(data, Dataset) else data


def _find_source(data: str | Dataset | Mapping[str, Any], folder: Path) -> dict[str, Any]:
    if isinstance(data, Dataset):
        return keep_dataset(data, folder)
    plain = {"task": data} if isinstance(data, str) else {**data}
    try:
        return dict(json.loads(json.dumps(plain, default=os.fspath)))
    except TypeError as error:
        raise ParameterError(
            f"data {say(plain)}: {error}; give text, paths and numbers, as workers take them"
        ) from error


def _find_task(data: str | Dataset | Mapping[str, Any], source: Mapping[str, Any]) -> str | None:
    """The shipped task that the data are, known by their content: a file of one's own may bear its name."""
    name = data.name if isinstance(data, Dataset) else source.get("task")
    known = name in tasks() and (not isinstance(data, Dataset) or data.sha256 == load_dataset(name).sha256)
    return name if known else None


def _run(desk: Desk, samplers: Sequence[str], most: tuple[Any, Any], folder: Path, task: str | None) -> Study:
    """The searches one after the other, the hand-made network under the same rule, and what they chose on the test."""
    whole = load_source(desk.source)
    desk.journal.keep("unseen", {"groups": len(np.unique(whole.test.groups)), "samples": len(whole.test)})
    made: dict[str, Any] = {}
    resumed = 0
    for sampler in samplers:
        search = Search(desk, sampler, *most)
        resumed, hits = resumed + search.resumed, search.run()
        points = {one.name: one for one in read_study(folder, desk.journal).trials}
        made["chosen" if sampler == samplers[0] else RANDOM] = choose(points, hits, desk.judge.budgets.accuracy)
    if task:
        fit = recipe_of(task).train
        hand = Candidate(None, fit, network=read_card(task).network, precision="int8 QAT").to_json()
        desk.train({hand["network"]: hand}, STORED, 0, range(1, 1 + SEEDS))
        made["hand-made"] = hand
    desk.journal.keep("made", made)
    study = read_study(folder, desk.journal, resumed)
    shown = filter(None, (study.chosen, study.random, study.baseline))
    desk.open_test({one.name: one.candidate for one in shown}, folder)
    return read_study(folder, desk.journal, resumed)
