"""Networks as Keras 3 saves them, made by Keras 3 itself: `python -m tests.keras3_models FOLDER`, a process of its own.

Each is saved as `.keras` and `.h5` with random weights; its samples and its outputs on them stand in an `.npz` beside.
Nothing here imports Keras until it is run: a process of tests works with tf-keras.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CARRIED: dict[str, Callable[[Any], Any]] = {}
LOST: dict[str, Callable[[Any], Any]] = {}
EXPORTED = ("mixed", "ordered", "pair", "loop")


def carried(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    CARRIED[function.__name__] = function
    return function


def lost(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    LOST[function.__name__] = function
    return function


@carried
def mixed(k: Any) -> Any:
    """A small classifier with preprocessing, noise and augmentation that training alone uses."""
    layers = k.layers
    head = [layers.Rescaling([0.5, 2.0], offset=[0.0, 1.0]), layers.RandomFlip(), layers.GaussianNoise(0.1)]
    body = [layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2", kernel_initializer="he_normal")]
    body += [layers.BatchNormalization(), layers.ReLU(6.0), layers.Dropout(0.2, seed=3), layers.MaxPooling2D()]
    tail = [layers.SpatialDropout2D(0.1), layers.Identity(), layers.Flatten(), layers.AlphaDropout(0.1)]
    return k.Sequential([layers.Input((8, 8, 2)), *head, *body, *tail, layers.Dense(3, activation="softmax")])


@carried
def pair(k: Any) -> Any:
    """Two inputs, functions between layers, a sub-model."""
    a, b = k.layers.Input((8,), name="a"), k.layers.Input((8,), name="b")
    x, y = k.layers.Dense(8, activation="relu")(a), k.layers.Dense(8)(b)
    z = k.layers.Concatenate()([2.0 - (x + y) * 3.0, x / 4.0])
    sub = [k.layers.Input((16,)), k.layers.Dense(4), k.layers.BatchNormalization(), k.layers.Dense(3)]
    return k.Model([a, b], k.Sequential(sub, name="sub")(z))


@carried
def residual(k: Any) -> Any:
    """Convolutions of one shape in several places, so that an order of weights can be wrong."""
    layers, start = k.layers, k.layers.Input((8, 8, 4))
    x = start
    for _ in range(2):
        y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
        y = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(y))
        x = layers.ReLU()(x + y)
    return k.Model(start, layers.Dense(3)(layers.GlobalMaxPooling2D()(x)))


@carried
def nested(k: Any) -> Any:
    """A network in a network in a network, called twice, with trained and moving weights in turn."""
    layers = k.layers
    i, j, start = layers.Input((6,)), layers.Input((6,)), layers.Input((6,))
    inner = k.Model(
        i, layers.Add()([layers.Dense(6)(i), layers.BatchNormalization()(layers.Dense(6)(i))]), name="inner"
    )
    middle = k.Model(j, layers.Dense(6, activation="tanh")(inner(j)), name="middle")
    return k.Model(start, layers.Dense(2)(middle(middle(start))))


@carried
def frozen(k: Any) -> Any:
    base = residual(k)
    base.trainable = False
    start = k.layers.Input((8, 8, 4))
    return k.Model(start, k.layers.Dense(2)(base(start)))


@carried
def shared(k: Any) -> Any:
    """Outputs by name, one layer for both, the hard sigmoid of Keras 3."""
    left, right = k.layers.Input((5,), name="left"), k.layers.Input((5,), name="right")
    dense = k.layers.Dense(4, activation="hard_sigmoid")
    apart = k.layers.Subtract()([dense(left), dense(right)])
    return k.Model([left, right], {"apart": apart, "both": k.layers.Concatenate()([dense(left), right])})


@carried
def hard(k: Any) -> Any:
    start = k.layers.Input((8, 8, 3))
    x = k.layers.DepthwiseConv2D(3, activation="hard_sigmoid")(k.layers.Conv2D(4, 3, activation="hard_swish")(start))
    return k.Model(start, k.layers.Flatten()(x))


@carried
def activations(k: Any) -> Any:
    named = "elu selu gelu swish softplus softsign mish exponential leaky_relu relu6 sigmoid tanh".split()
    dense = [k.layers.Dense(8, activation=name) for name in named]
    slopes = [k.layers.LeakyReLU(negative_slope=0.2), k.layers.LeakyReLU(), k.layers.PReLU(), k.layers.ELU(0.5)]
    own = k.layers.Dense(8, activation=k.layers.LeakyReLU(negative_slope=0.3))
    last = [k.layers.Activation("hard_silu"), k.layers.Activation("log_softmax"), k.layers.Softmax()]
    return k.Sequential([k.layers.Input((9,)), *dense, own, *slopes, *last])


@carried
def conv1d(k: Any) -> Any:
    layers = k.layers
    first = [layers.ZeroPadding1D(2), layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu")]
    then = [layers.SeparableConv1D(4, 3), layers.DepthwiseConv1D(3), layers.MaxPooling1D(2), layers.AveragePooling1D(2)]
    last = [layers.UpSampling1D(2), layers.Cropping1D(1), layers.Conv1DTranspose(3, 3), layers.GlobalAveragePooling1D()]
    return k.Sequential([layers.Input((30, 3)), *first, *then, *last])


@carried
def images(k: Any) -> Any:
    layers = k.layers
    first = [layers.ZeroPadding2D(((1, 0), (0, 1))), layers.SeparableConv2D(4, 3, strides=2, padding="same")]
    then = [layers.AveragePooling2D(2), layers.UpSampling2D(2, interpolation="bilinear"), layers.UpSampling2D(2)]
    wide = [layers.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1), layers.Cropping2D(1)]
    last = [layers.Permute((2, 1, 3)), layers.Reshape((-1, 2)), layers.LayerNormalization(), layers.UnitNormalization()]
    pool = layers.GlobalAveragePooling1D(keepdims=True)
    return k.Sequential([layers.Input((8, 8, 3)), *first, *then, *wide, *last, pool])


@carried
def normalised(k: Any) -> Any:
    adapted = k.layers.Normalization()
    adapted.adapt(np.random.default_rng(1).normal(3.0, 2.0, (50, 5)))
    given = k.layers.Normalization(mean=[1.0, 2, 3, 4, 5], variance=[1.0, 1, 2, 2, 3])
    return k.Sequential([k.layers.Input((5,)), adapted, given, k.layers.Dense(2)])


@carried
def recurrent(k: Any) -> Any:
    layers = k.layers
    first = [layers.LSTM(4, return_sequences=True, go_backwards=True), layers.SimpleRNN(4, return_sequences=True)]
    then = [
        layers.RNN(layers.LSTMCell(3), return_sequences=True),
        layers.Bidirectional(layers.GRU(3), merge_mode="sum"),
    ]
    last = [layers.RepeatVector(3), layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)]
    return k.Sequential([layers.Input((6, 3)), *first, *then, *last])


@carried
def frames(k: Any) -> Any:
    layers = k.layers
    inner = k.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Flatten()])
    return k.Sequential([layers.Input((4, 8, 8, 1)), layers.TimeDistributed(inner), layers.GRU(3, reset_after=False)])


@carried
def gru(k: Any) -> Any:
    return k.Sequential([k.layers.Input((6, 3)), k.layers.GRU(4), k.layers.Dense(2)])


@carried
def states(k: Any) -> Any:
    start = k.layers.Input((6, 3))
    x, h, c = k.layers.LSTM(4, return_sequences=True, return_state=True)(start)
    return k.Model(start, k.layers.LSTM(4)(x, initial_state=[h, c]))


@carried
def masked(k: Any) -> Any:
    start = k.layers.Input((10, 3))
    return k.Model(start, k.layers.Dense(2)(k.layers.LSTM(4)(k.layers.Masking()(start))))


@carried
def words(k: Any) -> Any:
    start = k.layers.Input((10,), dtype="int32")
    return k.Model(start, k.layers.Dense(2)(k.layers.LSTM(4)(k.layers.Embedding(20, 6, mask_zero=True)(start))))


@carried
def functions(k: Any) -> Any:
    start, o = k.layers.Input((4, 6, 2)), k.ops
    x = o.squeeze(o.expand_dims(o.mean(start, axis=1), -1), -1)
    y = o.transpose(o.transpose(o.max(start, axis=1), (0, 2, 1)), (0, 2, 1))
    x = o.concatenate([x, y], axis=-1)
    x = o.hard_swish(o.maximum(x, o.abs(x)))
    return k.Model(start, [o.softmax(-o.reshape(x, (-1, 24))[:, ::2]), o.sigmoid(o.sum(y, axis=(1, 2)))])


@carried
def attention(k: Any) -> Any:
    q, v = k.layers.Input((6, 8)), k.layers.Input((5, 8))
    return k.Model([q, v], [k.layers.MultiHeadAttention(2, 4)(query=q, value=v), k.layers.Attention()([q, v])])


@carried
def half(k: Any) -> Any:
    return k.Sequential([k.layers.Input((5,)), k.layers.Dense(4, dtype="mixed_float16"), k.layers.Dense(2)])


@carried
def fixed(k: Any) -> Any:
    """A batch size in the file."""
    start = k.layers.Input(batch_shape=(1, 8))
    return k.Model(start, k.layers.Dense(2)(start))


@carried
def ordered(k: Any) -> Any:
    """A classifier of the shipped data set that pruning and quantisation-aware training take."""
    layers = k.layers
    first = [layers.Conv2D(4, (5, 1), strides=(2, 1)), layers.BatchNormalization(), layers.ReLU()]
    return k.Sequential([layers.Input((100, 1, 6)), *first, layers.Flatten(), layers.Dense(7, activation="softmax")])


@carried
def branched(k: Any) -> Any:
    """The same as a Functional, with a sum behind a convolution."""
    layers, start = k.layers, k.layers.Input((100, 1, 6))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, (5, 1), strides=(2, 1))(start)))
    x = x + layers.Conv2D(4, (3, 1), padding="same", activation="relu")(x)
    return k.Model(start, layers.Dense(7, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


@lost
def newer(k: Any) -> Any:
    layers = k.layers
    some = [layers.Resizing(4, 4, name="small"), layers.GroupNormalization(1, name="groups")]
    more = [layers.Dense(3, activation="hard_tanh", name="dense"), layers.BatchNormalization(renorm=True, name="again")]
    return k.Sequential([layers.Input((8, 8, 3)), *some, *more])


@lost
def quantised(k: Any) -> Any:
    model = k.Sequential([k.layers.Input((8,)), k.layers.Dense(4, name="small")])
    model.quantize("int8")
    return model


@lost
def inside(k: Any) -> Any:
    """The hard sigmoid where it cannot be spelt out: between the steps of a loop, and in a layer of a wrapper."""
    wrapped = k.layers.TimeDistributed(k.layers.Dense(3, activation="hard_silu", name="dense"))
    steps = [k.layers.SimpleRNN(3, activation="hard_sigmoid", return_sequences=True, name="steps")]
    memory = k.layers.LSTM(3, recurrent_activation="hard_sigmoid", name="memory")
    return k.Sequential([k.layers.Input((4, 2)), wrapped, *steps, memory])


@lost
def sums(k: Any) -> Any:
    start = k.layers.Input((3,))
    return k.Model(start, k.ops.cumsum(start, axis=1))


@lost
def kept(k: Any) -> Any:
    return k.Sequential([k.layers.Input(batch_shape=(1, 8, 2)), k.layers.LSTM(3, stateful=True, name="memory")])


@lost
def code(k: Any) -> Any:
    return k.Sequential([k.layers.Input((3,)), k.layers.Lambda(lambda x: x * 2)])


@lost
def own(k: Any) -> Any:
    mine = k.saving.register_keras_serializable("mine")(type("Dense", (k.layers.Dense,), {}))
    return k.Sequential([k.layers.Input((3,)), mine(2)])


def loop(k: Any) -> Any:
    return k.Sequential([k.layers.Input((6, 3)), k.layers.LSTM(4)])


def save(k: Any, folder: Path, name: str, model: Any) -> None:
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "float" in str(weight.dtype) and name != "normalised":  # what was adapted is not to be moved
            weight.assign(weight + rng.uniform(0.0, 0.2, weight.shape))
    shapes = [(5, *one.shape[1:]) for one in model.inputs]
    samples = [rng.integers(0, 20, one) if name == "words" else rng.standard_normal(one) for one in shapes]
    samples = [one.astype("float32") for one in samples]
    for one in samples:
        one[0, one.shape[1] // 2 :] = 0.0
    if name == "ordered":  # as it is after training, with optimiser, loss and metrics
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(samples[0], np.arange(5), verbose=0)
    model.save(folder / f"{name}.keras")
    model.save(folder / f"{name}.h5")
    if name in CARRIED:
        given = samples if len(samples) > 1 else samples[0]
        outputs = [np.asarray(one, "float32") for one in k.tree.flatten(model(given, training=False))]
        found = {f"x{index}": one for index, one in enumerate(samples)}
        np.savez(folder / f"{name}.npz", **found, **{f"y{index}": one for index, one in enumerate(outputs)})


def main(folder: Path) -> None:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    for name, build in {**CARRIED, **LOST}.items():
        keras.utils.set_random_seed(0)
        save(keras, folder, name, build(keras))
    for name in EXPORTED:
        build = CARRIED.get(name, loop)
        keras.utils.set_random_seed(0)
        build(keras).export(str(folder / f"{name}-exported"), verbose=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
