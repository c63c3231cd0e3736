"""How the layers of a Keras model are joined, read from its own description, and what they multiply."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinykit.ground.errors import ModelError
from tinykit.model.operators.rules import Shape
from tinykit.model.operators.table import list_rows
from tinykit.train.keras import load_keras, require_model


@dataclass(frozen=True, slots=True)
class Wire:
    """A layer and the names of the layers it takes its inputs from, in their order; none for an input layer."""

    layer: Any
    sources: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the layer."""
        return str(self.layer.name)

    @property
    def kind(self) -> str:
        """Class of the layer, such as "Conv2D"."""
        return type(self.layer).__name__

    @property
    def shape(self) -> tuple[Any, ...]:
        """Of what it gives, batch included; None where a size is open."""
        shape = self.layer.output_shape
        return tuple(shape[0] if isinstance(shape, list) else shape)


def read_wiring(model: Any) -> tuple[tuple[Wire, ...], tuple[str, ...]]:
    """The layers of a Functional or Sequential model in an order in which sources come first, and its output layers.

    `ModelError` for a model of another make, or a layer that is used more than once; else as `require_model`.
    """
    require_model(model)
    if isinstance(model, load_keras().Sequential):
        chain = [model.inputs[0]._keras_history.layer, *model.layers]
        names = [layer.name for layer in chain]
        wires = [Wire(layer, tuple(names[max(0, place - 1) : place])) for place, layer in enumerate(chain)]
        return tuple(wires), (names[-1],)
    config = model.get_config()
    if "output_layers" not in config:
        raise ModelError(f"{type(model).__name__} describes no graph; build it with the functional API or Sequential")
    entries = {entry["name"]: entry["inbound_nodes"] for entry in config["layers"]}
    several = []
    for layer in model.layers:
        if len(entries[layer.name]) > 1:
            raise ModelError(f"layer {layer.name!r} is used {len(entries[layer.name])} times; give each use its own")
        several.append(Wire(layer, _find_names(entries[layer.name], frozenset(entries))))
    return tuple(several), _find_names(config["output_layers"], frozenset(entries))


def count_macs(model: Any) -> int:
    """MACs of one inference of a Functional or Sequential model; 1 MAC = 2 ops.

    Convolutions, depthwise, separable, transposed and dense layers count, padding included, as MLPerf Tiny counts.

    Raises
    ------
    ModelError : see `read_wiring`.
    """
    return sum(_count(wire) for wire in read_wiring(model)[0])


def _find_names(node: Any, known: frozenset[str]) -> tuple[str, ...]:
    """Layers that a description of calls names: entries [name, node, tensor, …] at any depth."""
    if isinstance(node, dict):
        return tuple(name for value in node.values() for name in _find_names(value, known))
    if not isinstance(node, list | tuple):
        return ()
    if len(node) >= 3 and isinstance(node[0], str) and node[0] in known and isinstance(node[1], int):
        return (node[0], *_find_names(node[3:], known))
    return tuple(name for item in node for name in _find_names(item, known))


def _count(wire: Wire) -> int:
    layer = wire.layer
    row = next((one for one in list_rows().values() if wire.kind in (one.layers or ())), None)
    if row is None:
        return 0
    widen = wire.kind.endswith(("1D", "1DTranspose"))
    data, output = (_with_a_row(shape, 1, widen) for shape in (layer.input_shape, layer.output_shape))
    kernels = [weight.shape for weight in layer.weights if weight.name.partition(":")[0].endswith("kernel")]
    return sum(row.count_macs(row.arrange(data, _with_a_row(one, 0, widen)), output) for one in kernels)


def _with_a_row(shape: Sequence[int | None], place: int, widen: bool) -> Shape:
    """Sizes, 1 for an open batch, with an axis of 1 at a place for what has one dimension."""
    sizes = [int(size or 1) for size in shape]
    return tuple((*sizes[:place], 1, *sizes[place:]) if widen else sizes)
