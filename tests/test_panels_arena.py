"""The arena panel: a block that is picked, both plans, and another core's scratch."""

from __future__ import annotations

import pytest

from tests.models import Net, small_cnn
from tests.test_arena import mobilenet
from tinykit.model.graph.reading import read
from tinykit.predict.arena.plan import ArenaPlan, plan_greedily
from tinykit.predict.arena.predict import compare_plans
from tinykit.show.panels import ArenaPanel
from tinykit.show.plots import plot_arena

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def vww():
    return read(mobilenet().to_bytes(), name="vww.tflite")


@pytest.fixture
def panel(vww):
    return ArenaPanel(vww)


def test_it_starts_at_the_largest_block_with_both_heads(panel):
    assert repr(panel) == (
        "ArenaPanel(core=cortex-m4, runtime=tflm-cmsis-nn, block=3): head 73,728 B, offline 55,296 B"
    )
    assert panel.result.saved_bytes == 18_432
    assert panel.block.label == "tensor 9, 1×48×48×16: 36.0 KiB"
    assert bytes(panel.picture.value).startswith(PNG)


def test_a_picked_block_tells_tensor_size_operators_and_addresses(panel):
    before = bytes(panel.picture.value)
    panel.block.value = 0
    said = panel.verdict.value
    assert bytes(panel.picture.value) != before
    assert "tensor 0, 1×96×96×3: 27.0 KiB" in said
    assert "from the input to operator 0 CONV_2D" in said
    assert "in the greedy plan" in said
    assert "18.0 KiB less: tinykit plan MODEL --out FILE" in said


def test_another_core_has_other_scratch_and_keeps_the_block(panel):
    blocks = len(panel.block.options)
    panel.block.value = 0
    panel.core.value = "cortex-m55"
    assert panel.block.value == 0
    assert len(panel.block.options) > blocks
    panel.runtime.value = "tflm-reference"
    assert len(panel.block.options) < blocks


def test_a_scratch_block_that_goes_gives_way_to_the_largest(panel):
    scratch = next(place for label, place in panel.block.options if label.startswith("scratch of operator"))
    panel.block.value = scratch
    assert "scratch of operator" in panel.verdict.value
    panel.runtime.value = "tflm-reference"
    assert panel.block.value == 3


def test_the_slider_cuts_into_stripes(panel):
    panel.stripes.value = 0.05
    assert panel.result.offline.head_bytes <= 38_400
    assert "not proven here; whole 55,296 bytes: tinykit plan MODEL --stripes" in panel.verdict.value
    assert repr(panel).endswith(f"offline {panel.result.offline.head_bytes:,} B")
    cheap = panel.result.offline.head_bytes
    panel.stripes.value = 0.02
    assert 55_296 > panel.result.offline.head_bytes >= cheap
    panel.stripes.value = ""
    assert panel.result.offline.head_bytes == 55_296
    small = ArenaPanel(read(small_cnn()))
    small.stripes.value = 0.05
    assert "none of that cost take less" in small.verdict.value


def test_names_of_a_model_are_escaped():
    graph = read(Net((1, 8, 8, 1), name="<script>x</script>").conv(4).flatten().dense(4).to_bytes())
    panel = ArenaPanel(graph)
    panel.block.value = next(place for label, place in panel.block.options if label.startswith("tensor 0,"))
    assert "<script>" not in panel.verdict.value
    assert "&lt;script&gt;" in panel.verdict.value


def test_a_model_without_gaps_saves_nothing():
    panel = ArenaPanel(read(small_cnn()))
    assert panel.result.saved_bytes == 0
    assert "less:" not in panel.verdict.value


def test_an_output_that_is_the_input_alone():
    net = Net((1, 64))
    net.inputs.append(net.tensor((1, 320), name="unread"))
    panel = ArenaPanel(read(net.unary("LOGISTIC").to_bytes()))
    assert "as the input alone" in panel.verdict.value


def test_the_plot_marks_a_block_and_shares_a_scale(vww):
    both = compare_plans(vww)
    ax = plot_arena(both.offline, vww, picked=3, top_bytes=both.greedy.head_bytes, title="Offline plan (head)")
    assert ax.get_title(loc="left") == "Offline plan (head)"
    assert ax.get_ylim()[1] > both.greedy.head_bytes / 1024
    (marked,) = [group for group in ax.collections if group.get_linewidth()[0] == 2.4]
    (block,) = marked.get_paths()
    placed = both.offline.placed[3]
    assert block.vertices[0] == pytest.approx((placed.buffer.first - 0.5, placed.offset / 1024))
    assert sum(len(group.get_paths()) for group in ax.collections) == len(both.offline.placed)


def test_a_plan_of_nothing_says_so(vww):
    empty: ArenaPlan = plan_greedily((), 1)
    assert "holds no buffer" in plot_arena(empty, vww).texts[0].get_text()
