"""The virtual board: a model compiled for a Cortex-M, run inside the board's own memory map, counted and checked."""

from tinykit.handover.virtual_board.compilers import CORES
from tinykit.handover.virtual_board.planning import Limits
from tinykit.handover.virtual_board.result import (
    BoardRun,
    Classes,
    CoreCount,
    Fault,
    Hashes,
    OperatorRun,
    Sizes,
    TflmCount,
)
from tinykit.handover.virtual_board.running import count, run, sample_codes

__all__ = [
    "CORES", "BoardRun", "Classes", "CoreCount", "Fault", "Hashes", "Limits", "OperatorRun", "Sizes", "TflmCount",
    "count", "run", "sample_codes",
]  # fmt: skip
