"""flash: the linked sizes as published, and honest widening wherever they do not speak."""

from __future__ import annotations

import itertools

import pytest

from tests.models import Net, autoencoder, residual, small_cnn
from tinykit.ground.errors import ParameterError, UnknownRuntimeError
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.flash import predict_flash, predict_runtime_ram
from tinykit.target import BUILDS

REFERENCE, CMSIS = "tflm-reference", "tflm-cmsis-nn"
CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")

# Code and rodata of the linked ELF in bytes (built and counted under QEMU 7.2, GCC 12.2, TFLM mid-2026), of the
# operator sets of MLPerf Tiny's networks. Beside them 104 bytes of .data are copied from flash (100 on M55).
LINKED = {
    ("cortex-m4", REFERENCE, "-Os"): {"kws": 36072, "ic": 38308, "ad": 19872},
    ("cortex-m4", REFERENCE, "-O3"): {"kws": 47936, "ic": 55996, "ad": 25208},
    ("cortex-m4", CMSIS, "-Os"): {"kws": 74032, "ic": 67356, "ad": 26464},
    ("cortex-m4", CMSIS, "-O3"): {"kws": 91848, "ic": 90612, "ad": 36664},
    ("cortex-m7", CMSIS, "-Os"): {"kws": 73904, "ic": 67228, "ad": 26272},
    ("cortex-m7", REFERENCE, "-O3"): {"kws": 48320, "ic": 55612, "ad": 25336},
    ("cortex-m33", CMSIS, "-O3"): {"kws": 92288, "ic": 91020, "ad": 36812},
    ("cortex-m33", REFERENCE, "-Os"): {"kws": 35448, "ic": 37716, "ad": 19256},
    ("cortex-m55", CMSIS, "-Os"): {"kws": 65784, "ic": 59040, "ad": 23304},
    ("cortex-m55", CMSIS, "-O3"): {"kws": 83216, "ic": 83296, "ad": 30160},
}  # fmt: skip
DATA_BYTES = 104


def resnet() -> bytes:
    """The operators of the published ResNet: conv, add, average pool, reshape, dense, softmax."""
    net = Net((1, 8, 8, 4))
    start = net.last
    return net.conv(4).add(start).pool("AVERAGE", (8, 8)).flatten().dense(3).softmax().to_bytes()


NETWORKS = {"kws": read(small_cnn()), "ic": read(resnet()), "ad": read(autoencoder())}
UNLINKED = read(residual())


def flash(graph: ModelGraph, core: str = "cortex-m4", runtime: str = CMSIS, build: str | None = "-Os"):
    return predict_flash(graph, runtime=runtime, core=core, build=build)


class TestLinked:
    @pytest.mark.parametrize("row", LINKED, ids=" ".join)
    @pytest.mark.parametrize("network", NETWORKS)
    def test_exact(self, row, network):
        core, runtime, build = row
        found = flash(NETWORKS[network], core, runtime, build)
        assert found.runtime_bytes.value == LINKED[row][network] + DATA_BYTES
        assert found.runtime_bytes.basis == "compiled"
        assert found.runtime_bytes.low <= LINKED[row][network] <= found.runtime_bytes.high
        assert found.runtime_bytes.high - found.runtime_bytes.low < 0.05 * found.runtime_bytes.value

    def test_total_is_model_and_runtime(self):
        found, graph = flash(NETWORKS["kws"]), NETWORKS["kws"]
        assert found.flatbuffer_bytes == graph.flatbuffer_bytes
        for end in ("value", "low", "high"):
            assert getattr(found.total, end) == getattr(found.runtime_bytes, end) + graph.flatbuffer_bytes
        assert found.total.unit == "byte"
        assert "QEMU 7.2, GCC 12.2" in found.total.source


class TestRuntimeRam:
    """.data 104 and .bss 528 bytes beside the stack's high-water mark, built and run under QEMU."""

    def test_a_linked_network_at_a_known_build(self):
        for build, stack in (("-Os", 1228), ("-O3", 1148)):
            found = predict_runtime_ram(NETWORKS["kws"], runtime="tflm-cmsis-nn", core="cortex-m4", build=build)
            assert found.value == 632 + stack
            assert found.basis == "simulated"

    def test_build_unknown_takes_the_deeper_and_spans_both(self):
        found = predict_runtime_ram(NETWORKS["ad"], runtime="tflm-cmsis-nn", core="cortex-m55")
        assert found.value == 632 + 1008
        assert found.low < 632 + 1000 < found.high

    def test_another_network_takes_the_deepest_and_doubts_it(self):
        found = predict_runtime_ram(UNLINKED, runtime="tflm-reference", core="cortex-m7", build="-O3")
        assert (found.value, found.basis) == (632 + 736, "modelled")
        assert found.high == round(632 + 1.25 * 736)

    def test_a_borrowed_core_is_doubted_further(self):
        own, borrowed = (
            predict_runtime_ram(NETWORKS["kws"], runtime="tflm-reference", core=core)
            for core in ("cortex-m4", "cortex-m3")
        )
        assert borrowed.value == own.value
        assert borrowed.high > own.high
        assert borrowed.basis == "modelled"

    def test_nothing_linked(self):
        with pytest.raises(UnknownRuntimeError, match="nothing linked was published"):
            predict_runtime_ram(NETWORKS["kws"], runtime="edge-impulse-eon", core="cortex-m4")


