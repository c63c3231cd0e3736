"""One small model for each kind of network people bring: operators, precision and ends together make a kind.

`KINDS` maps the name of a kind to a `Kind`: how to build it, whether TFLM runs it, and on how many of a hundred public
model files it was seen. Models are deterministic and made without TensorFlow; sizes are those of the small ones among
the public files, so that each runs in the interpreter within a fraction of a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers

from tests.models import OPTIONS, Net, aligned, schema


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of network is built, whether TFLM runs it, and the number of public files seen of it."""

    build: Callable[[], bytes]
    runs: bool = True
    files: int = 1


KINDS: dict[str, Kind] = {}


def kind(name: str, *, runs: bool = True, files: int = 1):
    """Register a function that returns a net, or bytes."""

    def register(make):
        def build() -> bytes:
            made = make()
            return made if isinstance(made, bytes) else made.to_bytes()

        KINDS[name] = Kind(build, runs, files)
        return make

    return register


_ONE_VERSION = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE", "HARD_SWISH", "PRELU")
"""Operators that LiteRT knows in one version, whatever the type."""


class KindNet(Net):
    """A `Net` with every further operator, in any precision, and with further subgraphs."""

    def __init__(self, shape=(1, 8), **options):
        super().__init__(shape, **options)
        self.branches: list[KindNet] = []

    # tensors

    def tensor(self, shape, *, dtype="", zero_point=0, **options):
        kind = dtype or self.dtype
        zero = 0 if kind in ("int16", "int32") else zero_point + 128 if kind == "uint8" else zero_point
        scale = options.pop("scale", 1 / 64)
        index = super().tensor(shape, dtype=kind, zero_point=zero, scale=1.0 if scale is None else scale, **options)
        if scale is None:
            self.tensors[index].quantization = None
        elif kind == "uint8":
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            self.tensors[index].quantization = schema.QuantizationParametersT(scale=scales, zeroPoint=np.array([zero]))
        return index

    def weights(self, shape, fan_in, channel_axis):
        kernel, bias, scale = super().weights(shape, fan_in, channel_axis)
        if self.dtype == "int16":
            tensor = self.tensors[bias]
            tensor.type = schema.TensorType.INT64
            wide = np.asarray(self.buffers[tensor.buffer].data, np.uint8).view(np.int32).astype(np.int64)
            self.buffers[tensor.buffer].data = wide.view(np.uint8)
        return kernel, bias, scale

    def like(self, shape=None, dtype=""):
        """A new tensor with the quantisation of the last."""
        return self.tensor(shape or self.shape, dtype=dtype, scale=self.scale, zero_point=self.zero_point)

    def fixed(self, values, dtype="int32"):
        """A constant, unquantised."""
        data = np.asarray(values, dtype)
        return self.tensor(data.shape, dtype=dtype, data=data)

    def operand(self, shape=None, *, low=-100, high=100):
        """A constant of the net's precision."""
        size = self.shape if shape is None else shape
        if self.dtype == "float32":
            return self.tensor(size, data=self.rng.uniform(0.5, 2.0, size).astype(np.float32))
        data = self.rng.integers(low, high, size).astype(self.dtype)
        return self.tensor(size, data=data, scale=1 / 50)

    def match(self, other):
        """QUANTIZE to the scale and zero point of another tensor, as converters put it before a CONCATENATION."""
        found = self.tensors[other].quantization
        return self.requantise("int8", float(found.scale[0]), int(found.zeroPoint[0]))

    # operators

    def apply(self, code, *more, shape=None, options=None, dtype="", scale=None, zero_point=None, first=None):
        """Any operator: on the last tensor (or `first`) and `more`, one output, of the shape of the last by default."""
        scale = self.scale if scale is None else scale
        zero = self.zero_point if zero_point is None else zero_point
        out = self.tensor(self.shape if shape is None else shape, dtype=dtype, scale=scale, zero_point=zero)
        name = type(options).__name__.removesuffix("T")
        number = getattr(OPTIONS, name) if options is not None else 0
        version = 1 if code in _ONE_VERSION else 2
        self.use(code, [self.last if first is None else first, *more], [out], number, options, version=version)
        self.dtype = dtype or self.dtype
        return self

    def pair(self, code, other=None, *, shape=None, dtype=""):
        """ADD, SUB, MUL, DIV, MAXIMUM … with a constant of one value a channel, or another tensor."""
        other = self.operand(self.shape[-1:]) if other is None else other
        names = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"}
        options = getattr(schema, f"{names[code]}OptionsT")() if code in names else None
        return self.apply(code, other, shape=shape, dtype=dtype, options=options)

    def norm(self):
        """A batch normalisation that was not folded."""
        return self.pair("MUL").pair("ADD")

    def expand(self, axis=1):
        shape = list(self.shape)
        shape.insert(axis, 1)
        return self.apply("EXPAND_DIMS", self.fixed([axis]), shape=shape, options=schema.ExpandDimsOptionsT())

    def pad(self, *widths):
        every = np.asarray(widths, np.int32)
        shape = [size + int(sides.sum()) for size, sides in zip(self.shape, every, strict=True)]
        return self.apply("PAD", self.fixed(every), shape=shape, options=schema.PadOptionsT())

    def conv1d(self, filters=8, width=3, *, padding="SAME", activation="RELU", dilation=1):
        """As converters write a Conv1D: EXPAND_DIMS, CONV_2D of height 1, RESHAPE."""
        self.expand(1)
        if dilation > 1:
            self.dilated(filters, width, dilation)
        else:
            self.conv(filters, (1, width), padding=padding, activation=activation)
        return self.reshape((self.shape[0], *self.shape[2:]))

    def dilated(self, filters, width, dilation):
        """PAD, SPACE_TO_BATCH_ND, CONV_2D, BATCH_TO_SPACE_ND."""
        reach = (width - 1) * dilation
        self.pad((0, 0), (0, 0), (reach, -(self.shape[2] + reach) % dilation), (0, 0))
        batch, height, length, depth = self.shape
        block, none = self.fixed([1, dilation]), self.fixed([[0, 0], [0, 0]])
        self.apply("SPACE_TO_BATCH_ND", block, none, shape=(batch * dilation, height, length // dilation, depth),
                   options=schema.SpaceToBatchNDOptionsT())  # fmt: skip
        self.conv(filters, (1, width), padding="VALID", activation="NONE")
        batch, height, length, depth = self.shape
        return self.apply("BATCH_TO_SPACE_ND", block, none, shape=(batch // dilation, height, length * dilation, depth),
                          options=schema.BatchToSpaceNDOptionsT())  # fmt: skip

    def mean(self, *axes, keep=False, code="MEAN"):
        shape = [1 if axis in axes else size for axis, size in enumerate(self.shape) if keep or axis not in axes]
        return self.apply(code, self.fixed(list(axes)), shape=shape, options=schema.ReducerOptionsT(keepDims=keep))

    def slice(self, begin, end, *, shrink=0, stride=None):
        """STRIDED_SLICE; `shrink` is its mask."""
        step = stride or [1] * len(begin)
        sizes = [-(-(last - first) // by) for first, last, by in zip(begin, end, step, strict=True)]
        shape = [size for axis, size in enumerate(sizes) if not shrink >> axis & 1]
        options = schema.StridedSliceOptionsT(shrinkAxisMask=shrink)
        return self.apply("STRIDED_SLICE", *map(self.fixed, (begin, end, step)), shape=shape, options=options)

    def open_batch_flatten(self):
        """As Keras' Flatten or Reshape with an open batch: SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
        values, size = self.last, math.prod(self.shape[1:])
        shape = self.tensor((len(self.shape),), dtype="int32", scale=None)
        self.use("SHAPE", [values], [shape], OPTIONS.ShapeOptions, schema.ShapeOptionsT(outType=2))
        batch = self.tensor((), dtype="int32", scale=None)
        options = schema.StridedSliceOptionsT(shrinkAxisMask=1)
        ends = [self.fixed([value]) for value in (0, 1, 1)]
        self.use("STRIDED_SLICE", [shape, *ends], [batch], OPTIONS.StridedSliceOptions, options)
        wanted, rest = self.tensor((2,), dtype="int32", scale=None), self.fixed(size)
        self.use("PACK", [batch, rest], [wanted], OPTIONS.PackOptions, schema.PackOptionsT(valuesCount=2))
        self.last = values
        return self.apply("RESHAPE", wanted, shape=(1, size), options=schema.ReshapeOptionsT())

    def requantise(self, dtype, scale=1 / 50, zero_point=3):
        """QUANTIZE to another precision."""
        return self.apply("QUANTIZE", dtype=dtype, scale=scale, zero_point=zero_point,
                          options=schema.QuantizeOptionsT())  # fmt: skip

    def concatenate(self, *others, axis=-1):
        shapes = [self.shape, *(tuple(self.tensors[other].shape) for other in others)]
        shape = list(self.shape)
        shape[axis] = sum(one[axis] for one in shapes)
        return self.apply("CONCATENATION", *others, shape=shape, options=schema.ConcatenationOptionsT(axis=axis))

    def split(self, count, axis=-1):
        """SPLIT; returns the parts."""
        shape = list(self.shape)
        shape[axis] //= count
        parts = [self.like(shape) for _ in range(count)]
        inputs = [self.fixed(axis), self.last]
        self.use("SPLIT", inputs, parts, OPTIONS.SplitOptions, schema.SplitOptionsT(numSplits=count))
        return parts

    def split_uneven(self, sizes, axis=-1):
        """SPLIT_V; returns the parts."""
        shapes = [[*self.shape] for _ in sizes]
        for shape, size in zip(shapes, sizes, strict=True):
            shape[axis] = size
        parts, inputs = [self.like(shape) for shape in shapes], [self.last, self.fixed(list(sizes)), self.fixed(axis)]
        self.use("SPLIT_V", inputs, parts, OPTIONS.SplitVOptions, schema.SplitVOptionsT(numSplits=len(sizes)))
        return parts

    def unpack(self, axis):
        """UNPACK; returns the parts."""
        shape = [size for place, size in enumerate(self.shape) if place != axis]
        parts = [self.like(shape) for _ in range(self.shape[axis])]
        options = schema.UnpackOptionsT(num=len(parts), axis=axis)
        self.use("UNPACK", [self.last], parts, OPTIONS.UnpackOptions, options)
        return parts

    def pack(self, *others, axis=0):
        shape = list(self.shape)
        shape.insert(axis, 1 + len(others))
        return self.apply("PACK", *others, shape=shape,
                          options=schema.PackOptionsT(valuesCount=1 + len(others), axis=axis))  # fmt: skip

    def transpose(self, *order):
        shape = [self.shape[axis] for axis in order]
        return self.apply("TRANSPOSE", self.fixed(order), shape=shape, options=schema.TransposeOptionsT())

    def transpose_conv(self, filters=4, kernel=(2, 2), stride=(2, 2)):
        batch, height, width, depth = self.shape
        shape = (batch, height * stride[0], width * stride[1], filters)
        weights, bias, scale = self.weights((filters, *kernel, depth), math.prod(kernel) * depth, 0)
        values = self.last
        return self.apply("TRANSPOSE_CONV", weights, values, bias, first=self.fixed(shape), shape=shape, scale=scale,
                          options=schema.TransposeConvOptionsT(strideW=stride[1], strideH=stride[0]))  # fmt: skip

    def nearest(self, factor=2):
        batch, height, width, depth = self.shape
        size = (height * factor, width * factor)
        return self.apply("RESIZE_NEAREST_NEIGHBOR", self.fixed(size), shape=(batch, *size, depth),
                          options=schema.ResizeNearestNeighborOptionsT())  # fmt: skip

    def bilinear(self, factor=2):
        batch, height, width, depth = self.shape
        size = (height * factor, width * factor)
        return self.apply("RESIZE_BILINEAR", self.fixed(size), shape=(batch, *size, depth),
                          options=schema.ResizeBilinearOptionsT())  # fmt: skip

    def leaky(self):
        return self.apply("LEAKY_RELU", options=schema.LeakyReluOptionsT(alpha=0.3))

    def squash(self, code):
        """LOGISTIC or TANH, with the output its int8 kernel demands."""
        scale, zero = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}[code]
        wide = {"LOGISTIC": 1 / 32768, "TANH": 1 / 32768}[code]
        return self.apply(code, scale=wide if self.dtype == "int16" else scale, zero_point=zero)

    def lstm(self, units=6):
        """The fused LSTM over a sequence; its state is kept in two variables."""
        batch, steps, depth = self.shape
        whole, state = self.dtype == "float32", self.last
        into = [self._gate((units, depth)) for _ in range(4)]
        back = [self._gate((units, units)) for _ in range(4)]
        bias = [self._bias(units) for _ in range(4)]
        hidden = self.tensor((batch, units), variable=True, scale=1 / 128)
        cell = self.tensor((batch, units), variable=True, dtype="float32" if whole else "int16", scale=2.0**-11)
        inputs = [*into, *back, -1, -1, -1, *bias, -1, -1, hidden, cell, -1, -1, -1, -1]
        options = schema.UnidirectionalSequenceLSTMOptionsT(fusedActivationFunction=4, cellClip=10.0)
        self.apply("UNIDIRECTIONAL_SEQUENCE_LSTM", *inputs, first=state, shape=(batch, steps, units), scale=1 / 128,
                   zero_point=0, options=options)  # fmt: skip
        if not whole:
            between = [self.tensor((0,), dtype="int16", scale=2.0**-12) for _ in range(4)]
            self.operators[-1].intermediates = [*between, self.tensor((0,), dtype="int8", scale=1 / 128)]
            self.last = self.operators[-1].outputs[0]
        return self

    def _gate(self, shape):
        if self.dtype == "float32":
            return self.tensor(shape, data=self.rng.normal(0, 0.3, shape).astype(np.float32))
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        return self.tensor(shape, dtype="int8", data=data, scale=0.3 / 127)

    def _bias(self, units):
        if self.dtype == "float32":
            return self.tensor((units,), data=self.rng.normal(0, 0.1, units).astype(np.float32))
        data = self.rng.integers(-500, 500, units).astype(np.int32)
        return self.tensor((units,), dtype="int32", data=data, scale=self.scale * 0.3 / 127)

    def svdf(self, units=8, rank=1, memory=10):
        depth, filters, whole = self.shape[-1], units * rank, self.dtype == "float32"
        feature, late = self._gate((filters, depth)), "float32" if whole else "int16"
        past = self.rng.normal(0, 0.3, (filters, memory)) if whole else self.rng.integers(-999, 999, (filters, memory))
        time = self.tensor((filters, memory), dtype=late, data=past.astype(late), scale=1 / 3000)
        state = self.tensor((1, filters * memory), dtype=late, variable=True, scale=1 / 500)
        options = schema.SVDFOptionsT(rank=rank, fusedActivationFunction=1)
        return self.apply("SVDF", feature, time, self._bias(units), state, shape=(1, units), options=options)

    def constant_from(self, shape, dtype):
        """Weights kept in a narrow type and widened when the net runs: DEQUANTIZE of float16 or int8."""
        data = self.rng.normal(0, 0.3, shape) if dtype == "float16" else self.rng.integers(-99, 99, shape)
        held = self.tensor(shape, dtype=dtype, data=data.astype(dtype), scale=0.01)
        wide = self.tensor(shape, dtype="float32")
        values = self.last
        self.use("DEQUANTIZE", [held], [wide], OPTIONS.DequantizeOptions, schema.DequantizeOptionsT())
        self.last = values
        return wide

    def dense_with(self, weights, units):
        """FULLY_CONNECTED with weights that stand elsewhere."""
        return self.apply("FULLY_CONNECTED", weights, -1, shape=(1, units), options=schema.FullyConnectedOptionsT())

    def custom_with(self, name, *inputs, outputs, **options):
        """A custom operator with flexbuffer options; outputs are (shape, dtype)."""
        made = [self.tensor(shape, dtype=dtype, scale=None) for shape, dtype in outputs]
        self.use("CUSTOM", list(inputs), made, custom=name.encode())
        self.operators[-1].customOptions = list(flexbuffers.Dumps(options)) if options else None
        return made

    # state

    def remember(self, name, size):
        """A window kept between calls: VAR_HANDLE, READ_VARIABLE, CONCATENATION, STRIDED_SLICE, ASSIGN_VARIABLE."""
        values, handle = self.last, self.tensor([1], dtype="resource")
        named = schema.VarHandleOptionsT(container="", sharedName=name)
        self.use("VAR_HANDLE", [], [handle], OPTIONS.VarHandleOptions, named)
        self.last = values
        batch, steps, *rest = self.shape
        before = self.like((batch, size, *rest))
        self.use("READ_VARIABLE", [handle], [before], OPTIONS.ReadVariableOptions, schema.ReadVariableOptionsT())
        self.last = before
        self.concatenate(values, axis=1)
        whole = self.last
        self.slice([0, steps, *([0] * len(rest))], [batch, steps + size, *rest])
        self.use("ASSIGN_VARIABLE", [handle, self.last], [], OPTIONS.AssignVariableOptions,
                 schema.AssignVariableOptionsT())  # fmt: skip
        self.initialise(name, (batch, size, *rest))
        self.last = whole
        return self

    def initialise(self, name, shape):
        """In the subgraph that CALL_ONCE runs: zeros for the variable."""
        if not self.branches:
            self.branch()
            once = schema.OperatorT(opcodeIndex=len(self.codes), inputs=[], outputs=[])
            number = schema.BuiltinOperator.CALL_ONCE
            self.codes.append(schema.OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=127, version=1))
            once.builtinOptionsType = OPTIONS.CallOnceOptions
            once.builtinOptions = schema.CallOnceOptionsT(initSubgraphIndex=1)
            self.operators.insert(0, once)
        start = self.branches[0]
        handle = start.tensor([1], dtype="resource")
        named = schema.VarHandleOptionsT(container="", sharedName=name)
        start.use("VAR_HANDLE", [], [handle], OPTIONS.VarHandleOptions, named)
        zeros = start.tensor(shape, data=np.full(shape, self.zero_point, self.dtype), scale=self.scale,
                             zero_point=self.zero_point)  # fmt: skip
        start.use("ASSIGN_VARIABLE", [handle, zeros], [], OPTIONS.AssignVariableOptions,
                  schema.AssignVariableOptionsT())  # fmt: skip

    def branch(self, *shapes, dtype=""):
        """A further subgraph with inputs of these shapes; it shares buffers and operator codes."""
        other = KindNet(shapes[0] if shapes else (1,), dtype=dtype or self.dtype)
        other.buffers, other.codes = self.buffers, self.codes
        other.inputs += [other.tensor(shape) for shape in shapes[1:]]
        if not shapes:
            other.tensors, other.inputs = [], []
        self.branches.append(other)
        return other

    def to_bytes(self, description="made in a test"):
        graphs = []
        for net in (self, *self.branches):
            outputs = net.outputs or ([net.last] if net.inputs else [])
            graphs.append(schema.SubGraphT(tensors=net.tensors, inputs=net.inputs, outputs=outputs))
            graphs[-1].operators, graphs[-1].name = net.operators, f"graph{len(graphs)}"
        model = schema.ModelT(version=3, operatorCodes=self.codes, subgraphs=graphs, description=description)
        model.buffers = self.buffers
        builder = flatbuffers.Builder(4096)
        builder.Finish(model.Pack(builder), b"TFL3")
        return aligned(bytes(builder.Output()))


# Dense networks


def _dense(dtype, shape, *units, end="SOFTMAX"):
    net = KindNet(shape, dtype=dtype)
    for number in units[:-1]:
        net.dense(number, "RELU", per_channel=False)
    net.dense(units[-1], per_channel=False)
    return net.softmax() if end == "SOFTMAX" else net.squash(end) if end else net


kind("float32 dense, softmax", files=13)(lambda: _dense("float32", (1, 200), 50, 15, 2))
kind("float32 dense, logistic", files=4)(lambda: _dense("float32", (1, 16), 12, 8, 4, 1, end="LOGISTIC"))
kind("float32 dense, plain", files=1)(lambda: _dense("float32", (1, 3), 3, 1, end=""))
kind("int8 dense, softmax", files=2)(lambda: _dense("int8", (1, 561), 64, 32, 6))
kind("int8 dense, logistic", files=2)(lambda: _dense("int8", (1, 16), 12, 8, 4, 1, end="LOGISTIC"))
kind("int8 dense, plain", files=1)(lambda: _dense("int8", (1, 1), 16, 16, 1, end=""))
kind("int16x8 dense")(lambda: _dense("int16", (1, 24), 16, 4, end=""))


@kind("float32 dense, normalised inside")
def _normalised():
    return KindNet((1, 8), dtype="float32").pair("SUB").pair("MUL").dense(32, "RELU").dense(1).squash("LOGISTIC")


@kind("int8 dense, float ends", files=4)
def _dense_float_ends():
    net = KindNet((1, 36), dtype="float32").quantise()
    return net.dense(48, "RELU").dense(32, "RELU").dense(4).dequantise()


@kind("hybrid dense", runs=False, files=3)
def _hybrid_dense():
    net = KindNet((1, 8), dtype="float32")
    data = net.rng.integers(-99, 99, (4, 8)).astype(np.int8)
    return net.dense_with(net.tensor((4, 8), dtype="int8", data=data, scale=0.05), 4).softmax()


@kind("float32 dense, float16 weights", runs=False)
def _half_dense():
    net = KindNet((1, 8), dtype="float32")
    return net.dense_with(net.constant_from((4, 8), "float16"), 4).squash("LOGISTIC")


def _sparse(dtype):
    net = KindNet((1, 32), dtype=dtype)
    data = net.rng.normal(0, 1, (4, 32)).astype(dtype) if dtype == "float32" else net.rng.integers(-9, 9, (4, 32))
    packed, wide = net.tensor((4, 32), data=data.astype(dtype), scale=0.05), net.tensor((4, 32), scale=0.05)
    sparse = schema.SparsityParametersT(traversalOrder=[0, 1], blockMap=[])
    sparse.dimMetadata = [schema.DimensionMetadataT(format=0, denseSize=size) for size in (4, 32)]
    net.tensors[packed].sparsity = sparse
    values = net.last
    net.use("DENSIFY", [packed], [wide], OPTIONS.DensifyOptions, schema.DensifyOptionsT())
    net.last = values
    return net.dense_with(wide, 4).softmax()


kind("float32 dense, sparse weights", runs=False)(lambda: _sparse("float32"))
kind("int8 dense, sparse weights", runs=False)(lambda: _sparse("int8"))


@kind("float32 dense, operators TFLM lacks", runs=False)
def _lacking():
    net = KindNet((1, 8), dtype="float32")
    where = net.tensor((8, 2), dtype="int64", scale=None)
    values = net.last
    condition = net.tensor((1, 8), dtype="bool")
    net.use("EQUAL", [values, net.operand((1, 1))], [condition], OPTIONS.EqualOptions, schema.EqualOptionsT())
    net.use("WHERE", [condition], [where], OPTIONS.WhereOptions, schema.WhereOptionsT())
    net.last = values
    net.outputs = [where]
    return net.dense(4)


# Convolutions over images


def _cnn(net, *, end=None):
    net.conv(8).pool("MAX").conv(12).pool("MAX")
    (net.open_batch_flatten if end == "open" else net.flatten)()
    return net.dense(16, "RELU").dense(4).softmax()


kind("float32 CNN", files=2)(lambda: _cnn(KindNet((1, 24, 24, 1), dtype="float32")))
kind("int8 CNN, flattened with an open batch", files=2)(lambda: _cnn(KindNet((1, 12, 12, 2)), end="open"))
kind("int16x8 CNN", files=2)(lambda: KindNet((1, 8, 14, 16), dtype="int16").conv(24))


@kind("float32 CNN, normalised between")
def _float_norm():
    net = KindNet((1, 16, 16, 3), dtype="float32").norm()
    return net.conv(8).pool("MAX").conv(8).pool("MAX").flatten().dense(16, "RELU").dense(3)


@kind("int8 CNN, float ends", files=4)
def _cnn_float_ends():
    return _cnn(KindNet((1, 16, 16, 1), dtype="float32").quantise().norm()).dequantise()


@kind("int8 CNN, float ends, leaky", files=1)
def _leaky():
    net = KindNet((1, 16, 12, 3), dtype="float32").quantise()
    for filters in (8, 12):
        net.conv(filters, activation="NONE").norm().leaky().pool("MAX")
    return net.flatten().dense(16).leaky().dense(3).softmax().dequantise()


@kind("int8 CNN, uint8 ends", files=2)
def _cnn_uint8_ends():
    net = KindNet((1, 16, 16, 3), dtype="uint8").requantise("int8", 1 / 64, 0)
    return _cnn(net).requantise("uint8", 1 / 256, -128)


@kind("mixed CNN, elementwise operators")
def _elementwise():
    net = KindNet((1, 12, 12, 1), dtype="uint8").requantise("int8", 1 / 64, 0)
    start = net.last
    low = net.mean(1, 2, keep=True, code="REDUCE_MIN").last
    net.last = start
    high = net.mean(1, 2, keep=True, code="REDUCE_MAX").last
    net.last = start
    net.dequantise()
    wide = net.last
    net.last = low
    net.dtype = "int8"
    low = net.dequantise().last
    net.last, net.dtype = high, "int8"
    net.dequantise().pair("SUB", low)
    spread = net.last
    same = net.apply("NOT_EQUAL", net.operand((1,)), dtype="bool", options=schema.NotEqualOptionsT()).last
    net.dtype, net.last = "float32", spread
    net.apply("SELECT_V2", spread, net.operand((1, 1, 1, 1)), first=same, options=schema.SelectV2OptionsT())
    spread, net.last = net.last, wide
    net.pair("SUB", low, shape=(1, 12, 12, 1)).pair("DIV", spread).pair("MINIMUM").unary("NEG")
    net.quantise().conv(8, activation="NONE").leaky().pool("MAX").norm().unary("RELU")
    return net.flatten().dense(8).leaky().dense(3).requantise("uint8")


@kind("hybrid CNN", runs=False, files=4)
def _hybrid_cnn():
    net = KindNet((1, 8, 8, 1), dtype="float32")
    data = net.rng.integers(-99, 99, (4, 3, 3, 1)).astype(np.int8)
    weights = net.tensor((4, 3, 3, 1), dtype="int8", data=data, scale=np.full(4, 0.02))
    bias = net.tensor((4,), dtype="float32", data=np.zeros(4, np.float32))
    options = schema.Conv2DOptionsT(strideW=1, strideH=1)
    return net.apply("CONV_2D", weights, bias, shape=(1, 8, 8, 4), options=options).flatten().dense(3).softmax()


# Depthwise convolutions


def _mobile(net, *, pads=False):
    net.conv(8, stride=(2, 2), activation="RELU6")
    for filters in (12, 12):
        net.depthwise(activation="RELU6").conv(filters, (1, 1), activation="NONE")
    start = net.last
    net.conv(24, (1, 1), activation="RELU6").depthwise(activation="RELU6").conv(12, (1, 1), activation="NONE")
    net.add(start)
    if pads:
        net.pad((0, 0), (0, 1), (0, 1), (0, 0)).depthwise(stride=(2, 2), padding="VALID")
    return net


@kind("float32 MobileNet")
def _float_mobile():
    return _mobile(KindNet((1, 24, 24, 3), dtype="float32"), pads=True).mean(1, 2).dense(4).softmax()


@kind("int8 MobileNet")
def _int8_mobile():
    return _mobile(KindNet((1, 24, 24, 3)), pads=True).mean(1, 2).dense(4).softmax()


@kind("int8 MobileNet, uint8 ends", files=3)
def _uint8_mobile():
    net = _mobile(KindNet((1, 24, 24, 3), dtype="uint8").requantise("int8", 1 / 64, 0))
    return net.mean(1, 2).pair("MUL").dense(4).softmax().requantise("uint8", 1 / 256, -128)


@kind("int8 depthwise CNN, uint8 in, float out")
def _uint8_to_float():
    net = KindNet((1, 24, 24, 3), dtype="uint8").requantise("int8", 1 / 64, 0)
    return net.conv(8, stride=(2, 2)).depthwise().conv(12, (1, 1)).pool("MAX").conv(6, (1, 1)).dequantise()


@kind("float32 depthwise CNN")
def _float_depthwise():
    net = (
        KindNet((1, 36, 6, 1), dtype="float32").conv(8, (3, 3)).depthwise().conv(8, (1, 1)).pool("MAX", (2, 1), (2, 1))
    )
    return net.conv(12, (3, 3)).pool("MAX").flatten().dense(16, "RELU").dense(4).softmax()


@kind("int8 detector, two outputs")
def _detector():
    net = _mobile(KindNet((1, 24, 32, 1)), pads=True)
    base = net.last
    net.conv(6, (1, 1), activation="NONE").reshape((1, -(-12 // 2) * 8 * 3, 2))
    first = net.softmax().last
    net.last = base
    net.conv(12, (1, 1), activation="NONE").reshape((1, 144, 4))
    boxes = net.concatenate(net.last, axis=1).last
    net.outputs = [boxes, first]
    return net


@kind("int8 detector, resized and added, three outputs")
def _pyramid():
    net = KindNet((1, 24, 32, 3)).conv(8, stride=(2, 2)).depthwise()
    large = net.conv(8, (1, 1), activation="NONE").last
    net.pool("MAX").depthwise()
    small = net.conv(8, (1, 1), activation="NONE").last
    net.nearest()
    together = net.add(large).last
    net.conv(4, (1, 1), activation="NONE")
    net.outputs = [net.last, small, together]
    return net


# Convolutions over time


@kind("float32 time CNN", files=2)
def _float_time():
    net = KindNet((1, 42, 2), dtype="float32").conv1d(12).conv1d(12)
    net.expand(1).pool("MAX", (1, 2), (1, 2)).reshape((1, 21, 12)).expand(1)
    net.pad((0, 0), (0, 0), (1, 1), (0, 0)).conv(8, (1, 3), padding="VALID").flatten()
    return net.dense(16, "RELU").dense(4).softmax()


@kind("int8 time CNN")
def _int8_time():
    net = KindNet((1, 60, 6)).conv1d(12).conv1d(12).expand(1).pool("MAX", (1, 2), (1, 2)).reshape((1, 30, 12))
    return net.conv1d(8).flatten().dense(16, "RELU").dense(4).softmax()


def _dilated_time(dtype):
    net = KindNet((1, 64, 6), dtype=dtype).conv1d(8, activation="NONE")
    for dilation in (2, 4):
        start = net.last
        net.expand(1).dilated(8, 3, dilation)
        net.slice([0, 0, 0, 0], [1, 1, 64, 8]).reshape((1, 64, 8))
        net.pair("ADD").add(start, "RELU")
    return net.slice([0, 63, 0], [1, 64, 8], shrink=2).dense(4).softmax()


kind("float32 time CNN, dilated")(lambda: _dilated_time("float32"))
kind("int8 time CNN, dilated")(lambda: _dilated_time("int8"))


@kind("float32 time CNN, float16 weights", runs=False)
def _half_time():
    net = KindNet((1, 1, 20, 3), dtype="float32")
    weights, options = net.constant_from((8, 1, 3, 3), "float16"), schema.Conv2DOptionsT(strideW=1, strideH=1)
    return net.apply("CONV_2D", weights, -1, shape=(1, 1, 20, 8), options=options).mean(1, 2).dense(4).softmax()


# Networks with memory


def _recurrent(dtype, steps, depth):
    net = KindNet((1, steps, depth), dtype=dtype).lstm(10).flatten()
    return net.dense(4, per_channel=False).softmax()


kind("float32 fused LSTM")(lambda: _recurrent("float32", 14, 8))
kind("int8 fused LSTM", files=2)(lambda: _recurrent("int8", 14, 8))


@kind("int8 fused LSTM, two layers")
def _two_layers():
    net = KindNet((1, 1, 24)).dense(16).reshape((1, 1, 16)).lstm(16).lstm(16).reshape((1, 16))
    return net.dense(8).squash("LOGISTIC")


def _cell(net, state, units):
    """One step of an LSTM cell in elementary operators, as converters write it where nothing fuses."""
    net.dense(4 * units, per_channel=False).split(4)
    parts = net.operators[-1].outputs
    net.last = parts[0]
    gate = net.squash("LOGISTIC").last
    net.last = parts[1]
    new = net.squash("TANH").last
    net.last = gate
    kept = net.pair("MUL", new).last
    net.last = parts[2]
    held = net.squash("LOGISTIC").pair("MUL", state).add(kept).last
    net.last = parts[3]
    out = net.squash("LOGISTIC").last
    net.last = held
    net.squash("TANH").pair("MUL", out)
    return held


@kind("int8 LSTM cell, state as inputs and outputs")
def _state_outside():
    net = KindNet((1, 1, 32, 1), name="values").conv(12, (1, 3)).conv(8, (1, 3))
    state = net.tensor((1, 2, 8), name="state", scale=1 / 64)
    net.inputs.insert(0, state)
    values = net.transpose(0, 2, 1, 3).reshape((1, 256)).split_uneven((192, 64))
    net.last = state
    hidden, cell = net.unpack(1)
    net.last = values[0]
    net.match(hidden).concatenate(hidden)
    held = _cell(net, cell, 8)
    out = net.last
    net.pack(held, axis=1)
    states = net.last
    net.last = out
    net.outputs = [states, net.pair("SUB", held).dense(4).squash("LOGISTIC").last]
    return net


@kind("mixed transposed convolutions, LSTM cell, float ends")
def _mixed_transposed():
    net = KindNet((1, 1, 32, 1), dtype="float32", name="values").quantise()
    net.conv(8, (1, 3), (1, 2))
    skip = net.last
    net.conv(8, (1, 3), (1, 2)).flatten().dense(16).reshape((1, 1, 8, 2))
    net.transpose_conv(4, (1, 2), (1, 2)).match(skip)
    net.concatenate(skip).norm()
    net.transpose_conv(1, (1, 2), (1, 2)).squash("LOGISTIC").dequantise()
    return net


kind("int16x8 transposed convolution")(lambda: KindNet((1, 4, 4, 16), dtype="int16").transpose_conv(16, (2, 2), (2, 2)))


def _svdf():
    net = KindNet((1, 96), dtype="int16").requantise("int8", 1 / 64, 0)
    for units in (16, 16, 12):
        net.svdf(units).dense(12, "RELU", per_channel=False)
    return net.dense(4, per_channel=False).softmax().requantise("int32", [1 / 256])


kind("int8 SVDF, int16 in, int32 out", files=2)(_svdf)
kind("float32 SVDF")(lambda: KindNet((1, 40), dtype="float32").svdf(16).dense(4).softmax())


@kind("int8 streaming state, uint8 out", files=5)
def _streaming():
    net = KindNet((1, 1, 40)).reshape((1, 1, 1, 40))
    net.remember("first", 2).conv(12, (3, 1), padding="VALID")
    for number, depth in enumerate((16, 16)):
        net.remember(f"state{number}", 4)
        parts = net.split_uneven((net.shape[-1] // 2, net.shape[-1] - net.shape[-1] // 2))
        net.last = parts[0]
        left = net.depthwise((5, 1), padding="VALID").last
        net.last = parts[1]
        net.slice([0, 2, 0, 0], [1, 5, 1, net.shape[-1]]).depthwise((3, 1), padding="VALID")
        net.concatenate(left).conv(depth, (1, 1))
    net.flatten().dense(1).squash("LOGISTIC")
    return net.requantise("uint8", 1 / 256, -128)


@kind("float32 streaming state")
def _float_streaming():
    net = KindNet((1, 1, 1, 12), dtype="float32").remember("first", 2).conv(8, (3, 1), padding="VALID")
    return net.flatten().dense(3).softmax()


@kind("int8 streaming state, summed")
def _summed():
    net = KindNet((1, 12)).dense(8)
    shape = net.shape
    net.accumulate()
    net.initialise("state", shape)
    return net.dense(3)


def _loop(dtype="float32", *, flex=True, hybrid=False):
    """A recurrent layer that did not fuse: WHILE, with its state in tensor lists of TensorFlow, or without."""
    net = KindNet((1, 10, 3), dtype=dtype)
    net.transpose(1, 0, 2)
    steps, values = net.last, net.tensor((1, 6))
    net.use("FILL", [net.fixed([1, 6]), net.fixed(0.0, "float32")], [values], OPTIONS.FillOptions,
            schema.FillOptionsT())  # fmt: skip
    if flex:
        net.custom_with("FlexTensorListReserve", steps, outputs=[((10, 1, 6), "float32")])
    for body in (False, True):
        inner = net.branch((1,), (1, 6), dtype="float32")
        if body:
            inner.last = inner.inputs[1]
            inner.dense(6)
            inner.outputs = [inner.inputs[0], inner.last]
        else:
            done = inner.tensor((1,), dtype="bool")
            inner.use("LESS", [inner.last, inner.fixed([9.0], "float32")], [done], OPTIONS.LessOptions,
                      schema.LessOptionsT())  # fmt: skip
            inner.outputs = [done]
    count, out = net.fixed([0.0], "float32"), net.tensor((1, 6))
    state = net.tensor((1,))
    options = schema.WhileOptionsT(condSubgraphIndex=1, bodySubgraphIndex=2)
    net.use("WHILE", [count, values], [state, out], OPTIONS.WhileOptions, options)
    net.last = out
    if hybrid:
        data = net.rng.integers(-99, 99, (4, 6)).astype(np.int8)
        return net.dense_with(net.tensor((4, 6), dtype="int8", data=data, scale=0.05), 4).softmax()
    return net.dense(4).softmax()


kind("float32 recurrent loop", runs=False, files=9)(_loop)
kind("hybrid recurrent loop", runs=False, files=4)(lambda: _loop(hybrid=True))


@kind("float32 recurrent loop over variables", runs=False)
def _loop_variables():
    net = KindNet((1, 1, 8), dtype="float32").remember("kept", 2)
    net.custom_with("FlexTensorListReserve", net.last, outputs=[((1, 3, 8), "float32")])
    return net


# Custom operators


@kind("signal library")
def _signal():
    net = KindNet((480,), dtype="int16")
    window = net.fixed(net.rng.integers(0, 4096, 480), "int16")
    (shaped,) = net.custom_with("SignalWindow", net.last, window, outputs=[((480,), "int16")], shift=12)
    net.dtype, net.last = "int16", shaped
    scaled, bits = net.custom_with("SignalFftAutoScale", net.last, outputs=[((480,), "int16"), ((), "int32")])
    (wave,) = net.custom_with("SignalRfft", scaled, outputs=[((514,), "int16")], T=7, fft_length=512)
    (energy,) = net.custom_with("SignalEnergy", wave, outputs=[((257,), "uint32")], start_index=2, end_index=240)
    weights = [net.fixed(net.rng.integers(0, 4096, 250), "int16") for _ in range(2)]
    starts = [net.fixed(np.arange(41) * 6, "int16") for _ in range(2)]
    widths = net.fixed(np.full(41, 6), "int16")
    bank = [energy, *weights, *starts, widths]
    (mel,) = net.custom_with("SignalFilterBank", *bank, outputs=[((40,), "uint64")], num_channels=40)
    (root,) = net.custom_with("SignalFilterBankSquareRoot", mel, bits, outputs=[((40,), "uint32")])
    noise = {"smoothing": 10, "alternate_smoothing": 20, "one_minus_smoothing": 30, "one_minus_alternate_smoothing": 40}
    clean, estimate = net.custom_with(
        "SignalFilterBankSpectralSubtraction", root, outputs=[((40,), "uint32"), ((40,), "uint32")], num_channels=40,
        min_signal_remaining=819, smoothing_bits=10, spectral_subtraction_bits=14, clamping=False, **noise
    )  # fmt: skip
    table = net.fixed(net.rng.integers(0, 99, 125), "int16")
    (gained,) = net.custom_with("SignalPCAN", clean, estimate, table, outputs=[((40,), "uint32")], snr_shift=6)
    (logs,) = net.custom_with("SignalFilterBankLog", gained, outputs=[((40,), "int16")], output_scale=1600,
                              input_correction_bits=3)  # fmt: skip
    net.last = logs
    net.apply("CAST", dtype="int32", options=schema.CastOptionsT(inDataType=7, outDataType=2))
    net.apply("MUL", net.fixed([256] * 40), options=schema.MulOptionsT())
    net.apply("DIV", net.fixed([666] * 40), options=schema.DivOptionsT())
    net.apply("MAXIMUM", net.fixed([-128] * 40)).apply("MINIMUM", net.fixed([127] * 40))
    return net.apply("CAST", dtype="int8", options=schema.CastOptionsT(inDataType=2, outDataType=9))


def _foreign(name):
    net = KindNet((1, 8, 8, 1))
    (out,) = net.custom_with(name, net.last, outputs=[((1, 8, 8, 4), "int8")])
    net.last = out
    return net


kind("compiled for an Ethos-U", runs=False)(lambda: _foreign("ethos-u"))
kind("compiled for another engine", runs=False)(lambda: _foreign("XC_conv2d_v2"))


# Further ends


@kind("int8 two inputs, added")
def _two_inputs():
    return KindNet((1, 16, 16, 1)).second_input()


@kind("float32 two inputs, joined")
def _joined():
    net = KindNet((1, 12), dtype="float32").dense(8, "RELU")
    left, second = net.last, net.tensor((1, 5), name="second")
    net.inputs.append(second)
    net.last = second
    return net.dense(4, "RELU").concatenate(left).dense(3).squash("TANH")


@kind("float32 elementwise operators")
def _float_elementwise():
    net = KindNet((1, 6, 6, 2), dtype="float32")
    net.unary("ABS").pair("ADD").unary("SQRT").pair("DIV").unary("EXP").unary("LOG").pair("MAXIMUM").unary("RSQRT")
    net.unary("SQUARE").leaky().unary("RELU6").unary("FLOOR").bilinear().transpose(0, 2, 1, 3)
    return net.apply("SQUARED_DIFFERENCE", net.operand(net.shape[-1:])).mean(1, 2).unary("TANH")


@kind("int16x8 elementwise operators")
def _wide_elementwise():
    net = KindNet((1, 6, 6, 2), dtype="int16")
    net.pair("ADD").pair("MUL").squash("TANH").squash("LOGISTIC").pad((0, 0), (1, 1), (1, 1), (0, 0))
    return net.pool("MAX").pool("AVERAGE").flatten()


# Kinds that none of those files was of, and that the engine runs


def _attention(dtype):
    """One head over eight steps: two matrix products with a softmax between."""
    net = KindNet((1, 8, 12), dtype=dtype)
    values = net.last
    options = schema.BatchMatMulOptionsT(adjY=True)
    net.apply("BATCH_MATMUL", values, shape=(1, 8, 8), options=options, scale=0.2)
    net.softmax()
    net.apply("BATCH_MATMUL", values, shape=(1, 8, 12), options=schema.BatchMatMulOptionsT())
    return net.add(values) if dtype == "float32" else net


kind("float32 attention", files=0)(lambda: _attention("float32"))
kind("int8 attention", files=0)(lambda: _attention("int8"))


def _swish(dtype):
    """The squeeze, excite and hard swish of a MobileNetV3."""
    net = KindNet((1, 12, 12, 3), dtype=dtype).conv(8, stride=(2, 2), activation="NONE").apply("HARD_SWISH")
    wide = net.depthwise().last
    net.mean(1, 2, keep=True).conv(4, (1, 1)).conv(8, (1, 1), activation="NONE").squash("LOGISTIC")
    return net.pair("MUL", wide, shape=(1, 6, 6, 8)).mean(1, 2).dense(4)


kind("float32 MobileNetV3", files=0)(lambda: _swish("float32"))
kind("int8 MobileNetV3", files=0)(lambda: _swish("int8"))


def _unrolled(dtype):
    """An LSTM cell in elementary operators, its state as a second input and output."""
    net = KindNet((1, 12), dtype=dtype, name="values")
    cell = net.tensor((1, 6), name="state", scale=1 / 64)
    net.inputs.append(cell)
    held = _cell(net, cell, 6)
    net.outputs = [net.last, held]
    return net


kind("float32 LSTM cell, state as input and output", files=0)(lambda: _unrolled("float32"))


@kind("int8 super-resolution", files=0)
def _resolve():
    net = KindNet((1, 8, 8, 1)).conv(8).conv(4, activation="NONE")
    return net.apply("DEPTH_TO_SPACE", shape=(1, 16, 16, 1), options=schema.DepthToSpaceOptionsT(blockSize=2))


@kind("int8 segmentation, resized bilinearly", files=0)
def _segment():
    return KindNet((1, 12, 12, 3)).conv(8, stride=(2, 2)).depthwise().conv(3, (1, 1)).bilinear()


@kind("float32 classifier, class as output", files=0)
def _class():
    net = KindNet((1, 20), dtype="float32").dense(16, "RELU").dense(5)
    return net.apply("ARG_MAX", net.fixed(1), shape=(1,), dtype="int32", options=schema.ArgMaxOptionsT(outputType=2))


@kind("float32 CNN, rectified by channel", files=0)
def _prelu():
    net = KindNet((1, 8, 8, 2), dtype="float32").conv(4, activation="NONE")
    return net.apply("PRELU", net.operand((1, 1, 4))).pool().flatten().dense(3).softmax()


@kind("float32 transposed convolutions", files=0)
def _float_transposed():
    return KindNet((1, 4, 4, 8), dtype="float32").transpose_conv(6).transpose_conv(3).squash("LOGISTIC")
