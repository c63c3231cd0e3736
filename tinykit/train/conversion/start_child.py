"""Start of the converter's child: `python -I start_child.py FOLDER`.

An isolated process has no folder on its path but those of the installation. This makes the very tinykit that the file
belongs to importable, and nothing that lies beside it.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def adopt_package(home: Path) -> None:
    """Import the package in `home`, wherever it lies."""
    spec = spec_from_file_location(home.name, home / "__init__.py", submodule_search_locations=[str(home)])
    if spec is None or spec.loader is None:
        raise ImportError(f"no package in {home}")
    sys.modules[home.name] = package = module_from_spec(spec)
    spec.loader.exec_module(package)


if __name__ == "__main__":
    adopt_package(Path(__file__).resolve().parents[2])
    sys.exit(importlib.import_module("tinykit.train.conversion.child").main(Path(sys.argv[1])))
