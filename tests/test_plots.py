"""Every plot: what it draws is what the result holds, labels have units, nothing leaks into global settings."""

from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from tests.models import small_cnn
from tinykit.budget.assessment.chain import assess, sweep_periods
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.check import check_fit, check_fit_all
from tinykit.budget.power.budget import budget_power
from tinykit.budget.thermal.check import check_heat
from tinykit.choose.ledger.variants import measure_sizes
from tinykit.ground.errors import ParameterError
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.runtime.agreement import CodeComparison
from tinykit.show.plots import (
    COLOURS,
    lay_axes,
    plot_accuracy,
    plot_arena,
    plot_confusion,
    plot_energy,
    plot_fit,
    plot_fit_all,
    plot_heat,
    plot_history,
    plot_junction,
    plot_life,
    plot_lsb,
    plot_per_subject,
    plot_sizes,
    plot_states,
    plot_transient,
    to_png,
)
from tinykit.show.plots.style import plain
from tinykit.target import Reserve
from tinykit.target.boards import board, boards
from tinykit.train.compress.recipe import RECIPE
from tinykit.train.compress.training import History
from tinykit.train.datasets.scoring import Accuracy

PNG = b"\x89PNG\r\n\x1a\n"
CLASSES = ("rest", "<script>alert(1)</script>", "$\\frac{", "日本")
HISTORY = History("train", RECIPE.train, 7, 12, (1.2, 0.8), (0.5, 0.7), (0.45, 0.6))
ACCURACIES = {name: Accuracy(0.8, 0.7, 0.88, 50, None, "95 % Wilson interval") for name in CLASSES}
COMPARISON = CodeComparison("litert-xnnpack", {-1: 3, 0: 90, 2: 7}, 0.9, 2, 1.0, "")
BATTERY = "cr2032"


@pytest.fixture(scope="module")
def graph():
    return read(small_cnn())


@pytest.fixture(scope="module")
def fit(graph):
    return check_fit(graph, "nucleo-l4r5zi", use_engine=False)


@pytest.fixture(scope="module")
def assessed(graph):
    return assess(graph, "nucleo-l4r5zi", Use(battery=BATTERY), use_engine=False)


@pytest.fixture(scope="module")
def budget(fit):
    return budget_power(fit.board, fit.latency_s, battery=BATTERY, period_s=10.0)


@pytest.fixture(scope="module")
def every_plot(graph, fit, assessed, budget):
    heat = check_heat(fit.board, budget)
    reports = [check_heat(fit.board, watt) for watt in (0.01, 0.1, 0.2)]
    arena = predict_arena(graph)
    return {
        "fit": lambda ax=None: plot_fit(fit, ax=ax),
        "fit_all": lambda ax=None: plot_fit_all([fit], ax=ax),
        "arena": lambda ax=None: plot_arena(arena.plan, graph, ax=ax),
        "states": lambda ax=None: plot_states(budget, ax=ax),
        "life": lambda ax=None: plot_life(sweep_periods(assessed), point=budget, wished_s=3e7, ax=ax),
        "energy": lambda ax=None: plot_energy([fit], ax=ax),
        "heat": lambda ax=None: plot_heat(heat, ax=ax),
        "junction": lambda ax=None: plot_junction(reports, ax=ax),
        "transient": lambda ax=None: plot_transient(heat, ax=ax),
        "history": lambda ax=None: plot_history(HISTORY, ax=ax),
        "confusion": lambda ax=None: plot_confusion(np.eye(4) * 3 + 1, CLASSES, ax=ax),
        "per_subject": lambda ax=None: plot_per_subject(ACCURACIES, ax=ax),
        "accuracy": lambda ax=None: plot_accuracy(ACCURACIES, ax=ax),
        "lsb": lambda ax=None: plot_lsb(COMPARISON, ax=ax),
        "sizes": lambda ax=None: plot_sizes([measure_sizes("$int8", graph)], ax=ax),
    }


NAMES = "fit fit_all arena states life energy heat junction transient history confusion per_subject".split()
NAMES += ["accuracy", "lsb", "sizes"]
UNITS = {
    "fit": "%",
    "states": "[A]",
    "life": "[s]",
    "energy": "[J]",
    "heat": "[°C]",
    "sizes": "[KiB]",
    "arena": "[KiB]",
}


def words(ax) -> str:
    texts = [text.get_text() for text in ax.texts] + [
        ax.get_title(),
        ax.get_title(loc="left"),
        ax.get_title(loc="right"),
    ]
    return "\n".join([*texts, ax.get_xlabel(), ax.get_ylabel(), *(label.get_text() for label in ax.get_yticklabels())])


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_is_a_figure_of_its_own_that_shows_itself(every_plot, name: str):
    ax = every_plot[name]()
    shown = ax.figure._repr_png_()
    assert shown.startswith(PNG)
    assert shown == to_png(every_plot[name]().figure)
    assert ax.get_title(loc="left")


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_draws_where_it_is_told(every_plot, name: str):
    (ax,) = lay_axes(Figure((6, 4)), 1.0)
    assert every_plot[name](ax) is ax
    assert to_png(ax.figure).startswith(PNG)


@pytest.mark.parametrize(("name", "unit"), UNITS.items())
def test_a_plot_names_its_unit(every_plot, name: str, unit: str):
    assert unit in words(every_plot[name]())


@pytest.mark.parametrize("name", ["fit", "states", "life", "heat", "junction", "sizes"])
def test_a_plot_of_predictions_names_its_basis(every_plot, name: str):
    assert "80 % interval" in words(every_plot[name]())
    assert "measured" not in words(every_plot[name]())


def test_plots_leave_the_global_settings_and_pyplot_alone(every_plot):
    before = dict(mpl.rcParams)
    for draw in every_plot.values():
        to_png(draw().figure)
    assert dict(mpl.rcParams) == before
    pyplot = __import__("sys").modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


