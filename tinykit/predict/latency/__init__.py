"""Latency of int8 models on microcontroller CPUs, with the runtime's name and an 80 % interval.

Instructions per operator from an analytic model of each kernel, fitted to exact counts; cycles per
instruction from published measurements, pooled so that thin groups borrow from rich ones.
"""

from tinykit.predict.latency.effects import RUNTIMES
from tinykit.predict.latency.instructions import InstructionReport, OperatorInstructions, predict_instructions
from tinykit.predict.latency.prediction import known_runtimes, predict_latency
from tinykit.predict.latency.shapes import OperatorShape, from_graph, from_rows

__all__ = [
    "RUNTIMES", "InstructionReport", "OperatorInstructions", "OperatorShape", "from_graph", "from_rows",
    "known_runtimes", "predict_instructions", "predict_latency",
]  # fmt: skip
