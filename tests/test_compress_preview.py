"""Previews of pruning and quantisation: hand calculations, limits, and the converter's own integers."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from tinykit.ground.errors import DataError, ParameterError
from tinykit.ground.facts import shipped_path
from tinykit.model.graph.kernels import list_kernels
from tinykit.model.graph.reading import read
from tinykit.model.record import open_record
from tinykit.train.compress.preview import preview_grid, preview_pruning

RNG = np.random.default_rng(3)
KERNEL = RNG.normal(0, 0.2, (8, 5, 1, 6))


@pytest.fixture(scope="module")
def shipped():
    record = open_record(shipped_path("data", "checkpoints", "watch-exercises"))
    return lambda stage: list_kernels(read(record.read(stage)))


def test_the_grid_gives_the_integers_the_converter_gave(shipped):
    """float32.tflite and int8-ptq.tflite are one network: batch normalisation folded, then kernels per channel."""
    pairs = list(zip(shipped("float32"), shipped("int8-ptq"), strict=True))
    assert len(pairs) == 4
    for floats, integers in pairs:
        preview = preview_grid(floats.values, axis=floats.axis)
        assert preview.steps.tolist() == integers.values.tolist()
        assert preview.scales == pytest.approx(integers.scales, rel=1e-6)


def test_a_grid_by_hand():
    """max|x| = 1.27 over 127 steps: s = 0.01; 0.014 -> 1, 0.005 -> 1 (halves away from zero), -0.005 -> -1."""
    preview = preview_grid([1.27, 0.014, 0.005, -0.005])
    assert preview.scales == pytest.approx((0.01,), rel=1e-12)
    assert preview.steps.tolist() == [127, 1, 1, -1]
    noise = 0.004**2 + 2 * 0.005**2
    assert preview.sqnr_db == pytest.approx(10 * math.log10((1.27**2 + 0.014**2 + 2 * 0.005**2) / noise), rel=1e-6)


def test_an_activation_by_hand():
    """-1 … 4.1 over 255 steps: s = 0.02, -1 at -128, so zero at -78; 4.1 at 127."""
    preview = preview_grid([-1.0, 0.0, 4.1], symmetric=False)
    assert preview.scales == pytest.approx((0.02,), rel=1e-12)
    assert preview.zero_points == (-78,)
    assert preview.steps.tolist() == [-128, -78, 127]


def test_the_range_of_an_activation_always_holds_zero():
    preview = preview_grid([3.0, 5.0], symmetric=False)
    assert preview.zero_points == (-128,)
    assert preview.scales == pytest.approx((5 / 255,), rel=1e-12)


@pytest.mark.parametrize("symmetric", [True, False])
def test_zero_stays_exactly_zero(symmetric: bool):
    values = np.where(RNG.random(KERNEL.shape) < 0.75, 0.0, KERNEL)
    preview = preview_grid(values, symmetric=symmetric)
    assert (preview.restored[values == 0] == 0).all()


def test_an_error_is_at_most_half_a_step():
    for axis in (None, 0, -1):
        preview = preview_grid(KERNEL, 5, axis=axis)
        assert np.abs(preview.restored - preview.values).max() <= max(preview.scales) / 2 * (1 + 1e-9)


def test_each_bit_is_worth_about_six_decibels():
    found = [preview_grid(KERNEL, bits).sqnr_db for bits in range(5, 9)]
    assert np.diff(found) == pytest.approx(6.02, abs=0.6)


def test_a_scale_for_each_channel_is_never_worse_on_kernels_of_unlike_channels():
    unlike = KERNEL * np.geomspace(0.01, 1, 8).reshape(8, 1, 1, 1)
    one, each = preview_grid(unlike), preview_grid(unlike, axis=0)
    assert len(each.scales) == 8
    assert (each.channel_sqnr_db(0) >= one.channel_sqnr_db(0) - 1e-9).all()
    assert each.channel_sqnr_db(0)[0] > one.channel_sqnr_db(0)[0] + 20
    assert str(each).startswith("8 bits, 8 scales: SQNR ")
    assert str(one).startswith("8 bits, one scale: SQNR ")


def test_a_channel_of_zeros_loses_nothing():
    values = KERNEL.copy()
    values[2] = 0
    preview = preview_grid(values, axis=0)
    assert preview.channel_sqnr_db(0)[2] == math.inf
    assert preview_grid(np.zeros((3, 3))).sqnr_db == math.inf
    assert preview_grid(np.zeros((3, 3)), symmetric=False).sqnr_db == math.inf


def test_pruning_by_hand():
    """Half of ten: the five smallest magnitudes; int8 keeps 5 non-zero bytes, the mask of ten bits takes two more."""
    preview = preview_pruning([0.1, -0.9, 0.2, 0.8, -0.3, 0.7, 0.4, -0.6, 0.05, 0.5], 0.5)
    assert preview.keep.tolist() == [False, True, False, True, False, True, False, True, False, True]
    assert (preview.zeros, preview.threshold) == (5, 0.5)
    assert (preview.flatbuffer_bytes, preview.bitmask_bytes) == (10, 2 + 5)
    assert "flatbuffer 10 B" in str(preview)
    assert "transport only" in str(preview)


def test_what_pruning_takes_grows_and_what_codecs_need_shrinks():
    found = [preview_pruning(KERNEL, sparsity, axis=0) for sparsity in (0, 0.25, 0.5, 0.75, 0.95)]
    assert [one.zeros for one in found] == [0, 60, 120, 180, 228]
    assert len({one.flatbuffer_bytes for one in found}) == 1
    assert sorted((one.gzip_bytes for one in found), reverse=True) == [one.gzip_bytes for one in found]
    assert sorted((one.bitmask_bytes for one in found), reverse=True) == [one.bitmask_bytes for one in found]
    for lower, higher in pairwise(found):
        assert not (higher.keep & ~lower.keep).any()


def test_equal_weights_are_pruned_to_the_number_asked_for():
    assert preview_pruning(np.ones((4, 4)), 0.5).zeros == 8


def test_the_pruned_checkpoint_has_the_zeros_that_were_asked_for(shipped):
    for stage in ("pruned-float32", "int8"):
        for kernel in shipped(stage):
            assert kernel.sparsity == pytest.approx(0.75, abs=0.01)
            assert kernel.zeros == int((kernel.values == 0).sum())


@pytest.mark.parametrize("bits", [1, 9, 4.5, True])
def test_bits_outside_the_grid_are_refused(bits):
    with pytest.raises(ParameterError, match="are outside 2–8"):
        preview_grid(KERNEL, bits)


@pytest.mark.parametrize("axis", [4, -5])
def test_an_axis_that_is_not_there_is_refused(axis: int):
    with pytest.raises(ParameterError, match="of values of 4 dimensions; give one from 0 to 3"):
        preview_grid(KERNEL, axis=axis)


@pytest.mark.parametrize("sparsity", [-0.1, 1, 75, math.nan])
def test_a_sparsity_that_is_no_share_is_refused(sparsity: float):
    with pytest.raises(ParameterError, match=r"is outside \[0, 1\), a share of the weights"):
        preview_pruning(KERNEL, sparsity)


@pytest.mark.parametrize("call", [preview_grid, lambda values: preview_pruning(values, 0.5)])
def test_nothing_and_nan_are_refused(call):
    with pytest.raises(DataError, match="no value given"):
        call(np.zeros((0, 3)))
    with pytest.raises(DataError, match="2 of 3 values are NaN or infinite"):
        call([math.nan, 1.0, math.inf])
