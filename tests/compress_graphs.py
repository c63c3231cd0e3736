"""Random small networks of every joint the channel pruning knows, for property tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinykit.train.keras import load_keras

BLOCKS = ("conv", "depthwise", "separable", "residual", "identity", "concatenate", "transpose", "pool", "rows")
ENDS = ("flatten", "average", "hidden")

recipes = st.tuples(
    st.integers(0, 2**16),
    st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=4),
    st.sampled_from(ENDS),
    st.booleans(),
)


def build_random(recipe: tuple[int, list[str], str, bool]) -> Any:
    """A network of input 6×5×2 with drawn weights, statistics of normalisation included."""
    seed, blocks, end, normal = recipe
    rng = np.random.default_rng(seed)
    layers = load_keras().layers
    start = x = layers.Input((6, 5, 2))
    x = conv(layers, x, rng, normal)
    for block in blocks:
        x = grow(layers, x, block, rng, normal)
    x = layers.GlobalAveragePooling2D()(x) if end == "average" else layers.Flatten()(x)
    if end == "hidden":
        x = layers.BatchNormalization()(layers.Dense(6, activation="relu")(x))
    model = load_keras().Model(start, layers.Dense(3, activation="softmax" if normal else None)(x))
    draw_weights(model, rng)
    return model


def conv(layers: Any, x: Any, rng: np.random.Generator, normal: bool, filters: int | None = None) -> Any:
    size = tuple(rng.integers(1, 4, 2).tolist())
    x = layers.Conv2D(filters or int(rng.integers(2, 7)), size, padding="same", use_bias=not normal)(x)
    return layers.ReLU()(layers.BatchNormalization()(x)) if normal else layers.ReLU()(x)


def grow(layers: Any, x: Any, block: str, rng: np.random.Generator, normal: bool) -> Any:
    channels = int(x.shape[-1])
    if block == "depthwise":
        x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=int(rng.integers(1, 3)))(x)
        return layers.ReLU()(layers.BatchNormalization()(x))
    if block == "separable":
        return layers.SeparableConv2D(4, 3, padding="same", depth_multiplier=2, activation="relu")(x)
    if block == "residual":
        return layers.ReLU()(layers.Add()([conv(layers, x, rng, normal, 5), conv(layers, x, rng, normal, 5)]))
    if block == "identity":
        return layers.Add()([x, conv(layers, x, rng, normal, channels)])
    if block == "concatenate":
        return layers.Concatenate()([x, conv(layers, x, rng, normal), x])
    if block == "transpose":
        return layers.Conv2DTranspose(3, 2, padding="same", activation="relu")(x)
    if block == "pool":
        return layers.ZeroPadding2D(1)(layers.Dropout(0.2)(layers.AveragePooling2D(2, 1)(x)))
    height, width = int(x.shape[1]), int(x.shape[2])
    return layers.Reshape((height, width, channels))(layers.PReLU()(layers.Reshape((height * width, channels))(x)))


def draw_weights(model: Any, rng: np.random.Generator) -> None:
    for layer in model.layers:
        drawn = []
        for weight in layer.weights:
            spread = (
                rng.uniform(0.5, 2.0, weight.shape) if "variance" in weight.name or "gamma" in weight.name else None
            )
            drawn.append(rng.normal(0, 0.5, weight.shape) if spread is None else spread)
        layer.set_weights(drawn)
