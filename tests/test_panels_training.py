"""Panels of notebooks 01 to 04: each shows what its pure function answers, and moves by code."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models import small_cnn
from tinykit.model.graph import ModelGraph, list_kernels, read
from tinykit.predict.runtime import Answers, compare_answers
from tinykit.show.panels import GridPanel, LsbPanel, SparsityPanel, SubjectPanel
from tinykit.show.panels.grid import PER_CHANNEL, PER_TENSOR
from tinykit.show.panels.shell import Panel
from tinykit.train.compress import preview_grid, preview_pruning
from tinykit.train.datasets import Split, break_down

PNG = b"\x89PNG\r\n\x1a\n"
RNG = np.random.default_rng(5)
CLASSES = ("PEN", "ABD", "<b>FEL")
N = 60
SPLIT = Split(
    np.zeros((N, 4, 1, 2), np.float32), np.arange(N) % 3, np.repeat([8, 9], N // 2), np.repeat(np.arange(10), N // 10)
)
PREDICTED = np.where(np.arange(N) % 5 == 0, 1, SPLIT.y)
OUTPUTS = RNG.integers(-128, 128, (40, 3)).astype(np.float64)
ANSWERS = Answers(OUTPUTS, 1.0, {"litert-reference": OUTPUTS, "litert-xnnpack": OUTPUTS + (RNG.random((40, 3)) < 0.1)})


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    return read(small_cnn("float32"), name="float32.tflite")


@pytest.fixture(scope="module")
def panels(graph) -> dict[str, Panel]:
    return {
        "subject": SubjectPanel(PREDICTED, SPLIT, CLASSES, name="<script>.tflite"),
        "sparsity": SparsityPanel(graph),
        "grid": GridPanel(graph, {"input": RNG.normal(0, 1, (50, 4))}),
        "lsb": LsbPanel(ANSWERS),
    }


MOVES = [
    ("subject", "part", "group 9"),
    ("subject", "part", "class ABD"),
    ("sparsity", "sparsity", 0.5),
    ("sparsity", "kernel", "CONV_2D"),
    ("grid", "bits", 4),
    ("grid", "scales", PER_TENSOR),
    ("grid", "tensor", "input"),
    ("lsb", "reference", "litert-xnnpack"),
    ("lsb", "samples", 7),
]


@pytest.mark.parametrize(("kind", "control", "value"), MOVES, ids=[f"{kind}.{control}" for kind, control, _ in MOVES])
def test_a_control_moves_the_panel_and_back_again(panels, kind: str, control: str, value):
    panel = panels[kind]
    widget = getattr(panel, control)
    if value == "CONV_2D":
        value = next(name for name in panel.kernels if name.startswith(value))
    before = widget.value, repr(panel), panel.verdict.value, bytes(panel.picture.value)
    widget.value = value
    assert bytes(panel.picture.value).startswith(PNG)
    assert repr(panel) != before[1]
    assert panel.verdict.value != before[2]
    assert bytes(panel.picture.value) != before[3]
    assert len(repr(panel)) < 110
    assert "\n" not in repr(panel)
    widget.value = before[0]
    if control == "tensor":
        panel.scales.value = PER_CHANNEL
    assert (repr(panel), panel.verdict.value, bytes(panel.picture.value)) == before[1:]


def test_the_subject_panel_shows_the_breakdown(panels):
    expected = break_down(PREDICTED, SPLIT, CLASSES)
    assert panels["subject"].result.accuracy == expected.accuracy
    assert repr(panels["subject"]).startswith(f"SubjectPanel(part=everyone): {expected.accuracy.fraction:.3f} [")
    assert panels["subject"].part.options == ("everyone", "group 8", "group 9", *(f"class {name}" for name in CLASSES))


def test_the_sparsity_panel_shows_the_preview_of_the_largest_kernel(panels, graph):
    panel = panels["sparsity"]
    largest = max(list_kernels(graph), key=lambda kernel: kernel.values.size)
    assert panel.kernel.value == largest.name
    expected = preview_pruning(largest.values, 0.75, axis=largest.axis)
    assert (panel.result.gzip_bytes, panel.result.bitmask_bytes) == (expected.gzip_bytes, expected.bitmask_bytes)
    assert "transport only" in panel.verdict.value


def test_the_grid_panel_shows_the_preview(panels, graph):
    panel, kernel = panels["grid"], list_kernels(graph)[0]
    assert panel.result.sqnr_db == preview_grid(kernel.values, axis=kernel.axis).sqnr_db
    assert repr(panel).endswith(f"SQNR {panel.result.sqnr_db:.1f} dB")


def test_an_activation_has_one_scale_whatever_is_chosen(panels):
    panel = panels["grid"]
    panel.tensor.value = "input"
    assert panel.scales.value == PER_TENSOR
    panel.scales.value = PER_CHANNEL
    assert panel.scales.value == PER_TENSOR
    assert len(panel.result.scales) == 1
    panel.tensor.value, panel.scales.value = next(iter(panel.kernels)), PER_CHANNEL


def test_the_lsb_panel_shows_the_comparison(panels):
    panel = panels["lsb"]
    assert panel.result == compare_answers(ANSWERS, "litert-reference")
    assert repr(panel) == "LsbPanel(reference=litert-reference, samples=40): 100.00% equal, max 0 LSB"
    assert (panel.samples.min, panel.samples.max) == (1, 40)


def test_names_from_outside_are_escaped(panels):
    texts = [child.value for child in panels["subject"].children if type(child).__name__ == "HTML"]
    assert any("&lt;script&gt;" in text for text in texts)
    panels["subject"].part.value = "class <b>FEL"
    assert not any("<script" in text or "<b>FEL" in text for text in [*texts, panels["subject"].verdict.value])
    panels["subject"].part.value = "everyone"


def test_every_control_is_described_and_sliders_name_their_unit(panels):
    for panel in panels.values():
        for name, control in panel._controls.items():
            assert control.description, name
            assert "Slider" not in type(control).__name__ or "[" in control.description, name
