"""Multiply-accumulates of one operator, from the shapes of its tensors.

1 MAC = 2 ops. Counted are products with weights or between two activations, padding included, as
MLPerf Tiny and the vendors' tools count them; bias adds, requantisation and pooling are not MACs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tinykit.model.operators.call import Shape

MacsRule = Callable[[Sequence[Shape], Shape], int]
"""Shapes of the inputs and of the first output -> MACs of one invocation."""


def _weights_at_outputs(inputs: Sequence[Shape], output: Shape) -> int:
    """Every weight multiplies once at each position of the output, however the weights are laid out."""
    return math.prod(output[:-1]) * math.prod(inputs[1])


def _weights_at_inputs(inputs: Sequence[Shape], output: Shape) -> int:
    return math.prod(inputs[2][:-1]) * math.prod(inputs[1])


def _matrices(inputs: Sequence[Shape], output: Shape) -> int:
    return math.prod(output) * math.prod(inputs[0][-1:])


def _filters(inputs: Sequence[Shape], output: Shape) -> int:
    return inputs[0][0] * (math.prod(inputs[1]) + math.prod(inputs[2]))


def _gates(inputs: Sequence[Shape], output: Shape) -> int:
    steps = math.prod(inputs[0][:-1])
    return steps * sum(math.prod(weights) for weights in inputs[1:9] if len(weights) == 2)


RULES: dict[str, MacsRule] = {
    "weights at outputs": _weights_at_outputs,
    "weights at inputs": _weights_at_inputs,
    "matrices": _matrices,
    "filters": _filters,
    "gates": _gates,
}
