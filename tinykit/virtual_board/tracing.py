"""Where a program first departs from TFLM."""
from __future__ import annotations
def find_difference(graph): return None
