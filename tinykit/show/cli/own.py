"""Data of one's own, as the options of a command say."""

from pathlib import Path

from tinykit.ground.errors import ParameterError
from tinykit.show.cli.models import Options
from tinykit.train.datasets.dataset import Dataset
from tinykit.train.datasets.own import group_by_prefix, read_classes, read_folder, read_npz
from tinykit.train.fronts.front import Front

_OPTIONS = ("rate", "window", "step", "features", "side", "grey", "classes", "groups", "model", "epochs")
_FOLDERS = ("window", "step", "groups")
_GROUPS = {"name": group_by_prefix, "file": lambda path: path.stem}


def read_own(options: Options) -> Dataset | None:
    """The dataset that `--data` and what goes with it name, None without it.

    Raises
    ------
    ParameterError : an option without `--data`, one of folders for an `.npz`, or a task beside it.
    DataError : as `read_folder` and `read_npz`.
    """
    given = [name for name in _OPTIONS if getattr(options, name) not in (None, False)]
    if options.data is None:
        if given:
            raise ParameterError(f"--{given[0]} goes with --data; a task that ships has its own: leave it out")
        return None
    if options.task is not None:
        raise ParameterError(f"--task {options.task} beside --data {options.data}: design for one of them")
    chosen = {name: getattr(options, name) for name in ("features", "side", "grey") if name in given}
    front, path = Front(**chosen) if chosen else None, Path(options.data)
    classes = read_classes(options.classes) if options.classes else None
    if not path.is_dir() and path.suffix.lower() == ".npz":
        if odd := [name for name in given if name in _FOLDERS]:
            raise ParameterError(f"--{odd[0]} with {path.name}: an .npz holds windows and groups already; leave it out")
        return read_npz(path, classes=classes, rate_hz=options.rate, front=front)
    if options.rate is None and (odd := [name for name in given if name in ("window", "step")]):
        raise ParameterError(f"--{odd[0]} without --rate: say how many samples a second the recordings have")
    return read_folder(
        path, rate_hz=options.rate, window_s=options.window or 2.0, step_s=options.step, front=front, classes=classes,
        group_of=_GROUPS.get(options.groups or "name", options.groups),
    )  # fmt: skip
