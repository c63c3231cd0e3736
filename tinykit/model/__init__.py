"""The network: read from any `.tflite`, as operators, tensors and findings; and the record of how it was made."""

from tinykit.ground.doors import open_door

__getattr__, __dir__, __all__ = open_door(__name__, __file__)
