"""A study as it stands: every candidate with what is known of it, the front, the choice and how far to trust it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinykit.budget.assessment.budgets import Budgets
from tinykit.choose.design.steps import Say, follow
from tinykit.choose.exploration import unseen
from tinykit.choose.exploration.candidate import Candidate
from tinykit.choose.exploration.journal import TPE, Journal, read_journal, telling_damage
from tinykit.choose.exploration.search import FIGURES, STORED
from tinykit.choose.exploration.training_job import load_source
from tinykit.ground.errors import ParameterError, UnknownTaskError, look_up
from tinykit.ground.facts import shipped_path
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import Result, Rows
from tinykit.model.record import DesignRecord, open_record, tool_versions, workspace_folder
from tinykit.train.datasets.scoring import Accuracy, Difference


@dataclass(frozen=True, slots=True)
class Point(Result):
    """A candidate of a study.

    Parameters
    ----------
    name : sampler and trial, such as "tpe 12", or the name of a hand-made network.
    candidate : what was drawn.
    refused : why it was not trained, "" where it was.
    energy_j, latency_s, arena_bytes, flash_bytes : on the study's first board, None where not judged.
    short : accuracy on one fold after few epochs, 0–1; None where not trained.
    score : by cross-validation, as stored, in TFLM; its interval is that of unseen groups. None but for finalists.
    accuracy : in TFLM on groups that no step has seen; None where the test split was not opened for it.
    opened, tested : when it was; the seed trained with, and the share right of each recording.
    """

    LINE = ("name", "candidate", "energy_j", "score", "accuracy.fraction", "refused")
    JSON = ("name", "candidate", "refused", *FIGURES, "short", "score", "accuracy", "optimism", "opened")

    name: str
    candidate: Candidate
    refused: str = ""
    energy_j: Estimate | None = None
    latency_s: Estimate | None = None
    arena_bytes: Estimate | None = None
    flash_bytes: Estimate | None = None
    short: float | None = None
    score: Estimate | None = None
    accuracy: Accuracy | None = None
    opened: str = ""
    tested: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def optimism(self) -> Estimate | None:
        """The search's own score minus the accuracy on unseen groups; None where one is not known."""
        return unseen.tell_optimism(self.score, self.accuracy) if self.score and self.accuracy else None

    def __str__(self) -> str:
        figures = (self.energy_j, self.latency_s, self.arena_bytes, self.flash_bytes)
        told = [format_quantity(one.value, one.unit) for one in figures if one]
        if (own := self.score) is not None:
            told.append(f"cross-validated {own.value:.3f} [{own.low:.3f} … {own.high:.3f}]")
        told += [f"unseen {self.accuracy}"] if self.accuracy else []
        return f"{self.name}: {self.candidate}; {', '.join(told)}"


@dataclass(frozen=True, slots=True)
class Study(Result):
    """What a search came to.

    Parameters
    ----------
    folder, source : of the journal; where the data are from.
    boards : ids; figures are those of the first.
    trials : every candidate of every sampler, refused ones too.
    chosen : the cheapest finalist that reaches the accuracy budgeted, or where none is within one standard error of the
        best; None where no finalist does.
    baseline : the task's hand-made network on the same folds with the same seeds, trained on top of the search's time;
        None where it has none.
    random : the choice of a random search, which had as many trials or as long, where one was run.
    resumed : trials that had ended before this start.
    budgets : what a network may take.
    """

    LINE = ("folder", "boards", "trials", "chosen.name", "optimism", "resumed")
    JSON = (
        "boards",
        "front",
        "trials=count",
        "refused",
        "chosen",
        "optimism",
        "baseline",
        "random",
        "against",
        "resumed",
    )

    folder: Path
    source: Mapping[str, Any] = field(repr=False)
    boards: tuple[str, ...]
    trials: Rows[Point]
    chosen: Point | None
    baseline: Point | None
    random: Point | None
    resumed: int = 0
    budgets: Budgets = field(default=Budgets(), repr=False)

    @property
    def count(self) -> int:
        """How many candidates were drawn."""
        return len(self.trials)

    @property
    def refused(self) -> Rows[Point]:
        """Those that were not trained, each with its reason."""
        return Rows(one for one in self.trials if one.refused)

    @property
    def front(self) -> Rows[Point]:
        """Finalists that no other beats in energy and score, the cheapest first."""
        return self.find_front("energy_j", "score")

    def find_front(self, one: str, other: str) -> Rows[Point]:
        """Finalists that no other beats in two of `FIGURES` and "score", the best by the first one first."""
        able = [point for point in self.trials if point.score and not point.refused]
        own = [point for point in able if getattr(point, one) and getattr(point, other)]
        lower = [[getattr(point, name).value * (-1) ** (name == "score") for point in own] for name in (one, other)]
        fronts = unseen.rank_fronts(lower[0], [-cost for cost in lower[1]])
        return Rows(own[place] for front in fronts[:1] for place in front)

    @property
    def optimism(self) -> Estimate | None:
        """That of the chosen one."""
        return self.chosen.optimism if self.chosen else None

    @property
    def against(self) -> Difference | None:
        """Accuracy of the chosen minus the hand-made, paired by unseen recordings; None where one was not tested."""
        sides = [one.tested for one in (self.chosen, self.baseline) if one and one.tested]
        return unseen.compare_recordings(*sides) if len(sides) > 1 else None

    def find(self, name: str) -> Point:
        """The candidate of a name; the number alone is that of sampler "tpe". ParameterError: there is none."""
        known = {one.name: one for one in (*self.trials, *filter(None, [self.baseline]))}
        full = f"{TPE} {name}" if name.isdigit() else name
        return look_up(full, known, f"no trial {name!r} in {self.folder}", ParameterError)

    def pick(self, name: str, folder: Path, *, say: Say = lambda _: None) -> DesignRecord:
        """A design record of a candidate, made again by its recipe, from which report, ledger and firmware go on.

        ParameterError: no such candidate, or one that was refused. OutputError: the folder cannot be written.
        """
        point = self.find(name)
        if point.refused:
            raise ParameterError(f"trial {name!r} was refused: {point.refused}; pick one of the front")
        data = load_source(self.source, point.candidate.front)
        record = open_record(folder, data.name, data_sha256=data.sha256, tools=tool_versions())
        seed = point.tested.get("seed", 1)
        steps = point.candidate.steps(seed, study=str(self.folder), trial=point.name, seeds=[seed])
        return follow(record, steps, data, say=say)

    def summary(self) -> tuple[str, ...]:
        """The result in a few lines for the terminal."""
        rows = [("chosen", self.chosen), ("hand-made", self.baseline), ("random search", self.random)]
        told = [f"{title}: {one}" for title, one in rows if one]
        if self.chosen and self.chosen.tested:
            told += [f"optimism, search minus unseen: {self.optimism}", f"test split opened {self.chosen.opened}"]
        if self.against:
            told.append(f"chosen minus hand-made on unseen recordings: {self.against}")
        return (f"{self.count} candidates, {len(self.refused)} refused untrained, {self.resumed} taken over; front:",
                *(f"  {one}" for one in self.front), *told, f"written to {self.folder}")  # fmt: skip


