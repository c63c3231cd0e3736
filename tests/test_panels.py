"""Panels without a browser: a control that moves computes again, draws again, and tells in escaped text."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import pytest

import tinykit.show.panels
from tests.models import Net, small_cnn
from tinykit.budget.assessment import Use, assess
from tinykit.model.graph import ModelGraph, read
from tinykit.show.panels import DesignPanel, FitPanel, HeatPanel, PowerPanel
from tinykit.show.panels.shell import Panel, to_table
from tinykit.target.boards import board, boards

PNG = b"\x89PNG\r\n\x1a\n"
PANELS = (DesignPanel, FitPanel, PowerPanel, HeatPanel)
MOVES = [
    (DesignPanel, "period_s", 600.0),
    (DesignPanel, "board", "stm32f407g-disc1"),
    (DesignPanel, "battery", "lipo-500"),
    (FitPanel, "board", "nucleo-wl55jc"),
    (FitPanel, "runtime", "tflm-reference"),
    (FitPanel, "reserve_kib", 100.0),
    (PowerPanel, "board", "nucleo-u575zi-q"),
    (PowerPanel, "battery", "lipo-500"),
    (PowerPanel, "period_s", 600.0),
    (PowerPanel, "clock_mhz", 48.0),
    (HeatPanel, "board", "nucleo-h743zi2"),
    (HeatPanel, "ambient_c", 60.0),
    (HeatPanel, "duty_cycle", 0.1),
    (HeatPanel, "boxed", True),
]
SOURCES = sorted(Path(tinykit.show.panels.__file__).parent.glob("*.py"))


def picture_of(panel: Panel) -> bytes:
    return bytes(panel.picture.value)


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    return read(small_cnn())


@pytest.fixture(scope="module")
def hostile(graph: ModelGraph) -> ModelGraph:
    named = read(Net((1, 8, 8, 1), name="<script>alert(1)</script>").conv(4).flatten().dense(4).to_bytes())
    return dataclasses.replace(named, path="/models/<script>alert(2)<script>.tflite")


@pytest.mark.parametrize(("kind", "control", "value"), MOVES, ids=[f"{k.__name__}.{c}" for k, c, _ in MOVES])
def test_a_control_that_moves_changes_picture_and_line(graph, kind: type[Panel], control: str, value):
    panel = kind(graph)
    picture, line, verdict = picture_of(panel), repr(panel), panel.verdict.value
    assert picture.startswith(PNG)
    setattr(getattr(panel, control), "value", value)  # noqa: B010
    assert picture_of(panel).startswith(PNG)
    assert (picture_of(panel), panel.verdict.value) != (picture, verdict)
    assert repr(panel) != line
    assert panel.result is not None


@pytest.mark.parametrize("kind", PANELS)
def test_moving_back_restores_the_picture(graph, kind: type[Panel]):
    panel = kind(graph)
    picture, verdict = picture_of(panel), panel.verdict.value
    panel.board.value = "nucleo-h743zi2"
    assert picture_of(panel) != picture
    panel.board.value = "nucleo-l4r5zi"
    assert (picture_of(panel), panel.verdict.value) == (picture, verdict)


@pytest.mark.parametrize("kind", PANELS)
def test_every_board_of_the_catalogue_can_be_chosen(graph, kind: type[Panel], monkeypatch: pytest.MonkeyPatch):
    panel = kind(graph)
    monkeypatch.setattr(tinykit.show.panels.shell, "to_png_quickly", lambda figure: PNG)
    for number, one in enumerate(boards()):
        if number % 5:
            monkeypatch.setattr(panel, "draw", lambda result, figure: None)
        panel.board.value = one.id
        assert "\n" not in repr(panel)
        assert len(repr(panel)) < 110
        assert panel.verdict.value.startswith("<table>")


@pytest.mark.parametrize("kind", PANELS)
def test_text_from_a_file_is_escaped(hostile, kind: type[Panel]):
    panel = kind(hostile)
    texts = [child.value for child in panel.children if type(child).__name__ == "HTML"]
    assert any("&lt;script&gt;" in text for text in texts)
    assert not any("<script" in text for text in texts)


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
    slow = Net((1, 64, 64, 8)).conv(16).conv(8).pool("AVERAGE", (8, 8), (8, 8)).flatten().dense(4).to_bytes()
    panel = DesignPanel(read(slow))
    panel.period_s.value = 0.01
    assert panel.result is None
    assert "is shorter than the time" in repr(panel)
    assert "Give a period of at least" in panel.verdict.value
    assert picture_of(panel).startswith(PNG)
    panel.period_s.value = 100.0
    assert panel.result is not None
    assert "life" in repr(panel)


def test_a_float_model_is_a_verdict_not_a_crash():
    panel = DesignPanel(read(small_cnn("float32")))
    assert panel.verdict.value.startswith("<table>")
    assert len(repr(panel)) < 110


def test_sliders_take_their_range_from_the_board(graph):
    panel = PowerPanel(graph)
    assert panel.clock_mhz.max == board("nucleo-l4r5zi").clock_hz / 1e6
    panel.board.value = "nucleo-h743zi2"
    assert panel.clock_mhz.max == panel.clock_mhz.value == board("nucleo-h743zi2").clock_hz / 1e6
    panel.board.value = "nucleo-wl55jc"
    assert panel.clock_mhz.max == panel.clock_mhz.value == board("nucleo-wl55jc").clock_hz / 1e6
    reserve = FitPanel(graph)
    assert reserve.reserve_kib.max == board("nucleo-l4r5zi").sram_windows()[0].available_bytes / 1024


@pytest.mark.parametrize("kind", PANELS)
def test_every_control_is_described_and_sliders_name_their_unit(graph, kind: type[Panel]):
    for name, control in kind(graph)._controls.items():
        assert control.description, name
        if "Slider" in type(control).__name__:
            assert "[" in control.description, name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_panels_keep_to_the_widgets_that_nbval_can_compare(path: Path):
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"Output", "interact", "interactive", "clear_output", "print", "display"}


def test_the_shell_leaves_the_work_to_its_panels(graph):
    class Empty(Panel):
        pass

    with pytest.raises(NotImplementedError):
        Empty("x", "y", {})
