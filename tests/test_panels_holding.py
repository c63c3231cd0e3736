"""Panels that hold: a limit is drawn with its reason, a view is its cell's own, axes stay, a design is pinned."""

from __future__ import annotations

import functools
import io
from base64 import b64decode
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from matplotlib.colors import to_rgb
from PIL import Image

from tests.models import Net
from tests.panels import GRAPH, NAMES, finds_a_move, make_panel, places_of, reset, state_of
from tinykit.budget.assessment.draft import list_open
from tinykit.model.graph.reading import read
from tinykit.show.panels import (
    BurstPanel,
    DesignPanel,
    FitPanel,
    GridPanel,
    HeatPanel,
    PowerPanel,
    SparsityPanel,
    TimelinePanel,
)
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.memory import _runtimes
from tinykit.show.panels.shell import NumberField, Panel
from tinykit.show.plots import COLOURS
from tinykit.target.boards import boards

PNG = b"\x89PNG\r\n\x1a\n"
SLOW = read(Net((1, 64, 64, 8)).conv(16).conv(8).pool("AVERAGE", (8, 8), (8, 8)).flatten().dense(4).to_bytes())
"""Awake for hundreds of milliseconds: longer than many a period."""
QUICK = [name for name in NAMES if name != "BoardRunPanel"]  # it compiles at each move
SILENT = "esp32-c6-devkitc-1"
"""A board whose latency nobody can tell."""


@pytest.fixture(scope="module")
def panel_of() -> Callable[..., Panel]:
    """Each panel is made once; a test leaves it as it was."""
    return functools.cache(make_panel)


