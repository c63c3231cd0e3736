"""What everything stands on: errors, quantities with their doubt, and facts with their source."""

from tinykit.ground.doors import open_door

__getattr__, __dir__, __all__ = open_door(__name__, __file__)
