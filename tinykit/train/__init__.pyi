from tinykit.train.architecture.building import build_architecture as build_architecture
from tinykit.train.architecture.sketching import sketch as sketch
from tinykit.train.architecture.value import Architecture as Architecture, Block as Block
from tinykit.train.compress.channels.slimming import (
    KeptChannels as KeptChannels,
    Slimmed as Slimmed,
    prune_channels as prune_channels,
)
from tinykit.train.compress.channels.wiring import count_macs as count_macs
from tinykit.train.compress.clustering import (
    Clustered as Clustered,
    LayerClusters as LayerClusters,
    cluster as cluster,
    count_clusters as count_clusters,
)
from tinykit.train.compress.gridding import grid as grid
from tinykit.train.compress.preview import (
    GridPreview as GridPreview,
    PruningPreview as PruningPreview,
    preview_grid as preview_grid,
    preview_pruning as preview_pruning,
)
from tinykit.train.compress.pruning import (
    LayerSparsity as LayerSparsity,
    Pruned as Pruned,
    count_zeros as count_zeros,
    prune as prune,
)
from tinykit.train.compress.quantising import Quantised as Quantised, quantise_aware as quantise_aware
from tinykit.train.compress.recipe import (
    RECIPE as RECIPE,
    Bar as Bar,
    Progress as Progress,
    Recipe as Recipe,
    Rung as Rung,
    Training as Training,
)
from tinykit.train.compress.resuming import TrainingStopped as TrainingStopped, after_stop as after_stop
from tinykit.train.compress.rewriting import as_conv2d as as_conv2d
from tinykit.train.compress.sensitivity import (
    LayerSensitivity as LayerSensitivity,
    scan_sensitivity as scan_sensitivity,
    suggest_sparsity as suggest_sparsity,
)
from tinykit.train.compress.staging import keep_conversion as keep_conversion, keep_model as keep_model
from tinykit.train.compress.support import (
    UnsupportedLayer as UnsupportedLayer,
    fold_batchnorm as fold_batchnorm,
    unsupported_layers as unsupported_layers,
)
from tinykit.train.compress.training import (
    History as History,
    Trained as Trained,
    evaluate as evaluate,
    predict as predict,
    train as train,
)
from tinykit.train.conversion.converting import (
    PRECISIONS as PRECISIONS,
    Conversion as Conversion,
    check_representative as check_representative,
    convert as convert,
    convert_all as convert_all,
)
from tinykit.train.conversion.keras_file import (
    KerasFile as KerasFile,
    inspect_keras_file as inspect_keras_file,
    load_model as load_model,
    save_model as save_model,
)
from tinykit.train.datasets.card import DataCard as DataCard, card_names as card_names, read_card as read_card
from tinykit.train.datasets.dataset import Dataset as Dataset, Normalisation as Normalisation, Split as Split
from tinykit.train.datasets.folding import fold_groups as fold_groups
from tinykit.train.datasets.own import (
    read_classes as read_classes,
    read_folder as read_folder,
    read_npz as read_npz,
    read_samples as read_samples,
)
from tinykit.train.datasets.scoring import (
    EVERYONE as EVERYONE,
    Accuracy as Accuracy,
    Breakdown as Breakdown,
    Difference as Difference,
    break_down as break_down,
    deal_windows as deal_windows,
    paired_difference as paired_difference,
    parts_of as parts_of,
    score_by_group as score_by_group,
    score_predictions as score_predictions,
    wilson_interval as wilson_interval,
)
from tinykit.train.datasets.shipped import load_dataset as load_dataset, tasks as tasks
from tinykit.train.fronts.bound import BoundFront as BoundFront
from tinykit.train.fronts.front import FEATURES as FEATURES, Front as Front
from tinykit.train.keras import (
    limit_threads as limit_threads,
    load_keras as load_keras,
    load_tensorflow as load_tensorflow,
    load_tfmot as load_tfmot,
    quiet as quiet,
    require_model as require_model,
)
from tinykit.train.zoo import (
    NETWORKS as NETWORKS,
    Network as Network,
    build_network as build_network,
    networks as networks,
)
