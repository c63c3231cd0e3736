"""Panels of the notebooks: each reads its controls, calls one pure function, and draws again.

Every class of a module here whose name ends in `Panel` is one, such as `BoardRunPanel`; none is listed by hand.
"""

import re
from pathlib import Path

from tinykit.ground.doors import list_rooms, open_door

_HERE = Path(__file__).parent
PANELS = {
    name: f"{__name__}.{room}"
    for room in sorted(list_rooms(__file__))
    for name in re.findall(r"^class ([A-Za-z]\w*Panel)\b", (_HERE / f"{room}.py").read_text("utf-8"), re.MULTILINE)
}
"""Every panel, with its module."""
OTHERS = {"Panel": f"{__name__}.shell", "BoardForm": f"{__name__}.board_form"}

__getattr__, __dir__, __all__ = open_door(__name__, __file__, {**PANELS, **OTHERS})
