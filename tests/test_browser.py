"""A person's path through JupyterLab: open the first notebook, run it, move a slider, read the verdict."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import (
    PANEL,
    PICTURES,
    SLIDER,
    WITH_CHROMIUM,
    barriers_of,
    cut_in,
    errors_of,
    first_panel,
    open_lab,
    open_page,
    picture_of,
    run_all,
    verdict_of,
    wait_until,
    write_notebook,
)
from tests.panels import NAMES
from tinykit.budget import list_open
from tinykit.target.boards import boards

ROOT = Path(__file__).resolve().parents[1]
OF_FLOAT = ("GridPanel", "SparsityPanel")
QUICK = [name for name in NAMES if name != "BoardRunPanel"]  # it compiles first
COURSE = ROOT / "notebooks"
ASKED = {"run current", "sleep current", "supply", "clock", "RAM"}

pytestmark = WITH_CHROMIUM


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab that serves a copy of the course, with room for a path before the `?`."""
    (tmp_path / "course").mkdir()
    for path in COURSE.glob("*.ipynb"):
        shutil.copy(path, tmp_path / "course")
    with open_lab(tmp_path, tmp_path / "course") as address:
        yield address


@pytest.fixture
def page() -> Iterator[Any]:
    with open_page() as page:
        yield page


def test_an_error_in_a_cell_is_found_on_the_page(lab: str, page: Any, tmp_path: Path):
    """Without this, finding none in the course would say nothing."""
    write_notebook(tmp_path / "course" / "broken.ipynb", "print(1)", "1 / 0")
    run_all(page, lab.format("broken.ipynb"))
    (error,) = errors_of(page)
    assert "ZeroDivisionError" in error


def test_a_slider_moves_the_verdict_and_the_plot_of_the_first_notebook(lab: str, page: Any):
    run_all(page, lab.format("00_start_here.ipynb"))
    assert errors_of(page) == []
    panel = first_panel(page)
    verdict, picture = verdict_of(panel), picture_of(panel)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "start.png")
    slider = panel.locator(SLIDER).first
    told = slider.get_attribute("aria-valuetext")
    slider.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        slider.press(key)
    wait_until(lambda: verdict_of(panel) != verdict, "change of the verdict")
    wait_until(lambda: picture_of(panel) != picture, "change of the plot")
    page.screenshot(path=PICTURES / "moved.png")
    assert verdict.strip()
    assert slider.get_attribute("aria-valuetext") != told


def test_a_period_is_kept_as_it_was_given_and_told_in_its_unit(lab: str, page: Any, tmp_path: Path):
    """In the kernel, on the page, and to those who listen: from code, by typing, and by the arrow keys."""
    code = (
        "import tinykit as tk\nfrom tinykit.show import DesignPanel\n"
        'panel = DesignPanel(tk.read(tk.model.resume("int8").path("int8")), period_s=60)\n'
        'panel.period_s.observe(lambda change: print("now", change["new"]), names="value")\npanel'
    )
    write_notebook(tmp_path / "course" / "kept.ipynb", code)
    run_all(page, lab.format("kept.ipynb"))
    panel = first_panel(page)
    slider, field = panel.get_by_label("period", exact=True), panel.get_by_label("period, typed")
    assert (slider.get_attribute("aria-valuetext"), field.input_value()) == ("1 min", "1 min")
    assert "60.0 s" in verdict_of(panel)
    for typed, told, second in (("3600", "1 h", "1.00 h"), ("90 s", "90 s", "90.0 s"), ("5 min", "5 min", "300 s")):
        field.fill(typed)
        field.press("Enter")
        wait_until(lambda second=second: second in verdict_of(panel), f"period of {second}")
        assert (slider.get_attribute("aria-valuetext"), field.input_value()) == (told, told)
    field.fill("soon")
    field.press("Enter")
    panel.get_by_role("alert").get_by_text("'soon' is not understood; write 90 s, 5 min or 1.5 h").wait_for()
    assert slider.get_attribute("aria-valuetext") == "5 min"
    slider.focus()
    slider.press("ArrowRight")
    wait_until(lambda: slider.get_attribute("aria-valuetext") == "10 min", "next stop")
    wait_until(lambda: "600 s" in verdict_of(panel), "period of 600 s")
    picture = panel.locator("img.widget-image").first
    assert "DesignPanel(period_s=600" in picture.get_attribute("alt")
    assert "battery life [s], log" in picture.get_attribute("alt")


def life_of(panel: Any) -> str:
    return next(line for line in verdict_of(panel).splitlines() if line.startswith("battery life"))


