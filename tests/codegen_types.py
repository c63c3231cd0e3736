"""Random graphs that the plain int8 ones are not: data moved in any type, ends of another type, more operators."""

from __future__ import annotations

import math

import numpy as np

from tests.codegen_graphs import ACTIVATIONS, LARGEST_TENSOR, OddNet
from tests.models import OPTIONS, TYPES, schema

NAMES = {number: name for name, number in TYPES.items()}


class WideNet(OddNet):
    """An `OddNet` with every operator that only moves data, the unary int8 ones, reductions, resizing and the ends."""

    def like(self, shape):
        """A tensor of the newest one's type and quantisation."""
        kind = self.tensors[self.last]
        name = NAMES[kind.type]
        scale, zero = (self.scale, self.zero_point) if kind.quantization is not None else (1.0, 0)
        out = self.tensor(shape, dtype=name, scale=scale, zero_point=zero)
        self.activations.append(out)
        return out

    def numbers(self, values, dtype="int32"):
        data = np.asarray(values, dtype)
        return self.tensor(data.shape, dtype=dtype, data=data)

    def others(self, data):
        """A constant of the newest tensor's type and quantisation."""
        index = self.like(data.shape)
        self.tensors[index].buffer = len(self.buffers)
        self.buffers.append(schema.BufferT(data=np.frombuffer(data.tobytes(), np.uint8)))
        self.activations.pop()
        return index

    def drawn(self, shape):
        dtype = NAMES[self.tensors[self.last].type]
        return self.rng.integers(0, 100, shape).astype(dtype)

    # moving data

    def move_transpose(self):
        order = self.rng.permutation(len(self.shape)).tolist()
        out = self.like([self.shape[axis] for axis in order])
        return self.use("TRANSPOSE", [self.last, self.numbers(order)], [out], OPTIONS.TransposeOptions,
                        schema.TransposeOptionsT())  # fmt: skip

    def move_strided_slice(self):
        begin, end, stride, shape, shrink = [], [], [], [], 0
        begin_mask, end_mask = (int(one) for one in self.rng.integers(0, 16, 2))
        for axis, size in enumerate(self.shape):
            step = self.pick(1, 1, 2, 3, -1, -2)
            first, last = (int(one) for one in sorted(self.rng.integers(0, size + 1, 2)))
            first, last = (first, last) if step > 0 else (min(last, size - 1), first - 1 if first else -size - 1)
            if self.rng.random() < 0.2 and len(self.shape) - len(shape) > 0 and axis and not shrink:
                first, last, step, shrink = int(self.rng.integers(-size, size)), 99, 1, shrink | 1 << axis
                begin_mask &= ~(1 << axis)
            else:
                taken = range(size)[None if begin_mask >> axis & 1 else first :
                                    None if end_mask >> axis & 1 else last : step]  # fmt: skip
                if not len(taken):
                    begin_mask, end_mask, taken = begin_mask | 1 << axis, end_mask | 1 << axis, range(size)[::step]
                shape.append(len(taken))
            begin.append(first)
            end.append(last)
            stride.append(step)
        options = schema.StridedSliceOptionsT(beginMask=begin_mask, endMask=end_mask, shrinkAxisMask=shrink)
        inputs = [self.last, self.numbers(begin), self.numbers(end), self.numbers(stride)]
        return self.use("STRIDED_SLICE", inputs, [self.like(shape)], OPTIONS.StridedSliceOptions, options)

    def move_slice(self):
        begin = [int(self.rng.integers(0, size)) for size in self.shape]
        size = [int(self.rng.integers(1, whole - first + 1)) for first, whole in zip(begin, self.shape, strict=True)]
        given = [-1 if first + many == whole and self.rng.random() < 0.5 else many
                 for first, many, whole in zip(begin, size, self.shape, strict=True)]  # fmt: skip
        inputs = [self.last, self.numbers(begin), self.numbers(given)]
        return self.use("SLICE", inputs, [self.like(size)], OPTIONS.SliceOptions, schema.SliceOptionsT())

    def move_split(self):
        axis = int(self.rng.integers(0, len(self.shape)))
        parts = self.pick(*(count for count in range(1, 5) if self.shape[axis] % count == 0))
        shape = list(self.shape)
        shape[axis] //= parts
        outs = [self.like(shape) for _ in range(parts)]
        inputs = [self.numbers(axis - self.pick(0, len(shape))), self.last]
        self.use("SPLIT", inputs, outs, OPTIONS.SplitOptions, schema.SplitOptionsT(numSplits=parts))
        self.last = self.pick(*outs)
        return self

    def move_split_v(self):
        axis = int(self.rng.integers(0, len(self.shape)))
        first = int(self.rng.integers(1, self.shape[axis] + 1))
        sizes = [first] + [self.shape[axis] - first] * (first < self.shape[axis])
        outs = []
        for size in sizes:
            shape = list(self.shape)
            shape[axis] = size
            outs.append(self.like(shape))
        inputs = [self.last, self.numbers(sizes), self.numbers(axis)]
        self.use("SPLIT_V", inputs, outs, OPTIONS.SplitVOptions, schema.SplitVOptionsT(numSplits=len(sizes)))
        self.last = self.pick(*outs)
        return self

    def move_pack(self):
        axis = int(self.rng.integers(0, len(self.shape) + 1))
        both = [self.last, self.others(self.drawn(self.shape)), self.last][: self.pick(1, 2, 3)]
        out = self.like([*self.shape[:axis], len(both), *self.shape[axis:]])
        options = schema.PackOptionsT(valuesCount=len(both), axis=axis)
        return self.use("PACK", both, [out], OPTIONS.PackOptions, options)

    def move_unpack(self):
        axis = int(self.rng.integers(0, len(self.shape)))
        count = self.shape[axis]
        outs = [self.like([*self.shape[:axis], *self.shape[axis + 1 :]]) for _ in range(count)]
        self.use("UNPACK", [self.last], outs, OPTIONS.UnpackOptions, schema.UnpackOptionsT(num=count, axis=axis))
        self.last = self.pick(*outs)
        return self

    def move_concatenation(self):
        axis = int(self.rng.integers(0, len(self.shape)))
        shape = list(self.shape)
        shape[axis] = int(self.rng.integers(1, 4))
        both = [self.last, self.others(self.drawn(shape)), self.last]
        shape[axis] += 2 * self.shape[axis]
        options = schema.ConcatenationOptionsT(axis=axis - self.pick(0, len(shape)))
        return self.use("CONCATENATION", both, [self.like(shape)], OPTIONS.ConcatenationOptions, options, version=2)

    def move_pad(self):
        widths = self.rng.integers(0, 3, (len(self.shape), 2)).astype(np.int32)
        shape = [int(size + sides.sum()) for size, sides in zip(self.shape, widths, strict=True)]
        inputs = [self.last, self.numbers(widths)]
        if self.rng.random() < 0.5:
            return self.use("PAD", inputs, [self.like(shape)], OPTIONS.PadOptions, schema.PadOptionsT(), version=2)
        inputs.append(self.others(self.drawn((1,)) + 1))
        return self.use("PADV2", inputs, [self.like(shape)], OPTIONS.PadV2Options, schema.PadV2OptionsT(), version=2)

    def move_expand(self):
        axis = int(self.rng.integers(0, len(self.shape) + 1))
        out = self.like([*self.shape[:axis], 1, *self.shape[axis:]])
        inputs = [self.last, self.numbers(axis)]
        return self.use("EXPAND_DIMS", inputs, [out], OPTIONS.ExpandDimsOptions, schema.ExpandDimsOptionsT())

    def move_squeeze(self):
        out = self.like([size for size in self.shape if size != 1])
        return self.use("SQUEEZE", [self.last], [out], OPTIONS.SqueezeOptions, schema.SqueezeOptionsT(squeezeDims=[]))

    def move_gather(self):
        axis, count = int(self.rng.integers(0, len(self.shape))), int(self.rng.integers(1, 6))
        index = self.numbers(self.rng.integers(0, self.shape[axis], count))
        out = self.like([*self.shape[:axis], count, *self.shape[axis + 1 :]])
        options = schema.GatherOptionsT(axis=axis)
        return self.use("GATHER", [self.last, index], [out], OPTIONS.GatherOptions, options)

    def embed(self, words=7, width=3):
        """A row of a table for each index that comes in: what an embedding becomes."""
        table = self.tensor((words, width), dtype="int8", data=self.rng.integers(-128, 128, (words, width), np.int8))
        out = self.tensor((*self.shape, width), dtype="int8")
        return self.use("GATHER", [table, self.last], [out], OPTIONS.GatherOptions, schema.GatherOptionsT())

    def move_nearest(self):
        batch, _, _, depth = self.shape
        size = self.rng.integers(1, 12, 2).astype(np.int32)
        corners, half = self.pick((False, False), (True, False), (False, True))
        options = schema.ResizeNearestNeighborOptionsT(alignCorners=corners, halfPixelCenters=half)
        inputs = [self.last, self.numbers(size)]
        out = self.like((batch, *size.tolist(), depth))
        return self.use("RESIZE_NEAREST_NEIGHBOR", inputs, [out], OPTIONS.ResizeNearestNeighborOptions, options)

    def move_to_batches(self, *, padded=False):
        """SPACE_TO_BATCH_ND over rows, or rows and columns; TFLM sets nowhere what it pads with: 0 in a fresh arena."""
        pads, block, shape = [], [], [self.shape[0]]
        for size in self.shape[1:-1]:
            part = self.pick(*(one for one in range(1, 4) if padded or size % one == 0))
            before = int(self.rng.integers(0, 4)) * padded
            after = -(size + before) % part + part * self.pick(0, 1) * padded
            block.append(part)
            pads.append([before, after])
            shape.append((size + before + after) // part)
        shape = [shape[0] * math.prod(block), *shape[1:], self.shape[-1]]
        inputs = [self.last, self.numbers(block), self.numbers(pads)]
        out = self.like(shape)
        return self.use("SPACE_TO_BATCH_ND", inputs, [out], OPTIONS.SpaceToBatchNDOptions,
                        schema.SpaceToBatchNDOptionsT(), version=2)  # fmt: skip

    def move_from_batches(self):
        """BATCH_TO_SPACE_ND, with rows and columns cut off; made of several batches before."""
        block = self.pick([2, 1], [2, 3], [1, 2]) if len(self.shape) > 3 else [self.pick(2, 3)]
        axis = [self.last] * math.prod(block)
        options = schema.ConcatenationOptionsT(axis=0)
        many = self.like([self.shape[0] * len(axis), *self.shape[1:]])
        self.use("CONCATENATION", axis, [many], OPTIONS.ConcatenationOptions, options, version=2)
        crops, shape = [], [self.shape[0] // len(axis)]
        for size, part in zip(self.shape[1:], block, strict=False):
            before = int(self.rng.integers(0, min(3, size * part)))
            after = int(self.rng.integers(0, min(3, size * part - before)))
            crops.append([before, after])
            shape.append(size * part - before - after)
        inputs = [self.last, self.numbers(block), self.numbers(crops)]
        out = self.like([*shape, *self.shape[1 + len(block) :]])
        return self.use("BATCH_TO_SPACE_ND", inputs, [out], OPTIONS.BatchToSpaceNDOptions,
                        schema.BatchToSpaceNDOptionsT())  # fmt: skip

    def move_open_reshape(self):
        """What Keras writes for a Reshape with an open batch: SHAPE, its first entry, packed with the others."""
        batch, count = self.shape[0], math.prod(self.shape[1:])
        source, shape = self.last, self.tensor((len(self.shape),), dtype="int32")
        self.use("SHAPE", [source], [shape], OPTIONS.ShapeOptions, schema.ShapeOptionsT(outType=2))
        first, one = self.tensor((), dtype="int32"), self.numbers([1])
        options = schema.StridedSliceOptionsT(shrinkAxisMask=1)
        inputs = [shape, self.numbers([0]), one, one]
        self.use("STRIDED_SLICE", inputs, [first], OPTIONS.StridedSliceOptions, options)
        packed = self.tensor((3,), dtype="int32")
        parts = [first, self.numbers(1), self.numbers(count)]
        self.use("PACK", parts, [packed], OPTIONS.PackOptions, schema.PackOptionsT(valuesCount=3))
        self.last = source
        out = self.like((batch, 1, count))
        return self.use("RESHAPE", [source, packed], [out], OPTIONS.ReshapeOptions, schema.ReshapeOptionsT())

    def move_to_depth(self):
        self.use("PAD", [self.last, self.numbers([[0, 0], *([0, -size % 2] for size in self.shape[1:3]), [0, 0]])],
                 [self.like([self.shape[0], *(size + size % 2 for size in self.shape[1:3]), self.shape[3]])],
                 OPTIONS.PadOptions, schema.PadOptionsT(), version=2)  # fmt: skip
        batch, rows, columns, depth = self.shape
        out = self.like((batch, rows // 2, columns // 2, 4 * depth))
        options = schema.SpaceToDepthOptionsT(blockSize=2)
        return self.use("SPACE_TO_DEPTH", [self.last], [out], OPTIONS.SpaceToDepthOptions, options)

    def move_from_depth(self):
        batch, rows, columns, depth = self.move_to_depth().shape
        out = self.like((batch, 2 * rows, 2 * columns, depth // 4))
        options = schema.DepthToSpaceOptionsT(blockSize=2)
        return self.use("DEPTH_TO_SPACE", [self.last], [out], OPTIONS.DepthToSpaceOptions, options)

    def move_mirror(self):
        mode = self.pick(0, 1)
        limits = [min(2, size - 1 + mode) for size in self.shape]
        widths = np.array([self.rng.integers(0, limit + 1, 2) for limit in limits], np.int32)
        shape = [int(size + sides.sum()) for size, sides in zip(self.shape, widths, strict=True)]
        inputs, options = [self.last, self.numbers(widths)], schema.MirrorPadOptionsT(mode=mode)
        return self.use("MIRROR_PAD", inputs, [self.like(shape)], OPTIONS.MirrorPadOptions, options)

    def move_spread(self):
        shape = [2, *(3 if size == 1 else size for size in self.shape)]
        inputs = [self.last, self.numbers(shape)]
        return self.use("BROADCAST_TO", inputs, [self.like(shape)], OPTIONS.BroadcastToOptions,
                        schema.BroadcastToOptionsT(), version=2)  # fmt: skip

    def move_reverse(self):
        axis = [int(self.rng.integers(0, len(self.shape)))]
        inputs = [self.last, self.numbers(axis)]
        return self.use("REVERSE_V2", inputs, [self.like(self.shape)], OPTIONS.ReverseV2Options,
                        schema.ReverseV2OptionsT())  # fmt: skip

    def random_moves(self, count):
        """Some moves of whatever type the newest tensor has."""
        for _ in range(count):
            getattr(self, "move_" + self.pick(*self.moves(NAMES[self.tensors[self.last].type])))()
        return self

    def moves(self, dtype):
        """What can be done to the newest tensor: TFLM slices and resizes four axes at most."""
        rank = len(self.shape)
        steps = [step for step in ANY_MOVES if rank < 4 or step not in ("pack", "expand")]
        return [step for step in steps + IMAGE_MOVES * (rank == 4) if dtype in moved_types(step)]

    # codes of 8 bits

    def odd_unary(self, code, kind=0, options=None, *, same=False, **quantisation):
        scale, zero = (self.scale, self.zero_point) if same else (None, None)
        out = self.result(self.shape, quantisation.get("scale", scale), quantisation.get("zero_point", zero))
        return self.use(code, [self.last], [out], kind, options)

    def odd_relu(self):
        return self.odd_unary("RELU")

    def odd_relu6(self):
        return self.odd_unary("RELU6", same=True)

    def odd_leaky(self):
        options = schema.LeakyReluOptionsT(alpha=float(self.rng.uniform(0, 1.5)))
        return self.odd_unary("LEAKY_RELU", OPTIONS.LeakyReluOptions, options)

    def odd_absolute(self):
        return self.odd_unary("ABS", same=self.pick(True, False))

    def odd_elu(self):
        return self.odd_unary("ELU")

    def odd_tanh(self):
        return self.odd_unary("TANH", scale=1 / 128, zero_point=0)

    def odd_hard_swish(self):
        return self.odd_unary("HARD_SWISH", OPTIONS.HardSwishOptions, schema.HardSwishOptionsT(),
                              scale=self.scale * float(self.rng.uniform(0.3, 2)))  # fmt: skip

    def odd_subtract(self):
        both = [self.last, self.other()]
        if self.rng.random() < 0.5:
            both.reverse()
        options = schema.SubOptionsT(fusedActivationFunction=ACTIVATIONS[self.pick(*ACTIVATIONS)])
        return self.use("SUB", both, [self.result(self.shape)], OPTIONS.SubOptions, options, version=2)

    def odd_square(self):
        both, twice = [self.last, self.other()], 2 * self.scale
        out = self.result(self.shape, scale=twice * twice * 30)
        return self.use("SQUARED_DIFFERENCE", both, [out])

    def odd_slopes(self):
        shape = [1] * (len(self.shape) - 2) + [self.shape[-1]]
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        slope = self.tensor(shape, data=data, scale=0.01, zero_point=self.pick(0, 4))
        return self.use("PRELU", [self.last, slope], [self.result(self.shape)])

    def end_comparison(self):
        code = self.pick("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
        both = [self.last, self.other()]
        return self.use(code, both, [self.tensor(self.shape, dtype="bool")])

    def odd_unit_length(self):
        out = self.result(self.shape, 1 / 128, 0)
        options = schema.L2NormOptionsT()
        return self.use("L2_NORMALIZATION", [self.last], [out], OPTIONS.L2NormOptions, options, version=2)

    def end_inverse_root(self):
        """Of numbers above 0 alone, which TFLM takes: codes from their zero point on."""
        self.tensors[self.last].quantization.zeroPoint = np.asarray([-128], np.int64)
        return self.odd_unary("RSQRT", scale=0.05)

    def end_cast(self, dtype):
        out = self.tensor(self.shape, dtype=dtype, scale=1.0)
        kinds = [TYPES[NAMES[self.tensors[self.last].type]], TYPES[dtype]]
        return self.use("CAST", [self.last], [out], OPTIONS.CastOptions, schema.CastOptionsT(*kinds))

    def move_zeros(self):
        out = self.like(self.shape)
        return self.use("ZEROS_LIKE", [self.last], [out], OPTIONS.ZerosLikeOptions, schema.ZerosLikeOptionsT())

    def odd_choice(self):
        code, both = self.pick("MAXIMUM", "MINIMUM"), [self.last, self.other()]
        out = self.result(self.shape, self.scale, self.zero_point)
        return self.use(code, both, [out], OPTIONS.MaximumMinimumOptions,
                        schema.MaximumMinimumOptionsT(), version=2)  # fmt: skip

    def odd_reduce(self):
        code = self.pick("REDUCE_MAX", "REDUCE_MIN", "SUM")
        axes = self.rng.permutation(len(self.shape))[: int(self.rng.integers(1, 3))].tolist()
        keep, held = self.pick(True, False), {int(axis) for axis in axes}
        shape = [1 if axis in held else size for axis, size in enumerate(self.shape) if keep or axis not in held]
        like = (self.scale, self.zero_point) if code != "SUM" else (self.scale * 3, None)
        inputs = [self.last, self.numbers(axes)]
        options = schema.ReducerOptionsT(keepDims=keep)
        return self.use(code, inputs, [self.result(shape, *like)], OPTIONS.ReducerOptions, options, version=2)

    def odd_bilinear(self):
        batch, _, _, depth = self.shape
        size = self.rng.integers(1, 12, 2).astype(np.int32)
        corners, half = self.pick((False, False), (True, False), (False, True))
        options = schema.ResizeBilinearOptionsT(alignCorners=corners, halfPixelCenters=half)
        out = self.result((batch, *size.tolist(), depth), self.scale, self.zero_point)
        inputs = [self.last, self.numbers(size)]
        return self.use("RESIZE_BILINEAR", inputs, [out], OPTIONS.ResizeBilinearOptions, options, version=2)

    # what is kept

    def stream(self, name="ring", *, fill=None, apart=False):
        """A sliding window over time, as streaming networks keep it: the last rows in front of the new ones.

        `fill`: what a subgraph assigns before the first run; `apart`: a handle of its own for what is written.
        """
        batch, rows, *rest = self.shape
        new, kept = self.last, [batch, 2, *rest]
        handle, before, joined = self.handle(name), self.like(kept), self.like([batch, rows + 2, *rest])
        if fill is not None:
            self.call_once(name, np.full(kept, fill, np.int8))
        self.use("READ_VARIABLE", [handle], [before], OPTIONS.ReadVariableOptions, schema.ReadVariableOptionsT())
        options = schema.ConcatenationOptionsT(axis=1)
        self.use("CONCATENATION", [before, new], [joined], OPTIONS.ConcatenationOptions, options, version=2)
        last, rank = self.like(kept), len(self.shape)
        inputs = [
            joined,
            self.numbers([0, rows] + [0] * (rank - 2)),
            self.numbers([0] * rank),
            self.numbers([1] * rank),
        ]
        options = schema.StridedSliceOptionsT(beginMask=~2 & 15, endMask=15)
        self.use("STRIDED_SLICE", inputs, [last], OPTIONS.StridedSliceOptions, options)
        target = self.handle(name) if apart else handle
        self.use("ASSIGN_VARIABLE", [target, last], [], OPTIONS.AssignVariableOptions, schema.AssignVariableOptionsT())
        self.last = joined
        return self

    def handle(self, name):
        handle, last = self.tensor([1], dtype="resource", data=np.zeros(1, np.int32)), self.last  # as TensorFlow leaves
        options = schema.VarHandleOptionsT(container="", sharedName=name)
        self.use("VAR_HANDLE", [], [handle], OPTIONS.VarHandleOptions, options)
        self.last = last
        return handle

    def call_once(self, name, data):
        """A subgraph that assigns a constant to a variable, and CALL_ONCE as the next operator."""
        outer, self.tensors = self.tensors, []
        operators, self.operators = self.operators, []
        handle, value = self.handle(name), self.tensor(data.shape, data=data, scale=0.02, zero_point=3)
        self.use("ASSIGN_VARIABLE", [handle, value], [], OPTIONS.AssignVariableOptions, schema.AssignVariableOptionsT())
        self.called.append(schema.SubGraphT(tensors=self.tensors, inputs=[], outputs=[], operators=self.operators))
        self.tensors, self.operators = outer, operators
        options = schema.CallOnceOptionsT(initSubgraphIndex=len(self.called))
        return self.use("CALL_ONCE", [], [], OPTIONS.CallOnceOptions, options)

    # ends

    def end_arg(self):
        """The position of the largest: the last operator of a classifier."""
        axis = int(self.rng.integers(0, len(self.shape)))
        out = self.tensor([*self.shape[:axis], *self.shape[axis + 1 :]], dtype="int32")
        code = self.pick("ARG_MAX", "ARG_MIN")
        make, kind = (schema.ArgMaxOptionsT, OPTIONS.ArgMaxOptions) if code == "ARG_MAX" else (
            schema.ArgMinOptionsT, OPTIONS.ArgMinOptions)  # fmt: skip
        return self.use(code, [self.last, self.numbers(axis)], [out], kind, make(outputType=2), version=2)

    def end_as(self, dtype):
        """QUANTIZE or DEQUANTIZE to a type."""
        now = NAMES[self.tensors[self.last].type]
        zero = {"int8": -7, "uint8": 119, "int16": 0, "int32": 0, "float32": 0}[dtype]
        out = self.tensor(self.shape, dtype=dtype, scale=[self.scale * float(self.rng.uniform(0.5, 2))],
                          zero_point=zero)  # fmt: skip
        if dtype == "float32":
            return self.use("DEQUANTIZE", [self.last], [out], OPTIONS.DequantizeOptions, schema.DequantizeOptionsT())
        if now == "float32":
            self.tensors[out].quantization.scale = np.asarray([0.04], np.float32)
        return self.use("QUANTIZE", [self.last], [out], OPTIONS.QuantizeOptions, schema.QuantizeOptionsT())


ANY_MOVES = (
    "strided_slice slice split split_v pack unpack concatenation pad gather transpose expand open_reshape".split()
)
IMAGE_MOVES = ["nearest", "to_batches", "from_batches"]
RARE_MOVES = ["to_depth", "from_depth", "mirror", "spread", "reverse"]
NOT_IN_TFLM = {
    "int32": {"transpose", "expand", "gather", *IMAGE_MOVES},
    "int16": {"gather", "to_batches", "from_batches"},
}
MORE_STEPS = "elu relu relu6 leaky absolute tanh hard_swish subtract square slopes unit_length choice reduce".split()
"""int8 operators beyond those of `codegen_graphs`."""

ENDS = [
    ("int8", "uint8"), ("uint8", "int8"), ("int8", "int16"), ("int8", "int32"), ("int16", "int8"), ("int16", "int16"),
    ("int16", "int32"), ("float32", "int8"), ("float32", "int16"), ("int8", "float32"), ("uint8", "float32"),
    ("int16", "float32"),
]  # fmt: skip


def moved_types(step):
    """The types that TFLM moves in an operator."""
    return [dtype for dtype in ("int8", "int16", "int32", "float32") if step not in NOT_IN_TFLM.get(dtype, ())]


def random_wide_model(seed: int) -> bytes:
    """One to six operators from one type to another: moves in any type, int8 arithmetic in between."""
    rng = np.random.default_rng(seed)
    dtype = ("int8", "float32", "uint8", "int16")[seed % 4]
    shape = (int(rng.choice([1, 1, 2])), *(int(size) for size in rng.integers(2, 9, 2)), int(rng.integers(1, 7)))
    zero = {"int16": 0, "uint8": 130}.get(dtype, int(rng.integers(-128, 128)))
    net = WideNet(shape, seed=seed, dtype=dtype, scale=float(rng.uniform(0.005, 0.2)), zero_point=zero)
    if dtype != "uint8":
        net.random_moves(1)
    if dtype != "int8":
        net.end_as("int8")
    net.dtype, net.activations = "int8", [net.last]
    for _ in range(int(rng.integers(1, 6))):
        images = len(net.shape) == 4
        steps = [f"move_{step}" for step in net.moves("int8")]
        steps += [f"odd_{step}" for step in (MORE_STEPS + ["bilinear"] * images if net.shape else ["relu"])]
        getattr(net, net.pick(*steps))()
        if math.prod(net.shape) > LARGEST_TENSOR or not 2 <= len(net.shape) <= 4:
            break
    end = net.pick("int8", "uint8", "float32", "int16", "")
    return (net.end_as(end) if end else net).to_bytes()
