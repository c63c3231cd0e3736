"""ONNX in: QDQ graphs become int8 `.tflite` with their scales kept, each rule, each refusal, each bad file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

from tests.onnx_nets import Scaled, Torch
from tinykit.ground.errors import DataError, MissingPackageError, ModelError, ParameterError
from tinykit.model.graph.given import is_onnx
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.session import Session
from tinykit.train.conversion import converting
from tinykit.train.conversion.converting import Conversion, convert
from tinykit.train.conversion.onnx_graph import open_graph

SMALL = (1, 3, 12, 12)


def samples(shape: tuple[int, ...], count: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (count, *shape[1:])).astype(np.float32)


def bring(model: onnx.ModelProto, folder: Path, shape: tuple[int, ...] = SMALL, **options: Any) -> Conversion:
    """Quantised where it is a float model, and converted."""
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return convert(path, representative=samples(shape), **options)


def quantised(net: Torch, folder: Path, shape: tuple[int, ...] = SMALL, **options: Any) -> onnx.ModelProto:
    """By ONNX Runtime, as its users do it."""
    rows = iter([{"x": one[None]} for one in samples(shape)])

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> Any:
            return next(rows, None)

    quantization.quantize_static(net.model(), str(folder / "q.onnx"), Reader(), **options)
    return onnx.load(folder / "q.onnx")


def counts(made: Conversion) -> dict[str, int]:
    return read(made.model).operator_counts()


def to_codes(graph: ModelGraph, reals: np.ndarray) -> np.ndarray:
    tensor = graph.tensors[graph.inputs[0]]
    return np.clip(np.rint(reals / np.float32(tensor.scales[0])) + tensor.zero_points[0], -128, 127).astype(np.int8)


def compare(made: Conversion, shape: tuple[int, ...], engine: str, count: int = 30) -> np.ndarray:
    """An engine's codes minus ONNX Runtime's, its optimisations off, on the same inputs."""
    graph = read(made.model)
    tensor, out = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    codes = to_codes(graph, samples(shape, count, seed=1))
    reals = (codes.astype(np.float32) - tensor.zero_points[0]) * np.float32(tensor.scales[0])
    last = codes if tensor.shape == shape else np.moveaxis(codes, 1, -1)
    with Session(made.onnx, engine="onnxruntime") as other:
        wanted = other.run(reals).reshape(count, -1)
    with Session(made.model, engine=engine) as session:
        found = session.run(np.ascontiguousarray(last))
    if any("output" in note for note in made.notes):
        found = np.moveaxis(found, -1, 1)
    steps = found.reshape(len(found), -1).astype(int) - out.zero_points[0] - np.rint(wanted / np.float32(out.scales[0]))
    return steps.astype(int)


def head(net: Torch) -> Torch:
    return net.flatten().gemm(5)


def scaled(net: Torch, kind: str, numbers: list[float]) -> Torch:
    """As transforms of the data that were exported with the network."""
    constant = net.constant(np.array(numbers, np.float32).reshape(-1, 1, 1))
    return net.node(kind, [net.last, constant], net.shape)


NETS = {
    "pads of 1, stride 2, an even size": lambda: head(Torch(SMALL).conv(6, stride=2).relu()),
    "an odd size": lambda: head(Torch((1, 3, 11, 11)).conv(6, stride=2).relu()),
    "batch norm": lambda: head(Torch(SMALL).conv(6, bias=False).norm().relu().conv(4, bias=False).norm().relu()),
    "batch norm before a conv": lambda: head(Torch(SMALL).norm().conv(6).relu()),
    "batch norm behind a gemm": lambda: Torch((1, 16)).gemm(8).norm().relu().gemm(4),
    "relu6 and depthwise": lambda: head(Torch(SMALL).conv(6, 1).clip().conv(6, group=6).clip().conv(8, 1)),
    "depthwise, two a channel": lambda: head(Torch(SMALL).conv(6, group=3).relu()),
    "pools": lambda: head(Torch(SMALL).conv(6).relu().pool().pool("AveragePool")),
    "padded pools": lambda: head(
        Torch(SMALL).conv(4).pool(size=3, pad=1).pool("AveragePool", 2, 1, 1, count_include_pad=1)
    ),
    "mean": lambda: Torch(SMALL).conv(6).relu().mean().flatten().gemm(4),
    "autoencoder": lambda: Torch((1, 16)).gemm(8).relu().gemm(4).relu().gemm(8).relu().gemm(16),
    "matmul and add": lambda: Torch((1, 16)).matmul(8).relu().matmul(4, bias=False),
    "a sequence": lambda: Torch((1, 5, 16)).matmul(8).relu().matmul(4),
    "conv1d": lambda: head(Torch((1, 3, 32)).conv(6, 5, stride=2).relu().pool().conv(4, 3).relu()),
    "conv1d, mean": lambda: Torch((1, 3, 32)).conv(6, 5).relu().mean().flatten().gemm(4),
    "sigmoid": lambda: head(Torch(SMALL).conv(4).unary("Sigmoid")),
    "tanh": lambda: head(Torch(SMALL).conv(4).unary("Tanh")),
    "hard swish": lambda: head(Torch(SMALL).conv(4).unary("HardSwish")),
    "leaky relu": lambda: head(Torch(SMALL).conv(4).unary("LeakyRelu", alpha=0.1)),
    "normalised first": lambda: head(
        scaled(scaled(Torch(SMALL), "Sub", [0.1, 0.2, 0.3]), "Div", [0.5, 1.0, 2.0]).conv(4).relu()
    ),
    "an image out": lambda: Torch(SMALL).conv(6, stride=2).relu().conv(2),
    "transposed and back": lambda: head(Torch(SMALL).conv(4).unary("Transpose", perm=[0, 1, 2, 3]).relu()),
}  # fmt: skip


def shape_of(name: str) -> tuple[int, ...]:
    return tuple(d.dim_value for d in NETS[name]().input.type.tensor_type.shape.dim)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each network, converted once."""
    known: dict[str, Conversion] = {}

    def get(name: str) -> Conversion:
        if name not in known:
            known[name] = bring(NETS[name]().model(), tmp_path_factory.mktemp("net"), shape_of(name))
        return known[name]

    return get