def read_study(folder: Path, journal: Journal | None = None, resumed: int = 0) -> Study:
    """The study in a folder as far as it went; RecordError: there is none, or its journal is damaged."""
    journal = journal or read_journal(folder)
    with telling_damage(folder):
        identity, made = journal.recall("identity"), journal.recall("made") or {}
        known = {name: _read_point(journal, name, trial.user_attrs) for name, trial in journal.list_ended()}
        hand = made.get("hand-made")
        baseline = _read_point(journal, hand["network"], {"candidate": hand}) if hand else None
        chosen, other = (known.get(made.get(name) or "") for name in ("chosen", "random"))
        boards = tuple(map(str, identity["boards"]))
        rows = Rows(known.values())
        wished = Budgets(**identity["budgets"])
        study = Study(folder, dict(identity["source"]), boards, rows, chosen, baseline, other, resumed, wished)
        study.summary()  # what cannot be told is damage too, and is found here
        return study


def _read_point(journal: Journal, name: str, known: Mapping[str, Any]) -> Point:
    tested, hits = journal.recall(f"{name}: test") or {}, journal.recall(f"{name}: {STORED}")
    tested = {**tested, "seed": int(tested["seed"])} if tested else {}
    judged = {**known.get("judged", {}), **tested.get("judged", {})}
    figures = {one: _to_estimate(judged[one]) for one in FIGURES if judged.get(one)}
    return Point(
        name, Candidate.from_json(known["candidate"]), known.get("refused", ""), **figures,
        short=unseen.share_right([known["short"]]) if "short" in known else None,
        score=unseen.predict_unseen(hits, **journal.recall("unseen")) if hits else None,
        accuracy=Accuracy(**{"n_clusters": None, **tested["accuracy"]}) if tested else None,
        opened=tested.get("opened", ""), tested=tested,
    )  # fmt: skip


def _to_estimate(known: Mapping[str, Any]) -> Estimate:
    told = str(known.get("source", "as judged untrained, when it was written down"))
    rest = {"runtime": known.get("runtime", ""), "sources": tuple(told.split("; "))}
    return Estimate(*(known[name] for name in ("value", "low", "high", "unit", "basis")), **rest)


def choose(points: Mapping[str, Point], hits: Mapping[str, Any], least: float | None = None) -> str | None:
    """The cheapest finalist that reaches an accuracy, or else is within one standard error of the best; None: none."""
    costs = {name: points[name].energy_j.value for name in hits}  # type: ignore[union-attr]
    if least is not None:
        return min(
            (name for name in hits if unseen.share_right(hits[name]) >= least), key=costs.__getitem__, default=None
        )
    return [*hits][unseen.choose_cheapest([*costs.values()], [*hits.values()])] if hits else None


def find_trial(name: str, task: str) -> tuple[Study, str]:
    """The study and the trial that `study:FOLDER:TRIAL` names; `study:TRIAL` is of the task's study in the workspace.

    ParameterError: no such trial. RecordError: no study there.
    """
    where, _, trial = name.removeprefix("study:").rpartition(":")
    study = read_study(Path(where) if where else default_folder(task))
    return study, study.find(trial).name


def shipped_study(task: str = "watch-exercises") -> Study:
    """The study of a task that the kit ships, to read; UnknownTaskError: it ships none of that task."""
    known = {path.name: path for path in sorted(shipped_path("data", "explored").iterdir())}
    return read_study(look_up(task, known, f"no study of {task!r} is shipped", UnknownTaskError))


def default_folder(task: str) -> Path:
    """Where the study of a task lies if no folder is named: in the workspace."""
    return Path(workspace_folder()) / f"explore-{task}"
