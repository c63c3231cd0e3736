"""Quantisation-aware training: int8 rounding in the forward pass, so that the weights learn to live with it.

Plain (QAT), or holding the zeros of a pruned parent (PQAT), the shared values of a clustered one (CQAT), or both
(PCQAT). tfmot's own schemes for the last two leave wrappers that cannot be read back from a file, and forget the
zeros of all layers once one has none; here clusters and their zeros are held by `sharing`, on plain QAT wrappers.

A limitation of tfmot: a Dense or Conv2D with a separate ReLU right behind it, no normalisation between, trains with its
activations rounded but not its weights; give such a layer `activation="relu"` instead.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError, ParameterError
from tinykit.train.compress.pruning import find_sparse, walk_kernels
from tinykit.train.compress.recipe import RECIPE, Progress, Training
from tinykit.train.compress.sharing import Held, find_groups, find_kernel, is_per_channel, make_holder
from tinykit.train.compress.support import check_supported, fold_batchnorm
from tinykit.train.compress.training import MINIMUM_STEPS, Trained, check_fits, run_fit, to_samples
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras, load_tfmot, quiet, require_model

_DECAY = 0.999  # of tfmot's moving averages of the ranges
_PRESERVES = ("none", "sparsity", "clusters", "both")
_CALIBRATION_SAMPLES = 200


@dataclass(frozen=True, slots=True, eq=False)
class Quantised(Trained):
    """A model trained with int8 rounding; `convert(result.model)` makes the int8 file.

    Parameters
    ----------
    model, history : as `Trained`; the model carries tfmot's wrappers.
    preserved : what was held, "none", "sparsity", "clusters" or "both".
    folded : BatchNormalization layers folded into Dense first.
    notes : what to know of it.
    """

    preserved: str
    folded: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def preserved_sparsity(self) -> bool:
        """Whether zeros were held at zero."""
        return self.preserved in ("sparsity", "both")


def quantise_aware(
    model: Any, data: Dataset, *,
    preserve: str | None = None, fit: Training = RECIPE.quantise, seed: int = RECIPE.seed,
    progress: Progress | None = None
) -> Quantised:  # fmt: skip
    """Quantisation-aware training of a copy of a trained float classifier, pruned and clustered or not.

    The ranges of activations start from what `data` shows the float model, not from tfmot's ±6, whose moving average
    (decay 0.999) would need a thousand steps to find them.

    Parameters
    ----------
    model : a tf-keras model, left as it is.
    data : the dataset; its training split teaches.
    preserve : "none" (QAT), "sparsity" (PQAT), "clusters" (CQAT), "both" (PCQAT); None holds what the model has:
        zeros if a kernel has at least 10 % of them, clusters if a kernel has few distinct values.
    fit, seed, progress : as `train`.

    Raises
    ------
    ParameterError : unknown `preserve`, or clusters to preserve where no kernel has any.
    ModelError : a layer QAT cannot take, named before training starts; or a model already wrapped.
    DataError, EngineError, KerasVersionError : as `train`.
    """
    if preserve not in (None, *_PRESERVES):
        raise ParameterError(f"preserve {preserve!r} is unknown; allowed: {', '.join(_PRESERVES)}, or None")
    check_fits(require_model(model), data)
    check_supported(model)
    load_keras().utils.set_random_seed(seed)
    folded, names = fold_batchnorm(model)
    kernels = walk_kernels(folded, None)
    clustered = any(find_groups(kernel, is_per_channel(layer)) is not None for layer, kernel in kernels)
    preserve = preserve or _PRESERVES[bool(find_sparse(folded)) + 2 * clustered]
    if preserve in ("clusters", "both") and not clustered:
        raise ParameterError(f"preserve {preserve!r}, but no kernel has shared values; cluster the model first")
    held = _find_held(folded, preserve)
    wrapped = _wrap(folded, preserve == "sparsity")
    calibrate_ranges(wrapped, folded, to_samples(folded, data.train.take(_CALIBRATION_SAMPLES, seed).x))
    inner = {layer.layer.name: layer for layer in wrapped.layers if hasattr(layer, "layer")}
    holders = (make_holder({name: find_kernel(inner[name]) for name in held}, held),) if held else ()
    history = run_fit(
        wrapped, data, fit, stage="quantise", seed=seed, progress=progress, callbacks=holders, choices=preserve
    )
    return Quantised(wrapped, history, preserve, names, judge_steps(history.steps))


def judge_steps(steps: int) -> tuple[str, ...]:
    """What so many steps of QAT could not do, in words; empty if they were enough.

    After n steps a moving range is 0.999^n of what it started from: under 37 % from 1,000 steps on.
    """
    kept = _DECAY**steps
    few = f"{steps} steps of QAT are few: the weights have hardly met the rounding; give more epochs"
    slow = f"after {steps} steps the ranges of activations are {kept:.0%} those of calibration, before training"
    return tuple(note for note, said in ((few, steps < MINIMUM_STEPS), (slow, kept > 1 / np.e)) if said)


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


def _find_held(model: Any, preserve: str) -> dict[str, Held]:
    """Zeros and shared values of each kernel, as far as they are to be held; nothing for plain QAT.

    Zeros alone are held by tfmot's scheme too, but not in a Dense layer with a ReLU behind it: that one gets another
    configuration, and an autoencoder's zeros were gone but for those of its last layer.
    """
    found = {}
    for layer, kernel in walk_kernels(model, None):
        shared, zeros = preserve in ("clusters", "both"), preserve in ("sparsity", "both") and not kernel.all()
        groups = find_groups(kernel, is_per_channel(layer), any_shared=True) if shared else None
        if groups is not None or zeros:
            found[layer.name] = Held(groups, (kernel != 0).astype(np.float32) if zeros else None)
    return found


def _wrap(model: Any, preserve_sparsity: bool) -> Any:
    tfmot = load_tfmot()
    quantization = tfmot.quantization.keras
    try:
        with quiet():
            annotated = quantization.quantize_annotate_model(model)
            scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme
            return quantization.quantize_apply(annotated, *([scheme()] if preserve_sparsity else []))
    except (ValueError, RuntimeError, AttributeError, TypeError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"quantisation-aware training cannot take the model ({reason}); quantise after training"
        ) from error
