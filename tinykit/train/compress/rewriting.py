"""Networks over time written with 2-D layers: what QAT refuses as Conv1D it takes as Conv2D with a kernel (k, 1).

A tensor (time, channels) becomes (time, 1, channels). Parameters are the same numbers in the same number, the function
is the same, and the file is smaller, for the converter turns each Conv1D into a Conv2D between two reshapes anyway.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.train.compress.channels.wiring import Wire, read_wiring
from tinykit.train.keras import load_keras, quiet

Config = dict[str, Any]
_PLAIN = frozenset(
    "Activation ReLU LeakyReLU ELU ThresholdedReLU Softmax BatchNormalization Dropout GaussianNoise GaussianDropout "
    "ActivityRegularization Dense Flatten Add Subtract Multiply Average Maximum Minimum Concatenate Rescaling".split()
)
_AXED = ("BatchNormalization", "Softmax", "Concatenate")


def as_conv2d(model: Any, *, keep_input: bool = False) -> Any:
    """A copy of a network over time in which every 1-D layer is its 2-D form, weights and layer names carried over.

    Conv1D, DepthwiseConv1D, SeparableConv1D, Conv1DTranspose, pooling, global pooling, padding, cropping, upsampling
    and spatial dropout are rewritten; causal padding becomes a ZeroPadding2D before the convolution. Outputs have the
    shape they had and are equal up to float32 rounding.

    Parameters
    ----------
    model : Functional or Sequential tf-keras model, channels last.
    keep_input : True leaves the input (time, channels) and puts a Reshape behind it; False makes it
        (time, 1, channels), the form of this kit's datasets.

    Raises
    ------
    ModelError : a layer on (time, channels) that has no 2-D form here, channels first, or see `read_wiring`.
    """
    wires, ends = read_wiring(model)
    shapes = {wire.name: wire.shape for wire in wires}
    tensors: dict[str, Any] = {}
    starts = []
    with quiet():
        for wire in wires:
            if not wire.sources:
                start, tensors[wire.name] = _start(wire, keep_input)
                starts.append(start)
            else:
                flat = any(len(shapes[name]) == 3 for name in (wire.name, *wire.sources))  # (time, channels) once
                tensors[wire.name] = _call(wire, [tensors[name] for name in wire.sources], flat)
        reshape = load_keras().layers.Reshape
        for name in (name for name in ends if len(shapes[name]) == 3):
            tensors[name] = reshape(shapes[name][1:], name=f"{name}_1d")(tensors[name])
        outputs = [tensors[name] for name in ends]
        return load_keras().Model(starts, outputs if len(outputs) > 1 else outputs[0], name=model.name)


def _start(wire: Wire, keep_input: bool) -> tuple[Any, Any]:
    """The input, and what the first layer takes from it."""
    layers, shape = load_keras().layers, wire.shape[1:]
    if len(shape) != 2:
        start = layers.Input(shape, name=wire.name)
        return start, start
    wide = (shape[0], 1, shape[1])
    start = layers.Input(shape if keep_input else wide, name=wire.name)
    return start, layers.Reshape(wide, name=f"{wire.name}_2d")(start) if keep_input else start


def _call(wire: Wire, taken: list[Any], flat: bool) -> Any:
    """The layer, or its 2-D form, on what its sources give now."""
    layers = load_keras().layers
    if not flat:
        kind, config = wire.kind, wire.layer.get_config()
    elif getattr(wire.layer, "data_format", "channels_last") == "channels_first":
        raise ModelError(f"{wire.kind} {wire.name!r} has its channels first; build it with channels last")
    else:
        kind, config = _rewrite(wire)
    if kind == "Reshape" and tuple(config["target_shape"]) == tuple(taken[0].shape[1:]):
        return taken[0]
    if padding := config.pop("padded", None):
        taken = [layers.ZeroPadding2D((padding, (0, 0)), name=f"{wire.name}_pad")(taken[0])]
    new = getattr(layers, kind).from_config(config) if hasattr(layers, kind) else type(wire.layer).from_config(config)
    given = new(taken[0] if len(taken) == 1 else taken)
    if wire.layer.weights:
        old = wire.layer.get_weights()
        new.set_weights([one.reshape(two.shape) for one, two in zip(old, new.get_weights(), strict=True)])
    return given


def _rewrite(wire: Wire) -> tuple[str, Config]:
    """Class and config of the layer on (time, 1, channels)."""
    config = wire.layer.get_config()
    if wire.kind in _PLAIN:
        return wire.kind, config | ({"axis": _move_axes(config["axis"])} if wire.kind in _AXED else {})
    if wire.kind not in _FORMS:
        raise ModelError(
            f"{wire.kind} {wire.name!r} works on (time, channels) and has no 2-D form here; "
            f"rewritten are {', '.join(sorted(_FORMS))}"
        )
    return wire.kind.replace("1D", "2D"), config | _FORMS[wire.kind](wire, config)


def _move_axes(axis: Any) -> Any:
    """Axis 2 of (batch, time, channels) is axis 3 now; one counted from the end stays."""
    if isinstance(axis, list | tuple):
        return [_move_axes(one) for one in axis]
    return 3 if axis == 2 else axis


def _convolve(wire: Wire, config: Config) -> Config:
    changes: Config = {name: _beside_one(config[name]) for name in ("kernel_size", "dilation_rate", "strides")}
    if "depthwise_initializer" in config:  # TensorFlow's depthwise kernel wants both strides alike; width is 1
        changes["strides"] = changes["strides"][:1] * 2
    if config["padding"] == "causal":
        reach = int(config["dilation_rate"][0]) * (int(config["kernel_size"][0]) - 1)
        changes |= {"padding": "valid", "padded": (reach, 0)}
    if config.get("output_padding") is not None:
        changes["output_padding"] = (_beside_one(config["output_padding"])[0], 0)
    return changes


def _pad(wire: Wire, config: Config) -> Config:
    name = "padding" if wire.kind.startswith("Zero") else "cropping"
    return {name: (tuple(config[name]), (0, 0)), "data_format": "channels_last"}


def _reshape(wire: Wire, config: Config) -> Config:
    shape = wire.shape[1:]
    return {"target_shape": (shape[0], 1, shape[1]) if len(shape) == 2 else shape}


def _activate(wire: Wire, config: Config) -> Config:
    shared = config["shared_axes"]
    return {"shared_axes": sorted({2 * one - 1 for one in shared} | ({2} if 1 in shared else set()))} if shared else {}


_ENLARGED = {"data_format": "channels_last", "interpolation": "nearest"}
_FORMS: Mapping[str, Callable[[Wire, Config], Config]] = {
    **dict.fromkeys(("Conv1D", "DepthwiseConv1D", "SeparableConv1D", "Conv1DTranspose"), _convolve),
    **dict.fromkeys(
        ("MaxPooling1D", "AveragePooling1D"),
        lambda wire, config: {name: _beside_one(config[name]) for name in ("pool_size", "strides")},
    ),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalMaxPooling1D", "SpatialDropout1D"), lambda wire, config: {}),
    **dict.fromkeys(("ZeroPadding1D", "Cropping1D"), _pad),
    "UpSampling1D": lambda wire, config: {"size": _beside_one(config["size"]), **_ENLARGED},
    "Reshape": _reshape,
    "PReLU": _activate,
}
"""What becomes of the config of each layer that has a 2-D form, "1D" in its name read as "2D"."""


def _beside_one(size: Any) -> tuple[int, int]:
    return int(np.ravel(size)[0]), 1
