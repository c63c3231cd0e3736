"""Networks the field measures with, and four small ones of this kit, as tf-keras models; they stand in data/zoo.toml.

The four of MLPerf Tiny v1 (Banbury et al., "MLPerf Tiny Benchmark", NeurIPS 2021 datasets and benchmarks track;
github.com/mlcommons/tiny, training scripts) are equal to the published ones operator by operator once converted, with
weights drawn at random.
"""

from dataclasses import dataclass, field
from typing import Any

from tinykit.ground.errors import ModelError, ParameterError, look_up
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.results import Result
from tinykit.train.architecture.building import build_architecture
from tinykit.train.architecture.value import Architecture


@dataclass(frozen=True, slots=True)
class Network(Result):
    """What the zoo knows of a network.

    Parameters
    ----------
    name : for `build_network`.
    input_shape : (height, width, channels) or (features,).
    classes : outputs; those of the autoencoder are its reconstruction.
    macs : multiply-accumulates of one inference with these shapes.
    note : what it is for and where it is from.
    architecture : the network as a value.
    activation : of its outputs, "softmax" or "linear".
    """

    name: str
    input_shape: tuple[int, ...]
    classes: int
    macs: int
    note: str
    architecture: Architecture = field(repr=False, compare=False)
    activation: str = field(default="softmax", repr=False, compare=False)


def _read(told: dict[str, Any]) -> Network:
    shape, parts = tuple(told.pop("input_shape")), ("blocks", "head", "dropout")
    architecture = Architecture.from_json({name: told.pop(name) for name in parts if name in told})
    return Network(input_shape=shape, architecture=architecture, **told)


NETWORKS = tuple(_read(told) for told in read_toml(shipped_path("data", "zoo.toml"))["networks"])


def networks() -> tuple[Network, ...]:
    """Every network of the zoo."""
    return NETWORKS


def build_network(
    name: str, *, input_shape: tuple[int, ...] | None = None, classes: int | None = None, seed: int = 0
) -> Any:
    """A tf-keras model of the zoo, weights drawn with `seed`, not compiled.

    Parameters
    ----------
    name : one of `networks()`.
    input_shape, classes : those of the network if None; give them to use the same form on another task.
    seed : of all that is drawn.

    Raises
    ------
    ModelError : no such network.
    ParameterError : a shape or number of classes it cannot be built with.
    KerasVersionError, MissingPackageError : as `load_keras`.
    """
    known = {network.name: network for network in NETWORKS}
    network = look_up(name, known, f"no network {name!r} in the zoo", ModelError)
    shape = tuple(input_shape or network.input_shape)
    outputs = network.classes if classes is None else classes
    if len(shape) != len(network.input_shape) or min(shape) < 1 or outputs < 1:
        raise ParameterError(f"{name} of input {shape} and {outputs} classes; its own is {network.input_shape}")
    try:
        return build_architecture(
            network.architecture, input_shape=shape, classes=outputs, seed=seed, name=name.replace("-", "_"),
            activation=network.activation,
        )  # fmt: skip
    except ParameterError as error:
        raise ParameterError(f"{name} cannot take input {shape}: {error}") from error
