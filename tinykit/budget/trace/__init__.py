"""Measured current traces: read in bounded memory, split into plateaus, held against a budget."""

from __future__ import annotations

from tinykit.budget.trace.compare import TraceRow, calibrate_board, compare_trace
from tinykit.budget.trace.layout import FORMATS, TraceLayout
from tinykit.budget.trace.plateaus import Trace, read_trace
from tinykit.budget.trace.reading import find_layout, read_chunks
from tinykit.budget.trace.rehearsing import rehearse_trace

__all__ = [
    "FORMATS",
    "Trace",
    "TraceLayout",
    "TraceRow",
    "calibrate_board",
    "compare_trace",
    "find_layout",
    "read_chunks",
    "read_trace",
    "rehearse_trace",
]
