"""The main job: data → train → prune → QAT → int8 → fit → power → heat → firmware, and its proof."""

import os
import stat
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tinykit.budget.assessment.chain import assess
from tinykit.budget.fit.check import check_fit_all
from tinykit.choose.design.outcome import DesignGoal, DesignOutcome
from tinykit.choose.design.own import GIVEN, own_recipe, start_from, tell_data
from tinykit.choose.design.steps import Say, chain_steps, follow, recipe_of
from tinykit.choose.ledger.variants import Variant, weigh_variant
from tinykit.ground.errors import (
    MACHINE,
    EngineError,
    MissingPackageError,
    ModelError,
    OutputError,
    ParameterError,
    UnknownRuntimeError,
    judge_failure,
)
from tinykit.ground.facts import without_none
from tinykit.ground.writing import refuse_other, write_atomically
from tinykit.handover.deployment.front_end import Preparation
from tinykit.handover.deployment.self_test import read_self_test_log
from tinykit.handover.deployment.targets import deploy
from tinykit.handover.deployment.writing import Deployment
from tinykit.handover.virtual_board import BoardRun, run as run_on_board
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.model.record import DesignRecord, Stage, open_record, tool_versions
from tinykit.predict.arena.predict import arena_for_any_core
from tinykit.predict.runtime.codes import quantise_input
from tinykit.target.boards import boards
from tinykit.target.boards.record import Board
from tinykit.target.target import Target, as_target
from tinykit.train.compress.recipe import Recipe
from tinykit.train.datasets.card import read_card
from tinykit.train.datasets.dataset import Dataset, Split
from tinykit.train.datasets.scoring import paired_difference
from tinykit.train.datasets.shipped import load_dataset

_SAMPLES = 10
"""Unseen samples that prove the deployed program."""
VARIANTS = {
    "float32": "trained, float32",
    "pruned-float32": "pruned to 75 %, float32",
    "int8-ptq": "float model quantised after training (PTQ)",
    "int8": "pruned, then quantisation-aware training (PQAT)",
}
"""The stages that become rows of the ledger, float first, the one to deploy last."""


def run_design(
    goal: DesignGoal, folder: Path, *, progress: Say, recipe: Recipe | None = None, stopped: str = "go on"
) -> DesignOutcome:
    """Run the whole chain and leave record, models and firmware in a folder.

    Parameters
    ----------
    goal : task, target and use.
    folder : for the results; stages already recorded there with the same data, recipe and tools are taken over.
    progress : takes one line at a time.
    recipe : of training, pruning and QAT; the task's own (`recipe_of`) if None.
    stopped : what to do with a training that was interrupted or killed: "go on", "keep" its best epoch, "discard" it.

    Raises
    ------
    OutputError : the folder cannot be written. RecordError : it holds another task's record.
    UnknownFactError : the latency on the target is unknown, and with it power and heat.
    """
    _check_writable(folder)
    data, record = make_models(goal, folder, progress=progress, recipe=recipe, stopped=stopped)
    target = as_target(goal.target)
    progress("scoring every variant in TFLM")
    variants = tuple(_weigh(record, name, note, data, target) for name, note in VARIANTS.items())
    progress(f"checking all {len(boards())} boards, budgeting power and heat")
    chosen = variants[-1]
    own = () if target.board in boards() else (target.board,)
    fits = check_fit_all(chosen.graph, (*own, *boards()))
    found = assess(chosen.graph, target, goal.use)
    found.complete()
    progress("writing firmware files, running the model on the virtual board")
    cost = paired_difference(variants[0].predicted, chosen.predicted, data.test.y, data.test.recordings)
    outcome = DesignOutcome(
        goal, folder, record, None if goal.data else read_card(goal.task), tell_data(data), variants, cost, found, fits,
        firmware=_write_firmware(folder, chosen, data),
        proof=prove_on_board(chosen.graph, data.test, target.board),
    )  # fmt: skip
    return replace(outcome, record=_record_results(outcome))


def make_models(
    goal: DesignGoal, folder: Path, *, progress: Say, recipe: Recipe | None = None, stopped: str = "go on"
) -> tuple[Dataset, DesignRecord]:
    """Make or resume every model of a goal's task; arguments and errors as `run_design`."""
    progress(f"loading {goal.task}")
    data = load_dataset(goal.task) if goal.data is None else goal.data
    record = open_record(folder, goal.task, data_sha256=data.sha256, tools=tool_versions())
    if goal.data is None:
        steps = chain_steps(goal.task, recipe or recipe_of(goal.task))
    else:
        record, start = start_from(record, goal.network, data, progress)
        steps = chain_steps(goal.task, recipe or own_recipe(data), start, "" if "network" in start else GIVEN)
    return data, follow(record, steps, data, say=progress, stopped=stopped)


