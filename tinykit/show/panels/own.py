"""What is one's own in a panel: a board or a cell before the catalogue's, and currents that a record does not have."""

import os
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import traitlets

from tinykit.budget.assessment.draft import list_open
from tinykit.budget.assessment.use import Use
from tinykit.budget.power.cells import Battery, batteries
from tinykit.budget.power.pack import CellPack, find_battery
from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import is_number
from tinykit.show.panels.shell import Panel, Result, choose, format_value, make_control
from tinykit.target.boards import boards, find_board
from tinykit.target.boards.record import Board
from tinykit.target.devices import NOTHING, Sensor, find_sensor, find_signal, list_sensors

AnyBoard = Board | str | os.PathLike[str]
"""A board as every panel takes it: id of the catalogue, path of a TOML, or the board itself."""
AnyBattery = Battery | CellPack | str | os.PathLike[str]
"""A cell as every panel takes it."""
AnySensor = Sensor | str | os.PathLike[str]
"""A sensor as every panel takes it."""

_ASKED = {
    "run_current_ma": ("run current [mA]", "run_current_a", 1e-3),
    "sleep_current_ua": ("sleep current [µA]", "sleep_current_a", 1e-6),
    "supply_v": ("supply [V]", "supply_v", 1.0),
}
"""The fields: label, which begins with what `list_open` calls it, parameter of `Use`, and the unit in that of `Use`."""


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


class NumberField(widgets.Text):
    """A number that may be left empty, which a widget of numbers may not."""

    value = traitlets.CUnicode("").tag(sync=True)

    def read(self) -> float | None:
        """The number, None where it is empty; ParameterError where it is none."""
        text = self.value.strip()
        if text and not is_number(text):
            raise ParameterError(
                f"{self.description}: {text!r} is not a number; write one such as 6.2, or leave it empty"
            )
        return float(text) if text else None


class Powered(Panel[Result]):
    """A panel whose answer rests on currents and supply of its board: it asks for those that the record does not have.

    Attributes
    ----------
    run_current_ma, sleep_current_ua, supply_v : fields, shown where the board lacks that figure, empty for none.
    """

    board: Any
    run_current_ma: Any
    sleep_current_ua: Any
    supply_v: Any

    def __init__(self, title: str, path: str, controls: dict[str, Any]) -> None:
        ask = {"placeholder": "not on record: type yours, then Enter", "continuous_update": False}
        fields = {name: make_control(NumberField, label, **ask) for name, (label, _, _) in _ASKED.items()}
        _show_lacking(controls["board"].value, fields)
        super().__init__(title, path, {**controls, **fields})

    def adapt(self, changed: Any) -> None:
        """Another board lacks other figures, and what was typed was not of it."""
        if changed is self.board:
            _show_lacking(self.board.value, self._controls)

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
