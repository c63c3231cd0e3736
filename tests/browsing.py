"""What tests of a page share: Chromium, its waits, and how a panel is read in it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
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

AXE = "axe-core@4.14.1"
AXE_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
"""As the registry has it, under `dist.integrity`."""
RUN_AXE = """async inside => (await axe.run({ include: [inside] }, { resultTypes: ["violations"] })).violations
  .filter(one => ["critical", "serious"].includes(one.impact))
  .map(one => `${one.id} (${one.impact}): ${one.nodes.map(node => node.html).join(" | ")}`.slice(0, 600))"""
PANEL = ".tinykit-panel"
CUT = """panel => {
  const room = panel.closest(".jp-OutputArea-output").getBoundingClientRect();
  return [...panel.querySelectorAll("*")].filter(one => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && !one.closest("option") && (box.right > room.right + 1 || box.left < room.left - 1);
  }).map(one => `${one.tagName}.${one.className}`.slice(0, 80));
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
    return {**os.environ, **{name: str(home / folder) for name, folder in folders.items()}, "TINYKIT_GUESS": ""}


@contextmanager
def open_lab(home: Path, folder: Path) -> Iterator[str]:
    """The address of a JupyterLab that serves a folder, with room for a path before the `?`; it leaves its log."""
    command = [sys.executable, "-m", "jupyterlab", "--LabApp.news_url=None", "--allow-root", str(folder)]
    with start_lab(lambda options: [*command, *options], home, server_environment(home)) as address:
        yield address


@contextmanager
def start_lab(
    command: Callable[[list[str]], list[str]], home: Path, environment: dict[str, str], cwd: Path | None = None
) -> Iterator[str]:
    """The address of a JupyterLab that a command starts, made of JupyterLab's options; nothing of it is left."""
    port, token = free_port(), secrets.token_hex(16)
    options = [f"--port={port}", f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0", "--no-browser"]
    options += ["--LabApp.expose_app_in_browser=True", "--ip=127.0.0.1"]
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command(options),
            cwd=cwd or home,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until(lambda: is_up(f"http://127.0.0.1:{port}/api?token={token}"), "answer from JupyterLab")
            yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}&reset"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def write_notebook(path: Path, *cells: str, kernel: tuple[str, str] = ("python3", "Python 3")) -> None:
    """A notebook of these cells of code, not run yet, for a kernel by its name and how it is shown."""
    named = {"kernelspec": {"name": kernel[0], "display_name": kernel[1], "language": "python"}}
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=named)
    nbformat.write(book, path)


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


def fetch_axe(folder: Path = ROOT / "build" / "npm") -> str:
    """The script of axe-core, fetched once, by its hash; skips where npm is not there."""
    script = folder / f"{AXE.replace('@', '-')}.min.js"
    if not script.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed (apt-get install npm)")
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([npm, "pack", "--silent", AXE], cwd=folder, check=True, timeout=300, capture_output=True)
        (archive,) = folder.glob("axe-core-*.tgz")
        packed = archive.read_bytes()
        archive.unlink()
        assert base64.b64encode(hashlib.sha512(packed).digest()).decode() == AXE_SHA512, f"{AXE}: other bytes"
        with tarfile.open(fileobj=io.BytesIO(packed)) as unpacked:
            held = unpacked.extractfile("package/axe.min.js")
            assert held is not None
            script.write_bytes(held.read())
    return script.read_text("utf-8")


def barriers_of(page: Any, inside: str = PANEL) -> list[str]:
    """What axe-core finds critical or serious in a part of the page."""
    page.evaluate(fetch_axe())
    return list(page.evaluate(RUN_AXE, inside))


def cut_in(panel: Any) -> list[str]:
    """What of a panel lies outside the output it stands in."""
    return list(panel.evaluate(CUT))


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
