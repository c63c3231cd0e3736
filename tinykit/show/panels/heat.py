"""Heat in panels: a board, the air around it, how busy it is, a closed box, and bursts with pauses in time."""

import math
from collections.abc import Callable, Iterable

import ipywidgets as widgets

from tinykit.budget.assessment.chain import assess
from tinykit.budget.thermal.check import PAINTS, ThermalReport, solar_load
from tinykit.budget.thermal.warming import Warming, follow_bursts
from tinykit.ground.quantity import format_quantity
from tinykit.ground.results import tell
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel, Powered, choose, choose_board
from tinykit.show.plots import KitFigure, lay_axes, plot_bursts, plot_heat, plot_transient
from tinykit.target.boards import AnyBoard

_CM2 = 1e-4
_NO_POWER = "the power is unknown; give the currents that the board lacks"


def _warms_nothing(panel: Panel[ThermalReport]) -> bool:
    """Whether no power is known that would warm a box."""
    found = panel.result
    return found is None or found.average_power_w is None is found.continuous_power_w


class HeatPanel(Powered[ThermalReport]):
    """How hot the die gets.

    Parameters
    ----------
    graph : the model.
    board : to start from: id, path of a TOML, or `Board`.
    ambient_c : of the air [°C].
    duty_cycle : fraction of the time in inference, 0–1.
    box_cm2 : outer surface of the closed box [cm²].
    """

    size_in = (7.2, 2.7)
    plots, left_in = (plot_heat,), 1.6
    rests = (
        ("box_cm2", lambda panel: not panel.boxed.value, "tick “in a closed box”"),
        ("box_cm2", _warms_nothing, _NO_POWER),
        ("boxed", _warms_nothing, _NO_POWER),
        ("duty_cycle", lambda panel: panel.result.average_power_w is None, _NO_POWER),
    )

    def __init__(
        self, graph: GraphOrFile, *, board: AnyBoard = "nucleo-l4r5zi", ambient_c: float = 25.0,
        duty_cycle: float = 1.0, box_cm2: float = 88.0
    ) -> None:  # fmt: skip
        self.graph = as_graph(graph)
        controls = {
            "board": choose_board(board),
            "ambient_c": Slider("ambient [°C]", ambient_c, -40, 125, 1),
            "duty_cycle": Slider("duty cycle [1]", duty_cycle, 0.01, 1, 0.01),
            "box_cm2": Slider("surface of the box [cm²]", box_cm2, 20, 1000, 1),
            "boxed": widgets.Checkbox(value=False, description="in a closed box"),
        }
        super().__init__("Heat", self.graph.path, controls)

    def compute(self) -> ThermalReport:
        """The heat check for the controls."""
        box_m2 = self.box_cm2.value * _CM2 if self.boxed.value else None
        use = self.make_use(duty_cycle=self.duty_cycle.value, ambient_c=self.ambient_c.value, enclosure_area_m2=box_m2)
        return assess(self.graph, self.board.value, use).complete()[1]

    def tell(self, result: ThermalReport) -> Iterable[tuple[str, str]]:
        """Verdict, reasons and the highest ambient."""
        yield "verdict", result.verdict
        yield from (("because", reason) for reason in result.reasons)
        yield "power in the package", str(result.average_power_w or "unknown")
        yield "theta_ja", str(result.theta_ja or "unknown")
        yield "ambient at Tj limit", str(result.t_ambient_max_c or "unknown")

    def summarise(self, result: ThermalReport) -> str:
        """Verdict and junction."""
        return f"{result.verdict}, Tj {tell(result.t_junction_c)}"


_LIT_SHARE = 0.25
"""The share of a box's surface that the sun sees: one of its large faces."""


class BurstPanel(Powered[Warming]):
    """How warm the die gets in bursts, and how long a burst may last.

    Parameters
    ----------
    graph : the model.
    board : to start from: id, path of a TOML, or `Board`.
    burst_s, pause_s : [s].
    air_c : ambient [°C].
    box_cm2 : outer surface of a closed box [cm²], 0 for open air.
    """

    size_in = (7.2, 5.2)
    rests = (("sun", lambda panel: not panel.box_cm2.value, "give the closed box a surface"),)

    def __init__(
        self, graph: GraphOrFile, *, board: AnyBoard = "nucleo-h743zi2", burst_s: float = 10.0,
        pause_s: float = 100.0, air_c: float = 25.0, box_cm2: float = 0.0
    ) -> None:  # fmt: skip
        self.graph = as_graph(graph)
        controls = {
            "board": choose_board(board),
            "air_c": Slider("ambient [°C]", air_c, -40, 125, 1),
            "burst_s": Slider("burst", burst_s, 0.01, 1e4),
            "pause_s": Slider("pause", pause_s, 0.01, 1e4),
            "box_cm2": Slider("closed box [cm²]", box_cm2, 0, 1000, 1),
            "sun": choose("sun on the box", ["none", *PAINTS], "none"),
        }
        super().__init__("Bursts and pauses", self.graph.path, controls)

    def compute(self) -> Warming:
        """The junction in time for the controls; the sun shines on a box only."""
        area = self.box_cm2.value * _CM2 or None
        sun = solar_load(area * _LIT_SHARE, self.sun.value) if area and self.sun.value != "none" else 0.0
        burst_s, pause_s = self.burst_s.value, self.pause_s.value
        use = self.make_use(
            duty_cycle=burst_s / (burst_s + pause_s), ambient_c=self.air_c.value, enclosure_area_m2=area, sun_w=sun
        )
        _, heat = assess(self.graph, self.board.value, use).complete()
        return follow_bursts(heat, burst_s, pause_s, area_m2=area)

    def draw(self, result: Warming, figure: KitFigure) -> None:
        """Bursts and pauses above, the same die without a pause below."""
        above, below = lay_axes(figure, 1.0, 1.0)
        plot_bursts(result, ax=above)
        plot_transient(result.report, ax=below)

    def tell(self, result: Warming) -> Iterable[tuple[str, str]]:
        """Verdict, peak, trough, how long a burst may last, the duty cycle that holds the limit, the surface."""
        yield "verdict", f"{result.verdict}: {result.reason}"
        yield "junction", f"peak {result.peak_c}, trough {result.trough_c}"
        yield "longest burst", _two_ends(result.burst_limit_s, lambda time_s: format_quantity(time_s, "s"))
        yield "largest duty cycle", _two_ends(result.duty_limit, lambda duty: f"{duty:.0%}")
        if (air := result.report.enclosure_rise_k) is not None:
            yield "air in the box", f"{air} above ambient"
        if (surface := result.surface) is not None:
            yield "surface", f"{surface.verdict}: {surface.surface_c}, touch limit {surface.limit.value:g} °C (worn)"

    def summarise(self, result: Warming) -> str:
        """Verdict and peak."""
        return f"{result.verdict}, {tell(result.peak_c)}"


def _two_ends(pair: tuple[float, float] | None, tell: Callable[[float], str]) -> str:
    """A bound at best and at the warm end of the interval."""
    if pair is None:
        return "no limit on record"
    best, warm = ("any" if math.isinf(one) else tell(one) for one in pair)
    return best if best == warm else f"{best}; at the warm end of the band {warm}"
