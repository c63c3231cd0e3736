"""The list of fonts that Matplotlib would make at its first picture, made beforehand from the wheel itself.

Pyodide's Matplotlib looks for it among its own modules. Paths in it are relative
to Matplotlib's own data, so it holds wherever the wheel is unpacked.
"""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from pathlib import Path

from matplotlib import font_manager, ft2font


def list_fonts(wheel: Path) -> str:
    """The text of the list for the Matplotlib in a wheel."""
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        source = archive.read("matplotlib/font_manager.py").decode()
        version = re.findall(r"__version__ = (\d+)", source)[0]
        archive.extractall(folder, [one for one in archive.namelist() if one.startswith("matplotlib/mpl-data/fonts/")])
        data = Path(folder) / "matplotlib" / "mpl-data"
        content = {
            "_version": int(version), "_FontManager__default_weight": "normal", "default_size": None,
            "defaultFamily": {"ttf": "DejaVu Sans", "afm": "Helvetica"},
            "afmlist": [],  # of PostScript alone
            "ttflist": [_entry(path, data) for path in sorted(data.rglob("*.ttf"))],
            "__class__": "FontManager",
        }  # fmt: skip
    return json.dumps(content)


def _entry(path: Path, data: Path) -> dict[str, object]:
    entry = font_manager.ttfFontProperty(ft2font.FT2Font(str(path)))
    kept = {name: getattr(entry, name) for name in ("name", "style", "variant", "weight", "stretch", "size")}
    return {"fname": path.relative_to(data).as_posix(), **kept, "__class__": "FontEntry"}
