"""The offline plan: TFLM's own recorder and outputs are the oracle."""

from __future__ import annotations

import pytest

from tests.models import Net, residual, small_cnn
from tests.test_arena import random_graph
from tests.verify_models import streaming
from tinykit.budget.fit.verdict import advise_on_arena
from tinykit.ground.errors import EngineError, ModelError, UnknownRuntimeError
from tinykit.model.graph.reading import read
from tinykit.predict.arena.plan import Buffer, list_buffers, place_in_order, plan_greedily
from tinykit.predict.arena.predict import compare_plans, plan_offline, predict_arena, with_offline_plan
from tinykit.predict.runtime.proving import prove_same
from tinykit.predict.runtime.session import measure_arena
from tinykit.show.cli.main import main
from tinykit.show.plots import plot_plans, to_png


def visual_wake_words():
    """The shapes of MLPerf's VWW (MobileNetV1 0.25, 96 x 96), with weights from a seed."""
    net = Net((1, 96, 96, 3)).conv(8, stride=(2, 2))
    for channels, stride in ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)):
        net = net.depthwise(stride=(stride, stride)).conv(channels, (1, 1))
    return net.pool("AVERAGE", (6, 6), (6, 6)).flatten().dense(2).softmax().to_bytes()


@pytest.fixture(scope="module")
def vww():
    return read(visual_wake_words())


# MLPerf Tiny's VWW in the tflite_micro interpreter on x86-64: 103,680 bytes with the greedy plan, 85,248 with the
# offline one: 18,432 bytes of head, whose size follows from the shapes alone.
def test_visual_wake_words_needs_18_432_bytes_less(vww):
    offline = plan_offline(vww)
    assert predict_arena(vww).head_bytes == 73_728
    assert offline.head_bytes == offline.lower_bound_bytes == 55_296
    proof = prove_same(vww.data, with_offline_plan(vww, offline))
    assert proof.equal
    assert proof.n == 4
    assert proof.saved_bytes == 18_432
    assert proof.after.head_bytes == offline.head_bytes
    assert str(proof).startswith("outputs of 4 inputs equal; arena head 73,728 -> 55,296 bytes")


def test_the_prediction_follows_the_plan_in_the_file(vww):
    planned = read(with_offline_plan(vww, plan_offline(vww)))
    assert planned.metadata[-1] == "OfflineMemoryAllocation"
    assert predict_arena(vww).value - predict_arena(planned).value == 18_432
    assert predict_arena(planned, runtime="tflm-reference").head_bytes == measure_arena(planned.data).head_bytes


@pytest.mark.parametrize("model", [small_cnn(), residual()], ids=["small_cnn", "residual"])
def test_what_is_optimal_stays(model):
    graph = read(model)
    assert plan_offline(graph).head_bytes == predict_arena(graph).head_bytes
    assert prove_same(model, with_offline_plan(graph, plan_offline(graph))).equal


def test_made_graphs_never_get_worse_and_stay_the_same_model():
    graphs = [read(random_graph(seed)) for seed in range(60)]
    better = [one for one in graphs if plan_offline(one).head_bytes < predict_arena(one).head_bytes]
    assert all(plan_offline(one).head_bytes <= predict_arena(one).head_bytes for one in graphs)
    assert better
    for graph in better[:4]:
        plan = plan_offline(graph, runtime="tflm-reference")
        proof = prove_same(graph.data, with_offline_plan(graph, plan))
        assert proof.equal
        assert proof.after.head_bytes == plan.head_bytes


def test_a_partial_plan_is_completed_by_the_planner():
    buffers = (Buffer(0, 32, 0, 1), Buffer(1, 64, 1, 2), Buffer(-1, 16, 1, 1))
    plan = plan_greedily(buffers, 3, offsets=(64, -1))
    assert [one.offset for one in plan.placed] == [64, 0, 96]
    assert plan.head_bytes == 112


def test_buffers_alive_together_never_overlap(vww):
    placed = plan_offline(vww, runtime="tflm-cmsis-nn", core="cortex-m55").placed
    for number, one in enumerate(placed):
        for other in placed[:number]:
            together = one.buffer.first <= other.buffer.last and other.buffer.first <= one.buffer.last
            assert not together or one.offset >= other.end or other.offset >= one.end


