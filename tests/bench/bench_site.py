"""The page of `make site` in headless Chromium: from the link to the first slider, and from a key to a new picture."""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.browsing import SLIDER, first_panel, open_page, picture_of, run_all, serve
from tools.site.__main__ import main

TITLE = "The course in a browser: page built, served, first slider after the link (under 20 s), key to picture"
OPENED = ("00_start_here", "studio")
KEYS = ("ArrowRight", "ArrowLeft") * 5


def press(panel: Any) -> float:
    """Median seconds from a key on the first slider to the bytes of a new picture."""
    handle, times = panel.locator(SLIDER).first, []
    for key in KEYS:
        handle.focus()
        before, start = picture_of(panel), time.perf_counter()
        handle.press(key)
        while picture_of(panel) == before:
            pass
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def table() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder, open_page() as page:
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            main(["--out", f"{folder}/site"])
        built = time.perf_counter() - start
        size = sum(path.stat().st_size for path in Path(folder, "site").rglob("*") if path.is_file())
        with serve(Path(folder, "site")) as address:
            return [{"page [MB]": size / 1e6, "build [s]": built}, *(open_one(page, address, one) for one in OPENED)]


def open_one(page: Any, address: str, stem: str) -> dict[str, Any]:
    """A notebook from its link to its first slider, and a key on that slider."""
    start = time.perf_counter()
    run_all(page, f"{address}/lab/index.html?path={stem}.ipynb&reset")
    panel = first_panel(page)
    shown = time.perf_counter() - start
    return {"notebook": stem, "link to slider [s]": shown, "key to picture [ms]": 1e3 * press(panel)}
