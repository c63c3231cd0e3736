"""The faces: plots, panels, the report and the command line."""

from tinykit.ground.doors import open_door
from tinykit.show.panels import OTHERS, PANELS

__getattr__, __dir__, __all__ = open_door(__name__, __file__, {**PANELS, **OTHERS})
