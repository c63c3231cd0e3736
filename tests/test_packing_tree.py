"""Reading a whole model and writing it again: held against the schema's own object API."""

from __future__ import annotations

import contextlib
import re

import flatbuffers
import numpy as np
import pytest

from tests.codegen_graphs import random_model
from tests.models import OPTIONS, Net, autoencoder, flip_bits, hybrid, residual, schema, small_cnn
from tests.packing_models import pack, unpack
from tinykit.ground.errors import ModelError
from tinykit.model.graph.flatbuffer import write_metadata, write_offline_offsets
from tinykit.model.graph.reading import read
from tinykit.model.graph.tree import OPTION_FIELDS, read_tree
from tinykit.model.graph.writing import write_tree

LETTERS = {"Int8Flags": "b", "Uint8Flags": "b", "BoolFlags": "b", "Int32Flags": "i", "Uint32Flags": "i",
           "Float32Flags": "i", "Int64Flags": "q"}  # fmt: skip


def rewrite(model: bytes) -> bytes:
    return write_tree(read_tree(model))


IGNORED = ("name", "min", "max", "shapeSignature", "hasRank", "description", "buffers", "signatureDefs", "metadata",
           "buffer", "debugMetadataIndex", "deprecatedBuiltinCode")  # fmt: skip


def plain(value):
    """A schema object as nested plain values, without what nobody runs and without empty vectors."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not hasattr(value, "__dict__"):
        return value
    kept = {key: plain(one) for key, one in vars(value).items() if key not in IGNORED}
    return {key: one for key, one in kept.items() if one is not None and one != []}


def contents(tree) -> list[list]:
    """Content of each tensor's buffer, by subgraph."""

    def of(tensor):
        data = tree.buffers[tensor.buffer].data
        return b"" if data is None else np.asarray(data, np.uint8).tobytes()

    return [[of(tensor) for tensor in graph.tensors] for graph in tree.subgraphs]


class TestOptionTables:
    def test_every_table_is_listed_under_its_code(self):
        names = {value: name for name, value in vars(OPTIONS).items() if isinstance(value, int) and value}
        assert len(OPTION_FIELDS) == max(names) + 1
        for code, name in names.items():
            assert OPTION_FIELDS[code].partition(":")[0] + "Options" == name

    @pytest.mark.parametrize("code", range(1, len(OPTION_FIELDS)))
    def test_letters_are_what_the_schema_writes(self, code):
        name, _, letters = OPTION_FIELDS[code].partition(":")
        written = []

        class Spy(flatbuffers.Builder):
            def StartObject(self, numfields):  # noqa: N802 -- the library's name
                written.append(numfields)
                super().StartObject(numfields)

            def PrependSlot(self, flags, slot, value, default):  # noqa: N802
                written.append((slot, LETTERS[flags.__name__]))
                super().PrependSlot(flags, slot, value, default)

        getattr(schema, f"{name}OptionsT")().Pack(Spy(64))
        assert written[0] == len(letters)
        assert all(letters[slot] == letter for slot, letter in written[1:])
        scalars = {slot for slot, letter in enumerate(letters) if letter in "biq"}
        deprecated = {0, 1} if name == "ResizeBilinear" else set()
        assert {slot for slot, _ in written[1:]} == scalars - deprecated

    def test_vectors_and_strings_survive(self):
        net = Net((1, 12))
        for code, options in (("SQUEEZE", schema.SqueezeOptionsT(squeezeDims=[0, -1])),
                              ("RESHAPE", schema.ReshapeOptionsT(newShape=[3, 4])),
                              ("VAR_HANDLE", schema.VarHandleOptionsT(container="a", sharedName="state")),
                              ("BUCKETIZE", schema.BucketizeOptionsT(boundaries=[0.5, 1.5])),
                              ("MULTINOMIAL", schema.RandomOptionsT(seed=2**40, seed2=-3))):  # fmt: skip
            kind = getattr(OPTIONS, type(options).__name__[:-1])
            net.use(code, [net.last], [net.tensor((1, 12))], kind, options)
        before, after = (unpack(one).subgraphs[0].operators for one in (net.to_bytes(), rewrite(net.to_bytes())))
        for one, other in zip(before, after, strict=True):
            assert plain(one.builtinOptions) == plain(other.builtinOptions)


