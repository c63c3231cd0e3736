"""What a Keras description may name: layers, initialisers and the wrappers of tfmot, by class and by module.

Loading a description resolves class names, and modules named in it are imported, so only names on the lists below get
through. Lambda layers carry byte code, TensorFlow operators other than arithmetic can touch files: neither is loaded.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from tinykit.ground.errors import ModelError

_MODULES = re.compile(
    r"(keras|tf_keras)(\.(layers|initializers|regularizers|constraints|models|activations|src\.[a-z_.]+))?$"
)
_TFMOT = "tensorflow_model_optimization.python.core."
_OPERATORS = re.compile(
    r"((math|nn)\.[a-z0-9_]+|__operators__\.(add|getitem)|reshape|concat|stack|squeeze|expand_dims|pad)$"
)
LAYERS = frozenset(
    "Functional Model Sequential InputLayer Activation Dense Conv1D Conv2D Conv1DTranspose Conv2DTranspose "
    "DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D MaxPooling1D MaxPooling2D AveragePooling1D "
    "AveragePooling2D GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D "
    "ZeroPadding1D ZeroPadding2D Cropping1D Cropping2D UpSampling1D UpSampling2D Reshape Permute Flatten RepeatVector "
    "Dropout SpatialDropout1D SpatialDropout2D GaussianNoise Softmax ReLU LeakyReLU PReLU ELU BatchNormalization "
    "LayerNormalization UnitNormalization Normalization Rescaling Add Subtract Multiply Average Maximum Minimum "
    "Concatenate Dot LSTM GRU SimpleRNN LSTMCell GRUCell SimpleRNNCell RNN Bidirectional TimeDistributed Embedding "
    "MultiHeadAttention Attention Masking ActivityRegularization TFOpLambda SlicingOpLambda".split()
)
PARTS = frozenset(
    "Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal Identity GlorotNormal "
    "GlorotUniform HeNormal HeUniform LecunNormal LecunUniform L1 L2 L1L2 MaxNorm MinMaxNorm NonNeg UnitNorm "
    "Policy".split()
)
PRUNING = frozenset(["PruneLowMagnitude", "ConstantSparsity", "PolynomialDecay"])
QUANTISATION = frozenset(
    "QuantizeLayer QuantizeWrapper QuantizeWrapperV2 QuantizeAwareActivation NoOpActivation AllValuesQuantizer "
    "LastValueQuantizer MovingAverageQuantizer Default8BitQuantizeConfig Default8BitConvQuantizeConfig "
    "Default8BitOutputQuantizeConfig Default8BitConvTransposeQuantizeConfig Default8BitConvWeightsQuantizer "
    "Default8BitConvTransposeWeightsQuantizer NoOpQuantizeConfig PrunePreserveDefault8BitWeightsQuantizer "
    "PrunePreserveDefault8BitConvWeightsQuantizer PrunePreserveDefault8BitConvTransposeWeightsQuantizer".split()
)


Inputs = dict[str, tuple[int | None, ...]]
"""Name and shape of each input, without batch."""


def list_objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every object that a description holds, however deep."""
    if isinstance(node, dict) and "class_name" in node:
        yield node
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from list_objects(value)


def check_object(file: str, item: dict[str, Any]) -> None:
    """Let an object pass that is on the lists; `ModelError` for any other, since loading it would run code."""
    kind, module = str(item["class_name"]), item.get("module")
    config = item.get("config")
    if "lambda" in kind.lower() and kind not in LAYERS:
        raise ModelError(f"{file}: holds a {kind}, which is code; it is not loaded. Write it with ordinary layers")
    if ">" in str(item.get("registered_name")) and kind not in QUANTISATION | PRUNING:
        trusted = False
    elif kind in QUANTISATION | PRUNING:
        trusted = module is None or str(module).startswith(_TFMOT)
    else:
        trusted = kind in LAYERS | PARTS and (module is None or bool(_MODULES.match(str(module))))
    if not trusted:
        origin = f" of module {module}" if module else ""
        raise ModelError(f"{file}: holds custom {kind[:60]!r}{origin}, which is code; use layers of tf-keras alone")
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        called = str(config.get("function")) if isinstance(config, dict) else ""
        if not _OPERATORS.match(called):
            raise ModelError(f"{file}: calls the TensorFlow function {called[:60]!r}; only arithmetic is loaded")


def check_order(file: str, item: dict[str, Any]) -> None:
    """`ModelError` where layers of a network wait for a call that never comes: tf-keras would wait without end."""
    try:
        calls = _list_calls(item["config"]["layers"])
        never = {one for before in calls.values() for one in before} - calls.keys()
        TopologicalSorter(calls).prepare()
    except CycleError as error:
        never = set(error.args[1])
    except (AttributeError, LookupError, TypeError, ValueError):  # no network, or none that tf-keras begins with
        return
    if never:
        names = sorted(str(name)[:60] for name, _ in never)
        raise ModelError(f"{file}: layers wait for a call of {names[0]!r} that never comes; save the model again")


def _list_calls(layers: list[dict[str, Any]]) -> dict[tuple[Any, Any], list[tuple[Any, Any]]]:
    """Each (layer, number of its call), with those that tf-keras makes before it; of inputs nothing is awaited."""
    calls: dict[tuple[Any, Any], list[tuple[Any, Any]]] = defaultdict(list)
    known = {one["name"] for one in layers if one["class_name"] != "InputLayer"}
    for one in layers:
        begun = _first_call(one)
        for number, node in enumerate(one["inbound_nodes"], begun):
            before = [(one["name"], number - 1)] if number > begun else []
            calls[one["name"], number] += before + [source for source in _list_sources(node) if source[0] in known]
    return calls


def _first_call(layer: dict[str, Any]) -> int:
    """The number of a layer's first call in its network: 1 of a network that begins with its inputs, of others 0."""
    inner = layer["config"].get("layers")
    if layer["class_name"] == "Sequential" and inner:
        return int("batch_input_shape" in inner[0]["config"]) or _first_call(inner[0])
    return int(inner is not None)


def _list_sources(node: Any) -> Iterator[tuple[Any, Any]]:
    """Layer and call of each tensor in what a layer is called with."""
    if isinstance(node, list) and len(node) in (3, 4) and [type(one) for one in node[:3]] == [str, int, int]:
        yield node[0], node[1]
        node = node[3:]
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _list_sources(part)


def list_ends(node: Any) -> list[list[Any]]:
    """`[layer, node, tensor]` of each input or output of a network, however they are packed."""
    if isinstance(node, list) and len(node) == 3 and isinstance(node[0], str):
        return [node]
    return [end for part in (node.values() if isinstance(node, dict) else node) for end in list_ends(part)]


def list_inputs(model: Any) -> Inputs:
    """The inputs of a model by its description; none where it does not say."""
    try:
        config = model["config"]
        layers = config if isinstance(config, list) else config["layers"]
        if model["class_name"] == "Sequential":
            first = layers[0]
            if "layers" in first["config"]:
                return list_inputs(first)
            shape = first["config"].get("batch_input_shape") or config["build_input_shape"]
            return {first["config"]["name"]: _sizes(shape)}
        by_name = {one["config"]["name"]: one["config"] for one in layers}
        names = [name for name, *_ in list_ends(config["input_layers"])]
        return {name: _sizes(by_name[name]["batch_input_shape"]) for name in names}
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return {}


def _sizes(shape: Any) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in shape[1:])
