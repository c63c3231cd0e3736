"""What a network needs and takes: arena, flash, latency, energy, each with its evidence."""

from tinykit.ground.doors import open_door

__getattr__, __dir__, __all__ = open_door(__name__, __file__)