ROUNDED = (
    "hard swish", "leaky relu", "sigmoid", "tanh", "pools", "padded pools", "mean", "conv1d, mean",
    "transposed and back", "normalised first",
)  # fmt: skip
"""An activation of its own, an average, a mean or a QUANTIZE is in them, which LiteRT computes in fixed point."""


class TestAgreement:
    @pytest.mark.parametrize("name", [one for one in NETS if one not in ROUNDED])
    def test_xnnpack_is_onnx_runtime_to_the_bit(self, made: Any, name: str):
        steps = compare(made(name), shape_of(name), "litert-xnnpack")
        assert np.abs(steps).max() <= 1
        assert (steps == 0).mean() > 0.99

    @pytest.mark.parametrize("name", NETS)
    def test_tflm_differs_by_its_rounding_alone(self, made: Any, name: str):
        steps = compare(made(name), shape_of(name), "tflm")
        assert np.abs(steps).max() <= 3
        assert (np.abs(steps) <= 1).mean() > 0.9


class TestRules:
    def test_padding_of_one_with_stride_two_is_kept_as_a_pad(self, made: Any):
        graph = read(made("pads of 1, stride 2, an even size").model)
        assert [one.name for one in graph.operators][:2] == ["PAD", "CONV_2D"]
        assert graph.operators[1].padding == "VALID"
        assert counts(made("an odd size")) == {"CONV_2D": 1, "FULLY_CONNECTED": 1}

    def test_flatten_before_a_gemm_orders_the_weights(self, made: Any):
        assert counts(made("pools")) == {"CONV_2D": 1, "MAX_POOL_2D": 1, "AVERAGE_POOL_2D": 1, "FULLY_CONNECTED": 1}

    def test_channels_last_is_said(self, made: Any):
        said = "input 'x' (1, 3, 12, 12) is (1, 12, 12, 3) in the .tflite: channels last"
        assert made("mean").notes == ("20 representative samples; 100 or more give steadier ranges", said)
        assert read(made("mean").model).tensors[0].shape == (1, 12, 12, 3)
        assert "is (1, 6, 6, 2) in the .tflite" in made("an image out").notes[2]
        assert "(1, 3, 32) is (1, 32, 3)" in made("conv1d").notes[1]
        assert len(made("autoencoder").notes) == 1

    def test_every_channel_a_group_is_depthwise_and_a_mean_is_a_mean(self, made: Any):
        assert counts(made("relu6 and depthwise"))["DEPTHWISE_CONV_2D"] == 1
        assert counts(made("depthwise, two a channel")) == {"DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1}
        assert counts(made("mean")) == {"CONV_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 1}

    def test_batch_norm_is_folded_or_a_depthwise_convolution(self, made: Any):
        assert counts(made("batch norm")) == {"CONV_2D": 2, "FULLY_CONNECTED": 1}
        assert counts(made("batch norm before a conv"))["DEPTHWISE_CONV_2D"] == 1

    def test_a_bias_behind_a_matmul_is_its_own(self, made: Any):
        assert counts(made("matmul and add"))["FULLY_CONNECTED"] == 2

    def test_signals_are_images_of_one_row(self, made: Any):
        assert set(counts(made("conv1d"))) <= {"RESHAPE", "PAD", "CONV_2D", "MAX_POOL_2D", "FULLY_CONNECTED"}

    def test_softmax_has_tflms_scale_and_then_the_models(self, tmp_path: Path):
        made = bring(Torch((1, 16)).gemm(4).unary("Softmax", axis=-1).model(), tmp_path, (1, 16))
        tensors = {one.name: one for one in read(made.model).operators}
        graph = read(made.model)
        softmax = graph.tensors[tensors["SOFTMAX"].outputs[0]]
        assert (softmax.scales, softmax.zero_points) == ((1 / 256,), (-128,))

    def test_scales_are_those_of_the_file(self, tmp_path: Path):
        model = quantised(head(Torch(SMALL).conv(6).relu()), tmp_path, per_channel=True)
        graph = read(bring(model, tmp_path).model)
        known = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        given = {float(one) for name, array in known.items() if "scale" in name for one in array.ravel()}
        for tensor in graph.tensors:
            if tensor.dtype == "int8":
                assert set(tensor.scales) <= given

    @pytest.mark.parametrize("opset", [11, 12, 13, 15, 17, 18, 19, 20, 21])
    def test_opsets(self, tmp_path: Path, opset: int):
        made = bring(head(Torch(SMALL, opset=opset).conv(6, stride=2).clip().pool()).model(), tmp_path)
        assert np.abs(compare(made, SMALL, "litert-xnnpack")).max() <= 1

    def test_an_old_softmax_is_along_several_axes(self, tmp_path: Path):
        made = bring(Torch((1, 4, 6), opset=11).conv(4).unary("Softmax", axis=1).model(), tmp_path, (1, 4, 6))
        assert np.abs(compare(made, (1, 4, 6), "tflm")).max() <= 2

    @pytest.mark.parametrize("options", [
        {"per_channel": True}, {}, {"activation_type": quantization.QuantType.QUInt8},
        {"extra_options": {"ActivationSymmetric": True}}, {"extra_options": {"QuantizeBias": False}},
    ])  # fmt: skip
    def test_ways_of_quantising(self, tmp_path: Path, options: dict[str, Any]):
        net = head(Torch(SMALL).conv(6, 1).clip().conv(6, group=6, stride=2).clip().pool())
        made = bring(quantised(net, tmp_path, **options), tmp_path)
        assert (made.quantisation, made.samples) == ("kept", 0)
        assert np.abs(compare(made, SMALL, "litert-xnnpack")).max() <= 1

    def test_a_residual_sum(self, tmp_path: Path):
        net = Torch(SMALL).conv(6).relu()
        kept = net.last
        made = bring(head(net.conv(6).relu().conv(6).add(kept).relu()).model(), tmp_path)
        assert counts(made)["ADD"] == 1
        assert np.abs(compare(made, SMALL, "tflm")).max() <= 2

    def test_concat_slice_and_pad(self, tmp_path: Path):
        net = Torch(SMALL).conv(4)
        kept = net.last
        net.conv(4)
        net.node("Concat", [kept, net.last], (1, 8, 12, 12), axis=1)
        ends = [net.constant(np.array([one], np.int64)) for one in (1, 9, 2)]
        net.node("Slice", [net.last, *ends], (1, 8, 8, 12))
        net.node("Pad", [net.last, net.constant(np.array([0, 0, 1, 0, 0, 0, 0, 1], np.int64))], (1, 8, 9, 13))
        made = bring(head(net).model(), tmp_path)
        assert {"CONCATENATION", "SLICE", "PAD"} <= set(counts(made))
        assert np.abs(compare(made, SMALL, "litert-xnnpack")).max() <= 1

    def test_a_reshape_of_a_vector_to_an_image(self, tmp_path: Path):
        net = Torch((1, 48))
        net.node("Reshape", ["x", net.constant(np.array([1, 3, 4, 4], np.int64))], (1, 3, 4, 4))
        made = bring(head(net.conv(4).relu()).model(), tmp_path, (1, 48))
        assert np.abs(compare(made, (1, 48), "litert-xnnpack")).max() <= 1

    def test_shapes_that_the_file_computes(self, tmp_path: Path):
        net = Torch(SMALL, batch="batch").conv(4).pool(size=4, stride=4)
        last = net.last
        net.node("Shape", [last], (4,))
        net.node("Gather", [net.last, net.constant(np.array(0, np.int64))], ())
        net.node("Unsqueeze", [net.last, net.constant(np.array([0], np.int64))], (1,))
        net.node("Concat", [net.last, net.constant(np.array([-1], np.int64))], (2,), axis=0)
        net.node("Reshape", [last, net.last], (1, 36))
        made = bring(net.gemm(4).model(), tmp_path)
        assert counts(made)["FULLY_CONNECTED"] == 1
        assert made.notes[1] == "the batch of input 'x' is fixed to 1"

    def test_the_same_bytes_again(self, tmp_path: Path, made: Any):
        assert bring(onnx.load_from_string(made("pools").onnx), tmp_path).sha256 == made("pools").sha256


def edged(net: Torch, **options: Any) -> Torch:
    net.nodes[-1].attribute.extend(helper.make_attribute(name, value) for name, value in options.items())
    return net


def bordered(net: Torch, mode: bytes) -> Torch:
    pads = net.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    return head(net.node("Pad", [net.last, pads], (1, 4, 14, 14), mode=mode))


def stepped(net: Torch) -> Torch:
    ends = [net.constant(np.array([one], np.int64)) for one in (0, 12, 2, 2)]
    return head(net.node("Slice", [net.last, *ends], (1, 4, 6, 12)))


def twice(net: Scaled, kind: str, count: int = 2, **options: Any) -> Scaled:
    """A node that reads the same value at each place."""
    return net.node(kind, [net.last] * count, net.shape, **options).scale()


def weighed(net: Scaled, kind: str, made: tuple[int, ...], weights: tuple[np.ndarray, Any, int], *more: str) -> Scaled:
    """A layer with weights in int8."""
    return net.scale().node(kind, [net.last, net.known(*weights), *more], made).scale()


def joined_constants() -> Scaled:
    net = Scaled((1, 4)).scale()
    given, parts = net.last, [net.known(np.ones((1, 4), np.int8)) for _ in range(2)]
    net.node("Add", parts, (1, 4)).scale()
    return net.node("Add", [given, net.last], (1, 4)).scale()


def scaled_by_itself() -> Scaled:
    net = Scaled((1, 4))
    net.node("ReduceMax", ["x"], (), keepdims=0)
    told = [net.last, net.constant(np.int8(0))]
    net.node("QuantizeLinear", ["x", *told], (1, 4))
    return net.node("DequantizeLinear", [net.last, *told], (1, 4))


def scaled_anew() -> Scaled:
    net = Scaled((1, 4))
    for kind, step in (("QuantizeLinear", 0.1), ("DequantizeLinear", 0.2)):
        net.node(kind, [net.last, net.constant(np.float32(step)), net.constant(np.int8(0))], (1, 4))
    return net


KERNEL, MATRIX = np.ones((4, 3, 3, 3), np.int8), np.ones((4, 4), np.int8)
MADE, STEPS = (1, 4, 10, 10), np.array([0.1, 0.2, 0.3])
ILL_SCALED = [
    (lambda: twice(Scaled((1, 1)).scale(), "Clip"), r"\(Clip\): its bounds are found as the model runs; give"),
    (lambda: weighed(Scaled((1, 4)), "Gemm", (1, 4), (MATRIX, 0.01, 0), "x"), r"\(Gemm\): its bias is found as the"),
    (joined_constants, r"\(Add\): both its inputs are constants; fold them"),
    (lambda: weighed(Scaled(SMALL), "Conv", MADE, (KERNEL, STEPS, 1)), "its weights have a scale for each input; TFLM"),
    (lambda: weighed(Scaled(SMALL), "Conv", MADE, (KERNEL, STEPS, 0)), r"it has 3 scales for shape \(4, 3, 3, 3\)"),
    (lambda: Scaled((1, 3)).scale(STEPS, axis=1), r"\(QuantizeLinear\): 3 scales for one activation; TFLM takes one"),
    (lambda: twice(Scaled((1, 4, 6), opset=12).scale(), "Softmax", 1, axis=1), "before opset 13 it is along"),
    (lambda: twice(Scaled((1, 1)).scale(), "MatMul"), r"\(MatMul\): its weights are not constants of 8 bits"),
    (lambda: weighed(Scaled((1, 2, 4)), "MatMul", (1, 2, 4), (MATRIX[None], 0.01, 0)), "its weights are of shape"),
    (lambda: Scaled(SMALL).scale().conv(4).scale(), r"\(Conv\): its constant 'c\d+' has no scale; quantise"),
    (lambda: Scaled(SMALL).scale().pool(dilations=[2, 2]).scale(), "it is over other than one or two axes, dilated"),
    (lambda: Scaled(SMALL).scale().pool(stride=2**31).scale(), r"\(MaxPool\): its stride .2147483648, 2147483648. or"),
    (lambda: twice(Scaled((1, 4)), "Add"), r"input 'x' is not quantised \(no QuantizeLinear behind it\)"),
    (scaled_by_itself, r"\(QuantizeLinear\): its scale is found as the model runs; quantise again"),
    (scaled_anew, r"\(DequantizeLinear\): its scale is not the one that its input was quantised with"),
]  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(("net", "match"), [
        (lambda: head(Torch((1, 4, 12, 12)).conv(6, group=2)), r"'conv_0' \(Conv\): 2 groups of 2 channels; TFLM"),
        (lambda: Torch(SMALL).unary("Erf"), r"'erf_0' \(Erf\): no int8 operator of a .tflite stands for it"),
        (lambda: head(Torch(SMALL).clip(-2, 1).conv(4)), r"'clip_\d' \(Clip\): it holds values between"),
        (lambda: Torch(SMALL).conv(4).pool("AveragePool", 2, 1, 1), "its padding is not counted, and not TFLite's"),
        (lambda: Torch((1, 3, 4, 4, 4)).conv(4), "it is over 3 axes"),
        (lambda: edged(Torch((1, 16)).gemm(4), alpha=0.5), r"'gemm_0' \(Gemm\): its alpha, beta and transA are"),
        (lambda: bordered(Torch(SMALL).conv(4), b"reflect"), "its mode or pads .* are not those of a constant border"),
        (lambda: stepped(Torch(SMALL).conv(4)), r"its steps are \[2\]; steps of 1 are taken"),
    ])  # fmt: skip
    def test_of_nodes_by_name(self, tmp_path: Path, net: Any, match: str):
        one = net()
        shape = tuple(d.dim_value for d in one.input.type.tensor_type.shape.dim)
        with pytest.raises(ModelError, match=match):
            bring(one.model(), tmp_path, shape)

    @pytest.mark.parametrize(("kind", "inputs", "match"), [
        ("ConvTranspose", ["w"], "use a Conv with more channels"),
        ("Resize", ["", "sizes"], "use a stride or a pool"),
        ("LSTM", ["w", "r"], "recurrent layers come from Keras"),
    ])  # fmt: skip
    def test_of_kinds_with_what_to_do(self, tmp_path: Path, kind: str, inputs: list[str], match: str):
        net = Torch((4, 1, 3) if kind == "LSTM" else (1, 3, 4, 4))
        net.constant(
            np.ones((3, 4, 2, 2), np.float32) if kind == "ConvTranspose" else np.ones((1, 16, 3), np.float32), "w"
        )
        net.constant(np.ones((1, 16, 4), np.float32), "r")
        net.constant(np.array([1, 1, 2, 2], np.float32), "sizes")
        options = {"hidden_size": 4} if kind == "LSTM" else {}
        shape = net.shape
        net.node(kind, ["x", *inputs], (), **options)
        with pytest.raises(ModelError, match=rf"\({kind}\): no int8 .*{match}"):
            bring(net.model(), tmp_path, shape)

    def test_of_weights_with_a_zero_point(self, tmp_path: Path):
        model = quantised(head(Torch(SMALL).conv(4)), tmp_path, weight_type=quantization.QuantType.QUInt8,
                          activation_type=quantization.QuantType.QUInt8)  # fmt: skip
        with pytest.raises(ModelError, match=r"weights uint8 zero point \[\d+\]: TFLM takes int8 with zero point 0"):
            bring(model, tmp_path)

    @pytest.mark.parametrize("change", [0.0, -1.0, np.nan, []])
    def test_of_scales_that_are_none(self, tmp_path: Path, change: Any):
        model = quantised(head(Torch(SMALL).conv(4)), tmp_path)
        one = next(one for one in model.graph.initializer if one.name == "x_scale")
        one.CopyFrom(numpy_helper.from_array(np.array(change, np.float32), "x_scale"))
        with pytest.raises(ModelError, match="its scale is .* with 1 zero points; a scale is above 0|ONNX Runtime"):
            bring(model, tmp_path)

    def test_of_sixteen_bits(self, tmp_path: Path):
        model = quantised(head(Torch(SMALL, opset=21).conv(4)), tmp_path, activation_type=quantization.QuantType.QInt16)
        with pytest.raises(ModelError, match="it quantises to int16, or in blocks; int8 is taken"):
            bring(model, tmp_path)

    def test_of_outputs_without_a_scale(self, tmp_path: Path):
        model = quantised(head(Torch(SMALL).conv(4)), tmp_path)
        last = model.graph.node[-1]
        gemm = next(one for one in model.graph.node if one.op_type == "Gemm")
        kept = [
            one for one in model.graph.node if not any(name in (last.input[0], last.output[0]) for name in one.output)
        ]
        del model.graph.node[:]
        gemm.output[0] = last.output[0]
        model.graph.node.extend([one for one in kept if one.name != gemm.name] + [gemm])
        with pytest.raises(ModelError, match=r"\(Gemm\): its output is not quantised"):
            bring(model, tmp_path)

    @pytest.mark.parametrize(("net", "match"), ILL_SCALED)
    def test_of_graphs_with_scales_by_node(self, tmp_path: Path, net: Any, match: str):
        with pytest.raises(ModelError, match=match):
            bring(net().model(), tmp_path)

    def test_of_an_output_that_is_constant(self, tmp_path: Path):
        net = Scaled((1, 4)).scale()
        name = net.known(np.ones((1, 4), np.int8))
        model = net.model()
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]))
        with pytest.raises(ModelError, match=rf"output '{name}' is not quantised, or constant; quantise the whole"):
            bring(model, tmp_path)

    def test_of_the_older_form_of_quantisation(self, tmp_path: Path):
        net = head(Torch(SMALL).conv(4))
        model = quantised(net, tmp_path, quant_format=quantization.QuantFormat.QOperator)
        with pytest.raises(ModelError, match="quantise again with quant_format=QuantFormat.QDQ"):
            bring(model, tmp_path)

    def test_of_dynamic_quantisation(self, tmp_path: Path):
        Path(tmp_path / "f.onnx").write_bytes(Torch((1, 16)).matmul(4).model().SerializeToString())
        quantization.quantize_dynamic(tmp_path / "f.onnx", tmp_path / "d.onnx")
        with pytest.raises(ModelError, match="its scales are found as it runs: quantise again"):
            bring(onnx.load(tmp_path / "d.onnx"), tmp_path, (1, 16))

    def test_of_open_sizes(self, tmp_path: Path):
        model = head(Torch(SMALL).conv(4)).model()
        model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
        with pytest.raises(ModelError, match=r"input 'x' has open sizes \(1, 3, height, 12\)"):
            bring(model, tmp_path)

    def test_of_a_float_model_without_samples(self, tmp_path: Path):
        (tmp_path / "f.onnx").write_bytes(head(Torch(SMALL).conv(4)).model().SerializeToString())
        with pytest.raises(DataError, match="no representative samples"):
            convert(tmp_path / "f.onnx")
        with pytest.raises(DataError, match="samples of shape"):
            convert(tmp_path / "f.onnx", representative=samples((1, 12, 12, 3)))

    def test_of_a_node_before_samples_are_asked_for(self, tmp_path: Path):
        (tmp_path / "f.onnx").write_bytes(Torch(SMALL).unary("Erf").model().SerializeToString())
        with pytest.raises(ModelError, match=r"f.onnx: node 'erf_0' \(Erf\): no int8 operator"):
            convert(tmp_path / "f.onnx")

    def test_of_other_precisions_and_without_the_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        (tmp_path / "f.onnx").write_bytes(head(Torch(SMALL).conv(4)).model().SerializeToString())
        with pytest.raises(ParameterError, match="an ONNX model becomes int8, not float32"):
            convert(tmp_path / "f.onnx", precision="float32")
        monkeypatch.setattr(converting, "find_spec", lambda name: None)
        with pytest.raises(MissingPackageError, match="onnx is not installed, which ONNX files need; pip install"):
            convert(tmp_path / "f.onnx")


