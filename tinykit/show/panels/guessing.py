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
    """A question on a page; answer and the HTML under its cover go there once texts have come back, none to skip."""

    _esm, _css = (Path(__file__).with_name(name) for name in ("question.js", "controls.css"))
    state = traitlets.Dict().tag(sync=True)
    typed = traitlets.Any().tag(sync=True)

    def fill(self, asked: Asked, truth: Any, *results: Any) -> None:
        """Take the truth and what lies under the cover."""
        self._asked, self._truth, self._under = asked, truth, "".join(map(_to_html, results))
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

    Asked is a number in `unit` ("KiB", "days", "%", or what is counted), one of `choices` (texts, or numbers in the
    unit, of which the nearest is right), or with `interval` two ends that hold it four times out of five. What is
    printed and revealed stays covered until it is answered or skipped; the answer is kept in the workspace. Where
    TINYKIT_GUESS is `auto`, or no kernel runs, the question answers itself, in one line.
    """
    asked, shown, printed = Asked(str(question), str(unit), tuple(choices), interval), list[Any](), io.StringIO()
    live = hasattr(get_ipython(), "kernel") and not answers_itself()
    if live:
        cover = Question(state={**asdict(asked), "choices": list(asked.list_choices())})
        display(cover)  # type: ignore[no-untyped-call]
    with redirect_stdout(printed):
        yield lambda truth, *results: shown.extend((truth, *results))
    if not shown:
        raise ParameterError(f"guess {question!r:.60} never heard the truth; call what `with` gives you, with a number")
    if live:
        return cover.fill(asked, shown[0], printed.getvalue(), *shown[1:])
    sys.stdout.write(f"guess: {question}: {asked.tell(shown[0])}\n{printed.getvalue()}")
    display(*shown[1:])  # type: ignore[no-untyped-call]
