"""Quantisation-aware training: int8 rounding in the forward pass, so that the weights learn to live with it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.compress.folding import fold_batchnorm
from tinykit.compress.progress import Progress
from tinykit.compress.pruning import count_zeros
from tinykit.compress.recipe import RECIPE, Fit
from tinykit.compress.support import check_supported
from tinykit.compress.training import History, check_fits, run_fit
from tinykit.datasets import Dataset
from tinykit.errors import ModelError
from tinykit.legacy_keras import load_keras, load_tfmot, quiet, require_model

_SPARSE_FROM = 0.1
_MINIMUM_STEPS = 100
_CALIBRATION_SAMPLES = 200


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """A model trained with int8 rounding; `convert(result.model)` makes the int8 file.

    Parameters
    ----------
    model, history : as `Trained`; the model carries tfmot's wrappers.
    preserved_sparsity : whether zeros were held at zero.
    folded : BatchNormalization layers folded into Dense first.
    notes : what to know of it.
    """

    model: Any = field(repr=False)
    history: History
    preserved_sparsity: bool
    folded: tuple[str, ...]
    notes: tuple[str, ...] = ()


def quantise_aware(
    model: Any,
    data: Dataset,
    *,
    preserve_sparsity: bool | None = None,
    fit: Fit = RECIPE.quantise,
    seed: int = RECIPE.seed,
    progress: Progress | None = None,
) -> Quantised:
    """Quantisation-aware training of a copy of a trained float classifier, pruned or not.

    The ranges of activations start from what `data` shows the float model, not from tfmot's ±6, whose moving average
    (decay 0.999) would need a thousand steps to find them.

    Parameters
    ----------
    preserve_sparsity : hold zero weights at zero; None does so if a kernel has at least 10 % zeros.

    Raises
    ------
    ModelError : a layer QAT cannot take, named before training starts; or a model already wrapped.
    DataError, EngineError, KerasVersionError : as `train`.
    """
    check_fits(require_model(model), data)
    check_supported(model)
    load_keras().utils.set_random_seed(seed)
    folded, names = fold_batchnorm(model)
    if preserve_sparsity is None:
        preserve_sparsity = any(layer.sparsity >= _SPARSE_FROM for layer in count_zeros(folded))
    wrapped = _wrap(folded, preserve_sparsity)
    calibrate_ranges(wrapped, folded, data.train.take(_CALIBRATION_SAMPLES, seed).x)
    history = run_fit(wrapped, data, fit, stage="quantise", seed=seed, progress=progress)
    return Quantised(wrapped, history, preserve_sparsity, names, _judge_steps(history.steps))


def calibrate_ranges(wrapped: Any, parent: Any, samples: NDArray[np.float32]) -> None:
    """Set each activation range of a QAT model to what its float parent shows on samples [n, ...]."""
    ranges = _observe(parent, samples)
    for layer in wrapped.layers:
        name = layer.name.removeprefix("quant_")
        for weight in layer.non_trainable_weights:
            part, _, end = weight.name.rsplit("/", maxsplit=1)[-1].partition(":")[0].rpartition("_")
            if end not in ("min", "max") or "kernel" in part:
                continue
            before = f"{name} before activation" if part == "pre_activation" else name
            low, high = ranges.get(before, (float(samples.min()), float(samples.max())))
            weight.assign(min(low, 0.0) if end == "min" else max(high, 1e-6))


def _observe(parent: Any, samples: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each layer's output, and of what goes into its softmax, tanh or sigmoid."""
    keras = load_keras()
    outputs: dict[str, Any] = {}
    with quiet():
        for layer in (layer for layer in parent.layers if type(layer).__name__ != "InputLayer"):
            outputs[layer.name] = layer.output
            if layer.get_config().get("activation") in ("softmax", "tanh", "sigmoid") and layer.weights:
                changes = {"activation": "linear", "name": f"{layer.name}_before_activation"}
                linear = type(layer).from_config(layer.get_config() | changes)
                outputs[f"{layer.name} before activation"] = linear(layer.input)
                linear.set_weights(layer.get_weights())
        seen = keras.Model(parent.inputs, outputs).predict(samples, batch_size=256, verbose=0)
    return {name: (float(np.min(values)), float(np.max(values))) for name, values in seen.items()}


def _wrap(model: Any, preserve_sparsity: bool) -> Any:
    tfmot = load_tfmot()
    quantization = tfmot.quantization.keras
    try:
        with quiet():
            annotated = quantization.quantize_annotate_model(model)
            if preserve_sparsity:
                scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
                return quantization.quantize_apply(annotated, scheme)
            return quantization.quantize_apply(annotated)
    except (ValueError, RuntimeError, AttributeError, TypeError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"quantisation-aware training cannot take the model ({reason}); quantise after training"
        ) from error


def _judge_steps(steps: int) -> tuple[str, ...]:
    if steps >= _MINIMUM_STEPS:
        return ()
    note = f"{steps} steps of QAT are few: the weights have hardly met the rounding; give more epochs"
    warnings.warn(note, stacklevel=3)
    return (note,)
