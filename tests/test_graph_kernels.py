"""Kernels of a graph, by hand and on a shipped model."""

from __future__ import annotations

import pytest

from tests.models import Net, autoencoder, small_cnn
from tinykit.ground.facts import shipped_path
from tinykit.model.graph.kernels import list_kernels
from tinykit.model.graph.reading import read


def test_the_kernels_of_a_small_network():
    kernels = list_kernels(read(small_cnn("float32")))
    assert [kernel.name for kernel in kernels] == ["CONV_2D 0", "DEPTHWISE_CONV_2D 1", "FULLY_CONNECTED 4"]
    assert [kernel.values.size for kernel in kernels] == [36, 36, 64]
    assert [kernel.axis for kernel in kernels] == [0, 3, 0]
    assert str(kernels[0]) == "CONV_2D 0: 36 float32 weights, 0.0% zeros"


def test_pools_and_softmax_have_none():
    assert list_kernels(read(Net((1, 8, 8, 2)).pool("MAX", (2, 2), (2, 2)).to_bytes())) == ()
    assert all(kernel.name.startswith("FULLY_CONNECTED") for kernel in list_kernels(read(autoencoder())))


def test_zeros_and_scales_are_those_of_the_file():
    kernels = list_kernels(read(shipped_path("data", "checkpoints", "watch-exercises", "int8.tflite")))
    for kernel in kernels:
        assert kernel.zeros == sum(int(value) == 0 for value in kernel.values.ravel())
        assert kernel.sparsity == pytest.approx(kernel.zeros / kernel.values.size)
        assert not kernel.values.flags.writeable
    assert str(kernels[0]).endswith(" scales")
    assert str(kernels[-1]).endswith("one scale")
