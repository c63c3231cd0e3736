"""The shell every panel shares: controls, one pure function, a picture, a verdict."""

import html
import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import ipywidgets as widgets
import traitlets

from tinykit.budget.assessment.draft import list_open
from tinykit.budget.assessment.use import Use
from tinykit.budget.power.cells import Battery, batteries
from tinykit.budget.power.pack import CellPack, find_battery
from tinykit.ground.errors import ParameterError, UnknownFactError, judge_failure, keywords, name_nearest, printable
from tinykit.ground.quantity import is_number
from tinykit.show.panels.controls import Picture, View
from tinykit.show.plots import KitFigure, lay_axes, to_png_quickly
from tinykit.show.plots.marks import draw_ghost
from tinykit.show.plots.style import plain, say_unknown, styled
from tinykit.target.boards import AnyBoard, boards, find_board
from tinykit.target.devices import NOTHING, Sensor, find_sensor, find_signal, list_sensors

Result = TypeVar("Result")
AnyBattery = Battery | CellPack | str | os.PathLike[str]
AnySensor = Sensor | str | os.PathLike[str]
"""As every panel takes them: id of the catalogue, path of a TOML, or the thing itself."""

_ASKED = {
    "run_current_ma": ("run current [mA]", "run_current_a", 1e-3),
    "sleep_current_ua": ("sleep current [µA]", "sleep_current_a", 1e-6),
    "supply_v": ("supply [V]", "supply_v", 1.0),
}
"""The fields: label, which begins with what `list_open` calls it, parameter of `Use`, and the unit in that of `Use`."""
_LONGEST_REPR = 109
_STYLE = {"description_width": "150px"}
_CONTROL_WIDTH = "560px"


