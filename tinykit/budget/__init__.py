"""What a design costs in use: memory, power, battery life, heat."""

from tinykit.ground.doors import open_door

__getattr__, __dir__, __all__ = open_door(__name__, __file__)
