"""Lookup tables and pruning, against the wheel's own encoder, a hand calculation and the round trip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from tflite_micro.tensorflow.lite.micro.compression import lut, model_editor, spec

from tinykit.model.graph.model import Tensor
from tinykit.predict.packing.coding import LOOKUP, PRUNING, decode_coding, list_codings


def tensor_of(values, channels=1, axis=0, zero_point=0, dtype="int8"):
    scales = (0.5,) * channels if channels else ()
    return Tensor(
        1, "", values.shape, dtype, values.nbytes, True, False, scales, (zero_point,) * len(scales), axis, False, 0, 0
    )


def tables(values, channels=1, axis=0):
    found = list_codings(tensor_of(values, channels, axis), values)
    return {one.table_count: one for one in found if one.bits}


class TestByHand:
    def test_pruning(self):
        values = np.array([[0, 5, 0, -3, 0, 0, 0, 7, 1]], np.int8)
        (coding,) = [one for one in list_codings(tensor_of(values), values) if not one.bits]
        assert coding.codes == bytes([0b01010001, 0b10000000])
        assert coding.tables == bytes([PRUNING, 1, 0, 0, 1]) + bytes(11) + np.array([5, -3, 7, 1], np.int8).tobytes()

    def test_lookup_of_one_table(self):
        values = np.array([[9, -1, 9, 9, 4, -1, 4, 4, 9]], np.int8)
        coding = tables(values)[1]
        # unsigned order: 4, 9, 255 (-1); indices of two bits: 1 2 1 1 0 2 0 0 1
        assert coding.codes == bytes([0b01100101, 0b00100000, 0b01000000])
        header = bytes([LOOKUP, 1, 0, 0, 1, 0xF2, 3]) + bytes(9)
        assert coding.tables == header + np.array([4, 9, -1], np.int8).tobytes()

    def test_a_shared_table_on_channels_does_not_step(self):
        values = np.array([[1, 2], [2, 1]], np.int8)
        assert tables(values, channels=2)[1].tables[6] == 0

    def test_all_zero_and_all_equal(self):
        for fill in (0, 7):
            values = np.full((4, 8), fill, np.int8)
            for coding in list_codings(tensor_of(values), values):
                assert decode_coding(coding, tensor_of(values)).tobytes() == values.tobytes()


class TestAgainstTheWheel:
    @pytest.mark.parametrize(("shape", "axis"), [((6, 3, 3, 4), 0), ((1, 3, 3, 6), 3), ((6, 20), 0)])
    def test_per_channel_tables_are_its_own(self, shape, axis):
        values = np.random.default_rng(3).choice(np.array([0, 3, 9, 40, 100], np.int8), shape)
        coding = tables(values, shape[axis], axis)[shape[axis]]
        own = lut.LutCompressor().compress(
            model_editor.Tensor(shape=shape, dtype=9, data=values.tobytes()),
            spec.LookUpTableCompression(index_bitwidth=coding.bits, mode=spec.PerChannel(axis=axis)),
        )
        assert coding.codes == bytes(own.encoded_data)
        assert coding.tables == bytes(own.ancillary_data)

    def test_one_table_is_its_own(self):
        values = np.random.default_rng(4).choice(np.array([0, 3, 9, 40, 100], np.int8), (4, 33))
        own = lut.LutCompressor().compress(
            model_editor.Tensor(shape=values.shape, dtype=9, data=values.tobytes()),
            spec.LookUpTableCompression(index_bitwidth=3, mode=spec.PerTensor()),
        )
        assert tables(values)[1].codes == bytes(own.encoded_data)
        assert tables(values)[1].tables == bytes(own.ancillary_data)


class TestRoundTrip:
    @settings(max_examples=60, deadline=None)
    @given(
        shape=st.sampled_from([(1, 3, 3, 8), (8, 3, 3, 2), (8, 17), (8,), (2, 1, 5, 8)]),
        last=st.booleans(), channels=st.booleans(), values=st.integers(1, 200), zeros=st.floats(0, 1),
        dtype=st.sampled_from(["int8", "int16", "float32"]), seed=st.integers(0, 2**32 - 1),
    )  # fmt: skip
    def test_every_coding_decodes_to_its_weights(self, shape, last, channels, values, zeros, dtype, seed):
        rng = np.random.default_rng(seed)
        palette = rng.integers(-128, 128, values)
        data = np.where(rng.random(shape) < zeros, 0, palette[rng.integers(0, values, shape)]).astype(dtype)
        axis = len(shape) - 1 if last else 0
        tensor = tensor_of(data, shape[axis] if channels else 1, axis if channels else 0, dtype=dtype)
        codings = list_codings(tensor, data)
        assert codings
        assert [one.nbytes for one in codings] == sorted(one.nbytes for one in codings)
        for coding in codings:
            assert decode_coding(coding, tensor).tobytes() == data.tobytes()

    def test_negative_zero_stays_negative(self):
        values = np.array([[0.0, -0.0, 1.0]], np.float32)
        tensor = tensor_of(values, channels=0, dtype="float32")
        for coding in list_codings(tensor, values):
            assert decode_coding(coding, tensor).tobytes() == values.tobytes()


class TestWhatTheKernelCannotDecode:
    def test_scales_along_a_middle_axis(self):
        values = np.zeros((2, 3, 4), np.int8)
        assert list_codings(tensor_of(values, 3, 1), values) == ()

    def test_one_scale_along_another_axis_than_the_first(self):
        values = np.zeros((1, 3, 3, 1), np.int8)
        assert list_codings(tensor_of(values, 1, 3), values) == ()

    def test_more_than_128_values(self):
        values = np.arange(-128, 128, dtype=np.int8).reshape(2, 128)
        assert [one.table_count for one in list_codings(tensor_of(values, 2), values) if one.bits] == [2]
        assert [one.bits for one in list_codings(tensor_of(values), values)] == [0]

    def test_a_zero_point_rules_out_pruning(self):
        values = np.zeros((2, 8), np.int8)
        assert all(one.bits for one in list_codings(tensor_of(values, zero_point=4), values))

    def test_scales_without_zero_points(self):
        values = np.zeros((2, 8), np.int8)
        odd = Tensor(1, "", (2, 8), "int8", 16, True, False, (0.5, 0.5), (), 0)
        assert list_codings(odd, values) == ()
