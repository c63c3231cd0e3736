"""What QAT can take: the layers it refuses, said before any training starts, and normalisation folded into Dense.

QAT folds batch normalisation into convolutions by itself, but on Dense it quantises the two apart: an autoencoder's
error went from 0.05 to 0.53 once converted. Folded first, it stays.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError
from tinykit.ground.results import Result
from tinykit.train.compress.training import clone, refuse_wrapped
from tinykit.train.keras import load_keras, load_tfmot, quiet, require_model

_REGISTRY = "tensorflow_model_optimization.python.core.quantization.keras.default_8bit.default_8bit_quantize_registry"
_ACTIVATIONS = ("relu", "softmax", "linear", "tanh", "sigmoid")
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "SeparableConv2D")
_ADVICE = {
    "1D": "rewrite the model with as_conv2d(model): the same weights, kernel (k, 1)",
    **dict.fromkeys(("PReLU", "ELU", "Activation"), "use ReLU"),
    "BatchNormalization": "put it directly behind a convolution or a linear Dense",
    **dict.fromkeys(("Functional", "Sequential", "Model"), "write the nested model's layers into the outer one"),
}
_ELSE = "quantise after training instead: convert() with representative samples"


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
    refused = (layer for layer in model.layers if not _is_supported(layer, registry))
    kinds = [(layer.name, type(layer).__name__) for layer in refused]
    return tuple(
        UnsupportedLayer(name, kind, _ADVICE.get("1D" if kind.endswith("1D") else kind, _ELSE)) for name, kind in kinds
    )


def check_supported(model: Any) -> None:
    """`ModelError` that names every layer QAT refuses."""
    refuse_wrapped(model, "give")
    if refused := unsupported_layers(model):
        shown = "; ".join(str(layer) for layer in refused[:3])
        more = f" (and {len(refused) - 3} more)" if len(refused) > 3 else ""
        raise ModelError(f"quantisation-aware training cannot take {len(refused)} layers: {shown}{more}")


def fold_batchnorm(model: Any) -> tuple[Any, tuple[str, ...]]:
    """A copy in which each BatchNormalization that only follows a linear Dense is folded into it, and their names.

    With gamma, beta, mean m, variance v, epsilon e of the normalisation: W' = W · g, b' = (b - m) · g + beta,
    g = gamma / sqrt(v + e). Outputs in inference are the same up to float32 rounding.
    """
    require_model(model)
    pairs = _find_foldable(model)
    if not pairs:
        return clone(model), ()
    with quiet():
        folded = type(model).from_config(_without(model.get_config(), pairs))
    rewritten = {dense.name for dense in pairs.values()}
    for layer in folded.layers:
        if layer.name not in rewritten:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    for name, dense in pairs.items():
        kernel, bias = _fold_one(dense, model.get_layer(name))
        folded.get_layer(dense.name).set_weights([kernel, bias])
    return folded, tuple(pairs)


def _is_supported(layer: Any, registry: Any) -> bool:
    kind = type(layer).__name__
    if kind == "InputLayer" or isinstance(layer, load_keras().Model):
        return kind == "InputLayer"
    if kind == "BatchNormalization":
        before = (node.inbound_layers for node in layer.inbound_nodes)
        parts = [part for one in before for part in (one if isinstance(one, list) else [one])]
        return any(type(part).__name__ in _CONVOLUTIONS or _is_linear_dense(part) for part in parts)
    if kind == "Activation" and layer.get_config()["activation"] not in _ACTIVATIONS:
        return False
    with quiet():
        return bool(registry.supports(layer))


def _is_linear_dense(layer: Any) -> bool:
    return type(layer).__name__ == "Dense" and layer.get_config()["activation"] == "linear"


def _find_foldable(model: Any) -> dict[str, Any]:
    """The Dense layer that each normalisation alone follows, by the name of the latter."""
    found = {}
    for layer in filter(_is_linear_dense, model.layers):
        following = [node.outbound_layer for node in layer.outbound_nodes]
        if [type(one).__name__ for one in following] == ["BatchNormalization"]:
            found[following[0].name] = layer
    return found


def _fold_one(dense: Any, norm: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    mean, variance = np.asarray(norm.moving_mean), np.asarray(norm.moving_variance)
    gamma = np.asarray(norm.gamma) if norm.scale else np.ones_like(mean)
    beta = np.asarray(norm.beta) if norm.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + norm.epsilon)
    bias = np.asarray(dense.bias) if dense.use_bias else np.zeros_like(mean)
    return np.asarray(dense.kernel) * factor, (bias - mean) * factor + beta


def _without(config: dict[str, Any], pairs: dict[str, Any]) -> dict[str, Any]:
    """The model's config with the normalisations left out and their consumers led back to the Dense layers."""
    names = {name: dense.name for name, dense in pairs.items()}
    layers = [layer for layer in config["layers"] if layer["config"]["name"] not in names]
    for layer in layers:
        if layer["config"]["name"] in names.values():
            layer["config"]["use_bias"] = True
            layer.pop("build_config", None)
        if "inbound_nodes" in layer:
            layer["inbound_nodes"] = _reroute(layer["inbound_nodes"], names)
    rerouted = dict(config, layers=layers)
    if "output_layers" in config:
        rerouted["output_layers"] = _reroute(config["output_layers"], names)
    return rerouted


def _reroute(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, list | tuple):
        return [_reroute(item, names) for item in node]
    if isinstance(node, dict):
        return {key: _reroute(value, names) for key, value in node.items()}
    return names.get(node, node) if isinstance(node, str) else node
