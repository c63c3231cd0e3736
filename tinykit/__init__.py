"""tinykit: from a network to a board its designer can defend.

`import tinykit as tk` is quick: each name below is loaded from its room the first time it is used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_ROOMS_OF_NAMES = {
    "Estimate": "quantity",
    "Fact": "quantity",
    "read": "graph",
    "board": "boards",
    "boards": "boards",
    "read_board": "boards",
    "check_fit": "fit",
    "check_fit_all": "fit",
    "predict_arena": "arena",
    "predict_latency": "latency",
    "predict_energy": "energy",
}
