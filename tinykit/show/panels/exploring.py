"""A search in a panel: a network of its front, made wider or fed slower, and the verdict of every board, untrained."""

from collections.abc import Iterable
from typing import Any

from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.verdict import Verdict
from tinykit.choose.exploration.judging import Judge
from tinykit.choose.exploration.outlook import Outlook, look_out
from tinykit.choose.exploration.study import Study, shipped_study
from tinykit.ground.errors import ParameterError
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel, choose
from tinykit.show.plots import plot_outlook
from tinykit.target.boards import boards


class ExplorePanel(Panel[Outlook]):
    """Which boards meet a study's budgets with a network of it, wider or narrower, fed faster or slower.

    Parameters
    ----------
    study : of `explore` or `read_study`, or the task of a shipped one.
    point : to start from; the chosen one if None.
    """

    size_in, plots, left_in = (7.2, 4.8), (plot_outlook,), 0.2
    rests = (("rate", lambda panel: panel.result.rate_hz is None, "these data have no rate"),)
    point: Any
    width: Any
    rate: Any

    def __init__(self, study: Study | str = "watch-exercises", *, point: str | None = None) -> None:
        self.study = shipped_study(study) if isinstance(study, str) else study
        self.judge = Judge(self.study.budgets, boards(), Use(period_s=2.0, battery="cr2032"))
        listed = _list_points(self.study)
        controls = {
            "point": choose("network", listed, point or listed[0][1]),
            "width": Slider("width, times its own [1]", 1.0, 0.25, 4.0, 0.25),
            "rate": Slider("rate, times its own [1]", 1.0, 0.25, 2.0, 0.25),
        }
        super().__init__("Explore", str(self.study.source.get("task") or self.study.folder), controls)

    def compute(self) -> Outlook:
        """The network for the controls on every board."""
        return look_out(self.study, self.point.value, self.judge, width=self.width.value, rate=self.rate.value)

    def tell(self, result: Outlook) -> Iterable[tuple[str, str]]:
        """The network, what is known of its accuracy, and the boards by verdict."""
        own, shape = self.study.find(self.point.value), "×".join(map(str, result.input_shape))
        yield "network", f"{result.architecture}, fed {shape}{f' at {result.rate_hz:g} Hz' if result.rate_hz else ''}"
        known = f"{own.score or 'of one fold alone'}{f'; on unseen groups {own.accuracy}' if own.accuracy else ''}"
        yield "accuracy", known if result.as_searched else "unknown: nobody trained it like this"
        yield from ((one.words, ", ".join(result.list_boards(one)) or "no board") for one in Verdict)

    def summarise(self, result: Outlook) -> str:
        """Boards by verdict, in figures."""
        return ", ".join(f"{len(result.list_boards(one))} {one.words}" for one in Verdict)


def _list_points(study: Study) -> list[tuple[str, str]]:
    """(label, name) of the chosen one, the front, and what they are compared with; else of whatever was not refused."""
    named = {"chosen": study.chosen, "hand-made": study.baseline, "random search": study.random}
    roles = {one.name: f"{one.name}, {role}" for role, one in named.items() if one}
    every = [one.name for one in (*filter(None, [study.chosen]), *study.front)] + [*roles]
    if not (every := every or [one.name for one in study.trials if not one.refused]):
        raise ParameterError(f"{study.folder.name}: no candidate of this study meets its budgets; search on")
    return [(roles.get(name, name), name) for name in dict.fromkeys(every)]
