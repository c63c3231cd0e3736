"""Latency of int8 models on microcontroller CPUs, with the runtime's name and an 80 % interval.

Instructions per operator from an analytic model of each kernel, fitted to exact counts; cycles per
instruction from published measurements, pooled so that thin groups borrow from rich ones.
"""

from __future__ import annotations

from tinykit.predict.latency.instructions import InstructionReport, OperatorInstructions, predict_instructions
from tinykit.predict.latency.prediction import (
    RUNTIMES,
    Asked,
    default_runtime,
    known_runtimes,
    model_latency,
    predict_latency,
)  # fmt: skip
from tinykit.predict.latency.shapes import OperatorShape, from_graph, from_rows

__all__ = [
    "RUNTIMES",
    "Asked",
    "InstructionReport",
    "OperatorInstructions",
    "OperatorShape",
    "default_runtime",
    "from_graph",
    "from_rows",
    "known_runtimes",
    "model_latency",
    "predict_instructions",
    "predict_latency",
]
