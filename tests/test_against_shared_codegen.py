"""Exports of MLPerf Tiny's int8 files, where their folder lies beside the project; elsewhere nothing is collected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.codegen_builds import build
from tests.codegen_graphs import ask_interpreter
from tinykit.handover.codegen.export import KERNELS, export_c
from tinykit.model.graph.reading import read

MODELS = sorted((Path(__file__).resolve().parents[2] / "shared" / "models").glob("mlperf_*int8.tflite"))

if MODELS:

    @pytest.mark.parametrize("kernels", KERNELS)
    @pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
    def test_equal_to_the_byte(path, kernels, tmp_path):
        ((inputs, wanted),) = ask_interpreter([path.read_bytes()])
        built = build(export_c(read(path), kernels=kernels), tmp_path, checks=False)
        assert np.array_equal(built.run([inputs])[0], wanted)
