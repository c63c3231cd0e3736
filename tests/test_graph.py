"""graph: what is read against LiteRT and the schema's own object API, MACs by hand, findings, errors."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.models import OPTIONS, Net, autoencoder, hybrid, residual, schema, small_cnn
from tests.test_arena import MODELS, reduce, svdf, transpose_conv
from tinykit.ground import limits
from tinykit.ground.errors import ModelError
from tinykit.model.graph import reading as reading_room
from tinykit.model.graph.flatbuffer import FlatBuffer
from tinykit.model.graph.reading import read
from tinykit.model.lint import find_stray_operators, lint_graph

NAMES = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
LITERT_TYPES = {np.int8: "int8", np.int16: "int16", np.int32: "int32", np.float32: "float32"}


def tree(model: bytes):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))


class TestAgainstOtherReaders:
    @pytest.mark.parametrize("name", MODELS)
    def test_the_schemas_object_api(self, name):
        graph, model = read(MODELS[name]), tree(MODELS[name])
        main = model.subgraphs[0]
        assert list(graph.inputs) == list(main.inputs)
        assert list(graph.outputs) == list(main.outputs)
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
        said = [(NAMES[codes[one.opcodeIndex]], tuple(one.inputs), tuple(one.outputs)) for one in main.operators]
        assert [(one.name, one.inputs, one.outputs) for one in graph.operators] == said
        for own, other in zip(graph.tensors, main.tensors, strict=True):
            data = model.buffers[other.buffer].data
            assert own.name == other.name.decode()
            assert own.shape == tuple(other.shape)
            assert own.is_constant == (data is not None)
            assert own.is_variable == other.isVariable
            if data is not None:
                assert graph.constant(own.index).tobytes() == bytes(data)

    @pytest.mark.parametrize("name", ["small_cnn", "small_cnn float32", "residual", "autoencoder", "two inputs"])
    def test_litert(self, name):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        graph = read(MODELS[name])
        resolver = OpResolverType.BUILTIN_REF
        details = Interpreter(model_content=MODELS[name], experimental_op_resolver_type=resolver).get_tensor_details()
        by_index = {detail["index"]: detail for detail in details}
        for tensor in graph.tensors:
            detail = by_index[tensor.index]
            assert (tensor.name, tensor.shape) == (detail["name"], tuple(detail["shape"]))
            assert tensor.dtype == LITERT_TYPES[detail["dtype"]]
            found = detail["quantization_parameters"]
            assert tensor.scales == tuple(map(float, found["scales"]))
            assert tensor.zero_points == tuple(map(int, found["zero_points"]))
            if len(tensor.scales) > 1:
                assert tensor.quantised_dimension == found["quantized_dimension"]

    def test_identity_of_the_file(self, tmp_path):
        model = small_cnn()
        path = tmp_path / "m.tflite"
        path.write_bytes(model)
        graph = read(path)
        assert graph.sha256 == hashlib.sha256(model).hexdigest()
        assert (graph.flatbuffer_bytes, graph.data, graph.path) == (len(model), model, str(path))
        assert read(str(path)).sha256 == graph.sha256
        assert read(model, name="watch.tflite").path == "watch.tflite"
        assert str(graph) == f"{path}: 6 operators, {graph.macs:,} MACs, {len(model):,} flatbuffer bytes, int8"


class TestOptions:
    def test_convolution(self):
        net = Net((1, 12, 12, 3)).conv(4, (3, 5), stride=(2, 1), padding="VALID", activation="RELU6", dilation=(1, 2))
        (conv,) = read(net.to_bytes()).operators
        assert (conv.stride, conv.dilation, conv.padding, conv.activation) == ((2, 1), (1, 2), "VALID", "RELU6")
        assert conv.version == 3

    def test_depthwise(self):
        (one,) = read(Net((1, 6, 6, 3)).depthwise(stride=(1, 2), multiplier=2).to_bytes()).operators
        assert (one.stride, one.depth_multiplier, one.padding, one.activation) == ((1, 2), 2, "SAME", "RELU")

    def test_pool(self):
        (one,) = read(Net((1, 8, 6, 3)).pool("MAX", (4, 2), (2, 1)).to_bytes()).operators
        assert (one.name, one.filter, one.stride, one.padding) == ("MAX_POOL_2D", (4, 2), (2, 1), "VALID")

    def test_concatenation(self):
        net = Net((1, 4))
        options = schema.ConcatenationOptionsT(axis=-1)
        net.use("CONCATENATION", [0, 0], [net.tensor((1, 8))], OPTIONS.ConcatenationOptions, options)
        assert read(net.to_bytes()).operators[0].axis == -1

    def test_custom_and_unknown_operators_have_names(self):
        assert read(Net((1, 4)).custom("TFLM_DECODE").to_bytes()).operators[0].name == "CUSTOM:TFLM_DECODE"
        net = Net((1, 4)).unary("LOGISTIC")
        net.codes[0].builtinCode = 5000
        assert read(net.to_bytes()).operators[0].name == "UNKNOWN:5000"

    def test_operators_beyond_127_are_known_by_the_newer_field(self):
        assert read(Net((1, 4)).unary("GELU").to_bytes()).operators[0].name == "GELU"

    def test_an_input_left_out(self):
        assert read(hybrid()).operators[0].inputs[2] == -1


class TestMacs:
    """1 MAC = one product with a weight; each product below is written as the loops of the kernel."""

    def macs(self, net):
        return read(net.to_bytes()).macs

    def test_convolution(self):
        assert self.macs(Net((1, 10, 8, 3)).conv(6, (3, 5), stride=(2, 1))) == 5 * 8 * 6 * 3 * 5 * 3
        assert self.macs(Net((1, 10, 8, 3)).conv(6, (3, 3), padding="VALID")) == 8 * 6 * 6 * 9 * 3

    def test_depthwise(self):
        assert self.macs(Net((1, 10, 8, 3)).depthwise((3, 3), multiplier=2)) == 10 * 8 * 6 * 9

    def test_dense(self):
        assert self.macs(Net((1, 10)).dense(7)) == 70

    def test_transposed_convolution(self):
        """Every input value meets every weight of its channel: 4·4·3 inputs times 3·3·5."""
        assert self.macs(transpose_conv("int8")) == 4 * 4 * 3 * 3 * 3 * 5

    def test_svdf(self):
        """Filters on the features, then each filter over its memory of 5."""
        assert self.macs(svdf(3, 2)) == 6 * 4 + 6 * 5

    def test_matrix_product(self):
        net = Net((1, 8, 6))
        net.inputs.append(net.tensor((1, 6, 5)))
        options = schema.BatchMatMulOptionsT()
        net.use("BATCH_MATMUL", net.inputs, [net.tensor((1, 8, 5))], OPTIONS.BatchMatMulOptions, options)
        assert self.macs(net) == 8 * 6 * 5

    def test_lstm(self):
        """Three steps of eight matrices: four on 5 features, four on 2 states."""
        net = Net((1, 3, 5), dtype="float32")
        weights = [net.tensor((2, 5), data=np.zeros((2, 5), np.float32)) for _ in range(4)]
        weights += [net.tensor((2, 2), data=np.zeros((2, 2), np.float32)) for _ in range(4)]
        states = [net.tensor((1, 2), variable=True) for _ in range(2)]
        net.use("UNIDIRECTIONAL_SEQUENCE_LSTM", [0, *weights, *(-1,) * 9, *states], [net.tensor((1, 3, 2))])
        assert self.macs(net) == 3 * (4 * 10 + 4 * 4)

    def test_an_lstm_without_its_cells_is_damaged(self):
        """TFLM reads the cells from input 19."""
        net = Net((1, 3, 5), dtype="float32")
        weights = [net.tensor((2, 5), data=np.zeros((2, 5), np.float32)) for _ in range(8)]
        net.use("UNIDIRECTIONAL_SEQUENCE_LSTM", [0, *weights], [net.tensor((1, 3, 2))])
        with pytest.raises(ModelError, match=r"has inputs of ranks \[3, 2, 2, 2, 2, 2, 2, 2, 2\]"):
            read(net.to_bytes())

    def test_no_products_elsewhere(self):
        assert self.macs(Net((1, 8, 8, 2)).pool().unary("LOGISTIC").flatten().softmax()) == 0
        assert self.macs(reduce("int8", "MEAN", (1, 2))) == 0

    def test_sum_over_operators(self):
        graph = read(small_cnn())
        assert graph.macs == 8 * 8 * 4 * 9 + 8 * 8 * 4 * 9 + 2 * 2 * 4 * 4
        assert graph.macs == sum(operator.macs for operator in graph.operators)


class TestSizes:
    def test_weight_bytes_by_hand(self):
        # conv 4·9 + 4 biases of 4 bytes, depthwise the same, reshape's 2 int32, dense 16·4 + 4 biases.
        assert read(small_cnn()).weight_bytes == 2 * (36 + 16) + 8 + 64 + 16

    def test_a_shared_buffer_counts_once(self):
        net = Net((1, 8)).dense(8).dense(8)
        shared = net.operators[0].inputs[1]
        before = read(net.to_bytes()).weight_bytes
        net.tensors[net.operators[1].inputs[1]].buffer = net.tensors[shared].buffer
        assert read(net.to_bytes()).weight_bytes == before - 64

    def test_operator_counts_most_frequent_first(self):
        counts = read(residual()).operator_counts()
        assert counts == {"CONV_2D": 2, "ADD": 1, "MAX_POOL_2D": 1, "RESHAPE": 1, "FULLY_CONNECTED": 1}
        assert next(iter(counts)) == "CONV_2D"

    def test_bytes_of_a_tensor(self):
        graph = read(Net((1, 3, 5, 7), dtype="int16").unary("LOGISTIC").to_bytes())
        assert (graph.tensors[0].elements, graph.tensors[0].nbytes) == (105, 210)

    def test_constants_are_read_only(self):
        graph = read(small_cnn())
        with pytest.raises(ValueError, match="read-only"):
            graph.constant(graph.operators[0].inputs[1])[0] = 1

    def test_graphs_are_equal_only_to_themselves(self):
        one, other = read(small_cnn()), read(small_cnn())
        assert one != other
        assert one.sha256 == other.sha256


class TestPrecision:
    @pytest.mark.parametrize(
        ("model", "precision"),
        [
            (small_cnn(), "int8"),
            (small_cnn("float32"), "float32"),
            (hybrid(), "hybrid"),
            (Net((1, 9), dtype="float32").quantise().dense(3).dequantise().to_bytes(), "int8"),
            (Net((1, 9), dtype="float32").unary("LOGISTIC").to_bytes(), "float32"),
            (Net((1, 9), dtype="float32").dense(4).quantise().dense(3).to_bytes(), "mixed"),
            (Net((1, 9), dtype="int16").unary("LOGISTIC").to_bytes(), "int16"),
            (MODELS["transpose_conv"], "int8"),
            (MODELS["svdf"], "int8"),
            (MODELS["lstm int8"], "int8"),
            (MODELS["lstm int16"], "int16x8"),
        ],
    )
    def test_by_the_weights_else_by_the_activations(self, model, precision):
        assert read(model).precision == precision

    def test_int16x8(self):
        net = Net((1, 8), dtype="int16")
        weights = net.tensor((4, 8), dtype="int8", data=np.ones((4, 8), np.int8))
        options = schema.FullyConnectedOptionsT()
        net.use("FULLY_CONNECTED", [0, weights, -1], [net.tensor((1, 4))], OPTIONS.FullyConnectedOptions, options)
        assert read(net.to_bytes()).precision == "int16x8"

    def test_dynamic_range_leaves_small_layers_in_float(self):
        """The converter quantises only large weights: one hybrid operator is enough for TFLM to refuse."""
        assert read(half_hybrid()).precision == "hybrid"
        assert findings(half_hybrid())[0].startswith("hybrid model: FULLY_CONNECTED has float activations")


def findings(model: bytes) -> tuple[str, ...]:
    return tuple(str(one) for one in lint_graph(read(model)))


def half_hybrid() -> bytes:
    net = Net((1, 8), dtype="float32")
    weights = net.tensor((8, 8), dtype="int8", data=np.ones((8, 8), np.int8), scale=0.05)
    options = schema.FullyConnectedOptionsT()
    net.use("FULLY_CONNECTED", [0, weights, -1], [net.tensor((1, 8))], OPTIONS.FullyConnectedOptions, options)
    return net.dense(3).to_bytes()


class TestLint:
    def test_nothing_to_say(self):
        assert findings(small_cnn()) == ()
        assert findings(Net((10,)).unary("LOGISTIC").to_bytes()) == (), "a vector has no batch"

    @pytest.mark.parametrize(
        ("model", "said"),
        [
            (hybrid(), "hybrid model: FULLY_CONNECTED has float activations and integer weights"),
            (small_cnn("float32"), "float32 model: four times the flash and SRAM of int8"),
            (MODELS["quantise"], "2 float input or output tensors: the firmware then links QUANTIZE and DEQUANTIZE"),
            (Net((1, 8)).custom("<script>").to_bytes(), "custom or unknown operators: CUSTOM:<script>; the firmware"),
            (Net((4, 8)).dense(2).to_bytes(), "batch 4: a microcontroller runs one sample at a time"),
        ],
    )
    def test_each_finding_alone(self, model, said):
        (finding,) = findings(model)
        assert finding.startswith(said)

    def test_what_to_set_in_the_converter_is_named(self):
        assert "(operators 0)" in findings(half_hybrid())[0]
        assert "converter.representative_dataset" in findings(half_hybrid())[0]
        assert findings(MODELS["quantise"])[0].endswith("inference_input_type = inference_output_type = tf.int8")

    def test_float_operators_inside_an_integer_model(self):
        net = Net((1, 8)).dense(4).dequantise()
        net.unary("ELU").quantise().dense(2)
        (finding,) = findings(net.to_bytes())
        assert finding.startswith("1 operators compute in float inside an integer model: ELU (operators 2)")

    def test_half_precision_weights(self):
        net = Net((1, 8), dtype="float32")
        half = net.tensor((4, 8), dtype="float32", data=np.ones((4, 8), np.float16))
        net.tensors[half].type = schema.TensorType.FLOAT16
        weights = net.tensor((4, 8))
        net.use("DEQUANTIZE", [half], [weights], OPTIONS.DequantizeOptions, schema.DequantizeOptionsT())
        options = schema.FullyConnectedOptionsT()
        net.use("FULLY_CONNECTED", [0, weights, -1], [net.tensor((1, 4))], OPTIONS.FullyConnectedOptions, options)
        assert any(one.startswith("1 float16 weight tensors behind DEQUANTIZE") for one in findings(net.to_bytes()))


def normalised(net: Net, *, per_channel: bool = True, constants: int = 2) -> Net:
    """MUL and ADD by constants behind the last operator, as an unfolded normalisation leaves them."""
    shape = (net.shape[-1],) if per_channel else (1,)
    for code, make in (("MUL", schema.MulOptionsT), ("ADD", schema.AddOptionsT))[:constants]:
        constant = net.tensor(shape, data=np.full(shape, 3, np.int8), scale=0.01)
        out = net.tensor(net.shape, scale=net.scale)
        kind = getattr(OPTIONS, make.__name__[:-1])
        net.use(code, [net.last, constant], [out], kind, make())
    return net


class TestStrayOperators:
    @pytest.mark.parametrize("per_channel", [True, False])
    @pytest.mark.parametrize("make", [
        lambda: Net((1, 8, 8, 2)).conv(4, activation="NONE"),
        lambda: Net((1, 8, 8, 2)).depthwise(activation="NONE"),
        lambda: Net((1, 8)).dense(4),
    ])  # fmt: skip
    def test_left_behind_a_layer(self, make, per_channel):
        graph = read(normalised(make(), per_channel=per_channel).to_bytes())
        assert [op.name for op in find_stray_operators(graph)] == ["MUL", "ADD"]
        (finding,) = findings(graph.data)
        assert finding.startswith("2 operators that multiply or add constants behind a layer (ADD, MUL: 1, 2)")

    @pytest.mark.parametrize("net", [
        normalised(Net((1, 8, 8, 2)).conv(4, activation="RELU")),
        normalised(Net((1, 8, 8, 2)).conv(4, activation="NONE").pool()),
        normalised(Net((1, 8))),
    ])  # fmt: skip
    def test_not_where_it_could_not_be_folded(self, net):
        assert find_stray_operators(read(net.to_bytes())) == ()

    def test_not_where_another_operator_reads_the_layer(self):
        net = Net((1, 8)).dense(8)
        start = net.last
        normalised(net, constants=1).add(start)
        assert find_stray_operators(read(net.to_bytes())) == ()

    def test_not_a_residual_addition_nor_a_constant_image(self):
        assert find_stray_operators(read(residual())) == ()
        net = Net((1, 4, 4, 2)).conv(2, activation="NONE")
        net.add(net.tensor((1, 4, 4, 2), data=np.ones((1, 4, 4, 2), np.int8)))
        assert find_stray_operators(read(net.to_bytes())) == ()

    def test_more_subgraphs(self):
        model = tree(small_cnn())
        model.subgraphs.append(model.subgraphs[0])
        assert findings(pack(model)) == (
            "2 subgraphs, only the first is analysed; what control flow runs is not counted",
        )


def pack(model) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class TestErrors:
    def test_files(self, tmp_path):
        with pytest.raises(ModelError, match=r"no\.tflite: cannot be read \(No such file or directory\); give the pa"):
            read(tmp_path / "no.tflite")
        with pytest.raises(ModelError, match="not a .tflite file but a folder"):
            read(tmp_path)
        with pytest.raises(ModelError, match=r"cannot be read \(embedded null byte\)"):
            read("a\0b")

    def test_too_large_a_file_is_not_read_whole(self, tmp_path, monkeypatch):
        monkeypatch.setattr(limits, "MODEL_BYTES", 1000)
        (tmp_path / "m.tflite").write_bytes(small_cnn())
        with pytest.raises(ModelError, match=r"more than 1,000 bytes; a \.tflite model for a microcontroller is far"):
            read(tmp_path / "m.tflite")

    def test_an_endless_file_ends(self, monkeypatch):
        monkeypatch.setattr(limits, "MODEL_BYTES", 10_000)
        with pytest.raises(ModelError, match="more than 10,000 bytes"):
            read("/dev/zero")

    def test_no_model_at_all(self):
        with pytest.raises(ModelError, match="not a .tflite file but 3 bytes that begin with 'abc'"):
            read(b"abc")
        with pytest.raises(ModelError, match="not a .tflite file but 11 bytes that begin with '01234567890'"):
            read(b"01234567890")

    def test_nothing_inside(self):
        model = tree(small_cnn())
        model.subgraphs = []
        with pytest.raises(ModelError, match="m: the model has no subgraph; convert it again"):
            read(pack(model), name="m")
        model = tree(small_cnn())
        model.subgraphs[0].operators = []
        with pytest.raises(ModelError, match="m: the model has no operators; convert it again"):
            read(pack(model), name="m")

    def change(self, act):
        model = tree(small_cnn())
        act(model, model.subgraphs[0])
        return pack(model)

    @pytest.mark.parametrize(
        ("act", "said"),
        [
            (lambda m, g: setattr(g.tensors[0], "buffer", 99), "tensor 0 refers to buffer 99 of"),
            (lambda m, g: setattr(g.tensors[0], "type", 77), "tensor 0 has type code 77; allowed: 0–"),
            (lambda m, g: setattr(g.tensors[0], "shape", [1, -8, 8, 1]), r"tensor 0 has shape \(1, -8, 8, 1\); sizes"),
            (lambda m, g: setattr(g.tensors[0], "shape", [2**30, 2**30]), "sizes must be fixed, 0 or more"),
            (lambda m, g: setattr(g.tensors[1], "shape", [4, 3, 3, 2]), "needs 72 bytes, its buffer has 36: damaged"),
            (lambda m, g: setattr(g.operators[0], "opcodeIndex", 50), "operator 0 has code index 50 of"),
            (lambda m, g: setattr(g.operators[0], "inputs", [0, 99]), "the graph refers to tensor 99, it has"),
            (lambda m, g: setattr(g.operators[0], "outputs", [-1]), "the graph refers to tensor -1, it has"),
            (lambda m, g: setattr(g, "inputs", [-1]), "the graph refers to tensor -1"),
            (lambda m, g: setattr(g.operators[0], "inputs", [0]), r"\(CONV_2D\) has inputs of ranks \[4\] and 1 outp"),
            (lambda m, g: setattr(g.operators[0], "inputs", [0, -1, 1]), r"inputs of ranks \[4, -1\] and 1 outputs,"),
            (lambda m, g: setattr(g.operators[0], "outputs", []), r"ranks \[4, 4\] and 0 outputs, it needs \[4, 4\]"),
            (lambda m, g: setattr(g.tensors[3], "shape", []), "1 outputs without an axis"),
        ],
    )
    def test_what_does_not_hold_together(self, act, said):
        with pytest.raises(ModelError, match=said):
            read(self.change(act))

    @pytest.mark.parametrize("what", ["tensors", "operators", "buffers", "codes"])
    def test_more_entries_than_any_model_has(self, what, monkeypatch):
        monkeypatch.setattr(reading_room, "_MOST_ENTRIES", 50)
        model = tree(small_cnn())
        main = model.subgraphs[0]
        entries = {"tensors": main.tensors, "operators": main.operators, "buffers": model.buffers}
        repeated = entries.get(what, model.operatorCodes)
        repeated += [repeated[-1]] * (60 - len(repeated))
        with pytest.raises(ModelError, match=rf"the file lists 60 {what}, tinykit reads 50; a model for a micro"):
            read(pack(model))

    def test_constants(self):
        graph = read(small_cnn())
        with pytest.raises(ModelError, match=r"tensor -1 is not in the graph; it has 0 to 13"):
            graph.constant(-1)
        with pytest.raises(ModelError, match="tensor 14 is not in the graph"):
            graph.constant(14)
        with pytest.raises(ModelError, match=r"tensor 0 is no constant of a plain type \(int8\); ask for a weight"):
            graph.constant(0)

    def test_a_sparse_constant_is_not_read_as_if_it_were_dense(self):
        model = tree(autoencoder())
        weights = model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[1]]
        weights.sparsity = schema.SparsityParametersT(traversalOrder=[0, 1])
        model.buffers[weights.buffer].data = model.buffers[weights.buffer].data[:40]
        graph = read(pack(model))
        with pytest.raises(ModelError, match=r"is stored sparse \(40 of 128 bytes\), which TFLM does not"):
            graph.constant(graph.operators[0].inputs[1])


class TestFlatBuffer:
    def test_reads_are_counted(self):
        buffer = FlatBuffer(b"\0" * 100)
        buffer.take(4 * 100 + 1024, 0, 0)
        with pytest.raises(ModelError, match="refers to more entries than it can hold"):
            buffer.take(1, 0, 0)

    def test_nothing_outside_is_read(self):
        buffer = FlatBuffer(b"\0" * 100)
        with pytest.raises(ModelError, match=r"it refers to byte 102 of 100; copy or convert it again"):
            buffer.number("<I", 98)
        with pytest.raises(ModelError, match="it refers to byte"):
            buffer.number("<I", -4)

    def test_text_that_is_no_utf8(self):
        assert read(Net((1, 8), name=b"\xffA").dense(2).to_bytes()).tensors[0].name == "\ufffdA"

    def test_long_names_are_cut(self):
        assert len(read(Net((1, 8), name="a" * 5000).dense(2).to_bytes()).tensors[0].name) == 256

    def test_external_buffers(self):
        """Buffers of large models lie behind the flatbuffer, found by offset and size."""
        model = tree(Net((1, 8)).dense(4).to_bytes())
        place = model.subgraphs[0].operators[0].inputs[1]
        buffer = model.buffers[model.subgraphs[0].tensors[place].buffer]
        weights = bytes(buffer.data)
        buffer.data, buffer.offset, buffer.size = None, 10**6, len(weights)
        length = len(pack(model))
        buffer.offset = length
        packed = pack(model)
        assert len(packed) == length
        graph = read(packed + weights)
        assert graph.constant(place).tobytes() == weights
        with pytest.raises(ModelError, match="it refers to byte"):
            read(packed)
