"""What a design is for."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinykit.budget.assessment import Use
from tinykit.ground.results import Result
from tinykit.target.boards import Board
from tinykit.target.target import Target, as_target
from tinykit.train.datasets import read_card


@dataclass(frozen=True, slots=True)
class DesignGoal(Result):
    """Task, target and use of a design.

    Parameters
    ----------
    task : id. target : where it is to run, as `Target` takes a board. use : period, cell, air.

    Raises
    ------
    UnknownTaskError, UnknownBoardError : a misspelt id; found out before anything runs.
    """

    task: str = "watch-exercises"
    target: Target | Board | str = "nucleo-l4r5zi"
    use: Use = field(default_factory=lambda: Use(period_s=2.0, battery="cr2032"))

    def __post_init__(self) -> None:
        read_card(self.task)
        object.__setattr__(self, "target", as_target(self.target))
