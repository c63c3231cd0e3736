"""Each notebook runs in a workspace of its own: none sees what another, the last run or `tinykit calibrate` left."""

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
        os.environ["TINYKIT_GUESS"] = "auto"
        os.environ["TINYKIT_CALIBRATION"] = f"{_WORKSPACES[item.path].name}/calibration"


def pytest_sessionfinish() -> None:
    for name in ("TINYKIT_WORKSPACE", "TINYKIT_CALIBRATION", "TINYKIT_GUESS"):
        os.environ.pop(name, None)
    while _WORKSPACES:
        _WORKSPACES.popitem()[1].cleanup()
