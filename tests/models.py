"""Small .tflite models made in the test, without TensorFlow: `Net((1, 8, 8, 1)).conv(4).softmax().to_bytes()`.

Each method adds one operator on the last tensor and returns the net, so that calls chain; weights come from the
seed. Quantisation follows the TFLite int8 specification: weights symmetric and per channel, bias int32 with
scale input x weight, SAME padding by the usual rule. `dtype="float32"` builds the same graph unquantised.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

OPERATOR = schema.BuiltinOperator
OPTIONS = schema.BuiltinOptions
ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU6": 3}
PADDINGS = {"SAME": 0, "VALID": 1}
TYPES = {
    "float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9, "uint64": 12,
    "resource": 13, "uint32": 15,
}  # fmt: skip


class Net:
    """A graph under construction; `shape` and `last` speak of the newest tensor."""

    def __init__(
        self, shape=(1, 8, 8, 1), *, dtype="int8", seed=0, name="input", scale=1 / 64, zero_point=-3, batch=None
    ):
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        self.tensors: list[Any] = []
        self.buffers = [schema.BufferT()]
        self.codes: list[Any] = []
        self.operators: list[Any] = []
        self.inputs = [self.tensor(shape, name=name, scale=scale, zero_point=zero_point)]
        if batch is not None:
            self.tensors[0].shapeSignature = [batch, *shape[1:]]
        self.last = self.inputs[0]
        self.outputs: list[int] = []
        self.called: list[Any] = []

    # tensors

    def tensor(self, shape, *, name="", dtype="", scale=1 / 64, zero_point=0, data=None, axis=0, variable=False):
        dtype = dtype or self.dtype
        tensor = schema.TensorT(shape=list(shape), type=TYPES[dtype], name=name or f"t{len(self.tensors)}")
        tensor.isVariable = variable
        if data is not None:
            tensor.buffer = len(self.buffers)
            self.buffers.append(schema.BufferT(data=np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)))
        if dtype in ("int8", "int16", "uint8") or (dtype == "int32" and np.ndim(scale)):
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            zeros = np.full(len(scales), zero_point, np.int64)
            tensor.quantization = schema.QuantizationParametersT(scale=scales, zeroPoint=zeros, quantizedDimension=axis)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    @property
    def shape(self):
        return tuple(self.tensors[self.last].shape)

    @property
    def scale(self):
        quantisation = self.tensors[self.last].quantization
        return float(quantisation.scale[0]) if quantisation is not None else 1.0

    @property
    def zero_point(self):
        quantisation = self.tensors[self.last].quantization
        return int(quantisation.zeroPoint[0]) if quantisation is not None else 0

    def weights(self, shape, fan_in, channel_axis):
        """Weight and bias tensors; returns their indices and the scale that fits the result."""
        channels = shape[channel_axis]
        if self.dtype == "float32":
            data = self.rng.normal(0, 1 / math.sqrt(fan_in), shape).astype(np.float32)
            bias = self.rng.normal(0, 0.1, channels).astype(np.float32)
            return self.tensor(shape, data=data), self.tensor((channels,), data=bias), 1.0
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        scales = self.rng.uniform(0.5, 1.5, channels).astype(np.float32) / (127 * math.sqrt(fan_in))
        bias = self.rng.integers(-2000, 2000, channels).astype(np.int32)
        kernel = self.tensor(shape, dtype="int8", data=data, scale=scales, axis=channel_axis)
        bias_scales = np.float32(self.scale) * scales
        return kernel, self.tensor((channels,), dtype="int32", data=bias, scale=bias_scales), self.scale * 1.1

    def use(self, code, inputs, outputs, options_type=0, options=None, *, version=1, custom=b""):
        number = getattr(OPERATOR, code)
        row = schema.OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=min(number, 127), version=version)
        row.customCode = custom or None
        keys = [(one.builtinCode, one.customCode) for one in self.codes]
        known = [index for index, key in enumerate(keys) if key == (number, row.customCode)]
        if not known:
            self.codes.append(row)
        operator = schema.OperatorT(opcodeIndex=known[0] if known else len(self.codes) - 1)
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        operator.builtinOptionsType, operator.builtinOptions = options_type, options
        self.operators.append(operator)
        self.last = outputs[0] if outputs else self.last
        return self

    # operators

    def conv(self, filters=4, kernel=(3, 3), stride=(1, 1), padding="SAME", activation="RELU", dilation=(1, 1)):
        batch, height, width, depth = self.shape
        weights, bias, scale = self.weights((filters, *kernel, depth), kernel[0] * kernel[1] * depth, 0)
        rows, columns = self.window((height, width), kernel, stride, padding, dilation)
        out = self.tensor((batch, rows, columns, filters), scale=scale, zero_point=-100 if activation != "NONE" else 5)
        fused = ACTIVATIONS[activation]
        options = schema.Conv2DOptionsT(PADDINGS[padding], stride[1], stride[0], fused, dilation[1], dilation[0])
        return self.use("CONV_2D", [self.last, weights, bias], [out], OPTIONS.Conv2DOptions, options, version=3)

    def depthwise(
        self, kernel=(3, 3), stride=(1, 1), padding="SAME", activation="RELU", multiplier=1, dilation=(1, 1)
    ):  # fmt: skip
        batch, height, width, depth = self.shape
        weights, bias, scale = self.weights((1, *kernel, depth * multiplier), kernel[0] * kernel[1], 3)
        rows, columns = self.window((height, width), kernel, stride, padding, dilation)
        out = self.tensor((batch, rows, columns, depth * multiplier), scale=scale, zero_point=-90)
        fused = ACTIVATIONS[activation]
        steps = stride[1], stride[0], multiplier, fused, dilation[1], dilation[0]
        options = schema.DepthwiseConv2DOptionsT(PADDINGS[padding], *steps)
        inputs = [self.last, weights, bias]
        return self.use("DEPTHWISE_CONV_2D", inputs, [out], OPTIONS.DepthwiseConv2DOptions, options, version=3)

    def dense(self, units=5, activation="NONE", per_channel=True):
        rows, fan_in = self.shape[0], math.prod(self.shape[1:])
        weights, bias, scale = self.weights((units, fan_in), fan_in, 0)
        if not per_channel and self.dtype == "int8":
            for index in (weights, bias):
                quantisation = self.tensors[index].quantization
                quantisation.scale, quantisation.zeroPoint = quantisation.scale[:1], quantisation.zeroPoint[:1]
        out = self.tensor((rows, units), scale=scale, zero_point=2)
        options = schema.FullyConnectedOptionsT(fusedActivationFunction=ACTIVATIONS[activation])
        inputs = [self.last, weights, bias]
        return self.use("FULLY_CONNECTED", inputs, [out], OPTIONS.FullyConnectedOptions, options, version=4)

    def pool(self, kind="AVERAGE", size=(2, 2), stride=(2, 2), padding="VALID"):
        batch, height, width, depth = self.shape
        rows, columns = self.window((height, width), size, stride, padding, (1, 1))
        out = self.tensor((batch, rows, columns, depth), scale=self.scale, zero_point=self.zero_point)
        options = schema.Pool2DOptionsT(PADDINGS[padding], stride[1], stride[0], size[1], size[0])
        return self.use(f"{kind}_POOL_2D", [self.last], [out], OPTIONS.Pool2DOptions, options, version=2)

    def reshape(self, shape):
        wanted = self.tensor((len(shape),), dtype="int32", data=np.asarray(shape, np.int32))
        out = self.tensor(shape, scale=self.scale, zero_point=self.zero_point)
        options = schema.ReshapeOptionsT(newShape=list(shape))
        return self.use("RESHAPE", [self.last, wanted], [out], OPTIONS.ReshapeOptions, options)

    def flatten(self):
        return self.reshape((self.shape[0], math.prod(self.shape[1:])))

    def softmax(self):
        out = self.tensor(self.shape, scale=1 / 256, zero_point=-128)
        options = schema.SoftmaxOptionsT(beta=1.0)
        return self.use("SOFTMAX", [self.last], [out], OPTIONS.SoftmaxOptions, options, version=2)

    def add(self, other, activation="NONE"):
        out = self.tensor(self.shape, scale=self.scale * 1.5, zero_point=1)
        options = schema.AddOptionsT(fusedActivationFunction=ACTIVATIONS[activation])
        return self.use("ADD", [self.last, other], [out], OPTIONS.AddOptions, options, version=2)

    def quantise(self, scale=1 / 50, zero_point=3):
        self.dtype = "int8"
        out = self.tensor(self.shape, scale=scale, zero_point=zero_point)
        return self.use("QUANTIZE", [self.last], [out], OPTIONS.QuantizeOptions, schema.QuantizeOptionsT())

    def dequantise(self):
        self.dtype = "float32"
        out = self.tensor(self.shape)
        return self.use("DEQUANTIZE", [self.last], [out], OPTIONS.DequantizeOptions, schema.DequantizeOptionsT())

    def unary(self, code):
        """Any operator of one input and one output of its shape: LOGISTIC, TANH, GELU …"""
        fixed = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}  # the int8 specification's: TFLM takes no other
        scale, zero = fixed.get(code, (self.scale, self.zero_point))
        return self.use(code, [self.last], [self.tensor(self.shape, scale=scale, zero_point=zero)])

    def custom(self, name):
        return self.use("CUSTOM", [self.last], [self.tensor(self.shape)], custom=name.encode())

    def accumulate(self):
        """Adds to the tensor what it was before, and keeps the sum in a variable: ASSIGN_VARIABLE has no output."""
        handle, before = self.tensor([1], dtype="resource"), self.tensor(self.shape, scale=self.scale)
        named = schema.VarHandleOptionsT(container="", sharedName="state")
        values = self.last
        self.use("VAR_HANDLE", [], [handle], OPTIONS.VarHandleOptions, named)
        self.use("READ_VARIABLE", [handle], [before], OPTIONS.ReadVariableOptions, schema.ReadVariableOptionsT())
        total = self.tensor(self.shape, scale=self.scale)
        self.use("ADD", [values, before], [total], OPTIONS.AddOptions, schema.AddOptionsT())
        return self.use(
            "ASSIGN_VARIABLE", [handle, total], [], OPTIONS.AssignVariableOptions, schema.AssignVariableOptionsT()
        )

    def second_input(self, name="second"):
        self.inputs.append(self.tensor(self.shape, name=name, scale=1 / 32, zero_point=7))
        return self.add(self.inputs[-1])

    # results

    def window(self, size, kernel, stride, padding, dilation):
        reach = [(one - 1) * step + 1 for one, step in zip(kernel, dilation, strict=True)]
        if padding == "SAME":
            return tuple(-(-length // step) for length, step in zip(size, stride, strict=True))
        return tuple((length - span) // step + 1 for length, span, step in zip(size, reach, stride, strict=True))

    def to_bytes(self, description="made in a test"):
        """The model as aligned .tflite bytes; the outputs are `self.outputs`, or else the last tensor."""
        graph = schema.SubGraphT(tensors=self.tensors, inputs=self.inputs, outputs=self.outputs or [self.last])
        graph.operators, graph.name = self.operators, "main"
        graphs = [graph, *self.called]
        model = schema.ModelT(version=3, operatorCodes=self.codes, subgraphs=graphs, description=description)
        model.buffers = self.buffers
        builder = flatbuffers.Builder(4096)
        builder.Finish(model.Pack(builder), b"TFL3")
        return aligned(bytes(builder.Output()))


def aligned(model: bytes) -> bytes:
    """The same model with its buffers on 16-byte boundaries, as the converter writes them."""
    compress = importlib.import_module("tflite_micro.tensorflow.lite.micro.compression.compress")
    return bytes(compress._apply_flatbuffer_alignment(model))


def small_cnn(dtype="int8", seed=0, classes=4):
    """conv, depthwise, pool, reshape, dense, softmax on an 8 x 8 image."""
    net = Net((1, 8, 8, 1), dtype=dtype, seed=seed)
    return net.conv(4).depthwise().pool("AVERAGE", (4, 4), (4, 4)).flatten().dense(classes).softmax().to_bytes()


def residual(seed=0):
    """Two convolutions added to their input, max pool, dense."""
    net = Net((1, 6, 6, 4), seed=seed)
    start = net.last
    return net.conv(4).conv(4, activation="NONE").add(start, "RELU").pool("MAX").flatten().dense(3).to_bytes()


def autoencoder(width=16, seed=0):
    """Dense layers only: its temporary planning memory exceeds its activations."""
    net = Net((1, width), seed=seed)
    return net.dense(8, "RELU").dense(4, "RELU").dense(8, "RELU").dense(width).to_bytes()


def identity_classifier(classes=4):
    """A dense layer whose weights are the unit matrix: the class is the position of the largest input."""
    net = Net((1, classes), dtype="float32")
    weights = net.tensor((classes, classes), data=np.eye(classes, dtype=np.float32))
    out, options = net.tensor((1, classes)), schema.FullyConnectedOptionsT()
    net.use("FULLY_CONNECTED", [net.last, weights, -1], [out], OPTIONS.FullyConnectedOptions, options)
    return net.to_bytes()


def hybrid():
    """int8 weights on float32 activations: what dynamic-range quantisation writes, and TFLM refuses."""
    net = Net((1, 8), dtype="float32")
    data = np.arange(-16, 16, dtype=np.int8).reshape(4, 8)
    weights = net.tensor((4, 8), dtype="int8", data=data, scale=0.05)
    out = net.tensor((1, 4))
    options = schema.FullyConnectedOptionsT()
    return net.use("FULLY_CONNECTED", [net.last, weights, -1], [out], OPTIONS.FullyConnectedOptions, options).to_bytes()


def flip_bits(model: bytes, seed: int, count: int = 8) -> bytes:
    """The model with some of its bits flipped, the same for the same seed."""
    rng = np.random.default_rng(seed)
    data = np.frombuffer(model, np.uint8).copy()
    for position in rng.integers(8, len(data), count):
        data[position] ^= np.uint8(1 << int(rng.integers(0, 8)))
    return data.tobytes()