class Panel(View, Generic[Result]):
    """Controls above, picture and verdict below; moving a control computes and draws again.

    A subclass gives `compute` (reads its controls, calls one pure function), `plots` of the result with their relative
    `heights` (or `draw`, on a figure that is cleared for it), `tell` (subject and sentence, plain text: the shell
    escapes it) and `summarise` (inputs and result in one short line). Controls become attributes by the names they are
    given, so that `panel.period_s.value = 60` moves the panel from code. `rests` names those that change nothing as the
    others stand: when, asked of the panel, and what would bring them to life. Where `compute` `takes_long`, the panel
    says so while it works.

    Attributes
    ----------
    result : of the last computation, None where an input was refused.
    reason : why the picture shows a limit and not the value of a control; empty where it shows the value.
    picture, verdict, pin : the image, the text, and the button that keeps a design, dashed behind those to come.
    """

    size_in = (7.2, 3.2)
    plots: tuple[Callable[..., Any], ...] = ()
    heights: tuple[float, ...] = (1.0,)
    left_in = 0.9
    rests: tuple[tuple[str, Callable[[Any], Any], str], ...] = ()
    takes_long = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            cls.__init__ = keywords(cls.__init__, strict=True)  # type: ignore[method-assign]

    def __init__(self, title: str, path: str, controls: dict[str, Any]) -> None:
        self.result: Result | None = None
        self.problem = self.reason = ""
        self._adapting, self._figure = False, KitFigure(self.size_in)
        self.pinned: tuple[str, KitFigure, Result] | None = None
        self.picture = Picture(width=f"{int(self.size_in[0] * 90)}px")
        self.verdict, self.notice = widgets.HTML(), widgets.HTML()
        self._controls = controls
        for name, control in controls.items():
            setattr(self, name, control)
        heading = widgets.HTML(f"<b>{html.escape(title)}</b>: {html.escape(Path(path).name)}")
        self.pin = widgets.ToggleButton(description="pin this design", tooltip="keep it in grey behind those to come")
        super().__init__([heading, self.pin, *controls.values(), self.notice, self.picture, self.verdict])
        self.add_class("tinykit-panel")
        for control in controls.values():
            control.observe(self._on_change, names="value")
        self.pin.observe(self._on_pin, names="value")
        self.update()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

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

    def contrast(self, pinned: Result, result: Result) -> Iterable[tuple[str, str]]:
        """Rows that hold the pinned result against another; none by default."""
        return ()

    @styled
    def update(self, failed: Exception | None = None) -> None:
        """Compute and draw again; what is unknown says so in its picture, what is refused leaves the last one, pale."""
        if self.is_held:
            return
        if self.takes_long:
            self.picture.stale = True
            self._notify([("working", "the pale picture is the last that was")])
        figure, self.reason, stale, unknown = KitFigure(self.size_in), "", False, False
        try:
            self._refuse_nothing()
            if failed is not None:
                raise failed
            self.result, self.problem = self.compute_near(), ""
            self.draw(self.result, figure)
            self._draw_pinned(figure)
            self.verdict.value, picture = to_table(self.tell(self.result)), to_png_quickly(figure)
        except Exception as error:  # noqa: BLE001 -- a view that is left half drawn would belong to no input
            self.result, self.problem = None, judge_failure(error)[1]
            self.verdict.value = to_table([("not possible", self.problem)])
            figure, unknown = KitFigure(self.size_in), isinstance(error, UnknownFactError)
            stale = bool(self.picture.value) and not unknown
            say_unknown(figure.subplots(), plain(f"unknown: {self.problem}", 300))
            picture = b"" if stale else to_png_quickly(figure)
        if not stale:
            self._figure, self.picture.value = figure, picture
        self.picture.stale, self.picture.alt = stale, f"{self!r}\n{self.reason}\n{self._figure!r}"
        self._tell_state(unknown)

    def _tell_state(self, unknown: bool) -> None:
        """Above the picture: what it shows if not the controls' values, what is pinned, and which controls rest."""
        resting = {name: why for name, rests, why in self.rests if self.result is not None and rests(self)}
        lone = (name for name, control in self._controls.items() if len(getattr(control, "options", "**")) < 2)
        resting |= dict.fromkeys(lone, "there is no other")
        for name, control in self._controls.items():
            if name != "board" and not isinstance(control, NumberField):
                control.disabled = name in resting or (unknown and "board" in self._controls)
        stale = ("not possible", f"the pale picture is the last that was; {self.problem.partition('.')[0]}")
        rows = [("at the limit", self.reason)] if self.reason else [stale] if self.picture.stale else []
        rows += [("without effect", f"{self._controls[name].description}: {why}") for name, why in resting.items()]
        if self.pinned:
            rows += [("pinned, dashed", self.pinned[0])]
            rows += self.contrast(self.pinned[2], self.result) if self.result is not None else ()
        self._notify(rows)

    def _draw_pinned(self, figure: KitFigure) -> None:
        if self.pinned:
            draw_ghost(figure, self.pinned[1])

    def _notify(self, rows: list[tuple[str, str]]) -> None:
        self.notice.value = to_table(rows)
        self.notice.layout.set_trait("display", None if rows else "none")

    def _on_pin(self, change: Any) -> None:
        kept = self.result if change["new"] else None
        self.pinned = None if kept is None else (repr(self), self._figure, kept)
        self.pin.description = "unpin" if self.pinned else "pin this design"
        self.update()

    def _refuse_nothing(self) -> None:
        for name, control in self._controls.items():
            if getattr(control, "index", 0) is None:
                raise ParameterError(f"{name}: nothing is chosen; choose one of its options")
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
        if self._shown is not None and change["owner"]._property_lock:  # moved on a page, not by a cell
            self._shown = self.read_controls()

    def __repr__(self) -> str:
        if not hasattr(self, "verdict"):
            return f"{type(self).__name__}()"
        given = ((name, control.value) for name, control in self._controls.items() if control.value != "")
        inputs = ", ".join(f"{name}={format_value(value)}" for name, value in given)
        limit = "at the limit: " if self.reason else ""
        found = self.problem.partition("\n")[0] if self.result is None else limit + self.summarise(self.result)
        room = _LONGEST_REPR - len(f"{type(self).__name__}(): {found}")
        if self.result is not None and 0 < room < len(inputs):
            inputs = inputs[: room - 1] + "…"
        line = f"{type(self).__name__}({inputs}): {found}"
        return line if len(line) <= _LONGEST_REPR else line[: _LONGEST_REPR - 1] + "…"


class NumberField(widgets.Text):
    """A number that may be left empty, which a widget of numbers may not."""

    value = traitlets.CUnicode("").tag(sync=True)

    def read(self) -> float | None:
        """The number, None where it is empty; ParameterError where it is none."""
        text, name = self.value.strip(), self.description
        if text and not is_number(text):
            raise ParameterError(f"{name}: {text!r} is not a number; write one such as 6.2, or leave it empty")
        return float(text) if text else None