def test_no_plan_is_below_the_lower_bound():
    sizes = ((48, 0, 1), (32, 1, 2), (48, 2, 3), (16, 3, 4), (64, 4, 5), (32, 0, 5))
    buffers = tuple(Buffer(index, *size) for index, size in enumerate(sizes))
    greedy, by_time = plan_greedily(buffers, 6), place_in_order(buffers, range(6), 6)
    assert min(greedy.head_bytes, by_time.head_bytes) >= greedy.lower_bound_bytes == 112


def test_an_offline_plan_of_no_tensor_is_the_greedy_plan(vww):
    buffers = list_buffers(vww)
    assert plan_greedily(buffers, len(vww.operators) + 1, [-1] * len(vww.tensors)) == plan_greedily(
        buffers, len(vww.operators) + 1
    )


def test_advice_names_the_gain_and_the_way(vww):
    advice = advise_on_arena(vww, predict_arena(vww))
    assert advice[1] == (
        "an offline plan takes 18.0 KiB less arena than TFLM's greedy one; "
        "write it into the model: tinykit plan MODEL --out FILE"
    )
    assert len(advise_on_arena(read(small_cnn()), predict_arena(read(small_cnn())))) == 1


def test_models_of_other_inputs_are_no_proof():
    with pytest.raises(ModelError, match="of the rewritten model are not those of the model"):
        prove_same(small_cnn(), residual())


def test_a_different_model_is_told_apart():
    assert not prove_same(small_cnn(seed=1), small_cnn(seed=2), n=8).equal
    assert prove_same(small_cnn("float32"), small_cnn("float32")).equal


def test_the_command_writes_a_proven_plan(tmp_path, vww, capsys):
    source, target = tmp_path / "vww.tflite", tmp_path / "planned.tflite"
    source.write_bytes(vww.data)
    assert main(["plan", str(source), "--out", str(target)]) == 0
    assert "outputs of 4 inputs equal" in capsys.readouterr().out
    assert predict_arena(read(target)).head_bytes == 55_296
    source.write_bytes(small_cnn())
    assert main(["plan", str(source), "--out", str(tmp_path / "none.tflite")]) == 0
    assert "nothing written" in capsys.readouterr().out
    assert not (tmp_path / "none.tflite").exists()


@pytest.mark.parametrize("runtime", ["x-cube-ai", "edge-impulse-eon", "mine"])
def test_no_plan_is_made_for_another_planner(vww, runtime):
    for make in (plan_offline, compare_plans):
        with pytest.raises(UnknownRuntimeError, match=f"no offline plan for runtime '{runtime}': its planner is not"):
            make(vww, runtime=runtime)


def test_a_plan_that_changes_an_output_is_not_written(tmp_path, vww, monkeypatch):
    from tinykit.show.cli import making
    from tinykit.show.cli.models import Options

    source = tmp_path / "vww.tflite"
    source.write_bytes(vww.data)
    monkeypatch.setattr(making, "prove_same", lambda *_: prove_same(small_cnn(seed=1), small_cnn(seed=2)))
    asked = {"runtime": None, "core": "cortex-m4", "stripes": False}
    options = Options(model=str(source), representative=None, out=str(tmp_path / "out"), **asked)
    with pytest.raises(EngineError, match="the offline plan is not used: outputs of 4 inputs DIFFER"):
        making.plan(options)
    assert not (tmp_path / "out").exists()


def test_both_plans_are_drawn_to_one_scale(vww):
    greedy, offline = plot_plans(compare_plans(vww))
    assert greedy.get_ylim() == offline.get_ylim()
    said = [[text.get_text() for text in ax.texts] for ax in (greedy, offline)]
    assert any(text.startswith("lower bound 54.0 KiB") for text in said[0])
    assert any(text == "head 54.0 KiB, no plan can be smaller" for text in said[1])
    assert to_png(greedy.figure).startswith(b"\x89PNG")


def test_a_plan_counts_the_tensors_of_every_subgraph():
    """TFLM refuses a list that leaves those of CALL_ONCE's out; it plans them itself."""
    graph = read(streaming())
    planned = plan_offline(graph, runtime="tflm-reference", core="cortex-m4")
    rewritten = with_offline_plan(graph, planned)
    assert prove_same(graph.data, rewritten).equal
    assert len(read(rewritten).offline_offsets) == len(graph.tensors)