def test_currents_typed_for_a_board_without_any_bring_the_life(lab: str, page: Any, tmp_path: Path):
    """A run current and a sleep current, into fields that are there for this board and gone for one with a record."""
    silent = next(one.id for one in boards() if {"run current", "sleep current"} == {*dict(list_open(one))} & ASKED)
    code = (
        "import tinykit as tk\nfrom tinykit.show import DesignPanel\n"
        'graph = tk.read(tk.model.resume("int8").path("int8"))\n'
        f'DesignPanel(graph, board="{silent}", battery="lipo-500", period_s=60)'
    )
    write_notebook(tmp_path / "course" / "own.ipynb", code)
    run_all(page, lab.format("own.ipynb"))
    assert errors_of(page) == []
    panel = first_panel(page)
    assert life_of(panel).split("\t")[1].startswith("unknown"), silent
    picture = picture_of(panel)
    run, asleep = panel.get_by_label("run current [mA]"), panel.get_by_label("sleep current [µA]")
    run.fill("12,5")
    run.press("Enter")
    wait_until(lambda: "is not a number; write one such as 6.2" in verdict_of(panel), "word on what is no number")
    run.fill("12.5")
    run.press("Enter")
    wait_until(lambda: "measure the sleep current" in verdict_of(panel) and "µJ" in verdict_of(panel), "energy")
    assert life_of(panel).split("\t")[1].startswith("unknown")
    asleep.fill("40")
    asleep.press("Tab")
    wait_until(lambda: "unknown" not in life_of(panel), "battery life")
    assert any(unit in life_of(panel) for unit in (" days", " years")), life_of(panel)
    assert picture_of(panel) != picture
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "currents.png")
    panel.get_by_label("board").select_option("nucleo-l4r5zi")
    wait_until(lambda: not run.is_visible() and not asleep.is_visible(), "end of the question")
    assert "unknown" not in life_of(panel)


MADE = """import sys
sys.path.insert(0, {root!r})
import tinykit as tk
from tests.panels import make_panel
graph = tk.read(tk.model.resume("int8").path("int8"))"""
LIGHTNESS = """image => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 40 });
  const context = canvas.getContext("2d");
  context.filter = getComputedStyle(image).filter;
  context.drawImage(image, 0, 0, 40, 40);
  const pixels = context.getImageData(0, 0, 40, 40).data;
  return pixels.filter((_, place) => place % 4 < 3).reduce((sum, one) => sum + one, 0) / (40 * 40 * 3);
}"""


def test_a_cell_leaves_the_view_above_it_and_what_is_pinned_stays(lab: str, page: Any, tmp_path: Path):
    """The view above goes on by itself, the one below as well; a pin is a button of the view it stands in."""
    made = MADE.format(root=str(ROOT)) + "\nfrom tinykit.show import DesignPanel\npanel = DesignPanel(graph)\npanel"
    moved = 'panel.period_s.value = 3600\npanel.board.value = "nucleo-h743zi2"\npanel'
    write_notebook(tmp_path / "course" / "views.ipynb", made, moved)
    run_all(page, lab.format("views.ipynb"))
    assert errors_of(page) == []
    above, below = page.locator(PANEL).nth(0), page.locator(PANEL).nth(1)
    wait_until(lambda: "10.0 s" in verdict_of(above) and "1.00 h" in verdict_of(below), "two states in two views")
    assert above.get_by_label("board").input_value() == "nucleo-l4r5zi"
    assert below.get_by_label("board").input_value() == "nucleo-h743zi2"
    assert "period_s=10," in above.locator("img").get_attribute("alt")
    kept = verdict_of(below)
    above.get_by_label("period, typed").fill("5 min")
    above.get_by_label("period, typed").press("Enter")
    wait_until(lambda: "300 s" in verdict_of(above), "move of the view above")
    assert verdict_of(below) == kept
    below.get_by_role("button", name="pin this design").click()
    below.get_by_role("button", name="unpin").wait_for()
    picture = picture_of(below)
    below.get_by_label("battery").select_option("Lithium polymer pouch, 500 mAh")
    wait_until(lambda: picture_of(below) != picture, "picture with a ghost")
    assert "pinned, dashed" in verdict_of(below)


def test_panels_are_whole_in_small_windows_dark_in_the_dark_and_open_to_all(lab: str, page: Any, tmp_path: Path):
    """Every panel: at 760 px, at 200 % of a window of 1500 px, in both themes, and under axe-core."""
    cells = [f"make_panel({name!r}, {'' if name in OF_FLOAT else 'graph=graph'})" for name in QUICK]
    write_notebook(tmp_path / "course" / "all.ipynb", MADE.format(root=str(ROOT)), *cells)
    run_all(page, lab.format("all.ipynb"))
    assert errors_of(page) == []
    page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
    panels = page.locator(PANEL)
    assert panels.count() == len(QUICK)
    assert barriers_of(page) == []
    light = [panels.nth(place).locator("img").evaluate(LIGHTNESS) for place in range(len(QUICK))]
    assert min(light) > 128
    for width, height in ((760, 1000), (750, 500)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)
        for place, name in enumerate(QUICK):
            assert cut_in(panels.nth(place)) == [], f"{name} in {width} px"
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    page.wait_for_function("document.querySelectorAll('.tinykit-dark').length >= " + str(len(QUICK)))
    assert max(panels.nth(place).locator("img").evaluate(LIGHTNESS) for place in range(len(QUICK))) < 128
    assert barriers_of(page) == []
