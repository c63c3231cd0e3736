"""Models on which interpreters differ, that keep state, or take and give other types; made as `tests.models` does."""

from __future__ import annotations

import numpy as np

from tests.models import OPERATOR, OPTIONS, TYPES, Net, schema
from tests.packing_models import pack as to_model, unpack as to_tree


def wrong_tanh(seed: int = 0) -> bytes:
    """A TANH whose output has another scale than the int8 specification's 1/128, which TFLM does not look at."""
    net = Net((1, 12), seed=seed).dense(8)
    return net.use("TANH", [net.last], [net.tensor(net.shape, scale=1 / 60)]).dense(4).to_bytes()


def wide_sum() -> bytes:
    """A SUM over 6 × 6 values whose output has another scale than its input, and a layer behind it."""
    net = Net((1, 6, 6, 4), scale=1 / 64, zero_point=-3)
    axes = net.tensor((2,), dtype="int32", data=np.array([1, 2], np.int32))
    net.tensors[axes].quantization = None
    out = net.tensor((1, 4), scale=1 / 6, zero_point=5)
    options = schema.ReducerOptionsT(keepDims=False)
    return net.use("SUM", [net.last, axes], [out], OPTIONS.ReducerOptions, options, version=2).dense(3).to_bytes()


def frozen_batch(dtype: str = "float32", *, returned: bool = True) -> bytes:
    """SPACE_TO_BATCH_ND of block 2 on one sample that is said to give one: a batch that was frozen wrongly.

    `returned`: the operator behind the convolution puts the halves together again, so that LiteRT runs the whole.
    """
    net = Net((1, 8, 1, 4), dtype=dtype)
    block = net.tensor((2,), dtype="int32", scale=(), data=np.array([2, 1], np.int32))
    zeros = net.tensor((2, 2), dtype="int32", scale=(), data=np.zeros((2, 2), np.int32))
    for constant in (block, zeros):
        net.tensors[constant].quantization = None
    net.use("SPACE_TO_BATCH_ND", [net.last, block, zeros], [net.tensor((1, 4, 1, 4), scale=1 / 64, zero_point=-3)])
    net.conv(4, (3, 1))
    if returned:
        scale, zero = net.scale, net.zero_point
        net.use("BATCH_TO_SPACE_ND", [net.last, block, zeros], [net.tensor((1, 8, 1, 4), scale=scale, zero_point=zero)])
    return net.flatten().dense(3).to_bytes()


def streaming(start: int = 9) -> bytes:
    """Adds each sample to a variable that CALL_ONCE sets to `start` at power-up, and gives the sum out."""
    net = Net((1, 8), scale=1 / 64, zero_point=-3).accumulate()
    net.outputs = [net.operators[2].outputs[0]]
    net.use("CALL_ONCE", [], [], OPTIONS.CallOnceOptions, schema.CallOnceOptionsT(initSubgraphIndex=1))
    net.operators.insert(0, net.operators.pop())
    tree = to_tree(net.to_bytes())
    codes = [one.builtinCode for one in tree.operatorCodes]
    handle = schema.TensorT(shape=[1], type=TYPES["resource"], name="handle")
    values = schema.TensorT(shape=[1, 8], type=TYPES["int8"], name="start", buffer=len(tree.buffers))
    values.quantization = schema.QuantizationParametersT(scale=[1 / 64], zeroPoint=[0])
    tree.buffers.append(schema.BufferT(data=np.full(8, start, np.int8).view(np.uint8)))
    main = {codes[one.opcodeIndex]: one for one in tree.subgraphs[0].operators}
    named, assigned = (main[getattr(OPERATOR, name)] for name in ("VAR_HANDLE", "ASSIGN_VARIABLE"))
    steps = [
        schema.OperatorT(
            opcodeIndex=one.opcodeIndex, inputs=inputs, outputs=outputs, builtinOptions=one.builtinOptions,
            builtinOptionsType=one.builtinOptionsType,
        )
        for one, inputs, outputs in ((named, [], [0]), (assigned, [0, 1], []))
    ]  # fmt: skip
    tree.subgraphs.append(
        schema.SubGraphT(tensors=[handle, values], inputs=[], outputs=[], operators=steps, name="once")
    )
    return to_model(tree)


