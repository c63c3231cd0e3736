"""What a browser shows of a panel: a slider that keeps the value it was given, and a picture that says what is drawn.

Both have names and values for those who hear them. The JavaScript beside this module only shows; stops, texts and what
a typed one means are decided here.
"""

import math
import re
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from tinykit.ground.quantity import DAY_S

_HERE = Path(__file__).parent
_UNITS = {
    "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "day": DAY_S, "d": DAY_S,
    "week": 7 * DAY_S, "year": 365.25 * DAY_S,
}  # fmt: skip
_TIMES = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
_TYPED = re.compile(r"(\d[\d,]*\.?\d*(?:e[-+]?\d+)?|\.\d+)\s*([a-zµ]*)", re.IGNORECASE)


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

    def __init__(self, description: str, value: float, low: float, high: float, step: float | None) -> None:
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
        match = _TYPED.fullmatch(text.strip())
        known = {**_UNITS, "": 1.0} if self.step is None else {"": 1.0}
        unit = match[2].lower() if match else ""
        unit = unit if unit in known else unit.removesuffix("s")
        if match is None or unit not in known:
            such = "90 s, 5 min or 1.5 h" if self.step is None else "a number"
            raise ValueError(f"{text[:40]!r} is not understood; write {such}")
        value = float(match[1].replace(",", "")) * known[unit]
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
    """A PNG, the words that say what it shows, and how wide it may be."""

    _esm = _HERE / "picture.js"
    _css = _HERE / "controls.css"
    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    width = traitlets.Unicode().tag(sync=True)
