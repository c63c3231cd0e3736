"""`python -m tests.bench.picture`: the README's picture, a panel as JupyterLab shows it, into docs/panel.png.

What the panel says of itself is kept in the file; `tests/test_readme.py` holds it to what the panel says today.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.browsing import PANEL, ROOT, first_panel, open_lab, open_page, run_all, write_notebook

PICTURE = ROOT / "docs" / "panel.png"
MOST_BYTES = 60_000
SAID = "said"
MADE = """import tinykit as tk
from tinykit.show import DesignPanel
panel = DesignPanel(tk.read(tk.model.resume("int8").path("int8")), battery="cr2032", period_s=60)"""


def say() -> str:
    """What the panel of the picture says of itself in one line."""
    room: dict[str, object] = {}
    exec(MADE, room)
    return repr(room["panel"])


def shoot() -> bytes:
    """The panel in a window of its width, as a PNG."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "course").mkdir()
        write_notebook(home / "course" / "panel.ipynb", MADE, "panel")
        with open_lab(home, home / "course") as lab, open_page() as page:
            page.set_viewport_size({"width": 1050, "height": 1400})
            run_all(page, lab.format("panel.ipynb"))
            page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
            first_panel(page)
            page.wait_for_timeout(1500)
            return bytes(page.locator(PANEL).first.screenshot())


def main() -> int:
    """Draw it, in as many colours as the room allows."""
    picture, said = Image.open(io.BytesIO(shoot())).convert("RGB"), PngInfo()
    said.add_text(SAID, say())
    for colours in (256, 128, 64, 32):
        picture.quantize(colours, dither=Image.Dither.NONE).save(PICTURE, optimize=True, pnginfo=said)
        if PICTURE.stat().st_size <= MOST_BYTES:
            break
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes, {picture.width} × {picture.height}, {colours} colours")
    return 0


if __name__ == "__main__":
    sys.exit(main())
