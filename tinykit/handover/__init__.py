"""What firmware compiles: generated C, projects, and the virtual board that runs them."""

from tinykit.ground.doors import open_door

__getattr__, __dir__, __all__ = open_door(__name__, __file__)
