"""What the kit ships: models of a design, so that any notebook can start in the middle, and the compression studies.

`python -m tools.studies checkpoints|studies [FOLDER]` makes them again; the studies take about 20 minutes on two cores.
`python -m tools.studies explored [FOLDER [OUT]]` makes the search that is shipped, in 40 minutes; what an earlier start
left in FOLDER goes on, and a search that has ended is only judged again and trimmed.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tinykit.budget.assessment.use import Use
from tinykit.choose.design.outcome import DesignGoal
from tinykit.choose.design.run import make_models
from tinykit.choose.design.steps import Say, Step, convert_steps, follow, recipe_of
from tinykit.choose.design.studies import (
    CLUSTERS,
    GRID,
    PRECISIONS,
    SPARSITIES,
    CompressionStudy,
    name_parent,
    name_point,
    studies,
)
from tinykit.choose.exploration.exploring import explore
from tinykit.choose.exploration.journal import FILE, RANDOM, TPE, Journal, load_optuna, read_journal
from tinykit.choose.exploration.outlook import judge_on
from tinykit.choose.exploration.search import FIGURES, STORED
from tinykit.choose.exploration.study import Point, Study, default_folder, read_study
from tinykit.choose.ledger.choosing import Budgets
from tinykit.ground.facts import without_none
from tinykit.ground.quantity import Estimate
from tinykit.ground.writing import write_atomically
from tinykit.model.record import DesignRecord, open_record, tool_versions
from tinykit.predict.runtime.codes import predict_labels
from tinykit.train.architecture.value import Block
from tinykit.train.compress.recipe import RECIPE, Training
from tinykit.train.datasets.dataset import Dataset, Split
from tinykit.train.datasets.scoring import Difference, paired_difference, score_predictions
from tinykit.train.datasets.shipped import load_dataset
from tinykit.train.fronts.front import Front
from tinykit.train.keras import limit_threads

TASK, WISHES = "watch-exercises", Budgets(flash_bytes=128 * 1024, arena_bytes=48 * 1024)
DATA = Path(__file__).resolve().parents[1] / "data"
CHECKPOINTS = ("watch-exercises", "keyword", "doorbell")


def steps_of(study: CompressionStudy) -> tuple[Step, ...]:
    """Every stage of a shipped study, each after its parent."""
    makers = {"watch-exercises": _watch, "vowels": _vowels, "digits-resnet8": _digits, GRID: _walk_grid}
    makers |= {"keyword": _keyword, "doorbell": _doorbell}
    return tuple(makers[study.name]())


def _walk_grid() -> Iterator[Step]:
    yield Step("float", "train", "", _fit(RECIPE.train, network="watch-cnn"))
    for sparsity in SPARSITIES:
        sparse = name_parent(sparsity, 0)
        if sparsity:
            yield Step(sparse, "prune", "float", _fit(RECIPE.prune, sparsity=sparsity, schedule="polynomial"))
        for clusters in CLUSTERS:
            parent = name_parent(sparsity, clusters)
            if clusters:
                yield Step(parent, "cluster", sparse, _fit(RECIPE.cluster, clusters=clusters))
            kinds = {kind: name_point(sparsity, clusters, kind) for kind in PRECISIONS[::2]}
            yield from convert_steps(parent, kinds)
            trained = name_point(sparsity, clusters, PRECISIONS[1]).removesuffix("-int8")
            yield Step(trained, "quantise", parent, _fit(RECIPE.quantise))
            yield _int8(trained, f"{trained}-int8")


def _fit(fit: Training, **choices: Any) -> dict[str, Any]:
    return {**choices, "seed": RECIPE.seed, **without_none(fit.to_json())}


def _int8(parent: str, name: str) -> Step:
    (step,) = convert_steps(parent, {"int8": name})
    return step


def _watch() -> Iterator[Step]:
    yield Step("float", "train", "", _fit(RECIPE.train, network="watch-cnn"))
    yield _int8("float", "int8")
    yield Step("sparse", "prune", "float", _fit(RECIPE.prune, sparsity=0.75, schedule="polynomial"))
    yield _int8("sparse", "int8-sparse")
    yield Step("2of4", "prune", "float", _fit(RECIPE.prune, sparsity="2:4"))
    yield _int8("2of4", "int8-2of4")
    yield Step("slim", "slim", "float", _fit(RECIPE.train, fraction=0.34))
    yield _int8("slim", "int8-slim")


def _vowels() -> Iterator[Step]:
    fit = Training(60, 3e-3, 32)
    yield Step("float", "train", "", _fit(fit, network="vowels-cnn"))
    yield _int8("float", "int8")
    yield Step("sparse", "prune", "float", _fit(fit, sparsity=0.85, schedule="polynomial"))
    yield _int8("sparse", "int8-sparse")
    yield Step("slim", "slim", "float", _fit(fit, fraction=0.25))
    yield _int8("slim", "int8-slim")
    yield Step("slim-sparse", "prune", "slim", _fit(fit, sparsity=0.75, schedule="polynomial"))
    yield _int8("slim-sparse", "int8-slim-sparse")


def _digits() -> Iterator[Step]:
    yield Step("float", "train", "", _fit(Training(8, 2e-3), network="resnet8"))
    yield _int8("float", "int8")
    yield Step("sparse", "prune", "float", _fit(Training(6, 2e-3), sparsity=0.8, schedule="polynomial"))
    yield _int8("sparse", "int8-sparse")
    yield Step("slim", "slim", "float", _fit(Training(5, 2e-3), fraction=0.25))
    yield _int8("slim", "int8-slim")


def _keyword() -> Iterator[Step]:
    fit = recipe_of("keyword")
    yield Step("float", "train", "", _fit(fit.train, network="ds-cnn"))
    yield _int8("float", "int8")
    yield Step("slim", "slim", "float", _fit(replace(fit.train, epochs=8), fraction=0.5))
    yield _int8("slim", "int8-slim")


def _doorbell() -> Iterator[Step]:
    yield Step("float", "train", "", _fit(recipe_of("doorbell").train, network="mobilenet-v1-025"))
    yield _int8("float", "int8")


def make_study(study: CompressionStudy, folder: Path, data: Dataset, *, say: Say) -> DesignRecord:
    """Train, compress, convert and score every variant into a folder, resuming what is there.

    Raises
    ------
    OutputError : the folder cannot be written. RecordError : it holds another task's record.
    """
    record = open_record(folder, study.task, data_sha256=data.sha256, tools=tool_versions())
    record = follow(record, steps_of(study), data, say=say)
    say(f"{study.name}: scoring {len(study.variants)} variants in TFLM")
    return score_stages(record, tuple(study.variants), data.test)


def ship_study(record: DesignRecord, study: CompressionStudy, folder: Path) -> None:
    """Copy the record and the models of the variants into a folder; Keras models stay behind, `rebuild` makes them.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    kept = {step.name: record.stage(step.name) for step in steps_of(study)}
    copy = replace(record, folder=folder, stages=kept)
    for name in study.variants:
        copy = copy.with_stage(record.stage(name), record.read(name))


