"""A network of Keras 3 in its own notation, written with layers alone: what tf-keras has no name for is spelt out.

Keras 3 puts functions between layers (`x + y`, `ops.mean(x)`), and its hard sigmoid is another than that of tf-keras.
Both become layers here; only what leads to an output stays.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tinykit.train.conversion.keras_gate import list_ends

Item = dict[str, Any]

_MERGES = frozenset(["Add", "Subtract", "Multiply", "Maximum", "Minimum"])
_LINES: dict[str, Callable[[float], tuple[float, float]]] = {
    "Add": lambda c: (1.0, c), "Subtract": lambda c: (1.0, -c), "Multiply": lambda c: (c, 0.0),
    "TrueDivide": lambda c: (1.0 / c, 0.0), "Divide": lambda c: (1.0 / c, 0.0),
}  # fmt: skip
_ACTIVATIONS = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Silu": "silu", "Softplus": "softplus",
    "Softsign": "softsign", "Selu": "selu", "Exp": "exponential", "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
}  # fmt: skip
_LAYERS = {"Softmax": "Softmax", "LeakyRelu": "LeakyReLU", "Elu": "ELU", "Concatenate": "Concatenate"}
_FUNCTIONS = {
    "Mean": "math.reduce_mean", "Max": "math.reduce_max", "Min": "math.reduce_min", "Sum": "math.reduce_sum",
    "Absolute": "math.abs", "Abs": "math.abs", "Square": "math.square", "Sqrt": "math.sqrt", "Log": "math.log",
    "Negative": "math.negative", "Squeeze": "squeeze", "ExpandDims": "expand_dims", "Reshape": "reshape",
    "GetItem": "__operators__.getitem",
}  # fmt: skip
_PARAMETERS = {"newshape": "shape", "key": "slice_spec"}
_HARD = {"hard_sigmoid": False, "hard_silu": True, "hard_swish": True}
_OF_OPERATIONS = ("keras.src.ops.numpy", "keras.src.ops.nn")


def locate(kind: str) -> str:
    """The module of a function of which only the name is known."""
    return _OF_OPERATIONS[kind in {*_ACTIVATIONS, *_LAYERS} - {"Exp", "Tanh", "Concatenate"}]


def is_operation(item: Item) -> bool:
    """Whether an entry is a function and no layer."""
    return item.get("module") in _OF_OPERATIONS


def is_hard(item: Item) -> bool:
    """Whether a layer ends in an activation that has to be spelt out."""
    activation = item["config"].get("activation")
    return isinstance(activation, str) and activation in _HARD and "recurrent_dropout" not in item["config"]


def list_sources(node: Any) -> Iterator[list[Any]]:
    """Where the tensors in a call come from, masks apart: tf-keras hands those on by itself."""
    if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
        yield node["config"]["keras_history"]
    elif isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if key != "mask":
                yield from list_sources(value)


def as_functional(sequential: Item) -> Item:
    """A Sequential as the Functional it is."""
    names = [one["config"]["name"] for one in sequential["layers"]]
    layers = [
        one | {"inbound_nodes": [_call(_tensor(before))] if before else []}
        for one, before in zip(sequential["layers"], ["", *names], strict=False)
    ]
    ends = {"input_layers": [names[0], 0, 0], "output_layers": [names[-1], 0, 0]}
    return {"name": sequential["name"], "layers": layers, **ends}


def rewrite(network: Item) -> Item:
    """The network, its functions and hard activations written as layers."""
    ends = {key: list_ends(network[key]) for key in ("input_layers", "output_layers")}
    layers = [_as_layer(one) if is_operation(one) else one for one in _needed(network["layers"], ends)]
    moved = {
        name: one for one in layers for name in [one["config"]["name"]] if is_hard(one) or "layers" in one["config"]
    }
    made: list[Item] = []
    for one in layers:
        calls = {"inbound_nodes": _move(one["inbound_nodes"], moved)}
        made += _spell_out(one | calls) if is_hard(one) else [one | calls]
    ends["output_layers"] = [_moved(end, moved) for end in ends["output_layers"]]
    return {"name": network["name"], "layers": made, **ends}


def _needed(layers: list[Item], ends: dict[str, list[list[Any]]]) -> list[Item]:
    by_name = {one["config"]["name"]: one for one in layers}
    needed, waiting = set(), [end[0] for group in ends.values() for end in group]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [source[0] for source in list_sources(by_name[name]["inbound_nodes"])]
    return [one for one in layers if one["config"]["name"] in needed]


def _as_layer(item: Item) -> Item:
    """A function between layers as the layer that computes the same; itself where there is none."""
    kind, call = item["class_name"], item["inbound_nodes"][0]
    given = {key: value for key, value in {**item["config"], **call["kwargs"]}.items() if key not in ("name", "dtype")}
    places = [*call["args"], *(given.pop(key) for key in [key for key, value in given.items() if _holds_tensor(value)])]
    tensors = [value for value in places if _holds_tensor(value)]
    if kind in _MERGES and len(tensors) == len(places) == 2:
        return _layer(item, kind, tensors)
    if kind in _LINES and (line := _line(kind, [*places, *given.values()])):
        return _layer(item, "Rescaling", tensors[0], line)
    if kind in _ACTIVATIONS:
        return _layer(item, "Activation", tensors[0], {"activation": _ACTIVATIONS[kind]})
    if kind in _LAYERS:
        return _layer(item, _LAYERS[kind], tensors[0], given)
    if kind == "Transpose" and (given.get("axes") or [1])[0] == 0:
        return _layer(item, "Permute", tensors[0], {"dims": given["axes"][1:]})
    if kind in _FUNCTIONS:
        given |= dict(zip(["key"], places[1:], strict=False))
        made = _layer(item, "TFOpLambda", tensors[0], {"function": _FUNCTIONS[kind]})
        made["inbound_nodes"][0]["kwargs"] = {_PARAMETERS.get(key, key): value for key, value in given.items()}
        return made | ({"class_name": "SlicingOpLambda"} if kind == "GetItem" else {})
    return item


def _line(kind: str, inputs: list[Any]) -> Item | None:
    """The `scale` and `offset` by which a function of one tensor and one number does what it does."""
    numbers = [value for value in inputs if isinstance(value, int | float)]
    if len(inputs) != 2 or len(numbers) != 1 or ((first := inputs[0] is numbers[0]) and "Divide" in kind):
        return None
    scale, offset = _LINES[kind](float(numbers[0]))
    return {"scale": -scale, "offset": -offset} if first and kind == "Subtract" else {"scale": scale, "offset": offset}


def _spell_out(item: Item) -> list[Item]:
    """A layer that ends in the hard sigmoid of Keras 3, min(max(x + 3, 0), 6) / 6, or in x times it."""
    name, times = item["config"]["name"], _HARD[item["config"]["activation"]]
    steps: list[tuple[str, str, Item]] = [
        ("Rescaling", "raised", {"scale": 1.0, "offset": 3.0}), ("ReLU", "clipped", {"max_value": 6.0}),
        ("Rescaling", "sixth" if times else "hard", {"scale": 1 / 6}),
    ]  # fmt: skip
    made, before = [item | {"config": item["config"] | {"activation": "linear"}}], name
    for kind, suffix, config in steps:
        calls = [_call(_tensor(before, index)) for index in range(len(item["inbound_nodes"]))]
        before = f"{name}_{suffix}"
        made.append({"class_name": kind, "config": {"name": before, **config}, "inbound_nodes": calls})
    if times:
        calls = [_call([_tensor(one, index) for one in (name, before)]) for index in range(len(item["inbound_nodes"]))]
        made.append({"class_name": "Multiply", "config": {"name": f"{name}_hard"}, "inbound_nodes": calls})
    return made


def _layer(item: Item, kind: str, inputs: Any, config: Item | None = None) -> Item:
    name = item["config"]["name"]
    return {"class_name": kind, "config": {"name": name, **(config or {})}, "inbound_nodes": [_call(inputs)]}


def _call(inputs: Any) -> Item:
    return {"args": [inputs], "kwargs": {}}


def _tensor(layer: str, node: int = 0) -> Item:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [layer, node, 0]}}


def _holds_tensor(value: Any) -> bool:
    return next(list_sources(value), None) is not None


def _move(node: Any, moved: dict[str, Item]) -> Any:
    """A call whose tensors are taken from where they are now."""
    if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
        return node | {"config": {"keras_history": _moved(node["config"]["keras_history"], moved)}}
    if isinstance(node, dict):
        return {key: _move(value, moved) for key, value in node.items()}
    return [_move(value, moved) for value in node] if isinstance(node, list) else node


def _moved(end: list[Any], moved: dict[str, Item]) -> list[Any]:
    """Behind a layer that was spelt out; in tf-keras the first call of a network is the one that made it."""
    name, call, tensor = end
    if name not in moved:
        return end
    return [f"{name}_hard", call, tensor] if is_hard(moved[name]) else [name, call + 1, tensor]
