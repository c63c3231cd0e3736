"""The NPU panel and its plot: Vela's figures, told and drawn."""

from __future__ import annotations

from dataclasses import replace

from tests.models import Net, small_cnn
from tinykit.model.graph.reading import read
from tinykit.predict.npu.compiling import compile_for_npu
from tinykit.show.panels import NpuPanel
from tinykit.show.plots import plot_npu


def test_controls_compile_again():
    panel = NpuPanel(read(small_cnn(), name="small.tflite"))
    before, picture = panel.result, bytes(panel.picture.value)
    assert repr(panel).startswith("NpuPanel(accelerator=ethos-u55-128, memory_mode=Shared_Sram, clock_mhz=400): ")
    panel.accelerator.value = "ethos-u55-32"
    assert panel.result.cycles > before.cycles
    assert bytes(panel.picture.value) != picture
    panel.memory_mode.value = "Dedicated_Sram_384KB"
    assert "DRAM" in panel.verdict.value
    panel.clock_mhz.value = 100
    assert panel.result.clock_hz == 100e6
    assert len(repr(panel)) < 110


def test_what_stays_on_the_cpu_is_told_and_escaped():
    panel = NpuPanel(read(Net((1, 8, 8, 4)).conv(4).custom("<b>").conv(4).to_bytes()))
    assert "operator 1 CUSTOM:&lt;b&gt;" in panel.verdict.value
    assert "on the CPU: Unsupported opType" in panel.verdict.value


def test_a_float_model_is_told_with_the_way_out():
    panel = NpuPanel(read(small_cnn("float32")))
    assert panel.result is None
    assert "convert to int8" in panel.verdict.value


def test_the_plot_has_a_bar_for_each_pass_that_counts():
    report = compile_for_npu(read(small_cnn()))
    ax = plot_npu(report)
    widths = [bar.get_width() for bar in ax.patches]
    assert sum(widths) == sum(layer.cycles for layer in report.layers)
    assert "cycles [1]" in ax.get_xlabel()
    assert "no pass runs" in plot_npu(replace(report, layers=())).texts[0].get_text()
