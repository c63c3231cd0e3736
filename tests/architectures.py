"""Random architectures, the converted twin of each, and what a board asks of both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinykit.budget.assessment.chain import assess
from tinykit.ground.errors import ParameterError
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.train.architecture.building import build_architecture
from tinykit.train.architecture.sketching import sketch
from tinykit.train.architecture.value import HEADS, Architecture, Block

BOARD = "nucleo-l4r5zi"
FIGURES = ("arena", "flash", "latency", "energy")
INPUTS = ((100, 1, 6), (50, 1, 3), (29, 12, 1), (49, 10, 1), (32, 32, 3), (28, 28, 1), (64,))


@dataclass(frozen=True)
class Case:
    architecture: Architecture
    input_shape: tuple[int, ...]
    classes: int

    def sketch(self, precision: str = "int8") -> ModelGraph:
        shape = {"input_shape": self.input_shape, "classes": self.classes}
        return read(sketch(self.architecture, **shape, precision=precision))

    def samples(self) -> np.ndarray:
        return np.random.default_rng(0).normal(0, 1, (16, *self.input_shape)).astype(np.float32)

    def build(self) -> Any:
        """The tf-keras model as if it were trained: statistics and biases are not those it began with."""
        model = build_architecture(self.architecture, input_shape=self.input_shape, classes=self.classes)
        rng = np.random.default_rng(0)
        for layer in model.layers:
            for one in layer.weights:
                if one.shape.rank == 1:
                    low = 0.5 if "gamma" in one.name or "variance" in one.name else -0.3
                    one.assign(rng.uniform(low, low + 0.6, one.shape))
        return model


def draw_case(seed: int) -> Case:
    """A network of up to six blocks that its input has room for; each seed another."""
    rng = np.random.default_rng(seed)
    while True:
        shape = INPUTS[seed % len(INPUTS)]
        dense = [Block("dense", int(rng.integers(1, 40))) for _ in range(rng.integers(0, 3))]
        blocks = [draw_block(rng, shape) for _ in range(rng.integers(1, 5))] if len(shape) > 1 else []
        network = Architecture((*blocks, *dense), str(rng.choice(HEADS)), float(rng.choice([0, 0.3])))
        case = Case(network, shape, int(rng.integers(2, 13)))
        try:
            case.sketch()
        except ParameterError:  # pooled away
            continue
        return case


def draw_block(rng: np.random.Generator, shape: tuple[int, ...]) -> Block:
    kind = str(rng.choice(["conv", "conv", "separable", "separable", "residual", "lstm"]))
    width, pool = int(rng.choice([1, 4, 8, 12, 16, 24, 31, 48])), int(rng.choice([1, 1, 2, 3]))
    if kind == "lstm":
        return Block(kind, min(width, 12), pool=pool)
    kernels = [3, 5, 7, 9, 4] if shape[1] == 1 else [3, 1, 5, (10, 4)]
    return Block(kind, width, kernels[int(rng.integers(len(kernels)))], int(rng.choice([1, 1, 2, 3])), pool)


def figures(graph: ModelGraph) -> dict[str, float]:
    """Arena and flash [byte], latency [s] and energy [J] on a board."""
    fit = assess(graph, BOARD, use_engine=False).fit
    told = (fit.arena_bytes, fit.flash_bytes, fit.latency_s, fit.energy_per_inference_j)
    return dict(zip(FIGURES, [one.value for one in told], strict=True))


def calls(graph: ModelGraph) -> list[tuple[Any, ...]]:
    """What an interpreter runs: each operator with its options, and shape, type and scales of what it reads."""
    return [(one.version, one.activation, one.options, graph.call(one)) for one in graph.operators]


def differences(made: ModelGraph, twin: ModelGraph) -> dict[str, float]:
    """How far a sketch is from its twin: arena [byte], the rest as a share."""
    ours, theirs = figures(made), figures(twin)
    shares = {name: ours[name] / theirs[name] - 1 for name in FIGURES}
    return shares | {"arena": ours["arena"] - theirs["arena"]}


def named_bytes(graph: ModelGraph) -> tuple[Counter[str], int]:
    """Operators of a converted file, and its bytes beside constants and scales: names above all."""
    held = sum(one.data_bytes + 12 * len(one.scales) for one in graph.tensors)
    return Counter(one.name for one in graph.operators), graph.flatbuffer_bytes - held
