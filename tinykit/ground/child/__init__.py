"""One supervised process: isolated, bounded in time, memory and output, with last words, and gone with its parent."""

from tinykit.ground.child.isolation import find_program
from tinykit.ground.child.process import Bounds, Child, ChildError, Ended, WarmChild, run_program

__all__ = ["Bounds", "Child", "ChildError", "Ended", "WarmChild", "find_program", "run_program"]
