"""Random int8 graphs of every operator the exporter takes, and the interpreter's answers to many of them at once."""

from __future__ import annotations

import math

import numpy as np

from tests.models import OPTIONS, PADDINGS, TYPES, Net, schema
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.session import Engine, check_bytes

ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
LARGEST_TENSOR = 4000


class OddNet(Net):
    """A `Net` with the operators and odd cases the plain one lacks; `rng` draws what is not given."""

    def __init__(self, shape, *, seed=0, **options):
        super().__init__(shape, seed=seed, **options)
        self.activations = [self.last]

    def result(self, shape, scale=None, zero_point=None):
        scale = self.scale * float(self.rng.uniform(0.4, 2.5)) if scale is None else scale
        zero = int(self.rng.integers(-128, 128)) if zero_point is None else zero_point
        out = self.tensor(shape, scale=scale, zero_point=zero)
        self.activations.append(out)
        return out

    def pick(self, *values):
        return values[int(self.rng.integers(len(values)))]

    def filters(self, shape, fan_in, channels, axis, *, zero_point=0):
        """Weights and bias (perhaps left out), of one scale or one a channel; and the inputs of the operator."""
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        count = self.pick(1, channels)
        scales = self.rng.uniform(0.5, 1.5, count).astype(np.float32) / (127 * math.sqrt(fan_in))
        weights = self.tensor(shape, data=data, scale=scales, axis=axis, zero_point=zero_point if count == 1 else 0)
        if self.rng.random() < 0.2:
            return [self.last, weights]
        bias = self.rng.integers(-3000, 3000, channels).astype(np.int32)
        return [self.last, weights, self.tensor((channels,), dtype="int32", data=bias, scale=self.scale * scales)]

    def odd_conv(self, *, depthwise=False, kernel=None, stride=None, padding=None, dilation=None, channels=None):
        batch, height, width, depth = self.shape
        kernel = kernel or tuple(int(size) for size in self.rng.integers(1, 6, 2))
        stride = stride or tuple(int(size) for size in self.rng.integers(1, 4, 2))
        dilation = dilation or self.pick((1, 1), (1, 1), tuple(int(size) for size in self.rng.integers(1, 4, 2)))
        padding = padding or self.pick("SAME", "VALID")
        rows, columns = self.window((height, width), kernel, stride, padding, dilation)
        if rows < 1 or columns < 1:
            padding, (rows, columns) = "SAME", self.window((height, width), kernel, stride, "SAME", dilation)
        fused = ACTIVATIONS[self.pick(*ACTIVATIONS)]
        if depthwise:
            multiplier = channels or self.pick(1, 1, 2, 3, 4, 8)
            count = depth * multiplier
            inputs = self.filters((1, *kernel, count), kernel[0] * kernel[1], count, 3)
            options = schema.DepthwiseConv2DOptionsT(
                PADDINGS[padding], stride[1], stride[0], multiplier, fused, dilation[1], dilation[0]
            )
            out = self.result((batch, rows, columns, count))
            return self.use("DEPTHWISE_CONV_2D", inputs, [out], OPTIONS.DepthwiseConv2DOptions, options, version=3)
        count, inside = channels or int(self.rng.integers(1, 10)), depth
        if depth % 2 == 0 and self.rng.random() < 0.15:
            count, inside = 2 * count, depth // 2
        inputs = self.filters((count, *kernel, inside), kernel[0] * kernel[1] * inside, count, 0)
        options = schema.Conv2DOptionsT(PADDINGS[padding], stride[1], stride[0], fused, dilation[1], dilation[0])
        out = self.result((batch, rows, columns, count))
        return self.use("CONV_2D", inputs, [out], OPTIONS.Conv2DOptions, options, version=3)

    def odd_depthwise(self, **options):
        return self.odd_conv(depthwise=True, **options)

    def odd_dense(self):
        depth, units = self.pick(self.shape[-1], math.prod(self.shape[1:])), int(self.rng.integers(1, 12))
        inputs = self.filters((units, depth), depth, units, 0, zero_point=self.pick(0, 0, 5, -9))
        out = self.result((math.prod(self.shape) // depth, units))
        options = schema.FullyConnectedOptionsT(fusedActivationFunction=ACTIVATIONS[self.pick(*ACTIVATIONS)])
        return self.use("FULLY_CONNECTED", inputs, [out], OPTIONS.FullyConnectedOptions, options, version=4)

    def other(self, *, alike=False):
        """A second operand: an earlier activation of the same shape, or a constant that may have axes of size 1.

        `alike`: of the same shape, scale and zero point.
        """
        kind = self.kind(self.last)
        same = [one for one in self.activations if self.kind(one)[: 3 if alike else 1] == kind[: 3 if alike else 1]]
        if self.rng.random() < 0.5:
            return self.pick(*same)
        shape = [1 if not alike and self.rng.random() < 0.4 else size for size in self.shape]
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        scale, zero = (kind[1], kind[2]) if alike else (float(self.rng.uniform(0.005, 0.1)), self.pick(0, -5, 9))
        return self.tensor(shape, data=data, scale=scale, zero_point=zero)

    def kind(self, tensor):
        found = self.tensors[tensor]
        return tuple(found.shape), float(found.quantization.scale[0]), int(found.quantization.zeroPoint[0])

    def odd_pair(self, code):
        both = [self.last, self.other()]
        if self.rng.random() < 0.5:
            both.reverse()
        kind, make = (OPTIONS.AddOptions, schema.AddOptionsT) if code == "ADD" else (
            OPTIONS.MulOptions, schema.MulOptionsT)  # fmt: skip
        options = make(fusedActivationFunction=ACTIVATIONS[self.pick(*ACTIVATIONS)])
        return self.use(code, both, [self.result(self.shape)], kind, options, version=2)

    def odd_add(self):
        return self.odd_pair("ADD")

    def odd_mul(self):
        return self.odd_pair("MUL")

    def odd_concatenation(self):
        both = [self.last, *(self.other(alike=True) for _ in range(int(self.rng.integers(0, 3))))]
        axis = int(self.rng.integers(-len(self.shape), len(self.shape)))
        shape = list(self.shape)
        shape[axis] *= len(both)
        out = self.result(shape, self.scale, self.zero_point)
        options = schema.ConcatenationOptionsT(axis=axis)
        return self.use("CONCATENATION", both, [out], OPTIONS.ConcatenationOptions, options, version=2)

    def pair_with(self, code, shape, *, constant):
        """ADD or MUL with an operand of another shape, even of another rank, constant or a second input."""
        data = self.rng.integers(-128, 128, shape).astype(np.int8) if constant else None
        second = self.tensor(shape, data=data, scale=0.03, zero_point=11)
        self.inputs += [] if constant else [second]
        out = self.result(np.broadcast_shapes(self.shape, shape))
        kind, make = (OPTIONS.AddOptions, schema.AddOptionsT) if code == "ADD" else (
            OPTIONS.MulOptions, schema.MulOptionsT)  # fmt: skip
        return self.use(code, [second, self.last], [out], kind, make(), version=2)

    def concatenate_uneven(self, axis):
        """With itself, a constant and a second input, of different lengths along the axis."""
        sizes, shapes = (self.shape[axis], 2, 1), [list(self.shape) for _ in range(4)]
        for shape, size in zip(shapes, (*sizes, sum(sizes) + self.shape[axis]), strict=True):
            shape[axis] = size
        like = {"scale": self.scale, "zero_point": self.zero_point}
        data = self.rng.integers(-128, 128, shapes[1]).astype(np.int8)
        fixed, second = self.tensor(shapes[1], data=data, **like), self.tensor(shapes[2], **like)
        self.inputs.append(second)
        out = self.result(shapes[3], self.scale, self.zero_point)
        options = schema.ConcatenationOptionsT(axis=axis)
        inputs = [self.last, fixed, second, self.last]
        return self.use("CONCATENATION", inputs, [out], OPTIONS.ConcatenationOptions, options, version=2)

    def odd_pad(self):
        widths = self.rng.integers(0, 3, (len(self.shape), 2)).astype(np.int32)
        widths[0] = 0
        shape = [int(size + sides.sum()) for size, sides in zip(self.shape, widths, strict=True)]
        inputs = [self.last, self.tensor(widths.shape, dtype="int32", data=widths)]
        out = self.result(shape, self.scale, self.zero_point)
        if self.rng.random() < 0.5:
            return self.use("PAD", inputs, [out], OPTIONS.PadOptions, schema.PadOptionsT(), version=2)
        value = np.asarray([self.rng.integers(-128, 128)], np.int8)
        inputs.append(self.tensor((1,), data=value, scale=self.scale, zero_point=self.zero_point))
        return self.use("PADV2", inputs, [out], OPTIONS.PadV2Options, schema.PadV2OptionsT(), version=2)

    def odd_pool(self):
        batch, height, width, depth = self.shape
        size = (int(self.rng.integers(1, min(height, 5) + 1)), int(self.rng.integers(1, min(width, 5) + 1)))
        stride, padding = tuple(int(one) for one in self.rng.integers(1, 4, 2)), self.pick("SAME", "VALID")
        rows, columns = self.window((height, width), size, stride, padding, (1, 1))
        out = self.result((batch, rows, columns, depth), self.scale, self.zero_point)
        fused = ACTIVATIONS[self.pick(*ACTIVATIONS)]
        options = schema.Pool2DOptionsT(PADDINGS[padding], stride[1], stride[0], size[1], size[0], fused)
        code = self.pick("AVERAGE_POOL_2D", "MAX_POOL_2D")
        return self.use(code, [self.last], [out], OPTIONS.Pool2DOptions, options, version=2)

    def odd_mean(self, axes=None, keep=None, same=None):
        rank = len(self.shape)
        if axes is None:
            axes = self.pick((1, 2), (2, 1), (-1,), (1,), (1, rank - 1)) if rank == 4 else (self.pick(1, -1),)
        keep, held = self.pick(True, False) if keep is None else keep, {axis % rank for axis in axes}
        shape = [1 if axis in held else size for axis, size in enumerate(self.shape) if keep or axis not in held]
        same = self.rng.random() < 0.4 if same is None else same
        out = self.result(shape, self.scale if same else None, self.zero_point if same else None)
        data = np.asarray(axes, np.int32)
        inputs = [self.last, self.tensor(data.shape, dtype="int32", data=data)]
        return self.use("MEAN", inputs, [out], OPTIONS.ReducerOptions, schema.ReducerOptionsT(keepDims=keep), version=2)

    def odd_softmax(self):
        out, options = self.result(self.shape, 1 / 256, -128), schema.SoftmaxOptionsT(beta=self.pick(1.0, 0.3, 2.5))
        return self.use("SOFTMAX", [self.last], [out], OPTIONS.SoftmaxOptions, options, version=2)

    def odd_logistic(self):
        return self.use("LOGISTIC", [self.last], [self.result(self.shape, 1 / 256, -128)])

    def odd_quantise(self):
        out = self.result(self.shape)
        return self.use("QUANTIZE", [self.last], [out], OPTIONS.QuantizeOptions, schema.QuantizeOptionsT())

    def odd_reshape(self):
        batch, *rest = self.shape
        count = math.prod(rest)
        first = self.pick(*(size for size in range(1, 8) if count % size == 0))
        shape = self.pick((batch, count), (batch, first, count // first, 1), (batch, 1, first, count // first))
        wanted = self.tensor((len(shape),), dtype="int32", data=np.asarray(shape, np.int32))
        out = self.result(shape, self.scale, self.zero_point)
        options = schema.ReshapeOptionsT(newShape=list(shape))
        return self.use("RESHAPE", [self.last, wanted], [out], OPTIONS.ReshapeOptions, options)


IMAGE_STEPS = "conv conv conv depthwise depthwise pool mean".split()
ANY_STEPS = "add mul concatenation pad quantise reshape dense softmax logistic".split()


def random_model(seed: int) -> bytes:
    """One to six operators on an image of odd size; one or two tensors are outputs."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.choice([1, 1, 1, 2])), *(int(size) for size in rng.integers(1, 12, 2)), int(rng.integers(1, 9)))
    net = OddNet(shape, seed=seed, scale=float(rng.uniform(0.005, 0.2)), zero_point=int(rng.integers(-128, 128)))
    for _ in range(int(rng.integers(1, 7))):
        steps = IMAGE_STEPS + ANY_STEPS if len(net.shape) == 4 else ANY_STEPS
        getattr(net, "odd_" + net.pick(*steps))()
        if math.prod(net.shape) > LARGEST_TENSOR or len(net.shape) < 2:
            break
    net.outputs = sorted({net.last, net.pick(*net.activations[1:])})
    return net.to_bytes()


def random_inputs(shape, count=3, seed=0, dtype=np.int8):
    """Samples of a type; the first is all extremes, or of floats a hundred times as large as the others."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        samples = rng.normal(0, 2, (count, *shape)).astype(dtype)
        samples[0] *= 100
        return samples
    limits = np.iinfo(dtype)
    samples = rng.integers(limits.min, limits.max, (count, *shape), endpoint=True).astype(dtype)
    samples[0] = np.where(samples[0] < (limits.min + limits.max + 1) // 2, limits.min, limits.max)
    return samples


def as_bytes(tensors):
    """Tensors [n, ...] of any types as int8 [n, bytes], one after the other."""
    return np.concatenate([np.ascontiguousarray(one).reshape(len(one), -1).view(np.int8) for one in tensors], 1)


def ask_interpreter(models):
    """For each model its inputs and TFLM's outputs as int8 [n, bytes], all from one child process."""
    engine, answers = Engine(), []
    try:
        for seed, model in enumerate(models):
            details = engine.ask({"do": "load", "engine": "tflm"}, check_bytes(model), timeout_s=60)[0]
            inputs = [random_inputs(row["shape"], seed=seed, dtype=row["dtype"]) for row in details["inputs"]]
            outputs = engine.ask({"do": "run"}, *inputs, timeout_s=60)[1]
            answers.append((as_bytes(inputs), as_bytes(outputs)))
    finally:
        engine.close()
    return answers


def ask_in_order(model, count=4):
    """Inputs and outputs of one interpreter that is never reset, as int8 [n, bytes]."""
    from tflite_micro.python.tflite_micro import runtime

    graph, one = read(model), runtime.Interpreter.from_bytes(model, arena_size=1 << 20)
    kinds = [graph.tensors[index] for index in graph.inputs]
    inputs = [random_inputs(kind.shape, count, dtype=kind.dtype) for kind in kinds]
    outputs = [[] for _ in graph.outputs]
    for sample in range(count):
        for index, rows in enumerate(inputs):
            one.set_input(rows[sample], index)
        one.invoke()
        for index, rows in enumerate(outputs):
            rows.append(np.array(one.get_output(index)))
    return as_bytes(inputs), as_bytes([np.stack(rows) for rows in outputs])


__all__ = ["ACTIVATIONS", "TYPES", "OddNet", "ask_in_order", "ask_interpreter", "random_inputs", "random_model"]
