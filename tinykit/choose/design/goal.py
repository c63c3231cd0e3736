"""What a design is for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinykit.budget.power import battery
from tinykit.ground.errors import ParameterError
from tinykit.ground.results import Result
from tinykit.target.boards import board
from tinykit.train.datasets import read_card

NETWORK_OF_TASK = {
    "watch-exercises": "watch-cnn",
    "digits": "digits-cnn",
    "vowels": "vowels-cnn",
    "faces": "resnet8",
}
"""The zoo's network for each task."""


@dataclass(frozen=True, slots=True)
class DesignGoal(Result):
    """Task, target and duty of a design.

    Parameters
    ----------
    task, board, battery : ids.
    period_s : from one inference to the next [s]. ambient_c : [degC].

    Raises
    ------
    UnknownTaskError, UnknownBoardError, UnknownBatteryError : a misspelt id; found out before anything runs.
    ParameterError : a period that is not a positive number of seconds.
    """

    task: str = "watch-exercises"
    board: str = "nucleo-l4r5zi"
    battery: str = "cr2032"
    period_s: float = 2.0
    ambient_c: float = 25.0

    def __post_init__(self) -> None:
        read_card(self.task)
        board(self.board)
        battery(self.battery)
        if not (math.isfinite(self.period_s) and self.period_s > 0):
            raise ParameterError(f"period {self.period_s} s; give seconds above 0, such as 2")
