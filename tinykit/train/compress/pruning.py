"""Magnitude pruning: the smallest weights of each kernel become zero, more at each step, while training goes on.

The 2:4 pattern: of every four weights along the input channels at least two are zero. That is the order in which the
`.tflite` stores a kernel, [out, height, width, in], so a block is four consecutive bytes of the file. tfmot prunes it
without saying which kernels it cannot: with one or two input channels nothing becomes zero, with three one in three,
and a kernel of rank 3 (Conv1D) fails when training starts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError, ParameterError
from tinykit.ground.results import Result
from tinykit.train.compress.recipe import RECIPE, Progress, Training, check_share
from tinykit.train.compress.sharing import find_kernel
from tinykit.train.compress.training import MINIMUM_STEPS, Trained, check_fits, clone, refuse_wrapped, run_fit
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras, load_tfmot, quiet, require_model

Target = float | str
_SCHEDULES = ("polynomial", "constant")
_PATTERN = "2:4"
_ZEROS, _BLOCK = 2, 4
PRUNABLE = ("Conv1D", "Conv2D", "Conv2DTranspose", "Dense")
_RAMP = 0.6  # share of the steps in which sparsity grows; the rest recovers accuracy
_SPARSE_FROM = 0.1
_WORDS = {"prune": ("prunable are", "pruned"), "cluster": ("those that can be are", "clustered")}


@dataclass(frozen=True, slots=True)
class LayerSparsity(Result):
    """Zeros in the kernel of one layer; depthwise kernels are small and are not pruned."""

    name: str
    zeros: int
    weights: int

    @property
    def sparsity(self) -> float:
        """Share of zeros, 0–1."""
        return self.zeros / self.weights


@dataclass(frozen=True, slots=True, eq=False)
class Pruned(Trained):
    """A pruned model without wrappers, its history, and what is zero in it.

    Parameters
    ----------
    model, history : as `Trained`.
    target, schedule : what was asked for (a sparsity 0–1, "2:4", or one a layer), and how it was reached.
    layers : zeros in each kernel.
    skipped : layers that "2:4" leaves as they are; the notes say why.
    notes : what to know of it.
    """

    target: Target | Mapping[str, Target]
    schedule: str
    layers: tuple[LayerSparsity, ...]
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def sparsity(self) -> float:
        """Share of zeros over the pruned kernels, 0–1."""
        return sum(layer.zeros for layer in self.layers) / sum(layer.weights for layer in self.layers)


def prune(
    model: Any, data: Dataset, sparsity: Target | Mapping[str, Target] = RECIPE.sparsity, *,
    schedule: str = "polynomial", fit: Training = RECIPE.prune, layers: tuple[str, ...] | None = None,
    seed: int = RECIPE.seed, progress: Progress | None = None
) -> Pruned:  # fmt: skip
    """Prune a copy of a trained classifier while training it on.

    Zeros alone shrink no `.tflite`: they pay in flash only with a codec that stores them short.

    Parameters
    ----------
    model : a tf-keras model, left as it is.
    data : the dataset; its training split teaches.
    sparsity : share of weights to set to zero in each kernel, 0 <= sparsity < 1; or "2:4", two zeros in every four
        weights along the input channels; or {layer: either of them}, which leaves the other layers dense.
    schedule : "polynomial" grows from 0 over 60 % of the steps, s(t) = S · (1 - (1 - t/T)³) (Zhu and Gupta 2017,
        arXiv:1710.01878); "constant" prunes to the full sparsity at once and trains on, as "2:4" always does.
    layers : names of the layers to prune; every Conv1D, Conv2D, Conv2DTranspose and Dense if None.
    fit, seed, progress : as `train`.

    Raises
    ------
    ParameterError : sparsity outside [0, 1), unknown pattern, schedule or layer, "2:4" for a layer that cannot take it.
    ModelError : no layer to prune, or already wrapped by tfmot.
    DataError, EngineError, KerasVersionError : as `train`.
    """
    check_fits(require_model(model), data)
    targets = _choose_targets(model, sparsity, schedule, layers)
    skipped = {} if isinstance(sparsity, Mapping) else _find_skipped(model, targets)
    chosen = {name: target for name, target in targets.items() if name not in skipped}
    if not chosen:
        raise ModelError(f"no layer can take {_PATTERN}: {_list_skipped(skipped)}")
    steps = fit.steps(len(data.train))
    keras, tfmot = load_keras(), load_tfmot()
    keras.utils.set_random_seed(seed)
    with quiet():
        wrapped = _wrap(clone(model), chosen, schedule, steps)
    updates = (tfmot.sparsity.keras.UpdatePruningStep(),)
    history = run_fit(
        wrapped, data, fit, stage="prune", seed=seed, progress=progress, callbacks=updates, choices=schedule
    )
    with quiet():
        stripped = clone(tfmot.sparsity.keras.strip_pruning(wrapped))
    few = f"{steps} steps of pruning are few: sparsity is reached, accuracy may not have recovered; give more epochs"
    left = f"{_PATTERN} left {_list_skipped(skipped)}"
    notes = tuple(note for note, said in ((few, steps < MINIMUM_STEPS), (left, skipped)) if said)
    zeros = count_zeros(stripped, tuple(chosen))
    return Pruned(stripped, history, sparsity, schedule, zeros, notes, tuple(skipped))


def count_zeros(model: Any, names: tuple[str, ...] | None = None) -> tuple[LayerSparsity, ...]:
    """Exact zeros in the kernels of a Keras model (of the named layers, or of all that can be pruned).

    In a QAT model the float kernels inside its wrappers count, by the names they had before.
    """
    walked = walk_kernels(model, names)
    return tuple(LayerSparsity(layer.name, int((kernel == 0).sum()), int(kernel.size)) for layer, kernel in walked)


def walk_kernels(model: Any, names: tuple[str, ...] | None) -> Iterator[tuple[Any, NDArray[np.float32]]]:
    """Each layer with its float kernel: the named ones, or all that can be pruned; wrappers of QAT are opened."""
    for outer in model.layers:
        layer = outer.layer if "Quantize" in type(outer).__name__ and hasattr(outer, "layer") else outer
        if layer.name in (names or ()) or (names is None and type(layer).__name__ in PRUNABLE):
            yield layer, np.asarray(find_kernel(outer))


def find_sparse(model: Any, names: tuple[str, ...] | None = None, preserve: bool | None = None) -> tuple[str, ...]:
    """Of the named layers (or all) those whose zeros are worth holding: every one, none, or from a share on (None)."""
    found = count_zeros(model, names) if preserve is not False else ()
    return tuple(layer.name for layer in found if preserve or layer.sparsity >= _SPARSE_FROM)


def list_prunable(model: Any) -> tuple[str, ...]:
    """Names of the layers that can be pruned or clustered."""
    return tuple(layer.name for layer in model.layers if type(layer).__name__ in PRUNABLE)


def choose_layers(able: Sequence[str], wanted: Sequence[str] | None, work: str = "prune") -> tuple[str, ...]:
    """The wanted layers, or all that can be pruned ("cluster": clustered); each must be one of these."""
    found, done = _WORDS[work]
    if not able:
        raise ModelError(f"the model has no layer to {work}; {found} {', '.join(PRUNABLE)}")
    if unknown := sorted(set(wanted or ()) - set(able)):
        raise ParameterError(f"layer {unknown[0]!r} cannot be {done}; allowed: {', '.join(able)}")
    return tuple(wanted or able)


def refuse_pattern(layer: Any) -> str:
    """Why a layer's kernel cannot take the pattern; "" if it can."""
    shape = tuple(layer.kernel.shape)
    if type(layer).__name__ == "Conv2DTranspose":
        return "a transposed convolution stores its channels the other way round"
    if len(shape) not in (2, 4):
        return f"{type(layer).__name__} has a kernel of rank {len(shape)}; write it as Conv2D (as_conv2d)"
    if shape[-2] < _BLOCK:
        return f"{shape[-2]} input channels are fewer than a block of {_BLOCK}"
    return ""


