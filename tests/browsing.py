"""What tests of a page share: Chromium, its waits, and how a panel is read in it."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
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
SLIDER = ".tinykit-slider input[type=range]"
BYTES_OF_IMAGE = "async image => Array.from(new Uint8Array(await (await fetch(image.src)).arrayBuffer()))"
KERNEL_IS_READY = """() => {
  const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  return Boolean(context?.isReady && context.session?.kernel?.status === "idle");
}"""
RUN_ALL = """() => {
  window.jupyterapp.commands.execute("notebook:run-all-cells").then(() => { window.allCellsRan = true; });
}"""

WITH_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")


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


@contextmanager
def open_page() -> Iterator[Any]:
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
    panel = page.locator(".jp-OutputArea-output", has=page.locator(SLIDER)).first
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


@contextmanager
def serve(site: Path) -> Iterator[str]:
    """The address of a folder that is served."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, cwd=site, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: is_up(f"http://127.0.0.1:{port}/"), "answer from the page")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
