"""The shell every panel shares: controls, one pure function, a picture, a verdict, one line of text."""

import html
import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import ipywidgets as widgets

from tinykit.ground.errors import ParameterError, judge_failure, printable
from tinykit.show.plots import KitFigure, lay_axes, to_png_quickly
from tinykit.show.plots.style import styled
from tinykit.target.boards import find_board
from tinykit.target.boards.record import Board

Result = TypeVar("Result")
_LONGEST_REPR = 109
_STYLE = {"description_width": "150px"}
_CONTROL_WIDTH = "560px"


class Panel(widgets.VBox, Generic[Result]):
    """Controls above, picture and verdict below; moving a control computes and draws again.

    A subclass gives `compute` (reads its controls, calls one pure function), `plots` of the result with their relative
    `heights` (or `draw`, on a figure that is cleared for it), `tell` (subject and sentence, plain text: the shell
    escapes it) and `summarise` (inputs and result in one short line). Controls become attributes by the names they are
    given, so that `panel.period_s.value = 60` moves the panel from code.

    Attributes
    ----------
    result : of the last computation, None where an input was refused.
    picture, verdict : the image and the text shown.
    """

    size_in = (7.2, 3.2)
    plots: tuple[Callable[..., Any], ...] = ()
    heights: tuple[float, ...] = (1.0,)
    left_in = 0.9

    def __init__(self, title: str, path: str, controls: dict[str, Any]) -> None:
        self.result: Result | None = None
        self.problem = ""
        self._adapting = False
        self._figure = KitFigure(self.size_in)
        width = f"{int(self.size_in[0] * 90)}px"
        self.picture = widgets.Image(format="png", layout=widgets.Layout(width=width, max_width="100%"))
        self.verdict = widgets.HTML(layout=widgets.Layout(width=width, max_width="100%"))
        self._controls = controls
        for name, control in controls.items():
            setattr(self, name, control)
        heading = widgets.HTML(f"<b>{html.escape(title)}</b>: {html.escape(Path(path).name)}")
        super().__init__([heading, *controls.values(), self.picture, self.verdict])
        for control in controls.values():
            control.observe(self._on_change, names="value")
        self.update()

    def compute(self) -> Result:
        """The result for the controls as they stand."""
        raise NotImplementedError

    def draw(self, result: Result, figure: KitFigure) -> None:
        """Draw a result on an empty figure: each of `plots`, one below the other."""
        axes = lay_axes(figure, *self.heights, left_in=self.left_in)
        for plot, ax in zip(self.plots, axes, strict=True):
            plot(result, ax=ax)

    def tell(self, result: Result) -> Iterable[tuple[str, str]]:
        """The verdict as rows of subject and sentence."""
        raise NotImplementedError

    def summarise(self, result: Result) -> str:
        """The result in a few words, for `repr`."""
        raise NotImplementedError

    @styled
    def update(self, failed: Exception | None = None) -> None:
        """Compute and draw again; an input that is refused, and whatever fails, shows its message instead."""
        self._figure = KitFigure(self.size_in)
        try:
            if failed is not None:
                raise failed
            self._refuse_infinite()
            self.result, self.problem = self.compute(), ""
            self.draw(self.result, self._figure)
            self.verdict.value = to_table(self.tell(self.result))
            picture = to_png_quickly(self._figure)
        except Exception as error:  # noqa: BLE001 -- a view that is left half drawn would belong to no input
            self.result, self.problem = None, judge_failure(error)[1]
            self._figure = KitFigure(self.size_in)
            self._figure.text(0.5, 0.5, "no result: see the message below", ha="center", color="#555555")
            self.verdict.value = to_table([("not possible", self.problem)])
            picture = to_png_quickly(self._figure)
        self.picture.value = picture

    def _refuse_infinite(self) -> None:
        for name, control in self._controls.items():
            if isinstance(control.value, float) and not math.isfinite(control.value):
                raise ParameterError(f"{name} is {control.value}: give a number")

    def adapt(self, changed: Any) -> None:
        """Fit the ranges of other controls to the one that changed; nothing to do by default."""

    def _on_change(self, change: Any) -> None:
        if self._adapting:
            return
        self._adapting, failed = True, None
        try:
            self.adapt(change["owner"])
        except Exception as error:  # noqa: BLE001 -- told as what `compute` raises is
            failed = error
        finally:
            self._adapting = False
        self.update(failed)

    def __repr__(self) -> str:
        if not hasattr(self, "verdict"):
            return f"{type(self).__name__}()"
        given = ((name, control.value) for name, control in self._controls.items() if control.value != "")
        inputs = ", ".join(f"{name}={format_value(value)}" for name, value in given)
        found = self.problem.partition("\n")[0] if self.result is None else self.summarise(self.result)
        room = _LONGEST_REPR - len(f"{type(self).__name__}(): {found}")
        if self.result is not None and 0 < room < len(inputs):
            inputs = inputs[: room - 1] + "…"
        line = f"{type(self).__name__}({inputs}): {found}"
        return line if len(line) <= _LONGEST_REPR else line[: _LONGEST_REPR - 1] + "…"


def format_value(value: Any) -> str:
    """A control's value in a few characters: 12.5, 'cr2032', True; of a board of one's own its id."""
    return f"{value:.4g}" if isinstance(value, float) else str(getattr(value, "id", value))


def to_table(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of subject and sentence as an HTML table; every text is escaped, whoever wrote it."""
    cell = '<td style="padding:1px 12px 1px 0;vertical-align:top;line-height:1.35">'
    pairs = (["\n".join(html.escape(printable(line)) for line in text.split("\n")) for text in row] for row in rows)
    body = (f"<tr>{cell}<b>{subject}</b></td>{cell}{said}</td></tr>" for subject, said in pairs)
    return f"<table>{''.join(body)}</table>"


def choose(description: str, options: Sequence[Any], value: Any) -> Any:
    """A dropdown; options are values or (label, value) pairs."""
    return make_control(widgets.Dropdown, description, options=options, value=value)


def slide(description: str, value: float, low: float, high: float, step: float) -> Any:
    """A linear slider; the description names the unit."""
    ends = {"min": low, "max": high, "step": step}
    return make_control(widgets.FloatSlider, description, value=value, readout_format=".4g", **ends)


def slide_log(description: str, value: float, low_exponent: float, high_exponent: float) -> Any:
    """A logarithmic slider between two powers of ten, 20 steps a decade."""
    ends = {"min": low_exponent, "max": high_exponent, "step": 0.05}
    return make_control(widgets.FloatLogSlider, description, value=value, readout_format=".5g", **ends)


def make_control(kind: Any, description: str, **settings: Any) -> Any:
    """A control of a kind of widget, as wide as all others."""
    return kind(description=description, style=_STYLE, layout=widgets.Layout(width=_CONTROL_WIDTH), **settings)


def largest_kib(board: Board | str | os.PathLike[str]) -> float:
    """The internal memory of a board with most room [KiB], the end of a slider; 1 MiB where none is known."""
    windows = find_board(board).sram_windows()
    return windows[0].available_bytes / 1024 if windows else 1024.0
