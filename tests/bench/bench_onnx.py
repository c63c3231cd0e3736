"""ONNX there and back, and how far ONNX Runtime, LiteRT and TFLM lie apart on the same codes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.onnx_nets import unquantise
from tests.test_onnx_out import SHIPPED, round_trip
from tests.test_onnx_tasks import TASKS, first, labels_of
from tinykit.ground.facts import shipped_path
from tinykit.handover.deployment.onnx_file import write_onnx
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.verify import verify_model
from tinykit.train.conversion.converting import convert
from tinykit.train.datasets.scoring import Accuracy, Difference, paired_difference, score_predictions
from tinykit.train.datasets.shipped import load_dataset

TITLE = "ONNX: int8 .tflite to QDQ ONNX and back (TFLM byte-equal on 50 inputs), agreement; tasks by way of it, paired"
ENGINES, ORT = ("tflm", "litert-xnnpack"), "onnxruntime"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"


def list_models() -> list[Path]:
    return SHIPPED + [path for path in sorted(SHARED.glob("*.tflite")) if read(path).precision == "int8"]


def table() -> list[dict[str, Any]]:
    """One row per model that goes there and back, and one per task."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in list_models():
            start = time.perf_counter()
            made, same = round_trip(path.read_bytes(), folder)
            seconds = time.perf_counter() - start
            graph = read(path)
            found = verify_model(graph.data, sample_inputs(graph.data, 20), onnx=write_onnx(graph), within_s=3.0)
            rows.append({
                "model": path.stem, "bytes": graph.flatbuffer_bytes, "bytes back": len(made), "byte-equal": same,
                "there and back [s]": round(seconds, 2), "TFLM = ONNX Runtime": found["onnxruntime"].fraction_equal,
                "most LSB": found["onnxruntime"].max_difference, "verdict": found["onnxruntime"].verdict.kind,
            })  # fmt: skip
        rows += [row_of(task, folder) for task in TASKS]
    return rows


def row_of(task: str, folder: Path) -> dict[str, Any]:
    """A trained network of a task, quantised by ONNX Runtime on its own data, on all unseen samples.

    Accuracies, then what TFLM and LiteRT score more than ONNX Runtime on the same samples, paired, over recordings.
    """
    data = load_dataset(task)
    (folder / "net.onnx").write_bytes(unquantise(read(shipped_path("data", *TASKS[task]))).SerializeToString())
    made = convert(folder / "net.onnx", representative=first(data.representative()))
    x, y = data.test.x.astype(np.float32), data.test.y
    several = 1 < len(np.unique(data.test.recordings)) < len(y)
    clusters = data.test.recordings if several else None
    labels = {engine: labels_of(made.onnx if engine == ORT else made.model, x, engine) for engine in (*ENGINES, ORT)}
    scores = {f"{engine}, 95 %": tell(score_predictions(found, y, clusters)) for engine, found in labels.items()}
    pairs = {engine: paired_difference(labels[ORT], labels[engine], y, clusters) for engine in ENGINES}
    told = {f"{engine} − {ORT}, paired": tell(one) for engine, one in pairs.items()}
    same = {f"top-1 {engine} = {ORT}": float((labels[engine] == labels[ORT]).mean()) for engine in ENGINES}
    recordings = {"recordings": len(np.unique(clusters)) if several else None}
    return {"model": task, "bytes back": len(made.model), "n": len(y), **recordings, **scores, **told, **same}


def tell(one: Accuracy | Difference) -> str:
    """A fraction or a difference with its interval, for a cell."""
    if isinstance(one, Accuracy):
        return f"{one.fraction:.4f} [{one.low:.4f} … {one.high:.4f}]"
    return f"{one.value:+.4f} [{one.low:+.4f} … {one.high:+.4f}]"
