"""tinykit: from a network to a board its designer can defend.

`import tinykit as tk` is quick: each name and each wing is loaded the first time it is used.
"""

from tinykit.ground.doors import open_door

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = open_door(__name__, __file__)
