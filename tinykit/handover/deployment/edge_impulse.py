"""Hand-over to Edge Impulse: a bundle for its Studio, ingestion files, a C++ library beside its SDK, an `.eim`."""

import base64
import hmac
import io
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError, ModelError, ParameterError
from tinykit.ground.limits import read_lines
from tinykit.handover.deployment import writing
from tinykit.handover.deployment.writing import Deployment
from tinykit.model.graph.model import ModelGraph, Tensor
from tinykit.model.graph.reading import read
from tinykit.model.operators.table import row_of
from tinykit.predict.arena.predict import arena_for_any_core
from tinykit.train.datasets.scoring import Accuracy

_MOST_SAMPLES, _MOST_HZ, _NO_SIGNATURE = 1000, 1e9, "0" * 64
_IN_CPP = "cpp/tflite-model/tflite_learn_1_2.tflite"


def deploy_edge_impulse(
    model: ModelGraph | bytes | str | Path, folder: str | Path, *, labels: Sequence[str] | str | Path | None = None,
    rate_hz: float | None = None, classes: ArrayLike | None = None, hmac_key: str = "",
    accuracy: Accuracy | None = None, name: str = "", samples: ArrayLike | None = None
) -> Deployment:  # fmt: skip
    """Write what Edge Impulse's Studio, SDK and Linux runners take; the whole folder or nothing.

    Labels of the outputs in order, or a file with one a line. With samples, the Studio's representative data, and a
    rate [Hz] also ingestion files: `classes` are indices into the labels, `hmac_key` signs them. What is not given is
    said to be missing. Raises ModelError: several inputs or outputs, or other types. DataError: samples of another
    shape, NaN, or labels not as many as the outputs. ParameterError: a rate that is none.
    """
    graph = model if isinstance(model, ModelGraph) else read(model)
    source, sink = _check_ends(graph)
    known, rate, features = _read_labels(labels, math.prod(sink.shape)), rate_hz or 0.0, math.prod(source.shape)
    if not 0 <= rate <= _MOST_HZ:
        raise ParameterError(f"rate {rate_hz} Hz; give how many samples come in a second, such as 16000")
    files: dict[str, str | bytes] = {"model.tflite": graph.data, _IN_CPP: graph.data}
    if samples is not None:
        data, stream = _check_samples(np.asarray(samples), source), io.BytesIO()
        np.save(stream, data)
        files["representative.npy"] = stream.getvalue()
        files |= _ingest(data, known, rate, hmac_key=hmac_key, classes=classes) if rate else {}
    label, arena = writing.label_model(graph, name), arena_for_any_core(graph)
    methods = tuple(sorted({f"Add{row_of(one.name).method}" for one in graph.operators}))
    files |= writing.fill_target(
        "edge-impulse", graph, label, accuracy, arena=arena, methods=methods, labels=known, features=features,
        quoted=", ".join(json.dumps(one) for one in known), rate_hz=rate, interval_ms=1e3 / rate if rate else 1,
        int8=sink.dtype == "int8", zero_point=(*sink.zero_points, 0)[0], scale=repr(float((*sink.scales, 1.0)[0])),
        sha256=graph.sha256, model_bytes=len(graph.data), base64=base64.b64encode(graph.data).decode(),
        named=labels is not None, representative=samples is not None, signed=bool(hmac_key),
    )  # fmt: skip
    done = writing.finish("edge-impulse", graph, folder, files, label=label, arena=arena, methods=methods)
    (done.folder / "model.eim").chmod(0o755)
    return done


def _check_ends(graph: ModelGraph) -> tuple[Tensor, Tensor]:
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs; Edge Impulse takes one of each")
    source, sink = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    if {source.dtype, sink.dtype} not in ({"int8"}, {"float32"}):
        raise ModelError(f"input {source.dtype}, output {sink.dtype}; Edge Impulse takes int8 or float32 at both ends")
    return source, sink


def _read_labels(labels: Sequence[str] | str | Path | None, count: int) -> list[str]:
    if labels is None:
        return [f"class {number}" for number in range(count)]
    if isinstance(labels, str | Path):
        labels = read_lines(Path(labels), "give a file of labels, one a line")
    known = [one.strip() for one in labels if one.strip()]
    if len(known) != count or len(set(known)) != count or not all(one.isprintable() for one in known):
        told = f"{len(known)} labels, {len(set(known))} different"
        raise DataError(f"{told}; the model has {count} outputs: one label for each")
    return known


def _check_samples(data: NDArray[Any], source: Tensor) -> NDArray[np.float32]:
    whole = data.dtype.kind in "fiu" and data.size and data.size == len(data) * math.prod(source.shape)
    if not whole or not np.all(np.isfinite(data)):
        told = f"samples of shape {data.shape}" if not whole else "NaN or infinity among the samples"
        raise DataError(f"{told}; give [n, {', '.join(map(str, source.shape[1:]))}] numbers, n from 1 up")
    return data.astype(np.float32).reshape(len(data), *source.shape[1:])


def _ingest(
    data: NDArray[np.float32], labels: list[str], rate: float, *, hmac_key: str, classes: ArrayLike | None
) -> dict[str, str | bytes]:  # fmt: skip
    """Samples as the Studio's uploader takes them: rows of all axes, an HMAC over the JSON with none in it."""
    files: dict[str, str | bytes] = {}
    known = ["unlabelled"] * len(data) if classes is None else [labels[int(one)] for one in np.ravel(classes)]
    for number, (sample, label) in enumerate(zip(data[:_MOST_SAMPLES], known, strict=False)):
        rows = np.squeeze(sample) if np.squeeze(sample).ndim == 2 else sample.reshape(-1, 1)
        payload = {
            "device_type": "TINYKIT", "interval_ms": 1e3 / rate, "values": rows.astype(float).tolist(),
            "sensors": [{"name": f"axis{axis}", "units": "N/A"} for axis in range(rows.shape[1])],
        }  # fmt: skip
        head = {"ver": "v1", "alg": "HS256" if hmac_key else "none", "iat": int(time.time())}
        document = {"protected": head, "signature": _NO_SIGNATURE, "payload": payload}
        if hmac_key:
            document["signature"] = hmac.new(hmac_key.encode(), json.dumps(document).encode(), "sha256").hexdigest()
        plain = "".join(one if one.isalnum() else "_" for one in label)
        files[f"ingestion/{plain}.{number:04d}.json"] = json.dumps(document)
    return files
