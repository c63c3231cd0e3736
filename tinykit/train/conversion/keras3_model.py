"""A model of Keras 3 rebuilt in tf-keras: its weights each to the layer of the same name, its outputs held against it.

A weight is read once and must have the shape of the variable it goes to; none may be left over on either side. Both
layouts of Keras 3 are known: the tree of `.weights.h5`, by kind and number of layer, and the older one of `.h5`.
"""

import importlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.train.keras import load_keras, quiet

_PARTS = {
    "layer": "layer", "cell": "cell", "forward_layer": "forward_layer", "backward_layer": "backward_layer",
    "query_dense": "_query_dense", "key_dense": "_key_dense", "value_dense": "_value_dense",
    "output_dense": "_output_dense",
}  # fmt: skip
_OF_TRAINING = frozenset(["seed_generator", "optimizer", "metrics", "_metrics", "_loss_tracker", "_compile_metrics"])
_TOLERANCE, _TOLERANCE_HALF = 1e-4, 1e-2
_OPEN_SIZE, _SAMPLES = 16, 4


def write_described(weights: Path, keras: dict[str, Any], tf_keras: dict[str, Any]) -> Path:
    """What `rebuild` and `prove` need, as JSON beside the weights: the model in both notations."""
    path = weights.with_name("keras3.json")
    path.write_text(json.dumps({"weights": weights.name, "keras": keras, "tf_keras": tf_keras}), encoding="utf-8")
    return path


def rebuild(described: Path, name: str) -> Any:
    """The tf-keras model of what `copy_inspected` left; `name` is the stranger's, for messages.

    Raises
    ------
    ModelError : its weights are not those of its layers.
    """
    import h5py

    keras, told = load_keras(), json.loads(described.read_text(encoding="utf-8"))
    model = keras.layers.deserialize(told["tf_keras"], use_legacy_format=True)
    with h5py.File(described.with_name(told["weights"]), "r") as file:
        if "model_weights" in file:
            pairs = list(_pair_flat(model, told["keras"], file["model_weights"]))
        else:
            pairs = list(_pair(model, told["keras"], {"layers": {}, "vars": {}} | _read_tree(file), ""))
        _check(model, pairs, name)
        for variable, stored, _ in pairs:
            variable.assign(np.asarray(stored, variable.dtype.as_numpy_dtype))
    for layer in model.submodules:
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()
    return model


def prove(model: Any, described: Path, name: str) -> str:
    """What shows that the rebuilt model computes what Keras 3 does, in words.

    Raises
    ------
    ModelError : on the same samples the outputs differ.
    """
    told = json.loads(described.read_text(encoding="utf-8"))
    by_count = "its weights are in their places by count and shape"
    try:
        keras = importlib.import_module("keras")
    except ImportError:
        return f"{by_count}; Keras 3 is not installed to hold its outputs against"
    samples = _draw_samples(model)
    try:
        with quiet():
            original = keras.saving.deserialize_keras_object(told["keras"], safe_mode=True)
            original.load_weights(str(described.with_name(told["weights"])))
            theirs = _run(original, samples)
    except Exception as error:  # noqa: BLE001 -- what this Keras 3 cannot read again is proven by its weights
        return f"{by_count}; Keras {keras.__version__} does not read it ({error!r:.80})"
    pairs = zip(_run(model, samples), theirs, strict=True)
    apart = max(float(np.abs(a - b).max()) / max(1.0, float(np.abs(b).max())) for a, b in pairs)
    if not apart <= (_TOLERANCE_HALF if "float16" in json.dumps(told["keras"]) else _TOLERANCE):
        raise ModelError(
            f"{name}: rebuilt in tf-keras its outputs are {apart:.2g} of their size off those of Keras 3; not carried\n"
            "save it with plainer layers, or convert it with Keras 3's own model.export"
        )
    return f"outputs equal those of Keras {keras.__version__} on {_SAMPLES} random samples (at most {apart:.1g} apart)"


