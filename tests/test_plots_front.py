"""The picture of a search: whatever is drawn of which point, over any two figures, and a network on every board."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from tinykit.choose.exploration.judging import Judge
from tinykit.choose.exploration.outlook import judge_on, look_out
from tinykit.choose.exploration.study import shipped_study
from tinykit.choose.ledger.choosing import Budgets
from tinykit.ground.errors import ParameterError
from tinykit.ground.results import Rows
from tinykit.show.panels import ExplorePanel
from tinykit.show.plots import plot_front, plot_outlook
from tinykit.show.plots.front import AXES
from tinykit.target.boards import boards


@pytest.fixture(scope="module")
def study():
    return shipped_study()


def lines_of(ax) -> dict[str, np.ndarray]:
    return {line.get_label().partition(":")[0]: np.column_stack(line.get_data()) for line in ax.lines}


def test_every_kind_of_point_lies_at_its_figures(study):
    drawn = lines_of(plot_front(study))
    chosen, hand = study.chosen, study.baseline
    assert drawn["chosen"] == pytest.approx(np.array([[chosen.energy_j.value, chosen.score.value]]))
    assert drawn["hand-made"] == pytest.approx(np.array([[hand.energy_j.value, hand.score.value]]))
    assert drawn["front"] == pytest.approx(np.array([[one.energy_j.value, one.score.value] for one in study.front]))
    opened = sorted([one.energy_j.value, one.accuracy.fraction] for one in (chosen, hand, study.random))
    assert drawn["on unseen groups"] == pytest.approx(np.array(opened))
    chance = [one for one in study.trials if one.score and one.name.startswith("random")]
    assert len(drawn["the same, random search"]) == len(chance)
    assert len(drawn["one fold, few epochs"]) == sum(one.short is not None and not one.score for one in study.trials)


def test_the_hand_made_is_a_cross_and_intervals_are_those_of_the_points(study):
    ax = plot_front(study)
    assert {line.get_label(): line.get_marker() for line in ax.lines}["hand-made"] == "X"
    spans = {tuple(np.round(part.ravel(), 12)) for one in ax.collections for part in one.get_segments()}
    x, score = study.chosen.energy_j.value, study.chosen.score
    assert tuple(np.round([x, score.low, x, score.high], 12)) in spans


def test_refused_points_are_grey_with_their_reason_and_a_picture_says_so_in_words(study):
    tight = judge_on(study, "nucleo-l4r5zi", budgets=Budgets(flash_bytes=62 * 1024, latency_s=7e-4))
    ax = plot_front(tight, "latency", "flash")
    label = next(line.get_label() for line in ax.lines if line.get_label().startswith("refused"))
    assert "flash" in label
    assert "latency" in label
    drawn = lines_of(ax)["refused untrained"]
    known = [one for one in (*tight.refused, tight.baseline) if one.refused and one.latency_s and one.flash_bytes]
    assert len(drawn) == len(known)
    told = repr(ax.figure)
    for words in ("refused untrained: ", "chosen", "flash [KiB]", "budget", "intervals:"):
        assert words in told


def test_what_was_refused_without_an_accuracy_lies_below_every_accuracy(study):
    wished = replace(study, trials=Rows(replace(one, refused="flash", short=None) if not one.score else one
                                        for one in study.trials))  # fmt: skip
    drawn = lines_of(plot_front(wished))
    others = np.concatenate([own for name, own in drawn.items() if name != "refused untrained"])
    assert drawn["refused untrained"][:, 1].max() < others[:, 1].min()


@pytest.mark.parametrize("pair", [*permutations(AXES, 2)], ids="-".join)
def test_any_two_figures_may_be_the_axes(study, pair):
    ax = plot_front(study, *pair)
    assert ax.get_xlabel() == AXES[pair[0]][1]
    assert ax.get_ylabel() == AXES[pair[1]][1]
    front = lines_of(ax)["front"]
    better = [-1 if name == "accuracy" else 1 for name in pair]
    for one in front:
        assert not any((other * better < one * better).all() for other in front)


def test_axes_that_are_none_or_the_same_are_refused(study):
    with pytest.raises(ParameterError, match="no axis 'energie'; .*energy"):
        plot_front(study, "energie")
    with pytest.raises(ParameterError, match="axes 'flash' and 'flash' of a front are the same"):
        plot_front(study, "flash", "flash")


def test_a_search_without_an_end_says_so(study):
    begun = replace(study, trials=Rows(one for one in study.trials if not one.score), chosen=None, random=None)
    assert "trained to its end" in repr(plot_front(begun).figure)


def test_a_name_from_a_strangers_journal_is_drawn_as_text(study):
    odd = replace(study.chosen, name="$\\frac{ <b>")
    wished = replace(study, trials=Rows([odd]), chosen=odd, boards=("$x$",))
    assert "frac" in repr(plot_front(wished).figure)


def test_every_board_has_its_mark_at_a_place_of_its_own(study):
    found = look_out(study, "watch-cnn", Judge(study.budgets, boards()))
    ax = plot_outlook(found)
    marks = np.concatenate([np.column_stack(line.get_data())[1:] for line in ax.lines])
    assert len({tuple(one) for one in marks}) == len(marks) == len(boards())
    texts = {text.get_text() for text in ax.texts}
    assert {one.id for one in boards()} <= texts
    assert all(str(block) in texts for block in found.architecture.blocks)


def test_the_panel_tells_an_accuracy_only_of_what_was_searched(study):
    panel = ExplorePanel(study)
    assert panel.point.value == study.chosen.name
    assert f"{study.chosen.accuracy.fraction:.3f}" in panel.verdict.value
    panel.width.value = 2.0
    assert "unknown: nobody trained it like this" in panel.verdict.value
    panel.width.value = 1.0
    panel.point.value = "watch-cnn"
    assert f"{study.baseline.accuracy.fraction:.3f}" in panel.verdict.value
    line = repr(panel)
    panel.width.value = 4.0
    assert repr(panel) != line
    assert "0 fits" in repr(panel)


def test_the_panel_offers_the_front_and_what_it_is_compared_with(study):
    names = {name for _, name in ExplorePanel(study).point.options}
    assert names == {one.name for one in (*study.front, study.chosen, study.baseline, study.random)}


def test_a_panel_of_a_study_where_all_is_refused_says_so(study):
    none = replace(study, trials=study.refused, chosen=None, random=None, baseline=None)
    with pytest.raises(ParameterError, match="no candidate of this study meets its budgets; search on"):
        ExplorePanel(none)


def test_a_study_of_a_stranger_is_escaped_in_the_panel(study):
    odd = replace(study.chosen, name="<script>alert(1)</script>")
    panel = ExplorePanel(replace(study, trials=Rows([odd]), chosen=odd, random=None))
    assert "<script" not in panel.verdict.value
    assert len(repr(panel)) < 110
