"""One search: candidates drawn and judged, the best of them trained on every fold, then as they are stored."""

import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinykit.choose.exploration import training_job
from tinykit.choose.exploration.candidate import Candidate
from tinykit.choose.exploration.executing import Executor
from tinykit.choose.exploration.jobs import Done, Failed
from tinykit.choose.exploration.journal import RANDOM, Journal, load_optuna
from tinykit.choose.exploration.judging import Judge, Judgement
from tinykit.choose.exploration.space import Space
from tinykit.choose.exploration.unseen import order_for_choice, rank_fronts, share_right
from tinykit.ground.errors import MACHINE, EngineError, ParameterError, TinykitError
from tinykit.ground.results import Result
from tinykit.ground.writing import write_atomically
from tinykit.train.architecture.sketching import sketch
from tinykit.train.architecture.value import Architecture
from tinykit.train.compress.recipe import Progress
from tinykit.train.datasets.dataset import Dataset

FOLDS, SEEDS, FINALISTS, SKETCHES = 3, 2, 6, 64
FIGURES = ("energy_j", "latency_s", "arena_bytes", "flash_bytes")
SHORT, FULL, STORED = "one fold, few epochs", "every fold", "as stored"
SHARES = {SHORT: 0.5, FULL: 0.2, STORED: 0.3}
"""The rungs of a search, and what each may take of its time."""
_FRUITLESS, _REPEATS, _CONVERSION_S, _INFINITE = 5, 40, 4.0, 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Desk(Result):
    """What all searches of one study work with; `source` is the data's, `seed` of draws, folds and trainings."""

    source: dict[str, Any]
    space: Space
    judge: Judge
    journal: Journal
    executor: Executor
    seed: int
    progress: Progress

    def work(self, jobs: Mapping[str, tuple[Any, ...]], stage: str) -> dict[str, Any]:
        """What jobs {key: (function, arguments…)} came to by key, out of the journal where known; no failed ones."""
        missing = [key for key in jobs if self.journal.recall(key) is None]
        for key in missing:
            self.executor.submit(key, *jobs[key])
        for done, (job, ended) in enumerate(self.results(), 1):
            if isinstance(ended, Done) or ended.status != MACHINE:  # another day it may run
                self.journal.keep(str(job), ended.answer if isinstance(ended, Done) else {"failed": ended.reason})
            self.progress(stage, done, len(missing), "" if isinstance(ended, Done) else ended.reason)
        found = {key: self.journal.recall(key) for key in jobs}
        return {key: answer for key, answer in found.items() if answer and "failed" not in answer}

    def results(self) -> Iterator[tuple[Hashable, Done | Failed]]:
        """Those of the executor as they come; EngineError where one training after the other fails."""
        fruitless = 0
        for key, ended in self.executor.as_completed():
            fruitless = fruitless + 1 if isinstance(ended, Failed) else 0
            if isinstance(ended, Failed) and fruitless >= _FRUITLESS:
                raise EngineError(f"{fruitless} trainings in a row failed: {ended.reason}\nwhat had ended is kept")
            yield key, ended

    def train(self, candidates: Mapping[str, Any], rung: str, epochs: int, seeds: range) -> dict[str, list[Any]]:
        """Hits of candidates {name: plain values} on every fold with every seed; without those that failed on one."""
        jobs = {
            f"{name}: {rung}, fold {fold}, seed {seed}": (
                training_job.score_fold, self.source, own, self.rung(fold, self.seed + seed, epochs)
            )
            for name, own in candidates.items() for seed in seeds for fold in range(FOLDS)
        }  # fmt: skip
        found = self.work(jobs, rung)
        hits = {}
        for name in candidates:
            own = [found[key] for key in jobs if key in found and key.startswith(f"{name}: ")]
            if len(own) == FOLDS * len(seeds):
                hits[name] = own
                self.journal.keep(f"{name}: {rung}", own)
        return hits

    def open_test(self, candidates: Mapping[str, Candidate], folder: Path) -> None:
        """Look at the test split for these alone, once for each; their models lie in the folder from then on."""
        seed = self.seed + 1
        for name in (name for name in candidates if self.journal.recall(f"{name}: test") is None):
            self.executor.submit(name, training_job.open_test, self.source, candidates[name].to_json(), seed)
        for job, ended in self.results():
            if isinstance(ended, Failed):
                raise EngineError(f"{job} cannot be made for the test: {ended.reason}\nwhat had ended is kept")
            answer = dict(ended.answer)
            model = answer.pop("model")
            write_atomically(folder / f"{job}.tflite", model)
            before = training_job.load_source(self.source, candidates[str(job)].front).bound
            found, when = self.judge.judge(model, before), datetime.now(UTC).isoformat(timespec="seconds")
            known = {**answer, "judged": list_figures(found), "opened": when, "seed": seed}
            self.journal.keep(f"{job}: test", known)

    def rung(self, fold: int, seed: int, epochs: int) -> dict[str, Any]:
        """What `score_fold` takes of a rung."""
        return {"fold": fold, "folds": FOLDS, "dealt": self.seed, "seed": seed, "epochs": epochs}


