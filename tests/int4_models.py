"""Models whose weights are packed int4, and int8 models of the same values, made by the schema's own object API."""

from __future__ import annotations

import numpy as np

from tests.models import Net
from tests.packing_models import list_weights, pack, unpack

INT4, INT8 = 17, 9


def pack_nibbles(values: np.ndarray) -> np.ndarray:
    """Numbers -8…7, two a byte, the first in the low half."""
    flat = np.append(values.ravel(), [0] * (values.size % 2)).astype(np.int64) & 15
    return (flat[0::2] | flat[1::2] << 4).astype(np.uint8)


def with_levels(model: bytes, *, packed: bool, seed: int = 0, least: int = -7) -> bytes:
    """The model with weights drawn anew from `least`…7, packed as int4 or stored as int8."""
    rng, tree = np.random.default_rng(seed), unpack(model)
    for tensor in list_weights(tree):
        values = rng.integers(least, 8, tensor.shape)
        tensor.type = INT4 if packed else INT8
        tensor.quantization.scale = tensor.quantization.scale * np.float32(16)
        content = pack_nibbles(values) if packed else values.astype(np.int8).view(np.uint8).ravel()
        tree.buffers[tensor.buffer].data = content
    return pack(tree)


def plain_cnn(seed: int = 0) -> bytes:
    """Convolutions (one 1 × 1), depthwise (one not 3 × 3), and a dense operator of one scale and an odd count."""
    net = Net((1, 9, 7, 3), seed=seed)
    net.conv(24).depthwise().conv(31, (1, 1)).depthwise((5, 3), stride=(2, 2)).pool("AVERAGE", (2, 2), (2, 2)).flatten()
    return net.dense(11, per_channel=False).to_bytes()
