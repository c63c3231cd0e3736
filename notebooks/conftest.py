"""Each notebook runs in a workspace of its own, so that none sees what another, or the last run, has left."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

_WORKSPACES: dict[Path, tempfile.TemporaryDirectory[str]] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    # nbval starts the kernel in the setup of the notebook's first cell, and the kernel inherits this.
    if item.path.suffix == ".ipynb":
        if item.path not in _WORKSPACES:
            _WORKSPACES[item.path] = tempfile.TemporaryDirectory(prefix="tinykit-workspace-")
        os.environ["TINYKIT_WORKSPACE"] = _WORKSPACES[item.path].name


def pytest_sessionfinish() -> None:
    os.environ.pop("TINYKIT_WORKSPACE", None)
    while _WORKSPACES:
        _WORKSPACES.popitem()[1].cleanup()
