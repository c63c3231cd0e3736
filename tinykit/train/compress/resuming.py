"""A training that is stopped, or killed, loses no whole epoch: the same call goes on where it was, to the same bits.

The epochs that were done are walked through without training, so that the samples come in the same order. What is drawn
after them comes from the same counter-based generator (Philox), at the place where TensorFlow's kernels would be: they
set 256 places aside for each number they draw.
"""

import contextlib
import hashlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from tinykit.ground.errors import DataError, ParameterError
from tinykit.ground.writing import write_atomically
from tinykit.train.compress.recipe import Rung, Training
from tinykit.train.datasets.arrays import read_arrays
from tinykit.train.keras import load_keras, load_tensorflow

CHOICES = ("go on", "keep", "discard")
_RESERVED = 256
_MOST_ARRAYS = 4096  # a network's variables twice, and two of the optimiser's for each
_DRAWN_OTHERWISE = "Gaussian", "Alpha", "Random"  # layers whose training starts anew
_kept: dict[str, dict[str, Any]] = {}
_asked: list[tuple[str, Path | None]] = [("go on", None)]


class TrainingStopped(KeyboardInterrupt):
    """A training was interrupted; its text says which epoch is kept, and what can be done with it."""


@contextlib.contextmanager
def after_stop(choice: str = "go on", file: Path | None = None) -> Iterator[None]:
    """What trainings of the block do where the same one (model, data, recipe) was stopped before.

    Parameters
    ----------
    choice : "go on" after its last whole epoch, as without this block; "keep" its best epoch and train no further;
        "discard" it.
    file : where it outlives the process, an `.npz` written after each epoch; in memory if None.

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


class Epochs:
    """The whole epochs of one training: their logs, what the last left, the weights of the best and its number."""

    def __init__(self, model: Any, fit: Training, *decides: Any, last_is_best: bool, rung: Rung | None = None) -> None:
        self._model, self._all, self._patience, self._rung = model, fit.epochs, fit.patience, rung
        self._last_is_best, self.best_at = last_is_best, 0
        self.logs: list[dict[str, float]] = []
        self._state: list[Any] = []
        self._best: list[Any] = []
        unnumbered = re.sub(r'_\d+"', '"', model.to_json())  # Keras counts the layers that a process has made
        digest = hashlib.sha256(unnumbered.encode())
        for one in (*model.get_weights(), *decides):
            digest.update(np.ascontiguousarray(one).tobytes() if isinstance(one, np.ndarray) else repr(one).encode())
        self._key = digest.hexdigest()
        choice, self._file = _asked[-1]
        if choice != "discard" and not any(type(one).__name__.startswith(_DRAWN_OTHERWISE) for one in model.layers):
            self._recall()
        self.enough = len(self.logs) == self._all or (bool(self.logs) and choice == "keep")
        if self.enough:
            best = len(self.logs) < self._all or self._patience
            model.set_weights(self._best if best else self._state[: len(model.weights)])

    def _recall(self) -> None:
        arrays = _kept.get(self._key, {})
        with contextlib.suppress(DataError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            if self._file is not None and self._file.is_file():
                arrays = read_arrays(self._file, most=_MOST_ARRAYS)
            about = json.loads(arrays["about"].tobytes())
            if about["key"] == self._key:
                logs = [{name: float(one) for name, one in log.items()} for log in about["logs"]]
                kinds = [[one for name, one in arrays.items() if name.startswith(kind)] for kind in ("state", "best")]
                wanted = (self._model.variables, self._model.get_weights())
                pairs = [pair for kind in zip(wanted, kinds, strict=True) for pair in zip(*kind, strict=False)]
                if logs[about["best_at"]] and all(tuple(own.shape) == one.shape for own, one in pairs):
                    self.logs, self.best_at, (self._state, self._best) = logs, about["best_at"], kinds

    def _keep(self) -> None:
        about = json.dumps({"key": self._key, "logs": self.logs, "best_at": self.best_at}).encode()
        kinds = (("state", self._state), ("best", self._best))
        arrays = {f"{kind}{n}": one for kind, several in kinds for n, one in enumerate(several)}
        arrays["about"] = np.frombuffer(about, np.uint8)
        if self._file is None:
            _kept.clear()
            _kept[self._key] = arrays
        else:
            np.savez(stream := io.BytesIO(), **arrays)
            write_atomically(self._file, stream.getvalue())

    def forget(self) -> None:
        """The training is whole: nothing of it is kept here any more."""
        _kept.pop(self._key, None)
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def callback(self) -> Any:
        """What makes `fit` walk through the epochs that are done, and keeps each that follows."""
        model, done = self._model, len(self.logs)
        if done:
            model.optimizer.build(model.trainable_variables)
            model.train_function = lambda batches: next(batches) and dict.fromkeys(self.logs[0], 0.0)

        def begin(epoch: int, logs: object) -> None:
            if done and epoch == done:
                for variable, value in zip(self._variables(), self._state, strict=True):
                    variable.assign(value)
                model.make_train_function(force=True)

        def end(epoch: int, logs: dict[str, float]) -> None:
            if epoch >= done:
                self.logs.append({name: float(value) for name, value in logs.items()})
                self._state = [one.numpy() for one in self._variables()]
                if self._last_is_best or self._rate(epoch) >= self._rate(self.best_at):
                    self._best, self.best_at = model.get_weights(), epoch
                self._keep()
            model.stop_training = self._ends(epoch)

        def close(logs: object) -> None:
            if model.stop_training or self._patience:  # who looks for the best epoch gets it, at the end too
                model.set_weights(self._best)

        return load_keras().callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end, on_train_end=close)

    def _ends(self, epoch: int) -> bool:
        """Whether patience or the rung has the training end behind an epoch, one that is walked through too."""
        best = max(range(epoch + 1), key=lambda one: (self._rate(one), -one))
        asked = self._rung is not None and self._rung(epoch + 1, self._rate(epoch))
        return asked or (self._patience is not None and epoch - best >= self._patience)

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def _rate(self, epoch: int) -> float:
        log = self.logs[epoch]
        return log.get("val_accuracy", -log["val_loss"])

    def stopped(self, stage: str) -> TrainingStopped:
        """What is said of an interruption, with the offer."""
        if len(self.logs) == self._all:
            return TrainingStopped(f"{stage}: stopped behind the last of {self._all} epochs; the same again takes them")
        told = f"{stage}: stopped in epoch {len(self.logs) + 1} of {self._all}"
        if not self.logs:
            return TrainingStopped(f"{told}, before one was whole; nothing is kept")
        kind = "validation accuracy" if "val_accuracy" in self.logs[0] else "validation loss"
        return TrainingStopped(
            f"{told}; the best so far, epoch {self.best_at + 1} ({kind} {abs(self._rate(self.best_at)):.3f}), is kept\n"
            "go on: the same again; keep it or discard it: `--stopped keep`, in Python `with after_stop('keep'):`"
        )


@contextlib.contextmanager
def drawn_on(model: Any, samples: int, batch: int) -> Iterator[None]:
    """Have a compiled model's dropout draw what it would at the step its optimiser stands at."""
    from tensorflow.python.ops import gen_random_ops

    tensorflow, steps = load_tensorflow(), -(-samples // batch)

    def draw(shape: Any, dtype: Any, seed: int = 0, seed2: int = 0, name: str | None = None) -> Any:
        step = model.optimizer.iterations
        seen = step // steps * samples + step % steps * batch
        each = tensorflow.reduce_prod(tensorflow.cast(shape, "int64")[1:]) * _RESERVED
        key, counter = (tensorflow.cast(one, "uint64") for one in ([seed], [seen * each, seed2]))
        stateless = tensorflow.raw_ops.StatelessRandomUniformV2
        return stateless(shape=shape, key=key, counter=counter, alg=1, dtype=dtype)

    with mock.patch.object(gen_random_ops, "random_uniform", draw):
        yield
