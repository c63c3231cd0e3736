"""Plots: `plot_x(result, *, ax=None) -> Axes`, each with its units, limits, intervals and basis.

`ax` is where to draw, None for a new figure.
"""

from tinykit.ground.doors import open_door

__getattr__, __dir__, __all__ = open_door(__name__, __file__)
