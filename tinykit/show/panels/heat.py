"""Heat in a panel: a board, the air around it, how busy it is, and a closed box."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ipywidgets as widgets

from tinykit.budget.assessment import Use, assess
from tinykit.budget.thermal import ThermalReport
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.model.graph import ModelGraph
from tinykit.show.panels.shell import Panel, choose_board, slide
from tinykit.show.plots import KitFigure, lay_axes, plot_heat

_CM2 = 1e-4


class HeatPanel(Panel[ThermalReport]):
    """How hot the die gets.

    Parameters
    ----------
    graph : the model.
    board : id to start from.
    ambient_c : of the air [°C].
    duty_cycle : fraction of the time in inference, 0–1.
    box_cm2 : outer surface of the closed box [cm²].
    """

    size_in = (7.2, 2.7)

    board: Any
    ambient_c: Any
    duty_cycle: Any
    box_cm2: Any
    boxed: Any

    def __init__(
        self,
        graph: ModelGraph,
        *,
        board: str = "nucleo-l4r5zi",
        ambient_c: float = 25.0,
        duty_cycle: float = 1.0,
        box_cm2: float = 88.0,
    ) -> None:
        self.graph = graph
        controls = {
            "board": choose_board(board),
            "ambient_c": slide("ambient [°C]", ambient_c, -40, 125, 1),
            "duty_cycle": slide("duty cycle [1]", duty_cycle, 0.01, 1, 0.01),
            "box_cm2": slide("surface of the box [cm²]", box_cm2, 20, 1000, 1),
            "boxed": widgets.Checkbox(value=False, description="in a closed box"),
        }
        super().__init__("Heat", graph.path, controls)

    def compute(self) -> ThermalReport:
        """The heat check for the controls."""
        box_m2 = self.box_cm2.value * _CM2 if self.boxed.value else None
        use = Use(duty_cycle=self.duty_cycle.value, ambient_c=self.ambient_c.value, enclosure_area_m2=box_m2)
        return assess(self.graph, self.board.value, use).complete()[1]

    def draw(self, result: ThermalReport, figure: KitFigure) -> None:
        """The junction between ambient and limits."""
        plot_heat(result, ax=lay_axes(figure, 1.0, left_in=1.6)[0])

    def tell(self, result: ThermalReport) -> Iterable[tuple[str, str]]:
        """Verdict, reasons and the highest ambient."""
        yield "verdict", result.verdict
        yield from (("because", reason) for reason in result.reasons)
        yield "power in the package", str(result.average_power_w or "unknown")
        yield "theta_ja", str(result.theta_ja or "unknown")
        yield "ambient at Tj limit", str(result.t_ambient_max_c or "unknown")

    def summarise(self, result: ThermalReport) -> str:
        """Verdict and junction."""
        junction: Estimate | None = result.t_junction_c
        return f"{result.verdict}, Tj {format_quantity(junction.value, 'degC') if junction else 'unknown'}"
