"""Training, pruning of weights and of whole channels, and quantisation-aware training of tf-keras models."""

from __future__ import annotations

from tinykit.train.compress.channels.slimming import KeptChannels, Slimmed, prune_channels
from tinykit.train.compress.channels.wiring import count_macs
from tinykit.train.compress.clustering import Clustered, LayerClusters, cluster, count_clusters
from tinykit.train.compress.preview import GridPreview, PruningPreview, preview_grid, preview_pruning
from tinykit.train.compress.pruning import LayerSparsity, Pruned, count_zeros, prune
from tinykit.train.compress.quantising import Quantised, quantise_aware
from tinykit.train.compress.recipe import RECIPE, Bar, Progress, Recipe, Training
from tinykit.train.compress.rewriting import as_conv2d
from tinykit.train.compress.sensitivity import LayerSensitivity, scan_sensitivity, suggest_sparsity
from tinykit.train.compress.staging import keep_conversion, keep_model
from tinykit.train.compress.support import UnsupportedLayer, fold_batchnorm, unsupported_layers
from tinykit.train.compress.training import History, Trained, evaluate, predict, train

__all__ = [
    "RECIPE", "Bar", "Clustered", "GridPreview", "History", "KeptChannels", "LayerClusters", "LayerSensitivity",
    "LayerSparsity", "Progress", "Pruned", "PruningPreview", "Quantised", "Recipe", "Slimmed", "Trained", "Training",
    "UnsupportedLayer", "as_conv2d", "cluster", "count_clusters", "count_macs", "count_zeros", "evaluate",
    "fold_batchnorm", "keep_conversion", "keep_model", "predict", "preview_grid", "preview_pruning", "prune",
    "prune_channels", "quantise_aware", "scan_sensitivity", "suggest_sparsity", "train", "unsupported_layers",
]  # fmt: skip
