"""The sweep of single kernels: what it counts, the loops of the library, and how well they hold on unseen shapes."""

from __future__ import annotations

import math
import shutil
from dataclasses import astuple, replace

import numpy as np
import pytest

from tests.bench.bench_sweep import STYLES, errors_of
from tinykit.handover.virtual_board import run, sample_codes
from tinykit.model.graph.reading import read
from tinykit.predict.latency.kernels import NAMES, count_turns, features_of, kind_of
from tinykit.predict.latency.shapes import OperatorShape, from_graph, read_table
from tools.latency.sweeping import HELD_OUT, drop_negative, fit_swept, read_sweep
from tools.sweep.__main__ import BOARDS, CORES, TOGETHER, describe
from tools.sweep.graphs import join
from tools.sweep.shapes import draw, draw_multiplied

SHAPE_COLUMNS = 9


def first_model():
    rng = np.random.default_rng(0)
    return read(join([draw(rng) for _ in range(TOGETHER)], 0))


def convolution(size, channels, kernel, filters, stride=1, padding="SAME"):
    out = math.ceil(size / stride)
    shapes = (1, size, size, channels), (filters, kernel, kernel, channels), (1, out, out, filters)
    return OperatorShape("CONV_2D", *shapes, stride=(stride, stride), padding=padding)


def named(shape, kind, style="dsp"):
    return dict(zip(NAMES[kind], count_turns(shape, kind, style), strict=True))


