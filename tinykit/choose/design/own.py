"""The main job on data of one's own: which network learns them, for how long, and what the record says of either."""

import runpy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinykit.ground import limits
from tinykit.ground.errors import ModelError, ParameterError, TinykitError, name_nearest
from tinykit.ground.facts import without_none
from tinykit.ground.writing import scratch
from tinykit.model.record import DesignRecord, Stage, hash_bytes
from tinykit.train.compress.recipe import RECIPE, Recipe
from tinykit.train.compress.training import check_fits
from tinykit.train.conversion.keras_file import load_model, save_model
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.keras import load_keras, require_model
from tinykit.train.zoo import NETWORKS

GIVEN = "given"
"""The stage of a network that came as a file."""
_STEPS, _MOST_EPOCHS = 500, 60
"""Of training, as the watch task's recipe takes; fewer leave a network of few samples at chance."""


def choose_network(data: Dataset) -> str:
    """The zoo's network whose form suits the samples: watch-cnn for signals, digits-cnn for images and spectrograms.

    And row-dense for a single row of features, such as the spectrum of a whole window.

    Raises ParameterError: samples too small for any of them.
    """
    height, width, _ = data.input_shape
    if width == 1 and height >= 8:
        return "watch-cnn"
    if min(height, width) >= 4:
        return "digits-cnn"
    if height == 1:
        return "row-dense"
    suits = "signals from 8 samples, images from 4 × 4, single rows do"
    told = f"no network suits samples of {data.input_shape} by itself: {suits}"
    raise ParameterError(f"{told}\nname one: --model zoo:NAME, a .keras or .h5 file, or a .py that builds one")


def own_recipe(data: Dataset, epochs: int | None = None, patience: int | None = None) -> Recipe:
    """The default stages, lengthened for few samples to the steps that they need; or so many epochs of training.

    With patience those that may stop early do, at their best epoch: all but pruning, whose zeros grow to the end.
    """
    fit = replace(RECIPE.train, batch_size=32 if len(data.train) < 1000 else RECIPE.train.batch_size)
    needed = min(_MOST_EPOCHS, -(-_STEPS // (fit.steps(len(data.train)) // fit.epochs)))
    share = (max(fit.epochs, needed) if epochs is None else epochs) / fit.epochs
    stages = {name: getattr(RECIPE, name) for name in ("train", "prune", "quantise")}
    longer = {name: max(1, round(share * one.epochs)) for name, one in stages.items()}
    made = {name: replace(one, epochs=longer[name], batch_size=fit.batch_size) for name, one in stages.items()}
    made |= {name: replace(made[name], patience=patience) for name in ("train", "quantise")}
    return replace(RECIPE, **made)


def describe_data(data: Dataset) -> dict[str, Any]:
    """What the record holds of how the samples were made and dealt: another window or split is another training."""
    dealt = b"".join(part.groups.tobytes() + part.recordings.tobytes() + b"|" for part in data.splits.values())
    front = {} if data.front is None else {"front": without_none(data.front.to_json())}
    return {"source": data.source, "shape": list(data.input_shape), "split": hash_bytes(dealt)[:16], **front}


def tell_data(data: Dataset) -> str:
    """Samples, groups and classes of each split, and the front, in words."""
    parts = [f"{len(one)} {name} (groups: {len(set(one.groups.tolist()))})" for name, one in data.splits.items()]
    front = "" if data.front is None else f" Front: {data.front}."
    return f"{len(data)} samples of {data.input_shape}: {', '.join(parts)}. Classes: {', '.join(data.classes)}.{front}"


def start_from(
    record: DesignRecord, network: str, data: Dataset, say: Callable[[str], None]
) -> tuple[DesignRecord, Mapping[str, Any]]:
    """The record, with a network that came as a file as its first stage, and what the step that trains it is told.

    Parameters
    ----------
    record : of the design.
    network : "zoo:NAME", a `.keras` or `.h5` file, a `.py` whose `build(input_shape, classes)` makes a tf-keras model
        (it is code, and is run), or "" for `choose_network`.
    data : that it shall learn.
    say : takes one line of progress.

    Raises
    ------
    ParameterError : none of these. ModelError, DataError : a file that is no such model, or of another shape.
    """
    about = {"data": describe_data(data)}
    kind, _, name = network.partition(":")
    if kind in ("", "zoo"):
        say(f"network: {name} of the zoo" if name else "network: of the zoo, by the shape of a sample")
        return record, {"network": name or choose_network(data), **about}
    path = Path(network)
    if (opener := _OPENERS.get(path.suffix.lower())) is None:
        told = f"model {network!r} is none to train: give a .keras or .h5 file, a .py of yours, or zoo:NAME"
        raise ParameterError(f"{told}; {name_nearest(network, [one.name for one in NETWORKS])}")
    recipe = {"action": GIVEN, "file": path.name, "shape": [*data.input_shape, len(data.classes)]}
    recipe["made_from"] = hash_bytes(_read_file(path))
    if GIVEN in record.stages and dict(record.stages[GIVEN].recipe) == recipe:
        return record, about
    say(f"network: {path.name}, {'code of yours, which is run' if opener is _run_python else 'with its weights'}")
    load_keras().utils.set_random_seed(RECIPE.seed)
    check_fits(model := require_model(opener(path, data)), data)
    with scratch("tinykit-given-") as folder:
        content = save_model(model, folder / "given.h5").read_bytes()
    return record.with_stage(Stage(GIVEN, f"{GIVEN}.h5", recipe=recipe), content), about


def _read_file(path: Path) -> bytes:
    try:
        return limits.read_file(path, limits.WEIGHTS_BYTES, ModelError, "give a smaller network")
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); give a network, or zoo:NAME") from error


def _run_python(path: Path, data: Dataset) -> Any:
    """What `build` of a file makes; whatever goes wrong in it is told with its name."""
    try:
        return runpy.run_path(str(path))["build"](data.input_shape, len(data.classes))
    except TinykitError:
        raise
    except (Exception, SystemExit) as error:  # code of the user's own may raise anything
        told = f"{path.name}: {type(error).__name__}: {error!s:.200}"
        raise ModelError(f"{told}\ngive a function build(input_shape, classes) that gives a tf-keras model") from error


_OPENERS: dict[str, Callable[[Path, Dataset], Any]] = {
    **dict.fromkeys((".keras", ".h5", ".hdf5"), lambda path, data: load_model(path)),
    ".py": _run_python,
}
"""What makes a network to train of a file, by how its name ends."""
