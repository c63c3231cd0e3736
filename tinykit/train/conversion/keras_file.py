"""Keras files from strangers: looked at without TensorFlow, refused if they could run code.

A `.h5` or `.keras` file describes its layers in JSON. Loading one resolves class names, and modules named in the file
are imported, so only names on the lists below get through: layers, initialisers and the wrappers of tfmot. Lambda
layers carry byte code, TensorFlow operators other than arithmetic can touch files: neither is loaded, ever.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinykit.ground.errors import KerasVersionError, ModelError
from tinykit.ground.results import Result
from tinykit.train.conversion.containers import copy_file, pack_archive, read_archive, read_h5

SUFFIXES = (".h5", ".hdf5", ".keras")
_MODULES = re.compile(
    r"(keras|tf_keras)(\.(layers|initializers|regularizers|constraints|models|activations|src\.[a-z_.]+))?$"
)
_TFMOT = "tensorflow_model_optimization.python.core."
_OPERATORS = re.compile(
    r"((math|nn)\.[a-z0-9_]+|__operators__\.(add|getitem)|reshape|concat|stack|squeeze|expand_dims|pad)$"
)
LAYERS = frozenset(
    "Functional Model Sequential InputLayer Activation Dense Conv1D Conv2D Conv2DTranspose DepthwiseConv1D "
    "DepthwiseConv2D SeparableConv1D SeparableConv2D MaxPooling1D MaxPooling2D AveragePooling1D AveragePooling2D "
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D ZeroPadding1D ZeroPadding2D "
    "Cropping1D Cropping2D UpSampling1D UpSampling2D Reshape Permute Flatten RepeatVector Dropout SpatialDropout1D "
    "SpatialDropout2D GaussianNoise Softmax ReLU LeakyReLU PReLU ELU BatchNormalization LayerNormalization "
    "UnitNormalization Normalization Rescaling Add Subtract Multiply Average Maximum Minimum Concatenate Dot LSTM GRU "
    "SimpleRNN LSTMCell GRUCell SimpleRNNCell RNN Bidirectional TimeDistributed Embedding MultiHeadAttention Attention "
    "Masking ActivityRegularization TFOpLambda SlicingOpLambda".split()
)
_PARTS = frozenset(
    "Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal Identity GlorotNormal "
    "GlorotUniform HeNormal HeUniform LecunNormal LecunUniform L1 L2 L1L2 MaxNorm MinMaxNorm NonNeg UnitNorm "
    "Policy".split()
)
PRUNING = frozenset(["PruneLowMagnitude", "ConstantSparsity", "PolynomialDecay"])
QUANTISATION = frozenset(
    "QuantizeLayer QuantizeWrapper QuantizeWrapperV2 QuantizeAwareActivation NoOpActivation AllValuesQuantizer "
    "LastValueQuantizer MovingAverageQuantizer Default8BitQuantizeConfig Default8BitConvQuantizeConfig "
    "Default8BitOutputQuantizeConfig Default8BitConvTransposeQuantizeConfig Default8BitConvWeightsQuantizer "
    "Default8BitConvTransposeWeightsQuantizer NoOpQuantizeConfig PrunePreserveDefault8BitWeightsQuantizer "
    "PrunePreserveDefault8BitConvWeightsQuantizer PrunePreserveDefault8BitConvTransposeWeightsQuantizer".split()
)


@dataclass(frozen=True, slots=True)
class KerasFile(Result):
    """What a Keras file says of its model, before anything is loaded.

    Parameters
    ----------
    path, keras_version : the file, and the Keras that wrote it.
    layers : (class name, name) of each layer, nested ones included.
    input_shapes : shape of each input without batch, None where the file leaves a size open.
    quantised, pruned : whether wrappers of QAT or of pruning are in it.
    unrolled : names of recurrent layers that are unrolled.
    """

    path: Path
    keras_version: str
    layers: tuple[tuple[str, str], ...]
    input_shapes: tuple[tuple[int | None, ...], ...]
    quantised: bool
    pruned: bool
    unrolled: tuple[str, ...]


def inspect_keras_file(path: str | Path) -> KerasFile:
    """Read what a `.h5` or `.keras` file claims to be; neither TensorFlow nor any code of the file is run.

    Raises
    ------
    ModelError : unreadable or truncated, weights only, a Lambda layer, a custom layer or function, two containers in
        one file, data in other files, links, or sizes that no model has.
    KerasVersionError : written by Keras 3.
    MissingPackageError : h5py is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="tinykit-keras-") as folder:
        return copy_inspected(path, Path(folder))[0]


