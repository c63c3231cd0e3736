"""Panels of the notebooks: each reads its controls, calls one pure function, and draws again.

`BoardRunPanel` stands in `board_run.py`, and so on: a panel is found by the name of its module.
"""

from __future__ import annotations

from tinykit.ground.doors import list_rooms, open_door

PANELS = {
    "".join(word.title() for word in room.split("_")) + "Panel": f"{__name__}.{room}"
    for room in sorted(list_rooms(__file__) - {"shell"})
}
"""Every panel, with its module."""

__getattr__, __dir__, __all__ = open_door(__name__, __file__, PANELS)
