"""arena: room that TFLM keeps for tensors that nothing writes or reads, and for other subgraphs, as it records it."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from tests.codegen_types import WideNet
from tests.kinds import KindNet
from tests.models import OPTIONS, Net, residual, schema, small_cnn
from tests.packing_models import pack, unpack
from tests.test_arena import Recorder, head, random_graph
from tinykit.ground.errors import ModelError
from tinykit.handover.codegen.export import export_c
from tinykit.model.graph.flatbuffer import write_offline_offsets
from tinykit.model.graph.reading import read, read_subgraphs
from tinykit.predict.arena.blocks import search_offsets
from tinykit.predict.arena.plan import list_buffers, list_scratch_bytes, sum_alive
from tinykit.predict.arena.predict import compare_plans, plan_offline, predict_arena, with_offline_plan
from tinykit.predict.runtime.session import measure_arena
from tinykit.show.panels import memory


@pytest.fixture(scope="module")
def recorder():
    recorder = Recorder()
    yield recorder
    recorder.engine.close()


def stray(graph, *shape: int) -> int:
    scales = schema.QuantizationParametersT(scale=[0.5], zeroPoint=[0])
    graph.tensors.append(schema.TensorT(shape=[*shape], type=9, name="stray", quantization=scales))
    return len(graph.tensors) - 1


def strewn(model: bytes, seed: int) -> bytes:
    """The model with tensors that nothing writes or reads, other inputs and outputs, and subgraphs nobody calls."""
    rng, tree = np.random.default_rng(seed), unpack(model)
    main = tree.subgraphs[0]
    inputs, outputs = [*map(int, main.inputs)], [*map(int, main.outputs)]
    constants = [index for index, one in enumerate(main.tensors) if one.buffer and one.type == 9]

    def any_stray(graph) -> int:
        return stray(graph, 1, *map(int, rng.integers(1, 20, int(rng.integers(1, 4)))))

    for _ in range(int(rng.integers(1, 6))):
        any_stray(main)
    inputs += [any_stray(main)] * (rng.random() < 0.5)
    outputs += [inputs[-1]] * (rng.random() < 0.5)
    outputs += [any_stray(main)] * (rng.random() < 0.3)
    outputs += constants[:1] * (rng.random() < 0.3)
    main.inputs, main.outputs = inputs, outputs
    for _ in range(int(rng.integers(0, 3))):
        graph = schema.SubGraphT(tensors=[], inputs=[], outputs=[], operators=[], name="uncalled")
        tree.subgraphs.append(graph)
        places = [any_stray(graph) for _ in range(int(rng.integers(1, 4)))]
        graph.inputs, graph.outputs = places[:1], places[-1:]
    return pack(tree)


class Branching(Net):
    """A graph whose operators call subgraphs: `begin` one, add its operators, `end` it."""

    def begin(self, *shape: int) -> None:
        self.outer = self.tensors, self.operators, self.inputs, self.last
        self.tensors, self.operators = [], []
        self.inputs = [self.tensor(shape, scale=1 / 64, zero_point=-3)]
        self.last = self.inputs[0]

    def end(self, *outputs: int) -> int:
        graph = schema.SubGraphT(tensors=self.tensors, inputs=self.inputs, operators=self.operators)
        graph.outputs = [*outputs] or [self.last]
        self.called.append(graph)
        self.tensors, self.operators, self.inputs, self.last = self.outer
        return len(self.called)

    def condition(self) -> int:
        """A bool: the state of a loop, or the choice of a branch."""
        self.inputs.append(self.tensor((1,), dtype="bool", name="condition"))
        return self.inputs[-1]

    def choose(self, first: int, second: int) -> None:
        values, out = self.last, self.tensor(self.shape, scale=1 / 64, zero_point=-3)
        options = schema.IfOptionsT(thenSubgraphIndex=first, elseSubgraphIndex=second)
        self.use("IF", [self.condition(), values], [out], OPTIONS.IfOptions, options)

    def repeat(self, condition: int, body: int) -> None:
        values, out = self.last, self.tensor(self.shape, scale=1 / 64, zero_point=-3)
        options = schema.WhileOptionsT(condSubgraphIndex=condition, bodySubgraphIndex=body)
        self.use("WHILE", [values], [out], OPTIONS.WhileOptions, options)


def branching(side: int = 6) -> Branching:
    """Choices between long and empty branches, one within another, and a loop, on a map of `side`²."""
    net = Branching((1, side, side, 4))
    net.begin(1, side, side, 4)
    net.pool("MAX", (1, 1), (1, 1)).pool("MAX", (1, 1), (1, 1)).pool("MAX", (1, 1), (1, 1))
    long = net.end()
    net.begin(1, side, side, 4)
    stray(net, 1, 700)
    empty = net.end(0)
    net.conv(4)
    kept = net.last
    net.choose(long, empty)
    net.conv(4)
    net.choose(empty, long)
    return net.add(kept)


class TestStrays:
    def test_by_hand(self, recorder):
        """Beside 64 bytes of input and output each, a tensor of 320 that nothing writes lies under both."""
        net = Net((1, 64)).unary("LOGISTIC")
        net.tensor((1, 320))
        graph = read(net.to_bytes())
        assert head(graph) == recorder.head_bytes(graph.data) == 320
        net.tensor((1, 300))
        graph = read(net.to_bytes())
        assert head(graph) == recorder.head_bytes(graph.data) == 320 + 304

    def test_read_but_never_written(self, recorder):
        """It is kept from before the first operator to the one that reads it, beside the input."""
        net = Net((1, 64))
        never = net.tensor((1, 64), zero_point=-3)
        net.add(never).unary("LOGISTIC")
        graph = read(net.to_bytes())
        spans = {one.tensor: (one.first, one.last) for one in list_buffers(graph)}
        assert spans[never] == (-1, 1)
        assert head(graph) == recorder.head_bytes(graph.data) == 3 * 64

    def test_the_byte_count_of_random_graphs_with_strays(self, recorder):
        wrong, more = [], 0
        for seed in range(120):
            model = strewn(random_graph(seed), seed)
            graph = read(model)
            own, recorded = head(graph), recorder.head_bytes(model)
            more += own > head(read(random_graph(seed)))
            if own != recorded:
                wrong.append((seed, own, recorded))
        assert not wrong
        assert more > 40  # else strays would hide behind what is used

    def test_inputs_that_are_outputs_and_constants_that_are(self, recorder):
        net = Net((1, 64)).unary("LOGISTIC").dense(5)
        kernel = net.operators[-1].inputs[1]
        net.outputs = [net.inputs[0], net.last, kernel]
        graph = read(net.to_bytes())
        assert head(graph) == recorder.head_bytes(graph.data) == 64 + 64 + 16

    def test_variables_lie_in_the_tail_unless_a_plan_places_them(self, recorder):
        """Whoever uses them, whatever the file gives for a first value; planned offline, in the head."""
        for data in (None, np.zeros((1, 1600), np.int8)):
            net = Net((1, 64)).unary("LOGISTIC")
            plain = predict_arena(read(net.to_bytes()), runtime="tflm-reference")
            kept = net.tensor((1, 1600), variable=True, data=data)
            graph = read(net.to_bytes())
            found = predict_arena(graph, runtime="tflm-reference")
            assert found.tail_bytes - plain.tail_bytes in (1600, 1616)
            assert found.head_bytes == recorder.head_bytes(graph.data) == plain.head_bytes
        net.tensors[kept].buffer = 0
        offsets = [-1] * len(net.tensors)
        offsets[kept] = 256
        planned = read(write_offline_offsets(net.to_bytes(), offsets))
        found = predict_arena(planned, runtime="tflm-reference")
        assert found.head_bytes == recorder.head_bytes(planned.data) == 256 + 1600
        assert found.tail_bytes <= plain.tail_bytes + 16

    @pytest.mark.parametrize("seed", range(6))
    def test_on_the_device_one_more_tensor_record_each(self, seed):
        """The tail grows by 12 bytes a tensor, whoever uses it; its arena starts in the interpreter."""
        plain, more = (read(one) for one in (residual(), strewn(residual(), seed)))
        extra = sum(len(one.tensors) for one in read_subgraphs(more)) - len(plain.tensors)
        own = [predict_arena(one, runtime="tflm-reference") for one in (plain, more)]
        assert own[1].tail_bytes - own[0].tail_bytes >= 12 * extra - 16
        measured = measure_arena(more.data, smallest=False)
        assert own[1].head_bytes == measured.head_bytes
        assert own[1].low <= own[1].value <= own[1].high

    @pytest.mark.parametrize("seed", range(8))
    def test_plans_made_offline_keep_them_apart_too(self, seed, recorder):
        graph = read(strewn(random_graph(seed), seed))
        plan = plan_offline(graph, runtime="tflm-reference")
        assert plan.head_bytes <= head(graph)
        planned = read(with_offline_plan(graph, plan))
        assert recorder.head_bytes(planned.data) == head(planned) == plan.head_bytes
        found = compare_plans(graph, runtime="tflm-reference")
        assert found.greedy.head_bytes == head(graph)
        assert len(search_offsets(graph, list_scratch_bytes(graph, "tflm-reference", "cortex-m4"))) == len(
            graph.tensors
        )

    def test_c_has_no_room_for_what_nothing_writes(self):
        net = Net((1, 64)).unary("LOGISTIC")
        plain = export_c(read(net.to_bytes()))
        net.tensor((1, 3200))
        assert plain.arena_bytes == export_c(read(net.to_bytes())).arena_bytes


def test_the_panel_says_who_uses_what():
    net = Net((1, 64))
    never = net.tensor((1, 64), zero_point=-3)
    net.add(never)
    net.tensor((1, 640))
    found = compare_plans(read(net.to_bytes()), runtime="tflm-reference")
    told = [dict(memory._describe(found, place))["lives"] for place in range(4)]
    assert told == ["from the input to operator 0 ADD", "from nowhere to operator 0 ADD",
                    "from operator 0 ADD to operator 0 ADD", "never: nothing writes or reads it"]  # fmt: skip


class TestSpectra:
    """SignalRfft and SignalIrfft of TFLM's signal library: scratch in the head, a state in the tail."""

    @staticmethod
    def transform(name: str, dtype: str, numbers: int, taken: int | None = None) -> bytes:
        ends = (taken or numbers, numbers + 2) if name == "SignalRfft" else (numbers + 2, numbers)
        net = KindNet((ends[0],), dtype=dtype)
        code = {"int16": 7, "int32": 2, "float32": 0}[dtype]
        net.custom_with(name, net.last, outputs=[((ends[1],), dtype)], T=code, fft_length=numbers)
        net.last = len(net.tensors) - 1
        return net.to_bytes()

    @pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
    @pytest.mark.parametrize("name", ["SignalRfft", "SignalIrfft"])
    def test_as_the_interpreter_records(self, recorder, name, dtype):
        tails, recorded = [], []
        for numbers in (64, 512, 1024):
            model = self.transform(name, dtype, numbers)
            found, measured = predict_arena(read(model), runtime="tflm-reference"), measure_arena(model, smallest=False)
            assert found.head_bytes == recorder.head_bytes(model)
            tails.append(found.tail_bytes)
            recorded.append(measured.tail_bytes)
        assert [one - tails[0] for one in tails] == [one - recorded[0] for one in recorded]
        assert all(one < measured for one, measured in zip(tails, recorded, strict=True))  # pointers of 8 bytes there

    def test_a_shorter_input_is_filled_up(self, recorder):
        model = self.transform("SignalRfft", "int16", 512, 480)
        assert head(read(model)) == recorder.head_bytes(model) == 960 + 1040 + 1024