def svdf(seed: int = 0, *, inputs: int = 6, units: int = 4, memory: int = 5) -> bytes:
    """A streaming filter with its state in a tensor marked variable."""
    net = Net((1, inputs), seed=seed, scale=1 / 32, zero_point=-3)
    rng = net.rng
    features = rng.integers(-127, 128, (units, inputs)).astype(np.int8)
    times = rng.integers(-2000, 2000, (units, memory)).astype(np.int16)
    operands = [
        net.last, net.tensor((units, inputs), data=features, scale=1 / 200),
        net.tensor((units, memory), dtype="int16", data=times, scale=1 / 4096),
        net.tensor((units,), dtype="int32", data=rng.integers(-2000, 2000, units).astype(np.int32), scale=1 / 2**21),
        net.tensor((1, units * memory), dtype="int16", scale=1 / 512, variable=True),
    ]  # fmt: skip
    out = net.tensor((1, units), scale=1 / 20, zero_point=4)
    options = schema.SVDFOptionsT(rank=1, fusedActivationFunction=1)
    return net.use("SVDF", operands, [out], OPTIONS.SVDFOptions, options, version=3).to_bytes()


def lstm(seed: int = 0, *, state_scale: float = 1 / 128, units: int = 6, inputs: int = 5, steps: int = 8) -> bytes:
    """A fused int8 LSTM; another `state_scale` than its output's is what converters leave where two are joined."""
    net = Net((1, steps, inputs), seed=seed, scale=1 / 32, zero_point=-3)
    rng, scale = net.rng, 1 / 256
    shapes = [(units, inputs)] * 4 + [(units, units)] * 4
    weights = [net.tensor(one, data=rng.integers(-127, 128, one).astype(np.int8), scale=scale) for one in shapes]
    ranges = [rng.integers(-2000, 2000, units).astype(np.int32) for _ in range(4)]
    biases = [net.tensor((units,), dtype="int32", data=one, scale=scale / 32) for one in ranges]
    hidden = net.tensor((1, units), scale=state_scale, variable=True)
    cell = net.tensor((1, units), dtype="int16", scale=2.0**-11, variable=True)
    out, left = net.tensor((1, steps, units), scale=1 / 128), [-1]
    operands = [net.last, *weights, *left * 3, *biases, *left * 2, hidden, cell, *left * 4]
    options = schema.UnidirectionalSequenceLSTMOptionsT(fusedActivationFunction=4, cellClip=10.0)
    net.use(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [out], OPTIONS.UnidirectionalSequenceLSTMOptions, options, version=1
    )
    inner = [net.tensor((0,), dtype="float32") for _ in range(4)]
    net.operators[-1].intermediates = [*inner, net.tensor((0,), scale=1 / 128)]
    return net.to_bytes()


def float_ends() -> bytes:
    """An int8 network that takes and gives real numbers: 0…255 in its first QUANTIZE, 1/256 before its DEQUANTIZE."""
    net = Net((1, 8, 8, 1), dtype="float32").quantise(scale=1.0, zero_point=-128)
    return net.conv(4).flatten().dense(5).softmax().dequantise().to_bytes()


def two_heads() -> bytes:
    """Two inputs, and two outputs of different scales."""
    net = Net((1, 16)).second_input().dense(6)
    first = net.last
    net.dense(3)
    net.outputs = [first, net.last]
    return net.to_bytes()


def raw_integers(dtype: str = "int16") -> bytes:
    """Takes and gives integers without quantisation: a RESHAPE of them."""
    net = Net((1, 8), dtype=dtype).reshape((1, 2, 4))
    for tensor in net.tensors:
        tensor.quantization = None
    return net.to_bytes()


def looked_up(rows: int = 7) -> bytes:
    """Takes row numbers of a table."""
    net = Net((1, 3), dtype="int32", scale=())
    net.tensors[0].quantization = None
    table = net.tensor((rows, 4), dtype="int8", data=net.rng.integers(-127, 128, (rows, 4)).astype(np.int8))
    out = net.tensor((1, 3, 4), dtype="int8")
    net.dtype = "int8"
    return net.use("GATHER", [table, net.last], [out], OPTIONS.GatherOptions, schema.GatherOptionsT(axis=0)).to_bytes()


def old_bias_axis() -> bytes:
    """A bias with the axis of its depthwise weights, as converters of 2019 wrote it."""
    tree = to_tree(Net((1, 8, 8, 3)).depthwise().to_bytes())
    main = tree.subgraphs[0]
    main.tensors[main.operators[0].inputs[2]].quantization.quantizedDimension = 3
    return to_model(tree)
