"""Memory in a panel: a board, a runtime and what the application keeps for itself."""

from collections.abc import Iterable
from typing import Any

from tinykit.budget.fit.check import check_fit
from tinykit.budget.fit.verdict import FitReport
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph.model import ModelGraph
from tinykit.predict.latency.prediction import known_runtimes
from tinykit.show.panels.shell import Panel, choose, choose_board, largest_kib, slide
from tinykit.show.plots import plot_fit
from tinykit.target.boards import board as find_board
from tinykit.target.runtimes import default_runtime
from tinykit.target.target import Reserve

_KIB = 1024


class FitPanel(Panel[FitReport]):
    """Which regions hold arena, application and code, and what stays free.

    Parameters
    ----------
    graph : the model.
    board : id to start from.
    reserve_kib : SRAM that stack and application take [KiB].
    """

    size_in = (7.2, 2.9)
    plots, left_in = (plot_fit,), 0.2
    board: Any
    runtime: Any
    reserve_kib: Any

    def __init__(self, graph: ModelGraph, *, board: str = "nucleo-l4r5zi", reserve_kib: float = 16.0) -> None:
        self.graph = graph
        runtimes = _runtimes(board)
        controls = {
            "board": choose_board(board),
            "runtime": choose("runtime", runtimes, default_runtime(find_board(board).core)),
            "reserve_kib": slide("SRAM reserve [KiB]", reserve_kib, 0, largest_kib(board), 1),
        }
        super().__init__("Fit", graph.path, controls)

    def adapt(self, changed: Any) -> None:
        """Another board has other runtimes and another size of memory."""
        if changed is self.board:
            kept = self.runtime.value
            runtimes = _runtimes(self.board.value)
            self.runtime.options = runtimes
            self.runtime.value = kept if kept in runtimes else default_runtime(find_board(self.board.value).core)
            self.reserve_kib.max = largest_kib(self.board.value)

    def compute(self) -> FitReport:
        """The fit check for the controls."""
        reserve = Reserve(sram_bytes=round(self.reserve_kib.value * _KIB))
        return check_fit(self.graph, self.board.value, runtime=self.runtime.value, reserve=reserve)

    def tell(self, result: FitReport) -> Iterable[tuple[str, str]]:
        """Verdict, reasons, figures and advice."""
        yield "verdict", result.verdict.words
        yield from (("because", reason) for reason in result.reasons)
        yield "arena", str(result.arena_bytes or "unknown")
        yield "flash", str(result.flash_bytes or "unknown")
        yield from (("advice", advice) for advice in result.advice)

    def summarise(self, result: FitReport) -> str:
        """Verdict and what is left."""
        words = [result.verdict.words]
        for use in result.regions[:1]:
            left = "left" if use.margin_bytes >= 0 else "missing"
            words.append(f"{format_quantity(abs(use.margin_bytes), 'byte')} {left} in {use.name}")
        return ", ".join(words)


def _runtimes(board: str) -> list[str]:
    core = find_board(board).core
    return sorted({default_runtime(core), *known_runtimes(core)})
