"""`python -m tests.bench.screens [PANEL ...]`: every panel at its start and at both ends of each control, as pictures.

In JupyterLab, in the light and the dark theme, in a window of 760 px and at 200 %: one sheet each in build/screens.
What does not fit its window is printed, and is the exit status.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.browsing import PANEL, ROOT, cut_in, open_lab, open_page, run_all, write_notebook
from tests.panels import NAMES, make_panel, places_of

OUT = ROOT / "build" / "screens"
MADE = """import sys
sys.path.insert(0, {root!r})
import tinykit as tk
from tests.panels import GRAPH, make_panel
graph = tk.read(tk.model.resume("int8").path("int8"))
panels = {{}}"""
FLOAT = ("GridPanel", "SparsityPanel", "BoardRunPanel")
WINDOWS = {"light": (1500, 1000), "dark": (1500, 1000), "760px": (760, 1000), "200%": (750, 500)}
"""What is left of 1500 × 1000 at 200 % is half of each."""
EXECUTE = """code => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
  .requestExecute({ code }).done.then(reply => reply.content.status)"""
SHOWN_PX = 620


def list_states(name: str) -> Iterator[tuple[str, str]]:
    """Names of states, and the code that brings a panel there: its start, then ends and middle of each control."""
    panel = make_panel(name)
    yield "start", "pass"
    for control, widget in panel._controls.items():
        places = places_of(widget, 99)
        chosen = places if len(places) < 4 else [places[0], places[len(places) // 2], places[-1]]
        if hasattr(widget, "stops"):
            chosen = [widget.min, widget.max]
        for value in chosen:
            setting = f"panel._controls[{control!r}].value = {value!r}"
            yield f"{control} = {str(value)[:40]}", f"kept = panel.read_controls(); {setting}"


def shoot(page: Any, panel: Any) -> Image.Image:
    page.wait_for_timeout(150)
    panel.scroll_into_view_if_needed()
    return Image.open(io.BytesIO(panel.screenshot())).convert("RGB")


def lay_out(name: str, window: str, shots: list[tuple[str, Image.Image]]) -> None:
    """All states of a panel on one sheet, each with its name above it."""
    small = [(text, one.resize((SHOWN_PX, round(one.height * SHOWN_PX / one.width)))) for text, one in shots]
    columns, tallest = 3, max(one.height for _, one in small) + 22
    sheet = Image.new("RGB", (columns * (SHOWN_PX + 10), -(-len(small) // columns) * tallest), "#888888")
    for place, (text, one) in enumerate(small):
        left, top = place % columns * (SHOWN_PX + 10), place // columns * tallest
        ImageDraw.Draw(sheet).text((left + 4, top + 4), text, fill="white")
        sheet.paste(one, (left, top + 20))
    sheet.save(OUT / f"{name}_{window.removesuffix('%')}.png")


def set_window(page: Any, window: str) -> None:
    width, height = WINDOWS[window]
    theme = "JupyterLab Dark" if window == "dark" else "JupyterLab Light"
    page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{ theme: '{theme}' }})")
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(1500)


def main(wanted: list[str]) -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder, open_page() as page:
        home = Path(folder)
        (home / "course").mkdir()
        cells = [
            f"panels[{name!r}] = make_panel({name!r}, graph={'GRAPH' if name in FLOAT else 'graph'})\npanels[{name!r}]"
            for name in wanted
        ]
        write_notebook(home / "course" / "panels.ipynb", MADE.format(root=str(ROOT)), *cells)
        with open_lab(home, home / "course") as address:
            run_all(page, address.format("panels.ipynb"))
            page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
            for window in WINDOWS:
                set_window(page, window)
                for place, name in enumerate(wanted):
                    panel, shots = page.locator(PANEL).nth(place), []
                    for text, code in list_states(name):
                        page.evaluate(EXECUTE, f"panel = panels[{name!r}]; {code}")
                        shots.append((text, shoot(page, panel)))
                        if cut := cut_in(panel):
                            found.append(f"{name}, {window}, {text}: {cut[:3]}")
                        undo = "[setattr(panel._controls[one], 'value', kept[one]) for one in [*kept] * 2]"
                        page.evaluate(EXECUTE, "pass" if text == "start" else undo)
                    lay_out(name, window, shots)
    print("\n".join(found) or f"nothing is cut; sheets in {OUT.relative_to(ROOT)}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or NAMES))
