"""From the description that Keras 3 writes of a model to the one that tf-keras reads: tables, not a rule per layer.

Nothing is imported or run: JSON goes in, JSON comes out. Most layers have the same name and arguments in both; the
tables hold what was renamed, and what is new and does nothing at its default. All that has no counterpart is
collected, so that one error names it layer by layer.
"""

from typing import Any

from tinykit.ground.errors import ModelError
from tinykit.train.conversion.keras3_graph import (
    Item,
    as_functional,
    is_hard,
    is_operation,
    list_sources,
    locate,
    rewrite,
)
from tinykit.train.conversion.keras_gate import LAYERS, check_object, list_objects

_OF_TRAINING = ("_initializer", "_regularizer", "_constraint", "compile_config", "seed")
_MARKS = frozenset(["__keras_tensor__", "__slice__", "__numpy__", "__tensor__"])
_IDLE_LAYERS = frozenset(
    "Identity GaussianDropout AlphaDropout RandomFlip RandomRotation RandomZoom RandomContrast RandomTranslation "
    "RandomBrightness".split()
)
_KNOWN = (LAYERS | _IDLE_LAYERS) - {"TFOpLambda", "SlicingOpLambda"}
_RENAMED = {("LeakyReLU", "negative_slope"): "alpha", ("InputLayer", "batch_shape"): "batch_input_shape"}
_DROPPED = frozenset(["optional", "flash_attention", "renorm_clipping", "renorm_momentum", "lora_alpha"])
_IDLE_VALUES = {
    "quantization_config": None, "lora_rank": None, "renorm": False, "rms_scaling": False, "use_gate": False,
    "sliding_window": None, "stateful": False, "ZeroPadding1D.data_format": "channels_last",
}  # fmt: skip
_ACTIVATIONS = frozenset(
    "elu exponential gelu leaky_relu linear log_softmax mish relu relu6 selu sigmoid silu swish softmax softplus "
    "softsign tanh".split()
)
_POLICIES = frozenset("float32 float16 bfloat16 float64 mixed_float16 mixed_bfloat16".split())
_WANTED: dict[str, Item] = {"MultiHeadAttention": dict.fromkeys(("query_shape", "key_shape", "value_shape"))}
_LATER_INPUTS = {"MultiHeadAttention": ("value", "key")}


