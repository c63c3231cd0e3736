"""The studio: a whole device on the left, every limit of it on the right, and which one binds."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import ipywidgets as widgets

from tinykit.budget import RADIOS, SLEEP_MODES, Assessment, Binding, Budgets, Use, map_binding, scenario_of, what_binds
from tinykit.ground.errors import TinykitError
from tinykit.ground.facts import shipped_path
from tinykit.ground.quantity import DAY_S, YEAR_S
from tinykit.ground.results import tell
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.power import NO_CURRENT, PowerPanel, choose_clock
from tinykit.show.panels.shell import NumberField, Powered, choose, choose_battery, choose_board, make_control
from tinykit.show.plots import KitFigure, lay_axes, plot_binding, plot_gauges
from tinykit.target.boards import AnyBoard
from tinykit.target.devices import NOTHING, list_sensors
from tinykit.train import networks, sketch

_SHIPPED = {"watch-exercises": ("data", "checkpoints", "watch-exercises", "int8.tflite")}
_ZOO = {one.name: one for one in networks() if one.activation == "softmax"}
_PERIODS_S = (0.1, 0.3, 1, 3, 10, 30, 60, 300, 900, 3600, 21_600, DAY_S)
_VIEWS = [("every limit", ""), ("what binds over period and clock", "clock_hz"), ("over period and air", "ambient_c")]
_SAID = ("asleep", "energy per inference", "charge by consumer", "to settle it", "look out")
_MESSAGE_BYTES = 10.0


@lru_cache
def _open(name: str) -> ModelGraph:
    """A shipped model, or a network of the zoo as a sketch: untrained, with its memory and times."""
    if name in _SHIPPED:
        return read(shipped_path(*_SHIPPED[name]))
    one = _ZOO[name]
    return read(sketch(one.architecture, input_shape=one.input_shape, classes=one.classes), name=f"{name}.tflite")


class StudioPanel(PowerPanel):
    """A device of network, board, sensor, radio, cell and box, its limits as gauges, and a map of what binds.

    Parameters
    ----------
    network : to start from: shipped or of the zoo; a button takes a `.tflite` of one's own.
    board : to start from: id, path of a TOML, or `Board`.
    """

    size_in = (7.2, 5.4)
    children: Any
    rests = (
        *PowerPanel.rests,
        ("life_years", lambda panel: panel.result.battery_life_s is None, NO_CURRENT),
        ("latency_s", lambda panel: panel.result.fit.latency_s is None, "the latency is unknown"),
    )

    def __init__(self, *, network: str = "mobilenet-v1-025", board: AnyBoard = "nucleo-wl55jc") -> None:
        self._own: dict[str, ModelGraph] = {}
        sensors = [("that of the task", ""), (NOTHING, NOTHING), *((one.name, one.id) for one in list_sensors())]
        controls = {
            "view": choose("picture", _VIEWS, ""),
            "network": choose("network", [*_SHIPPED, *_ZOO], network),
            "board": choose_board(board),
            "clock_mhz": choose_clock(board),
            "period_s": Slider("period", 60.0, 0.1, DAY_S),
            "sleep": choose("asleep in", [("what takes the least", ""), *((one, one) for one in SLEEP_MODES)], ""),
            "sensor": choose("sensor", sensors, ""),
            "radio": choose("radio", [NOTHING, *RADIOS], NOTHING),
            "battery": choose_battery("lipo-500"),
            "air_c": Slider("air [°C]", 25.0, -40, 125, 1),
            "box_cm2": Slider("closed box [cm²]", 0.0, 0, 1000, 5),
            "latency_s": Slider("latency wished", 0.2, 0.001, 60.0),
            "life_years": Slider("life wished [years]", 0.5, 0.1, 10.0, 0.1),
            "most": make_control(NumberField, "price wished", placeholder="at most, in any currency"),
            "price": make_control(NumberField, "price of the parts", placeholder="yours: no data sheet says it"),
        }
        Powered.__init__(self, "Studio", "a device, and what binds it", controls)
        self.upload = widgets.FileUpload(accept=".tflite", description="own .tflite")
        self.upload.observe(self._take, names="value")
        made = list(self.children)
        self.children = [*made[:2], widgets.VBox([*made[2:-3], self.upload]), widgets.VBox(made[-3:])]
        self.add_class("tinykit-studio")

    def bind(self, result: Assessment) -> Binding:
        """Every limit of a result beside the wishes as they stand."""
        price, most = self.price.read(), self.most.read()
        return what_binds(result, self.wishes, None if most is None else (price, most))

    @property
    def wishes(self) -> Budgets:
        """Latency and life, as the controls stand."""
        return Budgets(latency_s=self.latency_s.value, life_s=self.life_years.value * YEAR_S)

    def compute(self) -> Assessment:
        """The whole device, for the controls."""
        self.graph = self._own.get(self.network.value) or _open(self.network.value)
        self.task = scenario_of(self.graph)
        return super().compute()

    def make_use(self, **given: Any) -> Use:
        """The use of a design, and what a device has beside."""
        given["send"] = None if self.radio.value == NOTHING else (self.radio.value, _MESSAGE_BYTES)
        given["enclosure_area_m2"] = self.box_cm2.value * 1e-4 or None
        return super().make_use(ambient_c=self.air_c.value, sleep_mode=self.sleep.value or None, **given)

    def draw(self, result: Assessment, figure: KitFigure) -> None:
        """Every limit as a gauge, or the map; what is pinned as diamonds."""
        (ax,), knob = lay_axes(figure, 1.0), self.view.value
        shown = [result, *([self.pinned[2]] if self.pinned else [])]
        if not knob:
            plot_gauges(*map(self.bind, shown), ax=ax)
            return
        clocks = result.target.board.list_clocks(8) or (result.target.clock_hz or 1.0,)
        knobs = {"period_s": _PERIODS_S, knob: clocks if knob == "clock_hz" else range(-35, 126, 20)}
        points = [(one.use.period_s, getattr(one.target, knob, one.use.ambient_c) or 1.0) for one in shown]
        plot_binding(map_binding(result, self.wishes, knobs), knobs, points, ax=ax)

    def _draw_pinned(self, figure: KitFigure) -> None:
        pass

    def tell(self, result: Assessment) -> Iterable[tuple[str, str]]:
        """What binds, every limit with interval and basis, and what stands behind."""
        found = self.bind(result)
        yield "what binds", found.words
        for one in found.checks:
            yield one.budget, f"{one.verdict}: {one.tell()}" + (f" — {one.figure}" if one.figure else "")
        if self.price.value and not self.most.value:
            yield "cost", f"{self.price.value}, no price is wished"
        yield from (row for row in result.lines() if row[0] in _SAID)
        if result.heat and result.heat.enclosure_rise_k:
            yield "air in the box", f"{result.heat.enclosure_rise_k} above the air outside"

    def summarise(self, result: Assessment) -> str:
        """What is missed, life and junction."""
        found = self.bind(result)
        first, *more = [one.budget for one in found.missed] or [""]
        head = f"misses {first}{f' and {len(more)} more' if more else ''}" if first else found.words.partition(";")[0]
        return f"{head}; {tell(result.battery_life_s)}, {tell(result.t_junction_c)}"

    def contrast(self, pinned: Assessment, result: Assessment) -> Iterable[tuple[str, str]]:
        """Each figure that differs from the pinned design's."""
        before, now = ({one.budget: one.figure for one in self.bind(each).checks} for each in (pinned, result))
        pairs = ((name, before.get(name), figure) for name, figure in now.items())
        told = (f"{name} {tell(a)} → {tell(b)}" for name, a, b in pairs if a not in (None, b))
        yield "from A to B", "; ".join(told) or "no figure differs"

    def take_over(self, other: Any) -> None:
        """The models of one's own."""
        self._own, self.network.options = other._own, other.network.options

    def _take(self, change: Any) -> None:
        """Read what was uploaded and choose it; what is no model is told."""
        try:
            self._own |= {one["name"]: read(bytes(one["content"]), name=one["name"]) for one in change["new"]}
        except TinykitError as error:
            self.update(error)
            return
        chosen = next(reversed(self._own), self.network.value)
        self.network.options = [*self._own, *_SHIPPED, *_ZOO]
        self.network.value = chosen
