"""Models in stripes as C and on a virtual board: TFLM's answers are the oracle, to the byte."""

from __future__ import annotations

import pytest

from tests.codegen_builds import build
from tests.models import Net, small_cnn
from tests.packing_models import thin_out
from tests.test_striping import image_cnn, inverted_bottlenecks
from tinykit.ground.errors import ParameterError
from tinykit.handover.codegen.export import export_c
from tinykit.handover.deployment.targets import deploy
from tinykit.handover.virtual_board.running import run, sample_codes
from tinykit.model.graph.flatbuffer import write_offline_offsets
from tinykit.model.graph.reading import read
from tinykit.predict.arena.blocks import find_views, keeps_apart
from tinykit.predict.latency.instructions import predict_instructions
from tinykit.predict.packing.decoding import code_weights, pack
from tinykit.predict.runtime.session import Session
from tinykit.predict.striping.search import stripe


def over_time():
    """A 1-D network whose samples lie along its third axis."""
    net = Net((1, 1, 160, 4)).conv(24, (1, 5)).conv(24, (1, 5), stride=(1, 2)).conv(8, (1, 5), stride=(1, 2))
    return net.pool("AVERAGE", (1, 40), (1, 40)).flatten().dense(2).to_bytes()


NETWORKS = {"image": image_cnn, "bottlenecks": inverted_bottlenecks, "over time": over_time}


@pytest.fixture(scope="module")
def striped():
    return {name: stripe(read(make()), most_latency=0.2) for name, make in NETWORKS.items()}


def answers(graph, inputs):
    with Session(graph.data) as session:
        return session.run(inputs)


def same_as_tflm(export, graph, folder, n=4):
    inputs = sample_codes(graph, n)
    (given,) = build(export, folder).run([inputs.reshape(n, -1)])
    return given.tobytes() == answers(graph, inputs).tobytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_what_lies_in_place_is_not_copied(striped, name, tmp_path):
    made = striped[name]
    assert made.regions
    export = export_c(made.graph)
    assert export.arena_bytes <= made.arena.head_bytes
    assert export.arena_bytes < export_c(made.before).arena_bytes
    names = {one.index: one.symbol for one in export.operators}
    code = export.files["model.c"].decode()
    (joined,) = [one for one in made.graph.operators if one.name == "CONCATENATION"][:1]
    body = code.rpartition(f"int {names[joined.index]}(void)")[2].partition("}")[0]
    assert body.strip() == "{\n    return 0;"
    assert same_as_tflm(export, made.graph, tmp_path)


def test_a_plan_that_lets_live_tensors_meet_is_not_heeded(striped, tmp_path):
    graph = striped["image"].graph
    offsets, (part, (whole, start)) = list(graph.offline_offsets), next(iter(find_views(graph).items()))
    assert offsets[part] == offsets[whole] + start
    wrong = read(write_offline_offsets(graph.data, [0 if one >= 0 else one for one in offsets]))
    assert not find_views(wrong)
    assert not keeps_apart(wrong)
    export = export_c(wrong)
    assert export.arena_bytes > export_c(graph).arena_bytes
    assert same_as_tflm(export, read(write_offline_offsets(graph.data, [-1] * len(offsets))), tmp_path)


def test_a_plan_of_whole_tensors_is_heeded():
    planned = read(small_cnn())
    offsets = [64 if one == planned.inputs[0] else -1 for one in range(len(planned.tensors))]
    export = export_c(read(write_offline_offsets(planned.data, offsets)))
    assert {one.offset for one in export.plans["plain"].placed if one.buffer.tensor == planned.inputs[0]} == {64}


def camera():
    """A picture as large as the maps made of it."""
    net = (
        Net((1, 64, 64, 3)).conv(6, stride=(2, 2)).depthwise().conv(8, (1, 1)).depthwise(stride=(2, 2)).conv(8, (1, 1))
    )
    return net.pool("AVERAGE", (16, 16), (16, 16)).flatten().dense(2).to_bytes()


def test_an_input_that_comes_row_by_row_lies_in_the_arena_no_more(tmp_path):
    """Two stripes, the cheapest choice: the half that is left of the picture, and not the picture, is in the arena."""
    graph = stripe(read(camera()), most_latency=0.2).front[-1].graph
    whole, rows = export_c(graph), export_c(graph, rows=True)
    assert rows.arena_bytes < whole.arena_bytes - 1000
    assert "_ROW_BYTES 192\n" in rows.files["model.h"].decode()
    assert same_as_tflm(rows, graph, tmp_path)


@pytest.mark.parametrize("name", ["image", "over time"])
def test_rows_give_the_same_bytes(striped, name, tmp_path):
    assert same_as_tflm(export_c(striped[name].graph, rows=True), striped[name].graph, tmp_path)


def test_rows_are_asked_for_in_order_and_once(striped):
    code = export_c(striped["image"].graph, rows=True).files["model.c"].decode()
    asked = [line.partition("model_context, ")[2].split(", ")[:2] for line in code.splitlines()
             if "model_source(model_context, " in line]  # fmt: skip
    rows = [row for first, count in asked for row in range(int(first), int(first) + int(count))]
    assert rows == sorted(set(rows))
    assert rows[0] == 0


def test_rows_of_an_input_that_is_read_whole_are_refused():
    with pytest.raises(ParameterError, match=r"the input is not read in stripes, operator 0 \(CONV_2D\)"):
        export_c(read(image_cnn()), rows=True)
    with pytest.raises(ParameterError, match="cut the first operators into stripes"):
        export_c(read(Net((1, 8)).dense(3).to_bytes()), rows=True)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_virtual_board_gives_the_same_bytes_in_less_arena(striped, name, board):
    made = striped[name]
    inputs = sample_codes(made.before, 2)
    found, before = (run(graph, board, inputs) for graph in (made.graph, made.before))
    assert found.equal
    assert found.outputs.tobytes() == before.outputs.tobytes()
    assert found.arena_bytes < before.arena_bytes
    # TFLM copies what the export finds in its place: counted in, and the rise is the one that was modelled
    rise = found.tflm.instructions.value / before.tflm.instructions.value - 1
    modelled = [predict_instructions(graph, core=found.core, runtime="tflm-cmsis-nn", build="-O3").total.value
                for graph in (made.graph, made.before)]  # fmt: skip
    assert rise == pytest.approx(modelled[0] / modelled[1] - 1, abs=0.02)
    assert "copied in TFLM alone" in found.tflm.assumed


def test_the_resolver_of_firmware_names_what_stripes_need(striped, tmp_path):
    done = deploy(striped["image"].graph, tmp_path, arena=striped["image"].arena.to_deploy)
    assert {"AddSlice", "AddConcatenation"} <= set(done.methods)


def test_packing_leaves_the_stripes_alone():
    made = stripe(read(thin_out(image_cnn(), zeros=0.85)), most_latency=0.2)
    packed = code_weights(made.graph)
    assert all(len(coded.operators) == 1 for coded in packed.coded)
    chosen = pack(made.graph).chosen
    assert chosen.proof.after.head_bytes <= made.arena.head_bytes + 16


def test_slice_is_counted_not_assumed():
    graph = stripe(read(image_cnn()), most_latency=0.2).graph
    found = predict_instructions(graph, core="cortex-m4", runtime="tflm-cmsis-nn", build="-O3").operators
    cut = [one for one in found if one.name == "SLICE"]
    assert {one.basis for one in cut} == {"modelled"}
    nbytes = graph.tensors[graph.operators[cut[0].index].outputs[0]].nbytes
    assert 1.5 * nbytes < cut[0].instructions - cut[0].call < 4 * nbytes
