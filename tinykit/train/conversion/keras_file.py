"""Keras files: those from strangers looked at without TensorFlow and refused if they could run code; loaded and saved.

A `.h5` or `.keras` file describes its layers in JSON. Loading one resolves class names, and modules named in the file
are imported, so only names on the lists below get through: layers, initialisers and the wrappers of tfmot. Lambda
layers carry byte code, TensorFlow operators other than arithmetic can touch files: neither is loaded, ever.
"""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinykit.ground.errors import KerasVersionError, ModelError, OutputError
from tinykit.ground.results import Result
from tinykit.train.conversion.keras_containers import copy_file, pack_archive, read_archive, read_h5
from tinykit.train.keras import load_keras, load_tfmot, quiet, require_model

_SUFFIXES = (".h5", ".hdf5", ".keras")
_MODULES = re.compile(
    r"(keras|tf_keras)(\.(layers|initializers|regularizers|constraints|models|activations|src\.[a-z_.]+))?$"
)
_TFMOT = "tensorflow_model_optimization.python.core."
_OPERATORS = re.compile(
    r"((math|nn)\.[a-z0-9_]+|__operators__\.(add|getitem)|reshape|concat|stack|squeeze|expand_dims|pad)$"
)
_LAYERS = frozenset(
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
_PRUNING = frozenset(["PruneLowMagnitude", "ConstantSparsity", "PolynomialDecay"])
_QUANTISATION = frozenset(
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

    It is left as `model.h5` or `model.keras`, as its bytes say, in `folder`, which must be the caller's alone.
    """
    source = Path(path)
    if source.suffix.lower() not in _SUFFIXES:
        raise ModelError(f"{source.name}: not a Keras file by its name; allowed: {', '.join(_SUFFIXES)}")
    if not source.is_file():
        raise ModelError(f"{source}: no such file")
    copy = copy_file(source, folder)
    if copy.suffix == ".h5":
        stated = read_h5(copy, source.name)
        if stated["config"] is None:
            raise ModelError(f"{source.name}: holds no model_config (weights alone?); save the whole model, model.save")
        version, config = stated["version"] or "2", _parse(source, stated["config"])
        return _inspect(source, version, config), copy
    config, metadata = (
        _parse(source, part.decode("utf-8", "replace")) for part in read_archive(copy, folder, source.name)
    )
    version = str(metadata.get("keras_version", "2")) if isinstance(metadata, dict) else "2"
    found = _inspect(source, version, config)
    read_h5(folder / "model.weights.h5", source.name)
    return found, pack_archive(folder, config, metadata, source.name)


def load_model(path: str | Path) -> Any:
    """The tf-keras model of a `.h5` or `.keras` file, not compiled; a copy is inspected first, and that one is loaded.

    Raises
    ------
    ModelError : see `inspect_keras_file`, or its weights do not fit its layers.
    KerasVersionError : written by Keras 3, or Keras 3 is loaded in this process.
    """
    with tempfile.TemporaryDirectory(prefix="tinykit-keras-") as folder:
        found, copy = copy_inspected(path, Path(folder))
        return load_inspected(copy, found.path.name, quantised=found.quantised, pruned=found.pruned)


def load_inspected(copy: Path, name: str, *, quantised: bool, pruned: bool) -> Any:
    """The model of a copy that `copy_inspected` made, with what that found; `name` is the stranger's, for messages."""
    _refuse_qat_archive(name, copy.suffix, quantised)
    keras = load_keras()
    with contextlib.ExitStack() as scopes:
        if quantised or pruned:
            tfmot = load_tfmot()
            scopes.enter_context(tfmot.quantization.keras.quantize_scope())
            scopes.enter_context(tfmot.sparsity.keras.prune_scope())
        scopes.enter_context(quiet())
        try:
            return keras.models.load_model(str(copy), compile=False, safe_mode=True)
        except Exception as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ModelError(f"{name}: cannot be loaded ({reason}); save it again with model.save") from error


def save_model(model: Any, path: str | Path) -> Path:
    """Write a tf-keras model to `.h5` or `.keras`, the whole file or nothing; returns the path.

    Raises
    ------
    ModelError : not a tf-keras model, or a QAT model to `.keras` (tf-keras could not read it back).
    OutputError : the file cannot be written.
    """
    require_model(model)
    target = Path(path)
    if target.suffix.lower() not in _SUFFIXES:
        raise ModelError(f"{target.name}: a Keras file ends in one of {', '.join(_SUFFIXES)}")
    quantised = any(type(layer).__name__ in _QUANTISATION for layer in model.layers)
    _refuse_qat_archive(target.name, target.suffix, quantised)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".saving-") as folder:
            draft = Path(folder) / f"model{target.suffix.lower()}"
            with quiet():
                model.save(str(draft), **({} if draft.suffix == ".keras" else {"include_optimizer": False}))
            os.replace(draft, target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); choose another folder") from error
    return target


def _refuse_qat_archive(name: str, suffix: str, quantised: bool) -> None:
    if quantised and suffix.lower() == ".keras":
        raise ModelError(f"{name}: tf-keras cannot read a QAT model back from .keras; save it as .h5")


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


def _parse(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name}: its description is not JSON ({str(error)[:80]})") from error


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict) and "class_name" in node:
        yield node
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _objects(value)


def _check_object(file: str, item: dict[str, Any]) -> None:
    kind, module = str(item["class_name"]), item.get("module")
    config = item.get("config")
    if "lambda" in kind.lower() and kind not in _LAYERS:
        raise ModelError(f"{file}: holds a {kind}, which is code; it is not loaded. Write it with ordinary layers")
    if kind in _QUANTISATION | _PRUNING:
        trusted = module is None or str(module).startswith(_TFMOT)
    else:
        trusted = kind in _LAYERS | _PARTS and (module is None or bool(_MODULES.match(str(module))))
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
        kind, config = str(item["class_name"]), item.get("config")
        config = config if isinstance(config, dict) else {}
        name = str(config.get("name", ""))
        if kind in _LAYERS or kind in _PRUNING or (kind in _QUANTISATION and "name" in config):
            layers.append((kind, name))
        if kind == "InputLayer":
            shape = config.get("batch_input_shape")
            sizes = shape[1:] if isinstance(shape, list) else ()
            shapes.append(tuple(size if isinstance(size, int) else None for size in sizes))
        if config.get("unroll") is True:
            unrolled.append(name)
    kinds = {kind for kind, _ in layers}
    quantised, pruned = bool(kinds & _QUANTISATION), bool(kinds & _PRUNING)
    return KerasFile(path, version, tuple(layers), tuple(shapes), quantised, pruned, tuple(unrolled))
