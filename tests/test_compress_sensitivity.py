"""The sensitivity scan: each point is what a really pruned copy gets right, and the plot shows what was found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinykit.ground.errors import ModelError, ParameterError
from tinykit.show.plots import plot_sensitivity, to_png
from tinykit.train import zoo
from tinykit.train.compress.channels.slimming import prune_channels
from tinykit.train.compress.sensitivity import LayerSensitivity, scan_sensitivity, suggest_sparsity
from tinykit.train.compress.training import clone, predict
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import Difference
from tinykit.train.keras import load_keras

RNG = np.random.default_rng(2)


@pytest.fixture(scope="module")
def model() -> Any:
    return zoo.build_network("resnet8", input_shape=(8, 8, 3), classes=3, seed=1)


@pytest.fixture(scope="module")
def split(model: Any) -> Split:
    x = RNG.normal(size=(300, 8, 8, 3)).astype(np.float32)
    y = predict(model, x)  # its own answers: whole, it is right
    return Split(x, y, np.zeros(300, np.int64), np.arange(300) // 10)


@pytest.fixture(scope="module")
def scans(model: Any, split: Split) -> dict[str, tuple[LayerSensitivity, ...]]:
    return {kind: scan_sensitivity(model, split, kind=kind, steps=(0.25, 0.75)) for kind in ("weights", "channels")}


def test_every_layer_is_scanned_and_the_model_left_as_it_was(scans: Any, model: Any, split: Split) -> None:
    assert [layer.name for layer in scans["weights"]][-2:] == ["conv_9", "dense_1"]
    assert next((layer.name, *layer.coupled) for layer in scans["channels"]) == ("conv_1", "conv_3")
    for layer in (*scans["weights"], *scans["channels"]):
        assert (layer.accuracy, layer.steps, len(layer.changes)) == (1.0, (0.25, 0.75), 2)
        assert all(change.low <= change.value <= change.high <= 0 for change in layer.changes)
        assert layer.changes[0].n_clusters == 30
    assert (predict(model, split.x) == split.y).all()


@pytest.mark.parametrize("step", [0, 1])
def test_channels_at_zero_are_channels_gone(scans: Any, model: Any, split: Split, step: int) -> None:
    for layer in scans["channels"]:
        slim = prune_channels(model, {layer.name: layer.steps[step]}).model
        right = float((predict(slim, split.x) == split.y).mean())
        assert right - 1 == pytest.approx(layer.changes[step].value, abs=1.5 / len(split))


def test_the_smallest_weights_go(scans: Any, model: Any, split: Split) -> None:
    found = next(layer for layer in scans["weights"] if layer.name == "conv_2")
    copy = clone(model)
    (kernel,) = copy.get_layer("conv_2").get_weights()
    kernel[np.abs(kernel) < np.quantile(np.abs(kernel), 0.75)] = 0
    copy.get_layer("conv_2").set_weights([kernel])
    assert float((predict(copy, split.x) == split.y).mean()) - 1 == pytest.approx(found.changes[1].value, abs=0.01)


def drops(name: str, *values: float) -> LayerSensitivity:
    changes = tuple(Difference(value, value - 0.05, value + 0.05, 100, None, "made up") for value in values)
    return LayerSensitivity(name, (), "weights", 0.9, (0.25, 0.5, 0.75), changes)


def test_suggestions() -> None:
    scan = (drops("a", -0.01, -0.02, -0.3), drops("b", -0.05, 0.0, 0.0), drops("c", 0.01, 0.0, -0.019))
    assert suggest_sparsity(scan, 0.02) == {"a": 0.5, "c": 0.75}  # b: what comes after a loss is luck
    assert suggest_sparsity(scan, 0.5) == {"a": 0.75, "b": 0.75, "c": 0.75}
    assert str(scan[0]) == "a (weights) 25%: -0.010, 50%: -0.020, 75%: -0.300"
    with pytest.raises(ParameterError, match=r"max_drop 2 is outside \[0, 1\); 0\.02 is two points"):
        suggest_sparsity(scan, 2)


def test_the_plot_shows_each_change_and_frames_the_suggestion() -> None:
    ax = plot_sensitivity((drops("a", -0.01, -0.02, -0.3), drops("b", -0.05, 0.0, 0.0)), max_drop=0.02)
    texts = {text.get_text() for text in ax.texts}
    assert {"-1.0", "-30.0", "+0.0", "-35 … -25"} <= texts
    framed = [patch for patch in ax.patches if not patch.get_fill()]
    assert [(round(frame.get_x() + 0.48), round(frame.get_y() + 0.46)) for frame in framed] == [(1, 0)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert "the whole model gets 90.0%" in ax.get_xlabel()
    assert to_png(ax.figure).startswith(b"\x89PNG")
    with pytest.raises(ParameterError, match="no layer was scanned; give the result of scan_sensitivity"):
        plot_sensitivity(())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "filters"}, "kind 'filters' is unknown; allowed: weights, channels"),
        ({"steps": (0.5, 0.25)}, r"steps \(0\.5, 0\.25\): give shares between 0 and 1, ascending"),
        ({"steps": (0.5, 1.0)}, "give shares between 0 and 1"),
        ({"steps": ()}, "give shares between 0 and 1"),
        ({"layers": ("add_1",)}, "layer 'add_1' cannot be pruned; allowed: conv_1"),
        ({"layers": ("dense_1",), "kind": "channels"}, "layer 'dense_1' cannot be pruned"),
        ({"importance": "l0", "kind": "channels"}, "importance 'l0' is unknown"),
    ],
)
def test_requests_that_make_no_sense(model: Any, split: Split, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        scan_sensitivity(model, split, **options)


def test_a_model_without_kernels(split: Split) -> None:
    layers = load_keras().layers
    bare = load_keras().Sequential([layers.Input((8, 8, 3)), layers.GlobalAveragePooling2D()])
    with pytest.raises(ModelError, match="no layer to prune; prunable are Conv1D"):
        scan_sensitivity(bare, split)
    with pytest.raises(ModelError, match="no channel that could be removed"):
        scan_sensitivity(bare, split, kind="channels")
