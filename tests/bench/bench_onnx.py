"""ONNX there and back, and how far ONNX Runtime, LiteRT and TFLM lie apart on the same codes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.onnx_nets import unquantise
from tests.test_onnx_out import SHIPPED, round_trip
from tests.test_onnx_tasks import MOST, TASKS, first, labels_of
from tinykit.ground.facts import shipped_path
from tinykit.handover.deployment.onnx_file import write_onnx
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.verify import verify_model
from tinykit.train.conversion.converting import convert
from tinykit.train.datasets.shipped import load_dataset

TITLE = "ONNX: int8 .tflite to QDQ ONNX and back (TFLM byte-equal on 50 inputs), agreement, and tasks by way of ONNX"
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
    """A trained network of a task, quantised by ONNX Runtime on its own data, on unseen samples."""
    data = load_dataset(task)
    (folder / "net.onnx").write_bytes(unquantise(read(shipped_path("data", *TASKS[task]))).SerializeToString())
    made = convert(folder / "net.onnx", representative=first(data.representative()))
    x, y = data.test.x[:MOST].astype(np.float32), data.test.y[:MOST]
    labels = {engine: labels_of(made.onnx if engine == "onnxruntime" else made.model, x, engine)
              for engine in ("tflm", "litert-xnnpack", "onnxruntime")}  # fmt: skip
    told = {f"accuracy {engine}": float((found == y).mean()) for engine, found in labels.items()}
    ort = labels["onnxruntime"]
    return {"model": task, "bytes back": len(made.model), "n": len(y), **told,
            "top-1 TFLM = ONNX Runtime": float((labels["tflm"] == ort).mean())}  # fmt: skip
