"""What a worker does: one candidate on one fold, or on the whole, from plain values to plain values."""

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from reprlib import repr as say
from typing import Any

import numpy as np

from tinykit.choose.design.steps import CONVERT, PACKERS, TRAINERS
from tinykit.choose.exploration.candidate import Candidate
from tinykit.choose.exploration.unseen import count_hits
from tinykit.ground.errors import ParameterError, keywords
from tinykit.ground.writing import scratch, write_atomically
from tinykit.predict.runtime.codes import predict_labels
from tinykit.train.compress.training import predict
from tinykit.train.conversion.converting import convert_all
from tinykit.train.conversion.keras_file import save_model
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.folding import fold_groups
from tinykit.train.datasets.own import read_folder, read_npz
from tinykit.train.datasets.scoring import score_predictions
from tinykit.train.datasets.shipped import load_dataset
from tinykit.train.fronts.front import Front

_FIELDS = ("x", "y", "groups", "recordings")
_READERS: dict[str, Callable[..., Dataset]] = {
    "task": keywords(load_dataset), "folder": keywords(read_folder), "npz": keywords(read_npz)
}  # fmt: skip


def load_source(source: Mapping[str, Any], front: Front | None = None) -> Dataset:
    """The data of a study, `task` or what `read_folder` or `read_npz` takes, through a front; once in a process.

    A source's own "front" holds where the front leaves a choice open.

    ParameterError: no such source, or an argument that its reader does not take.
    """
    return _load(json.dumps(source, sort_keys=True), front)


@functools.lru_cache(maxsize=24)
def _load(source: str, front: Front | None) -> Dataset:
    own: dict[str, Any] = json.loads(source)
    if (kind := next((one for one in _READERS if one in own), None)) is None:
        raise ParameterError(
            f"data {say(own)} name no source; give a {', a '.join(_READERS)}, with what its reader takes"
        )
    first, kept = (Front.from_json(one) if (one := own.pop("front", None)) else None), "recorded" in own
    recorded, place = own.pop("recorded", None) or [], own.pop(kind)
    if not isinstance(recorded, list) or not all(type(one) is int and one > 0 for one in recorded):
        raise ParameterError(f"the shape {say(recorded)} that data were recorded in; give a list of whole numbers")
    if first and not kept:
        front = lay_over(first, front or Front())
    data = _READERS[kind](place, **{**own, "front": front})
    return replace(data, front=first, recorded=tuple(recorded) or None) if kept else data


def lay_over(first: Front, second: Front) -> Front:
    """The first with whatever the second does not leave as it is by default."""
    plain = Front().to_json()
    chosen = {name: own for name, own in second.to_json().items() if own != plain.get(name)}
    return Front.from_json({**first.to_json(), **chosen})


def keep_dataset(data: Dataset, folder: Path) -> dict[str, Any]:
    """Write a dataset that may stand in no file, so that every worker reads the same, and return its source.

    Its samples are behind its front, which goes with them: a choice's firmware computes it.
    """
    parts: dict[str, Any] = {
        name: np.concatenate([getattr(one, name) for one in data.splits.values()]) for name in _FIELDS
    }
    parts["split"] = np.repeat([*data.splits], [len(one) for one in data.splits.values()])
    parts["x"] = data.normalisation.undo(parts["x"])
    with scratch("tinykit-data-") as place:
        np.savez_compressed(place / "data.npz", **parts)
        write_atomically(folder / f"{Path(data.name).name}.npz", (place / "data.npz").read_bytes())
    known = {"npz": str(folder / f"{Path(data.name).name}.npz"), "classes": [*data.classes], "rate_hz": data.rate_hz}
    return known | ({"front": data.front.to_json(), "recorded": data.recorded} if data.front else {})


def score_fold(source: dict[str, Any], candidate: dict[str, Any], rung: dict[str, Any]) -> dict[str, Any]:
    """Hits on one fold after training on the others; no sample of the test split is looked at.

    `rung` has "fold" of "folds", dealt by the seed "dealt", the "seed" of training, and "epochs" of the float network,
    which Keras scores; 0 for the whole chain at full length, scored in TFLM.
    """
    start, own = time.monotonic(), Candidate.from_json(candidate)
    fold = fold_groups(load_source(source, own.front), rung["folds"], rung["dealt"])[rung["fold"]]
    if rung["epochs"]:
        first = own.steps(rung["seed"])[0]
        made = TRAINERS[first.action](Path(), fold, {**first.choices, "epochs": rung["epochs"]})
        predicted = predict(made.model, fold.validation.x)
    else:
        predicted = predict_labels(make_model(own, fold, rung["seed"]), fold.validation.x)
    known = {"fold": rung["fold"], "seed": rung["seed"], "seconds": round(time.monotonic() - start, 3)}
    return {**known, **count_hits(predicted, fold.validation)}


def open_test(source: dict[str, Any], candidate: dict[str, Any], seed: int) -> dict[str, Any]:
    """The model made on the training split, and its accuracy in TFLM on groups that no step of a search has seen."""
    own = Candidate.from_json(candidate)
    data = load_source(source, own.front)
    model, test = make_model(own, data, seed), data.test
    predicted = predict_labels(model, test.x)
    names, index, sizes = np.unique(test.recordings, return_inverse=True, return_counts=True)
    accuracy = score_predictions(predicted, test.y, test.recordings if 1 < len(names) < len(test) else None)
    shares = np.bincount(index, weights=predicted == test.y) / sizes
    return {"accuracy": accuracy.to_json(), "recordings": names.tolist(), "shares": shares.tolist(), "model": model}


def make_model(candidate: Candidate, data: Dataset, seed: int) -> bytes:
    """The `.tflite` of a candidate, by the steps that a design record tells of it."""
    with scratch("tinykit-candidate-") as folder:
        path = folder
        for step in candidate.steps(seed):
            parent, path = path, folder / f"{step.name}.tflite"
            if step.action == CONVERT:
                precision, some = step.choices["precision"], data.representative(step.choices["representative"])
                found = convert_all(parent, [precision], representative=some, training=data.train.x)
                path.write_bytes(found[precision].model)
            elif step.action in PACKERS:
                path.write_bytes(PACKERS[step.action](parent).data)
            else:
                path = save_model(TRAINERS[step.action](parent, data, step.choices).model, path.with_suffix(".h5"))
        return path.read_bytes()
