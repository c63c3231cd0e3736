"""Panels of notebooks 01 to 04: each shows what its pure function answers, and moves by code."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models import small_cnn
from tests.panels import ANSWERS, CLASSES, PREDICTED, SPLIT
from tinykit.model.graph.kernels import list_kernels
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.verify import compare_answers
from tinykit.show.panels import GridPanel, LsbPanel, SparsityPanel, SubjectPanel
from tinykit.show.panels.shell import Panel
from tinykit.show.panels.training import PER_CHANNEL, PER_TENSOR
from tinykit.train.compress.preview import preview_grid, preview_pruning
from tinykit.train.datasets.scoring import break_down

RNG = np.random.default_rng(5)


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
