"""Data of one's own, as the options of a command say."""

from pathlib import Path
from typing import Any

from tinykit.choose.exploration.training_job import load_source
from tinykit.ground.errors import ParameterError
from tinykit.ground.facts import without_none
from tinykit.show.cli.models import Options
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.own import read_classes
from tinykit.train.fronts.front import Front

_FRONT = ("features", "bands", "side", "grey")
_OPTIONS = ("rate", "window", "step", *_FRONT, "classes", "groups", "model", "epochs", "patience")


def read_own(options: Options) -> Dataset | None:
    """The dataset of `own_source`, None without one; errors as `read_folder` and `read_npz`."""
    source = own_source(options)
    return None if source is None else load_source(source)


def own_source(options: Options) -> dict[str, Any] | None:
    """What `load_source` takes of the data that `--data` and what goes with it name; None without it.

    Raises ParameterError: an option without `--data`, one of recordings for others, or a task beside it.
    """
    given = {name: value for name in _OPTIONS if (value := getattr(options, name, None)) not in (None, False)}
    if options.data is None:
        if given:
            raise ParameterError(f"--{next(iter(given))} goes with --data; a task that ships has its own: leave it out")
        return None
    if options.task is not None:
        raise ParameterError(f"--task {options.task} beside --data {options.data}: give one of them")
    path, chosen = Path(options.data), {name: given[name] for name in _FRONT if name in given}
    taken: dict[str, Any] = {"rate_hz": options.rate, **({"front": Front(**chosen).to_json()} if chosen else {})}
    taken |= {"classes": [*read_classes(options.classes)]} if options.classes else {}
    packed = path.suffix.lower() == ".npz" and not path.is_dir()
    for name in [name for name in ("window", "step", "groups") if name in given and (packed or name != "groups")]:
        if packed or options.rate is None:
            told = "an .npz holds windows and groups already: leave it out" if packed else "say the --rate too"
            raise ParameterError(f"--{name} with {path.name}: {told}")
    if packed:
        return {"npz": str(path), **taken}
    cut = {"window_s": options.window, "step_s": options.step, "group_of": options.groups}
    return {"folder": str(path), **taken, **without_none(cut)}