class Powered(Panel[Result]):
    """A panel whose answer rests on currents and supply of its board: it asks for those that the record does not have.

    Attributes
    ----------
    run_current_ma, sleep_current_ua, supply_v : fields, shown where the board lacks that figure, empty for none.
    """

    def __init__(self, title: str, path: str, controls: dict[str, Any]) -> None:
        ask = {"placeholder": "not on record: type yours, then Enter", "continuous_update": False}
        fields = {name: make_control(NumberField, label, **ask) for name, (label, _, _) in _ASKED.items()}
        _show_lacking(controls["board"].value, fields)
        super().__init__(title, path, {**controls, **fields})

    def adapt(self, changed: Any) -> None:
        """Another board lacks other figures, and what was typed was not of it."""
        if changed is self.board:
            _show_lacking(self.board.value, self._controls)

    @property
    def asks_for_run_current(self) -> bool:
        """Whether the board has no run current, and none was typed."""
        return not self.run_current_ma.disabled and self.run_current_ma.read() is None

    def make_use(self, **given: Any) -> Use:
        """A use with the figures that were typed."""
        for name, (_, parameter, unit) in _ASKED.items():
            number = self._controls[name].read()
            given[parameter] = None if number is None else number * unit
        return Use(**given)


def _show_lacking(board: AnyBoard, controls: dict[str, Any]) -> None:
    """Empty the fields, and show those whose figure the board lacks."""
    lacking = {what for what, _ in list_open(find_board(board))}
    for name, (label, _, _) in _ASKED.items():
        field = controls[name]
        field.value, field.disabled = "", label.partition(" [")[0] not in lacking
        field.layout.set_trait("display", "none" if field.disabled else None)


def format_value(value: Any) -> str:
    """A control's value in a few characters: 12.5, 'cr2032', True; of a board of one's own its id."""
    return f"{value:.4g}" if isinstance(value, float) else printable(str(getattr(value, "id", value)), _LONGEST_REPR)


def to_table(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of subject and sentence as an HTML table; every text is escaped, whoever wrote it."""
    cell = '<td style="padding:1px 12px 1px 0;vertical-align:top;line-height:1.35">'
    pairs = (["\n".join(html.escape(printable(line)) for line in text.split("\n")) for text in row] for row in rows)
    body = (f"<tr>{cell}<b>{subject}</b></td>{cell}{said}</td></tr>" for subject, said in pairs)
    return f"<table>{''.join(body)}</table>"


def choose(description: str, options: Sequence[Any], value: Any) -> Any:
    """A dropdown; options are values or (label, value) pairs."""
    return make_control(widgets.Dropdown, description, options=options, value=value)


def choose_board(value: AnyBoard, ids: Sequence[str] | None = None) -> Any:
    """A dropdown of boards by id, all of the catalogue's unless some are named; one of one's own comes first."""
    listed = [board.id for board in boards()] if ids is None else list(ids)
    return _choose("board", dict(zip(listed, listed, strict=True)), find_board(value), boards())


def choose_battery(value: AnyBattery) -> Any:
    """A dropdown of the catalogue's cells by name; a cell or a pack of one's own comes first."""
    return _choose("battery", {cell.id: cell.name for cell in batteries()}, find_battery(value), batteries())


def choose_sensor(value: AnySensor | None, task: str | None) -> Any:
    """A dropdown of sensors by name, none at all among them; without one of one's own it starts with the task's."""
    labels = {NOTHING: NOTHING, **{one.id: one.name for one in list_sensors()}}
    if value is None and task is None:
        labels = {"": "not chosen: none is counted", **labels}
    named = (find_signal(task).sensor if task else "") if value is None else value
    return _choose("sensor", labels, named if named in labels else find_sensor(named), list_sensors())


def _choose(description: str, labels: dict[str, str], found: Any, catalogue: Sequence[Any]) -> Any:
    """Labels by id; what is found is its id where the catalogue has exactly that, else itself, before the others."""
    options = [(label, name) for name, label in labels.items()]
    known = found.id if found in catalogue else found
    if known in labels:
        return choose(description, list(labels) if list(labels) == list(labels.values()) else options, known)
    label = found.name if isinstance(found, Battery | Sensor) else format_value(found)
    own = f"{label} (your own)" if label in labels.values() else label
    return choose(description, [(own, found), *options], found)


def make_control(kind: Any, description: str, **settings: Any) -> Any:
    """A control of a kind of widget, as wide as all others."""
    try:
        return kind(description=description, style=_STYLE, layout=widgets.Layout(width=_CONTROL_WIDTH), **settings)
    except traitlets.TraitError as error:  # a value that is none of the options
        near = name_nearest(str(given := settings.get("value")), map(str, settings.get("options", ())))
        raise ParameterError(f"{description} {given!r:.60} is not on offer; {near}") from error


def largest_kib(board: AnyBoard) -> float:
    """The internal memory of a board with most room [KiB], the end of a slider; 1 MiB where none is known."""
    windows = find_board(board).sram_windows()
    return windows[0].available_bytes / 1024 if windows else 1024.0
