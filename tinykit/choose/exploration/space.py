"""What a search may vary: the choices on each axis, ordered where they are numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinykit.choose.exploration.candidate import Candidate
from tinykit.ground.errors import ParameterError, look_up
from tinykit.ground.results import Result
from tinykit.train.architecture.value import Architecture, Block
from tinykit.train.compress.recipe import Training
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.fronts.front import Front

_SPEECH_HZ = 4000.0
_DEPTH, _FRONT = 4, ("window_s", "rate_hz", "features", "bands", "side")
_BLOCK: dict[str, tuple[Any, ...]] = {
    "kind": ("conv", "separable"), "width": (4, 6, 8, 12, 16, 24, 32, 48), "kernel": (3, 5, 7, 9), "stride": (1, 2),
    "pool": (1, 2, 4),
}  # fmt: skip
_WHOLE: dict[str, tuple[Any, ...]] = {
    "depth": (1, 2, 3, 4), "head": ("average", "flatten"), "dropout": (0.0, 0.2, 0.4), "pace": (0.5, 1.0, 2.0),
    "precision": ("int8", "int8 QAT"), "compression": ("none",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Space(Result):
    """The axes of a search with their choices; a candidate takes one of each.

    Parameters
    ----------
    axes : choices by name; "pace" in multiples of the learning rate, and those of a block by its place: "width0" …
    fit : training at full length.

    Raises
    ------
    ParameterError : an axis without a choice.
    """

    axes: Mapping[str, tuple[Any, ...]]
    fit: Training

    def __post_init__(self) -> None:
        for name in (name for name, choices in self.axes.items() if not choices):
            raise ParameterError(f"the space is empty: axis {name!r} has no choice; give it at least one")

    @classmethod
    def of(cls, data: Dataset, fit: Training, *, fronts: bool = True) -> "Space":
        """The space of a dataset; with `fronts`, window, rate and features of a signal or the side of a picture too."""
        (height, width, _), rate = data.input_shape, data.rate_hz
        axes: dict[str, tuple[Any, ...]] = dict.fromkeys(_FRONT, (None,))
        if fronts and rate and width == 1:
            axes |= {"window_s": tuple(share * height / rate for share in (0.5, 0.75, 1, 1.5))}
            axes |= {"rate_hz": (rate / 2, rate)}
            kinds, bands = (("log-mel", "mfcc"), (20, 40)) if rate >= _SPEECH_HZ else (("fft",), (8, 16))
            axes |= {"features": ("none", *kinds), "bands": bands}
        elif fronts and not rate and height == width > 8:
            axes |= {"side": (height // 2, height)}
        small = {} if width == 1 else {"kernel": (3, 5), "pool": (1, 2)}
        blocks = {f"{name}{place}": own for place in range(_DEPTH) for name, own in {**_BLOCK, **small}.items()}
        return cls({**axes, **_WHOLE, **blocks}, fit)

    def only(self, **choices: Sequence[Any]) -> "Space":
        """With other choices on some axes, "width" meaning that of every block; ParameterError: no such axis."""
        axes = dict(self.axes)
        for name, own in choices.items():
            for place in [f"{name}{place}" for place in range(_DEPTH)] if name in _BLOCK else [name]:
                look_up(place, axes, f"the space has no axis {place!r}", ParameterError)
                axes[place] = tuple(own)
        return replace(self, axes=axes)

    def candidate(self, places: Mapping[str, int]) -> Candidate:
        """The candidate at a place of every axis; blocks beyond its depth count for nothing."""
        at = {name: choices[places[name]] for name, choices in self.axes.items()}
        blocks = tuple(Block(**{name: at[f"{name}{place}"] for name in _BLOCK}) for place in range(at["depth"]))
        plain = ("features", "bands") if at["features"] in (None, "none") else ()
        front = {name: at[name] for name in _FRONT if at[name] is not None and name not in plain}
        return Candidate(
            Architecture(blocks, at["head"], at["dropout"]),
            replace(self.fit, learning_rate=self.fit.learning_rate * at["pace"]), Front(**front) if front else None,
            precision=at["precision"], compression=at["compression"],
        )  # fmt: skip

    def draw(self, count: int, seed: int) -> list[dict[str, int]]:
        """Places of the first corner, with the longest stride, and of random candidates: `count` in all."""
        rng = np.random.default_rng(seed)
        last = {name: len(own) - 1 if name[:6] == "stride" else 0 for name, own in self.axes.items()}
        return [last] + [
            {name: int(rng.integers(len(own))) for name, own in self.axes.items()} for _ in range(count - 1)
        ]
