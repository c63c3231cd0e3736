"""The panel of the virtual board and its plot: runs, faults, and what is remembered."""

from __future__ import annotations

import pytest
from ipywidgets.widgets.widget import _instances

from tests.models import Net, small_cnn
from tinykit.handover.virtual_board import run, sample_codes
from tinykit.model.graph.reading import read
from tinykit.show.panels import BoardRunPanel, board_run
from tinykit.show.plots import plot_instructions


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def graph():
    return read(small_cnn(), name="small.tflite")


@pytest.fixture(scope="module")
def done(graph):
    return run(graph, "nucleo-wl55jc", sample_codes(graph, 1), compiler="zig")


def test_more_memory_than_enough_runs_nothing(graph, monkeypatch):
    panel = BoardRunPanel(graph, compiler="zig", ram_kib=20)
    enough = panel.result
    monkeypatch.setattr(board_run, "run", None)
    panel.ram_kib.value = 33
    assert panel.result is enough
    assert enough.fault is None


def test_a_view_that_is_left_above_runs_nothing_again(graph, monkeypatch):
    panel = BoardRunPanel(graph, compiler="zig", ram_kib=20)
    shown = panel._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]["model_id"]
    panel.ram_kib.value = 33
    monkeypatch.setattr(board_run, "run", None)
    panel._repr_mimebundle_()
    assert _instances[shown] is not panel
    assert _instances[shown].result is panel.result


def test_less_memory_ends_in_a_fault_and_more_brings_the_run_back(graph):
    panel = BoardRunPanel(graph, compiler="zig")
    line, picture = repr(panel), bytes(panel.picture.value)
    assert line.startswith("BoardRunPanel(board=nucleo-wl55jc, kernels=cmsis-nn, ram_kib=64): equal, ")
    panel.ram_kib.value = 1
    fault = panel.result.fault
    assert (fault.kind, fault.address) == ("write", 0x20000400)
    assert "write fault, 0x20000400, no operator" in repr(panel)
    assert "where this board has no memory for it" in panel.verdict.value
    assert bytes(panel.picture.value) != picture
    panel.ram_kib.value = 64
    assert repr(panel) == line
    assert bytes(panel.picture.value) == picture


def test_a_setting_is_run_once(graph, monkeypatch):
    calls = []

    def count(*given, **more):
        calls.append((given[1], given[3], more["ram_bytes"]))
        return run(*given, **more)

    monkeypatch.setattr(board_run, "run", count)
    panel = BoardRunPanel(graph, compiler="zig", ram_kib=16)
    panel.ram_kib.value = 8
    panel.ram_kib.value = 16
    panel.kernels.value = "portable"
    panel.kernels.value = "cmsis-nn"
    assert calls == [
        ("nucleo-wl55jc", "cmsis-nn", 16384),
        ("nucleo-wl55jc", "cmsis-nn", 8192),
        ("nucleo-wl55jc", "portable", 16384),
    ]


def test_another_board_has_another_range_and_core(graph):
    panel = BoardRunPanel(graph, board="raspberry-pi-pico", compiler="zig")
    assert (panel.ram_kib.value, panel.result.core) == (264, "cortex-m0plus")
    panel.board.value = "nucleo-wl55jc"
    assert (panel.ram_kib.value, panel.ram_kib.max, panel.result.core) == (64, 64, "cortex-m4")
    assert len(repr(panel)) < 110
    assert "simulated" in panel.verdict.value


def test_only_boards_whose_memory_can_shrink_are_offered(graph):
    offered = BoardRunPanel(graph, compiler="zig").board.options
    assert {"nucleo-h743zi2", "nucleo-u575zi-q", "raspberry-pi-pico"} <= set(offered)
    assert not {"stm32n6570-dk", "esp32-s3-devkitc-1", "corstone-300"} & set(offered)


def test_a_program_that_does_not_link_names_the_region():
    wide = read(Net((1, 64, 64, 1)).conv(32).conv(32).to_bytes(), name="wide.tflite")
    panel = BoardRunPanel(wide, compiler="zig")
    assert panel.result.fault.kind == "link"
    assert repr(panel).endswith("ram_kib=64): link fault, SRAM1-2 194.1 KiB too small")
    assert "no counts: the program does not link" in plot_instructions(panel.result).texts[0].get_text()


def test_a_fault_inside_an_operator_names_it(graph, monkeypatch):
    monkeypatch.setattr(board_run, "_STACK_BYTES", 256)
    panel = BoardRunPanel(graph, compiler="zig")
    found = panel.result.fault
    assert found.kind == "stack"
    name = graph.operators[found.operator].name
    assert repr(panel).endswith(f"stack fault, {found.address:#010x}, op {found.operator} {name}")


def test_a_model_that_cannot_be_exported_is_told_with_the_reason():
    panel = BoardRunPanel(read(Net((1, 8)).unary("GELU").to_bytes(), name="gelu.tflite"), compiler="zig")
    assert panel.result is None
    assert "not possible" in panel.verdict.value
    assert "GELU" in panel.verdict.value


def test_a_float_model_runs_too():
    panel = BoardRunPanel(read(small_cnn("float32"), name="float.tflite"), compiler="zig")
    assert panel.result.equal


def test_the_plot_has_two_bars_an_operator_with_its_unit(done):
    ax = plot_instructions(done)
    widths = [bar.get_width() for bar in ax.patches]
    count = len(done.operators)
    assert widths[:count] == [one.instructions for one in done.operators]
    assert widths[count:] == [one.macs for one in done.operators]
    assert ax.get_xlabel() == "count per inference [1]"
    assert any("per MAC" in text.get_text() for text in ax.texts)


def test_the_plot_of_a_fault_says_it(graph):
    found = run(graph, "nucleo-wl55jc", sample_codes(graph, 1), compiler="zig", ram_bytes=4096, stack_bytes=4096)
    ax = plot_instructions(found)
    assert "no counts: write" in ax.texts[0].get_text()
