"""Data of one's own, as the options of a command say."""

from collections.abc import Callable
from pathlib import Path

from tinykit.ground.errors import ParameterError
from tinykit.show.cli.models import Options
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.own import group_by_prefix, read_classes, read_folder, read_npz
from tinykit.train.fronts.front import Front

_FRONT = ("features", "bands", "side", "grey")
_OPTIONS = ("rate", "window", "step", *_FRONT, "classes", "groups", "model", "epochs", "patience")
_GROUPS: dict[str, Callable[[Path], str]] = {"name": group_by_prefix, "file": str}


def read_own(options: Options) -> Dataset | None:
    """The dataset that `--data` and what goes with it name, None without it; errors as `read_folder` and `read_npz`.

    Raises ParameterError: an option without `--data`, one of recordings for others, or a task beside it.
    """
    given = {name: value for name in _OPTIONS if (value := getattr(options, name)) not in (None, False)}
    if options.data is None:
        if given:
            raise ParameterError(f"--{next(iter(given))} goes with --data; a task that ships has its own: leave it out")
        return None
    if options.task is not None:
        raise ParameterError(f"--task {options.task} beside --data {options.data}: design for one of them")
    path, chosen = Path(options.data), {name: given[name] for name in _FRONT if name in given}
    front, classes = Front(**chosen) if chosen else None, read_classes(options.classes) if options.classes else None
    packed = path.suffix.lower() == ".npz" and not path.is_dir()
    for name in [name for name in ("window", "step", "groups") if name in given and (packed or name != "groups")]:
        if packed or options.rate is None:
            told = "an .npz holds windows and groups already: leave it out" if packed else "say the --rate too"
            raise ParameterError(f"--{name} with {path.name}: {told}")
    if packed:
        return read_npz(path, classes=classes, rate_hz=options.rate, front=front)
    window_s, group_of = 2.0 if options.window is None else options.window, options.groups or "name"
    return read_folder(
        path, rate_hz=options.rate, window_s=window_s, step_s=options.step, front=front, classes=classes,
        group_of=_GROUPS.get(group_of, group_of),
    )  # fmt: skip
