"""Random graphs of float32 and int16x8 operators, and of those that keep a state."""

from __future__ import annotations

import math

import numpy as np

from tests.codegen_graphs import ACTIVATIONS, OddNet
from tests.models import OPTIONS, PADDINGS, Net, schema

PAIRS = {
    "ADD": schema.AddOptionsT, "SUB": schema.SubOptionsT, "MUL": schema.MulOptionsT, "DIV": schema.DivOptionsT,
    "MINIMUM": schema.MaximumMinimumOptionsT, "MAXIMUM": schema.MaximumMinimumOptionsT,
    "SQUARED_DIFFERENCE": schema.SquaredDifferenceOptionsT,
}  # fmt: skip
PAIR_OPTIONS = {code: getattr(OPTIONS, make.__name__[:-1]) for code, make in PAIRS.items()}


class Transposed(OddNet):
    """An `OddNet` with transposed convolutions."""

    def odd_transposed(self):
        batch, height, width, depth = self.shape
        kernel, stride = (tuple(int(one) for one in self.rng.integers(1, high, 2)) for high in (5, 4))
        padding, count = self.pick("SAME", "VALID"), int(self.rng.integers(1, 7))
        more = [max(taps - step, 0) if padding == "VALID" else 0 for taps, step in zip(kernel, stride, strict=True)]
        out_shape = [batch, height * stride[0] + more[0], width * stride[1] + more[1], count]
        filters = self.filters((count, *kernel, depth), kernel[0] * kernel[1] * depth, count, 0)
        wanted = self.tensor((4,), dtype="int32", data=np.asarray(out_shape, np.int32))
        out = self.result(out_shape)
        options = schema.TransposeConvOptionsT(PADDINGS[padding], stride[1], stride[0])
        inputs = [wanted, filters[1], self.last, *filters[2:]]
        return self.use("TRANSPOSE_CONV", inputs, [out], OPTIONS.TransposeConvOptions, options, version=3)


