"""What a browser shows of a panel: a slider that keeps its value, a picture that says what is drawn, a view that stays.

Slider and picture have names and values for those who hear them. The JavaScript beside this module only shows; stops,
texts and what a typed one means are decided here.
"""

import io
import math
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.quantity import DAY_S
from tinykit.show.course import read_quantity

_HERE = Path(__file__).parent
_HALVINGS = 18
_TIMES = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)


class Slider(anywidget.AnyWidget):
    """A value between two ends: a slider over stops, and a field that takes any value between them.

    Parameters
    ----------
    description : name, with the unit in brackets.
    value : to start with; kept as it is, whether or not it is a stop.
    low, high : ends; a value beyond them is the end.
    step : between stops; None for times [s], whose stops are those of a clock.
    """

    _esm = _HERE / "slider.js"
    _css = _HERE / "controls.css"
    description = traitlets.Unicode().tag(sync=True)
    value = traitlets.CFloat().tag(sync=True)
    stops = traitlets.List(traitlets.Float()).tag(sync=True)
    shown = traitlets.Unicode().tag(sync=True)
    typed = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)
    disabled = traitlets.Bool().tag(sync=True)
    min = traitlets.CFloat()
    max = traitlets.CFloat()
    step = traitlets.Float(allow_none=True)

    def __init__(self, description: str, value: float, low: float, high: float, step: float | None = None) -> None:
        super().__init__(description=description, min=low, max=high, step=step, value=min(max(value, low), high))
        self._spread()
        self.observe(self._spread, names=["min", "max", "step"])
        self.observe(self._show, names="value")
        self.observe(self._take, names="typed")

    @traitlets.validate("value")
    def _bound(self, proposal: Any) -> float:
        value = float(proposal["value"])
        return value if math.isnan(value) else min(max(value, self.min), self.max)

    def name_value(self, value: float) -> str:
        """A value as it is shown and told: with its unit for times, "90 s" or "6 h"; else in four digits."""
        if self.step is not None:
            return f"{value:.4g}"
        for span, unit in ((DAY_S, "days" if value > DAY_S else "day"), (3600.0, "h"), (60.0, "min")):
            if value >= span and value % span == 0:
                return f"{value / span:g} {unit}"
        return f"{value:g} s" if value >= 1 else f"{value * 1e3:g} ms"

    def read(self, text: str) -> float:
        """The value of a typed text; ValueError where it is none, or lies beyond the ends."""
        value = read_quantity(text, "s" if self.step is None else "")
        if not self.min <= value <= self.max:
            ends = f"{self.name_value(self.min)} to {self.name_value(self.max)}"
            raise ValueError(f"{self.name_value(value)} is beyond the slider; allowed: {ends}")
        return value

    def _spread(self, _: Any = None) -> None:
        if self.step is None:
            small = [factor * 10.0**power for power in (-3, -2, -1) for factor in (1, 2, 5)]
            stops = [stop for stop in (*small, *map(float, _TIMES)) if self.min < stop < self.max]
        else:
            count = round((self.max - self.min) / self.step)
            stops = [round(self.min + place * self.step, 9) for place in range(1, count)]
        self.stops = [self.min, *stops, self.max]
        self.hint = f"{self.name_value(self.min)} to {self.name_value(self.max)}"
        self.value = self.value
        self._show()

    def _show(self, _: Any = None) -> None:
        self.shown, self.problem = self.name_value(self.value), ""

    def _take(self, change: Any) -> None:
        if not change["new"]:
            return
        try:
            self.value, self.problem = self.read(change["new"]), ""
        except ValueError as error:
            self.problem = str(error)
        self.typed = ""  # so that the field shows the value again, also where it did not change


class Picture(anywidget.AnyWidget):
    """A PNG, the words that say what it shows, how wide it may be, and whether it is of what was before."""

    _esm = _HERE / "picture.js"
    _css = _HERE / "controls.css"
    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    width = traitlets.Unicode().tag(sync=True)
    stale = traitlets.Bool().tag(sync=True)


