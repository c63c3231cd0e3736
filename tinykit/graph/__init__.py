"""Graph reading: any .tflite file, from anyone, as operators, tensors, MACs and quantisation."""

from tinykit.graph.folding import find_stray_operators
from tinykit.graph.kernels import Kernel, list_kernels
from tinykit.graph.lint import lint
from tinykit.graph.metadata import write_metadata, write_offline_offsets
from tinykit.graph.model import ModelGraph, Operator, Tensor
from tinykit.graph.reading import read

__all__ = [
    "Kernel",
    "ModelGraph",
    "Operator",
    "Tensor",
    "find_stray_operators",
    "lint",
    "list_kernels",
    "read",
    "write_metadata",
    "write_offline_offsets",
]
