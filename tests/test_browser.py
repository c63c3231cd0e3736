"""A person's path through JupyterLab: open the first notebook, run it, move a slider, read the verdict."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tinykit.budget import list_open
from tinykit.target.boards import boards

ROOT = Path(__file__).resolve().parents[1]
COURSE = ROOT / "notebooks"
PICTURES = ROOT / "build" / "browser"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ASKED = {"run current", "sleep current", "supply", "clock", "RAM"}
BYTES_OF_IMAGE = "async image => Array.from(new Uint8Array(await (await fetch(image.src)).arrayBuffer()))"
KERNEL_IS_READY = """() => {
  const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  return Boolean(context?.isReady && context.session?.kernel?.status === "idle");
}"""
RUN_ALL = """() => {
  window.jupyterapp.commands.execute("notebook:run-all-cells").then(() => { window.allCellsRan = true; });
}"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"after {timeout_s:.0f} s still no {what}"
        time.sleep(0.2)


def is_up(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url, timeout=2).status == 200)
    except (urllib.error.URLError, OSError):
        return False


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
    """A page of headless Chromium that fails the test on any error in its scripts."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "last.png", timeout=10_000)
        browser.close()
    assert problems == []


def run_all(page: Any, url: str) -> None:
    """Run every cell and wait for the last. A command given before the kernel is connected would be lost."""
    page.goto(url)
    page.wait_for_function(KERNEL_IS_READY)
    page.evaluate(RUN_ALL)
    page.wait_for_function("window.allCellsRan === true", timeout=120_000)


def first_panel(page: Any) -> Any:
    """The first output that holds a slider."""
    panel = page.locator(".jp-OutputArea-output", has=page.locator(".noUi-handle")).first
    panel.locator("img.widget-image").first.wait_for()
    panel.scroll_into_view_if_needed()
    return panel


def verdict_of(panel: Any) -> str:
    return "\n".join(panel.locator(".jupyter-widgets.widget-html").all_inner_texts())


def picture_of(panel: Any) -> str:
    return hashlib.sha256(bytes(panel.locator("img.widget-image").first.evaluate(BYTES_OF_IMAGE))).hexdigest()


def errors_of(page: Any) -> list[str]:
    """What stands in outputs as an error or a warning: JupyterLab draws a traceback as it draws stderr."""
    return list(page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts())


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
    handle = panel.locator(".noUi-handle").first
    position = handle.get_attribute("aria-valuenow")
    handle.focus()
    for key in ("PageUp", "PageUp", "ArrowRight", "ArrowRight"):
        handle.press(key)
    if handle.get_attribute("aria-valuenow") == position:
        handle.press("Home")
    wait_until(lambda: verdict_of(panel) != verdict, "change of the verdict")
    wait_until(lambda: picture_of(panel) != picture, "change of the plot")
    page.screenshot(path=PICTURES / "moved.png")
    assert verdict.strip()
    assert handle.get_attribute("aria-valuenow") != position


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
