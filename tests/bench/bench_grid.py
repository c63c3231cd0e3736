"""4-bit weights on an int8 grid, before and after: bytes through DECODE, accuracy on unseen samples, latency."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.bench_packing import _SHARED
from tinykit.choose.design.studies import find_study
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.packing.cost import predict_packed_latency
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.gridding import grid_weights
from tinykit.predict.packing.leaning import lean
from tinykit.predict.runtime.codes import predict_labels
from tinykit.train.compress.gridding import grid
from tinykit.train.compress.recipe import Training
from tinykit.train.compress.training import train
from tinykit.train.conversion.converting import convert
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.scoring import paired_difference, score_predictions
from tinykit.train.datasets.shipped import load_dataset
from tinykit.train.zoo import build_network

TITLE = "4-bit weights on an int8 grid: file as int8 and through DECODE, accuracy in TFLM, latency on a Cortex-M4 (-O3)"
STUDIES = ("watch-exercises", "vowels", "digits-resnet8")
FILES = ("mlperf_ic01_resnet8_int8", "mlperf_kws01_dscnn_int8")
TRAINED = {"watch-exercises": ("watch-cnn", Training(6, 2e-3)), "vowels": ("vowels-cnn", Training(40, 3e-3, 32))}
M4 = {"core": "cortex-m4", "clock_hz": 100e6, "build": "-O3"}


def table() -> list[dict[str, Any]]:
    """One row a finished file, and one a network trained on for three epochs."""
    return [*_finished(), *_trained()]


def _finished() -> Iterator[dict[str, Any]]:
    for name in STUDIES:
        study = find_study(name)
        data, graph = load_dataset(study.task), study.recall("int8")[0].graph
        made = grid_weights(graph, data.validation.x[:400], data.validation.y[:400])
        yield _row(name, ", ".join(made.recipe), graph, made.graph, data)
    for path in (Path(_SHARED, f"{name}.tflite") for name in FILES):
        if path.exists():
            graph = read(path)
            made = grid_weights(graph)
            yield _row(path.stem, ", ".join(made.recipe), graph, made.graph)


def _trained() -> Iterator[dict[str, Any]]:
    for task, (network, fit) in TRAINED.items():
        data = load_dataset(task)
        model = build_network(network, input_shape=data.input_shape, classes=len(data.classes), seed=0)
        before = train(model, data, fit).model
        after = grid(before, data, fit=Training(3, 1e-3, fit.batch_size)).model
        representative = data.representative(200)
        graphs = [read(convert(one, precision="int8", representative=representative).model) for one in (before, after)]
        yield _row(f"{network}, {fit.epochs} epochs", "grid(), 3 epochs more", *graphs, data)


def _row(name: str, how: str, before: ModelGraph, after: ModelGraph, data: Dataset | None = None) -> dict[str, Any]:
    coded = code_weights(after)
    times = [predict_packed_latency(one, **M4).value for one in (before, coded.graph)]
    arenas = [predict_arena(one, core="cortex-m4").head_bytes for one in (before, coded.graph)]
    row = {
        "model": name, "how": how, "int8, lean": lean(before).flatbuffer_bytes, "grid, DECODE": coded.flatbuffer_bytes,
        "with decoder code": coded.flash_bytes, "latency": f"{times[1] / times[0] - 1:+.1%}",
        "head": arenas[0], "head with DECODE": arenas[1], "equal to the grid as int8": coded.equal,
    }  # fmt: skip
    if data is None:
        return row
    test = data.test
    found = [predict_labels(one.data, test.x) for one in (before, after)]
    score = score_predictions(found[0], test.y, test.recordings if len(set(test.recordings)) < len(test) else None)
    difference = paired_difference(*found, test.y, test.recordings)
    return row | {"accuracy int8": score.fraction, "paired": str(difference)}
