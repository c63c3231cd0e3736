"""How much a channel matters: the norm of the weights that make it, with the scale of its normalisation folded in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ParameterError
from tinykit.train.compress.channels.tracing import DEPTHWISE, PRODUCERS, ChannelMap
from tinykit.train.compress.channels.wiring import Wire

Reals = NDArray[np.float64]
NORMS: Mapping[str, int] = {"l1": 1, "l2": 2}


def rate_channels(wires: tuple[Wire, ...], channels: ChannelMap, norm: str = "l1") -> Reals:
    """Importance of each class of channels, float64 [classes]; 0 is dead, 1 the average of its layer.

    For each layer that makes or filters the channel (convolution, dense, depthwise), ‖w_c‖ · |g_c| with the scale
    g = gamma / sqrt(variance + epsilon) of the normalisation right behind it, over the mean of that layer; the
    mean of these where several layers meet in a class, as in a residual sum. The norm of a filter as its importance:
    Li et al. 2017, arXiv:1608.08710.

    Raises
    ------
    ParameterError : the norm is neither "l1" nor "l2".
    """
    if norm not in NORMS:
        raise ParameterError(f"importance {norm!r} is unknown; allowed: {', '.join(NORMS)}")
    total, count = np.zeros(len(channels.held)), np.zeros(len(channels.held))
    for wire in wires:
        if wire.kind not in (*PRODUCERS, *DEPTHWISE) or wire.name in channels.left_whole:
            continue
        rated = _rate_outputs(wire, NORMS[norm]) * _fold_scale(wires, wire)
        mean = rated.mean()
        np.add.at(total, channels.outputs[wire.name], rated / mean if mean > 0 else rated)
        np.add.at(count, channels.outputs[wire.name], 1)
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0)


def _rate_outputs(wire: Wire, order: int) -> Reals:
    """Norm of the weights behind each output channel of a layer."""
    layer = wire.layer
    if wire.kind in DEPTHWISE:
        kernel = np.asarray(layer.depthwise_kernel)
        rows = kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1])
    else:
        kernel = np.asarray(layer.pointwise_kernel if wire.kind.startswith("Separable") else layer.kernel)
        kernel = np.swapaxes(kernel, -1, -2) if wire.kind.endswith("Transpose") else kernel
        rows = kernel.reshape(-1, kernel.shape[-1])
    return np.asarray(np.linalg.norm(rows.astype(np.float64), order, axis=0))


def _fold_scale(wires: tuple[Wire, ...], producer: Wire) -> Any:
    """|gamma / sqrt(variance + epsilon)| of the normalisation that is all that follows, else 1."""
    after = [wire for wire in wires if producer.name in wire.sources]
    if len(after) != 1 or after[0].kind != "BatchNormalization":
        return 1.0
    norm = after[0].layer
    variance = np.asarray(norm.moving_variance, dtype=np.float64)
    gamma = np.asarray(norm.gamma, dtype=np.float64) if norm.scale else np.ones_like(variance)
    return np.abs(gamma) / np.sqrt(variance + norm.epsilon)
