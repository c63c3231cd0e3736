"""The whole path in one panel: a board, a period and a battery become a verdict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinykit.budget.assessment import Assessment, Use, assess, sweep_periods
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph import ModelGraph
from tinykit.show.panels.shell import Panel, choose_battery, choose_board, slide_log
from tinykit.show.plots import KitFigure, lay_axes, plot_fit, plot_life


class DesignPanel(Panel[Assessment]):
    """Does it fit, how long does the battery last, how hot does the die get.

    Parameters
    ----------
    graph : the model.
    board, battery : ids to start from.
    period_s : from one inference to the next [s].
    """

    size_in = (7.2, 4.7)

    period_s: Any
    board: Any
    battery: Any

    def __init__(
        self, graph: ModelGraph, *, board: str = "nucleo-l4r5zi", battery: str = "cr2032", period_s: float = 10.0
    ) -> None:
        self.graph = graph
        controls = {
            "period_s": slide_log("period [s]", period_s, -2, 5),
            "board": choose_board(board),
            "battery": choose_battery(battery),
        }
        super().__init__("Design", graph.path, controls)

    def compute(self) -> Assessment:
        """Fit, power and heat for the controls."""
        return assess(self.graph, self.board.value, Use(period_s=self.period_s.value, battery=self.battery.value))

    def draw(self, result: Assessment, figure: KitFigure) -> None:
        """Life against period above, regions below."""
        above, below = lay_axes(figure, 1.25, 1.0)
        plot_life(sweep_periods(result), point=result.budget, ax=above)
        plot_fit(result.fit, ax=below)

    def tell(self, result: Assessment) -> Iterable[tuple[str, str]]:
        """Every verdict with its interval and basis."""
        return result.lines()

    def summarise(self, result: Assessment) -> str:
        """Fit, life and junction."""
        life, junction = result.battery_life_s, result.t_junction_c
        words = [result.fit.verdict.words]
        words.append(f"life {format_quantity(life.value, 's')}" if life else "life unknown")
        words.append(f"Tj {format_quantity(junction.value, 'degC')}" if junction else "Tj unknown")
        return ", ".join(words)
