"""Metadata written into a model: the interpreter's own schema is the oracle, damaged files end in an error."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests.models import flip_bits, residual, small_cnn
from tinykit.ground.errors import ModelError
from tinykit.model.graph.flatbuffer import OFFLINE_PLAN, write_metadata, write_offline_offsets
from tinykit.model.graph.reading import read

MODEL = small_cnn()


def tree_of(model: bytes):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))


def test_the_schema_reads_what_was_written():
    before, after = tree_of(MODEL), tree_of(write_metadata(MODEL, "note", b"twelve bytes"))
    assert [entry.name for entry in after.metadata] == [b"note"]
    assert bytes(after.buffers[after.metadata[0].buffer].data) == b"twelve bytes"
    assert (after.version, after.description) == (before.version, before.description)
    assert len(after.buffers) == len(before.buffers) + 1
    for old, new in zip(before.buffers, after.buffers, strict=False):
        assert np.array_equal(np.asarray(old.data), np.asarray(new.data))


def test_everything_else_of_the_graph_stays():
    before, after = read(residual()), read(write_metadata(residual(), "note", b""))
    assert before.operators == after.operators
    assert [tensor.name for tensor in before.tensors] == [tensor.name for tensor in after.tensors]
    assert (before.inputs, before.outputs) == (after.inputs, after.outputs)
    pairs = zip(before.tensors, after.tensors, strict=True)
    moved = {new.data_start - old.data_start for old, new in pairs if old.data_bytes}
    assert len(moved) == 1
    assert moved.pop() % 16 == 0


def test_an_entry_of_the_same_name_is_replaced():
    once = write_offline_offsets(MODEL, [0] * len(read(MODEL).tensors))
    twice = write_offline_offsets(once, [-1] * len(read(MODEL).tensors))
    assert read(twice).metadata == (OFFLINE_PLAN,)
    assert set(read(twice).offline_offsets) == {-1}
    both = write_metadata(twice, "other", b"x")
    assert sorted(read(both).metadata) == [OFFLINE_PLAN, "other"]


@settings(max_examples=40, deadline=None)
@given(name=st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text), content=st.binary(max_size=200))
def test_any_name_and_content_come_back(name, content):
    after = tree_of(write_metadata(MODEL, name, content))
    assert after.metadata[0].name.decode() == name
    data = after.buffers[after.metadata[0].buffer].data
    assert (b"" if data is None else bytes(data)) == content


def test_a_plan_that_does_not_match_the_tensors_is_refused():
    short = write_metadata(MODEL, OFFLINE_PLAN, np.array([1, 0, 2, 0, 16], "<i4").tobytes())
    with pytest.raises(ModelError, match="the offline memory plan has 2 offsets, the model"):
        read(short)
    with pytest.raises(ModelError, match="the offline memory plan has 0 offsets"):
        read(write_metadata(MODEL, OFFLINE_PLAN, b"xyz"))


def test_metadata_of_a_buffer_that_is_not_there_is_refused():
    tree = tree_of(write_metadata(MODEL, OFFLINE_PLAN, b"\0\0\0\0"))
    tree.metadata[0].buffer = 999
    with pytest.raises(ModelError, match="refers to buffer 999 of"):
        read(pack(tree))


def test_weights_behind_the_flatbuffer_are_refused():
    tree = tree_of(MODEL)
    tree.buffers[1].offset, tree.buffers[1].size = 64, 4
    with pytest.raises(ModelError, match="at absolute positions"):
        write_metadata(pack(tree), "note", b"")


def test_a_newer_schema_is_refused():
    root = struct.unpack_from("<I", MODEL)[0]
    count = 12
    vtable = struct.pack(f"<{2 + count}H", 4 + 2 * count, 8, *([0] * (count - 1)), 4)
    front = struct.pack("<I", 8 + len(vtable) + (-len(vtable)) % 4) + b"TFL3" + vtable + bytes((-len(vtable)) % 4)
    front += struct.pack("<iI", len(front) - 8, root)
    with pytest.raises(ModelError, match=r"fields \[11\] of a newer schema"):
        write_metadata(front + bytes(64), "note", b"")


def test_damaged_files_end_in_an_error():
    for seed in range(200):
        damaged = flip_bits(MODEL, seed, count=12)
        try:
            read(write_metadata(damaged, "note", b"x"))
        except ModelError:
            continue


def test_links_behind_the_end_are_refused():
    root = struct.unpack_from("<I", MODEL)[0]
    vtable = root - struct.unpack_from("<i", MODEL, root)[0]
    field = root + struct.unpack_from("<H", MODEL, vtable + 4 + 2 * 3)[0]
    damaged = bytearray(MODEL)
    struct.pack_into("<I", damaged, field, 0x7FFFFFFF)
    with pytest.raises(ModelError, match="it points behind its own end"):
        write_metadata(bytes(damaged), "note", b"")


def pack(tree) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(4096)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_an_offset_beyond_32_bits_is_refused():
    offsets = [0] * len(read(MODEL).tensors)
    assert write_offline_offsets(MODEL, [2**31 - 1, *offsets[1:]])
    with pytest.raises(ModelError, match="an offset of 2,147,483,648 bytes does not fit the plan's 32 bits"):
        write_offline_offsets(MODEL, [2**31, *offsets[1:]])
