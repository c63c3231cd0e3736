"""Graph reading: any .tflite file, from anyone, as operators, tensors, MACs and quantisation."""

from tinykit.graph.lint import lint
from tinykit.graph.model import ModelGraph, Operator, Tensor
from tinykit.graph.reading import read

__all__ = ["ModelGraph", "Operator", "Tensor", "lint", "read"]
