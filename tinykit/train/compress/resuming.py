"""A training that is stopped, or killed, loses no whole epoch: the same call goes on where it was, to the same bits.

TensorFlow's random kernels count what they drew in their own memory. So the epochs that were done are walked through
again without training: the order of the samples comes out the same, and what is drawn after them comes from the same
counter-based generator (Philox) at the place where it would be.
"""

import contextlib
import hashlib
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from tinykit.ground.errors import ParameterError
from tinykit.ground.writing import write_atomically
from tinykit.train.keras import load_keras, load_tensorflow

CHOICES = ("go on", "keep", "discard")
_DRAWS = {"random_uniform": "StatelessRandomUniformV2", "random_standard_normal": "StatelessRandomNormalV2"}
_RESERVED = 256  # places of the generator that a kernel sets aside for each number it draws
_kept: dict[str, bytes] = {}
_asked: list[tuple[str, Path | None]] = [("go on", None)]


class TrainingStopped(KeyboardInterrupt):
    """A training was interrupted; its text says which epoch is kept, and what can be done with it."""


@contextlib.contextmanager
def after_stop(choice: str = "go on", file: Path | None = None) -> Iterator[None]:
    """What the trainings of the block do with one of the same recipe, model and data that was stopped before.

    Parameters
    ----------
    choice : "go on" after its last whole epoch, as without this block; "keep" its best epoch, and train no further;
        "discard" it.
    file : where it outlives the process, written after each epoch; in memory if None.

    Raises
    ------
    ParameterError : another choice.
    """
    if choice not in CHOICES:
        raise ParameterError(f"{choice!r} with a stopped training: allowed are {', '.join(CHOICES)}")
    _asked.append((choice, file))
    try:
        yield
    finally:
        _asked.pop()


@dataclass(slots=True)
class Epochs:
    """The whole epochs of one training: their logs, the weights and the optimiser after the last, the best weights."""

    model: Any
    key: str
    last_is_best: bool
    logs: list[dict[str, float]] = field(default_factory=list)
    state: list[Any] = field(default_factory=list)
    best: list[Any] = field(default_factory=list)
    best_at: int = 0

    def recall(self) -> bool:
        """Take over what is kept of the same training; whether its best weights shall be all (they are set then)."""
        choice, file = _asked[-1]
        data = _kept.get(self.key) if file is None else file.read_bytes() if file.is_file() else None
        if data is None or choice == "discard":
            return False
        with contextlib.suppress(ValueError, OSError, KeyError, EOFError), np.load(io.BytesIO(data)) as found:
            if str(found["key"]) == self.key:
                self.logs = [dict(zip(found["names"].tolist(), row, strict=True)) for row in found["logs"].tolist()]
                parts = [[found[f"{part}{n}"] for n in range(found[part])] for part in ("state", "best")]
                (self.state, self.best), self.best_at = parts, int(found["best_at"])
        if self.logs and choice == "keep":
            self.model.set_weights(self.best)
        return bool(self.logs) and choice == "keep"

    def keep(self) -> None:
        """Keep what there is, in the place of any other."""
        parts = {"state": self.state, "best": self.best}
        arrays = {f"{part}{n}": one for part, several in parts.items() for n, one in enumerate(several)}
        rows, stream = [list(one.values()) for one in self.logs], io.BytesIO()
        counts: dict[str, Any] = {part: len(several) for part, several in parts.items()}
        np.savez(stream, key=self.key, names=list(self.logs[0]), logs=rows, best_at=self.best_at, **counts, **arrays)
        file = _asked[-1][1]
        if file is not None:
            write_atomically(file, stream.getvalue())
        else:
            _kept.clear()
            _kept[self.key] = stream.getvalue()

    def forget(self) -> None:
        """The training is whole: nothing of it is kept here any more."""
        _kept.pop(self.key, None)
        if (file := _asked[-1][1]) is not None:
            file.unlink(missing_ok=True)

    def callback(self) -> Any:
        """What makes `fit` walk through the epochs that are done, and keeps each that follows."""
        model, done = self.model, len(self.logs)
        if done:
            model.optimizer.build(model.trainable_variables)
            model.train_function = lambda batches: next(batches) and dict.fromkeys(self.logs[0], 0.0)
        every = [*model.variables, *model.optimizer.variables] if done else []

        def begin(epoch: int, logs: object) -> None:
            if done and epoch == done:
                for variable, value in zip(every, self.state, strict=True):
                    variable.assign(value)
                model.make_train_function(force=True)

        def end(epoch: int, logs: dict[str, float]) -> None:
            if epoch < done:
                return
            self.logs.append({name: float(value) for name, value in logs.items()})
            self.state = [one.numpy() for one in (*model.variables, *model.optimizer.variables)]
            if self.last_is_best or self._rate(epoch) >= self._rate(self.best_at):
                self.best, self.best_at = model.get_weights(), epoch
            self.keep()

        return load_keras().callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end)

    def _rate(self, epoch: int) -> float:
        return self.logs[epoch].get("val_accuracy", -self.logs[epoch].get("val_loss", 0.0))

    def stopped(self, stage: str, epochs: int) -> TrainingStopped:
        """What is said of an interruption, with the offer."""
        told = f"{stage}: stopped in epoch {len(self.logs) + 1} of {epochs}"
        if not self.logs:
            return TrainingStopped(f"{told}, before one was whole; nothing is kept")
        rate = (
            f"{'validation accuracy' if 'val_accuracy' in self.logs[0] else 'loss'} {abs(self._rate(self.best_at)):.3f}"
        )
        return TrainingStopped(
            f"{told}; the best so far, epoch {self.best_at + 1} ({rate}), is kept\n"
            "go on: the same again · keep it: --stopped keep, in Python `with after_stop('keep'):` · or 'discard' it"
        )


def identify(model: Any, *parts: Any) -> str:
    """SHA-256 of a model's structure and weights, and of all else that decides what a training makes of it."""
    digest = hashlib.sha256(model.to_json().encode())
    for one in (*model.get_weights(), *parts):
        digest.update(np.ascontiguousarray(one).tobytes() if isinstance(one, np.ndarray) else repr(one).encode())
    return digest.hexdigest()


@contextlib.contextmanager
def drawn_on(model: Any, samples: int, batch: int) -> Iterator[None]:
    """Have the random kernels of a compiled model draw what they would at the step its optimiser stands at."""
    from tensorflow.python.framework.tensor_util import constant_value_as_shape
    from tensorflow.python.ops import gen_random_ops

    cast, steps = load_tensorflow().cast, -(-samples // batch)

    def from_place(stateless: Any) -> Callable[..., Any]:
        def draw(shape: Any, dtype: Any, seed: int = 0, seed2: int = 0, name: str | None = None) -> Any:
            step = model.optimizer.iterations
            seen = step // steps * samples + step % steps * batch
            each = math.prod(constant_value_as_shape(shape).as_list()[1:]) * _RESERVED
            key, counter = cast([seed], "uint64"), cast([seen * each, seed2], "uint64")
            return stateless(shape=shape, key=key, counter=counter, alg=1, dtype=dtype)

        return draw

    with contextlib.ExitStack() as patched:
        for old, new in _DRAWS.items():
            draw = from_place(getattr(load_tensorflow().raw_ops, new))
            patched.enter_context(mock.patch.object(gen_random_ops, old, draw))
        yield