class TestNoDense:
    def test_a_network_without_dense_operators_links_none_of_their_code(self):
        """CMSIS-NN's are 26,464 - 19,872 bytes larger than the reference's on an M4; that one's share is assumed."""
        net = Net((1, 8, 8, 3)).conv(4)
        without, dense = (flash(read(one.to_bytes())).runtime_bytes for one in (net, Net((1, 8, 8, 3)).conv(4).dense()))
        assert dense.value - without.value == round(26_464 - 19_872 + 0.15 * 19_872)
        assert without.basis == "modelled"
        assert without.high - without.low > dense.high - dense.low


class TestBuild:
    def test_unknown_build_spans_both_ends(self):
        for graph in (*NETWORKS.values(), UNLINKED):
            unknown, small, large = (flash(graph, build=build).total for build in (None, "-Os", "-O3"))
            assert unknown.low <= small.value
            assert unknown.high >= large.value
            assert unknown.high == large.high

    def test_o2_lies_between_and_says_that_it_was_not_linked(self):
        for graph in NETWORKS.values():
            found = flash(graph, build="-O2").total
            assert found.low <= flash(graph, build="-Os").total.value <= found.high
            assert found.low <= flash(graph, build="-O3").total.value <= found.high
            assert found.basis == "modelled"

    @pytest.mark.parametrize("build", ["-O1", "O3", "", "-Ofast"])
    def test_other_builds(self, build):
        with pytest.raises(ParameterError, match=rf"build '{build}' is unknown; allowed: -Os, -O2, -O3 or None"):
            flash(NETWORKS["kws"], build=build)


class TestNotLinked:
    def test_another_set_of_operators_is_modelled_and_wider(self):
        linked, divided = flash(NETWORKS["ic"]).runtime_bytes, flash(UNLINKED).runtime_bytes
        assert divided.basis == "modelled"
        assert "by assumption" in divided.source
        assert (divided.high - divided.low) / divided.value > 3 * (linked.high - linked.low) / linked.value

    def test_shares_add_up_to_what_was_linked(self):
        """Without RESHAPE the sum over kernels must come near the linked whole."""
        net = Net((1, 8, 8, 4)).conv(4).depthwise().pool("AVERAGE", (8, 8))
        net.reshape((1, 4)).dense(3).softmax().unary("LOGISTIC")
        with_logistic = flash(read(net.to_bytes())).runtime_bytes
        assert with_logistic.value > LINKED["cortex-m4", CMSIS, "-Os"]["kws"]
        assert with_logistic.low < LINKED["cortex-m4", CMSIS, "-Os"]["kws"] * 1.1

    def test_more_kinds_of_operators_never_take_less(self):
        net = Net((1, 8, 8, 4)).conv(4)
        sizes = [flash(read(net.to_bytes())).runtime_bytes.value]
        for grow in (net.pool, lambda: net.unary("LOGISTIC"), lambda: net.unary("TANH"), lambda: net.unary("GELU")):
            grow()
            sizes.append(flash(read(net.to_bytes())).runtime_bytes.value)
        assert sizes == sorted(set(sizes))

    def test_another_operator_of_a_kind_costs_nothing(self):
        one, two = Net((1, 8)).dense(8), Net((1, 8)).dense(8).dense(8)
        assert flash(read(one.to_bytes())).runtime_bytes == flash(read(two.to_bytes())).runtime_bytes

    @pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m85", "xtensa-lx7", "riscv-hazard3"])
    def test_borrowed_cores_say_so(self, core):
        own, borrowed = flash(NETWORKS["kws"]).runtime_bytes, flash(NETWORKS["kws"], core, REFERENCE).runtime_bytes
        assert borrowed.basis == "modelled"
        assert "carried to another core by assumption" in borrowed.source
        assert (borrowed.high - borrowed.low) / borrowed.value > 2 * (own.high - own.low) / own.value

    @pytest.mark.parametrize(
        ("core", "runtime"),
        [
            *(("cortex-m4", name) for name in ("edge-impulse-eon", "ethos-u", "onnxruntime")),
            *(("arc-em9d", REFERENCE), ("", CMSIS), ("c28x", CMSIS)),
        ],
    )
    def test_unknown(self, core, runtime):
        with pytest.raises(UnknownRuntimeError, match=rf"flash of runtime '{runtime}' on {core} is unknown: nothing"):
            flash(NETWORKS["kws"], core, runtime)


def test_every_combination_is_an_interval():
    cores = (*CORES, "cortex-m0plus", "cortex-m85", "xtensa-lx6")
    for graph, core, runtime, build in itertools.product(
        (*NETWORKS.values(), UNLINKED), cores, (REFERENCE, CMSIS, "esp-nn"), (*BUILDS, None)
    ):
        found = flash(graph, core, runtime, build).total
        assert graph.flatbuffer_bytes < found.low <= found.value <= found.high