class TestRewriting:
    @pytest.mark.parametrize("seed", range(40))
    def test_every_part_that_runs_is_kept(self, seed):
        model = random_model(seed)
        before, after = unpack(model), unpack(rewrite(model))
        assert plain(before.subgraphs) == plain(after.subgraphs)
        assert plain(before.operatorCodes) == plain(after.operatorCodes)
        assert contents(before) == contents(after)

    @pytest.mark.parametrize("model", [small_cnn(), residual(), autoencoder(), small_cnn("float32"), hybrid()])
    def test_smaller_and_stable(self, model):
        once = rewrite(model)
        assert len(once) < len(model)
        assert rewrite(once) == once

    def test_constants_begin_on_sixteen_bytes(self):
        graph = read(rewrite(small_cnn()))
        starts = [tensor.data_start for tensor in graph.tensors if tensor.is_constant]
        assert starts
        assert all(start % 16 == 0 for start in starts)

    def test_equal_constants_are_stored_once(self):
        net = Net((1, 64))
        data = np.arange(64, dtype=np.int8)
        for _ in range(3):
            net.add(net.tensor((1, 64), data=data))
        graph = read(rewrite(net.to_bytes()))
        assert len({tensor.data_start for tensor in graph.tensors if tensor.is_constant}) == 1

    def test_custom_options_variables_intermediates_and_mutating_flags(self):
        net = Net((1, 8))
        state = net.tensor((1, 8), variable=True)
        net.use("CUSTOM", [net.last, state], [net.tensor((1, 8))], custom=b"own", version=3)
        operator = net.operators[-1]
        operator.customOptions, operator.mutatingVariableInputs = np.arange(5, dtype=np.uint8), [False, True]
        operator.intermediates = [state]
        before, after = unpack(net.to_bytes()), unpack(rewrite(net.to_bytes()))
        assert plain(before.subgraphs[0].operators) == plain(after.subgraphs[0].operators)
        assert plain(before.subgraphs[0].tensors) == plain(after.subgraphs[0].tensors)
        assert (after.operatorCodes[0].customCode, after.operatorCodes[0].version) == (b"own", 3)

    def test_several_subgraphs(self):
        tree = unpack(small_cnn())
        tree.subgraphs.append(unpack(autoencoder()).subgraphs[0])
        tree.subgraphs[1].operators, tree.subgraphs[1].tensors[1].buffer = [], 1
        for tensor in tree.subgraphs[1].tensors:
            tensor.buffer = min(tensor.buffer, len(tree.buffers) - 1)
        before = pack(tree)
        assert contents(unpack(before)) == contents(unpack(rewrite(before)))

    def test_an_offline_plan_stays_and_other_metadata_goes(self):
        model = small_cnn()
        count = len(read(model).tensors)
        offsets = [16 * index for index in range(count)]
        planned = write_metadata(write_offline_offsets(model, offsets), "author", b"somebody")
        graph = read(rewrite(planned))
        assert graph.metadata == ("OfflineMemoryAllocation",)
        assert graph.offline_offsets == tuple(offsets)


