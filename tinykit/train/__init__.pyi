from tinykit.train.compress import (
    RECIPE as RECIPE,
)
from tinykit.train.compress import (
    Bar as Bar,
)
from tinykit.train.compress import (
    Clustered as Clustered,
)
from tinykit.train.compress import (
    GridPreview as GridPreview,
)
from tinykit.train.compress import (
    History as History,
)
from tinykit.train.compress import (
    KeptChannels as KeptChannels,
)
from tinykit.train.compress import (
    LayerClusters as LayerClusters,
)
from tinykit.train.compress import (
    LayerSensitivity as LayerSensitivity,
)
from tinykit.train.compress import (
    LayerSparsity as LayerSparsity,
)
from tinykit.train.compress import (
    Progress as Progress,
)
from tinykit.train.compress import (
    Pruned as Pruned,
)
from tinykit.train.compress import (
    PruningPreview as PruningPreview,
)
from tinykit.train.compress import (
    Quantised as Quantised,
)
from tinykit.train.compress import (
    Recipe as Recipe,
)
from tinykit.train.compress import (
    Slimmed as Slimmed,
)
from tinykit.train.compress import (
    Trained as Trained,
)
from tinykit.train.compress import (
    Training as Training,
)
from tinykit.train.compress import (
    UnsupportedLayer as UnsupportedLayer,
)
from tinykit.train.compress import (
    as_conv2d as as_conv2d,
)
from tinykit.train.compress import (
    cluster as cluster,
)
from tinykit.train.compress import (
    count_clusters as count_clusters,
)
from tinykit.train.compress import (
    count_macs as count_macs,
)
from tinykit.train.compress import (
    count_zeros as count_zeros,
)
from tinykit.train.compress import (
    evaluate as evaluate,
)
from tinykit.train.compress import (
    fold_batchnorm as fold_batchnorm,
)
from tinykit.train.compress import (
    holds_pattern as holds_pattern,
)
from tinykit.train.compress import (
    keep_conversion as keep_conversion,
)
from tinykit.train.compress import (
    keep_model as keep_model,
)
from tinykit.train.compress import (
    predict as predict,
)
from tinykit.train.compress import (
    preview_grid as preview_grid,
)
from tinykit.train.compress import (
    preview_pruning as preview_pruning,
)
from tinykit.train.compress import (
    prune as prune,
)
from tinykit.train.compress import (
    prune_channels as prune_channels,
)
from tinykit.train.compress import (
    quantise_aware as quantise_aware,
)
from tinykit.train.compress import (
    scan_sensitivity as scan_sensitivity,
)
from tinykit.train.compress import (
    suggest_sparsity as suggest_sparsity,
)
from tinykit.train.compress import (
    train as train,
)
from tinykit.train.compress import (
    unsupported_layers as unsupported_layers,
)
from tinykit.train.conversion import (
    PRECISIONS as PRECISIONS,
)
from tinykit.train.conversion import (
    Conversion as Conversion,
)
from tinykit.train.conversion import (
    KerasFile as KerasFile,
)
from tinykit.train.conversion import (
    check_representative as check_representative,
)
from tinykit.train.conversion import (
    convert as convert,
)
from tinykit.train.conversion import (
    convert_all as convert_all,
)
from tinykit.train.conversion import (
    inspect_keras_file as inspect_keras_file,
)
from tinykit.train.conversion import (
    load_model as load_model,
)
from tinykit.train.conversion import (
    save_model as save_model,
)
from tinykit.train.datasets import (
    EVERYONE as EVERYONE,
)
from tinykit.train.datasets import (
    Accuracy as Accuracy,
)
from tinykit.train.datasets import (
    Breakdown as Breakdown,
)
from tinykit.train.datasets import (
    DataCard as DataCard,
)
from tinykit.train.datasets import (
    Dataset as Dataset,
)
from tinykit.train.datasets import (
    Difference as Difference,
)
from tinykit.train.datasets import (
    Normalisation as Normalisation,
)
from tinykit.train.datasets import (
    Split as Split,
)
from tinykit.train.datasets import (
    break_down as break_down,
)
from tinykit.train.datasets import (
    card_names as card_names,
)
from tinykit.train.datasets import (
    deal_windows as deal_windows,
)
from tinykit.train.datasets import (
    load_dataset as load_dataset,
)
from tinykit.train.datasets import (
    paired_difference as paired_difference,
)
from tinykit.train.datasets import (
    parts_of as parts_of,
)
from tinykit.train.datasets import (
    read_card as read_card,
)
from tinykit.train.datasets import (
    read_folder as read_folder,
)
from tinykit.train.datasets import (
    read_npz as read_npz,
)
from tinykit.train.datasets import (
    read_samples as read_samples,
)
from tinykit.train.datasets import (
    score_by_group as score_by_group,
)
from tinykit.train.datasets import (
    score_predictions as score_predictions,
)
from tinykit.train.datasets import (
    tasks as tasks,
)
from tinykit.train.datasets import (
    wilson_interval as wilson_interval,
)
from tinykit.train.keras import (
    load_keras as load_keras,
)
from tinykit.train.keras import (
    load_tensorflow as load_tensorflow,
)
from tinykit.train.keras import (
    load_tfmot as load_tfmot,
)
from tinykit.train.keras import (
    quiet as quiet,
)
from tinykit.train.keras import (
    require_model as require_model,
)
from tinykit.train.zoo import NETWORKS as NETWORKS
from tinykit.train.zoo import Network as Network
from tinykit.train.zoo import build_network as build_network
from tinykit.train.zoo import networks as networks