def copy_inspected(path: str | Path, folder: Path) -> tuple[KerasFile, Path]:
    """What `inspect_keras_file` says, and the copy it looked at: the only one to load, since a file can change.

    Parameters
    ----------
    path : the stranger's file; which container it is, its bytes say.
    folder : where the copy is left, as `model.h5` or `model.keras`; it must be the caller's alone.
    """
    source = Path(path)
    if source.suffix.lower() not in SUFFIXES:
        raise ModelError(f"{source.name}: not a Keras file by its name; allowed: {', '.join(SUFFIXES)}")
    if not source.is_file():
        raise ModelError(f"{source}: no such file")
    copy = copy_file(source, folder)
    if copy.suffix == ".h5":
        stated = read_h5(copy, source.name)
        if stated["config"] is None:
            raise ModelError(f"{source.name}: holds no model_config (weights alone?); save the whole model, model.save")
        version, config = stated["version"] or "2", _parse(source, stated["config"])
        return _inspect(source, version, config), copy
    config, metadata = (_parse(source, _text(part)) for part in read_archive(copy, folder, source.name))
    version = str(metadata.get("keras_version", "2")) if isinstance(metadata, dict) else "2"
    found = _inspect(source, version, config)
    read_h5(folder / "model.weights.h5", source.name)
    return found, pack_archive(folder, config, metadata, source.name)


def _inspect(source: Path, version: str, config: Any) -> KerasFile:
    if version.partition(".")[0].isdigit() and int(version.partition(".")[0]) >= 3:
        raise KerasVersionError(
            f"{source.name} was saved by Keras {version}; this kit reads models of tf-keras 2.\n"
            "Build the network with `import tf_keras`, copy its weights layer by layer, and save it again"
        )
    if isinstance(config, dict):
        config.pop("compile_config", None)  # optimiser and loss: never loaded
    try:
        found = tuple(_objects(config))
    except RecursionError as error:
        raise ModelError(f"{source.name}: its layers are nested too deep to be a model") from error
    for item in found:
        _check_object(source.name, item)
    return _describe(source, version, found)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _parse(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name}: its description is not JSON ({str(error)[:80]})") from error


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "class_name" in node:
            yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)


def _check_object(file: str, item: dict[str, Any]) -> None:
    kind, module = str(item["class_name"]), item.get("module")
    config = item.get("config")
    if "lambda" in kind.lower() and kind not in LAYERS:
        raise ModelError(f"{file}: holds a {kind}, which is code; it is not loaded. Write it with ordinary layers")
    if kind in QUANTISATION | PRUNING:
        trusted = module is None or str(module).startswith(_TFMOT)
    else:
        trusted = kind in LAYERS | _PARTS and (module is None or bool(_MODULES.match(str(module))))
    if not trusted:
        origin = f" of module {module}" if module else ""
        raise ModelError(f"{file}: holds custom {kind[:60]!r}{origin}, which is code; use layers of tf-keras alone")
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        called = str(config.get("function")) if isinstance(config, dict) else ""
        if not _OPERATORS.match(called):
            raise ModelError(f"{file}: calls the TensorFlow function {called[:60]!r}; only arithmetic is loaded")


def _describe(path: Path, version: str, found: tuple[dict[str, Any], ...]) -> KerasFile:
    layers, shapes, unrolled = [], [], []
    for item in found:
        config = item.get("config") if isinstance(item.get("config"), dict) else {}
        kind, name = str(item["class_name"]), str((config or {}).get("name", ""))
        if kind in LAYERS or kind in PRUNING or (kind in QUANTISATION and "name" in (config or {})):
            layers.append((kind, name))
        if kind == "InputLayer":
            shapes.append(_sizes((config or {}).get("batch_input_shape")))
        if (config or {}).get("unroll") is True:
            unrolled.append(name)
    kinds = {kind for kind, _ in layers}
    return KerasFile(
        path, version, tuple(layers), tuple(shapes), bool(kinds & QUANTISATION), bool(kinds & PRUNING), tuple(unrolled)
    )


def _sizes(shape: Any) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in shape[1:]) if isinstance(shape, list) else ()
