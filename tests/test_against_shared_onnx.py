"""ONNX and back with the published models, where they lie beside the checkout (../shared)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_onnx_out import round_trip
from tinykit.model.graph.reading import read

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
FILES = [path for path in sorted(MODELS.glob("*.tflite")) if read(path).precision == "int8"]


class TestPublished:
    __test__ = MODELS.is_dir()

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_every_int8_model_comes_back_with_the_same_answers(self, path: Path, tmp_path: Path):
        made, same = round_trip(path.read_bytes(), tmp_path)
        assert same
        assert len(made) <= path.stat().st_size * 1.03 + 64
