"""A form for a board of one's own."""

import os
from pathlib import Path

import ipywidgets as widgets

from tinykit.budget.assessment.draft import ASKED, draft_board, label_of, read_answer, tell_board, unit_of
from tinykit.ground.errors import TinykitError
from tinykit.show.panels.shell import make_control, to_table
from tinykit.target.boards.record import Board


class BoardForm(widgets.VBox):
    """A field for each fact, by its name in `draft_board`, and a button that writes; what stays empty is unknown.

    Parameters
    ----------
    path : of the TOML to write.

    Attributes
    ----------
    board : as written last, for any panel; None before.
    """

    def __init__(self, path: str | os.PathLike[str] = "my-board.toml") -> None:
        self.board: Board | None = None
        self._written = ""
        self.path, self.verdict = make_control(widgets.Text, "file", value=str(path)), widgets.HTML()
        for name, question in ASKED.items():
            label = f"{label_of(name)} [{unit_of(name) or 'text'}]"
            setattr(self, name, make_control(widgets.Text, label, placeholder=question))
        self.button = widgets.Button(description="write the file")
        self.button.on_click(lambda _: self.write())
        super().__init__([self.path, *(getattr(self, name) for name in ASKED), self.button, self.verdict])

    def write(self) -> None:
        """Write the file, over what this form wrote before; what is refused is told below."""
        path = self.path.value
        try:
            given = {name: read_answer(name, getattr(self, name).value) for name in ASKED}
            self.board = draft_board(Path(path), overwrite=path == self._written, **given)
            self._written, told = path, [line.partition(": ")[::2] for line in tell_board(self.board)]
        except TinykitError as error:
            told = [("not written", str(error))]
        self.verdict.value = to_table(told or [("written", path)])

    def __repr__(self) -> str:
        return f"BoardForm({self.path.value}): {self.board or 'nothing written'}"
