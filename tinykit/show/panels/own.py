"""What is one's own in a panel: a board or a cell before the catalogue's, and currents that a record does not have."""

import os
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import traitlets

from tinykit.budget.assessment.draft import list_lacking
from tinykit.budget.assessment.use import Use
from tinykit.budget.power.cells import Battery, batteries
from tinykit.budget.power.pack import CellPack, find_battery
from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import is_number
from tinykit.show.panels.shell import Panel, Result, choose, format_value, make_control
from tinykit.target.boards import boards, find_board
from tinykit.target.boards.record import Board

AnyBoard = Board | str | os.PathLike[str]
"""A board as every panel takes it: id of the catalogue, path of a TOML, or the board itself."""
AnyBattery = Battery | CellPack | str | os.PathLike[str]
"""A cell as every panel takes it."""

_ASKED = {"run_current_ma": ("run current [mA]", "inference"), "sleep_current_ua": ("sleep current [µA]", "sleep")}
"""The fields, each with its label and the state of a budget that lacks the current."""


def choose_board(value: AnyBoard, ids: Sequence[str] | None = None) -> Any:
    """A dropdown of boards by id, all of the catalogue's unless some are named; one of one's own comes first."""
    listed = [board.id for board in boards()] if ids is None else list(ids)
    return _choose("board", dict(zip(listed, listed, strict=True)), find_board(value), boards())


def choose_battery(value: AnyBattery) -> Any:
    """A dropdown of the catalogue's cells by name; a cell or a pack of one's own comes first."""
    return _choose("battery", {cell.id: cell.name for cell in batteries()}, find_battery(value), batteries())


def _choose(description: str, labels: dict[str, str], found: Any, catalogue: Sequence[Any]) -> Any:
    """Labels by id; what is found is its id where the catalogue has exactly that, else itself."""
    options = [name if name == label else (label, name) for name, label in labels.items()]
    if found in catalogue and found.id in labels:
        return choose(description, options, found.id)
    label = found.name if isinstance(found, Battery) else format_value(found)
    own = f"{label} (your own)" if label in labels.values() else label
    return choose(description, [(own, found), *((label, name) for name, label in labels.items())], found)


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
    """A panel whose answer rests on the currents of its board: it asks for those that the record does not have.

    Attributes
    ----------
    run_current_ma, sleep_current_ua : fields, shown where a budget of the board lacks that current, empty for none.
    """

    board: Any
    run_current_ma: Any
    sleep_current_ua: Any

    def __init__(self, title: str, path: str, controls: dict[str, Any]) -> None:
        ask = {"placeholder": "not on record: type yours, then Enter", "continuous_update": False}
        fields = {name: make_control(NumberField, words, **ask) for name, (words, _) in _ASKED.items()}
        _show_lacking(controls["board"].value, fields)
        super().__init__(title, path, {**controls, **fields})

    def adapt(self, changed: Any) -> None:
        """Another board lacks other currents, and what was typed was not of it."""
        if changed is self.board:
            _show_lacking(self.board.value, {name: self._controls[name] for name in _ASKED})

    def make_use(self, **given: Any) -> Use:
        """A use with the currents that were typed."""
        run, sleep = self.run_current_ma.read(), self.sleep_current_ua.read()
        given["run_current_a"] = None if run is None else run * 1e-3
        return Use(**given, sleep_current_a=None if sleep is None else sleep * 1e-6)


def _show_lacking(board: AnyBoard, fields: dict[str, NumberField]) -> None:
    """Empty the fields, and show those whose current a budget of the board lacks."""
    lacking = list_lacking(find_board(board))
    for name, field in fields.items():
        field.value, field.disabled = "", _ASKED[name][1] not in lacking
        field.layout.set_trait("display", "none" if field.disabled else None)
