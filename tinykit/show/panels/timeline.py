"""The timeline editor: sensor, gate and radio around a network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinykit.budget.assessment import Use, assess
from tinykit.budget.power import RADIOS, PowerBudget
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph import ModelGraph
from tinykit.show.panels.shell import Panel, choose, choose_board, slide, slide_log
from tinykit.show.plots import KitFigure, lay_axes, plot_lines, plot_stack, plot_stages

_BESIDE = ("led", "debugger")


class TimelinePanel(Panel[PowerBudget]):
    """Which state, and which consumer, takes the charge of a period.

    Parameters
    ----------
    graph : the model.
    board, battery : ids, the board to start from.
    period_s : from one look to the next [s].
    payload_bytes : sent after each inference [byte].
    sensor : id of a load.
    """

    size_in = (7.2, 8.0)
    board: Any
    period_s: Any
    sense_s: Any
    gate: Any
    radio: Any
    also: Any

    def __init__(
        self,
        graph: ModelGraph,
        *,
        board: str = "nucleo-l4r5zi",
        battery: str = "cr2032",
        period_s: float = 10.0,
        payload_bytes: float = 10.0,
        sensor: str = "accelerometer",
    ) -> None:
        self.graph, self.battery, self.payload_bytes, self.sensor = graph, battery, payload_bytes, sensor
        controls = {
            "board": choose_board(board),
            "period_s": slide_log("period [s]", period_s, -1, 5),
            "sense_s": slide("sensing [s]", 0.0, 0.0, 5.0, 0.1),
            "gate": slide("gate opens [1]", 1.0, 0.0, 1.0, 0.01),
            "radio": choose("radio", ["none", *RADIOS], "none"),
            "also": choose("always on beside it", ["none", *_BESIDE], "none"),
        }
        super().__init__("Timeline", graph.path, controls)

    def compute(self) -> PowerBudget:
        """The budget for the controls."""
        radio = self.radio.value
        use = Use(
            period_s=self.period_s.value,
            battery=self.battery,
            sense_s=self.sense_s.value,
            gate_rate=self.gate.value,
            send=None if radio == "none" else (radio, self.payload_bytes),
            sensor=self.sensor if self.sense_s.value else None,
            beside=() if self.also.value == "none" else (self.also.value,),
        )
        return assess(self.graph, self.board.value, use).complete()[0]

    def draw(self, result: PowerBudget, figure: KitFigure) -> None:
        """The states as rows, the consumers stacked in time, and the charge by state and by consumer."""
        rows, trace, charge = lay_axes(figure, 1.4, 1.2, 0.9, left_in=1.1)
        plot_stages(result, ax=rows)
        plot_stack(result, ax=trace)
        plot_lines(result, ax=charge)

    def tell(self, result: PowerBudget) -> Iterable[tuple[str, str]]:
        """Average, life, findings."""
        yield "average current", str(result.average_current_a or "unknown")
        yield "battery life", str(result.battery_life_s or "unknown")
        shares = (f"{line.name} {line.share:.0%}" for line in result.lines if line.share is not None)
        yield "charge by consumer", ", ".join(shares) or "unknown"
        yield from (("look out", finding) for finding in result.findings)
        yield from (("unknown", reason) for reason in result.unknown)

    def summarise(self, result: PowerBudget) -> str:
        """Average current and life."""
        if result.average_current_a is None:
            return "unknown"
        life = f", {format_quantity(result.battery_life_s.value, 's')}" if result.battery_life_s else ""
        return f"{format_quantity(result.average_current_a.value, 'A')}{life}"
