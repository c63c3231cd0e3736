"""Zoo × quantisation: every combination converted, run in TFLM and held against its float parent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.quantise_combinations import combine, judge, make_data
from tinykit import zoo
from tinykit.compress import Fit
from tinykit.datasets import Dataset, load
from tinykit.errors import TinykitError
from tinykit.runtime import measure_arena

TITLE = "Quantised zoo in TFLM against each float parent: largest output the same, SQNR of outputs, what is still held"
FITS = (Fit(2, 2e-3, 64), Fit(1, 1e-3, 64))
CLUSTERS, SAMPLES, TRAIN = 16, 200, 640
DATA = {
    "watch-cnn": "watch-exercises",
    "digits-cnn": "digits",
    "ds-cnn": "vowels",
    "resnet8": "digits",
    "mobilenet-v1-025": "",
    "fc-autoencoder": "digits",
}
"""Task each network is trained on; "" for drawn patterns, where no task at hand has enough samples of its form."""


def table() -> list[dict[str, Any]]:
    """One row a network and variant; one that fails says why in its row."""
    return [row for name in DATA for row in _rows(name)]


def _rows(name: str) -> Iterator[dict[str, Any]]:
    data = _load(name)
    size = data.train.x[0].size
    flat = name == "fc-autoencoder"
    model = zoo.build(
        name, input_shape=(size,) if flat else data.input_shape, classes=size if flat else len(data.classes)
    )
    try:
        for made in combine(model, data, FITS, clusters=CLUSTERS):
            found = judge(made, data.test.x[:SAMPLES])
            yield {
                "network": name,
                "data": data.name,
                "variant": made.variant,
                "flatbuffer [byte]": len(made.content),
                "arena, x86-64 [byte]": measure_arena(made.content).total_bytes,
                "same answer": None if found.agreement is None else f"{found.agreement:.1%}",
                "SQNR [dB]": round(found.sqnr_db, 1),
                "zeros": f"{found.sparsity:.1%}",
                "most values": found.most_values,
                "limitation": "",
            }
    except TinykitError as error:
        yield {"network": name, "data": data.name, "limitation": str(error)}


def _load(name: str) -> Dataset:
    if not DATA[name]:
        return make_data((48, 48, 3), 2, count=160)
    whole = load(DATA[name])
    return Dataset(
        whole.name, whole.classes, whole.train.take(TRAIN), whole.validation.take(64), whole.test.take(SAMPLES),
        whole.normalisation, whole.rate_hz, whole.sha256, whole.source,
    )  # fmt: skip
