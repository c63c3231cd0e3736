"""Graph reading: any .tflite file, from anyone, as operators, tensors, MACs and quantisation."""

from tinykit.model.graph.folding import find_stray_operators
from tinykit.model.graph.metadata import write_metadata, write_offline_offsets
from tinykit.model.graph.model import Kernel, ModelGraph, Operator, Precision, Tensor, list_kernels
from tinykit.model.graph.reading import as_graph, read

__all__ = [
    "Kernel", "ModelGraph", "Operator", "Precision", "Tensor", "as_graph", "find_stray_operators", "list_kernels",
    "read", "write_metadata", "write_offline_offsets",
]  # fmt: skip
