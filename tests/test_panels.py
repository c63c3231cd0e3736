"""Panels without a browser: a control that moves computes again, draws again, and tells in escaped text."""

from __future__ import annotations

import ast
import functools
import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets
import pytest
import traitlets

import tinykit.show.panels
from tests.models import small_cnn
from tests.panels import NAMES, finds_a_move, make_panel, parameters_of, reset, state_of
from tinykit.budget.assessment.chain import assess
from tinykit.budget.assessment.use import Use
from tinykit.ground.errors import ParameterError
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.show.panels import DesignPanel, FitPanel, PowerPanel
from tinykit.show.panels.controls import Slider
from tinykit.show.panels.shell import Panel, to_table
from tinykit.target.boards import board, boards

PNG = b"\x89PNG\r\n\x1a\n"
SOURCES = sorted(Path(tinykit.show.panels.__file__).parent.glob("*.py"))


OF_A_GRAPH = [name for name in NAMES if "graph" in parameters_of(name)]


def picture_of(panel: Panel) -> bytes:
    return bytes(panel.picture.value)


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    return read(small_cnn())


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def panel_of() -> Callable[[str], Panel]:
    """Each panel is made once; a test leaves it as it was."""
    return functools.cache(make_panel)


def test_every_module_of_panels_holds_one():
    assert {path.stem for path in SOURCES} - {"__init__", "shell", "controls", "board_form", "guessing"} == {
        tinykit.show.panels.PANELS[name].rpartition(".")[2] for name in NAMES
    }
    for name in NAMES:
        assert issubclass(getattr(tinykit.show.panels, name), Panel)


@pytest.mark.parametrize("name", NAMES)
def test_every_control_changes_line_and_view_and_moves_back(panel_of, name: str):
    panel = panel_of(name)
    start = {control: widget.value for control, widget in panel._controls.items()}
    before = state_of(panel)
    for control in start:
        assert finds_a_move(panel, control), f"no value of {control} changes anything"
        line, picture, _ = state_of(panel)
        assert picture.startswith(PNG)
        assert "\n" not in line
        assert len(line) < 110
        reset(panel, start)
        assert state_of(panel) == before, f"{control} does not move back"


@pytest.mark.parametrize("name", [name for name in NAMES if "board" in parameters_of(name)])
def test_every_board_that_is_offered_can_be_chosen(name: str, monkeypatch: pytest.MonkeyPatch):
    panel = make_panel(name)
    monkeypatch.setattr(tinykit.show.panels.shell, "to_png_quickly", lambda figure: PNG)
    offered = panel.board.options
    assert set(offered) <= {one.id for one in boards()}
    # A panel that offers fewer than the catalogue builds a program for each: every seventh is enough.
    for number, one in enumerate(offered if len(offered) == len(boards()) else offered[::7]):
        if number % 5:
            monkeypatch.setattr(panel, "draw", lambda result, figure: None)
        panel.board.value = one
        assert "\n" not in repr(panel)
        assert len(repr(panel)) < 110
        assert panel.verdict.value.startswith("<table>")


@pytest.mark.parametrize("name", NAMES)
def test_text_from_outside_is_escaped(panel_of, name: str):
    panel = panel_of(name)
    texts = [child.value for child in panel.children if type(child).__name__ == "HTML"]
    assert any("&lt;script&gt;" in text for text in texts) == bool({"graph", "name"} & set(parameters_of(name)))
    assert not any("<script" in text or "<b>FEL" in text for text in texts)


@pytest.mark.parametrize("name", NAMES)
def test_every_control_is_described_and_sliders_name_their_unit(panel_of, name: str):
    for control, widget in panel_of(name)._controls.items():
        assert widget.description, control
        assert not isinstance(widget, Slider) or "[" in widget.description or widget.shown[-1].isalpha(), control


@pytest.mark.parametrize("name", NAMES)
def test_a_panel_reads_no_value_but_of_what_it_has(panel_of, name: str):
    """Controls are attributes by the names they are given, which no type checker knows."""
    panel = panel_of(name)
    tree = ast.parse(Path(inspect.getfile(type(panel))).read_text())
    of_class = next(one for one in ast.walk(tree) if isinstance(one, ast.ClassDef) and one.name == name)
    attributes = [one.value for one in ast.walk(of_class) if isinstance(one, ast.Attribute) and one.attr == "value"]
    read = {one.attr for one in attributes if isinstance(one, ast.Attribute) and ast.unparse(one.value) == "self"}
    assert read
    assert [one for one in read if not hasattr(panel, one)] == []


@pytest.mark.parametrize("name", OF_A_GRAPH)
def test_a_float_model_is_a_verdict_not_a_crash(name: str):
    panel = make_panel(name, graph=read(small_cnn("float32")))
    assert panel.verdict.value.startswith("<table>")
    assert len(repr(panel)) < 110


def test_a_table_escapes_subject_and_sentence():
    shown = to_table([("<b>", 'a & "b" <img src=x onerror=alert(1)>')])
    assert "<img" not in shown
    assert "&lt;b&gt;" in shown
    assert "a &amp; &quot;b&quot;" in shown


