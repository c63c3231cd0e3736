"""Models whose weights are sparse or clustered, made with the schema's own object API: no part of the kit's packing."""

from __future__ import annotations

import flatbuffers
import numpy as np

from tests.models import OPTIONS, Net, aligned, schema

WEIGHTED = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D,
            schema.BuiltinOperator.FULLY_CONNECTED)  # fmt: skip


def pack(tree) -> bytes:
    builder = flatbuffers.Builder(4096)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return aligned(bytes(builder.Output()))


def unpack(model: bytes):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))


def list_weights(tree) -> list:
    """The tensors of the main subgraph that are the weights of a convolution or a dense operator, by operator."""
    graph, codes = tree.subgraphs[0], tree.operatorCodes
    kinds = ((one, codes[one.opcodeIndex]) for one in graph.operators)
    weighted = (one for one, code in kinds if max(code.builtinCode, code.deprecatedBuiltinCode) in WEIGHTED)
    return [graph.tensors[one.inputs[1]] for one in weighted]


def thin_out(model: bytes, *, zeros: float = 0.0, values: int = 0, per_channel: bool = False, seed: int = 0) -> bytes:
    """The model with int8 weights drawn anew: a share of zeros, and few values (over a tensor or over each channel)."""
    rng, tree = np.random.default_rng(seed), unpack(model)
    for tensor in list_weights(tree):
        buffer = tree.buffers[tensor.buffer]
        data = np.asarray(buffer.data, np.uint8).view(np.int8).reshape(tensor.shape).copy()
        if values:
            channels = data.shape[tensor.quantization.quantizedDimension] if per_channel else 1
            palettes = rng.integers(-127, 128, (channels, values)).astype(np.int8)
            picked = palettes[np.arange(channels)[:, None], rng.integers(0, values, (channels, data.size // channels))]
            moved = np.moveaxis(data, tensor.quantization.quantizedDimension, 0).shape if per_channel else data.shape
            picked = picked.reshape(moved)
            data = np.moveaxis(picked, 0, tensor.quantization.quantizedDimension) if per_channel else picked
        buffer.data = np.where(rng.random(data.shape) < zeros, 0, data).astype(np.int8).view(np.uint8).ravel()
    return pack(tree)


def wide_cnn(seed: int = 0) -> bytes:
    """Convolution, depthwise and dense operators with kilobytes of weights each."""
    net = Net((1, 8, 8, 4), seed=seed)
    return net.conv(24).depthwise().conv(32, (1, 1)).pool("AVERAGE", (4, 4), (4, 4)).flatten().dense(20).to_bytes()


def shared_dense(seed: int = 0) -> bytes:
    """Two dense operators that read one weight tensor."""
    net = Net((1, 32), seed=seed)
    net.dense(32, "RELU")
    weights, bias = (int(index) for index in net.operators[-1].inputs[1:])
    out = net.tensor((1, 32), scale=net.scale * 1.1, zero_point=2)
    options = schema.FullyConnectedOptionsT(fusedActivationFunction=0)
    net.use("FULLY_CONNECTED", [net.last, weights, bias], [out], OPTIONS.FullyConnectedOptions, options, version=4)
    return net.to_bytes()
