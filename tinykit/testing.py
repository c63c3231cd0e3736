"""A pytest plugin for tutorials that use tinykit: `pytest -p tinykit.testing --nbval`; `docs/testing.md` tells how.

What a notebook shows then depends on the notebook alone: it starts in an empty workspace, no row that its author
calibrated with is known, questions answer themselves, and what differs with the machine is passed over (`testing.cfg`).
"""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from tinykit.ground.writing import scratch

SANITISER = Path(__file__).with_name("testing.cfg")
_NAMES = ("TINYKIT_WORKSPACE", "TINYKIT_CALIBRATION", "TINYKIT_GUESS")


class _Places:
    """A workspace for each file of tests, gone with the run; then the environment is what it was."""

    def __init__(self) -> None:
        self._own = {name: os.environ.get(name) for name in _NAMES}
        self._folders: dict[Path, Path] = {}
        self._open = ExitStack()

    def make(self) -> Path:
        return self._open.enter_context(scratch("tinykit-workspace-"))

    def enter(self, path: Path) -> None:
        folder = self._folders[path] if path in self._folders else self._folders.setdefault(path, self.make())
        guess = "auto" if path.suffix == ".ipynb" else self._own["TINYKIT_GUESS"]
        _set(dict(zip(_NAMES, (str(folder), None, guess), strict=True)))

    def leave(self) -> None:
        _set(self._own)
        self._open.close()


_PLACES = pytest.StashKey[_Places]()


def _set(values: dict[str, str | None]) -> None:
    for name in values:
        os.environ.pop(name, None)
    os.environ.update({name: value for name, value in values.items() if value is not None})


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Join what nbval may pass over: the kit's, then your own, once nbval has read its options."""
    config.stash[_PLACES] = places = _Places()
    if not hasattr(config.option, "nbval_sanitize_with"):
        return
    own = config.option.nbval_sanitize_with
    try:
        texts = [SANITISER.read_text("utf-8"), *([Path(own).read_text("utf-8")] if own else [])]
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"--nbval-sanitize-with {own}: cannot be read ({error}); name a text file") from error
    joined = places.make() / "sanitise.cfg"
    joined.write_text("\n".join(texts), "utf-8")
    config.option.nbval_sanitize_with = str(joined)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Enter the file's workspace before nbval starts its kernel, which inherits the environment."""
    item.config.stash[_PLACES].enter(item.path)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no folder behind."""
    if _PLACES in config.stash:
        config.stash[_PLACES].leave()


@pytest.fixture
def tinykit_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace for one test of your own; what `tinykit calibrate` or `readback` keep goes there as well."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv("TINYKIT_WORKSPACE", str(folder))
    monkeypatch.delenv("TINYKIT_CALIBRATION", raising=False)
    return folder
