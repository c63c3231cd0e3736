"""Slow clock or race to sleep, in a panel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinykit.budget.assessment import Use, assess
from tinykit.budget.power import IDLES, ClockSweep
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph import ModelGraph
from tinykit.show.panels.shell import Panel, choose_board, slide_log
from tinykit.show.plots import KitFigure, lay_axes, plot_clocks


class ClockPanel(Panel[ClockSweep]):
    """Mean power over the clock, idle in SLEEP and in STOP.

    Parameters
    ----------
    graph : the model.
    board : id to start from.
    period_s : from one inference to the next [s].
    """

    board: Any
    period_s: Any

    def __init__(self, graph: ModelGraph, *, board: str = "stm32f407g-disc1", period_s: float = 0.1) -> None:
        self.graph = graph
        controls = {"board": choose_board(board), "period_s": slide_log("period [s]", period_s, -2, 4)}
        super().__init__("Slow clock or race to sleep", graph.path, controls)

    def compute(self) -> ClockSweep:
        """The sweep for the controls."""
        return assess(self.graph, self.board.value, Use(period_s=self.period_s.value)).sweep_clocks()

    def draw(self, result: ClockSweep, figure: KitFigure) -> None:
        """Draw mean power over the clock, with SLEEP and with STOP."""
        plot_clocks(result, ax=lay_axes(figure, 1.0)[0])

    def tell(self, result: ClockSweep) -> Iterable[tuple[str, str]]:
        """The best clock of each idle state."""
        for idle in IDLES:
            best = result.best(idle)
            said = f"{best.clock_hz / 1e6:.3g} MHz, {best.power_w[idle]}" if best else "idle current unknown"
            yield f"idle in {idle.upper()}", f"{result.verdict(idle)}: {said}"
        yield "too slow", ", ".join(f"{clock / 1e6:.3g} MHz" for clock in result.dropped) or "none"

    def summarise(self, result: ClockSweep) -> str:
        """Best clock and power of each idle state."""
        found = []
        for idle in IDLES:
            best = result.best(idle)
            power = best.power_w[idle] if best else None
            said = f"{best.clock_hz / 1e6:.3g} MHz {format_quantity(power.value, 'W')}" if best and power else "unknown"
            found.append(f"{idle} {said}")
        return ", ".join(found)