def score_stages(record: DesignRecord, names: tuple[str, ...], test: Split) -> DesignRecord:
    """The record with each converted stage's accuracy in TFLM, and its difference to that of the first, paired.

    Parameters
    ----------
    names : of stages with a `.tflite`, the baseline first. test : samples of groups never trained on.

    Raises
    ------
    UnknownStageError : no such stage. EngineError : the interpreter refuses a model.
    """
    first = None
    for name in names:
        stage = record.stage(name)
        predicted = predict_labels(record.read(name), test.x)
        first = predicted if first is None else first
        found = {"accuracy": score_predictions(predicted, test.y, test.recordings).to_json()}
        if name != names[0]:
            difference = paired_difference(first, predicted, test.y, test.recordings)
            found["against_baseline"] = _keep_difference(difference)
        record = record.with_stage(replace(stage, results={**stage.results, **found}))
    return record


def _keep_difference(difference: Difference) -> dict[str, Any]:
    """As plain values, without what is None, which TOML does not know."""
    known = asdict(difference)
    kept = {"fraction": known.pop("value"), **known}
    return {name: value for name, value in kept.items() if value is not None}


def write_checkpoints(goal: DesignGoal, folder: Path, *, progress: Say) -> None:
    """Train, prune, quantise and convert a task's network into `folder/<task>`, a record with its models.

    Parameters
    ----------
    goal : of which only the task counts.
    folder : such as data/checkpoints.
    progress : takes one line at a time.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    make_models(goal, folder / goal.task, progress=progress)
    progress(f"checkpoints of {goal.task} in {folder / goal.task}")


def write_studies(folder: Path, *, progress: Say) -> None:
    """Make every shipped study anew: `folder/<study>` with record and converted models; about 20 minutes on two cores.

    Parameters
    ----------
    folder : such as data/studies. progress : takes one line at a time.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    for study in studies().values():
        with tempfile.TemporaryDirectory(prefix="tinykit-study-") as workshop:
            made = make_study(study, Path(workshop), load_dataset(study.task), say=progress)
            ship_study(made, study, folder / study.name)


