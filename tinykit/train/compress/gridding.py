"""Training with 4-bit weights: each channel on a grid of sixteen levels, stored as int8 for every runtime.

In the forward pass w becomes s·k, k in -7…7 and s = max|w| / 7 of each output channel; the gradient
goes straight through to w (Bengio, Léonard and Courville 2013, arXiv:1308.3432). A normalisation folded
into a convolution later scales whole channels, which keeps the grid; one behind Dense is folded first. Converted to
int8 (s' = max|w| / 127), every channel holds the same fifteen numbers 127k/7: DECODE stores them with one table.
"""

from functools import partial
from typing import Any

from tinykit.ground.errors import ModelError
from tinykit.train.compress.clustering import hold_zeros
from tinykit.train.compress.recipe import RECIPE, Progress, Training
from tinykit.train.compress.sharing import make_holder
from tinykit.train.compress.support import fold_batchnorm
from tinykit.train.compress.training import Trained, check_fits, refuse_wrapped, run_fit
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras, load_tensorflow, require_model

_MOST = 7
_CHANNEL_AXES = {"kernel": 1, "pointwise_kernel": 1, "depthwise_kernel": 2}
_ABLE = "Conv1D", "Conv2D", "Dense", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"


def grid(
    model: Any, data: Dataset, *, preserve_sparsity: bool | None = None, fit: Training = RECIPE.grid,
    seed: int = RECIPE.seed, progress: Progress | None = None
) -> Trained:  # fmt: skip
    """Train a copy of a trained model on with 4-bit weights, activations as they are; then `convert` it to int8.

    Layers are convolutions but transposed ones, and Dense. A clustered model loses its clusters.

    Parameters
    ----------
    model : a tf-keras model, left as it is.
    data : the dataset; its training split teaches.
    preserve_sparsity : zeros stay zero; None does so in kernels with at least 10 % zeros.
    fit, seed, progress : as `train`.

    Raises
    ------
    ModelError : no layer to put on the grid, or already wrapped by tfmot.
    DataError, EngineError, KerasVersionError : as `train`.
    """
    check_fits(require_model(model), data)
    refuse_wrapped(model, "grid")
    names = [layer.name for layer in model.layers if type(layer).__name__ in _ABLE]
    if not names:
        raise ModelError(f"the model has no layer to put on a grid; of use are {', '.join(_ABLE)}")
    load_keras().utils.set_random_seed(seed)
    copy, _ = fold_batchnorm(model)
    held = hold_zeros(copy, (), preserve_sparsity)
    holders = (make_holder({name: copy.get_layer(name).kernel for name in held}, held),) if held else ()
    chosen = [copy.get_layer(name) for name in names]
    for layer in chosen:
        layer.call = partial(_call_rounded, layer, layer.call)
    history = run_fit(
        copy, data, fit, stage="grid", seed=seed, progress=progress, callbacks=holders, choices=sorted(held)
    )
    for layer in chosen:
        del layer.call
        for name, kernel in _kernels_of(layer).items():
            kernel.assign(_round(name, kernel))
    return Trained(copy, history)


def _kernels_of(layer: Any) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in _CHANNEL_AXES if getattr(layer, name, None) is not None}


def _call_rounded(layer: Any, call: Any, inputs: Any) -> Any:
    """The layer's own call, its kernels rounded meanwhile; past Keras, which would take them for other variables."""
    kernels = _kernels_of(layer)
    for name, kernel in kernels.items():
        vars(layer)[name] = kernel + load_tensorflow().stop_gradient(_round(name, kernel) - kernel)
    try:
        return call(inputs)
    finally:
        vars(layer).update(kernels)


def _round(name: str, kernel: Any) -> Any:
    """The kernel on its grid, with a scale for each output channel."""
    tensorflow, others = load_tensorflow(), list(range(len(kernel.shape) - _CHANNEL_AXES[name]))
    scale = tensorflow.reduce_max(tensorflow.abs(kernel), axis=others, keepdims=True) / _MOST
    return tensorflow.round(tensorflow.math.divide_no_nan(kernel, scale)) * scale
