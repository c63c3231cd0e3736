"""Which variant of a network to take, and the whole way from data to a report's figures."""

from tinykit.ground.doors import open_door

__getattr__, __dir__, __all__ = open_door(__name__, __file__)