def explore_watch(folder: Path) -> Study:
    """The search that is shipped, with its whole journal in a folder, half of the time by TPE and half at random."""
    limit_threads(1)
    return explore(TASK, WISHES, minutes=40, workers=2, random=True, folder=folder)


def ship_search(folder: Path, out: Path) -> None:
    """Write what `read_study` reads of a study, and no more, into `out`, each figure as it is judged today.

    All candidates of TPE are kept, and of a random search those that were trained to the end: the file stays small.

    Raises
    ------
    RecordError : no study in the folder. OutputError : `out` cannot be written.
    """
    study, known = read_study(folder), read_journal(folder)
    use = Use(period_s=2.0, battery="cr2032", task=study.source["task"])
    now = {one.name: one for one in judge_on(study, study.boards[0], use).trials}
    trials = [(TPE, one) for one in known.trials(TPE, "COMPLETE")]
    ended = known.trials(RANDOM, "COMPLETE")
    trials += [(RANDOM, one) for one in ended if known.recall(f"{RANDOM} {one.number}: {STORED}")]
    numbers = {name: itertools.count() for name in (TPE, RANDOM)}
    names = {f"{name} {one.number}": f"{name} {next(numbers[name])}" for name, one in trials}
    made = {role: names[own] if isinstance(own, str) else own for role, own in known.recall("made").items()}
    told = {name: known.recall("identity")[name] for name in ("source", "boards", "budgets")}
    kept = {"identity": told, "unseen": known.recall("unseen"), "made": made}
    for name in (*names, made["hand-made"]["network"]):
        kept |= {f"{names.get(name, name)}: {what}": known.recall(f"{name}: {what}") for what in (STORED, "test")}
    with tempfile.TemporaryDirectory(prefix="tinykit-study-") as place:
        written = Journal(Path(place) / FILE, write=True)
        for key in [key for key, found in kept.items() if found]:
            written.keep(key, kept[key])
        for sampler, trial in trials:
            written.studies[sampler].add_trial(_trim(trial, now[f"{sampler} {trial.number}"]))
        _write_lines(Path(place) / FILE, out / FILE)


def _write_lines(journal: Path, out: Path) -> None:
    day = "2026-12-01"
    nothing: dict[str, Any] = {"worker_id": "", "datetime_start": None, "datetime_complete": day}
    lines = map(json.loads, journal.read_text("utf-8").splitlines())
    rows = ({name: nothing.get(name, own) for name, own in one.items()} for one in lines)
    told = (json.dumps(one, separators=(",", ":"), ensure_ascii=False) for one in rows)
    write_atomically(out, ("\n".join(told) + "\n").encode())


def _trim(trial: Any, point: Point) -> Any:
    """A trial with what is read of it, numbered among those that were judged; what is as by default is left out."""
    known = {name: trial.user_attrs[name] for name in ("refused", "short") if name in trial.user_attrs}
    known["judged"] = {name: _round(own) for name in FIGURES if (own := getattr(point, name))}
    candidate = dict(trial.user_attrs["candidate"])
    if candidate["front"]:
        candidate["front"] = _differ(candidate["front"], Front())
    blocks = [_differ(one, Block("conv", 1)) for one in candidate["architecture"]["blocks"]]
    candidate["architecture"] = {**candidate["architecture"], "blocks": blocks}
    candidate["training"] = without_none(candidate["training"])
    if "short" in known:
        known["short"] = {name: [sum(known["short"][name])] for name in ("right", "n")}
    told = {name: own for name, own in known.items() if own}
    return load_optuna().trial.create_trial(values=trial.values, user_attrs={"candidate": candidate, **told})


def _round(figure: Estimate) -> dict[str, Any]:
    values = {end: float(f"{getattr(figure, end):.4g}") for end in ("value", "low", "high")}
    return {**values, "unit": figure.unit, "basis": figure.basis}


def _differ(values: dict[str, Any], usual: Any) -> dict[str, Any]:
    """What is not as usual, and what has no usual value."""
    return {name: own for name, own in values.items() if name in ("kind", "width") or own != getattr(usual, name)}


def main(what: str, folder: str = "", out: str = "") -> int:
    """Make what is shipped; the folder is of `data` if none is named, for a search of the workspace."""
    if what == "studies":
        write_studies(Path(folder or DATA / what), progress=print)
    elif what == "explored":
        study = explore_watch(Path(folder) if folder else default_folder(TASK))
        ship_search(study.folder, Path(out or DATA / what / TASK))
    else:
        for task in CHECKPOINTS:
            write_checkpoints(DesignGoal(task), Path(folder or DATA / "checkpoints"), progress=print)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