def test_the_table_holds_what_the_same_seed_draws():
    rows = read_table("sweep").rows
    assert len(rows) >= 2000
    for shape, row in zip(from_graph(first_model()), rows, strict=False):
        assert describe(shape) == tuple(row.values())[:SHAPE_COLUMNS]
    assert {row["operator"] for row in rows} >= {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D"}


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_the_virtual_board_counts_what_the_table_says():
    graph = first_model()
    found = run(graph, BOARDS[0], sample_codes(graph, 1, seed=0), "cmsis-nn", compiler="gcc")
    assert found.equal
    for operator, row in zip(found.operators, read_table("sweep").rows, strict=False):
        assert list(astuple(operator.classes)) == [int(one) for one in row[CORES[0]].split()]


@pytest.mark.parametrize(("core", "style"), STYLES.items())
def test_unseen_shapes_are_within_three_percent(core, style):
    found = errors_of(core, style)
    pairs = [pair for kind, each in found.items() for pair in each if kind != "max_pool"]
    errors = np.abs([error for error, _ in pairs])
    assert len(errors) > 600
    assert np.median(errors) < 0.005
    assert np.mean(errors <= 0.03) > 0.94
    counts = np.array([counted for _, counted in pairs], dtype=float)
    assert counts[errors <= 0.03].sum() > 0.95 * counts.sum()


@pytest.mark.parametrize(("core", "style"), STYLES.items())
def test_no_loop_takes_less_than_nothing(core, style):
    for values in fit_swept(core, style).values():
        assert min(values) >= 0
        assert max(values) < 1000


def test_a_pointwise_convolution_by_hand():
    # 5×5 pixels are 12 pairs and one left; 7 filters 3 pairs and one left; 38 products: 2 × 16, 1 × 4, 2 left.
    turns = named(convolution(5, 38, 1, 7), "conv_1x1")
    assert (turns["pairs long_blocks"], turns["pairs blocks"], turns["pairs remainder"]) == (12 * 3 * 2, 36, 36 * 2)
    assert (turns["odd_pixel long_blocks"], turns["odd_pixel once"]) == (3 * 2, 3)
    assert (turns["odd_channel products"], turns["odd_channel once"]) == (25 * 38, 25)
    # A stride makes a call of each of the 3 rows: 3 pixels are a pair and one left.
    strided = named(convolution(5, 38, 1, 7, stride=2), "conv_1x1")
    assert (strided["rows"], strided["pairs once"], strided["odd_pixel once"]) == (3, 3 * 3, 3 * 3)


def test_a_convolution_by_hand():
    # 4×4 outputs, 3×3 taps, SAME: (2+3+3+2)² of 144 taps inside; 6 channels are a block and two left.
    turns = named(convolution(4, 6, 3, 5), "conv")
    assert (turns["taps"], turns["tap_blocks"], turns["tap_remainder"]) == (100, 100, 200)
    assert (turns["taps_outside"], turns["bytes_outside"], turns["tap_ends"]) == (44, 264, 100)
    assert (turns["pairs blocks"], turns["pairs remainder"]) == (8 * 2 * 13, 8 * 2 * 2)
    assert turns["odd_channel once"] == 8
    scalar = named(convolution(4, 6, 3, 5), "conv", "scalar")
    assert (scalar["pairs blocks"], scalar["pairs remainder"]) == (8 * 2 * 54, 0)


def test_a_multiplied_depthwise_by_hand():
    # 5×5 outputs of 2 channels in, 8 out: SAME 3×3 visits (2+3+3+3+2)² = 169 taps, 13 rows of them times 5 columns.
    shape = OperatorShape(
        "DEPTHWISE_CONV_2D", (1, 5, 5, 2), (1, 3, 3, 8), (1, 5, 5, 8), padding="SAME", depth_multiplier=4
    )  # fmt: skip
    turns = named(shape, "depthwise_mult")
    assert (turns["quad_taps"], turns["quad_rows"], turns["quads"]) == (169 * 2, 13 * 5 * 2, 25 * 2)
    assert (turns["taps"], turns["outputs"], turns["pixel_channels"], turns["pixels"]) == (0, 0, 50, 25)
    wide = replace(shape, depth_multiplier=1, input_shape=(1, 5, 5, 8), dilation=(1, 2))
    turns = named(wide, "depthwise_mult")
    assert (turns["quad_taps"], turns["outputs"], turns["dilated"], turns["pixel_channels"]) == (0, 200, 200, 200)
    assert turns["taps"] == 13 * (3 + 5 + 3) * 8


@pytest.mark.parametrize(("core", "style"), [*STYLES.items(), ("cortex-m55", "mve")])
def test_multipliers_were_counted_on_every_core_and_unseen_shapes_are_close(core, style):
    coefficients = fit_swept(core, style, judged=True)["depthwise_mult"]
    unseen = [
        sum(a * b for a, b in zip(features_of(shape, "depthwise_mult", style), coefficients, strict=True)) / counted - 1
        for number, (shape, counted) in enumerate(read_sweep(core))
        if kind_of(shape) == "depthwise_mult" and number % HELD_OUT == 0
    ]
    assert len(unseen) >= 100
    assert np.median(np.abs(unseen)) < 0.006
    assert np.quantile(np.abs(unseen), 0.9) < 0.02


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_the_virtual_board_counts_multipliers_as_the_table_says():
    graph = read(join([draw_multiplied(rng) for rng in [np.random.default_rng(0)] for _ in range(TOGETHER)], 0))
    found = run(graph, BOARDS[0], sample_codes(graph, 1, seed=0), "cmsis-nn", compiler="gcc")
    assert found.equal
    for shape, one, row in zip(from_graph(graph), found.operators, read_table("sweep_multiplied").rows, strict=False):
        assert describe(shape) == tuple(row.values())[:SHAPE_COLUMNS]
        assert list(astuple(one.classes)) == [int(part) for part in row[CORES[0]].split()]


def test_what_would_cost_less_than_nothing_is_left_out():
    matrix = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 1.0, 0.5]])
    assert drop_negative(matrix, matrix @ [2.0, 3.0, 0.0]) == pytest.approx([2.0, 3.0, 0.0], abs=1e-9)
    found = drop_negative(matrix, matrix @ [2.0, 3.0, -0.5])
    assert found.min() >= 0
    assert found[2] == 0


def test_every_swept_operator_was_counted_on_every_core():
    for core in CORES:
        assert all(counted > 0 for _, counted in read_sweep(core))