def plain() -> onnx.ModelProto:
    return head(Torch(SMALL).conv(4)).model()


def branch() -> onnx.ModelProto:
    model, deep = plain(), helper.make_graph([], "deep", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], "fork", then_branch=deep, else_branch=deep))
    return model


def outside(location: str) -> onnx.ModelProto:
    model = plain()
    one = model.graph.initializer[0]
    one.ClearField("raw_data")
    one.data_location = TensorProto.EXTERNAL
    one.external_data.add(key="location", value=location)
    return model


def huge() -> onnx.ModelProto:
    net = Torch((1, 4))
    net.node("ConstantOfShape", [net.constant(np.array([40000, 40000, 40], np.int64))], ())
    return net.node("Add", ["x", net.last], (1, 4)).model()


def many() -> onnx.ModelProto:
    net = Torch((1, 4))
    for _ in range(5000):
        net.relu()
    return net.model()


def claims(size: int) -> onnx.ModelProto:
    model = plain()
    model.graph.initializer[0].dims[0] = size
    return model


class TestHostile:
    @pytest.mark.parametrize(("model", "match"), [
        (branch, r"node 'fork' \(If\): it holds a graph of its own"),
        (lambda: outside("../../etc/passwd"), "lies outside the model's folder"),
        (lambda: outside("/etc/passwd"), "lies outside the model's folder"),
        (lambda: outside(""), "lies outside the model's folder"),
        (lambda: outside("weights.bin"), "cannot be read"),
        (lambda: outside("x" * 5000), r"constant 'c0': 'x{120}' cannot be read \(File name too long\); put it"),
        (huge, r"of shape \[40000, 40000, 40\]; no microcontroller holds that"),
        (many, "5000 nodes and 0 constants; allowed: 4096"),
        (lambda: claims(10**12), r"of shape \[1, 1000000000000, 12, 12\]; no microcontroller holds that"),
        (lambda: claims(7), "ONNX Runtime refuses it"),
    ])  # fmt: skip
    def test_one_clear_error(self, tmp_path: Path, model: Any, match: str):
        with pytest.raises(ModelError, match=match):
            bring(model(), tmp_path)

    @pytest.mark.parametrize("sizes", [[2**15, 2**11, 16], [2**40, 16]])
    def test_of_values_of_any_size_before_they_are_computed(self, tmp_path: Path, sizes: list[int]):
        net = Torch((1, 16))
        net.node("ConstantOfShape", [net.constant(np.array(sizes, np.int64))], ())
        with pytest.raises(ModelError, match="'constantofshape_0_out' is of shape .*; no microcontroller holds that"):
            bring(net.node("Add", ["x", net.last], ()).model(), tmp_path)

    def test_of_inputs_of_any_size(self, tmp_path: Path):
        with pytest.raises(ModelError, match=r"value 'x' is of shape \[1, 3, 4096, 8192\]; no microcontroller"):
            bring(twice(Scaled((1, 3, 4096, 8192)).scale(), "Transpose", 1, perm=[0, 2, 3, 1]).model(), tmp_path)

    def test_of_opsets(self, tmp_path: Path):
        model = plain()
        model.opset_import[0].version = 9
        with pytest.raises(ModelError, match=r"of opset \[9\]; allowed: 11 to 24"):
            bring(model, tmp_path)

    def test_of_functions_and_foreign_domains(self, tmp_path: Path):
        model = plain()
        model.graph.node[0].domain = "custom.ops"
        with pytest.raises(ModelError, match="'conv_0' .Conv.: it is of the domain 'custom.ops'"):
            bring(model, tmp_path)
        model = plain()
        model.functions.add(name="f", domain="custom.ops")
        with pytest.raises(ModelError, match="holds functions or sparse constants"):
            bring(model, tmp_path)

    @pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.999])
    def test_truncated(self, tmp_path: Path, share: float):
        content = plain().SerializeToString()
        (tmp_path / "cut.onnx").write_bytes(content[: int(len(content) * share)])
        with pytest.raises(
            ModelError, match=r"cut.onnx: (a damaged or truncated|an ONNX model without a node|ONNX Runtime)"
        ):
            convert(tmp_path / "cut.onnx", representative=samples(SMALL))

    def test_a_link_in_the_place_of_weights(self, tmp_path: Path):
        (tmp_path / "secret").write_bytes(bytes(4 * 4 * 27))
        (tmp_path / "in").mkdir()
        os.symlink(tmp_path / "secret", tmp_path / "in" / "weights.bin")
        with pytest.raises(ModelError, match="lies outside the model's folder"):
            bring(outside("weights.bin"), tmp_path / "in")

    def test_weights_beside_the_model(self, tmp_path: Path):
        model = plain()
        (tmp_path / "weights.bin").write_bytes(model.graph.initializer[0].raw_data)
        assert bring(outside("weights.bin"), tmp_path).sha256 == bring(model, tmp_path).sha256
        (tmp_path / "weights.bin").write_bytes(b"few")
        with pytest.raises(ModelError, match="ONNX Runtime refuses it"):
            bring(outside("weights.bin"), tmp_path)

    def test_of_more_weights_than_any_model_has(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("tinykit.ground.limits.MODEL_BYTES", 500)
        (tmp_path / "weights.bin").write_bytes(plain().graph.initializer[0].raw_data[:432])
        model = outside("weights.bin")
        for place in range(2):
            model.graph.initializer.add().CopyFrom(model.graph.initializer[0])
            model.graph.initializer[-1].name = f"more{place}"
        with pytest.raises(ModelError, match="its constants take more than 500 bytes"):
            open_graph(model.SerializeToString(), tmp_path)


class TestBytesNotNames:
    def test_an_onnx_file_is_known_by_its_content(self, tmp_path: Path, made: Any):
        one = made("autoencoder")
        assert is_onnx(one.onnx, "model.tflite")
        assert not is_onnx(one.model, "model.onnx")
        (tmp_path / "odd.bin").write_bytes(one.onnx)
        assert convert(tmp_path / "odd.bin").sha256 == one.sha256


def test_the_runtime_is_the_one_that_was_measured():
    assert onnxruntime.__version__ >= "1.23"
