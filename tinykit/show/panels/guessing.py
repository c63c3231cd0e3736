"""A question over the result of a cell: what the cell prints and draws is covered until it is answered or skipped."""

import html
import io
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython import get_ipython
from IPython.display import display

from tinykit.ground.errors import ParameterError
from tinykit.show.course import Asked, answers_itself, keep, recall
from tinykit.show.plots import KitFigure, to_png


class Question(anywidget.AnyWidget):
    """A question with fields or choices; what is typed comes back as texts, none of them for a skipped one.

    The answer and the HTML under the cover reach the page once it is answered, or was before to the same truth.
    """

    _esm, _css = (Path(__file__).with_name(name) for name in ("question.js", "controls.css"))
    state = traitlets.Dict().tag(sync=True)
    typed = traitlets.Any().tag(sync=True)

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        super().__init__(state={**asdict(asked), "choices": list(asked.list_choices())})

    def fill(self, truth: Any, *results: Any) -> None:
        """Take the truth and what lies under the cover."""
        self._truth, self._under = truth, "".join(map(_to_html, results))
        kept = recall("guess")[0].get(self._asked.question)
        if kept and kept["truth"] == self._asked.tell(truth):
            self.state = {**self.state, "answer": kept, "result": self._under}
        self.observe(self._take, "typed")

    def _take(self, change: Any) -> None:
        if change["new"] is None or "answer" in self.state:
            return
        try:
            answer = self._asked.judge(change["new"], self._truth)
            problem = keep("guess", self._asked.question, answer)
            self.state = {**self.state, "problem": problem, "answer": answer, "result": self._under}
        except ParameterError as error:
            self.state, self.typed = {**self.state, "problem": str(error)}, None


def _to_html(result: Any) -> str:
    if isinstance(result, KitFigure):
        words, picture = html.escape(repr(result)), b64encode(to_png(result)).decode()
        return f'<img class="tinykit-picture" alt="{words}" src="data:image/png;base64,{picture}">'
    table = None if isinstance(result, str) else getattr(result, "_repr_html_", lambda: None)()
    return table or f"<pre>{html.escape(str(result))}</pre>"


@contextmanager
def guess(question: str, *, unit: str = "1", choices: Sequence[Any] = (), interval: bool = False) -> Iterator[Any]:
    """Ask before the result of a block is seen: `with guess(…) as reveal`, and in it `reveal(truth, figure)`.

    What it prints and `reveal` is given stays covered until the question is answered or skipped; the answer is kept in
    the workspace. Where TINYKIT_GUESS is `auto`, or no kernel runs, it answers itself, in one line.

    Parameters
    ----------
    question : in a few words; the same question is the same guess.
    unit : of a number, such as "KiB", "days" or "%", or the name of what is counted.
    choices : to take one of: texts, or numbers in the unit, of which the one nearest to the truth is right.
    interval : ask for two ends that hold the truth four times out of five.
    """
    asked, shown, printed = Asked(question, unit, tuple(choices), interval), list[Any](), io.StringIO()
    cover = None if answers_itself() or not hasattr(get_ipython(), "kernel") else Question(asked)
    if cover is not None:
        display(cover)  # type: ignore[no-untyped-call]
    with redirect_stdout(printed):
        yield lambda truth, *results: shown.extend((truth, *results))
    if not shown:
        raise ParameterError(f"guess {question!r:.60} never heard the truth; call what `with` gives you, with a number")
    if cover is not None:
        cover.fill(shown[0], printed.getvalue(), *shown[1:])
        return
    sys.stdout.write(f"guess: {question}: {asked.tell(shown[0])}\n{printed.getvalue()}")
    display(*shown[1:])  # type: ignore[no-untyped-call]
