"""Zoo × quantisation: every combination converted, run in TFLM and held against its float parent.

The parents are trained until they answer well, on few samples; rounding is then trained at 1e-4, which leaves the
parent where it was: what differs is the error of quantisation, not a network that went on learning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.quantise_combinations import Combination, combine, judge
from tinykit.ground.errors import TinykitError
from tinykit.predict.runtime.session import measure_arena
from tinykit.train import zoo
from tinykit.train.compress.recipe import Training
from tinykit.train.compress.training import evaluate
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.shipped import load_dataset

TITLE = "Quantised zoo in TFLM against each float parent: largest output the same, SQNR of outputs, what is still held"
CLUSTERS, TRAIN, VALIDATION = 16, 640, 64
SHORT = Training(3, 1e-4, 32)
CHANCE = "the parent answers no better than chance: it runs in TFLM, but agreement with it says nothing"


@dataclass(frozen=True, slots=True)
class Task:
    """What a network is trained on, the epochs of its float parent, and how many unseen samples TFLM is given."""

    data: str
    epochs: int
    samples: int = 200


TASKS = {
    "watch-cnn": Task("watch-exercises", 15),
    "digits-cnn": Task("digits", 15),
    "fc-autoencoder": Task("digits", 30),
    "ds-cnn": Task("vowels", 25),
    "mobilenet-v1-025": Task("faces", 30, 60),
    "resnet8": Task("digits", 6, 100),
    "vowels-cnn": Task("vowels", 20, 100),
    "row-dense": Task("watch-exercises", 15),
}


def table() -> list[dict[str, Any]]:
    """One row a network and variant; one that fails says why in its row."""
    return [row for name in TASKS for row in list_rows(name)]


def list_rows(name: str) -> Iterator[dict[str, Any]]:
    """Rows of a network, each as soon as it is known."""
    task = TASKS[name]
    data = _load(task)
    size = data.train.x[0].size
    flat = name == "fc-autoencoder"
    model = zoo.build_network(
        name, input_shape=(size,) if flat else data.input_shape, classes=size if flat else len(data.classes)
    )
    fits = Training(task.epochs, 2e-3, 32), SHORT
    for variant, make in combine(model, data, fits, clusters=CLUSTERS):
        yield {"network": name, "data": data.name, "variant": variant, **_describe(make, data, flat)}


def _describe(make: Callable[[], Combination], data: Dataset, flat: bool) -> dict[str, Any]:
    try:
        made = make()
        found = judge(made, data.test.x)
        arena = measure_arena(made.content).total_bytes
        right = None if flat else evaluate(made.parent, data.test)
    except TinykitError as error:
        return {"limitation": str(error)}
    return {
        "flatbuffer [byte]": len(made.content),
        "arena, x86-64 [byte]": arena,
        "parent right": None if right is None else f"{right.fraction:.1%}",
        "same answer": None if found.agreement is None else f"{found.agreement:.1%}",
        "SQNR [dB]": round(found.sqnr_db, 1),
        "zeros": f"{found.sparsity:.1%}",
        "most values": found.most_values,
        "limitation": "" if right is None or right.low > 1 / len(data.classes) else CHANCE,
    }


def _load(task: Task) -> Dataset:
    whole = load_dataset(task.data)
    return Dataset(
        whole.name, whole.classes, whole.train.take(TRAIN), whole.validation.take(VALIDATION),
        whole.test.take(task.samples), whole.normalisation, whole.rate_hz, whole.sha256, whole.source,
    )  # fmt: skip
