"""Power in a panel: a board, its clock, a period and a battery."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinykit.budget.assessment import Assessment, Use, assess, sweep_periods
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph import ModelGraph
from tinykit.show.panels.shell import Panel, choose_battery, choose_board, slide, slide_log
from tinykit.show.plots import KitFigure, lay_axes, plot_life, plot_states
from tinykit.target.boards import board as find_board
from tinykit.target.target import Target

_SLOWEST_SHARE = 0.1
_UNKNOWN_CLOCK_MHZ = 100.0


class PowerPanel(Panel[Assessment]):
    """What flows when, and how long a battery lasts.

    Parameters
    ----------
    graph : the model.
    board, battery : ids to start from.
    period_s : from one inference to the next [s].
    """

    size_in = (7.2, 5.8)
    board: Any
    battery: Any
    period_s: Any
    clock_mhz: Any

    def __init__(
        self, graph: ModelGraph, *, board: str = "nucleo-l4r5zi", battery: str = "cr2032", period_s: float = 10.0
    ) -> None:
        self.graph = graph
        top = _top_clock_mhz(board)
        controls = {
            "board": choose_board(board),
            "battery": choose_battery(battery),
            "period_s": slide_log("period [s]", period_s, -2, 5),
            "clock_mhz": slide("clock [MHz]", top, top * _SLOWEST_SHARE, top, top / 100),
        }
        super().__init__("Power", graph.path, controls)

    def adapt(self, changed: Any) -> None:
        """Another board has another range of clocks: start at its highest."""
        if changed is self.board:
            top = _top_clock_mhz(self.board.value)
            with self.clock_mhz.hold_trait_notifications():
                self.clock_mhz.min, self.clock_mhz.max = top * _SLOWEST_SHARE, top
                self.clock_mhz.step, self.clock_mhz.value = top / 100, top

    def compute(self) -> Assessment:
        """The assessment for the controls."""
        target = Target(self.board.value, clock_hz=self.clock_mhz.value * 1e6)
        return assess(self.graph, target, Use(period_s=self.period_s.value, battery=self.battery.value))

    def draw(self, result: Assessment, figure: KitFigure) -> None:
        """The states of one period, and the life over the period with this one marked."""
        if result.budget is not None:
            above, below = lay_axes(figure, 1.0, 1.0)
            plot_states(result.budget, ax=above)
            plot_life(sweep_periods(result), point=result.budget, ax=below)

    def tell(self, result: Assessment) -> Iterable[tuple[str, str]]:
        """Every verdict but those on memory and heat."""
        return [row for row in result.lines() if row[0] not in ("memory", "needed", "junction")]

    def summarise(self, result: Assessment) -> str:
        """Average current and life."""
        budget = result.budget
        current = budget.average_current_a if budget else None
        if current is None:
            return "unknown"
        life = f", {format_quantity(result.battery_life_s.value, 's')}" if result.battery_life_s else ""
        return f"{format_quantity(current.value, 'A')}{life}"


def _top_clock_mhz(board: str) -> float:
    """The highest clock on record [MHz]; 100 where none is, and then every figure reads unknown."""
    clock = find_board(board).clock_hz
    return clock / 1e6 if clock else _UNKNOWN_CLOCK_MHZ