def _check_writable(folder: Path) -> None:
    """Find out before an hour of work, not after it, that the results have no place."""
    refuse_other(folder, stat.S_IFDIR)
    refuse_other(folder / "firmware", stat.S_IFDIR)
    for name in ("report.html", "record.toml"):
        refuse_other(folder / name)
    probe = folder / f".writable-{os.getpid()}"
    write_atomically(probe, b"")
    try:
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{folder}: files cannot be removed ({error.strerror}); choose another folder") from error


def _weigh(record: DesignRecord, name: str, note: str, data: Dataset, target: Target) -> Variant:
    graph = read(record.read(name), name=record.stage(name).artefact)
    return weigh_variant(graph, data.test, target, name=name, note=note)


def _write_firmware(folder: Path, chosen: Variant, data: Dataset) -> Deployment:
    prepared: dict[str, Any] = {"samples": data.test.x[:3], "normalisation": data.normalisation}
    if (bound := data.bound) is not None:
        prepared = {"normalisation": Preparation(bound, data.normalisation)}
    return deploy(
        chosen.graph, folder / "firmware", arena=arena_for_any_core(chosen.graph), accuracy=chosen.accuracy,
        name=data.name, **prepared,
    )  # fmt: skip


def _record_results(outcome: DesignOutcome) -> DesignRecord:
    """The record with what was found about each variant, the board, power and heat."""
    record = outcome.record
    for variant in outcome.variants:
        stage = record.stage(variant.name)
        results = {**stage.results, "weighed": variant.to_json()}
        record = record.with_stage(replace(stage, results=results))
    budget = outcome.budget
    target = {"board": outcome.fit.board.id, "runtime": outcome.fit.runtime, "period_s": budget.period_s}
    target |= {"battery": budget.pack.cell.id} if budget.pack else {}
    found = {
        "fit": without_none(outcome.fit.to_json()),
        "budget": without_none(outcome.budget.to_json()),
        "heat": without_none(outcome.heat.to_json()),
        "proof": outcome.proof if isinstance(outcome.proof, str) else without_none(outcome.proof.proof()),
    }
    return record.with_stage(Stage("verdict", parent=outcome.chosen.name, recipe=target, results=found))


def prove_on_board(graph: ModelGraph, test: Split, board: Board) -> BoardRun | str:
    """Ten unseen samples, spread evenly over the split, through the deployed int8 model compiled into the board's
    memory map, against TFLM; in words why there is no run: no emulator installed, a core or operator it cannot take.
    """
    edge = graph.tensors[graph.inputs[0]]
    samples = test.x[:: max(1, len(test) // _SAMPLES)][:_SAMPLES].reshape(-1, *edge.shape[1:])
    try:
        return run_on_board(graph, board, quantise_input(samples, edge.scales[0], edge.zero_points[0]))
    except (MissingPackageError, UnknownRuntimeError, ParameterError, ModelError, EngineError) as error:
        if judge_failure(error)[0] == MACHINE:  # another day it runs: nothing to keep in a record
            raise
        return str(error).partition("\n")[0]


def keep_measurement(record: DesignRecord, log: str, stage: str = "int8") -> DesignRecord:
    """The record of a deployed design with what a real board's self-test said on its serial port, as measured.

    The stage is the one whose model the board ran; its hash is compared with the log's.

    Raises
    ------
    DataError : no complete self-test in the log, or one of another model.
    UnknownStageError : no such stage. OutputError : the record cannot be written.
    """
    found = read_self_test_log(log, model_sha256=record.stage(stage).sha256)
    results = {name: value for name, value in asdict(found).items() if value is not None and name != "vectors"}
    results |= {"equal": found.equal, "vectors": len(found.vectors)}
    if any(one.cycles is not None for one in found.vectors):
        results["cycles"] = found.cycles().to_json()
        if found.clock_hz:
            results["latency_s"] = found.latency(found.clock_hz).to_json()
    return record.with_stage(Stage("measured", parent=stage, results=results))
