"""The proof that a rewritten file answers as before: that it sees what outputs alone do not, and says so."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fuzz.trees import pack_plainly
from tests.models import OPTIONS, Net, schema, small_cnn
from tests.packing_models import unpack
from tests.test_arena import random_graph
from tinykit.ground.errors import ModelError
from tinykit.model.graph.flatbuffer import write_offline_offsets
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import plan_offline, tensor_offsets, with_offline_plan
from tinykit.predict.packing.leaning import lean
from tinykit.predict.runtime.proving import SameProof, prove_same
from tinykit.predict.runtime.samples import draw_codes
from tinykit.predict.runtime.session import Session


def saturating(seed=0, bias=None):
    """Convolutions that a dense layer of great weights turns into one class for nearly all that comes in."""
    net = (
        Net((1, 16, 16, 3), seed=seed).conv(8).depthwise().conv(8, (1, 1)).conv(8).pool("MAX", (4, 4), (4, 4)).flatten()
    )
    weights = net.tensor(
        (3, 128), data=np.full((3, 128), 100, np.int8) * np.array([[1], [-1], [-1]], np.int8), scale=0.5
    )
    data = net.tensor((3,), dtype="int32", data=np.array([50_000, -50_000, -50_000], np.int32), scale=[net.scale * 0.5])
    out, options = net.tensor((1, 3), scale=0.5), schema.FullyConnectedOptionsT()
    net.use("FULLY_CONNECTED", [net.last, weights, data], [out], OPTIONS.FullyConnectedOptions, options, version=4)
    return net.softmax().to_bytes()


def wrong_plans(graph):
    """Plans that put the output of a convolution on the second half of its input, or what follows one row too low."""
    offsets = tensor_offsets(graph, plan_offline(graph, runtime="tflm-reference"))
    for operator in graph.operators[:3]:
        data, made = operator.inputs[0], operator.outputs[0]
        for share in (2, 4):
            changed = list(offsets)
            changed[made] = offsets[data] + graph.tensors[data].nbytes // share
            yield write_offline_offsets(graph.data, changed)


def outputs_alone(model, rewritten, n=4):
    """What was compared before: outputs of noise over the whole range."""
    with Session(model) as old, Session(rewritten) as new:
        inputs = draw_codes(np.random.default_rng(0), (n, 16, 16, 3), "int8")
        return old.run(inputs).tobytes() == new.run(inputs).tobytes()


def test_wrong_plans_of_a_network_that_saturates_are_seen():
    graph = read(saturating())
    plans = list(wrong_plans(graph))
    assert sum(outputs_alone(graph.data, one) for one in plans) >= 5
    for plan in plans:
        proof = prove_same(graph.data, plan)
        assert proof.verdict == "DIFFER", proof
        assert not proof.equal
        assert "outputs of 4 inputs DIFFER" in str(proof)
    right = prove_same(graph.data, with_offline_plan(graph, plan_offline(graph, runtime="tflm-reference")))
    assert right.equal
    assert right.caught == right.faults >= 6
    assert (
        right.power
        == f"{right.caught} of {right.faults} deliberate faults seen at {len(right.compared)} tensors on the way"
    )


def dead():
    """A network whose first operator gives zero whatever comes in."""
    net = Net((1, 8, 8, 1))
    net.conv(4)
    net.buffers[net.tensors[net.operators[0].inputs[2]].buffer].data = np.full(4, -1_000_000, "<i4").view(np.uint8)
    return net.conv(4).flatten().dense(3).softmax().to_bytes()


def test_a_network_that_answers_all_alike_is_not_proven():
    model = dead()
    proof = prove_same(model, model)
    assert proof.same
    assert not proof.equal
    assert proof.verdict == "not proven"
    assert proof.distinct == 1
    assert "outputs of 4 inputs not proven" in str(proof)
    with pytest.raises(ModelError, match="not proven: whatever is changed, 4 inputs are answered alike"):
        lean(model)
    assert lean(model, prove=False).equal is None


def test_made_graphs_are_proven_with_all_faults_seen():
    graphs = [read(random_graph(seed)) for seed in (0, 1, 4, 5, 12, 13)]
    proofs = [prove_same(one.data, with_offline_plan(one, plan_offline(one))) for one in graphs]
    faults, caught = (sum(getattr(one, name) for one in proofs) for name in ("faults", "caught"))
    assert all(one.equal for one in proofs)
    assert caught >= 0.99 * faults
    assert faults >= 15


def test_one_wrong_channel_is_seen_behind_a_saturated_end():
    graph = read(saturating())
    weights = graph.tensors[graph.operators[2].inputs[1]]
    changed = bytearray(graph.data)
    changed[weights.data_start + 8] ^= 0x40
    assert prove_same(graph.data, bytes(changed)).verdict == "DIFFER"


def test_a_part_of_a_model_is_run_as_the_whole_runs_it():
    graph = read(small_cnn())
    inputs = draw_codes(np.random.default_rng(0), (3, 8, 8, 1), "int8")
    with Session(graph.data) as whole:
        wanted = whole.run_tensors(inputs, [graph.operators[1].outputs[0]])[0]
    for engine in ("tflm", "litert-reference"):
        with Session(graph.data, engine=engine, last=1) as part:
            assert part.run(inputs).tobytes() == wanted.tobytes()


def test_floats_and_a_file_without_weights_are_proven():
    assert prove_same(small_cnn("float32"), small_cnn("float32")).equal
    model = Net((1, 8, 8, 2)).pool().softmax().to_bytes()
    proof = prove_same(model, model)
    assert proof.equal
    assert proof.power == "4 of 4 answers distinct"


def test_a_proof_needs_nine_faults_in_ten():
    proofs = [SameProof(4, True, None, None, faults=10, caught=caught, tried=12, distinct=4) for caught in (8, 9)]
    assert [one.verdict for one in proofs] == ["not proven", "equal"]
    assert SameProof(4, False, None, None, faults=10, caught=10, tried=10, distinct=4).verdict == "DIFFER"
    assert SameProof(1, True, None, None).equal


def test_a_model_without_outputs_proves_no_more_than_what_is_compared_on_the_way():
    tree = unpack(small_cnn())
    tree.subgraphs[0].outputs = np.array([], np.int32)
    model = pack_plainly(tree)
    proof = prove_same(model, model)
    assert proof.same
    assert proof.distinct == (4 if proof.compared else 0)