def _choose_targets(
    model: Any, sparsity: Target | Mapping[str, Target], schedule: str, layers: tuple[str, ...] | None
) -> dict[str, Target]:
    """What each layer to prune shall reach."""
    refuse_wrapped(model, "prune")
    able = list_prunable(model)
    if schedule not in _SCHEDULES:
        raise ParameterError(f"schedule {schedule!r} is unknown; allowed: {', '.join(_SCHEDULES)}")
    if not isinstance(sparsity, Mapping):
        _check_target(sparsity)
        return dict.fromkeys(choose_layers(able, layers), sparsity)
    if layers is not None:
        raise ParameterError("layers beside a sparsity for each layer; the names in the latter are enough")
    if not sparsity:
        raise ParameterError("a sparsity for each layer that names none; give one such as {'conv_1': 0.5}")
    chosen = choose_layers(able, tuple(sparsity))
    for name in chosen:
        _check_target(sparsity[name])
        if sparsity[name] == _PATTERN and (reason := refuse_pattern(model.get_layer(name))):
            raise ParameterError(f"layer {name!r} cannot take {_PATTERN}: {reason}")
    return {name: sparsity[name] for name in chosen}


def _check_target(sparsity: Target) -> None:
    if not isinstance(sparsity, str):
        check_share("sparsity", sparsity, "weights")
    elif sparsity != _PATTERN:
        raise ParameterError(f"sparsity {sparsity!r} is unknown; allowed: a share 0–1, or {_PATTERN!r}")


def _find_skipped(model: Any, targets: Mapping[str, Target]) -> dict[str, str]:
    """Layers among the targets that cannot take "2:4", with the reason."""
    reasons = {name: refuse_pattern(model.get_layer(name)) for name, target in targets.items() if target == _PATTERN}
    return {name: reason for name, reason in reasons.items() if reason}


def _list_skipped(skipped: Mapping[str, str]) -> str:
    return "; ".join(f"{name} as it is ({reason})" for name, reason in skipped.items())


def _make_schedule(sparsity: Target, schedule: str, steps: int) -> Any:
    schedules = load_tfmot().sparsity.keras
    if schedule == "constant" or sparsity == _PATTERN:
        share = _ZEROS / _BLOCK if isinstance(sparsity, str) else sparsity
        return schedules.ConstantSparsity(share, begin_step=0, frequency=max(1, steps // 50))
    frequency = max(1, int(steps * _RAMP) // 30)
    end = max(1, int(steps * _RAMP) // frequency) * frequency  # a multiple, so that the last update is at the end
    return schedules.PolynomialDecay(0.0, sparsity, begin_step=0, end_step=end, frequency=frequency)


def _wrap(model: Any, chosen: Mapping[str, Target], schedule: str, steps: int) -> Any:
    wrapper = load_tfmot().sparsity.keras.prune_low_magnitude

    def wrap_one(layer: Any) -> Any:
        if layer.name not in chosen:
            return layer
        target = chosen[layer.name]
        pattern = {"sparsity_m_by_n": (_ZEROS, _BLOCK)} if target == _PATTERN else {}
        return wrapper(layer, _make_schedule(target, schedule, steps), **pattern)

    return load_keras().models.clone_model(model, clone_function=wrap_one)
