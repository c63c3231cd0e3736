"""Random small networks, odd in shape, stride, padding and scale, on the cores' own instructions: equal to TFLM."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.codegen_graphs import random_model
from tests.codegen_types import WideNet, random_wide_model
from tinykit.handover.virtual_board import run, sample_codes
from tinykit.model.graph.reading import read

BOARDS = ("raspberry-pi-pico", "nucleo-l4r5zi", "nucleo-h743zi2", "nucleo-u575zi-q")
EXAMPLES = int(os.environ.get("TINYKIT_RANDOM_GRAPHS", "6"))
"""How many; the host's compiler runs hundreds of the same graphs in test_codegen."""


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("kernels", ["cmsis-nn", "portable"])
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(1000, 2**31 - 1), board=st.sampled_from(BOARDS))
def test_a_random_network_is_equal_on_the_board(kernels, seed, board):
    graph = read(random_model(seed))
    found = run(graph, board, sample_codes(graph, 2, seed=seed % 97), kernels, compiler="zig")
    assert found.fault is None
    assert found.equal


@settings(max_examples=2 * EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(1000, 2**31 - 1), board=st.sampled_from(BOARDS))
def test_ends_of_any_type_and_moves_are_equal_on_the_board(seed, board):
    graph = read(random_wide_model(seed))
    found = run(graph, board, sample_codes(graph, 2, seed=seed % 97), compiler="zig")
    assert found.fault is None
    assert found.equal


@pytest.mark.parametrize("board", BOARDS)
def test_what_is_kept_is_as_at_power_up_before_each_sample(board):
    net = WideNet((1, 3, 4), scale=0.02, zero_point=-7).stream("a", apart=True).stream("b").end_as("float32")
    graph = read(net.to_bytes())
    found = run(graph, board, sample_codes(graph, 3))
    assert found.equal
