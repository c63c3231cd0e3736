"""Is a rewritten model still the same model? Both are run in the real interpreter, on the same inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result
from tinykit.predict.runtime.session import RecordedArena, Session

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class SameProof(Result):
    """A model and a rewritten one, side by side in TFLM on this 64-bit host.

    Parameters
    ----------
    n : inputs both were run on.
    equal : every output byte is the same.
    before, after : the arenas TFLM recorded for the model and for the rewritten one.
    """

    n: int
    equal: bool
    before: RecordedArena
    after: RecordedArena

    @property
    def saved_bytes(self) -> int:
        """Head of the arena won, in bytes: the same on a 32-bit target; negative where it grew."""
        return self.before.head_bytes - self.after.head_bytes

    def __str__(self) -> str:
        return (
            f"outputs of {self.n} inputs {'equal' if self.equal else 'DIFFER'}; "
            f"arena head {self.before.head_bytes:,} -> {self.after.head_bytes:,} bytes, recorded by TFLM"
        )


def prove_same(model: bytes, rewritten: bytes, *, n: int = 4, seed: int = 0, timeout_s: float = 60.0) -> SameProof:
    """Run both models on `n` made-up inputs over the whole range of their type, and record both arenas.

    Parameters
    ----------
    model, rewritten : bytes of .tflite files with the same inputs.
    n : how many random inputs.
    seed : of all that is drawn.
    timeout_s : limit on the child process [s].

    Raises
    ------
    ModelError : TFLM refuses one of them, or their inputs differ. EngineError : as `Session`.
    """
    with Session(model, timeout_s=timeout_s) as first, Session(rewritten, timeout_s=timeout_s) as second:
        shapes = [[(one.shape, one.dtype) for one in session.inputs] for session in (first, second)]
        if shapes[0] != shapes[1]:
            raise ModelError(f"inputs {shapes[1]} of the rewritten model are not those of the model, {shapes[0]}")
        rng = np.random.default_rng(seed)
        inputs = tuple(_draw(rng, (n, *one.sample_shape), one.dtype) for one in first.inputs)
        answers = zip(first.run_all(inputs), second.run_all(inputs), strict=True)
        equal = all(one.tobytes() == other.tobytes() for one, other in answers)
        return SameProof(n, equal, first.measure_arena(smallest=False), second.measure_arena(smallest=False))


def _draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    if np.issubdtype(np.dtype(dtype), np.integer):
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    return rng.normal(0, 1, shape).astype(dtype)