class TestRefusals:
    def spoil(self, change) -> bytes:
        tree = unpack(small_cnn())
        change(tree)
        return pack(tree)

    def test_sparse_tensors(self):
        def change(tree):
            tree.subgraphs[0].tensors[1].sparsity = schema.SparsityParametersT(traversalOrder=[0], dimMetadata=[])

        with pytest.raises(ModelError, match="tensor 1 is sparse"):
            rewrite(self.spoil(change))

    def test_block_quantisation(self):
        def change(tree):
            quantisation = tree.subgraphs[0].tensors[1].quantization
            quantisation.detailsType = schema.QuantizationDetails.BlockwiseQuantization
            quantisation.details = schema.BlockwiseQuantizationT()

        with pytest.raises(ModelError, match="quantised by blocks"):
            rewrite(self.spoil(change))

    def test_stablehlo_options(self):
        def change(tree):
            operator = tree.subgraphs[0].operators[0]
            operator.builtinOptions2Type = schema.BuiltinOptions2.StablehloPadOptions
            operator.builtinOptions2 = schema.StablehloPadOptionsT()

        with pytest.raises(ModelError, match="StableHLO"):
            rewrite(self.spoil(change))

    def test_options_of_a_newer_schema(self):
        def change(tree):
            tree.subgraphs[0].operators[0].builtinOptionsType = len(OPTION_FIELDS) + 3

        model = self.spoil(lambda tree: None)
        tree = unpack(model)
        code = tree.subgraphs[0].operators[0].builtinOptionsType
        position = next(
            at for at in range(8, len(model)) if model[at] == code and _raises(model, at, len(OPTION_FIELDS) + 3)
        )
        with pytest.raises(ModelError, match="newer schema"):
            rewrite(model[:position] + bytes([len(OPTION_FIELDS) + 3]) + model[position + 1 :])

    def test_options_behind_the_flatbuffer(self):
        def change(tree):
            tree.subgraphs[0].operators[0].largeCustomOptionsOffset = 4096

        with pytest.raises(ModelError, match="use_buffer_offset"):
            rewrite(self.spoil(change))

    def test_an_older_compression(self):
        with pytest.raises(ModelError, match="compressed already"):
            rewrite(write_metadata(small_cnn(), "COMPRESSION_METADATA", b"1234"))

    def test_no_subgraph(self):
        def change(tree):
            tree.subgraphs = []

        with pytest.raises(ModelError, match="no subgraph"):
            rewrite(self.spoil(change))

    @pytest.mark.parametrize("buffer", [99, 10_000])
    def test_a_buffer_that_is_not_there(self, buffer):
        def change(tree):
            tree.subgraphs[0].tensors[1].buffer = buffer

        with pytest.raises(ModelError, match=f"buffer {buffer} of"):
            rewrite(self.spoil(change))

    def test_an_offline_plan_in_a_buffer_that_is_not_there(self):
        def change(tree):
            tree.metadata = [schema.MetadataT(name="OfflineMemoryAllocation", buffer=77)]

        with pytest.raises(ModelError, match="offline plan refers to buffer 77"):
            rewrite(self.spoil(change))

    def test_buffers_behind_the_flatbuffer_come_back_inside(self):
        tree = unpack(small_cnn())
        wanted = contents(tree)
        tail = b""
        for buffer in tree.buffers[1:]:
            content = np.asarray(buffer.data, np.uint8).tobytes()
            buffer.data, buffer.offset, buffer.size = None, 10**6 + len(tail), len(content)
            tail += content
        model = pack(tree)
        assert len(model) < 10**6
        moved = rewrite(model + bytes(10**6 - len(model)) + tail)
        assert contents(unpack(moved)) == wanted
        assert len(moved) < 20_000

    def test_many_buffers_of_one_large_content_are_refused(self):
        """Each would be a copy: gigabytes from a file of one megabyte."""
        tree = unpack(small_cnn())
        extra = [schema.BufferT(offset=2, size=10**6) for _ in range(4000)]
        tree.buffers += extra
        with pytest.raises(ModelError, match="more entries than it can hold"):
            read_tree(pack(tree) + bytes(10**6))

    def test_a_tensor_that_is_not_there(self):
        def change(tree):
            tree.subgraphs[0].operators[0].inputs = [0, 99, 2]

        with pytest.raises(ModelError, match="refers to tensor or code 99"):
            rewrite(self.spoil(change))

    @pytest.mark.parametrize("base", [small_cnn(), residual(), hybrid()])
    def test_damaged_files_end_in_a_model_error_or_a_model(self, base):
        said = []
        for seed in range(200):
            with contextlib.suppress(ModelError):
                said.append(rewrite(flip_bits(base, seed, 1 + seed % 8)))
        assert 10 < len(said) < 200
        for length in range(0, len(base), 97):
            with pytest.raises(ModelError):
                rewrite(base[:length])

    def test_every_byte_at_its_extremes(self):
        model = Net((1, 8)).dense(2).to_bytes()
        for position in range(8, len(model)):
            for value in (0x00, 0x7F, 0x80, 0xFF):
                with contextlib.suppress(ModelError):
                    rewrite(model[:position] + bytes([value]) + model[position + 1 :])


def _raises(model: bytes, position: int, value: int) -> bool:
    try:
        rewrite(model[:position] + bytes([value]) + model[position + 1 :])
    except ModelError as error:
        return re.search("newer schema", str(error)) is not None
    return False
