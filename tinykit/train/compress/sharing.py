"""Weights that share a value, or are zero, held so while training goes on: one rule for clustering and for QAT.

After each optimiser step the weights of a group take the mean of what became of them, and held zeros are zero again.
The gradient of a group is then the sum over its members (Han, Mao and Dally 2016, arXiv:1510.00149, section 3.2),
whatever the optimiser. No wrapper, so nothing to strip, and the same rule on the kernels inside a QAT model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.train.keras import load_keras, load_tensorflow

Floats = NDArray[np.float32]
_SHARED = 0.75  # a kernel is clustered if its non-zero weights have at most this share of distinct values
_MOST = 128  # and no channel more than these: a table of 7 bits, the largest of TFLM's


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What is held in one kernel: the group of each weight, and a mask that is 0 where one stays zero, else 1.

    None where values are not shared, and where zeros are not held.
    """

    groups: NDArray[np.int32] | None
    mask: Floats | None


def find_kernel(layer: Any) -> Any:
    """The variable behind a layer's kernel; inside a QAT wrapper `kernel` is what became of it in the last call."""
    return next(weight for weight in layer.weights if weight.name.endswith("kernel:0"))


def is_per_channel(layer: Any) -> bool:
    """Whether the int8 kernel of this layer has a scale for each output channel after QAT: convolutions have."""
    return str(type(layer).__name__).startswith("Conv")


def split_channels(kernel: Floats, per_channel: bool) -> list[Floats]:
    """Flat weights of each output channel (last axis), or of the whole kernel."""
    return list(kernel.reshape(-1, kernel.shape[-1]).T) if per_channel else [kernel.reshape(-1)]


def join_channels(parts: list[NDArray[Any]], kernel: Floats, per_channel: bool) -> NDArray[Any]:
    """The reverse of `split_channels`, in the shape of the kernel."""
    return (np.stack(parts, axis=-1) if per_channel else parts[0]).reshape(kernel.shape)


def find_groups(kernel: Floats, per_channel: bool, *, any_shared: bool = False) -> NDArray[np.int32] | None:
    """The group of each weight, one for each distinct value of a channel; None if the kernel is not clustered.

    With `any_shared` two equal non-zero weights are enough: a small sparse kernel may have hardly more than its
    clusters. By itself that proves nothing, for in a large kernel some weights are equal by chance.
    """
    groups, start, nonzero, distinct = [], 0, 0, 0
    for part in split_channels(kernel, per_channel):
        values, places = np.unique(part, return_inverse=True)
        if len(values) > _MOST:
            return None
        groups.append((places + start).astype(np.int32))
        start += len(values)
        nonzero += int(np.count_nonzero(part))
        distinct += int(np.count_nonzero(values))
    most = nonzero - 1 if any_shared else _SHARED * nonzero
    return None if distinct > most else join_channels(groups, kernel, per_channel)


def make_holder(kernels: Mapping[str, Any], held: Mapping[str, Held]) -> Any:
    """A Keras callback that holds kernels {layer: variable} after each step as {layer: what to hold} says."""
    tensorflow = load_tensorflow()

    def tensor(array: NDArray[Any] | None) -> Any:
        return None if array is None else tensorflow.constant(array)

    plan = [(kernels[name], one.groups, tensor(one.groups), tensor(one.mask)) for name, one in held.items()]

    @tensorflow.function  # type: ignore[untyped-decorator]
    def hold() -> None:
        for kernel, numbers, groups, mask in plan:
            values = kernel if mask is None else kernel * mask
            if numbers is not None:
                count = int(numbers.max()) + 1
                flat = tensorflow.reshape(values, [-1])
                means = tensorflow.math.unsorted_segment_mean(flat, tensorflow.reshape(groups, [-1]), count)
                values = tensorflow.gather(means, groups)
            kernel.assign(values)

    return load_keras().callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: hold())
