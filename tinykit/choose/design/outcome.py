"""What a design is for, and what it came to: variants, the chosen board, power, heat, firmware files."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tinykit.budget.assessment.chain import Assessment
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.verdict import FitReport
from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.thermal.check import ThermalReport
from tinykit.choose.ledger.variants import Variant
from tinykit.ground.errors import UnknownTaskError
from tinykit.ground.results import Result, Through
from tinykit.handover.deployment.writing import Deployment
from tinykit.handover.virtual_board import BoardRun
from tinykit.model.record import DesignRecord
from tinykit.target.boards.record import Board
from tinykit.target.target import Target, as_target
from tinykit.train.datasets.card import DataCard, read_card
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.scoring import Difference


@dataclass(frozen=True, slots=True)
class DesignGoal(Result):
    """Task, target and use of a design.

    Parameters
    ----------
    task : id; of data of one's own their name.
    target : where it is to run, as `Target` takes a board.
    use : period, cell, air; with the sensor and front end of the task, or of the data's front, unless it names others.
    data : of one's own, in place of a task that ships.
    network : that learns them, as `start_from` takes it; "" for one that suits their shape.

    Raises
    ------
    UnknownTaskError, UnknownBoardError : a misspelt id; found out before anything runs.
    """

    JSON = ("task", "target", "use", "network")

    task: str = "watch-exercises"
    target: Target | Board | str = "nucleo-l4r5zi"
    use: Use = field(default_factory=lambda: Use(period_s=2.0, battery="cr2032"))
    data: Dataset | None = None
    network: str = ""

    def __post_init__(self) -> None:
        if self.data is None:
            read_card(self.task)
        object.__setattr__(self, "task", self.task if self.data is None else self.data.name)
        object.__setattr__(self, "target", as_target(self.target))
        if self.data is not None:
            object.__setattr__(self, "use", self.use.behind(self.data.bound))
        if self.use.task is None and self.data is None:
            with suppress(UnknownTaskError):  # of a task of one's own nobody knows what it listens to
                object.__setattr__(self, "use", replace(self.use, task=self.task))


@dataclass(frozen=True, slots=True)
class DesignOutcome(Result):
    """A finished design.

    Parameters
    ----------
    goal, folder, record : what was asked, where it lies, how it was made.
    card : of the task's data; None for data of one's own, which have none.
    data : whom the samples are of and how they were dealt, in words.
    variants : float first, the chosen int8 model last.
    cost : accuracy of the chosen model minus that of the float one, on the same samples.
    assessment : of the chosen model on the goal's target in its use.
    fits : on every board of the catalogue.
    firmware : the files for TFLM.
    proof : the deployed model run on the virtual board, or in words why it was not.
    """

    LINE = ("goal.task", "fit.board", "fit.verdict", "budget.battery_life_s", "heat.t_junction_c")

    goal: DesignGoal
    folder: Path
    record: DesignRecord
    card: DataCard | None
    data: str
    variants: tuple[Variant, ...]
    cost: Difference
    assessment: Assessment
    fits: tuple[FitReport, ...]
    firmware: Deployment
    proof: BoardRun | str

    fit = Through[FitReport]("assessment.fit", "Memory, latency and energy on the goal's target.")

    @property
    def budget(self) -> PowerBudget:
        """Power on the goal's target."""
        return self.assessment.complete()[0]

    @property
    def heat(self) -> ThermalReport:
        """Temperature on the goal's target."""
        return self.assessment.complete()[1]

    @property
    def chosen(self) -> Variant:
        """The int8 model that is deployed."""
        return self.variants[-1]

    def summary(self) -> tuple[str, ...]:
        """The result in a few lines for the terminal."""
        rows = [f"  {variant}" for variant in self.variants]
        held = sum(report.verdict == "fits" for report in self.fits)
        budget, heat = self.budget, self.heat
        cell, life = budget.pack.cell.id if budget.pack else "supply", budget.battery_life_s or "unknown"
        return (
            f"accuracy in TFLM on unseen groups, n={self.chosen.accuracy.n}:",
            *rows,
            f"int8 against float, paired: {self.cost}",
            f"{self.fit.board.id}: {self.fit.verdict.words}; {held} of {len(self.fits)} boards hold it",
            f"latency {self.fit.latency_s}, energy per inference {self.fit.energy_per_inference_j}",
            f"one inference every {budget.period_s:g} s from a {cell}: {life}",
            f"junction {heat.t_junction_c} at {heat.ambient_c:g} °C ambient: {heat.verdict}",
            f"virtual board: {self.proof}",
            *(f"- {finding}" for finding in (*budget.findings, *self.assessment.left_out())),
            f"written to {self.folder}",
        )
