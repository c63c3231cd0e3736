"""An architecture as a tf-keras model. Layers have names of their own, since names end up in the `.tflite`.

Batch normalisation has momentum 0.9: with Keras' 0.99 a few epochs leave the running statistics behind and accuracy at
chance.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from tinykit.train.architecture.sketching import sketch
from tinykit.train.architecture.value import Architecture, Pair, lay
from tinykit.train.keras import load_keras

_MOMENTUM = 0.9
_NAMES = {
    "Conv2D": "conv", "DepthwiseConv2D": "depthwise", "BatchNormalization": "norm", "ReLU": "relu", "Dense": "dense",
    "MaxPooling2D": "pool", "AveragePooling2D": "average", "Flatten": "flatten", "Dropout": "drop", "Add": "add",
    "LSTM": "lstm", "Reshape": "reshape", "Cropping1D": "last", "Cropping2D": "last",
}  # fmt: skip
_KINDS = {name: kind for kind, name in _NAMES.items()}


def build_architecture(
    architecture: Architecture, *, input_shape: tuple[int, ...], classes: int, seed: int = 0, name: str = "network",
    activation: str = "softmax"
) -> Any:  # fmt: skip
    """The tf-keras model of an architecture, weights drawn with `seed`, not compiled.

    Parameters
    ----------
    architecture, input_shape, classes : as in `sketch`.
    seed, name : of all that is drawn; of the model.
    activation : of the outputs, "softmax" or "linear".

    Raises
    ------
    ParameterError : as `sketch`.
    KerasVersionError, MissingPackageError : as `load_keras`.
    """
    sketch(architecture, input_shape=input_shape, classes=classes)
    keras = load_keras()
    keras.utils.set_random_seed(seed)
    start = keras.layers.Input(input_shape, name="input_1")
    end = lay(_KerasLayers(keras.layers), start, architecture, classes, activation=activation)
    return keras.Model(start, end, name=name)


class _KerasLayers:
    """What `lay` asks for, in tf-keras, and its layers, numbered by name: Keras itself numbers by process."""

    def __init__(self, layers: Any) -> None:
        self._layers = layers
        self._count: Counter[str] = Counter()

    def __getattr__(self, asked: str) -> Callable[..., Any]:
        def put(x: Any, *arguments: Any, **options: Any) -> Any:
            self._count[name] += 1
            return getattr(self._layers, kind)(*arguments, name=f"{name}_{self._count[name]}", **options)(x)

        kind = _KINDS.get(asked, asked)
        name = _NAMES[kind]
        return put

    def _normalise(self, x: Any, activation: str) -> Any:
        x = self.norm(x, momentum=_MOMENTUM)
        return self.relu(x) if activation == "relu" else x

    def conv(self, x: Any, width: int, kernel: Pair, stride: int, activation: str = "relu") -> Any:
        x = self.Conv2D(x, width, kernel, stride, padding="same", use_bias=activation == "plain")
        return x if activation == "plain" else self._normalise(x, activation)

    def depthwise(self, x: Any, kernel: Pair, stride: int) -> Any:
        return self._normalise(self.DepthwiseConv2D(x, kernel, stride, padding="same", use_bias=False), "relu")

    def join(self, x: Any, y: Any) -> Any:
        return self.relu(self.add([x, y]))

    def last(self, x: Any) -> Any:
        before = (x.shape[1] - 1, 0)
        return self.Cropping1D(x, before) if len(x.shape) == 3 else self.Cropping2D(x, (before, (0, 0)))

    def lstm(self, x: Any, units: int) -> Any:
        return self.LSTM(x, units, return_sequences=True)

    def dense(self, x: Any, width: int, activation: str) -> Any:
        if activation == "relu":
            return self._normalise(self.Dense(x, width), activation)
        return self.Dense(x, width, activation=activation)

    def drop(self, x: Any, share: float) -> Any:
        return self.Dropout(x, share) if share else x
