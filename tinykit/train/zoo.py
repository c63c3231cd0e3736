"""Networks the field measures with, and three small ones of this kit, as tf-keras models.

The four of MLPerf Tiny v1 (Banbury et al., "MLPerf Tiny Benchmark", NeurIPS 2021 datasets and benchmarks track;
github.com/mlcommons/tiny, training scripts) are equal to the published ones operator by operator once converted, with
weights drawn at random. Batch normalisation has momentum 0.9: with Keras' 0.99 a few epochs leave the running
statistics behind and accuracy at chance.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tinykit.ground.errors import ModelError, ParameterError, look_up
from tinykit.ground.results import Result
from tinykit.train.keras import load_keras

_MOMENTUM = 0.9


@dataclass(frozen=True, slots=True)
class Network(Result):
    """What the zoo knows of a network.

    Parameters
    ----------
    name : for `build_network`.
    input_shape : (height, width, channels) or (features,).
    classes : outputs; those of the autoencoder are its reconstruction.
    macs : multiply-accumulates of one inference with these shapes.
    note : what it is for and where it is from.
    """

    name: str
    input_shape: tuple[int, ...]
    classes: int
    macs: int
    note: str


NETWORKS = (
    Network("ds-cnn", (49, 10, 1), 12, 2_656_768, "keyword spotting, MLPerf Tiny kws01"),
    Network("resnet8", (32, 32, 3), 10, 12_501_632, "image classification, MLPerf Tiny ic01"),
    Network("mobilenet-v1-025", (96, 96, 3), 2, 7_489_664, "visual wake words, MLPerf Tiny vww01"),
    Network("fc-autoencoder", (640,), 640, 264_192, "anomaly detection, MLPerf Tiny ad01"),
    Network("watch-cnn", (100, 1, 6), 7, 199_904, "watch-exercises; Conv2D((k, 1)) where others write Conv1D"),
    Network("digits-cnn", (28, 28, 1), 10, 508_352, "digits"),
    Network("vowels-cnn", (29, 12, 1), 9, 5_282_928, "vowels; the form of ds-cnn, 112 channels wide"),
)


def networks() -> tuple[Network, ...]:
    """Every network of the zoo."""
    return NETWORKS


def build_network(
    name: str, *, input_shape: tuple[int, ...] | None = None, classes: int | None = None, seed: int = 0
) -> Any:
    """A tf-keras model of the zoo, weights drawn with `seed`, not compiled.

    Parameters
    ----------
    name : one of `networks()`.
    input_shape, classes : those of the network if None; give them to use the same form on another task.
    seed : of all that is drawn.

    Raises
    ------
    ModelError : no such network.
    ParameterError : a shape or number of classes it cannot be built with.
    KerasVersionError, MissingPackageError : as `load_keras`.
    """
    known = {network.name: network for network in NETWORKS}
    network = look_up(name, known, f"no network {name!r} in the zoo", ModelError)
    shape = tuple(input_shape or network.input_shape)
    outputs = network.classes if classes is None else classes
    if len(shape) != len(network.input_shape) or min(shape) < 1 or outputs < 1:
        raise ParameterError(f"{name} of input {shape} and {outputs} classes; its own is {network.input_shape}")
    keras = load_keras()
    keras.utils.set_random_seed(seed)
    make = _NamedLayers(keras.layers)
    try:
        start = make.Input(shape)
        return keras.Model(start, _BUILDERS[name](make, start, outputs), name=name.replace("-", "_"))
    except ValueError as error:
        raise ParameterError(f"{name} cannot take input {shape}: {error}") from error


_NAMES = {
    "Input": "input", "Conv2D": "conv", "DepthwiseConv2D": "depthwise", "BatchNormalization": "norm", "ReLU": "relu",
    "MaxPooling2D": "pool", "AveragePooling2D": "average", "Flatten": "flatten", "Dropout": "drop", "Add": "add",
    "Dense": "dense",
}  # fmt: skip


class _NamedLayers:
    """tf-keras layers with names of their own: Keras numbers by process, and names end up in the `.tflite`."""

    def __init__(self, layers: Any) -> None:
        self._layers = layers
        self._count: Counter[str] = Counter()

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def make(*arguments: Any, **options: Any) -> Any:
            self._count[kind] += 1
            return getattr(self._layers, kind)(*arguments, name=f"{_NAMES[kind]}_{self._count[kind]}", **options)

        return make


def _conv(make: _NamedLayers, x: Any, filters: int, size: tuple[int, int], strides: tuple[int, int] = (1, 1)) -> Any:
    return _normalised_relu(make, make.Conv2D(filters, size, strides, padding="same", use_bias=False)(x))


def _separable(make: _NamedLayers, x: Any, filters: int, strides: tuple[int, int] = (1, 1)) -> Any:
    x = make.DepthwiseConv2D((3, 3), strides, padding="same", use_bias=False)(x)
    return _conv(make, _normalised_relu(make, x), filters, (1, 1))


def _normalised_relu(make: _NamedLayers, x: Any) -> Any:
    return make.ReLU()(make.BatchNormalization(momentum=_MOMENTUM)(x))


def _classify(make: _NamedLayers, x: Any, classes: int, dropout: float = 0.0) -> Any:
    """Average over the whole map, as the published files do it: AVERAGE_POOL_2D, RESHAPE, FULLY_CONNECTED, SOFTMAX."""
    if dropout:
        x = make.Dropout(dropout)(x)
    x = make.Flatten()(make.AveragePooling2D(tuple(x.shape[1:3]))(x))
    return make.Dense(classes, activation="softmax")(x)


def _separable_stack(make: _NamedLayers, x: Any, classes: int, channels: int) -> Any:
    x = make.Dropout(0.2)(_conv(make, x, channels, (10, 4), (2, 2)))
    for _ in range(4):
        x = _separable(make, x, channels)
    return _classify(make, x, classes, dropout=0.4)


def _resnet8(make: _NamedLayers, x: Any, classes: int) -> Any:
    x = _conv(make, x, 16, (3, 3))
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        y = _conv(make, x, filters, (3, 3), (stride, stride))
        y = make.Conv2D(filters, (3, 3), padding="same", use_bias=False)(y)
        y = make.BatchNormalization(momentum=_MOMENTUM)(y)
        if stride > 1:
            x = make.Conv2D(filters, (1, 1), (stride, stride), padding="same")(x)
        x = make.ReLU()(make.Add()([x, y]))
    return _classify(make, x, classes)


def _mobilenet(make: _NamedLayers, x: Any, classes: int) -> Any:
    x = _conv(make, x, 8, (3, 3), (2, 2))
    for filters, stride in ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1)):
        x = _separable(make, x, filters, (stride, stride))
    return _classify(make, x, classes)


def _autoencoder(make: _NamedLayers, x: Any, outputs: int) -> Any:
    for width in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = _normalised_relu(make, make.Dense(width)(x))
    return make.Dense(outputs)(x)


def _watch_cnn(make: _NamedLayers, x: Any, classes: int) -> Any:
    x = make.MaxPooling2D((4, 1))(_conv(make, x, 16, (9, 1)))
    x = make.MaxPooling2D((2, 1))(_conv(make, x, 24, (7, 1)))
    return _classify(make, _conv(make, x, 32, (5, 1)), classes, dropout=0.3)


def _digits_cnn(make: _NamedLayers, x: Any, classes: int) -> Any:
    for filters in (8, 16):
        x = make.MaxPooling2D((2, 2))(_conv(make, x, filters, (3, 3)))
    return _classify(make, _conv(make, x, 32, (3, 3)), classes, dropout=0.2)


_BUILDERS: dict[str, Callable[[_NamedLayers, Any, int], Any]] = {
    "ds-cnn": partial(_separable_stack, channels=64),
    "resnet8": _resnet8,
    "mobilenet-v1-025": _mobilenet,
    "fc-autoencoder": _autoencoder,
    "watch-cnn": _watch_cnn,
    "digits-cnn": _digits_cnn,
    "vowels-cnn": partial(_separable_stack, channels=112),
}