class Search:
    """A search by one sampler, for so many trials or so long [s], the other None."""

    def __init__(self, desk: Desk, sampler: str, trials: int | None, seconds: float | None) -> None:
        self._desk, self._sampler, self._trials, self._seconds = desk, sampler, trials, seconds
        self._optuna, self._study = load_optuna(), desk.journal.studies[sampler]
        self.resumed = desk.journal.revive(sampler)
        self._running: dict[Hashable, Any] = {}
        known = [*desk.journal.trials(sampler, "COMPLETE"), *desk.journal.trials(sampler, "FAIL")]
        self._seen = {
            one.user_attrs.get("sha256") for one in known if {"failed", "refused", "short"} & {*one.user_attrs}
        }
        self._start = time.monotonic() - float(desk.journal.recall(f"spent by {sampler}") or 0)
        self._exhausted, self._short = False, max(1, desk.space.fit.epochs // 3)

    def run(self) -> dict[str, list[Any]]:
        """All rungs but what the journal has already; the finalists' hits, as stored, by name."""
        self._refill()
        for job_id, ended in self._desk.results():
            self._take(job_id, ended)
            self._refill()
        names = {f"{self._sampler} {trial.number}": trial for trial in self._trained()}
        costs = {name: trial.values[1] for name, trial in names.items()}
        fronts = rank_fronts([*costs.values()], [trial.values[0] for trial in names.values()])
        order = [[*names][place] for front in fronts for place in reversed(front)]  # the most accurate of each first
        seconds = sorted(trial.user_attrs["short"]["seconds"] for trial in names.values())
        each = seconds[len(seconds) // 2] * self._desk.space.fit.epochs / self._short if seconds else 1.0
        several = self._afford(FULL, FOLDS * each, len(order) // 4)
        every = {name: names[name].user_attrs["candidate"] for name in order[:several]}
        hits = self._desk.train(every, FULL, self._desk.space.fit.epochs, range(1))
        places = order_for_choice([costs[name] for name in hits], [*hits.values()], self._desk.judge.budgets.accuracy)
        few = min(FINALISTS, self._afford(STORED, FOLDS * SEEDS * (2 * each + _CONVERSION_S), len(order) // 8))
        last = {name: every[name] for name in [[*hits][place] for place in places[:few]]}
        return self._desk.train(last, STORED, 0, range(1, 1 + SEEDS))

    def _afford(self, rung: str, each_s: float, otherwise: int) -> int:
        """How many candidates a rung's share of the time has room for, two at least."""
        if self._seconds is None:
            return max(2, otherwise)
        return max(2, int(SHARES[rung] * self._seconds * max(1, self._desk.executor.workers) / max(each_s, 1e-3)))

    def _trained(self) -> list[Any]:
        done = self._desk.journal.trials(self._sampler, "COMPLETE")
        return [one for one in done if "short" in one.user_attrs]

    def _refill(self) -> None:
        """Draw, judge and hand out candidates until two wait for each worker."""
        while len(self._running) < 2 * max(1, self._desk.executor.workers) and not self._is_over():
            if (trial := self._ask()) is None:
                return
            candidate = self._desk.space.candidate(trial.params)
            found = sketch_and_judge(self._desk.source, self._desk.judge, candidate)
            with self._desk.journal.writing():
                trial.set_user_attr("candidate", candidate.to_json())
                if isinstance(found, str) or found.refused:
                    self._refuse(trial, found)
                    continue
                trial.set_user_attr("judged", list_figures(found))
            key = f"{self._sampler} {trial.number}"
            self._running[key] = trial
            rung = self._desk.rung(0, self._desk.seed, self._short)
            self._desk.executor.submit(key, training_job.score_fold, self._desk.source, candidate.to_json(), rung)

    def _is_over(self) -> bool:
        if self._exhausted:
            return True
        if self._seconds is not None:
            return time.monotonic() - self._start > SHARES[SHORT] * self._seconds
        return len(self._desk.journal.trials(self._sampler, "COMPLETE", "RUNNING")) >= (self._trials or 0)

    def _ask(self) -> Any:
        """A trial whose candidate was never drawn, its hash noted; None where the space has no other, it seems."""
        for attempt in range(_REPEATS):
            number = len(self._desk.journal.trials(self._sampler))
            self._study.sampler = self._make_sampler(number, plain=self._sampler == RANDOM or attempt > 2)
            with self._desk.journal.writing():
                trial = self._study.ask(self._list_axes())
                drawn = self._desk.space.candidate(trial.params).sha256
                if drawn not in self._seen:
                    self._seen.add(drawn)
                    trial.set_user_attr("sha256", drawn)
                    return trial
                self._desk.journal.fail(self._sampler, trial)
        self._exhausted = True
        return None

    def _make_sampler(self, number: int, *, plain: bool) -> Any:
        """One for this draw alone, so that a search that goes on draws no number twice."""
        place, samplers = number + 2**30 * (self._sampler == RANDOM), self._optuna.samplers  # not what TPE starts with
        seed = (self._desk.seed * 1_000_003 + place) % 2**31
        return samplers.RandomSampler(seed) if plain else samplers.TPESampler(seed=seed, multivariate=True)

    def _list_axes(self) -> dict[str, Any]:
        kinds, space = self._optuna.distributions, self._desk.space
        ordered = {name: kinds.IntDistribution(0, len(own) - 1) for name, own in space.axes.items()}
        others = {name: own for name, own in space.axes.items() if not all(isinstance(one, int | float) for one in own)}
        return {**ordered, **{name: kinds.CategoricalDistribution(range(len(own))) for name, own in others.items()}}

    def _refuse(self, trial: Any, found: Judgement | str) -> None:
        known = None if isinstance(found, str) else found.energy_j
        worst = _INFINITE if isinstance(found, str) else max(check.excess for check in found.refused)
        trial.set_user_attr("refused", found if isinstance(found, str) else "; ".join(map(str, found.refused)))
        trial.set_user_attr("judged", {} if isinstance(found, str) else list_figures(found))
        trial.set_constraint("budgets", min(_INFINITE, worst))
        self._study.tell(trial, [0.0, known.value if known else _INFINITE])

    def _take(self, job_id: Hashable, ended: Done | Failed) -> None:
        """Tell what a candidate came to on one fold; where the machine failed it stays open, for the next start."""
        journal, trial = self._desk.journal, self._running.pop(job_id)
        with journal.writing():
            if isinstance(ended, Failed) and ended.status != MACHINE:
                trial.set_user_attr("failed", ended.reason)
                journal.fail(self._sampler, trial)
            elif isinstance(ended, Done):
                trial.set_user_attr("short", ended.answer)
                trial.set_constraint("budgets", 0.0)
                self._study.tell(trial, [share_right([ended.answer]), trial.user_attrs["judged"]["energy_j"]["value"]])
        spent = time.monotonic() - self._start
        journal.keep(f"spent by {self._sampler}", round(spent, 3))
        self._tell(spent)

    def _tell(self, spent: float) -> None:
        front = sorted((one.values[1], one.values[0]) for one in self._study.best_trials if "short" in one.user_attrs)
        told = ", ".join(f"{score:.2f} at {1e6 * cost:.3g} µJ" for cost, score in front[-3:])
        done, total = len(self._desk.journal.trials(self._sampler, "COMPLETE")), self._trials or 0
        if self._seconds is not None:
            total = round(done * SHARES[SHORT] * self._seconds / max(spent, 1e-3))
            told += f"; {max(0.0, self._seconds - spent) / 60:.1f} min left"
        self._desk.progress(f"{self._sampler}, {SHORT}", done, max(done, total), f"front {told}")


def sketch_and_judge(source: Mapping[str, Any], judge: Judge, candidate: Candidate) -> Judgement | str:
    """Verdicts on the untrained candidate, or in words why there can be no such network."""
    try:
        data = training_job.load_source(source, candidate.front)
        found = judge.judge(sketch_as_stored(candidate, candidate.value, data.input_shape, data), data.bound)
        unknown = "the energy of an inference there is unknown; give Use a run_current_a"
        return found if found.refused or found.energy_j else unknown
    except TinykitError as error:
        return " ".join(str(error).split())


def sketch_as_stored(candidate: Candidate, network: Architecture, input_shape: tuple[int, ...], data: Dataset) -> bytes:
    """The untrained file of a candidate's network, or of another in its place, for the classes of the data."""
    return sketch(network, input_shape=input_shape, classes=len(data.classes), precision=candidate.stored_as)


def list_figures(found: Judgement) -> dict[str, Any]:
    """What is known of a network's cost, as plain values."""
    return {name: one.to_json() for name in FIGURES if (one := getattr(found, name)) is not None}


def require_possible(source: Mapping[str, Any], judge: Judge, space: Space, seed: int) -> None:
    """ParameterError where none of so many sketches meets the budgets: which ones bind, and what the nearest lacks."""
    found = []
    for places in space.draw(SKETCHES, seed):
        found.append(sketch_and_judge(source, judge, space.candidate(places)))
        if not isinstance(found[-1], str) and not found[-1].refused:
            return
    judged = [one for one in found if not isinstance(one, str)]
    if not judged:
        raise ParameterError(f"the space is empty: none of {SKETCHES} sketches can be searched; the last: {found[-1]}")
    nearest = min(judged, key=lambda one: sorted((check.excess for check in one.refused), reverse=True))
    raise ParameterError(
        f"none of {SKETCHES} sketches meets the budgets; the nearest: {'; '.join(map(str, nearest.refused))}\n"
        "allow more, take another board, or give the space smaller networks"
    )
