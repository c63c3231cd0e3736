"""flash: the linked sizes as published, and honest widening wherever they do not speak."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest

import tinykit as tk
from tests.bench import bench_flash
from tests.flash_sets import SETS, of_operators
from tests.models import Net, autoencoder, residual, small_cnn
from tinykit.ground.errors import ParameterError, UnknownRuntimeError
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.flash import predict_flash, predict_runtime_ram
from tinykit.show.cli.main import main
from tinykit.target import BUILDS, Target, platform_flash
from tools.link_operators import read_parts

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


class TestSets:
    """Sets of operators that the kit's own links do not have, linked elsewhere."""

    def test_nine_in_ten_within_two_per_cent_and_all_in_the_interval(self):
        errors = []
        for size, names in SETS.values():
            found = flash(of_operators(names)).runtime_bytes
            assert found.low <= size <= found.high
            assert found.basis == "modelled"
            errors.append(abs(found.value / size - 1))
        assert statistics.median(errors) < 0.01
        assert sorted(errors)[-2] < 0.02
        assert max(errors) < 0.05

    def test_arithmetic_that_kernels_share_follows_from_any_set(self):
        """6,904 bytes are what person leaves beside interpreter and kernels, and what another set leaves."""
        table = {one.operator: one for one in read_parts() if one.of == ("cortex-m4", CMSIS, "-Os")}
        for name in ("person", "micro_speech", "FOMO", "LSTM"):
            size, names = SETS[name]
            kernels = sum(table[one].bytes for one in names.split())
            assert size - 10_432 - kernels == pytest.approx(table["shared arithmetic"].bytes, rel=0.02)

    def test_kernels_that_only_move_bytes_share_no_arithmetic(self):
        moving, computing = (flash(of_operators(names)).runtime_bytes for names in ("RESHAPE PAD", "RESHAPE PAD RELU"))
        assert moving.value == 10_432 + 864 + 2_304 + DATA_BYTES
        assert computing.value == moving.value + 6_904 + 776

    def test_pools_share_code(self):
        both, one = (flash(of_operators(names)).runtime_bytes.value for names in (
            "AVERAGE_POOL_2D MAX_POOL_2D", "AVERAGE_POOL_2D"))  # fmt: skip
        assert both - one == 2_304

    def test_a_kernel_linked_nowhere_is_wide(self):
        known, unknown = (flash(of_operators(f"CONV_2D {name}")).runtime_bytes for name in ("PAD", "GELU"))
        assert unknown.high - unknown.value > 1.4 * (known.high - known.value)

    def test_xtensa_takes_more(self):
        """Whole ESP-IDF applications with reference kernels: 37.0 and 17.9 KiB more than a sine network's."""
        words = {"core": "xtensa-lx6", "runtime": REFERENCE, "build": None}
        sine = flash(NETWORKS["ad"], **words).runtime_bytes
        for name, published in (("person", 37.0), ("micro_speech", 17.9)):
            more = flash(of_operators(SETS[name][1]), **words).runtime_bytes.value - sine.value
            assert more / 1024 == pytest.approx(published, rel=0.25)

    def test_an_arduino_build_of_cmsis_nn(self):
        """person_detect less a sine network on an nRF52840: 44.3 KiB, speech less sine 24.4."""
        sine = flash(NETWORKS["ad"]).runtime_bytes.value
        for name, published in (("person", 44.3), ("micro_speech", 24.4)):
            more = flash(of_operators(SETS[name][1])).runtime_bytes.value - sine
            assert more / 1024 == pytest.approx(published, rel=0.2)


class TestLeftOut:
    """What `make bench` prints of the table: each set judged by a table that it did not help to make."""

    def test_nine_in_ten_sets_within_five_per_cent(self):
        errors = sorted(abs(said / size - 1) for _, size, said in bench_flash.leave_sets_out())
        assert len(errors) == len(SETS) >= 13
        assert errors[math.ceil(0.9 * len(errors)) - 1] < 0.05
        assert statistics.median(errors) < 0.01

    def test_cores_that_were_not_linked_operator_by_operator_doubt_what_they_stray_by(self):
        table = {(*one.of, one.operator): one for one in read_parts()}
        for of, error in bench_flash.leave_networks_out():
            assert abs(error) < 0.12
            assert abs(error) < table[(*of, "CONV_2D")].doubt + 0.01, of

    def test_published_images_lie_in_the_interval(self):
        rows = [bench_flash.image(*one) for one in bench_flash.TOTALS]
        assert all(row["in the interval"] == "yes" for row in rows)
        assert max(abs(row["error %"]) for row in rows) < 5


