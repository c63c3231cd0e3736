"""Power in panels: the whole path to a verdict, a board with its clock and battery, and a timeline around a network."""

from collections.abc import Callable, Iterable
from typing import Any

from tinykit.budget.assessment.chain import Assessment, assess, sweep_periods
from tinykit.budget.assessment.use import Use
from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.power.pack import find_battery
from tinykit.budget.power.radio import RADIOS
from tinykit.budget.power.sensitivity import Settling, say_settling, settle_budget
from tinykit.ground.quantity import DAY_S
from tinykit.ground.results import tell
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import (
    AnyBattery,
    AnySensor,
    Powered,
    choose,
    choose_battery,
    choose_board,
    choose_sensor,
)
from tinykit.show.plots import (
    KitFigure,
    lay_axes,
    plot_fit,
    plot_life,
    plot_lines,
    plot_stack,
    plot_stages,
    plot_states,
)
from tinykit.target.boards import AnyBoard, find_board
from tinykit.target.target import Target

_SLOWEST_SHARE = 0.1
_UNKNOWN_CLOCK_MHZ = 100.0
NO_CURRENT = "the life is unknown; give the currents that the board lacks"
_NO_CLOCK = "neither a latency nor a run current of this board is known"


class DesignPanel(Powered[Assessment]):
    """Does it fit, how long does the battery last, how hot does the die get.

    Parameters
    ----------
    graph : the model.
    board, battery : to start from: id, path of a TOML, `Board`, cell or pack.
    period_s : from one inference to the next [s].
    task, sensor : what the network is for, such as "watch-exercises", which names sensor, window and front end; another
        sensor: id, path of a TOML, `Sensor` or "none".
    """

    size_in = (7.2, 4.7)
    title = "Design"
    rests: tuple[tuple[str, Callable[[Any], Any], str], ...] = (
        ("battery", lambda panel: _lasts_unknown(panel.result), NO_CURRENT),
    )
    shown: tuple[str, ...] = ("period_s", "board", "battery", "sensor")

    def __init__(
        self, graph: GraphOrFile, *, board: AnyBoard = "nucleo-l4r5zi", battery: AnyBattery = "cr2032",
        period_s: float = 10.0, task: str | None = None, sensor: AnySensor | None = None
    ) -> None:  # fmt: skip
        self.graph, self.task = as_graph(graph), task
        controls = {
            "period_s": Slider("period", period_s, 0.01, DAY_S),
            "board": choose_board(board),
            "battery": choose_battery(battery),
            "sensor": choose_sensor(sensor, task),
            "clock_mhz": choose_clock(board),
        }
        super().__init__(self.title, self.graph.path, {name: controls[name] for name in self.shown})

    def compute(self) -> Assessment:
        """Fit, power and heat for the controls."""
        clock, sensor = getattr(self, "clock_mhz", None), self.sensor.value or None
        target = Target(self.board.value, clock_hz=clock.value * 1e6 if clock else None)
        told = {"period_s": self.period_s.value, "battery": self.battery.value, "sensor": sensor, "task": self.task}
        return assess(self.graph, target, self.make_use(**told))

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
        return f"{result.fit.verdict.words}, life {tell(result.battery_life_s)}, Tj {tell(result.t_junction_c)}"


class PowerPanel(DesignPanel):
    """What flows when, and how long a battery lasts; parameters as of `DesignPanel`."""

    size_in = (7.2, 5.8)
    title, shown = "Power", ("board", "battery", "period_s", "clock_mhz", "sensor")
    rests = (
        *DesignPanel.rests,
        ("clock_mhz", lambda panel: panel.result.budget is None and _awake_unknown(panel.result.power), _NO_CLOCK),
    )

    def adapt(self, changed: Any) -> None:
        """Another board has another range of clocks: start at its highest."""
        super().adapt(changed)
        if changed is self.board:
            top = _top_clock_mhz(self.board.value)
            with self.clock_mhz.hold_trait_notifications():
                self.clock_mhz.min, self.clock_mhz.max = top * _SLOWEST_SHARE, top
                self.clock_mhz.step, self.clock_mhz.value = top / 100, top

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
        return _say_current(result.budget)


def _lasts_unknown(result: Assessment) -> bool:
    """Whether no battery has a life, for want of currents, nor is told to be too weak or too low for the board."""
    budget = result.budget
    if result.power.battery_life_s is not None or budget is None:
        return result.power.battery_life_s is None
    return budget.board.supply_min is not None and all(state.current_a is None for state in budget.states)


def choose_clock(board: AnyBoard) -> Slider:
    """A slider from a tenth of the highest clock of a board up to it, where it stands."""
    top = _top_clock_mhz(board)
    return Slider("clock [MHz]", top, top * _SLOWEST_SHARE, top, top / 100)


