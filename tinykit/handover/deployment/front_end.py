"""The front end of a model as C99: raw samples of the sensor to the network's codes, with golden windows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError, ModelError
from tinykit.ground.results import Result
from tinykit.handover.codegen.filling import fill_all, to_comment
from tinykit.handover.deployment.writing import TEMPLATES
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.shapes import without_ones
from tinykit.predict.runtime.codes import dequantise, quantise_input
from tinykit.train.datasets.dataset import Normalisation
from tinykit.train.fronts.bound import LOGARITHMS, BoundFront
from tinykit.train.fronts.integers import extract

_VALUES = np.arange(-(1 << 15), 1 << 15)
_PER_LINE = 16


@dataclass(frozen=True, slots=True)
class Preparation(Result):
    """All that the device does to a window as it records it before the network sees it.

    Parameters
    ----------
    front : bound to what the device records: `Front.bind`.
    normalisation : of the features, by channel, as in training.

    Raises
    ------
    DataError : a normalisation of other channels.
    """

    front: BoundFront
    normalisation: Normalisation

    def __post_init__(self) -> None:
        if {len(self.normalisation.mean), len(self.normalisation.std)} != {len(self.front.channels)}:
            told = f"{self.normalisation} for a front of {len(self.front.channels)} channels"
            raise DataError(f"{told}; give that of the data the model was trained on")


def write_front_end(
    preparation: object, graph: ModelGraph, samples: ArrayLike | None, *, name: str, lines: tuple[str, ...]
) -> tuple[BoundFront | None, dict[str, str], ArrayLike | None]:
    """A front, its files, and what a model reads of its golden windows; None, none and the samples of anything else.

    `samples` are int16 windows [n, recorded samples, channels] as the device records them, None for noise and a sweep;
    `lines` what the head of each file tells. Raises ModelError: the model takes no int8, or another shape. DataError:
    samples that are not int16, or of another shape.
    """
    if not isinstance(preparation, Preparation):
        return None, {}, samples
    front, edge = preparation.front, graph.tensors[graph.inputs[0]]
    codes_of = _table(preparation, graph)
    raw = _draw(front) if samples is None else np.asarray(samples)
    wanted = (front.samples * front.factor, front.recorded)
    if raw.dtype != np.int16 or raw.shape[1:] != wanted or not len(raw):
        shape = f"int16 [n, {wanted[0]}, {wanted[1]}]"
        raise DataError(
            f"windows for the front end are {raw.dtype} {raw.shape}; give {shape} as the device records them"
        )
    values = extract(front, raw) - _VALUES[0]
    codes = np.stack([codes_of[place][values[..., place]] for place in range(len(front.channels))], axis=-1)
    steps = [np.searchsorted(row, np.arange(row[0] + 1, row[-1] + 1)) + _VALUES[0] for row in codes_of.astype(int)]
    files = fill_all(
        TEMPLATES / "front-end", front=front, words=to_comment(str(front)), numbers=_numbers, raw=raw, codes=codes,
        lowest=codes_of[:, 0].tolist(), steps=np.concatenate(steps), logarithms=LOGARITHMS, name=name,
        steps_from=np.cumsum([0, *map(len, steps)]).tolist(), guard=name.upper(), **_tables(front),
        about="\n".join(["/*", *(f" * {line}" for line in lines), " */"]),
    )  # fmt: skip
    reals = dequantise(codes, edge.scales[0], edge.zero_points[0])
    return front, files, reals.reshape(len(raw), *edge.shape[1:])


def _table(preparation: Preparation, graph: ModelGraph) -> NDArray[np.int8]:
    """Code [channels, 65536] of every value a feature can have: scaled, normalised and quantised as in training."""
    front, edge = preparation.front, graph.tensors[graph.inputs[0]]
    if len(graph.inputs) != 1 or edge.dtype != "int8" or without_ones(edge.shape[1:]) != without_ones(front.shape):
        told = f"{len(graph.inputs)} inputs, the first {edge.dtype} {list(edge.shape[1:])}"
        raise ModelError(f"the front makes int8 {list(front.shape)}, the model takes {told}; convert it with int8 ends")
    reals = np.repeat((_VALUES * front.unit).astype(np.float32)[:, None], len(front.channels), 1)
    return quantise_input(preparation.normalisation.apply(reals), edge.scales[0], edge.zero_points[0]).T


def _tables(front: BoundFront) -> dict[str, Any]:
    if front.features == "none":
        return {"taps": front.taps()}
    starts, weights = front.bank()
    return {"taps": front.taps(), "starts": starts, "weights": weights, "window": front.window(),
            "sines": front.sines(), "cosines": front.cosines().tolist()}  # fmt: skip


def _draw(front: BoundFront) -> NDArray[np.int16]:
    """Noise of full scale, and a quiet sweep over all frequencies on every channel."""
    count = front.samples * front.factor
    noise = np.random.default_rng(0).integers(-32768, 32768, (count, front.recorded))
    sweep = np.rint(500 * np.sin(np.pi * np.arange(count) ** 2 / (2 * count)))
    return np.stack([noise, np.repeat(sweep[:, None], front.recorded, 1)]).astype(np.int16)


def _numbers(values: NDArray[Any]) -> str:
    plain = [str(int(one)) for one in values.ravel()]
    return ",\n".join("    " + ", ".join(plain[at : at + _PER_LINE]) for at in range(0, len(plain), _PER_LINE))