class TestPlatform:
    def test_a_linkers_total(self):
        graph = NETWORKS["kws"]
        plain = flash(graph).total
        for name, least, most in (("bare", 0, 8), ("zephyr", 28, 52), ("arduino-mbed", 75, 95), ("esp-idf", 250, 300)):
            found = predict_flash(graph, runtime=CMSIS, core="cortex-m4", build="-Os", platform=name)
            baseline = platform_flash(name)
            assert found.total.value == plain.value + baseline.value
            assert found.runtime_bytes == flash(graph).runtime_bytes
            assert least < (found.total.value - plain.value) / 1024 < most
            assert baseline.sources[0] in found.total.sources
            assert found.total.high - found.total.low > plain.high - plain.low

    def test_another(self):
        with pytest.raises(ParameterError, match="platform 'zepyr' is unknown; nearest: zephyr"):
            platform_flash("zepyr")

    def test_through_target_fit_and_placements(self):
        graph = NETWORKS["kws"]
        words = {"runtime": CMSIS, "build": "-Os"}
        target = Target("nucleo-l4r5zi", platform="zephyr", **words)
        plain, held = (tk.check_fit(graph, "nucleo-l4r5zi", platform=one, use_engine=False, **words)
                       for one in (None, "zephyr"))  # fmt: skip
        assert tk.check_fit(graph, target, use_engine=False) == held
        more = held.flash_bytes.value - plain.flash_bytes.value
        assert more == platform_flash("zephyr").value
        assert held.regions[-1].used_bytes - plain.regions[-1].used_bytes == more
        assert any("model, runtime and zephyr take" in one for one in held.reasons)
        assert held.to_json()["platform"] == "zephyr"
        assert "platform" not in plain.to_json()
        assert "public builds of Zephyr" in held.flash_bytes.source
        assert "platform='zephyr'" in repr(target)
        inside = [one.regions[-1] for one in tk.list_placements(graph, target)]
        assert {one.used_bytes for one in inside} == {int(held.flash_bytes.value)}
        (each,) = tk.check_fit_all(graph, [target.board], platform="zephyr", use_engine=False, **words)
        assert each.flash_bytes == held.flash_bytes

    def test_x_cube_ai_and_an_npu_have_one_too(self):
        graph = NETWORKS["kws"]
        for board, runtime in (("nucleo-l4r5zi", "x-cube-ai"), ("alif-ensemble-e7-devkit", "ethos-u")):
            plain, held = (tk.check_fit(graph, board, runtime=runtime, platform=one, use_engine=False)
                           for one in (None, "bare"))  # fmt: skip
            assert held.flash_bytes.value - plain.flash_bytes.value == platform_flash("bare").value

    def test_on_the_command_line(self, tmp_path, capsys):
        path = tmp_path / "kws.tflite"
        path.write_bytes(small_cnn())
        assert main(["fit", str(path), "--board", "nrf52840dk", "--platform", "arduino-mbed"]) == 0
        out = capsys.readouterr().out
        assert "model, runtime and arduino-mbed take" in out
        assert "sketches with TFLM for an Arduino Nano 33 BLE" in out
        assert main(["fit", str(path), "--board", "nrf52840dk", "--platform", "mbed"]) == 2
        assert "platform 'mbed' is unknown; nearest: bare, arduino-mbed" in capsys.readouterr().err


class TestNoDense:
    def test_a_network_without_dense_operators_links_none_of_their_code(self):
        net = Net((1, 8, 8, 3)).conv(4)
        without, dense = (flash(read(one.to_bytes())).runtime_bytes for one in (net, Net((1, 8, 8, 3)).conv(4).dense()))
        assert dense.value - without.value == 8_608
        assert without.basis == "modelled"


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
        assert "linked one by one" in divided.source
        assert (divided.high - divided.low) / divided.value > 2 * (linked.high - linked.low) / linked.value

    def test_other_cores_and_kernel_sets_are_wider_than_the_one_that_was_linked(self):
        def width(core: str, runtime: str) -> float:
            found = flash(UNLINKED, core, runtime).runtime_bytes
            return (found.high - found.low) / found.value

        assert width("cortex-m4", CMSIS) < 0.11
        assert width("cortex-m7", CMSIS) > 1.5 * width("cortex-m4", CMSIS)
        assert width("cortex-m4", REFERENCE) > width("cortex-m4", CMSIS)
        assert width("cortex-m3", CMSIS) > width("cortex-m7", CMSIS)

    def test_kernels_add_up_to_what_was_linked(self):
        """With one kernel more the sum over kernels must come near the linked whole."""
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
