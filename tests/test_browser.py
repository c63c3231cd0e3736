"""A person's path through JupyterLab: open the first notebook, run it, move a slider, read the verdict."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browsing import (
    PICTURES,
    SLIDER,
    WITH_CHROMIUM,
    errors_of,
    first_panel,
    free_port,
    is_up,
    open_page,
    picture_of,
    run_all,
    verdict_of,
    wait_until,
)
from tinykit.budget import list_open
from tinykit.target.boards import boards

ROOT = Path(__file__).resolve().parents[1]
COURSE = ROOT / "notebooks"
ASKED = {"run current", "sleep current", "supply", "clock", "RAM"}

pytestmark = WITH_CHROMIUM


def server_environment(home: Path) -> dict[str, str]:
    """Settings of its own, nothing of the user's; every cell is in the page, whether or not it is in view."""
    settings = {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    for name, values in settings.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "TINYKIT_WORKSPACE": "workspace",
    }
    return {**os.environ, **{name: str(home / folder) for name, folder in folders.items()}}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab that serves a copy of the course, with room for a path before the `?`."""
    (tmp_path / "course").mkdir()
    for path in COURSE.glob("*.ipynb"):
        shutil.copy(path, tmp_path / "course")
    port, token = free_port(), secrets.token_hex(16)
    options = [f"--port={port}", f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0", "--no-browser"]
    options += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None", "--allow-root", "--ip=127.0.0.1"]
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, str(tmp_path / "course")],
            cwd=tmp_path,
            env=server_environment(tmp_path),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: is_up(f"http://127.0.0.1:{port}/api?token={token}"), "answer from JupyterLab")
            yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}&reset"
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture
def page() -> Iterator[Any]:
    with open_page() as page:
        yield page


def test_an_error_in_a_cell_is_found_on_the_page(lab: str, page: Any, tmp_path: Path):
    """Without this, finding none in the course would say nothing."""
    cells = [nbformat.v4.new_code_cell("print(1)"), nbformat.v4.new_code_cell("1 / 0")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "course" / "broken.ipynb")
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
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    code = (
        "import tinykit as tk\nfrom tinykit.show import DesignPanel\n"
        'panel = DesignPanel(tk.read(tk.model.resume("int8").path("int8")), period_s=60)\n'
        'panel.period_s.observe(lambda change: print("now", change["new"]), names="value")\npanel'
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata=kernel)
    nbformat.write(book, tmp_path / "course" / "kept.ipynb")
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
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata=kernel)
    nbformat.write(book, tmp_path / "course" / "own.ipynb")
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
