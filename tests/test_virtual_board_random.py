"""Random small networks, odd in shape, stride, padding and scale, on the cores' own instructions: equal to TFLM."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.codegen_graphs import random_model
from tests.codegen_types import WideNet, random_wide_model
from tinykit.handover.virtual_board import run, sample_codes
from tinykit.handover.virtual_board.diagnosis import ask_tflm, is_alike
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


def test_the_first_difference_is_found_past_operators_without_output(monkeypatch):
    """The interpreter's answers falsified: those of the whole model, then of the third operator that has an output."""
    net = WideNet((1, 3, 4), scale=0.02, zero_point=-7).stream().end_as("float32")
    graph = read(net.to_bytes())

    def falsify(position):
        def ask(model, inputs):
            found = list(ask_tflm(model, inputs))
            found[position] = found[position] + found[position].dtype.type(1)
            return tuple(found)

        return ask

    monkeypatch.setattr("tinykit.handover.virtual_board.running.ask_tflm", falsify(0))
    monkeypatch.setattr("tinykit.handover.virtual_board.diagnosis.ask_tflm", falsify(2))
    found = run(graph, BOARDS[1], sample_codes(graph, 2))
    assert not found.equal
    assert (found.first_difference.index, found.first_difference.name) == (3, "STRIDED_SLICE")


def test_floats_are_alike_within_the_bound():
    wanted = np.array([100.0, -1.0, np.nan, np.inf], np.float32)
    assert is_alike(wanted + np.float32(5e-4), wanted)
    assert not is_alike(wanted + np.float32(5e-3), wanted)
    assert not is_alike(np.nan_to_num(wanted), wanted)


@pytest.mark.parametrize(("dtype", "low", "high"), [("uint8", 0, 255), ("int16", -(2**15), 2**15 - 1)])
def test_samples_are_of_the_type_and_range_of_the_input(dtype, low, high):
    codes = sample_codes(read(WideNet((1, 30, 30), dtype=dtype, zero_point=0).move_squeeze().to_bytes()), 4)
    assert (codes.dtype, codes.min() < low + 500, codes.max() > high - 500) == (dtype, True, True)
    assert codes.shape == (4, 30, 30)


def test_floats_that_are_quantised_fill_the_range_of_the_codes():
    """Codes of scale 0.04 and zero point -7: -4.84 to 5.36."""
    floats = sample_codes(read(WideNet((1, 40, 40), dtype="float32").end_as("int8").to_bytes()), 4)
    assert -4.84 <= floats.min() < -4.7
    assert 5.2 < floats.max() <= 5.36
