"""What a model takes: the file, the flash with its runtime, and gzip, which is for transport alone."""

from __future__ import annotations

import gzip

import pytest

from tests.models import Net, small_cnn
from tinykit.choose.ledger.variants import measure_sizes
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    return read(small_cnn())


def test_sizes_are_of_the_file_and_gzip_is_kept_apart(graph):
    sizes = measure_sizes("int8", graph)
    assert sizes.flatbuffer_bytes == len(graph.data)
    assert sizes.flash_bytes.value > sizes.flatbuffer_bytes
    assert sizes.gzip_bytes == len(gzip.compress(graph.data, 9, mtime=0))


def test_the_flash_of_an_unknown_runtime_is_unknown(graph):
    assert measure_sizes("int8", graph, runtime="edge-impulse-eon").flash_bytes is None


def test_a_hybrid_layout_of_one_operator_still_has_sizes():
    assert measure_sizes("one", read(Net((1, 4)).dense(2).to_bytes())).flatbuffer_bytes > 0
