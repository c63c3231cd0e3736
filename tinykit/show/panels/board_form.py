"""A form for a board of one's own: the ten facts that `tinykit board new` asks, and the file that is made of them."""

import os
from pathlib import Path

import ipywidgets as widgets

from tinykit.budget.assessment.draft import ASKED, Draft, draft_board
from tinykit.ground.errors import TinykitError
from tinykit.show.panels.shell import make_control, to_table


class BoardForm(widgets.VBox):
    """A field for each fact, by its name in `draft_board`, and a button that writes; what stays empty is unknown.

    Parameters
    ----------
    path : of the TOML to write.

    Attributes
    ----------
    draft : what was written last, None before; its `board` goes into any panel.
    """

    def __init__(self, path: str | os.PathLike[str] = "my-board.toml") -> None:
        self.draft: Draft | None = None
        self.path = make_control(widgets.Text, "file", value=str(path))
        for one in ASKED:
            label = one.flag.replace("-", " ") + (f" [{one.unit}]" if one.unit else "")
            setattr(self, one.name, make_control(widgets.Text, label, placeholder=one.question))
        self.button = widgets.Button(description="write the file")
        self.button.on_click(lambda _: self.write())
        self.verdict = widgets.HTML()
        fields = [getattr(self, one.name) for one in ASKED]
        super().__init__([self.path, *fields, self.button, self.verdict])

    def write(self) -> None:
        """Write the file, over what this form wrote before; what is refused is told below."""
        path, before = Path(self.path.value), self.draft
        try:
            given = {one.name: one.read(getattr(self, one.name).value) for one in ASKED}
            self.draft = draft_board(path, overwrite=before is not None and before.path == path, **given)
            told = [line.removeprefix("- ").partition(": ") for line in self.draft.lines()]
            self.verdict.value = to_table((subject, said) for subject, _, said in told)
        except TinykitError as error:
            self.verdict.value = to_table([("not written", str(error))])

    def __repr__(self) -> str:
        return f"BoardForm({self.path.value}): {self.draft.board if self.draft else 'nothing written'}"
