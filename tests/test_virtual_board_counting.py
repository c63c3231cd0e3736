"""Counts where the emulator is installed, kept ones where it is not; the kept ones are those of a run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.models import small_cnn
from tinykit.ground.errors import EngineError, MissingPackageError
from tinykit.handover.virtual_board import count, emulating, run, sample_codes
from tinykit.handover.virtual_board.running import KEYS, hash_inputs, of_run
from tinykit.model.graph.reading import read
from tinykit.predict.latency.shapes import read_table
from tinykit.show.plots import plot_cores
from tools.board_counts import BOARD, KERNELS, course, rows

needs_qemu = pytest.mark.skipif(not shutil.which(emulating.QEMU), reason=f"{emulating.QEMU} is not installed")


@pytest.fixture(scope="module")
def network():
    return course()


@pytest.fixture
def without_qemu(monkeypatch):
    real = emulating.find_program
    monkeypatch.setattr(emulating, "find_program", lambda name: None if name == emulating.QEMU else real(name))


@needs_qemu
def test_the_kept_counts_are_those_of_a_run():
    assert tuple(rows()) == read_table("board_counts").rows


@needs_qemu
@pytest.mark.parametrize("kernels", KERNELS)
def test_a_run_and_a_kept_count_are_the_same(network, kernels, monkeypatch):
    live = count(*insert(network, BOARD), kernels, compiler="zig")
    real = emulating.find_program
    monkeypatch.setattr(emulating, "find_program", lambda name: None if name == emulating.QEMU else real(name))
    kept = count(*insert(network, BOARD), kernels, compiler="zig")
    assert live == kept
    assert (live.how, kept.how) == ("run by qemu", "kept from a run by qemu")


def insert(network, board):
    graph, inputs = network
    return graph, board, inputs


def test_a_kept_count_stands_in_for_qemu(network, without_qemu):
    found = count(*insert(network, BOARD), compiler="zig")
    assert (found.core, found.how) == ("cortex-m55", "kept from a run by qemu")
    assert found.equal
    assert 0 < sum(found.operators) <= found.instructions
    assert len(found.operators) == len(network[0].operators)
    assert found.macs == network[0].macs


def test_the_kept_rows_are_of_the_course_s_network(network):
    graph, inputs = network
    for row in read_table("board_counts").rows:
        assert set(KEYS) < set(row)
        assert row["model_sha256"] == graph.sha256
        assert row["inputs_sha256"] == hash_inputs(inputs)


def test_a_count_that_was_never_made_is_not_guessed(network, without_qemu):
    graph, inputs = network
    with pytest.raises(MissingPackageError, match="no count of this model on stm32n6570-dk with zig cc"):
        count(graph, BOARD, inputs[1:], compiler="zig")
    other = read(small_cnn())
    with pytest.raises(MissingPackageError, match=r"not on PATH[\s\S]*no count of this model"):
        count(other, BOARD, sample_codes(other, 1), compiler="zig")


def test_a_core_with_its_emulator_is_run():
    graph = read(small_cnn())
    inputs = sample_codes(graph, 2)
    found, wanted = count(graph, "nucleo-l4r5zi", inputs, compiler="zig"), run(
        graph, "nucleo-l4r5zi", inputs, compiler="zig")  # fmt: skip
    assert found.instructions == wanted.instructions
    assert found.operators == tuple(one.instructions for one in wanted.operators)
    assert found.how == "run by unicorn"


def test_a_fault_counts_nothing():
    graph = read(small_cnn())
    small = run(graph, "nucleo-l4r5zi", sample_codes(graph, 1), compiler="zig", stack_bytes=64)
    with pytest.raises(EngineError, match="counted nothing: stack overflow"):
        of_run(small, graph)


def test_the_plot_has_one_bar_a_core_and_says_how_it_was_counted(network, without_qemu):
    m55 = count(*insert(network, BOARD), compiler="zig")
    ax = plot_cores([m55, replace(m55, core="cortex-m4", how="run by unicorn")])
    assert sum(bar.get_width() for bar in ax.patches) == 2 * sum(m55.operators)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["cortex-m55", "cortex-m4"]
    said = "\n".join(text.get_text() for text in ax.texts)
    assert "kept from a run by qemu" in said
    assert "run by unicorn" in said
    assert ax.get_xlabel() == "instructions per inference [1]"
    colours = [bar.get_facecolor() for bar in ax.patches]
    first, second = colours[: len(m55.operators)], colours[len(m55.operators) :]
    assert first == second
    assert all(one != after for one, after in pairwise(first))
    longest = max(m55.operators)
    assert f"{m55.operators.index(longest)}" in [text.get_text() for text in ax.texts]
