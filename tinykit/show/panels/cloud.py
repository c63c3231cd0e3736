"""Edge or cloud, in a panel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinykit.budget.assessment import Use, assess
from tinykit.budget.offload import SENSORS, Offload, weigh_design
from tinykit.budget.power import RADIOS
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph import ModelGraph
from tinykit.show.panels.shell import Panel, choose, choose_board, slide, slide_log
from tinykit.show.plots import KitFigure, lay_axes, plot_offload


class CloudPanel(Panel[Offload]):
    """Think on the device, or send the raw data.

    Parameters
    ----------
    graph : the model.
    board : id to start from.
    sensor : of `SENSORS`.
    radio : of `RADIOS`.
    period_s : between inferences [s].
    """

    size_in = (7.2, 2.2)
    board: Any
    sensor: Any
    radio: Any
    period_s: Any
    sent: Any

    def __init__(
        self,
        graph: ModelGraph,
        *,
        board: str = "nucleo-l4r5zi",
        sensor: str = "motion",
        radio: str = "ble",
        period_s: float = 10.0,
    ) -> None:
        self.graph = graph
        controls = {
            "board": choose_board(board),
            "sensor": choose("sensor", [(one.name, name) for name, one in SENSORS.items()], sensor),
            "radio": choose("radio", list(RADIOS), radio),
            "period_s": slide_log("period [s]", period_s, -1, 5),
            "sent": slide("answers sent [1]", 1.0, 0.0, 1.0, 0.01),
        }
        super().__init__("Edge or cloud", graph.path, controls)

    def compute(self) -> Offload:
        """Energy on the edge and over the radio, for the controls as they stand."""
        return weigh_design(
            assess(self.graph, self.board.value, Use(period_s=self.period_s.value)),
            sensor=self.sensor.value,
            radio=self.radio.value,
            message_rate=self.sent.value,
        )

    def draw(self, result: Offload, figure: KitFigure) -> None:
        """Energy a day of both."""
        plot_offload(result, ax=lay_axes(figure, 1.0)[0])

    def tell(self, result: Offload) -> Iterable[tuple[str, str]]:
        """Verdict, energies, latencies, bytes."""
        even = result.break_even_bytes
        yield "verdict", result.verdict
        yield "edge", f"{result.edge_j or 'unknown'} a day, {result.edge_latency_s}, {result.edge_bytes:,.0f} bytes"
        yield "cloud", f"{result.cloud_j or 'unknown'} a day, {result.cloud_latency_s}, {result.cloud_bytes:,.0f} bytes"
        yield "break-even", "unknown" if even is None else f"{even:,.0f} raw bytes an inference"
        yield from (("look out", finding) for finding in result.findings)

    def summarise(self, result: Offload) -> str:
        """Verdict and both energies."""
        if result.edge_j is None or result.cloud_j is None:
            return result.verdict
        edge, cloud = (format_quantity(energy.value, "J") for energy in (result.edge_j, result.cloud_j))
        return f"{result.verdict}, {edge} / {cloud}"