def test_the_panel_shows_what_the_pure_function_answers(graph):
    panel = DesignPanel(graph, board="nucleo-u575zi-q", period_s=60.0)
    expected = assess(graph, "nucleo-u575zi-q", Use(period_s=60.0, battery="cr2032"))
    assert panel.result.battery_life_s == expected.battery_life_s
    assert panel.result.t_junction_c == expected.t_junction_c
    assert repr(panel) == (
        "DesignPanel(period_s=60, board=nucleo-u575zi-q, battery=cr2032): " + panel.summarise(expected)
    )


def test_an_input_that_is_refused_is_told_and_then_recovers(graph):
    panel = DesignPanel(graph, board="raspberry-pi-pico")
    panel.sleep_current_ua.value = "-5"
    assert panel.result is None
    assert "sleep current" in repr(panel)
    assert "not possible" in panel.verdict.value
    assert picture_of(panel).startswith(PNG)
    panel.sleep_current_ua.value = ""
    assert panel.result is not None
    assert "life" in repr(panel)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "BoardRunPanel"])  # it compiles at each move
def test_no_number_kills_a_panel_and_the_next_move_starts_anew(name: str):
    panel = make_panel(name)
    good = state_of(panel)
    for control, widget in panel._controls.items():
        start = widget.value
        if not isinstance(start, float) or hasattr(widget, "options"):
            continue
        for number in (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324):
            widget.value = number
            assert picture_of(panel).startswith(PNG)
            if not math.isfinite(widget.value):
                assert panel.result is None
                assert panel.problem == f"{control} is {widget.value}: give a number"
            widget.value = start
            assert state_of(panel) == good, f"{control} after {number}"


@pytest.mark.parametrize("name", NAMES)
def test_a_choice_of_nothing_is_told_and_the_next_move_starts_anew(panel_of, name: str):
    panel = panel_of(name)
    choices = {key: one for key, one in panel._controls.items() if isinstance(one, widgets.Dropdown)}
    for key, control in choices.items():
        if isinstance(control.index, int):
            before = control.index
            control.index = None
            assert panel.problem == f"{key}: nothing is chosen; choose one of its options"
            control.index = before
            assert not panel.problem


def test_a_refused_choice_leaves_the_panel_as_it_was(panel_of):
    for name in NAMES:
        panel = panel_of(name)
        good = state_of(panel)
        for widget in panel._controls.values():
            if hasattr(widget, "options"):
                with pytest.raises(traitlets.TraitError):
                    widget.value = "no such choice"
        assert state_of(panel) == good


@pytest.mark.parametrize("part", ["compute", "draw", "tell", "adapt"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ZeroDivisionError("by 0\x1b[2J"),
            r"a fault of the kit \(ZeroDivisionError: by 0\\x1b\[2J at \w+\.py:\d+\): please report",
        ),
        (MemoryError(), "this machine failed .MemoryError"),
        (ParameterError("give less"), "give less"),
    ],
)
def test_whatever_fails_is_told_and_the_next_move_starts_anew(graph, monkeypatch, part, error, said):
    panel = FitPanel(graph)
    good = state_of(panel)
    start = panel.reserve_kib.value

    def fail(*_):
        raise error

    monkeypatch.setattr(panel, part, fail)
    panel.reserve_kib.value = start + 1
    assert panel.result is None
    assert re.match(said, panel.problem)
    assert "not possible" in panel.verdict.value
    assert "\x1b" not in panel.verdict.value
    assert picture_of(panel).startswith(PNG)
    monkeypatch.undo()
    panel.reserve_kib.value = start
    assert state_of(panel) == good


def test_an_interrupted_move_does_not_end_the_panel(graph, monkeypatch):
    panel = FitPanel(graph)
    start = panel.reserve_kib.value

    def stop(changed):
        raise KeyboardInterrupt

    monkeypatch.setattr(panel, "adapt", stop)
    with pytest.raises(KeyboardInterrupt):
        panel.reserve_kib.value = start + 1
    monkeypatch.undo()
    panel.reserve_kib.value = start + 2
    assert f"reserve_kib={start + 2:.4g}" in repr(panel)


def test_a_verdict_is_bounded_and_moves_no_terminal():
    table = to_table([("a\x1b[2J", "long " * 20_000), ("b", "two\nlines")])
    assert "\x1b" not in table
    assert len(table) < 3_000
    assert "two\nlines" in table


def test_sliders_take_their_range_from_the_board(graph):
    panel = PowerPanel(graph)
    assert panel.clock_mhz.max == board("nucleo-l4r5zi").clock_hz / 1e6
    panel.board.value = "nucleo-h743zi2"
    assert panel.clock_mhz.max == panel.clock_mhz.value == board("nucleo-h743zi2").clock_hz / 1e6
    panel.board.value = "nucleo-wl55jc"
    assert panel.clock_mhz.max == panel.clock_mhz.value == board("nucleo-wl55jc").clock_hz / 1e6
    reserve = FitPanel(graph)
    assert reserve.reserve_kib.max == board("nucleo-l4r5zi").sram_windows()[0].available_bytes / 1024


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_panels_keep_to_the_widgets_that_nbval_can_compare(path: Path):
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    banned = {"Output", "interact", "interactive", "clear_output", "print", "display"}
    assert not names & (banned - {"display"} if path.stem == "guessing" else banned)  # its cover comes before a result


def test_the_shell_leaves_the_work_to_its_panels(graph):
    class Empty(Panel):
        pass

    assert "a fault of the kit (NotImplementedError" in Empty("x", "y", {}).problem
