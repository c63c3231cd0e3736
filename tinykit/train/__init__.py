"""From data to a `.tflite`: data sets, networks, training, pruning, quantisation, conversion."""

from tinykit.ground.doors import open_door

__getattr__, __dir__, __all__ = open_door(__name__, __file__)
