"""The kernels of a model: the constants that its operators multiply with, listed and counted."""

from dataclasses import dataclass, field

import numpy as np

from tinykit.ground.results import Result
from tinykit.model.graph.reading import GraphOrFile, as_graph
from tinykit.model.operators.table import row_of


@dataclass(frozen=True, slots=True, eq=False)
class Kernel(Result):
    """The kernel of one operator.

    Parameters
    ----------
    name : operator and its index, such as "CONV_2D 4".
    values : as in the file, float or integer, read-only; of a convolution [out, height, width, in].
    axis : of the output channels, which scales are given along.
    scales : one for the tensor or one a channel; empty for a float kernel.
    """

    name: str
    values: np.ndarray = field(repr=False)
    axis: int
    scales: tuple[float, ...] = field(repr=False)

    @property
    def zeros(self) -> int:
        """Weights that are exactly zero (the zero point of a kernel is 0)."""
        return int(np.count_nonzero(self.values == 0))

    @property
    def sparsity(self) -> float:
        """Share of zeros, 0–1."""
        return self.zeros / self.values.size if self.values.size else 0.0

    def __str__(self) -> str:
        count = len(self.scales)
        scales = ", one scale" if count == 1 else f", {count} scales" if count else ""
        return f"{self.name}: {self.values.size:,} {self.values.dtype} weights, {self.sparsity:.1%} zeros{scales}"


def list_kernels(graph: GraphOrFile) -> tuple[Kernel, ...]:
    """The kernels of a model in execution order, one that several operators share once."""
    graph, found = as_graph(graph), dict[int, Kernel]()
    for operator in graph.operators:
        for index in operator.inputs[1:2]:
            if operator.macs and index >= 0 and index not in found and graph.tensors[index].is_constant:
                tensor = graph.tensors[index]
                weights, axis = row_of(operator.name).weights, tensor.quantised_dimension
                if weights and weights.last and not tensor.scales:
                    axis = len(tensor.shape) - 1
                found[index] = Kernel(f"{operator.name} {operator.index}", graph.constant(index), axis, tensor.scales)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class WeightCount(Result):
    """The weights of a model's kernels (constant tensors of the operators that multiply), counted in the file itself.

    Parameters
    ----------
    parameters, non_zero : weights in all, and those that are not 0.
    distinct : most different values among weights that share one scale: 16 where 16 clusters survived.
    """

    parameters: int
    non_zero: int
    distinct: int


def count_weights(graph: GraphOrFile) -> WeightCount:
    """Weights, non-zeros and distinct values of a model's kernels."""
    kernels = list_kernels(graph)
    distinct = 0
    for kernel in kernels:
        channels = np.moveaxis(kernel.values, kernel.axis, 0) if len(kernel.scales) > 1 else [kernel.values]
        distinct = max(distinct, *(len(np.unique(channel)) for channel in channels))
    total = sum(kernel.values.size for kernel in kernels)
    return WeightCount(total, total - sum(kernel.zeros for kernel in kernels), distinct)
