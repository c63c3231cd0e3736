"""The zoo against the published MLPerf Tiny files: operators, shapes and MACs once converted to int8."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.quantise_combinations import convert_here
from tinykit.ground.errors import ModelError, ParameterError
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.arena.plan import align
from tinykit.predict.arena.predict import predict_arena
from tinykit.train import zoo

# Operators of the published int8 files (github.com/mlcommons/tiny, commit of v1.0: kws_ref_model.tflite,
# pretrainedResnet_quant.tflite, vww_96_int8.tflite, ad01_int8.tflite), read from the files: weights, output.
# Their RESHAPE before FULLY_CONNECTED is left out: the converter of TensorFlow 2.21 drops it where the batch is 1.
KWS = """
CONV_2D 64x10x4x1 25x5x64
{block}AVERAGE_POOL_2D - 1x1x64
FULLY_CONNECTED 12x64 12
SOFTMAX - 12
""".format(block="DEPTHWISE_CONV_2D 1x3x3x64 25x5x64\nCONV_2D 64x1x1x64 25x5x64\n" * 4)
IC = """
CONV_2D 16x3x3x3 32x32x16
CONV_2D 16x3x3x16 32x32x16
CONV_2D 16x3x3x16 32x32x16
ADD - 32x32x16
CONV_2D 32x3x3x16 16x16x32
CONV_2D 32x3x3x32 16x16x32
CONV_2D 32x1x1x16 16x16x32
ADD - 16x16x32
CONV_2D 64x3x3x32 8x8x64
CONV_2D 64x3x3x64 8x8x64
CONV_2D 64x1x1x32 8x8x64
ADD - 8x8x64
AVERAGE_POOL_2D - 1x1x64
FULLY_CONNECTED 10x64 10
SOFTMAX - 10
"""
VWW_BLOCKS = (
    (8, 48, 16, 48), (16, 24, 32, 24), (32, 24, 32, 24), (32, 12, 64, 12), (64, 12, 64, 12), (64, 6, 128, 6),
    *[(128, 6, 128, 6)] * 5, (128, 3, 256, 3), (256, 3, 256, 3),
)  # fmt: skip
VWW = """
CONV_2D 8x3x3x3 48x48x8
{blocks}
AVERAGE_POOL_2D - 1x1x256
FULLY_CONNECTED 2x256 2
SOFTMAX - 2
""".format(
    blocks="\n".join(
        f"DEPTHWISE_CONV_2D 1x3x3x{c} {s}x{s}x{c}\nCONV_2D {d}x1x1x{c} {t}x{t}x{d}" for c, s, d, t in VWW_BLOCKS
    )
)
AD_WIDTHS = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
AD = "\n".join(f"FULLY_CONNECTED {b}x{a} {b}" for a, b in itertools.pairwise(AD_WIDTHS))

# MACs: MLPerf Tiny v1 reference models; also the sums of the shapes above.
PUBLISHED = {
    "ds-cnn": (KWS, 2_656_768),
    "resnet8": (IC, 12_501_632),
    "mobilenet-v1-025": (VWW, 7_489_664),
    "fc-autoencoder": (AD, 264_192),
}

# Tensors and RESHAPEs that the published file has more; head, and arena_used_bytes() of the linked firmware with
# reference kernels, with CMSIS-NN on a Cortex-M4 and on an M55 (built and run under QEMU 7.2, GCC 12.2, TFLM mid-2026).
LINKED = {
    "ds-cnn": (3, 1, 16000, (22772, 22820, 27300)),
    "resnet8": (3, 1, 49152, (54340, 54996, 54996)),
    "mobilenet-v1-025": (3, 1, 73728, (100660, 100708, 100756)),
    "fc-autoencoder": (10, 0, 768, (2260, 2580, 5172)),
}


def describe(graph: ModelGraph) -> list[str]:
    lines = []
    for operator in graph.operators:
        if operator.name == "RESHAPE":
            continue
        weights = [graph.tensors[i] for i in operator.inputs[1:2] if graph.tensors[i].is_constant]
        output = graph.tensors[operator.outputs[0]].shape
        assert output[0] == 1
        lines.append(f"{operator.name} {show(weights[0].shape) if weights else '-'} {show(output[1:])}")
    return lines


def show(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


@pytest.mark.parametrize("name", PUBLISHED)
def test_equal_to_the_published_file(name: str) -> None:
    model = zoo.build_network(name)
    samples = np.random.default_rng(0).standard_normal((10, *model.input_shape[1:])).astype(np.float32)
    graph = read(convert_here(model, "int8", samples))
    operators, macs = PUBLISHED[name]
    expected = [line for line in operators.splitlines() if line]
    # The order of branches is the converter's choice, so operators are compared as a multiset.
    assert sorted(describe(graph)) == sorted(expected)
    assert graph.macs == macs
    assert graph.precision == "int8"
    check_arena(graph, *LINKED[name])


def check_arena(graph: ModelGraph, missing_tensors: int, reshapes: int, head: int, used: tuple[int, int, int]) -> None:
    """The arena of the linked firmware, plus what today's converter writes differently, within one alignment.

    It keeps a multiplier and a shift per channel for dense layers, each list aligned to 16 bytes, and drops the RESHAPE
    (a node of 32 bytes, options of 36) and tensors of 12 bytes: its own two, and each bias that is zero.
    """
    units = [graph.tensors[op.outputs[0]].shape[-1] for op in graph.operators if op.name == "FULLY_CONNECTED"]
    explained = sum(2 * align(4 * count) for count in units) - 12 * missing_tensors - 68 * reshapes
    assert predict_arena(graph, runtime="tflm-reference").head_bytes == head
    settings = (("tflm-reference", "cortex-m4"), ("tflm-cmsis-nn", "cortex-m4"), ("tflm-cmsis-nn", "cortex-m55"))
    for (runtime, core), linked in zip(settings, used, strict=True):
        found = predict_arena(graph, runtime=runtime, core=core).value
        assert abs(found - linked - explained) <= 16


def test_networks_tell_their_macs() -> None:
    known = {network.name: network for network in zoo.networks()}
    assert {name: known[name].macs for name in PUBLISHED} == {name: macs for name, (_, macs) in PUBLISHED.items()}
    assert known["watch-cnn"].input_shape == (100, 1, 6)
    positions, channels = 15 * 6, 112  # 29 x 12 at stride 2; then four depthwise 3 x 3 and pointwise, and the classes
    blocks = 4 * positions * channels * (9 + channels)
    assert known["vowels-cnn"].macs == positions * 10 * 4 * channels + blocks + channels * 9


def test_same_seed_same_weights() -> None:
    first, second, other = (zoo.build_network("watch-cnn", seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_same_form_on_another_task() -> None:
    model = zoo.build_network("watch-cnn", input_shape=(64, 1, 3), classes=4)
    assert model.input_shape == (None, 64, 1, 3)
    assert model.output_shape == (None, 4)


def test_faults() -> None:
    with pytest.raises(ModelError, match="no network 'dscnn' in the zoo; nearest: ds-cnn"):
        zoo.build_network("dscnn")
    with pytest.raises(ParameterError, match=r"watch-cnn of input \(100, 6\)"):
        zoo.build_network("watch-cnn", input_shape=(100, 6))
    with pytest.raises(ParameterError, match="0 classes"):
        zoo.build_network("watch-cnn", classes=0)
    with pytest.raises(ParameterError, match="cannot take input"):
        zoo.build_network("watch-cnn", input_shape=(3, 1, 6))