class TestSubgraphs:
    def test_branches(self, recorder):
        for side in (1, 3, 6):
            graph = read(branching(side).to_bytes())
            assert head(graph) == recorder.head_bytes(graph.data)

    def test_each_branch_in_turn(self, recorder):
        """Three maps of a branch one after another take two of their size, and what is needed after it a third."""
        graph = read(branching().to_bytes())
        alone = read(Net((1, 6, 6, 4)).conv(4).conv(4).to_bytes())
        assert head(graph) > head(alone)
        assert predict_arena(graph, runtime="tflm-reference").plan.scopes == len(graph.operators) + 1

    def test_scratch_of_what_is_called_lies_at_the_high_end(self):
        """A convolution of 3 x 3 and 40 channels in a branch: two patches of 16-bit numbers on a Cortex-M4."""
        net = Branching((1, 6, 6, 40))
        net.begin(1, 6, 6, 40)
        net.conv(40)
        place = net.end()
        net.choose(place, place)
        graph = read(net.to_bytes())
        plain, scratched = (predict_arena(graph, runtime=one) for one in ("tflm-reference", "tflm-cmsis-nn"))
        own, more = (one.high - one.value - 0.08 * one.tail_bytes for one in (plain, scratched))
        assert more == pytest.approx(own + 2 * 2 * 9 * 40)

    def test_loops(self, recorder):
        net = Branching((1,), dtype="bool")
        net.begin(1)
        condition = net.end(0)
        net.begin(1)
        net.use("LOGICAL_NOT", [net.last], [net.tensor((1,), dtype="bool")])
        net.use("LOGICAL_NOT", [net.last], [net.tensor((1,), dtype="bool")])
        body = net.end()
        net.repeat(condition, body)
        graph = read(net.to_bytes())
        assert graph.operators[0].list_calls() == (1, 2)
        assert head(graph) == recorder.head_bytes(graph.data)

    def test_the_tail_holds_the_records_of_all(self):
        plain, more = read(residual()), strewn(residual(), 5)
        tree = unpack(residual())
        tree.subgraphs.append(schema.SubGraphT(tensors=[], inputs=[], outputs=[], operators=[], name="empty"))
        graph = read(pack(tree))
        assert graph.subgraphs == 2
        own = [predict_arena(one, runtime="tflm-reference").tail_bytes for one in (plain, graph)]
        assert own[1] - own[0] in (8, 16, 0)
        assert read(more).sha256 != plain.sha256

    def test_the_first_values_of_a_variable(self, recorder):
        """CALL_ONCE runs a subgraph of handles and constants."""
        for side in (1, 40):
            net = WideNet((1, side))
            net.call_once("state", np.zeros((1, side), np.int8))
            net.dense(5)
            graph = read(net.to_bytes())
            assert graph.subgraphs == 2
            assert head(graph) == recorder.head_bytes(graph.data)

    def test_those_that_call_themselves(self):
        net = Branching((1, 4, 4, 4))
        net.begin(1, 4, 4, 4)
        inner = net.tensor((1, 4, 4, 4), zero_point=-3)
        condition = net.tensor((1,), dtype="bool")
        options = schema.IfOptionsT(thenSubgraphIndex=1, elseSubgraphIndex=1)
        net.use("IF", [condition, net.inputs[0]], [inner], OPTIONS.IfOptions, options)
        place = net.end()
        net.choose(place, place)
        graph = read(net.to_bytes())
        with pytest.raises(ModelError, match=r"subgraphs call each other 16 deep or 100,000 times: damaged"):
            list_buffers(graph)

    def test_more_than_any_model_has(self):
        graph = dataclasses.replace(read(small_cnn()), subgraphs=65)
        with pytest.raises(ModelError, match="the file has 65 subgraphs, tinykit reads 64"):
            read_subgraphs(graph)


class TestAlive:
    def test_by_counting(self):
        rng = np.random.default_rng(3)
        for _ in range(50):
            lives = [(int(rng.integers(1, 99)), *sorted(map(int, rng.integers(-1, 9, 2)))) for _ in range(12)]
            counted = [sum(n for n, first, last in lives if first <= scope <= last) for scope in range(9)]
            assert list(sum_alive(lives, 9)) == counted

    def test_within_a_scope_the_most_at_a_time(self):
        """What is called in turn is not alive together: two of three maps, not all."""
        lives = [(10, 1, 1.25), (20, 1.25, 1.5), (40, 1.75, 2)]
        assert sum_alive(lives, 3) == (0, 40, 40)
        assert sum_alive(lives[:2], 3) == (0, 30, 0)
        assert sum_alive([(5, 3, -1)], 3) == (0, 0, 0)


def test_lifetimes_never_end_before_they_begin():
    for seed in range(20):
        for one in list_buffers(read(strewn(random_graph(seed), seed))):
            assert -1 <= one.first <= one.last or one.last == -1
    for one, other in itertools.pairwise(list_buffers(read(branching().to_bytes()))):
        assert one.nbytes % 16 == other.nbytes % 16 == 0
