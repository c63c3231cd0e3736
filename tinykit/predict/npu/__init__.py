"""Arm Ethos-U through Arm's own compiler, Vela, in a child process: cycles, memory, and what stays on the CPU."""

from tinykit.predict.npu.compiling import (
    ACCELERATORS,
    MEMORY_MODES,
    SYSTEM_CONFIGS,
    accelerators_of,
    compile_for_npu,
    system_config_for,
)
from tinykit.predict.npu.report import NpuLayer, NpuOperator, NpuReport

__all__ = [
    "ACCELERATORS", "MEMORY_MODES", "SYSTEM_CONFIGS", "NpuLayer", "NpuOperator", "NpuReport", "accelerators_of",
    "compile_for_npu", "system_config_for",
]  # fmt: skip
