"""codegen: what it refuses, and how it says so."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.codegen_types import WideNet
from tests.models import OPTIONS, Net, hybrid, residual, schema, small_cnn
from tinykit.ground.errors import ModelError, ParameterError
from tinykit.handover.codegen.export import KERNELS, export_c
from tinykit.model.graph.reading import read


def dense(**changes):
    """A dense model with one part of its tree changed: `output`, `weights`, `bias`, `input`, `inputs`, `operator`."""
    one = Net((1, 8))
    one.dense(2, per_channel=False)
    parts = {"input": one.tensors[0], "weights": one.tensors[1], "bias": one.tensors[2], "output": one.tensors[3]}
    for name, change in changes.items():
        change(one.operators[0] if name == "operator" else parts[name])
    return one.to_bytes()


def quantise(scale, zero=0):
    def change(tensor):
        tensor.quantization.scale = np.atleast_1d(np.asarray(scale, np.float32))
        tensor.quantization.zeroPoint = np.atleast_1d(np.asarray(zero, np.int64))

    return change


def shape(*sizes):
    return lambda tensor: setattr(tensor, "shape", list(sizes))


def window(code="AVERAGE_POOL_2D", *, size=2, stride=1, padding=1, out=(1, 3, 3, 2), fused=0):
    one = Net((1, 4, 4, 2))
    options = schema.Pool2DOptionsT(padding, stride, stride, size, size, fused)
    return one.use(code, [one.last], [one.tensor(out)], OPTIONS.Pool2DOptions, options).to_bytes()


def with_constant(code, data, out, *, dtype="int32", options=None, kind=0):
    one = Net((1, 4, 4, 2))
    data = np.asarray(data, dtype)
    inputs = [one.last, one.tensor(data.shape, dtype=dtype, data=data)]
    return one.use(code, inputs, [one.tensor(out, zero_point=-3)], kind, options).to_bytes()


def sliced(**masks):
    one = WideNet((3,), scale=0.1)
    inputs = [one.last, one.numbers([0]), one.numbers([2]), one.numbers([1])]
    options = schema.StridedSliceOptionsT(**masks)
    return one.use("STRIDED_SLICE", inputs, [one.like((2,))], OPTIONS.StridedSliceOptions, options).to_bytes()


def long_slice():
    one = WideNet((3,), scale=0.1)
    inputs = [one.last, one.numbers([0]), one.numbers([2**31 - 1])]
    return one.use("SLICE", inputs, [one.like((2,))], OPTIONS.SliceOptions, schema.SliceOptionsT()).to_bytes()


def reduced():
    one = WideNet((1, 4, 2))
    return one.use("REDUCE_MAX", [one.last, one.numbers([1])], [one.tensor((1, 2), scale=0.5)]).to_bytes()


def pair(a, b, out, code="ADD", **quantisation):
    one = Net(a)
    second = one.tensor(b, data=np.zeros(b, np.int8))
    options, kind = schema.AddOptionsT(), OPTIONS.AddOptions
    return one.use(code, [one.last, second], [one.tensor(out, **quantisation)], kind, options).to_bytes()


def unary(code, out=(1, 8), options=None, kind=0, scale=1 / 64, **quantisation):
    one = Net((1, 8), scale=scale)
    return one.use(code, [one.last], [one.tensor(out, **quantisation)], kind, options).to_bytes()


REFUSED = {
    "end": (dense(input=lambda one: setattr(one, "type", 10)), r"an input or output of the model, is float64"),
    "types": (dense(input=lambda one: setattr(one, "type", 2)),
              r"operator 0 \(FULLY_CONNECTED\): no kernel for this operator on int32, int8 to int8; allowed: "),
    "operator": (Net((1, 8)).unary("GELU").to_bytes(), r"operator 0 \(GELU\): no kernel for this operator on int8"),
    "hybrid": (hybrid(), r"operator 0 \(.*\): input 1 is int8; it has to be a constant of float32"),
    "quantise types": (WideNet((1, 8), dtype="uint8", zero_point=5).end_as("int16").to_bytes(),
                       "from uint8 to int16; TFLM has no kernel for it either"),
    "ellipsis": (sliced(ellipsisMask=1), "a slice with an ellipsis or a new axis; TFLM has neither"),
    "slice": (sliced(endMask=1), r"\(3,\) of \(3,\) to \(2,\)"),
    "square factor": (pair((1, 3), (1, 3), (1, 3), "SQUARED_DIFFERENCE", scale=1e-9), "too large for the square of a"),
    "no axis": (with_constant("ARG_MAX", [], (1, 4, 4)), "tensor 2 is int8; allowed: int32"),
    "margins": (with_constant("MIRROR_PAD", [1, 1, 1], (1, 4, 4, 2)), r"operator 0 \(MIRROR_PAD\): 3 margins"),
    "long slice": (long_slice(), r"\(2147483647,\) of \(3,\) to \(2,\)"),
    "reduce scale": (reduced(), "another scale or zero point than"),
    "no scale": (dense(output=lambda one: setattr(one, "quantization", None)), r"shape \(1, 2\) has scales \(\)"),
    "scale 0": (dense(input=quantise(0.0)), r"tensor 0 .* one positive scale and one zero point from -128 to 127"),
    "zero point": (dense(input=quantise(0.1, 128)), r"zero points \(128,\)"),
    "int16": (dense(output=lambda one: setattr(one, "type", 7)), "is int16"),
    "weights computed": (dense(weights=lambda one: setattr(one, "buffer", 0)), "tensor 1 is read before it is made"),
    "weights int32": (dense(weights=lambda one: (setattr(one, "type", 2), setattr(one, "shape", [2, 2]))),
                      r"input 1 is int32; it has to be a constant of int8"),
    "weight scales": (dense(weights=quantise([0.1, 0.2, 0.3])), "weights have 3 scales for 2 channels"),
    "weight zero": (dense(weights=quantise([0.1, 0.2], [0, 3])), "weights have a zero point other than 0"),
    "bias": (dense(bias=shape(1, 2), operator=lambda one: setattr(one, "inputs", [0, 1, 1])), r"input 2 is int8"),
    "dense shape": (dense(output=shape(1, 3)), r"weights \(2, 8\) for input \(1, 8\) and output \(1, 3\)"),
    "dense factor": (dense(input=quantise(1e30), output=quantise(1e-30)), "too large for the kernels|cannot be writ"),
    "activation": (dense(operator=lambda one: setattr(one.builtinOptions, "fusedActivationFunction", 4)),
                   r"fused activation 'TANH'; allowed: NONE, RELU, RELU_N1_TO_1, RELU6"),
    "window": (window(out=(1, 2, 2, 2)), r"output shape \(1, 2, 2, 2\) for input \(1, 4, 4, 2\)"),
    "stride": (window(stride=0), r"taps, strides, dilations \(2, 2, 0, 0, 1, 1\)"),
    "padding": (window(padding=7), "padding ''"),
    "pool channels": (window(out=(1, 3, 3, 1)), "2 channels to 1"),
    "pool batches": (window(out=(2, 3, 3, 2)), "batches 1 to 2"),
    "pool rank": (window(out=(3, 3, 2)), r"shapes \(1, 4, 4, 2\) to \(3, 3, 2\)"),
    "broadcast": (pair((1, 3), (1, 2), (1, 3)), r"shapes \(1, 3\) and \(1, 2\) to \(1, 3\)"),
    "grown": (pair((1, 3), (1, 3), (2, 3)), r"to \(2, 3\)"),
    "add factor": (pair((1, 3), (1, 3), (1, 3), scale=1e-9), "too large for an addition"),
    "mul factor": (pair((1, 3), (1, 3), (1, 3), "MUL", scale=1e-30), "is too large for the kernels"),
    "quantise": (unary("QUANTIZE", (1, 9)), r"shapes \(1, 8\) to \(1, 9\)"),
    "quantise factor": (unary("QUANTIZE", scale=1e12), "too large"),
    "reshape": (unary("RESHAPE", (1, 9)), r"shapes \(1, 8\) to \(1, 9\)"),
    "softmax out": (unary("SOFTMAX"), r"output scale 0\.0156.*, zero point 0; the kernel writes scale 0\.00390625"),
    "softmax shape": (unary("SOFTMAX", (8, 1)), r"shapes \(1, 8\) to \(8, 1\)"),
    "softmax beta": (Net((1, 8)).unary("SOFTMAX").to_bytes(), "output scale"),
    "logistic": (unary("LOGISTIC", zero_point=0), "output scale"),
    "concatenation": (unary("CONCATENATION", options=schema.ConcatenationOptionsT(axis=2),
                            kind=OPTIONS.ConcatenationOptions, zero_point=-3), "axis 2 of 2"),
    "concatenation scale": (unary("CONCATENATION", zero_point=5), "2 pairs of scale and zero point"),
    "concatenation shape": (unary("CONCATENATION", (1, 9), options=schema.ConcatenationOptionsT(axis=1),
                                  kind=OPTIONS.ConcatenationOptions, zero_point=-3), r"shapes \[\(1, 8\)\] to"),
    "pad": (with_constant("PAD", [[0, 0], [1, 1], [1, 1], [0, 0]], (1, 6, 6, 3)), r"its paddings give \(1, 6, 6, 2\)"),
    "pad rank": (with_constant("PAD", [[1, 1]], (1, 4, 4, 2)), r"paddings of shape \(1, 2\) for rank 4"),
    "pad negative": (with_constant("PAD", [[0, 0], [-1, 1], [0, 0], [0, 0]], (1, 4, 4, 2)), "paddings of shape"),
    "mean axis": (with_constant("MEAN", [4], (1, 4, 4)), r"axes \[4\]"),
    "mean shape": (with_constant("MEAN", [1], (1, 4, 4)), r"output shape \(1, 4, 4\) without axes \[1\]"),
}  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize("case", REFUSED)
    def test_models(self, case):
        model, said = REFUSED[case]
        graph = read(model)
        for kernels in KERNELS:
            with pytest.raises(ModelError, match=said):
                export_c(graph, kernels=kernels)

    def test_kernels(self):
        with pytest.raises(ParameterError, match="kernels 'fast' are unknown; allowed: portable, cmsis-nn"):
            export_c(read(small_cnn()), kernels="fast")

    def change(self, **fields):
        return export_c(dataclasses.replace(read(residual()), **fields))

    def test_inputs(self):
        graph = read(residual())
        with pytest.raises(ModelError, match="is a constant or occurs twice"):
            self.change(inputs=graph.inputs * 2)
        weights = graph.operators[0].inputs[1]
        with pytest.raises(ModelError, match="is a constant or occurs twice"):
            self.change(inputs=(weights,))

    def test_outputs(self):
        with pytest.raises(ModelError, match="an output of the model, is made by no operator"):
            self.change(operators=read(residual()).operators[:-1])

    def test_order(self):
        first, *rest = read(residual()).operators
        with pytest.raises(ModelError, match=r"operator 1 \(CONV_2D\): tensor 3 is read before it is made"):
            self.change(operators=tuple(rest))
        with pytest.raises(ModelError, match="is made twice, constant or variable"):
            self.change(operators=(first, first, *rest))

    def test_missing_operands(self):
        first, *rest = read(residual()).operators
        tensors = read(residual()).tensors
        extra = dataclasses.replace(first, inputs=(0,), outputs=(*first.outputs, len(tensors)))
        spare = dataclasses.replace(tensors[0], index=len(tensors))
        with pytest.raises(ModelError, match="1 inputs and 2 outputs; 1 or more and 1 are needed"):
            self.change(operators=(extra, *rest), tensors=(*tensors, spare))
        with pytest.raises(ModelError, match="input 1 is left out"):
            self.change(operators=(dataclasses.replace(first, inputs=(0,)), *rest))
        with pytest.raises(ModelError, match="no kernel for this operator on none, int8, int32 to int8"):
            self.change(operators=(dataclasses.replace(first, inputs=(-1, *first.inputs[1:])), *rest))
        pair = next(one for one in rest if one.name == "ADD")
        lame = [dataclasses.replace(one, inputs=(one.inputs[0], -1)) if one is pair else one for one in rest]
        with pytest.raises(ModelError, match="tensor -1 is left out"):
            self.change(operators=(first, *lame))

    def test_an_arena_beyond_reason(self):
        graph = read(Net((1, 8)).unary("LOGISTIC").to_bytes())
        huge = tuple(dataclasses.replace(one, shape=(1, 1 << 30), nbytes=1 << 30) for one in graph.tensors)
        with pytest.raises(ModelError, match="no microcontroller has that"):
            export_c(dataclasses.replace(graph, tensors=huge))