def test_colours_have_one_meaning_each_and_differ():
    assert len(set(COLOURS.values())) == len(COLOURS)
    used = [name for name in COLOURS if name not in ("free", "unknown", "transport")]
    for one, other in combinations(used, 2):
        distance = np.abs(np.subtract(to_rgb(COLOURS[one]), to_rgb(COLOURS[other]))).sum()
        assert distance > 0.2, f"{one} and {other} look alike"


def test_regions_add_up_to_what_the_report_says(fit):
    ax = plot_fit(fit)
    widths = sorted(round(bar.get_width(), 6) for bar in ax.patches)
    expected = [100.0 * part / use.total_bytes for use in fit.regions for part in (use.reserved_bytes, use.used_bytes)]
    assert widths == pytest.approx(sorted([*expected, *[100.0] * len(fit.regions)]), abs=1e-5)
    assert "SRAM1-3" in words(ax)


def test_a_region_that_is_too_small_says_what_is_missing(graph):
    report = check_fit(graph, "nucleo-wl55jc", reserve=Reserve(sram_bytes=64 * 1024), use_engine=False)
    assert "missing" in words(plot_fit(report))
    assert "does not fit" in words(plot_fit(report))


def test_all_boards_are_on_the_page_with_their_verdicts(graph):
    reports = check_fit_all(graph, use_engine=False)
    shown = words(plot_fit_all(reports))
    assert all(report.board.id in shown for report in reports)
    assert shown.count("unknown") == sum(report.verdict == "unknown" for report in reports) + 1
    assert len(reports) == len(boards())


def test_states_show_the_charge_that_the_budget_holds(budget):
    shown = words(plot_states(budget))
    total = sum(state.charge_c.value for state in budget.states)
    assert total == pytest.approx(budget.average_current_a.value * budget.period_s, rel=1e-6)
    assert all(state.name in shown for state in budget.states)
    assert f"{budget.states[-1].charge_c.value / total:.0%}" in shown


@pytest.mark.parametrize(("period_s", "since"), [(2.0, "waking"), (10.0, "waking"), (0.05, "waking")])
def test_a_short_inference_behind_a_long_wait_for_samples_is_seen(graph, period_s, since):
    """On a logarithmic axis that begins with two seconds of sensing ten milliseconds behind them are no line."""
    found = assess(graph, "nucleo-l4r5zi", Use(period_s=period_s, task="watch-exercises", latency_s=0.01)).budget
    ax = plot_states(found)
    spans = [tuple(line.get_xdata()) for line in ax.lines]
    assert len(spans) == len(found.states) > 1
    assert sum(end > 1.05 * start for start, end in spans) >= len(spans) - (found.states[0].name == "wake-up")
    assert ax.get_xlabel() == f"time since {since} [s], log"


def test_a_state_without_a_current_is_named_and_no_share_is_claimed():
    shown = words(plot_states(budget_power(board("esp32-c6-devkitc-1"), 0.01)))
    assert "inference\nno current on record" in shown
    assert "%" not in shown.replace("80 %", "")


def test_life_is_drawn_as_the_budgets_have_it(assessed):
    budgets = sweep_periods(assessed)
    ax = plot_life(budgets, wished_s=1e7)
    assert list(ax.lines[0].get_ydata()) == [budget.battery_life_s.value for budget in budgets]
    assert "wished: 116 days" in words(ax)


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (lambda: plot_states(budget_power(board("ek-ra8m1"), 0.01)), "no run current"),
        (lambda: plot_life([budget_power(board("nucleo-l4r5zi"), 0.01, period_s=t) for t in (1, 2)]), "no battery"),
        (lambda: plot_energy([]), "energy unknown"),
        (lambda: plot_fit_all([]), "no board given"),
        (lambda: plot_junction([]), "unknown"),
        (lambda: plot_transient(check_heat(board("ek-ra8m1"), budget_power(board("ek-ra8m1"), 0.01))),
         "transient unknown"),
        (lambda: plot_sizes([]), "no variant"),
        (lambda: plot_accuracy({}), "no accuracy"),
        (lambda: plot_lsb(CodeComparison("x", {}, 1.0, 0, None, "")), "nothing compared"),
    ],
)  # fmt: skip
def test_what_is_unknown_is_said_not_drawn(draw, text: str):
    ax = draw()
    assert text in words(ax)
    assert not ax.lines


def test_boards_of_unknown_regions_say_why(graph):
    assert "regions unknown" in words(plot_fit(check_fit(graph, "gap9-evk", use_engine=False)))


def test_the_arena_has_a_block_for_each_buffer(graph):
    arena = predict_arena(graph)
    ax = plot_arena(arena.plan, graph)
    blocks = [path.vertices for group in ax.collections for path in group.get_paths()]
    assert len(blocks) == len(arena.plan.placed)
    assert max(block[:, 1].max() for block in blocks) * 1024 == pytest.approx(arena.head_bytes)


@pytest.mark.parametrize("text", ["$x$", "a\nb", "\x1b[31m", "\u202e", "日本", "x" * 500])
def test_untrusted_text_becomes_plain(text: str):
    shown = plain(text)
    assert len(shown) <= 42
    assert shown.replace("\\$", "").isprintable()
    assert "$" not in shown.replace("\\$", "")


def test_powers_of_ten_stay_as_they_are():
    assert plain("6.00 × 10⁻⁴ 1/month") == "6.00 × 10⁻⁴ 1/month"


def test_a_confusion_matrix_of_the_wrong_shape_is_refused():
    with pytest.raises(ParameterError, match="2 classes; give one row a class"):
        plot_confusion(np.eye(3), ["a", "b"])