def ends_of(control: Slider) -> list[float]:
    return [control.min, control.stops[len(control.stops) // 2], control.max]


def says_why(panel: Panel) -> bool:
    """Whether a picture without a result holds its reason: in itself, or beside the pale one that was before."""
    told = panel.problem.partition(" ")[0]
    if panel.picture.stale:
        return told in panel.notice.value
    return any("unknown" in text.get_text() for ax in panel._figure.axes for text in ax.texts)


@pytest.mark.parametrize("graph", [GRAPH, SLOW], ids=["quick", "slow"])
@pytest.mark.parametrize("name", [name for name in QUICK if name not in ("NpuPanel", "LsbPanel", "SubjectPanel")])
def test_no_control_leads_to_a_picture_without_content(name: str, graph):
    panel = make_panel(name, graph=GRAPH if name in ("GridPanel", "SparsityPanel") else graph)
    start = panel.read_controls()
    for control, widget in panel._controls.items():
        for value in ends_of(widget) if isinstance(widget, Slider) else places_of(widget, 3):
            widget.value = value
            assert panel.result is not None or (control == "board" and says_why(panel)), f"{control}={value}"
            assert panel.picture.value.startswith(PNG)
            assert any(ax.lines or ax.patches or ax.collections or ax.texts for ax in panel._figure.axes)
        reset(panel, start)


@pytest.mark.parametrize("panel_type", [DesignPanel, PowerPanel, TimelinePanel])
def test_a_period_below_the_time_awake_is_drawn_at_it(panel_type):
    panel = panel_type(SLOW)
    free = repr(panel)
    panel.period_s.value = panel.period_s.min
    budget = panel.result if panel_type is TimelinePanel else panel.result.budget
    awake = sum(state.duration_s.value for state in budget.states if state.name not in ("sleep", "rest"))
    assert budget.period_s == pytest.approx(awake, rel=1e-3)
    assert budget.period_s >= awake
    assert "is shorter than the time awake" in panel.notice.value
    assert "Give a period of at least" in panel.reason
    assert panel.reason in panel.picture.alt
    assert "at the limit" in repr(panel)
    assert panel.period_s.value == panel.period_s.min
    panel.period_s.value = 10.0
    assert (repr(panel), panel.reason) == (free, "")


def test_the_same_limit_is_drawn_wherever_it_was_come_from():
    """Whatever was shown before, and the states beyond differ in nothing but what was asked for."""
    panel, other = DesignPanel(SLOW, period_s=3600), DesignPanel(SLOW, period_s=0.02)
    panel.period_s.value = 0.02
    assert state_of(panel) == state_of(other)


def test_air_without_a_stable_state_is_drawn_at_the_warmest_that_has_one():
    panel = BurstPanel(SLOW, board="nucleo-h743zi2", burst_s=1e4, pause_s=0.01)
    panel.air_c.value = 125
    assert panel.result is not None
    if panel.reason:
        assert panel.reason.startswith("drawn at ambient ")


@pytest.mark.parametrize("name", ["HeatPanel", "BurstPanel", "ClockPanel", "CloudPanel"])
def test_what_is_unknown_says_so_in_the_picture_and_other_controls_rest(name: str):
    panel = make_panel(name)
    start = panel.read_controls()
    panel.board.value = SILENT
    assert panel.result is None
    assert says_why(panel)
    assert not panel.picture.stale
    assert "latency" in panel.picture.alt
    free = {control for control, widget in panel._controls.items() if not widget.disabled}
    asked = {control for control, widget in panel._controls.items() if isinstance(widget, NumberField)}
    assert free - asked == {"board"}
    reset(panel, start)
    assert panel.result is not None
    assert not panel.period_s.disabled if hasattr(panel, "period_s") else not panel.board.disabled


def test_what_is_refused_leaves_the_last_picture_pale_with_the_reason():
    panel = DesignPanel(GRAPH, board="raspberry-pi-pico")
    field = next(widget for widget in panel._controls.values() if isinstance(widget, NumberField))
    shown = panel.picture.value
    field.value = "12,5"
    assert panel.result is None
    assert (panel.picture.value, panel.picture.stale) == (shown, True)
    assert "is not a number" in panel.notice.value
    field.value = ""
    assert not panel.picture.stale


@pytest.mark.parametrize(
    ("panel", "control", "wake"),
    [
        (lambda: HeatPanel(GRAPH), "box_cm2", ("boxed", True)),
        (lambda: BurstPanel(GRAPH), "sun", ("box_cm2", 88.0)),
        (lambda: GridPanel(GRAPH, {"input": np.linspace(-1, 1, 50)}), "scales", None),
    ],
    ids=["box", "sun", "scales"],
)
def test_a_control_that_does_nothing_is_disabled_and_says_why(panel, control, wake):
    panel = panel()
    if wake is None:
        panel.tensor.value = "input"
    widget = panel._controls[control]
    assert widget.disabled
    assert widget.description.partition(" [")[0] in panel.notice.value
    assert "without effect" in panel.notice.value
    before = (panel.picture.value, panel.verdict.value)
    for value in places_of(widget, 3):
        widget.value = value
        assert (panel.picture.value, panel.verdict.value) == before
    if wake is None:
        panel.tensor.value = panel.tensor.options[0]
    else:
        panel._controls[wake[0]].value = wake[1]
    assert not widget.disabled
    assert "without effect" not in panel.notice.value


@pytest.mark.parametrize("name", QUICK)
def test_every_control_that_is_not_disabled_does_something_from_the_start(panel_of, name: str):
    panel = panel_of(name)
    start = panel.read_controls()
    before = (panel.picture.value, panel.verdict.value)
    for control, widget in panel._controls.items():
        if widget.disabled:
            assert finds_a_move(panel, control)
        elif len(getattr(widget, "options", "**")) > 1:
            assert any(self_moves(panel, widget, before)), control
        reset(panel, start)


@pytest.mark.parametrize(
    ("name", "controls"),
    [
        ("DesignPanel", {"battery"}),
        ("PowerPanel", {"battery", "clock_mhz"}),
        ("TimelinePanel", {"period_s", "gate", "sense_s", "also"}),
        ("HeatPanel", {"duty_cycle", "box_cm2", "boxed"}),
        ("FitPanel", {"runtime", "reserve_kib"}),
    ],
)
def test_on_every_kind_of_board_a_control_does_something_or_rests(panel_of, name: str, controls: set[str]):
    """Boards that lack the same figures are of one kind."""
    panel = panel_of(name)
    start = panel.read_controls()
    kinds = {tuple(what for what, _ in list_open(board)): board.id for board in boards()}
    for board in kinds.values():
        panel.board.value = board
        here, seen = panel.read_controls(), (panel.picture.value, panel.verdict.value)
        widgets = {control: widget for control, widget in panel._controls.items() if control in controls}
        resting = {control for control, widget in widgets.items() if widget.disabled}
        for control, widget in widgets.items():
            if panel.result is not None:
                assert any(self_moves(panel, widget, seen)) == (control not in resting), (board, control)
                widget.value = here[control]
    reset(panel, start)


def test_a_list_of_one_entry_is_disabled():
    panel = FitPanel(GRAPH)
    assert not panel.runtime.disabled
    panel.board.value = next(one.id for one in boards() if len(_runtimes(one)) == 1)
    assert panel.runtime.disabled
    assert "runtime: there is no other" in panel.notice.value.replace("</b>", "")


def test_a_panel_that_takes_long_says_so_while_it_works():
    seen = []

    class Slow(FitPanel):
        takes_long = True

        def compute(self):
            seen.append((self.picture.stale, "working" in self.notice.value))
            return super().compute()

    panel = Slow(GRAPH)
    panel.reserve_kib.value = 20
    assert seen == [(True, True)] * 2
    assert (panel.picture.stale, panel.notice.value) == (False, FitPanel(GRAPH).notice.value)


def self_moves(panel: Panel, widget, before) -> Iterator[bool]:
    for value in places_of(widget, 99):
        widget.value = value
        yield (panel.picture.value, panel.verdict.value) != before


@pytest.mark.parametrize("name", QUICK)
def test_a_cell_that_moves_a_panel_leaves_the_view_above_it(name: str):
    panel = make_panel(name)
    first = panel._repr_mimebundle_()
    above = _instances[shown_in(first)]
    assert above is panel
    before = state_of(panel)
    control = next(one for one in panel._controls if places_of(panel._controls[one], 1))
    panel._controls[control].value = places_of(panel._controls[control], 1)[0]
    moved = state_of(panel)
    second = panel._repr_mimebundle_()
    assert shown_in(first) != shown_in(second)
    above, below = _instances[shown_in(first)], _instances[shown_in(second)]
    assert below is panel
    assert above is not panel
    assert state_of(above) == before
    assert state_of(below) == moved
    assert {one.model_id for one in above.children}.isdisjoint(one.model_id for one in below.children)
    assert above._controls[control].layout.model_id != below._controls[control].layout.model_id


def shown_in(bundle: dict) -> str:
    return bundle["application/vnd.jupyter.widget-view+json"]["model_id"]


def test_what_a_person_moved_stays_in_the_view_that_was_moved():
    panel = PowerPanel(GRAPH)
    first = panel._repr_mimebundle_()
    panel.board.set_state({"index": panel.board.options.index("nucleo-h743zi2")})  # as a page sends it
    by_hand = state_of(panel)
    panel.period_s.value = 3600
    panel._repr_mimebundle_()
    assert state_of(_instances[shown_in(first)]) == by_hand


def test_a_view_above_goes_on_living_alone():
    panel = FitPanel(GRAPH)
    first = panel._repr_mimebundle_()
    panel.reserve_kib.value = 100
    panel._repr_mimebundle_()
    above, below = _instances[shown_in(first)], state_of(panel)
    above.reserve_kib.value = 33
    assert "reserve_kib=33" in repr(above)
    assert state_of(panel) == below


@pytest.mark.parametrize("name", QUICK)
def test_pages_without_widgets_get_the_picture_and_nbval_the_line(panel_of, name: str):
    panel = panel_of(name)
    bundle = panel._repr_mimebundle_()
    kept, drawn = (np.asarray(Image.open(io.BytesIO(one)).convert("RGB"), float) for one in (
        b64decode(bundle["image/png"]), panel.picture.value
    ))  # fmt: skip
    assert kept.shape == drawn.shape
    assert np.abs(kept - drawn).mean() < 4  # of 255, in 64 colours
    assert bundle["text/plain"] == repr(panel)
    assert len(bundle["image/png"]) < 40_000


def limits_of(panel: Panel) -> list[tuple[float, ...]]:
    return [tuple(ax.get_xlim()) + tuple(ax.get_ylim()) for ax in panel._figure.axes]


@pytest.mark.parametrize(
    ("make", "control", "most"),
    [
        (lambda: DesignPanel(GRAPH), "period_s", 1),
        (lambda: HeatPanel(GRAPH), "ambient_c", 5),
        (lambda: HeatPanel(GRAPH), "duty_cycle", 1),
        (lambda: PowerPanel(GRAPH), "clock_mhz", 4),
        (lambda: SparsityPanel(GRAPH), "sparsity", 2),
        (lambda: FitPanel(GRAPH), "reserve_kib", 2),
        (lambda: BurstPanel(GRAPH), "box_cm2", 4),
    ],
    ids=["period", "ambient", "duty", "clock", "sparsity", "reserve", "box"],
)
def test_axes_stay_while_a_slider_moves(make, control: str, most: int):
    panel = make()
    slider = panel._controls[control]
    seen = []
    for stop in slider.stops[:: max(1, len(slider.stops) // 24)]:
        slider.value = stop
        seen.append(limits_of(panel))
    assert len({str(one) for one in seen}) <= most


def test_a_pinned_design_stays_in_dashed_grey_behind_those_to_come():
    panel = DesignPanel(GRAPH, period_s=10)
    free, line = state_of(panel), repr(panel)
    panel.pin.value = True
    pinned = [
        tuple(np.round(one.get_xydata()[-1], 6)) for one in panel._figure.axes[0].lines if len(one.get_xydata()) > 9
    ]
    panel.battery.value = "lipo-500"
    above = panel._figure.axes[0]
    (ghost,) = [one for one in above.collections if one.get_zorder() == 2.4]
    assert tuple(ghost.get_edgecolor()[0][:3]) == pytest.approx(to_rgb(COLOURS["note"]))
    assert ghost.get_linestyle()[0][1] is not None, "dashed: colour is not the only sign"
    ends = [tuple(np.round(one[-1], 6)) for one in ghost.get_segments()]
    assert set(pinned) <= set(ends)
    low, high = above.get_ylim()
    assert all(low <= end[1] <= high for end in ends)
    assert line.partition("…")[0][:60].replace("'", "&#x27;") in panel.notice.value
    assert panel.pin.description == "unpin"
    panel.pin.value = False
    panel.battery.value = "cr2032"
    assert state_of(panel) == free
    assert "pinned" not in panel.notice.value


def test_a_pinned_design_of_other_names_is_told_and_not_drawn():
    """Bars of another board's memories would stand beside the wrong names."""
    panel = HeatPanel(GRAPH)
    panel.pin.value = True
    panel.boxed.value = True
    assert not [one for one in panel._figure.axes[0].collections if one.get_zorder() == 2.4]
    assert "pinned" in panel.notice.value
    panel.boxed.value = False
    assert [one for one in panel._figure.axes[0].collections if one.get_zorder() == 2.4]


def test_every_board_of_the_catalogue_gives_a_picture_or_says_why(panel_of):
    for name in ("HeatPanel", "BurstPanel"):
        panel = panel_of(name)
        start = panel.read_controls()
        for one in boards():
            panel.board.value = one.id
            assert panel.result is not None or says_why(panel), one.id
        reset(panel, start)
