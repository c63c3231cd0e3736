"""4-bit weights on an int8 grid: what the file holds, what DECODE makes of it, and packed int4 read for what it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tests.codegen_graphs import random_model
from tests.int4_models import pack_nibbles, plain_cnn, with_levels
from tests.models import Net
from tests.packing_models import pack, shared_dense, thin_out, unpack, wide_cnn
from tinykit.budget.fit.check import check_fit, check_fit_all
from tinykit.choose.ledger.forms import list_forms
from tinykit.ground.errors import DataError, ModelError, UnknownRuntimeError
from tinykit.handover.codegen.export import export_c
from tinykit.handover.deployment.targets import deploy
from tinykit.model.graph.model import Precision, unpack_nibbles
from tinykit.model.graph.reading import read
from tinykit.model.lint import lint_graph
from tinykit.predict.arena.predict import plan_offline, predict_arena, with_offline_plan
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.npu.compiling import compile_for_npu
from tinykit.predict.packing import gridding
from tinykit.predict.packing.cost import predict_packed_latency
from tinykit.predict.packing.decoding import code_weights, list_weights, pack as pack_for
from tinykit.predict.packing.gridding import LEVELS, grid_weights
from tinykit.predict.packing.leaning import lean
from tinykit.predict.runtime.codes import to_codes, to_reals
from tinykit.predict.runtime.proving import prove_same
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import Session, measure_arena, run_model
from tinykit.predict.runtime.verify import verify_model
from tinykit.target.target import as_target

WIDE, LARGE = read(wide_cnn()), read(Net((1, 128), seed=1).dense(128).to_bytes())
PACKED, PLAIN = (read(with_levels(plain_cnn(), packed=packed)) for packed in (True, False))
M4 = {"core": "cortex-m4", "clock_hz": 100e6, "build": "-O3"}


def predict_scores(graph, samples) -> np.ndarray:
    with Session(graph.data) as session:
        return to_reals(session, session.run_all(to_codes(session, samples)))[0].astype(np.float64)


def weights_of(graph) -> dict[int, np.ndarray]:
    return {index: graph.constant(index) for index in list_weights(graph)}


def restore(graph, index: int, *, ones: bool = False) -> np.ndarray:
    """Weights (or ones) as real numbers, scales along their axis."""
    tensor = graph.tensors[index]
    shape = [-1 if axis == tensor.quantised_dimension else 1 for axis in range(len(tensor.shape))]
    scales = np.reshape(tensor.scales, shape) if len(tensor.scales) > 1 else tensor.scales[0]
    return (1 if ones else graph.constant(index)) * scales


class TestGrid:
    def test_every_channel_has_the_same_fifteen_numbers(self):
        made = grid_weights(WIDE)
        changed = [
            one for one, values in weights_of(made.graph).items() if not np.array_equal(values, WIDE.constant(one))
        ]
        assert len(changed) >= 3
        for index in changed:
            assert np.isin(made.graph.constant(index), LEVELS).all()
        assert LEVELS.tolist() == [-127, -109, -91, -73, -54, -36, -18, 0, 18, 36, 54, 73, 91, 109, 127]
        coded = code_weights(made.graph)
        assert coded.equal
        assert [(one.tensor, one.bits, one.tables) for one in coded.coded] == [(one, 4, 1) for one in changed]
        saved = sum(WIDE.tensors[one].nbytes for one in changed) / 2
        assert lean(WIDE).flatbuffer_bytes - coded.flatbuffer_bytes > saved - 200 * len(changed)
        assert max(len(np.unique(made.graph.constant(one))) for one in changed) == 15

    @settings(max_examples=15, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 2**16))
    def test_weights_are_within_half_a_step_and_biases_count_as_before(self, seed):
        graph = read(wide_cnn(seed))
        made = grid_weights(graph)
        for operator in graph.operators:
            if not operator.macs:
                continue
            index, bias = operator.inputs[1:3]
            before, after = restore(graph, index), restore(made.graph, index)
            steps = np.broadcast_to(restore(made.graph, index, ones=True), before.shape) * 127 / 7
            inside = np.abs(before) <= 7 * steps
            assert (np.abs(before - after) <= 0.54 * steps)[inside].all()
            pairs = [(one.tensors[index].scales, one.constant(bias)) for one in (graph, made.graph)]
            products = [np.asarray(scales) * values for scales, values in pairs]
            np.testing.assert_allclose(*products, atol=0.51 * max(pairs[1][0]))
        assert made.recipe[0] in ("4-bit grid by max", "4-bit grid by least squares")
        assert made.recipe[-1].endswith("apart on made-up inputs")

    def test_labels_choose_and_equals_go_wholly_on_the_grid(self):
        samples = np.random.default_rng(0).normal(0, 0.5, (24, 8, 8, 4)).astype(np.float32)
        own = grid_weights(WIDE, samples)
        assert own.recipe[-1].endswith("apart on 24 samples")
        weights = gridding._list_paying(WIDE)
        ways = [gridding._put(WIDE, weights[kept:], scales) for kept in (0, 1) for scales in ("max", "least squares")]
        plain, *found = (predict_scores(one, samples) for one in (WIDE, *ways))
        apart = [np.sqrt(np.mean((one - plain) ** 2)) for one in found]
        assert own.data == ways[int(np.argmin(apart))].data
        for way, scores in zip(ways, found, strict=True):
            labels = scores.argmax(axis=1)  # what this way alone answers is right
            made = grid_weights(WIDE, samples, labels)
            assert made.recipe[-1] == "100.0% of 24 samples right"
            same = [one.data for one, other in zip(ways, found, strict=True) if (other.argmax(axis=1) == labels).all()]
            assert made.data in same
            assert way.data in same
            assert ("first layer int8" in made.recipe) is (made.data not in [one.data for one in ways[:2]])
            if any(one.data in same for one in ways[:2]):
                assert "first layer int8" not in made.recipe
        assert made.proof is None
        assert made.equal is None
        assert str(made).startswith("4-bit grid by ")

    def test_small_kernels_stay_as_they_are(self):
        small = read(Net((1, 6, 6, 1)).conv(2).conv(40).flatten().dense(30).to_bytes())
        made = grid_weights(small)
        first = small.operators[0].inputs[1]
        assert np.array_equal(made.graph.constant(first), small.constant(first))
        with pytest.raises(ModelError, match="no int8 weights of the model take fewer bytes on a 4-bit grid; leave it"):
            grid_weights(read(Net((1, 6, 6, 1)).conv(2).to_bytes()))
        with pytest.raises(ModelError, match="no int8 weights of the model take fewer"):
            grid_weights(read(Net((1, 8, 8, 4), dtype="float32").conv(32).conv(32).to_bytes()))

    def test_dead_channels_keep_their_scales_and_biases(self):
        tree = unpack(wide_cnn())
        graph = tree.subgraphs[0]
        weights, bias = graph.operators[0].inputs[1:3]
        scale = graph.tensors[weights].quantization.scale.copy()
        scale[:3] = 1.3e-38
        graph.tensors[weights].quantization.scale = scale
        held = np.asarray(tree.buffers[graph.tensors[bias].buffer].data, np.uint8).view(np.int32).copy()
        held[:3] = [2**31 - 1, -(2**31) + 1, 0]
        tree.buffers[graph.tensors[bias].buffer].data = held.view(np.uint8)
        data = np.asarray(tree.buffers[graph.tensors[weights].buffer].data, np.uint8).copy()
        data[: 9 * 4] = 0
        data[3] = 100  # one weight of a dead channel, which least squares would give a smaller step
        tree.buffers[graph.tensors[weights].buffer].data = data
        before = read(pack(tree))
        made = grid_weights(before)
        assert made.graph.constant(bias)[:3].tolist() == [2**31 - 1, -(2**31) + 1, 0]
        assert np.isfinite(made.graph.tensors[weights].scales).all()
        assert min(made.graph.tensors[weights].scales) >= 1.2e-38
        code_weights(made.graph)

    def test_weights_that_several_operators_read(self):
        graph = read(shared_dense())
        made = grid_weights(graph)
        index = graph.operators[0].inputs[1]
        assert np.isin(made.graph.constant(index), LEVELS).all()
        assert code_weights(made.graph).equal
        tree = unpack(Net((1, 32)).dense(32, "RELU").dense(32).to_bytes())
        first, second = tree.subgraphs[0].operators
        second.inputs = [*second.inputs[:2], first.inputs[2]]  # a bias that counts in steps of other weights too
        both = read(pack(tree))
        bias = both.operators[0].inputs[2]
        assert np.array_equal(grid_weights(both).graph.constant(bias), both.constant(bias))

    def test_labels_that_are_not_one_a_sample(self):
        with pytest.raises(DataError, match=r"labels of shape \(3,\) for 2 samples; give one class each"):
            grid_weights(WIDE, np.zeros((2, 8, 8, 4), np.float32), np.zeros(3, int))

    def test_what_it_costs_through_decode(self):
        made = grid_weights(WIDE).graph
        assert predict_latency(made, **M4).value == pytest.approx(predict_latency(WIDE, **M4).value)
        plain, decoded = (predict_packed_latency(one, **M4) for one in (WIDE, code_weights(made).graph))
        assert plain.value < decoded.value < 1.3 * plain.value

    def test_the_ledger_tells_of_native_int4(self):
        target = as_target("nucleo-l4r5zi")
        told = list_forms(grid_weights(LARGE).graph, target)["lean + DECODE"].note
        assert told.endswith(
            "on a 4-bit grid: native int4 spares decoder and decoded weights, and takes 1.6 to 2.4 × the instructions"
        )
        assert "4-bit" not in list_forms(read(thin_out(wide_cnn(), values=16)), target)["lean + DECODE"].note


class TestNative:
    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.integers(-8, 7), min_size=1, max_size=33))
    def test_low_half_first(self, numbers):
        packed = pack_nibbles(np.array(numbers)).tobytes()
        assert unpack_nibbles(packed, len(numbers)).tolist() == numbers
        assert unpack_nibbles(b"\x2f", 2).tolist() == [-1, 2]

    @settings(max_examples=12, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 2**16), st.booleans())
    def test_arena_and_outputs_are_those_of_the_interpreter(self, seed, deep):
        net = plain_cnn(seed) if deep else Net((1, 4, 4, 5), seed=seed).conv(9, (1, 1)).conv(64).to_bytes()
        native, plain = (with_levels(net, packed=packed, seed=seed, least=-8) for packed in (True, False))
        graph = read(native)
        assert measure_arena(native).head_bytes == predict_arena(graph, runtime="tflm-reference").head_bytes
        shape = graph.tensors[graph.inputs[0]].shape[1:]
        x = np.random.default_rng(seed).integers(-128, 128, (4, *shape)).astype(np.int8)
        assert np.array_equal(run_model(native, x), run_model(plain, x))
        for index in list_weights(read(plain)):
            assert np.array_equal(graph.constant(index), read(plain).constant(index))

    def test_it_is_never_answered_as_if_int8(self):
        assert (PACKED.precision, PLAIN.precision) == (Precision.INT8X4, Precision.INT8)
        assert PACKED.flatbuffer_bytes < 0.85 * PLAIN.flatbuffer_bytes
        ratio = predict_instructions(PACKED, core="cortex-m4").total.value
        ratio /= predict_instructions(PLAIN, core="cortex-m4").total.value
        assert 1.56 < ratio < 2.0
        for core, least in (("cortex-m4", 1.56), ("cortex-m7", 1.5), ("cortex-m55", 1.2), ("cortex-m0plus", 1.2)):
            slow, quick = (predict_latency(one, core=core, clock_hz=1e8) for one in (PACKED, PLAIN))
            assert slow.value > least * quick.value
            assert slow.high / slow.low >= 0.95 * quick.high / quick.low
            assert any("four bits" in one for one in slow.sources)
        reference = [predict_latency(one, runtime="tflm-reference", **M4).value for one in (PACKED, PLAIN)]
        assert reference[0] > reference[1]

    @pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus", "cortex-m55"])
    def test_cmsis_nn_unpacks_nothing(self, core):
        conv = read(with_levels(Net((1, 8, 8, 16)).conv(16).to_bytes(), packed=True))
        scratch = [one.buffer.nbytes for one in predict_arena(conv, core=core).plan.placed if one.buffer.tensor < 0]
        assert scratch == [4 * 9 * 16]  # two columns of int16, with Helium four of whole vectors
        pointwise = read(with_levels(Net((1, 8, 8, 16)).conv(16, (1, 1)).to_bytes(), packed=True))
        assert all(one.buffer.tensor >= 0 for one in predict_arena(pointwise, core=core).plan.placed)
        deep = read(with_levels(Net((1, 8, 8, 64)).depthwise().to_bytes(), packed=True))
        own = [one.buffer.nbytes for one in predict_arena(deep, core=core).plan.placed if one.buffer.tensor < 0]
        assert own == [4464 if core == "cortex-m55" else 1152]

    def test_esp_nn_has_no_kernels_for_it(self):
        with pytest.raises(UnknownRuntimeError, match="esp-nn and int4 weights: it unpacks the filter for TFLM"):
            predict_latency(PACKED, core="xtensa-lx7", clock_hz=240e6)
        report = check_fit(PACKED, "esp32-s3-devkitc-1")
        assert report.arena_bytes is not None
        assert report.latency_s is None
        plain, native = (predict_arena(one, runtime="esp-nn", core="xtensa-lx7").head_bytes for one in (PLAIN, PACKED))
        assert native > plain

    def test_runtimes_without_it_refuse(self):
        report = check_fit(PACKED, "nucleo-l4r5zi", runtime="x-cube-ai")
        assert report.refusal.startswith("x-cube-ai and int4 weights: ST documents 8-bit weights")
        assert report.arena_bytes is None
        with pytest.raises(UnknownRuntimeError, match="x-cube-ai and int4 weights: ST"):
            predict_latency(PACKED, runtime="x-cube-ai", **M4)
        with pytest.raises(UnknownRuntimeError, match="x-cube-ai and int4 weights: ST"):
            predict_arena(PACKED, runtime="x-cube-ai")
        with pytest.raises(UnknownRuntimeError, match="x-cube-ai and int4 weights: ST"):
            pack_for(PACKED, runtime="x-cube-ai")
        assert pack_for(grid_weights(PACKED).graph, runtime="x-cube-ai").plain.equal
        with pytest.raises(UnknownRuntimeError, match="whether the kernels that EON compiles in take int4"):
            predict_latency(PACKED, runtime="edge-impulse-eon", **M4)
        with pytest.raises(ModelError, match="ethos-u and int4 weights: an Ethos-U computes with weights of 8"):
            compile_for_npu(PACKED)
        with pytest.raises(ModelError, match=r"input 1 is int4; it has to be a constant of int8"):
            export_c(PACKED)

    def test_the_rest_of_the_kit_takes_it(self, tmp_path):
        report = check_fit(PACKED, "nucleo-l4r5zi")
        assert report.verdict == "fits"
        assert lean(PACKED).equal
        assert pack_for(PACKED).coded is None
        plan = plan_offline(PACKED, runtime="tflm-reference")
        assert prove_same(PACKED.data, with_offline_plan(PACKED, plan)).equal
        assert "agree" in str(verify_model(PACKED.data, sample_inputs(PACKED.data, 4)))
        assert deploy(PACKED, tmp_path / "firmware", target="tflm", arena=20_000)
        assert len(check_fit_all(PACKED, use_engine=False)) > 50

    def test_it_becomes_int8_of_the_same_values(self):
        made = grid_weights(PACKED)
        assert made.equal
        assert made.graph.precision is Precision.INT8
        assert made.recipe == ("int4 as int8",)
        x = np.random.default_rng(3).integers(-128, 128, (4, 9, 7, 3)).astype(np.int8)
        assert np.array_equal(run_model(made.data, x), run_model(PACKED.data, x))


class TestStrangers:
    def change(self, tensor: str, kind: int) -> bytes:
        tree = unpack(with_levels(plain_cnn(), packed=True))
        graph = tree.subgraphs[0]
        index = graph.operators[1].outputs[0] if tensor == "activations" else graph.operators[0].inputs[1]
        graph.tensors[index].type = kind
        buffer = tree.buffers[graph.tensors[index].buffer]
        if tensor == "weights":
            elements = int(np.prod(graph.tensors[index].shape))
            buffer.data = np.zeros((elements * {17: 4, 19: 2, 20: 4}[kind] + 7) // 8, np.uint8)
        return pack(tree)

    @pytest.mark.parametrize(
        ("tensor", "kind", "name"),
        [("activations", 17, "int4"), ("activations", 20, "uint4"), ("weights", 19, "int2"), ("weights", 20, "uint4")],
    )
    def test_packed_numbers_without_a_kernel_are_refused_when_read(self, tensor, kind, name):
        with pytest.raises(ModelError, match=rf"tensor \d+ of operator \d \(\w+\) is {name}, which no kernel of TFLM"):
            read(self.change(tensor, kind))

    def test_embeddings(self):
        net = Net((1, 4), dtype="int32")
        table = net.tensor((8, 6), dtype="int8", data=np.zeros((8, 6), np.int8), scale=0.1)
        out = net.tensor((4, 6), dtype="int8", scale=0.1)
        net.use("GATHER", [table, net.last], [out])
        tree = unpack(net.to_bytes())
        tree.subgraphs[0].tensors[table].type = 17
        tree.buffers[tree.subgraphs[0].tensors[table].buffer].data = np.zeros(24, np.uint8)
        with pytest.raises(ModelError, match=r"\(GATHER\) is int4, which no kernel of TFLM reads there"):
            read(pack(tree))

    def test_a_dense_operator_with_a_scale_for_each_unit(self):
        with pytest.raises(
            ModelError, match=r"\(FULLY_CONNECTED\) is int4, which no kernel of TFLM reads there\nallowed: int4"
        ):
            read(with_levels(Net((1, 64)).dense(32).to_bytes(), packed=True))

    def test_hybrid_and_wide_activations(self):
        tree = unpack(with_levels(Net((1, 8, 8, 2)).conv(8).to_bytes(), packed=True))
        for tensor in tree.subgraphs[0].tensors:
            tensor.type = 0 if tensor.type == 9 else tensor.type
        hybrid = read(pack(tree))
        assert hybrid.precision is Precision.HYBRID
        assert next(one.id for one in lint_graph(hybrid)) == "hybrid"
        for tensor in tree.subgraphs[0].tensors:
            tensor.type = 7 if tensor.type == 0 else tensor.type
        with pytest.raises(ModelError, match=r"\(CONV_2D\) is int4, which no kernel of TFLM reads there"):
            read(pack(tree))


@pytest.mark.parametrize("seed", [0, 1, 2, 5, 6, 7, 9, 11])
@pytest.mark.parametrize("scales", ["max", "least squares"])
def test_random_networks_on_the_grid_run_and_decode(seed, scales):
    """Odd shapes, strides, multipliers and ends: every weight on the grid, whether that pays or not."""
    graph = read(random_model(seed))
    weights = tuple(one for one in list_weights(graph) if gridding._others(graph, one) is not None)
    made = gridding._put(graph, weights, scales)
    for index in weights:
        assert np.isin(made.constant(index), LEVELS).all()
    assert measure_arena(made.data).head_bytes == measure_arena(graph.data).head_bytes
    assert code_weights(made, least_gain_bytes=-1000).equal
