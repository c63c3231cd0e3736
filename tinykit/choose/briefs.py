"""Missions: a brief that the first design fails, and the scoreboard that a better one turns green row by row."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from tinykit.budget.assessment.binding import check_memory
from tinykit.budget.assessment.budgets import Budgets, Check, check_budgets
from tinykit.budget.assessment.chain import Assessment, assess
from tinykit.budget.assessment.use import Use
from tinykit.choose.design.studies import BASELINE, find_study
from tinykit.ground.errors import UnknownTaskError, look_up
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.results import Result
from tinykit.train.datasets.scoring import Accuracy

_SHIPPED = read_toml(shipped_path("data", "missions.toml"))
MISSIONS = tuple(_SHIPPED["missions"])
"""Ids of the missions, the usual one first."""
_COLOURS = {"✓": "#d9f2dd", "✗": "#f9dcd9"}


@dataclass(frozen=True, slots=True)
class Mission(Result):
    """What a device shall do.

    Parameters
    ----------
    id, title, brief, task : its name, the wishes in words, and whose study has the first design's network.
    board, use : wished for; of the use a design may change all but cell, air and box.
    budgets, period_s, price : the most it may take, from answer to answer [s], and its board may cost [credit].
    prices : by board; those of data/missions.toml are made up.
    """

    id: str
    title: str
    brief: str
    task: str
    board: str
    use: Use
    budgets: Budgets
    period_s: float
    price: float
    prices: Mapping[str, float] = field(repr=False)

    def first_design(self) -> "Scoreboard":
        """The scoreboard of the task's network, quantised after training, on the board wished for."""
        (variant,) = find_study(self.task).recall(BASELINE)
        return scoreboard(self, assess(variant.graph, self.board, self.use), variant.accuracy)


@dataclass(frozen=True, slots=True)
class Scoreboard(Result):
    """A design held against a mission: a check a row, green where the figure is within the wish."""

    mission: Mission
    design: Assessment
    rows: tuple[Check, ...]

    @property
    def green(self) -> bool:
        """Whether every row is."""
        return all(one.met for one in self.rows)

    def __str__(self) -> str:
        told = (f"✓ {one}, {-one.excess:.0%} to spare" if one.met else f"✗ {one}" for one in self.rows)
        green = f"{sum(one.met for one in self.rows)} of {len(self.rows)} rows are green"
        return "\n".join(
            " ".join(one.split()) for one in (f"{self.mission.title}, {self.design.target}: {green}", *told)
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *told = str(self).splitlines()
        rows = (f'<tr style="background:{_COLOURS[one[0]]};color:#000"><td>{escape(one)}</td></tr>' for one in told)
        return f"<table><caption>{escape(head)}</caption>{''.join(rows)}</table>"


def mission(name: str = "") -> Mission:
    """A mission by its id, or that of TINYKIT_MISSION, else the usual; UnknownTaskError where there is none."""
    asked = name or os.environ.get("TINYKIT_MISSION") or MISSIONS[0]
    told = look_up(asked, _SHIPPED["missions"], f"no mission {asked!r}", UnknownTaskError)
    use = Use(task=told["task"], **told["use"])
    made = {"use": use, "budgets": Budgets(**told["budgets"]), "prices": _SHIPPED["prices"]}
    return Mission(asked, **{**told, **made})


def scoreboard(mission: Mission, design: Assessment, accuracy: Accuracy | None = None) -> Scoreboard:
    """What `assess` has of a network on a board in a use, held against a mission.

    The accuracy is the network's in TFLM on unseen groups; None, where nobody scored it, is red.
    """
    return Scoreboard(mission, design, tuple(_check(mission, design, accuracy)))


def _check(mission: Mission, design: Assessment, accuracy: Accuracy | None) -> Iterator[Check]:
    fit, power, use, wished = design.fit, design.power, design.use, mission.use
    yield from check_memory(fit)
    figures = {"latency_s": fit.latency_s, "life_s": design.battery_life_s, "t_junction_c": design.t_junction_c}
    unknown = "; ".join(power.unknown).partition("\n")[0]
    yield from check_budgets(mission.budgets, figures, {"life": unknown, "junction": unknown, **dict(fit.unknown)})
    right, low = (accuracy.fraction, accuracy.low) if accuracy else (None, None)
    yield Check("accuracy", mission.budgets.accuracy or 1.0, right, low, "%", "score the network and give its accuracy")
    yield Check("period", mission.period_s, power.period_s, power.period_s, "s")
    price = mission.prices.get(board := design.target.board.id)
    yield Check("price", mission.price, price, price, "credit", f"no price of {board}")
    fixed = ("battery", "ambient_c", "enclosure_area_m2")
    other = (f"{name} is not the brief's" for name in fixed if getattr(use, name) != getattr(wished, name))
    yield from (Check("use", 0.0, None, None, "", fault) for fault in (*other, *power.findings))
