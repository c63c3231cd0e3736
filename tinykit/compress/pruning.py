"""Magnitude pruning: the smallest weights of each kernel become zero, more at each step, while training goes on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinykit.compress.progress import Progress
from tinykit.compress.recipe import RECIPE, Fit
from tinykit.compress.training import History, check_fits, clone, run_fit
from tinykit.datasets import Dataset
from tinykit.errors import ModelError, ParameterError
from tinykit.legacy_keras import load_keras, load_tfmot, quiet, require_model

SCHEDULES = ("polynomial", "constant")
PRUNABLE = ("Conv1D", "Conv2D", "Conv2DTranspose", "Dense")
_RAMP = 0.6  # share of the steps in which sparsity grows; the rest recovers accuracy
_MINIMUM_STEPS = 100


@dataclass(frozen=True, slots=True)
class LayerSparsity:
    """Zeros in the kernel of one layer; depthwise kernels are small and are not pruned."""

    name: str
    zeros: int
    weights: int

    @property
    def sparsity(self) -> float:
        """Share of zeros, 0–1."""
        return self.zeros / self.weights


@dataclass(frozen=True, slots=True, eq=False)
class Pruned:
    """A pruned model without wrappers, its history, and what is zero in it.

    Parameters
    ----------
    model, history : as `Trained`.
    target, schedule : sparsity asked for (0–1), and how it was reached.
    layers : zeros in each kernel.
    notes : what to know of it.
    """

    model: Any = field(repr=False)
    history: History
    target: float
    schedule: str
    layers: tuple[LayerSparsity, ...]
    notes: tuple[str, ...] = ()

    @property
    def sparsity(self) -> float:
        """Share of zeros over the pruned kernels, 0–1."""
        return sum(layer.zeros for layer in self.layers) / sum(layer.weights for layer in self.layers)


def prune(
    model: Any,
    data: Dataset,
    sparsity: float = RECIPE.sparsity,
    *,
    schedule: str = "polynomial",
    fit: Fit = RECIPE.prune,
    layers: tuple[str, ...] | None = None,
    seed: int = RECIPE.seed,
    progress: Progress | None = None,
) -> Pruned:
    """Prune a copy of a trained classifier while training it on.

    Parameters
    ----------
    sparsity : share of weights to set to zero in each kernel, 0 <= sparsity < 1.
    schedule : "polynomial" grows from 0 over 60 % of the steps, s(t) = S · (1 - (1 - t/T)³) (Zhu and Gupta 2017,
        arXiv:1710.01878); "constant" prunes to the full sparsity at once and trains on.
    layers : names of the layers to prune; every Conv1D, Conv2D, Conv2DTranspose and Dense if None.

    Zeros alone shrink no `.tflite`: they pay in flash only with a codec that stores them short.

    Raises
    ------
    ParameterError : sparsity outside [0, 1), unknown schedule or layer.
    ModelError : no layer to prune, or already wrapped by tfmot.
    DataError, EngineError, KerasVersionError : as `train`.
    """
    _check_request(sparsity, schedule)
    check_fits(require_model(model), data)
    chosen = _choose_layers(model, layers)
    steps = fit.steps(len(data.train))
    keras, tfmot = load_keras(), load_tfmot()
    keras.utils.set_random_seed(seed)
    with quiet():
        wrapped = _wrap(clone(model), chosen, _make_schedule(tfmot, sparsity, schedule, steps))
    updates = (tfmot.sparsity.keras.UpdatePruningStep(),)
    history = run_fit(wrapped, data, fit, stage="prune", seed=seed, progress=progress, callbacks=updates)
    with quiet():
        stripped = clone(tfmot.sparsity.keras.strip_pruning(wrapped))
    notes = _judge_steps(steps)
    return Pruned(stripped, history, sparsity, schedule, count_zeros(stripped, chosen), notes)


def count_zeros(model: Any, names: tuple[str, ...] | None = None) -> tuple[LayerSparsity, ...]:
    """Exact zeros in the kernels of a Keras model (of the named layers, or of all that can be pruned).

    In a QAT model the float kernels inside its wrappers count, by the names they had before.
    """
    found = []
    for outer in model.layers:
        layer = outer.layer if "Quantize" in type(outer).__name__ and hasattr(outer, "layer") else outer
        if layer.name in (names or ()) or (names is None and type(layer).__name__ in PRUNABLE):
            kernel = np.asarray(next(weight for weight in outer.weights if weight.name.endswith("kernel:0")))
            found.append(LayerSparsity(layer.name, int((kernel == 0).sum()), int(kernel.size)))
    return tuple(found)


def _check_request(sparsity: float, schedule: str) -> None:
    if not 0 <= sparsity < 1:
        hint = f"; for {sparsity:g} % write {sparsity / 100:g}" if 1 < sparsity < 100 else ""
        raise ParameterError(f"sparsity {sparsity:g} is outside [0, 1), a share of the weights{hint}")
    if schedule not in SCHEDULES:
        raise ParameterError(f"schedule {schedule!r} is unknown; allowed: {', '.join(SCHEDULES)}")


def _choose_layers(model: Any, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    if any("Prune" in type(layer).__name__ or "Quantize" in type(layer).__name__ for layer in model.layers):
        raise ModelError("the model is already wrapped by tfmot; prune its float parent")
    able = tuple(layer.name for layer in model.layers if type(layer).__name__ in PRUNABLE)
    if unknown := sorted(set(wanted or ()) - set(able)):
        raise ParameterError(f"layer {unknown[0]!r} cannot be pruned; allowed: {', '.join(able)}")
    if not (wanted or able):
        raise ModelError(f"the model has no layer to prune; prunable are {', '.join(PRUNABLE)}")
    return tuple(wanted or able)


def _make_schedule(tfmot: Any, sparsity: float, schedule: str, steps: int) -> Any:
    if schedule == "constant":
        return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=0, frequency=max(1, steps // 50))
    frequency = max(1, int(steps * _RAMP) // 30)
    end = max(1, int(steps * _RAMP) // frequency) * frequency  # a multiple, so that the last update is at the end
    return tfmot.sparsity.keras.PolynomialDecay(0.0, sparsity, begin_step=0, end_step=end, frequency=frequency)


def _wrap(model: Any, chosen: tuple[str, ...], schedule: Any) -> Any:
    wrapper = load_tfmot().sparsity.keras.prune_low_magnitude
    return load_keras().models.clone_model(
        model, clone_function=lambda layer: wrapper(layer, schedule) if layer.name in chosen else layer
    )


def _judge_steps(steps: int) -> tuple[str, ...]:
    if steps >= _MINIMUM_STEPS:
        return ()
    note = f"{steps} steps of pruning are few: sparsity is reached, accuracy may not have recovered; give more epochs"
    warnings.warn(note, stacklevel=3)
    return (note,)
