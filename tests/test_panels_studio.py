"""The studio: a device whose limits are told as the pure function tells them, held against another, mapped."""

from __future__ import annotations

from datetime import UTC, datetime

import ipywidgets as widgets
import pytest

from tests.models import small_cnn
from tinykit.budget import Budgets, Use, assess, map_binding, what_binds
from tinykit.ground.quantity import YEAR_S
from tinykit.model.graph.reading import read
from tinykit.show.panels import StudioPanel
from tinykit.target import Target
from tinykit.target.boards import board


@pytest.fixture
def panel() -> StudioPanel:
    return StudioPanel()


def uploaded(name: str, content: bytes) -> tuple[dict[str, object], ...]:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return ({"name": name, "type": "", "size": len(content), "content": memoryview(content), "last_modified": when},)


def test_it_opens_on_a_board_that_fails_and_says_by_how_much(panel):
    found = panel.bind(panel.result)
    assert found.outcome == "SRAM1-2"
    assert panel.result.fit.verdict == "does_not_fit"
    assert "too much for 64.0 KiB" in panel.verdict.value
    assert found.words in panel.verdict.value
    assert panel.picture.alt.startswith("StudioPanel(network=mobilenet-v1-025")


def test_every_control_reaches_the_chain(panel):
    moved = {
        "network": "watch-exercises", "board": "nucleo-l4r5zi", "clock_mhz": 60.0, "period_s": 30.0, "sleep": "stop",
        "sensor": "accelerometer", "radio": "ble", "battery": "cr2032", "air_c": 40.0, "box_cm2": 100.0,
        "latency_s": 0.01, "life_years": 1.0, "price": "5", "most": "4",
    }  # fmt: skip
    for name, value in moved.items():
        getattr(panel, name).value = value
    use = Use(
        period_s=30.0, sleep_mode="stop", sensor="accelerometer", task="motion", battery="cr2032", ambient_c=40.0,
        send=("ble", 10.0), enclosure_area_m2=0.01,
    )  # fmt: skip
    design = assess(panel.graph, Target("nucleo-l4r5zi", clock_hz=60e6), use)
    expected = what_binds(design, Budgets(latency_s=0.01, life_s=YEAR_S), (5.0, 4.0))
    assert panel.bind(panel.result).to_json() == expected.to_json()
    assert [text.get_text().partition(":")[0] for text in panel._figure.axes[0].texts if ":" in text.get_text()] == [
        one.verdict for one in reversed(expected.checks)
    ]


def test_a_price_is_told_though_nothing_is_wished_of_it(panel):
    panel.price.value = "5"
    assert "5, no price is wished" in panel.verdict.value
    panel.price.value = "five"
    assert "is not a number" in panel.problem
    panel.price.value = ""
    assert panel.result is not None


def test_what_is_pinned_is_held_against_what_follows_in_words_and_diamonds(panel):
    panel.pin.value = True
    before = panel.result.fit.latency_s
    panel.board.value = "nucleo-h743zi2"
    assert "from A to B" in panel.notice.value
    assert f"latency {before.value * 1e3:.0f} ms → " in panel.notice.value
    (ax,) = panel._figure.axes
    diamonds = [line for line in ax.lines if line.get_marker() == "D"]
    same = {one.budget for one in what_binds(panel.pinned[2], panel.wishes).checks if one.used} & {
        one.budget for one in panel.bind(panel.result).checks
    }
    assert len(diamonds) == len(same) >= 4
    panel.view.value = "clock_hz"
    assert [line.get_marker() for line in panel._figure.axes[0].lines] == ["o", "D"]
    panel.pin.value = False
    assert "from A to B" not in panel.notice.value


def test_the_map_is_of_the_design_and_the_wishes(panel):
    panel.board.value, panel.network.value, panel.view.value = "nucleo-l4r5zi", "ds-cnn", "ambient_c"
    knobs = {"period_s": (0.1, 3600.0), "ambient_c": (-35.0, 125.0)}
    corners = map_binding(panel.result, panel.wishes, knobs)
    named = {text.get_text() for text in panel._figure.axes[0].texts}
    assert {name for line in corners for name in line} <= named
    bars = len(panel._figure.axes[0].patches)
    panel.period_s.value = 900.0
    assert len(panel._figure.axes[0].patches) == bars, "the design moves on the map, the map stays"


def test_a_model_of_ones_own_is_uploaded_chosen_and_kept_by_the_view_above(panel):
    panel._repr_mimebundle_()
    panel.upload.value = uploaded("mine.tflite", small_cnn())
    assert panel.network.value == "mine.tflite"
    assert panel.graph.sha256 == read(small_cnn()).sha256
    panel._repr_mimebundle_()
    panel.network.value = "ds-cnn"
    panel._repr_mimebundle_()
    assert panel.network.options[0] == "mine.tflite"
    assert isinstance(panel.upload, widgets.FileUpload)


def test_an_upload_that_is_no_model_is_told_and_leaves_the_panel(panel):
    good = repr(panel)
    panel.upload.value = uploaded("mine.tflite", b"<script>alert(1)</script>")
    assert panel.result is None
    assert "TFL3" in panel.problem or "flatbuffer" in panel.problem
    assert "<script" not in panel.verdict.value
    panel.period_s.value = 61.0
    panel.period_s.value = 60.0
    assert repr(panel) == good


def test_a_board_of_ones_own_comes_first(tmp_path):
    panel = StudioPanel(board=board("nucleo-u575zi-q"), network="row-dense")
    assert panel.result.target.board.id == "nucleo-u575zi-q"
    panel = StudioPanel(board=board("microbit-v2"))
    assert panel.clock_mhz.max == board("microbit-v2").clock_hz / 1e6
