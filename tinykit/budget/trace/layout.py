"""How a trace file is laid out, whatever wrote it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.results import Result

FORMATS = ("ppk2", "otii", "joulescope", "jls", "plain")
"""Nordic PPK2, Qoitech Otii, Joulescope as CSV and binary, any CSV whose header names time and current with units."""

SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
AMPERES = {"a": 1.0, "ma": 1e-3, "ua": 1e-6, "µa": 1e-6, "μa": 1e-6, "na": 1e-9}

Chunk = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class TraceLayout(Result):
    """How a trace file is laid out.

    Parameters
    ----------
    kind : one of `FORMATS`.
    delimiter : of the columns.
    header_lines : before the first numbers.
    columns : in a row.
    time_at, current_at : which of them; of a JLS, the signal that is the current.
    to_seconds, to_amperes : factors from the file's units; of a JLS, the step between samples [s].
    decimal : mark of the fractions, "," where a spreadsheet wrote it so.
    """

    kind: str
    delimiter: str
    header_lines: int
    columns: int
    time_at: int
    current_at: int
    to_seconds: float
    to_amperes: float
    decimal: str = "."