class TypedNet(Transposed):
    """An `OddNet` whose activations are float32, or int16 with zero points of 0 and int8 weights."""

    def __init__(self, shape, *, dtype, seed=0, scale=1 / 4096):
        super().__init__(shape, dtype=dtype, seed=seed, scale=scale, zero_point=0)

    def result(self, shape, scale=None, zero_point=None):
        return super().result(shape, scale, 0 if zero_point is None else zero_point)

    def kind(self, tensor):
        return super().kind(tensor) if self.dtype != "float32" else (tuple(self.tensors[tensor].shape), 1.0, 0)

    def values(self, shape, spread=1.0):
        if self.dtype == "float32":
            return self.rng.normal(0, spread, shape).astype(np.float32)
        return self.rng.integers(-32768, 32768, shape).astype(np.int16)

    bias = "int64"

    def filters(self, shape, fan_in, channels, axis, *, zero_point=0, many=None):
        if self.dtype == "float32":
            weights = self.tensor(shape, data=self.values(shape, 1 / math.sqrt(fan_in)))
            if self.rng.random() < 0.2:
                return [self.last, weights]
            return [self.last, weights, self.tensor((channels,), data=self.values((channels,)))]
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        count = self.pick(1, channels) if many is None else channels if many else 1
        scales = self.rng.uniform(0.5, 1.5, count).astype(np.float32) / (127 * math.sqrt(fan_in))
        weights = self.tensor(shape, dtype="int8", data=data, scale=scales, axis=axis)
        if not self.bias:
            return [self.last, weights]
        data = self.rng.integers(-(2**20), 2**20, channels).astype(self.bias)
        tensor = self.tensor((channels,), dtype=self.bias, data=data)
        quantisation = schema.QuantizationParametersT(
            scale=np.atleast_1d(np.float32(self.scale) * scales), zeroPoint=np.zeros(count, np.int64)
        )
        self.tensors[tensor].quantization = quantisation
        return [self.last, weights, tensor]

    def other(self):
        same = [one for one in self.activations if self.kind(one)[0] == self.kind(self.last)[0]]
        if self.rng.random() < 0.5:
            return self.pick(*same)
        shape = [1 if self.rng.random() < 0.4 else size for size in self.shape]
        return self.tensor(shape, data=self.values(shape), scale=self.scale * float(self.rng.uniform(0.3, 3)))

    def odd_dense(self):
        depth, units = self.pick(self.shape[-1], math.prod(self.shape[1:])), int(self.rng.integers(1, 12))
        inputs = self.filters((units, depth), depth, units, 0, many=False)
        out = self.result((math.prod(self.shape) // depth, units))
        options = schema.FullyConnectedOptionsT(fusedActivationFunction=ACTIVATIONS[self.pick(*ACTIVATIONS)])
        return self.use("FULLY_CONNECTED", inputs, [out], OPTIONS.FullyConnectedOptions, options, version=4)

    def odd_pair(self, code):
        both = [self.last, self.other()]
        if self.rng.random() < 0.5:
            both.reverse()
        options = PAIRS[code]()
        if hasattr(options, "fusedActivationFunction"):
            options.fusedActivationFunction = ACTIVATIONS[self.pick(*ACTIVATIONS)]
        out = self.result(self.shape)
        return self.use(code, both, [out], PAIR_OPTIONS[code], options, version=2)

    def odd_reduction(self, code="MEAN"):
        rank = len(self.shape)
        axes = self.pick((1, 2), (2, 1), (-1,), (1,), (1, rank - 1)) if rank == 4 else (self.pick(1, -1),)
        keep, held = self.pick(True, False), {axis % rank for axis in axes}
        shape = [1 if axis in held else size for axis, size in enumerate(self.shape) if keep or axis not in held]
        data = np.asarray(axes, np.int32)
        inputs = [self.last, self.tensor(data.shape, dtype="int32", data=data)]
        out = self.result(shape)
        return self.use(code, inputs, [out], OPTIONS.ReducerOptions, schema.ReducerOptionsT(keepDims=keep), version=2)

    def odd_curve(self, code):
        out = self.result(self.shape, 1 / 32768)
        return self.use(code, [self.last], [out])

    def odd_normalise(self):
        out, options = self.result(self.shape), schema.L2NormOptionsT()
        return self.use("L2_NORMALIZATION", [self.last], [out], OPTIONS.L2NormOptions, options, version=2)

    def odd_prelu(self):
        return self.use("PRELU", [self.last, self.tensor(self.shape[-1:], data=self.values(self.shape[-1:]))],
                        [self.result(self.shape)])  # fmt: skip

    def odd_bilinear(self):
        batch, _, _, depth = self.shape
        size = [int(one) for one in self.rng.integers(1, 15, 2)]
        wanted = self.tensor((2,), dtype="int32", data=np.asarray(size, np.int32))
        out = self.result((batch, *size, depth))
        corners, half = self.pick((False, False), (True, False), (False, True))
        options = schema.ResizeBilinearOptionsT(alignCorners=corners, halfPixelCenters=half)
        return self.use("RESIZE_BILINEAR", [self.last, wanted], [out], OPTIONS.ResizeBilinearOptions, options)

    def compare(self, code):
        """A comparison as the last operator: its output is bool."""
        make = getattr(schema, code.title().replace("_", "") + "OptionsT")
        out = self.tensor(self.shape, dtype="bool")
        return self.use(code, [self.last, self.other()], [out], getattr(OPTIONS, make.__name__[:-1]), make())

    def odd_leaky(self):
        out, options = self.result(self.shape), schema.LeakyReluOptionsT(alpha=self.pick(0.1, 0.3, -0.5))
        return self.use("LEAKY_RELU", [self.last], [out], OPTIONS.LeakyReluOptions, options)

    def odd_softmax(self):
        out, options = self.result(self.shape, 1 / 32768), schema.SoftmaxOptionsT(beta=self.pick(1.0, 0.3, 2.5))
        return self.use("SOFTMAX", [self.last], [out], OPTIONS.SoftmaxOptions, options, version=2)


EXACT_IMAGE = "conv conv depthwise pool reduction".split()
EXACT_ANY = "dense ADD SUB MUL MINIMUM MAXIMUM leaky".split()
INT16_ANY = ["LOGISTIC", "TANH", "softmax", "RELU", "RELU6"]
FLOAT_ANY = "DIV SQUARED_DIFFERENCE RELU RELU6 HARD_SWISH NEG ABS SQUARE SQRT RSQRT FLOOR CEIL prelu normalise".split()


def random_net(seed, *, dtype, steps=None, image=EXACT_IMAGE, anywhere=EXACT_ANY, more=()):
    """One to four operators whose sums have one order."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.choice([1, 1, 2])), *(int(size) for size in rng.integers(1, 12, 2)), int(rng.integers(1, 9)))
    net = Transposed(shape, seed=seed) if dtype == "int8" else TypedNet(shape, dtype=dtype, seed=seed)
    for _ in range(steps or int(rng.integers(1, 5))):
        add(net, net.pick(*(image if len(net.shape) == 4 else []), *anywhere, *more))
        if math.prod(net.shape) > 4000 or len(net.shape) < 2:
            break
    return net


def add(net, step):
    if step in PAIRS:
        net.odd_pair(step)
    elif step.isupper():
        net.odd_curve(step)
    else:
        getattr(net, f"odd_{step}")()


def lstm_net(*, dtype, seed=0, sizes=(1, 7, 5, 6), time_major=False, cell_clip=0.0, cell_power=-11, zero_point=5):
    """One LSTM over a sequence: (batches, steps, inputs, units)."""
    batches, steps, inputs, units = sizes
    real = dtype == "float32"
    net = Net(
        (steps, batches, inputs) if time_major else (batches, steps, inputs), dtype=dtype, seed=seed, scale=1 / 40
    )
    rng, scales = net.rng, net.rng.uniform(0.3, 1, 8) / 127
    given = [-1] * 24
    given[0] = net.last
    for gate in range(8):
        shape = (units, inputs if gate < 4 else units)
        data = rng.normal(0, 0.5, shape).astype(np.float32) if real else rng.integers(-127, 128, shape).astype(np.int8)
        given[1 + gate] = net.tensor(shape, data=data, scale=float(scales[gate]))
    for gate in range(4):
        data = (
            rng.normal(0, 0.5, units).astype(np.float32) if real else rng.integers(-3000, 3000, units).astype(np.int32)
        )
        kind, scale = dtype if real else "int32", np.float32([scales[gate] / 40])
        given[12 + gate] = net.tensor((units,), dtype=kind, data=data, scale=scale)
    given[18] = net.tensor((batches, units), scale=1 / 120, zero_point=zero_point, variable=True)
    given[19] = net.tensor((batches, units), dtype=dtype if real else "int16", scale=2.0**cell_power, variable=True)
    out = net.tensor((*net.shape[:2], units), scale=1 / 120, zero_point=zero_point)
    options = schema.UnidirectionalSequenceLSTMOptionsT(
        fusedActivationFunction=4, cellClip=cell_clip, projClip=0.0, timeMajor=time_major
    )
    return net.use("UNIDIRECTIONAL_SEQUENCE_LSTM", given, [out], OPTIONS.UnidirectionalSequenceLSTMOptions, options)


def svdf(net, *, units=4, rank=2, memory=5, activation="NONE"):
    """An SVDF on the net's last tensor [batches, inputs], with a state of its own."""
    (batches, inputs), filters, real = net.shape, units * rank, net.dtype == "float32"

    def weights(shape, dtype, high, scale):
        dtype = "float32" if real else dtype
        data = net.rng.normal(0, 0.4, shape) if real else net.rng.integers(-high, high, shape)
        return net.tensor(shape, dtype=dtype, data=data.astype(dtype), scale=scale)

    features = weights((filters, inputs), "int8", 127, 1 / 900)
    times = weights((filters, memory), "int16", 32767, 1 / 32768)
    offset = weights((units,), "int32", 2**20, np.float32([1 / 32768 / 2048]))
    state = net.tensor((batches, filters * memory), dtype="float32" if real else "int16", scale=1 / 2048, variable=True)
    out = net.tensor((batches, units), scale=1 / 20, zero_point=-7)
    options = schema.SVDFOptionsT(rank=rank, fusedActivationFunction=ACTIVATIONS[activation])
    return net.use("SVDF", [net.last, features, times, offset, state], [out], OPTIONS.SVDFOptions, options, version=3)


def matrices_net(dtype, a, b, *, adjoint=(False, False), seed=0, constant=False):
    """BATCH_MATMUL of an input and of a second input, or a constant."""
    net = Net(a, dtype=dtype, seed=seed, scale=1 / 50, zero_point=4)
    data = net.rng.integers(-128, 128, b).astype(dtype) if constant else None
    second = net.tensor(b, data=data, scale=1 / 40, zero_point=-9)
    net.inputs += [] if constant else [second]
    rows, columns = a[-1 if adjoint[0] else -2], b[-2 if adjoint[1] else -1]
    out = net.tensor((*np.broadcast_shapes(a[:-2], b[:-2]), rows, columns), scale=0.3, zero_point=-3)
    options = schema.BatchMatMulOptionsT(adjX=adjoint[0], adjY=adjoint[1])
    return net.use("BATCH_MATMUL", [net.last, second], [out], OPTIONS.BatchMatMulOptions, options, version=4)