def _top_clock_mhz(board: AnyBoard) -> float:
    """The highest clock on record [MHz]; 100 where none is, and then every figure reads unknown."""
    clock = find_board(board).clock_hz
    return clock / 1e6 if clock else _UNKNOWN_CLOCK_MHZ


_BESIDE = ("led", "debugger")


def _lacks(panel: Any) -> bool:
    return panel.result.average_current_a is None


class TimelinePanel(Powered[PowerBudget]):
    """Which state, and which consumer, takes the charge of a period.

    Parameters
    ----------
    graph : the model.
    board, battery : id, path of a TOML, `Board`, cell or pack; the board to start from.
    period_s : from one look to the next [s].
    payload_bytes : sent after each inference [byte].
    sensor : id, path of a TOML, `Sensor` or "none"; on while it senses, never off where no time is set for it. None for
        an accelerometer while there is one.
    """

    size_in = (7.2, 6.8)
    plots, heights, left_in = (plot_stages, plot_stack, plot_lines), (1.4, 1.2, 0.9), 1.1
    rests = (
        ("gate", lambda panel: not _knows_network(panel.result), "the latency is unknown"),
        ("also", lambda panel: _lacks(panel) and panel.asks_for_run_current, NO_CURRENT),
        ("sense_s", lambda panel: _lacks(panel) and _asleep_known(panel.result), NO_CURRENT),
        *((name, _lacks, NO_CURRENT) for name in ("period_s", "gate")),
    )

    def __init__(
        self, graph: GraphOrFile, *, board: AnyBoard = "nucleo-l4r5zi", battery: AnyBattery = "cr2032",
        period_s: float = 10.0, payload_bytes: float = 10.0, sensor: AnySensor | None = None
    ) -> None:  # fmt: skip
        self.graph, self.battery, self.payload_bytes = as_graph(graph), find_battery(battery), payload_bytes
        self.sensor = Use(sensor=sensor).sensor
        controls = {
            "board": choose_board(board),
            "period_s": Slider("period", period_s, 0.1, DAY_S),
            "sense_s": Slider("sensing [s]", 0.0, 0.0, 5.0, 0.1),
            "gate": Slider("gate opens [1]", 1.0, 0.0, 1.0, 0.01),
            "radio": choose("radio", ["none", *RADIOS], "none"),
            "also": choose("always on beside it", ["none", *_BESIDE], "none"),
        }
        super().__init__("Timeline", self.graph.path, controls)

    def compute(self) -> PowerBudget:
        """The budget for the controls."""
        radio = self.radio.value
        use = self.make_use(
            period_s=self.period_s.value,
            battery=self.battery,
            sense_s=self.sense_s.value,
            gate_rate=self.gate.value,
            send=None if radio == "none" else (radio, self.payload_bytes),
            sensor=self.sensor or ("accelerometer" if self.sense_s.value else None),
            beside=() if self.also.value == "none" else (self.also.value,),
        )
        return assess(self.graph, self.board.value, use).power

    def tell(self, result: PowerBudget) -> Iterable[tuple[str, str]]:
        """Average, life, what would settle it, findings."""
        yield "average current", str(result.average_current_a or "unknown")
        yield "battery life", str(result.battery_life_s or "unknown")
        shares = (f"{line.name} {line.share:.0%}" for line in result.lines if line.share is not None)
        yield "charge by consumer", ", ".join(shares) or "unknown"
        found = settle_budget(result) if _knows_network(result) else (Settling("latency", "battery life"),)
        yield "to settle it", say_settling(found)
        yield from (("look out", finding) for finding in result.findings)
        yield from (("unknown", reason) for reason in result.unknown)

    def summarise(self, result: PowerBudget) -> str:
        """Average current and life, of all but the network where that is unknown."""
        return ("" if _knows_network(result) else "without the network: ") + _say_current(result)


def _awake_unknown(budget: PowerBudget) -> bool:
    """Whether nothing that is awake has a current, so that no clock and no load changes what can be told."""
    return all(state.current_a is None for state in budget.states if state.name != "sleep")


def _asleep_known(budget: PowerBudget) -> bool:
    """Whether sleep has a current, so that what senses asks for none."""
    return any(state.current_a is not None for state in budget.states if state.name == "sleep")


def _knows_network(budget: PowerBudget) -> bool:
    return any(state.name == "inference" for state in budget.states)


def _say_current(budget: PowerBudget | None) -> str:
    if budget is None or budget.average_current_a is None:
        return "unknown"
    return tell(budget.average_current_a) + (f", {tell(budget.battery_life_s)}" if budget.battery_life_s else "")
