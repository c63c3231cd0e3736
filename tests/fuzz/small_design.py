"""The command line with a small task and a short recipe, so that all stages of `design` pass in seconds: a program.

Everything but the samples and the number of epochs is the real thing: the same command, record, children and files.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.test_design import tiny_task
from tinykit.show.cli.main import main
from tinykit.train.compress.recipe import Recipe, Training

if __name__ == "__main__":
    data = tiny_task()
    run = importlib.import_module("tinykit.choose.design.run")
    run.load_dataset = lambda task: data
    run.recipe_of = lambda task: Recipe(Training(2, 2e-3), Training(2, 1e-3), Training(1, 3e-4))
    sys.exit(main())
