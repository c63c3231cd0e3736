"""The main job: data → train → prune → QAT → int8 → fit → power → heat → firmware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinykit.budget.assessment import assess
from tinykit.budget.fit import check_fit_all
from tinykit.choose.design.chain import chain_steps, recipe_of
from tinykit.choose.design.goal import DesignGoal
from tinykit.choose.design.outcome import DesignOutcome
from tinykit.choose.design.proof import prove_on_board
from tinykit.choose.design.steps import Say, follow
from tinykit.choose.ledger import Variant, weigh_variant
from tinykit.ground.errors import OutputError
from tinykit.handover.deployment import Deployment, deploy
from tinykit.model.graph import read
from tinykit.model.record import DesignRecord, Stage, open_record, tool_versions, write_atomically
from tinykit.predict.arena import arena_for_any_core
from tinykit.target.boards import boards
from tinykit.target.target import Target, as_target
from tinykit.train.compress import Recipe
from tinykit.train.datasets import Dataset, load_dataset, paired_difference, read_card

VARIANTS = {
    "float32": "trained, float32",
    "pruned-float32": "pruned to 75 %, float32",
    "int8-ptq": "float model quantised after training (PTQ)",
    "int8": "pruned, then quantisation-aware training (PQAT)",
}
"""The stages that become rows of the ledger, float first, the one to deploy last."""


def run_design(goal: DesignGoal, folder: Path, *, progress: Say, recipe: Recipe | None = None) -> DesignOutcome:
    """Run the whole chain and leave record, models and firmware in a folder.

    Parameters
    ----------
    goal : task, target and use.
    folder : for the results; stages already recorded there with the same data, recipe and tools are taken over.
    progress : takes one line at a time.
    recipe : of training, pruning and QAT; the task's own (`recipe_of`) if None.

    Raises
    ------
    OutputError : the folder cannot be written. RecordError : it holds another task's record.
    UnknownFactError : the latency on the target is unknown, and with it power and heat.
    """
    _check_writable(folder)
    data, record = make_models(goal, folder, progress=progress, recipe=recipe)
    target = as_target(goal.target)
    progress("scoring every variant in TFLM")
    variants = tuple(_weigh(record, name, note, data, target) for name, note in VARIANTS.items())
    progress(f"checking all {len(boards())} boards, budgeting power and heat")
    chosen = variants[-1]
    fits = check_fit_all(chosen.graph)
    found = assess(chosen.graph, target, goal.use)
    found.complete()
    progress("writing firmware files, running the model on the virtual board")
    cost = paired_difference(variants[0].predicted, chosen.predicted, data.test.y, data.test.recordings)
    outcome = DesignOutcome(
        goal, folder, record, read_card(goal.task), variants, cost, found, fits,
        firmware=_write_firmware(folder, chosen, data),
        proof=prove_on_board(chosen.graph, data.test, target.board),
    )  # fmt: skip
    return replace(outcome, record=_record_results(outcome))


def make_models(
    goal: DesignGoal, folder: Path, *, progress: Say, recipe: Recipe | None = None
) -> tuple[Dataset, DesignRecord]:
    """Make or resume every model of a goal's task; arguments and errors as `run_design`."""
    progress(f"loading {goal.task}")
    data = load_dataset(goal.task)
    record = open_record(folder, goal.task, data_sha256=data.sha256, tools=tool_versions())
    return data, follow(record, chain_steps(goal.task, recipe or recipe_of(goal.task)), data, say=progress)


def _check_writable(folder: Path) -> None:
    """Find out before an hour of work, not after it, that the results have no place."""
    probe = folder / ".writable"
    write_atomically(probe, b"")
    try:
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{folder}: files cannot be removed ({error.strerror}); choose another folder") from error


def _weigh(record: DesignRecord, name: str, note: str, data: Dataset, target: Target) -> Variant:
    graph = read(record.read(name), name=record.stage(name).artefact)
    return weigh_variant(graph, data.test, target, name=name, note=note)


def _write_firmware(folder: Path, chosen: Variant, data: Dataset) -> Deployment:
    return deploy(
        chosen.graph,
        folder / "firmware",
        arena=arena_for_any_core(chosen.graph),
        accuracy=chosen.accuracy,
        name=data.name,
        samples=data.test.x[:3],
        normalisation=data.normalisation,
    )


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
        "fit": _without_none(outcome.fit.to_json()),
        "budget": _without_none(outcome.budget.to_json()),
        "heat": _without_none(outcome.heat.to_json()),
        "proof": outcome.proof if isinstance(outcome.proof, str) else _without_none(outcome.proof.proof()),
    }
    return record.with_stage(Stage("verdict", parent=outcome.chosen.name, recipe=target, results=found))


def _without_none(value: Any) -> Any:
    """TOML has no null: an unknown figure is absent."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value if item is not None]
    return value