class View(widgets.VBox):
    """Controls and a picture: a cell that moves them and shows them again leaves the view above it as it was."""

    _controls: dict[str, Any]
    _given: tuple[tuple[Any, ...], dict[str, Any]]
    _held = False
    _shown: dict[str, Any] | None = None

    @property
    def is_held(self) -> bool:
        """Whether it waits with drawing, for controls that are still being set."""
        return self._held

    def __new__(cls, *given: Any, **named: Any) -> Any:
        """Keep what it is made of, to make another."""
        view = super().__new__(cls, *given, **named)
        view._given = given, named
        return view

    def read_controls(self) -> dict[str, Any]:
        """The value of each control by its name."""
        return {name: control.value for name, control in self._controls.items()}

    def take_over(self, other: Any) -> None:
        """Keep of the view that this is made like what need not be computed again; nothing by default."""

    def compute_near(self) -> Any:
        """The result for the controls; where that is refused, at the limit of the first slider that has one."""
        try:
            return self.compute()
        except (ParameterError, UnknownFactError) as error:
            refused = error
        sliders = [(name, one) for name, one in self._controls.items() if isinstance(one, Slider)]
        for name, slider, end in ((name, one, end) for name, one in sliders for end in (one.max, one.min)):
            result, good, bad = self._compute_at(name, end), end, slider.value
            for _ in range(_HALVINGS if result is not None else 0):
                middle = math.sqrt(good * bad) if slider.step is None else (good + bad) / 2
                found = self._compute_at(name, middle)
                (result, good), bad = ((found, middle), bad) if found is not None else ((result, good), middle)
            if result is not None:
                told = f"{slider.description.partition(' [')[0]} {slider.name_value(float(f'{good:.4g}'))}"
                self.reason = f"drawn at {told}: {refused}"
                return result
        raise refused

    def _compute_at(self, name: str, value: float) -> Any:
        control = getattr(self, name)
        try:
            setattr(self, name, SimpleNamespace(value=value))
            return self.compute()
        except (ParameterError, UnknownFactError):
            return None
        finally:
            setattr(self, name, control)

    def _repr_mimebundle_(self, **named: Any) -> dict[str, Any]:
        if self._shown is not None:
            self._leave(self._shown)
        self._shown = self.read_controls()
        bundle: dict[str, Any] = super()._repr_mimebundle_(**named)
        return {**bundle, "image/png": b64encode(shrink_png(bytes(self.picture.value))).decode()}

    def _leave(self, values: dict[str, Any]) -> None:
        """Give what pages show to a twin whose controls stand at these values: both change channels, part by part."""
        given, named = self._given
        twin = type(self).__new__(type(self), *given, **named)
        twin._held = True
        type(self).__init__(twin, *given, **named)
        twin.take_over(self)
        for name, value in [*values.items()] * 2:  # twice: a board changes the range of others
            getattr(twin, name).value = value
        twin._held = False
        twin.update()
        parts = list(zip(_list_parts(self), _list_parts(twin), strict=True))
        for one, other in parts:
            one.comm, other.comm = other.comm, one.comm
        for part in (part for pair in parts for part in pair):
            part.send_state()


def shrink_png(png: bytes) -> bytes:
    """The same picture in 64 colours, a third of the bytes: what a notebook keeps of a panel."""
    from PIL import Image

    kept = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(64).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _list_parts(widget: widgets.Widget) -> list[widgets.Widget]:
    """A widget, and every one that its state names: layout, style and children, theirs too."""
    values = (getattr(widget, name) for name in sorted(widget.keys))
    inner = (one for value in values for one in (value if isinstance(value, tuple) else (value,)))
    return [widget, *(part for one in inner if isinstance(one, widgets.Widget) for part in _list_parts(one))]