def _draw_samples(model: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    shapes = [(_SAMPLES, *(size or _OPEN_SIZE for size in one.shape[1:])) for one in model.inputs]
    words = [layer.input_dim for layer in model.submodules if type(layer).__name__ == "Embedding"]
    if words:
        return [rng.integers(0, min(words), shape).astype(np.float32) for shape in shapes]
    samples = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    for one in samples:
        one[-1, one.shape[1] // 2 :] = 0.0  # what a mask leaves out
    return samples


def _run(model: Any, samples: list[Any]) -> list[Any]:
    outputs = model(samples if len(samples) > 1 else samples[0], training=False)
    found = list(outputs.values()) if isinstance(outputs, dict) else outputs
    return [np.asarray(one, np.float32) for one in (found if isinstance(found, list | tuple) else [found])]


_Pair = tuple[Any, Any, str]
_Tree = dict[str, Any]


def _read_tree(file: Any) -> _Tree:
    """The data sets of a file by path, whose parts Windows once set apart by the other slash; no states of training."""
    tree: _Tree = {}

    def put(name: str, item: Any) -> None:
        *groups, last = name.replace("\\", "/").split("/")
        if hasattr(item, "dtype") and not _OF_TRAINING & set(groups):
            place = tree
            for part in groups:
                place = place.setdefault(part, {})
            place[last] = item

    file.visititems(put)
    return tree


def _pair(layer: Any, item: dict[str, Any], group: _Tree, path: str) -> Iterator[_Pair]:
    """Each variable of a layer with the data set that holds it, in the tree of `.weights.h5`."""
    own = group.get("vars", {})
    variables = layer.weights if own else []
    for index in range(max(len(own), len(variables))):
        yield (variables[index] if index < len(variables) else None), own.get(str(index)), path
    for part, inner in group.items():
        if part == "layers":
            yield from _pair_layers(layer, item["config"]["layers"], inner, path)
        elif part in _PARTS:
            yield from _pair(
                getattr(layer, _PARTS[part]), item.get("config", {}).get(part) or {}, inner, f"{path} {part}"
            )
        elif part != "vars":
            yield None, None, f"{path} {part}"


def _pair_layers(model: Any, items: list[dict[str, Any]], group: _Tree, path: str) -> Iterator[_Pair]:
    seen: Counter[str] = Counter()
    left = set(group)
    for item in items:
        stem = _snake_case(item["class_name"])
        part = f"{stem}_{seen[stem]}" if seen[stem] else stem
        seen[stem] += 1
        if part in left:
            left.remove(part)
            name = item["config"]["name"]
            yield from _pair(model.get_layer(name), item, group[part], f"{path} {name}")
    yield from ((None, None, f"{path} {part}") for part in left)


def _pair_flat(model: Any, item: dict[str, Any], group: Any) -> Iterator[_Pair]:
    """The same for the layout of `.h5`: the weights of a layer in one row, what is trained before what is not."""
    items = {one["config"]["name"]: one for one in item["config"]["layers"]}
    for name, inner in group.items():
        stored = [inner[_text(place)] for place in _row(inner, "weight_names")]
        if not stored:
            continue
        variables = list(_variables(model.get_layer(name), items[name])) if name in items else []
        trained = {id(one) for one in model.trainable_weights}
        variables.sort(key=lambda one: id(one) not in trained)
        for index in range(max(len(stored), len(variables))):
            pair = [row[index] if index < len(row) else None for row in (variables, stored)]
            yield pair[0], pair[1], name


def _variables(layer: Any, item: dict[str, Any]) -> Iterator[Any]:
    if "layers" not in item["config"]:
        yield from layer.weights
    for one in item["config"].get("layers", ()):
        if one["class_name"] != "InputLayer" and any(one["config"]["name"] == inner.name for inner in layer.layers):
            yield from _variables(layer.get_layer(one["config"]["name"]), one)


def _row(group: Any, name: str) -> list[Any]:
    """A list of an HDF5 group, which a long one is cut into."""
    if name in group.attrs:
        return list(group.attrs[name])
    parts = [key for key in group.attrs if key.startswith(name) and key[len(name) :].isdigit()]
    return [one for key in sorted(parts, key=lambda key: int(key[len(name) :])) for one in group.attrs[key]]


def _check(model: Any, pairs: list[_Pair], name: str) -> None:
    for variable, stored, where in pairs:
        shapes = [None if one is None else tuple(one.shape) for one in (variable, stored)]
        if shapes[0] is None or shapes[0] != shapes[1]:
            told = f"{shapes[1]} stored, {shapes[0]} wanted"
            raise ModelError(f"{name}: the weights of layer {where.strip()[:80]!r} do not fit: {told}")
    missing = {id(one): one.name for one in model.weights}
    for variable, _, _ in pairs:
        missing.pop(id(variable), None)
    if missing:
        raise ModelError(
            f"{name}: holds no weights for {', '.join(sorted(missing.values())[:4])}; save the whole model"
        )


def _snake_case(name: str) -> str:
    """As Keras 3 names the group of a layer by its class."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
