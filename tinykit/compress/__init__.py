"""Training, pruning and quantisation-aware training of tf-keras models."""

from __future__ import annotations

from tinykit.compress.folding import fold_batchnorm
from tinykit.compress.progress import Bar, Progress
from tinykit.compress.pruning import LayerSparsity, Pruned, count_zeros, prune
from tinykit.compress.quantising import Quantised, quantise_aware
from tinykit.compress.recipe import RECIPE, Fit, Recipe
from tinykit.compress.support import UnsupportedLayer, unsupported_layers
from tinykit.compress.training import History, Trained, evaluate, predict, train

__all__ = [
    "RECIPE",
    "Bar",
    "Fit",
    "History",
    "LayerSparsity",
    "Progress",
    "Pruned",
    "Quantised",
    "Recipe",
    "Trained",
    "UnsupportedLayer",
    "count_zeros",
    "evaluate",
    "fold_batchnorm",
    "predict",
    "prune",
    "quantise_aware",
    "train",
    "unsupported_layers",
]
