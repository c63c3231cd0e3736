"""A search in a panel: a network of its front, made wider or fed slower, and the verdict of every board, untrained."""

from collections.abc import Iterable
from typing import Any

from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.verdict import Verdict
from tinykit.choose.exploration.judging import Judge
from tinykit.choose.exploration.outlook import Outlook, look_out
from tinykit.choose.exploration.study import Study, shipped_study
from tinykit.choose.exploration.training_job import load_source
from tinykit.ground.errors import ParameterError
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel, choose
from tinykit.show.plots import KitFigure, lay_axes, plot_blocks, plot_outlook
from tinykit.target.boards import boards

_SLOWEST = 8


class ExplorePanel(Panel[Outlook]):
    """Which boards meet a study's budgets with a network of it, wider or narrower, at the rate it is fed.

    Parameters
    ----------
    study : of `explore` or `read_study`, or the task of a shipped one.
    point : to start from; the chosen one if None.
    """

    size_in, left_in = (7.2, 4.6), 0.2
    rests = (("rate_hz", lambda panel: panel.result.rate_hz is None, "these data have no rate"),)
    point: Any
    width: Any
    rate_hz: Any

    def __init__(self, study: Study | str = "watch-exercises", *, point: str | None = None) -> None:
        self.study = shipped_study(study) if isinstance(study, str) else study
        self.judge = Judge(self.study.budgets, boards(), Use(period_s=2.0, battery="cr2032"))
        listed = _list_points(self.study)
        first, rate = point or listed[0][1], load_source(self.study.source).rate_hz or 1.0
        controls = {
            "point": choose("network", listed, first),
            "width": Slider("width, times its own [1]", 1.0, 0.25, 4.0, 0.25),
            "rate_hz": Slider("rate [Hz]", self._find_rate(first), rate / _SLOWEST, rate, rate / _SLOWEST),
        }
        controls["rate_hz"].stops = [rate / one for one in range(_SLOWEST, 0, -1)]
        super().__init__("Explore", str(self.study.source.get("task") or self.study.folder), controls)

    def _find_rate(self, point: str) -> float:
        return look_out(self.study, point, self.judge).rate_hz or 1.0

    def adapt(self, changed: Any) -> None:
        """Another network starts at the rate it was searched at."""
        if changed is self.point:
            self.rate_hz.value = self._find_rate(self.point.value)

    def compute(self) -> Outlook:
        """The network for the controls on every board."""
        return look_out(self.study, self.point.value, self.judge, width=self.width.value, rate_hz=self.rate_hz.value)

    def draw(self, result: Outlook, figure: KitFigure) -> None:
        """The network above, the boards below."""
        above, below = lay_axes(figure, 1.0, 3.0, left_in=self.left_in)
        figure.subplots_adjust(top=0.99, bottom=0.02, hspace=0.05)
        plot_blocks(result.graph, ax=above)
        plot_outlook(result, ax=below)

    def tell(self, result: Outlook) -> Iterable[tuple[str, str]]:
        """The network, what is known of its accuracy, and the boards by verdict."""
        own, shape = self.study.find(self.point.value), "×".join(map(str, result.input_shape))
        yield "network", f"{result.architecture}, fed {shape}{f' at {result.rate_hz:g} Hz' if result.rate_hz else ''}"
        known = f"{own.score or 'of one fold alone'}{f'; on unseen groups {own.accuracy}' if own.accuracy else ''}"
        yield "accuracy", known if result.as_searched else "unknown: nobody trained it like this"
        for verdict in Verdict:
            yield verdict.words, ", ".join(result.list_boards(verdict)) or "no board"

    def summarise(self, result: Outlook) -> str:
        """Boards by verdict, in figures."""
        return ", ".join(f"{len(result.list_boards(one))} {one.words}" for one in Verdict)


def _list_points(study: Study) -> list[tuple[str, str]]:
    """(label, name) of the chosen one, the front, and what they are compared with; else of whatever was not refused."""
    named = {"chosen": study.chosen, "hand-made": study.baseline, "random search": study.random}
    roles = {one.name: f"{one.name}, {role}" for role, one in named.items() if one}
    every = [one.name for one in (*filter(None, [study.chosen]), *study.front)] + [*roles]
    every = every or [one.name for one in study.trials if not one.refused]
    if not every:
        raise ParameterError(f"{study.folder.name}: no candidate of this study meets its budgets; search on")
    return [(roles.get(name, name), name) for name in dict.fromkeys(every)]