def carry(described: Any, file: str) -> tuple[Item, Item]:
    """The description of Keras 3 without what training alone uses, and the one that tf-keras reads.

    Raises
    ------
    ModelError : a Lambda or custom object; layers, activations or arguments that tf-keras does not have, all of them
        named; no description at all.
    """
    translation = _Translation(file)
    try:
        kept = _clean(described)
        for item in list_objects(kept):
            translation.check(item)
        made = translation.layer(kept)
    except ModelError:
        raise
    except RecursionError as error:
        raise ModelError(f"{file}: its layers are nested too deep to be a model") from error
    except (AttributeError, LookupError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelError(f"{file}: its description is not as Keras 3 writes it ({error!r:.120})") from error
    if lost := list(dict.fromkeys(translation.lost)):
        more = f" and {len(lost) - 8} more" if len(lost) > 8 else ""
        raise ModelError(
            f"{file}: cannot be carried from Keras 3 to tf-keras: {', '.join(lost[:8])}{more}\n"
            "build these with layers and activations that both have, and save the model again"
        )
    return kept, made


def _clean(node: Any) -> Any:
    """Without optimiser, initialisers, penalties and seeds, and with a type by its name."""
    if isinstance(node, dict):
        if node.get("class_name") in ("DTypePolicy", "FloatDTypePolicy"):
            return node["config"]["name"]
        kept = {key: _clean(value) for key, value in node.items() if not key.endswith(_OF_TRAINING)}
        return _locate(kept) if isinstance(kept.get("config"), dict) else kept
    return [_clean(value) for value in node] if isinstance(node, list) else node


def _locate(item: Item) -> Item:
    """An object with the module that the older `.h5` leaves out."""
    kind = str(item.get("class_name"))
    if kind.startswith("__") or "module" in item:
        return item
    modules = {"Functional": "keras.src.models.functional", "Sequential": "keras", "InputLayer": "keras.layers"}
    other = "keras.layers" if "trainable" in item["config"] or item["config"].get("dtype") else locate(kind)
    return {"module": modules.get(kind, other), **item}


class _Translation:
    """One description on its way, and what of it has no counterpart."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lost: list[str] = []

    def lose(self, kind: object, config: Item, why: str = "") -> None:
        name = f" {str(config['name'])[:60]!r}" if "name" in config else ""
        self.lost.append(f"{str(kind)[:40]}{name}" + (f" ({why[:80]})" if why else ""))

    def check(self, item: Item) -> None:
        """Refuse what is code, and note what Keras 3 has and tf-keras lacks."""
        kind, module, registered = str(item["class_name"]), item.get("module"), item.get("registered_name")
        policy = "DTypePolicy" in kind and module in ("keras", "keras.dtype_policies")
        if policy or (kind in _MARKS and module is None):
            return
        if registered not in (None, kind) or ">" in kind:
            named = str(registered or kind)[:60]
            raise ModelError(f"{self.file}: holds custom {named!r}, which is code; use layers of Keras alone")
        if is_operation(item):
            return
        if kind in _KNOWN or not str(module).startswith("keras") or "lambda" in kind.lower():
            check_object(self.file, item | ({"class_name": "Activation"} if kind in _IDLE_LAYERS else {}))
        if kind not in _KNOWN:
            self.lose(kind, item["config"])

    def layer(self, item: Item) -> Item:
        """A layer with its own arguments, or a network with its layers."""
        kind, config = str(item["class_name"]), item["config"]
        if kind == "Sequential" and not any(map(is_hard, config["layers"])):
            layers = [self.layer(one) for one in config["layers"]]
            return {"class_name": kind, "config": {"name": config["name"], "layers": layers}}
        if kind in ("Sequential", "Functional", "Model"):
            return {"class_name": "Functional", "config": self.network(config, kind == "Sequential")}
        if is_operation(item):
            self.lose(f"operation {kind}", config)
            return item
        if kind in _IDLE_LAYERS:
            kind, config = "Activation", {"name": config["name"], "activation": "linear"}
        made = dict(self.argument(kind, config, *one) for one in config.items() if not self.idle(kind, config, *one))
        return {"class_name": kind, "config": _WANTED.get(kind, {}) | made}

    def network(self, config: Item, sequential: bool) -> Item:
        """A Functional, its calls in the notation of tf-keras."""
        written = rewrite(as_functional(config) if sequential else config)
        written["layers"] = [
            self.layer(one)
            | {"name": one["config"]["name"], "inbound_nodes": [self.call(one, node) for node in one["inbound_nodes"]]}
            for one in written["layers"]
        ]
        return written

    def call(self, item: Item, node: Item) -> list[Any]:
        """`[layer, node, tensor, arguments]` of each tensor that a layer is called with."""
        kind, given = str(item["class_name"]), {**node["kwargs"]}
        given = {
            key: value for key, value in given.items() if key != "mask" and value is not None and value is not False
        }
        inputs = node["args"] or [given.pop(next(iter(given)))]
        later = dict(zip(_LATER_INPUTS.get(kind, ()), inputs[1:], strict=False))
        if len(inputs) - 1 > len(later):
            self.lose(kind, item["config"], "called with more than its input")
        arguments = {key: self.value(value) for key, value in {**given, **later}.items()}
        made = [[*source, arguments] for source in list_sources(inputs[0])]
        return made[0] if isinstance(inputs[0], dict) else made

    def idle(self, kind: str, config: Item, key: str, value: Any) -> bool:
        """Whether an argument says nothing to tf-keras; one that would change the result is noted."""
        place = key if key in _IDLE_VALUES else f"{kind}.{key}"
        if place in _IDLE_VALUES and value != _IDLE_VALUES[place]:
            self.lose(kind, config, f"{key}={value['class_name'] if isinstance(value, dict) else value}")
        return key in _DROPPED or place in _IDLE_VALUES

    def argument(self, kind: str, config: Item, key: str, value: Any) -> tuple[str, Any]:
        """An argument by its name and value in tf-keras."""
        if key == "dtype":
            policy = value["class_name"] if isinstance(value, dict) else value
            if kind != "InputLayer" and policy not in _POLICIES:
                self.lose(kind, config, f"of type {policy}")
            return key, "float32"
        if key.endswith("activation") and isinstance(value, str) and value not in _ACTIVATIONS:
            self.lose(kind, config, f"{key} {value}")
        if key == "batch_shape":
            return _RENAMED[kind, key], [None, *value[1:]]
        return _RENAMED.get((kind, key), key), self.value(value)

    def value(self, value: Any) -> Any:
        """What an argument holds: numbers, an array, a slice, a tensor, a layer."""
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if not isinstance(value, dict) or "class_name" not in value:
            return value
        match value["class_name"]:
            case "__keras_tensor__":
                return value["config"]["keras_history"]
            case "__slice__":
                return {key: value["config"].get(key) for key in ("start", "stop", "step")}
            case "__numpy__" | "__tensor__":
                return value["config"]["value"]
        return self.layer(value)
