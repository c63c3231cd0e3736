"""Float32, int16x8 and recurrent networks on the cores' own instructions, with and without an FPU, against TFLM."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.codegen_graphs import ask_interpreter
from tests.models import Net
from tests.typed_graphs import FLOAT_ANY, INT16_ANY, lstm_net, random_net, svdf
from tinykit.handover.virtual_board import run, sample_codes
from tinykit.model.graph.reading import read

BOARDS = ("raspberry-pi-pico", "nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q")
"""A Cortex-M0+ without an FPU, an M4, an M7 and an M33 with one."""
EXAMPLES = int(os.environ.get("TINYKIT_RANDOM_GRAPHS", "6"))


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(1000, 2**31 - 1), board=st.sampled_from(BOARDS))
def test_floats_are_equal_to_the_last_bit(seed, board):
    """Neither the FPU nor the compiler's soft floats change a bit; only what is not a number has another sign."""
    model = random_net(seed, dtype="float32", more=FLOAT_ANY[:5]).to_bytes()
    graph, ((inputs, wanted),) = read(model), ask_interpreter([model])
    samples = inputs[1:].view(np.float32).reshape(len(inputs) - 1, *graph.tensors[graph.inputs[0]].shape)
    found = run(graph, board, samples, compiler="zig")
    assert found.fault is None
    ours, theirs = found.outputs.reshape(-1), np.ascontiguousarray(wanted[1:]).reshape(-1).view(np.float32)
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    assert (ours.view(np.int32) == theirs.view(np.int32))[~np.isnan(ours)].all()


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(1000, 2**31 - 1), board=st.sampled_from(BOARDS))
def test_int16_is_equal(seed, board):
    graph = read(random_net(seed, dtype="int16", more=INT16_ANY).to_bytes())
    found = run(graph, board, sample_codes(graph, 2, seed=seed % 97), compiler="zig")
    assert found.fault is None
    assert found.equal


NETS = {
    "gesture": lambda: Net((1, 714), dtype="float32").dense(50, "RELU").dense(15, "RELU").dense(2).softmax(),
    "lstm": lambda: lstm_net(dtype="int8"), "float_lstm": lambda: lstm_net(dtype="float32"),
    "svdf": lambda: svdf(Net((1, 12), dtype="int8", scale=1 / 20)),
    "transposed": lambda: random_net(3, dtype="int8", steps=1, image=["transposed"], anywhere=[]),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("board", ["raspberry-pi-pico", "nucleo-u575zi-q"])
def test_whole_networks(name, board):
    graph = read(NETS[name]().to_bytes())
    found = run(graph, board, sample_codes(graph, 2), compiler="zig")
    assert found.fault is None
    assert found.equal
