"""Measured current traces: read in bounded memory, split into plateaus, held against a budget."""

from tinykit.budget.trace.compare import (
    TraceRow as TraceRow,
    calibrate_board as calibrate_board,
    compare_trace as compare_trace,
)
from tinykit.budget.trace.plateaus import Trace as Trace, read_trace as read_trace
