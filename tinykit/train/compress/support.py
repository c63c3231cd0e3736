"""Which layers QAT can take, said before any training starts."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result
from tinykit.train.keras import load_keras, load_tfmot, quiet, require_model

_REGISTRY = "tensorflow_model_optimization.python.core.quantization.keras.default_8bit.default_8bit_quantize_registry"
_ACTIVATIONS = ("relu", "softmax", "linear", "tanh", "sigmoid")
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "SeparableConv2D")


@dataclass(frozen=True, slots=True)
class UnsupportedLayer(Result):
    """A layer QAT refuses, and what to do about it."""

    name: str
    kind: str
    advice: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}: {self.advice}"


def unsupported_layers(model: Any) -> tuple[UnsupportedLayer, ...]:
    """Layers that quantisation-aware training cannot take, in model order; nothing is trained.

    Batch normalisation is fine behind a convolution, and behind a linear Dense, where `quantise_aware` folds it first.

    Raises
    ------
    ModelError, KerasVersionError : as `require_model`.
    """
    require_model(model)
    load_tfmot()
    registry = importlib.import_module(_REGISTRY).Default8BitQuantizeRegistry()
    return tuple(
        UnsupportedLayer(layer.name, type(layer).__name__, _advise(type(layer).__name__))
        for layer in model.layers
        if type(layer).__name__ != "InputLayer" and not _is_supported(layer, registry)
    )


def check_supported(model: Any) -> None:
    """`ModelError` that names every layer QAT refuses."""
    if any("Quantize" in type(layer).__name__ or "Prune" in type(layer).__name__ for layer in model.layers):
        raise ModelError("the model is already wrapped by tfmot; give its float parent")
    refused = unsupported_layers(model)
    if refused:
        shown = "; ".join(str(layer) for layer in refused[:3])
        more = f" (and {len(refused) - 3} more)" if len(refused) > 3 else ""
        raise ModelError(f"quantisation-aware training cannot take {len(refused)} layers: {shown}{more}")


def _is_supported(layer: Any, registry: Any) -> bool:
    kind = type(layer).__name__
    if isinstance(layer, load_keras().Model):
        return False
    if kind == "BatchNormalization":
        return any(_takes_normalisation(part) for part in _layers_before(layer))
    if kind == "Activation" and layer.get_config()["activation"] not in _ACTIVATIONS:
        return False
    with quiet():
        return bool(registry.supports(layer))


def _layers_before(layer: Any) -> list[Any]:
    found = []
    for node in layer.inbound_nodes:
        inbound = node.inbound_layers
        found += inbound if isinstance(inbound, list) else [inbound]
    return found


def _takes_normalisation(layer: Any) -> bool:
    kind = type(layer).__name__
    return kind in _CONVOLUTIONS or (kind == "Dense" and layer.get_config()["activation"] == "linear")


def _advise(kind: str) -> str:
    if kind.endswith("1D"):
        return "rewrite the model with as_conv2d(model): the same weights, kernel (k, 1)"
    if kind in ("PReLU", "ELU", "Activation"):
        return "use ReLU"
    if kind == "BatchNormalization":
        return "put it directly behind a convolution or a linear Dense"
    if kind in ("Functional", "Sequential", "Model"):
        return "write the nested model's layers into the outer one"
    return "quantise after training instead: convert() with representative samples"
