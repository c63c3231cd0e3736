"""Multiply-accumulates of one operator, from the shapes of its tensors.

1 MAC = 2 ops. Counted are products with weights or between two activations, padding included, as
MLPerf Tiny and the vendors' tools count them; bias adds, requantisation and pooling are not MACs.
"""

from __future__ import annotations

import math

Shape = tuple[int, ...]


def count_macs(name: str, inputs: list[Shape], output: Shape) -> int:
    """MACs of one invocation.

    Returns 0 for an operator without products, or whose shapes do not have the rank they need.

    Parameters
    ----------
    name : operator, such as "CONV_2D".
    inputs : shapes of its inputs, () for one left out; weights as the schema lays them out.
    output : shape of its first output.
    """
    counter = _COUNTERS.get(name)
    if counter is None or len(inputs) < 2:
        return 0
    try:
        return counter(inputs, output)
    except IndexError:
        return 0


def _conv(inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) * math.prod(inputs[1][1:])


def _depthwise(inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) * inputs[1][1] * inputs[1][2]


def _fully_connected(inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) * inputs[1][1]


def _transpose_conv(inputs: list[Shape], output: Shape) -> int:
    return math.prod(inputs[2]) * math.prod(inputs[1][:3])


def _batch_matmul(inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) * inputs[0][-1]


def _svdf(inputs: list[Shape], output: Shape) -> int:
    features, time = inputs[1], inputs[2]
    return inputs[0][0] * (math.prod(features) + math.prod(time))


def _sequence_lstm(inputs: list[Shape], output: Shape) -> int:
    steps = math.prod(inputs[0][:-1])
    return steps * sum(math.prod(weights) for weights in inputs[1:9] if len(weights) == 2)


_COUNTERS = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transpose_conv,
    "BATCH_MATMUL": _batch_matmul,
    "SVDF": _svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _sequence_lstm,
}
