"""Variants as nodes of the record: one made again from its recipes and held against its hash, two compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinykit.choose.design.steps import Say, Step, follow, read_steps
from tinykit.ground.errors import RecordError
from tinykit.ground.results import Result
from tinykit.model.record import DesignRecord, Stage, open_record, tool_versions
from tinykit.train.datasets.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Rebuilt(Result):
    """A stage made again, with every stage it comes from.

    Parameters
    ----------
    name : of the stage. record : what was made, in a folder of its own.
    recorded, made : SHA-256 by stage, in the order made. tools_differ : packages of another version than recorded.
    """

    name: str
    record: DesignRecord = field(repr=False)
    recorded: Mapping[str, str] = field(repr=False)
    made: Mapping[str, str] = field(repr=False)
    tools_differ: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether the stage is the recorded one bit for bit."""
        return self.made[self.name] == self.recorded[self.name]

    def __str__(self) -> str:
        parted = next((name for name in self.made if self.made[name] != self.recorded[name]), None)
        if self.equal:
            names = "" if parted is None else f"; the Keras file {parted!r} names its layers by another number"
            return f"{self.name}: bit for bit as recorded, {len(self.made)} stages made again{names}"
        why = f"; other versions of {', '.join(self.tools_differ)}" if self.tools_differ else ""
        told = f"{self.name}: other bytes than recorded from stage {parted!r} on{why}"
        return f"{told}; the same machine, versions and code give the same"

    __repr__ = __str__


def rebuild(record: DesignRecord, name: str, data: Dataset, folder: Path, *, say: Say = lambda _: None) -> Rebuilt:
    """Make a stage again from the data on, by the recipes the record holds, into another folder.

    Parameters
    ----------
    name : of the stage. data : of the record's task. folder : empty, for what is made.

    Equal bytes are promised on the machine and with the versions that made the record; the result says where they part.

    Raises
    ------
    UnknownStageError : no such stage. RecordError : other data than the record's, or a folder with a record in it.
    ParameterError : a stage that no action makes.
    """
    if record.data_sha256 != data.sha256:
        raise RecordError(f"{record.folder} was made from data {record.data_sha256[:12]}; this is {data.sha256[:12]}")
    steps = read_steps(record, name)
    fresh = open_record(folder, record.task, data_sha256=data.sha256, tools=tool_versions())
    if fresh.stages:
        raise RecordError(f"{folder} holds a record already; choose an empty folder")
    fresh = follow(fresh, steps, data, say=say)
    names = [step.name for step in steps]
    differ = {tool for tool, version in record.tools.items() if fresh.tools.get(tool) != version}
    return Rebuilt(
        name,
        fresh,
        {one: record.stage(one).sha256 for one in names},
        {one: fresh.stage(one).sha256 for one in names},
        tuple(sorted(differ)),
    )


@dataclass(frozen=True, slots=True)
class StageComparison(Result):
    """Two stages of one record.

    Parameters
    ----------
    first, second : the stages. shared : the last stage both come from, "" where there is none.
    paths : the steps from there to each. results : figures of both by name, where either has them.
    """

    first: Stage = field(repr=False)
    second: Stage = field(repr=False)
    shared: str
    paths: tuple[tuple[Step, ...], tuple[Step, ...]]
    results: Mapping[str, tuple[Any, Any]]

    @property
    def equal(self) -> bool:
        """Whether both hold the same bytes."""
        return bool(self.first.sha256) and self.first.sha256 == self.second.sha256

    def __str__(self) -> str:
        ways = (" → ".join(_tell(step) for step in path) or "the same stage" for path in self.paths)
        bytes_ = "the same bytes" if self.equal else "other bytes"
        lines = [f"from {self.shared or 'the data'}, {bytes_}:"]
        lines += [f"  {stage.name}: {way}" for stage, way in zip((self.first, self.second), ways, strict=True)]
        lines += [f"  {name}: {one} | {two}" for name, (one, two) in self.results.items()]
        return "\n".join(lines)

    __repr__ = __str__


def compare_stages(record: DesignRecord, first: str, second: str) -> StageComparison:
    """Where two stages of a record part, what was done to each since, and what was found.

    Raises
    ------
    UnknownStageError : no such stage. ParameterError : a stage that no action makes.
    """
    ways = [read_steps(record, name) for name in (first, second)]
    common = [one.name for one, two in zip(*ways, strict=False) if one.name == two.name]
    stages = record.stage(first), record.stage(second)
    names = dict.fromkeys(name for stage in stages for name in _figures(stage))
    results = {name: (_figures(stages[0]).get(name), _figures(stages[1]).get(name)) for name in names}
    return StageComparison(
        *stages, common[-1] if common else "", (ways[0][len(common) :], ways[1][len(common) :]), results
    )


def _figures(stage: Stage) -> dict[str, Any]:
    """Numbers among the results of a stage; of an accuracy, or a difference of two, its fraction."""
    found = {}
    for name, value in stage.results.items():
        number = value.get("fraction") if isinstance(value, Mapping) else value
        if isinstance(number, int | float) and not isinstance(number, bool):
            found[name] = round(number, 4)
    return found


def _tell(step: Step) -> str:
    choices = ", ".join(f"{name}={value}" for name, value in step.choices.items())
    return f"{step.action}({choices})"
