"""DECODE: weights stored coded, decoded by TFLM's own kernel, outputs equal to the byte."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tests.codegen_graphs import ask_interpreter, random_model
from tests.models import Net, flip_bits, small_cnn
from tests.packing_models import pack, shared_dense, thin_out, unpack, wide_cnn
from tinykit.budget.fit.check import check_fit
from tinykit.ground.errors import ModelError, UnknownRuntimeError
from tinykit.handover.codegen.export import export_c
from tinykit.handover.deployment.targets import add_method
from tinykit.model.graph.reading import read
from tinykit.model.graph.writing import write_tree
from tinykit.model.lint import lint_graph
from tinykit.predict.arena.predict import plan_offline, predict_arena, with_offline_plan
from tinykit.predict.flash import decoder_code, predict_flash
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.packing.coding import list_codings
from tinykit.predict.packing.cost import cost_of_decode, predict_packed_latency, refuse_decode
from tinykit.predict.packing.decoding import code_weights, find_codings, foresee_flash, insert_decode
from tinykit.predict.packing.leaning import lean, lean_tree
from tinykit.predict.runtime.session import missing_operators

PRUNED = thin_out(wide_cnn(), zeros=0.75)
CLUSTERED = thin_out(wide_cnn(), values=16)


def code_anything(model: bytes, seed: int) -> tuple[bytes, int]:
    """The model with a coding drawn for each weight tensor, whatever its size; and how many were coded."""
    rng, graph = np.random.default_rng(seed), read(model)
    chosen = {}
    for operator in graph.operators:
        if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            index = operator.inputs[1]
            codings = list_codings(graph.tensors[index], graph.constant(index))
            if codings:
                chosen[index] = codings[int(rng.integers(len(codings)))]
    return write_tree(insert_decode(graph, lean_tree(graph), chosen)), len(chosen)


def pick_tables(graph, *, per_channel: bool):
    """A lookup table for each weight tensor that has one, shared or one a channel."""
    chosen = {}
    for operator in graph.operators:
        if operator.macs:
            index = operator.inputs[1]
            for one in list_codings(graph.tensors[index], graph.constant(index)):
                if one.bits and (one.table_count > 1) is per_channel:
                    chosen[index] = one
    return chosen


class TestOutputs:
    @pytest.mark.parametrize("how", [{"zeros": 0.6}, {"values": 12}, {"values": 5, "per_channel": True}])
    def test_random_graphs_answer_as_before(self, how):
        models = [thin_out(random_model(seed), **how, seed=seed) for seed in range(40)]
        coded = [code_anything(model, seed) for seed, model in enumerate(models)]
        assert sum(count for _, count in coded) > 20
        before, after = ask_interpreter(models), ask_interpreter([model for model, _ in coded])
        for seed, (one, other) in enumerate(zip(before, after, strict=True)):
            assert one[1].tobytes() == other[1].tobytes(), f"seed {seed}"

    def test_every_index_width_shared_and_per_channel(self):
        plain, coded, seen = [], [], set()
        for width in range(1, 8):
            for per_channel in (False, True):
                model = thin_out(wide_cnn(), values=2**width, per_channel=per_channel, seed=width)
                graph = read(model)
                for tables in (False, True):
                    chosen = pick_tables(graph, per_channel=tables)
                    seen |= {(one.bits, one.table_count > 1) for one in chosen.values()}
                    plain.append(model)
                    coded.append(write_tree(insert_decode(graph, lean_tree(graph), chosen)))
        assert seen >= {(bits, tables) for bits in range(1, 8) for tables in (False, True)}
        before, after = ask_interpreter(plain), ask_interpreter(coded)
        assert all(one[1].tobytes() == other[1].tobytes() for one, other in zip(before, after, strict=True))

    @pytest.mark.parametrize(("model", "method"), [(PRUNED, "pruning"), (CLUSTERED, "lookup table")])
    def test_proven_and_smaller_than_lean(self, model, method):
        packed = code_weights(model)
        assert packed.equal
        assert packed.recipe == ("lean", "decode")
        assert packed.flatbuffer_bytes < lean(model, prove=False).flatbuffer_bytes
        assert {one.method for one in packed.coded} == {method}
        assert all(one.coded_bytes < one.raw_bytes for one in packed.coded)
        assert packed.flash_bytes == packed.flatbuffer_bytes + packed.cost.code.value
        assert missing_operators(packed.data) == ()

    def test_tables_per_channel_where_each_channel_has_its_own_values(self):
        packed = code_weights(thin_out(wide_cnn(), values=2, per_channel=True))
        assert {(one.bits, one.tables > 1) for one in packed.coded} >= {(1, True)}

    def test_a_table_that_steps_where_it_must_not_is_caught(self, monkeypatch):
        """The silent fault of a per-tensor table on per-channel weights: other weights, so no file."""
        found = find_codings(read(CLUSTERED))
        stepping = {
            index: replace(one, tables=one.tables[:6] + bytes([16]) + one.tables[7:]) for index, one in found.items()
        }
        monkeypatch.setattr("tinykit.predict.packing.decoding.find_codings", lambda graph: stepping)
        with pytest.raises(ModelError, match="outputs differ|not decoded to the weights"):
            code_weights(CLUSTERED)

    def test_the_weights_themselves_are_compared(self, monkeypatch):
        """An input of zeros hides wrong weights from the outputs, not from the decoded tensors."""
        monkeypatch.setattr("tinykit.predict.packing.decoding.check_equal", lambda *_: None)
        found = find_codings(read(PRUNED))
        wrong = {
            index: replace(one, tables=one.tables[:-1] + bytes([one.tables[-1] ^ 1])) for index, one in found.items()
        }
        monkeypatch.setattr("tinykit.predict.packing.decoding.find_codings", lambda graph: wrong)
        with pytest.raises(ModelError, match="not decoded to the weights"):
            code_weights(PRUNED)

    @settings(max_examples=6, deadline=None)
    @given(zeros=st.floats(0, 1), values=st.integers(0, 200), per_channel=st.booleans(), seed=st.integers(0, 999))
    def test_any_weights_come_back_equal_and_never_larger_than_lean(self, zeros, values, per_channel, seed):
        model = thin_out(wide_cnn(seed), zeros=zeros, values=values, per_channel=per_channel, seed=seed)
        try:
            packed = code_weights(model, inputs=2)
        except ModelError as error:  # weights so thin that nothing shows in the outputs: no proof, and none is claimed
            if "answered alike" not in str(error):
                raise
            return
        assert packed.equal
        assert packed.flatbuffer_bytes <= lean(model, prove=False).flatbuffer_bytes
        assert predict_arena(packed.graph, runtime="tflm-reference").head_bytes == packed.proof.after.head_bytes


class TestChoice:
    def test_dense_weights_stay_as_they_are(self):
        packed = code_weights(wide_cnn())
        assert (packed.coded, packed.recipe, packed.cost) == ((), ("lean",), None)
        assert packed.data == lean(wide_cnn()).data
        assert packed.equal

    def test_small_tensors_stay_as_they_are(self):
        graph = read(PRUNED)
        coded = {one.tensor for one in code_weights(graph).coded}
        sizes = {one.inputs[1]: graph.tensors[one.inputs[1]].nbytes for one in graph.operators if one.macs}
        assert coded
        assert min(sizes[index] for index in coded) > min(sizes.values())

    def test_each_coded_tensor_earns_its_place(self):
        packed = code_weights(PRUNED, least_gain_bytes=64)
        graph, tree = packed.before, lean_tree(packed.before)
        chosen = {index: coding for index, coding in find_codings(graph).items()
                  if index in {one.tensor for one in packed.coded}}  # fmt: skip
        for index in chosen:
            fewer = {one: coding for one, coding in chosen.items() if one != index}
            assert len(write_tree(insert_decode(graph, tree, fewer))) >= packed.flatbuffer_bytes + 64

    def test_a_higher_bar_codes_fewer(self):
        assert len(code_weights(PRUNED, least_gain_bytes=2000).coded) < len(code_weights(PRUNED).coded)

    def test_weights_that_two_operators_share_are_decoded_for_each(self):
        packed = code_weights(thin_out(shared_dense(), zeros=0.9))
        (coded,) = packed.coded
        assert coded.operators == (0, 1)
        assert packed.graph.operator_counts() == {"CUSTOM:TFLM_DECODE": 2, "FULLY_CONNECTED": 2}
        assert packed.cost.weights == 2 * 32 * 32

    def test_weights_that_are_also_an_output_stay(self):
        tree = unpack(PRUNED)
        weights = int(tree.subgraphs[0].operators[0].inputs[1])
        tree.subgraphs[0].outputs = [*tree.subgraphs[0].outputs, weights]
        assert weights not in find_codings(read(pack(tree)))

    def test_weights_in_a_buffer_that_others_read_do_not_pay(self):
        tree = unpack(thin_out(Net((1, 40)).dense(40).to_bytes(), zeros=0.9))
        graph = tree.subgraphs[0]
        extra = type(graph.tensors[0])(shape=[40, 40], type=9, buffer=graph.tensors[1].buffer)
        graph.tensors.append(extra)
        assert code_weights(pack(tree)).coded == ()

    def test_float_weights(self):
        net = Net((1, 64), dtype="float32")
        net.dense(64)
        tree = unpack(net.to_bytes())
        values = np.asarray(tree.buffers[1].data, np.uint8).view(np.float32).copy()
        values[np.abs(values) < 0.15] = 0
        tree.buffers[1].data = values.view(np.uint8)
        packed = code_weights(pack(tree))
        assert packed.equal
        assert [one.method for one in packed.coded] == ["pruning"]


class TestOnTheDevice:
    def test_the_arena_is_predicted_to_the_byte(self):
        for model in (PRUNED, CLUSTERED, thin_out(shared_dense(), zeros=0.9)):
            packed = code_weights(model)
            assert predict_arena(packed.graph, runtime="tflm-reference").head_bytes == packed.proof.after.head_bytes
            assert packed.proof.after.head_bytes >= packed.proof.before.head_bytes

    @pytest.mark.parametrize(("model", "state"), [(PRUNED, 80), (CLUSTERED, 72)])
    def test_the_tail_counts_what_the_interpreter_allocates(self, model, state):
        packed = code_weights(model)
        before, after = packed.proof.before, packed.proof.after
        count = len(packed.coded)
        name = "Persistent buffer data"
        assert after.counts[name] - before.counts[name] == 2 * count
        assert after.requested[name] - before.requested[name] == (8 + state) * count
        plain, coded = (predict_arena(one, runtime="tflm-reference") for one in (packed.before, packed.graph))
        structures = 12 * 2 * count + 32 * count
        assert coded.tail_bytes - plain.tail_bytes == pytest.approx(structures + (16 + 48) * count, abs=16)
        assert coded.used.high - coded.value < 0.2 * coded.value

    def test_an_offline_plan_is_extended(self):
        graph = read(PRUNED)
        planned = read(with_offline_plan(graph, plan_offline(graph, runtime="tflm-reference")))
        packed = code_weights(planned)
        assert packed.equal
        known = len(planned.tensors)
        assert packed.graph.offline_offsets[:known] == planned.offline_offsets
        assert set(packed.graph.offline_offsets[known:]) == {-1}
        assert predict_arena(packed.graph, runtime="tflm-reference").head_bytes == packed.proof.after.head_bytes

    def test_the_resolver_gets_the_operator(self):
        operators = code_weights(PRUNED).graph.operator_counts()
        assert "AddDecode" in map(add_method, operators)

    def test_flash_counts_the_decoder(self):
        packed = code_weights(PRUNED)
        plain = predict_flash(lean(PRUNED).graph, runtime="tflm-cmsis-nn", core="cortex-m4", build="-Os")
        coded = predict_flash(packed.graph, runtime="tflm-cmsis-nn", core="cortex-m4", build="-Os")
        assert coded.runtime_bytes.value == plain.runtime_bytes.value + decoder_code().value
        assert coded.runtime_bytes.high - coded.runtime_bytes.low > plain.runtime_bytes.high - plain.runtime_bytes.low

    def test_macs_and_shapes_are_those_of_the_model(self):
        packed = code_weights(PRUNED)
        assert packed.graph.macs == packed.before.macs

    def test_lint_says_what_it_needs(self):
        (finding,) = [one for one in lint_graph(code_weights(PRUNED).graph) if one.id == "decode"]
        assert "X-CUBE-AI" in finding.cure

    def test_cost(self):
        packed = code_weights(PRUNED)
        cost = packed.cost
        assert cost.weights == sum(one.weights for one in packed.coded)
        assert cost.largest_bytes == max(one.raw_bytes for one in packed.coded)
        time = cost.latency(100e6)
        assert time.value == pytest.approx(cost.cycles.value / 100e6, rel=1e-12)
        assert time.low < time.value < time.high
        assert cost.latency(100e6, "xtensa-lx7") is None
        assert cost.device == "unverified on device"
        assert json.loads(json.dumps(packed.to_json(), allow_nan=False))["cost"]["weights"] == cost.weights
        assert cost_of_decode(packed.before).code.value == 0

    @pytest.mark.parametrize("runtime", ["tflm-reference", "tflm-cmsis-nn", "esp-nn"])
    def test_tflm_runtimes_can(self, runtime):
        assert refuse_decode(runtime) == ""

    @pytest.mark.parametrize(("runtime", "words"), [("x-cube-ai", "X-CUBE-AI"), ("ethos-u", "Vela"),
                                                    ("exporter", "plain arrays"), ("onnx", "unknown")])  # fmt: skip
    def test_others_are_refused_by_name(self, runtime, words):
        assert words in refuse_decode(runtime)

    def test_quick_tables_cost_less_time_than_others(self):
        """The kernel has loops of their own for tables of 2 to 4 bits, where scales go along the first axis."""
        per_weight = {}
        for bits in (1, 4, 6):
            cost = code_weights(thin_out(wide_cnn(), values=2**bits, seed=bits)).cost
            per_weight[bits] = cost.cycles.value / cost.weights
        assert per_weight[4] < per_weight[1] / 3
        assert per_weight[4] < per_weight[6] / 3

    def test_latency_is_that_of_the_model_and_of_decoding(self):
        packed = code_weights(PRUNED)
        case = {"core": "cortex-m4", "clock_hz": 120e6, "runtime": "tflm-cmsis-nn"}
        plain, coded = predict_packed_latency(packed.before, **case), predict_packed_latency(packed.graph, **case)
        extra = packed.cost.latency(120e6)
        assert plain.value == predict_latency(packed.before, **case).value
        assert coded.value == pytest.approx(plain.value + extra.value, rel=1e-9)
        assert coded.high - coded.low > plain.high - plain.low
        assert "decoding" in coded.source

    @pytest.mark.parametrize(("case", "words"), [
        ({"core": "cortex-m4", "runtime": "x-cube-ai"}, "x-cube-ai cannot run this model"),
        ({"core": "xtensa-lx6", "runtime": "tflm-reference"}, "how long DECODE takes on xtensa-lx6 is unknown"),
    ])  # fmt: skip
    def test_latency_is_unknown_elsewhere(self, case, words):
        with pytest.raises(UnknownRuntimeError, match=words):
            predict_packed_latency(code_weights(PRUNED).graph, clock_hz=1e8, **case)

    def test_the_fit_counts_all_of_it(self):
        packed = code_weights(PRUNED)
        plain, coded = (check_fit(one, "nucleo-l4r5zi") for one in (packed.before, packed.graph))
        assert coded.verdict == plain.verdict
        assert coded.latency_s.value > plain.latency_s.value
        assert coded.energy_per_inference_j.value > plain.energy_per_inference_j.value
        assert coded.arena_bytes.value > plain.arena_bytes.value

    def test_a_runtime_without_it_does_not_fit(self):
        for runtime, words in (("x-cube-ai", "X-CUBE-AI does not know"), ("ethos-u", "Vela compresses weights itself")):
            board = "nucleo-l4r5zi" if runtime == "x-cube-ai" else "corstone-300"
            report = check_fit(code_weights(PRUNED).graph, board, runtime=runtime)
            assert report.verdict == "does_not_fit"
            assert words in " ".join(report.reasons)

    def test_a_coding_of_another_kind_has_no_known_time(self):
        graph = code_weights(PRUNED).graph
        tables = graph.tensors[graph.operators[0].inputs[1]]
        data = bytearray(graph.data)
        data[tables.data_start] = 1
        cost = cost_of_decode(read(bytes(data)))
        assert cost.cycles is None
        assert cost.latency(1e8) is None
        assert cost.to_json()["cycles"] is None

    def test_the_exporter_says_why_not(self):
        with pytest.raises(ModelError, match="plain arrays"):
            export_c(code_weights(PRUNED).graph)


class TestRefusals:
    def test_twice(self):
        with pytest.raises(ModelError, match="TFLM_DECODE operators already"):
            code_weights(code_weights(PRUNED).graph)

    def test_several_subgraphs(self):
        tree = unpack(small_cnn())
        tree.subgraphs.append(tree.subgraphs[0])
        with pytest.raises(ModelError, match="2 subgraphs"):
            code_weights(pack(tree))


class TestHostile:
    def test_damaged_models_with_decode_end_in_an_error_or_a_report(self):
        model, said = code_weights(PRUNED).data, []
        for seed in range(150):
            try:
                graph = read(flip_bits(model, seed, 1 + seed % 6))
                json.dumps(cost_of_decode(graph).to_json(), allow_nan=False)
                report = check_fit(graph, "nucleo-l4r5zi", use_engine=False)
                json.dumps(report.to_json(), allow_nan=False)
                said.append(str(foresee_flash(graph)))
            except ModelError as error:
                said.append(str(error))
        assert any(text.isdigit() for text in said)
        assert any(not text.isdigit() for text in said)
