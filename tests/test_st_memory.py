"""st_memory: published memory under X-CUBE-AI, met by a plan from the graph; families left out; verdicts of the fit."""

from __future__ import annotations

import dataclasses

import pytest

import tinykit as tk
from tests.bench import bench_st_memory
from tests.models import OPTIONS, Net, autoencoder, hybrid, schema, small_cnn
from tinykit.ground.errors import ParameterError, UnknownRuntimeError
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.flash import predict_flash
from tinykit.predict.st_memory import count_features, plan_activations, predict_st_memory, step_of, weight_bytes
from tinykit.target import runtimes
from tools.st_memory import fit, read_rows

ST = "x-cube-ai"


def plan(net: Net) -> int:
    return plan_activations(read(net.to_bytes()))


def concat(net: Net, first: int) -> Net:
    *rest, channels = net.shape
    out = net.tensor((*rest, 2 * channels))
    return net.use(
        "CONCATENATION", [first, net.last], [out], OPTIONS.ConcatenationOptions, schema.ConcatenationOptionsT(3)
    )


class TestPlan:
    """Published activations of ST's model zoo, X-CUBE-AI 7.3, to the byte that KiB with two digits leave."""

    def test_squeezenet_a_concatenation_takes_both_parts_and_the_pool_leaves_no_convolution(self):
        """SqueezeNet 1.1 on 128 x 128: 240.25 KiB, parts of 31 x 31 x 64; its first convolution alone has 254,016."""
        net = Net((1, 128, 128, 3)).conv(64, stride=(2, 2), padding="VALID").pool("MAX", (3, 3), (2, 2))
        net.conv(16, (1, 1))
        squeezed = net.last
        net.conv(64, (1, 1))
        first, net.last = net.last, squeezed
        net.conv(64)
        assert plan(concat(net, first)) == round(240.25 * 1024)

    def test_mobilenet_v2_a_convolution_that_widens_is_not_overlaid(self):
        """Of 224 x 224: 686.50 KiB, where 8 channels of 112 x 112 become 48, with 4 x 8 + 10 x 48 of scratch."""
        assert plan(Net((1, 112, 112, 8)).conv(48, (1, 1))) == 686.5 * 1024 == 112 * 112 * 56 + 512

    def test_fdmobilenet_the_first_convolution_writes_over_its_input(self):
        """Of 224 and 128 pixels: 152.05 and 51.18 KiB."""
        for size, published in ((224, 152.05), (128, 51.18)):
            found = plan(Net((1, size, size, 3)).conv(8, stride=(2, 2)).depthwise(stride=(2, 2)))
            assert found == pytest.approx(published * 1024, rel=0.003)
            assert found < size * size * (3 + 2)

    def test_gmp_wl_scratch_of_a_convolution_of_many_channels(self):
        """24 samples of 3 axes, two 5 x 1 convolutions of 16: 4.671 KiB, and 6.922 for 48 samples."""
        for samples, published in ((24, 4.671), (48, 6.922)):
            net = Net((1, samples, 3, 1)).conv(16, (5, 1), padding="VALID").conv(16, (5, 1), padding="VALID")
            assert plan(net) == pytest.approx(published * 1024, rel=0.02)

    def test_ad_two_buffers_and_the_inputs_of_a_dense_kernel(self):
        """MLPerf's autoencoder: 2,048 bytes: 640 in, 128 out, 2 x 640 of scratch."""
        assert plan(Net((1, 640)).dense(128, per_channel=False)) == 2048

    def test_an_addition_writes_over_one_of_its_inputs_and_views_take_nothing(self):
        net = Net((1, 16, 16, 8))
        start = net.last
        assert plan(net.depthwise().add(start)) == plan(Net((1, 16, 16, 8)).depthwise().add(0).reshape((1, 2048)))

    def test_what_is_needed_again_is_not_written_over(self):
        apart = Net((1, 16, 16, 8))
        start = apart.last
        apart.depthwise().depthwise().add(start)
        assert plan(apart) > plan(Net((1, 16, 16, 8)).depthwise().depthwise())

    def test_outputs_stay_to_the_end(self):
        net = Net((1, 16, 16, 8)).depthwise()
        head = net.last
        net.depthwise().depthwise()
        alone = plan(net)
        net.outputs = [head, net.last]
        assert plan(net) >= alone + 16 * 16 * 8


class TestFeatures:
    def test_weights_are_what_kernels_compute_with(self):
        graph = read(Net((1, 4, 4, 2)).conv(3).reshape((1, 48)).dense(5).to_bytes())
        assert weight_bytes(graph) == 3 * 9 * 2 + 4 * 3 + 48 * 5 + 4 * 5
        assert count_features(graph) == (1.0, 1.0, 1.5, 3.0)
        assert count_features(read(autoencoder()))[1] == 0

    @pytest.mark.parametrize(
        ("version", "step"),
        [("5.2.0", "7"), ("7.3.0", "7"), ("8.1.0", "8"), ("9.0", "9"), ("10.2", "9"), ("1.0", "9"), ("4.0.0", "9"),
         ("v8.0", "8"), ("11", "9"), (None, None)],
    )  # fmt: skip
    def test_two_numberings_are_one_line_of_tools(self, version, step):
        assert step_of(version) == step

    def test_versions_that_are_none(self):
        with pytest.raises(ParameterError, match="runtime version 'new' is no number"):
            predict_st_memory(read(small_cnn()), "cortex-m4", "new")


class TestFit:
    def test_shipped_table_is_the_fit_of_the_shipped_rows(self):
        shipped = read_toml(shipped_path("data", "firmware", "st_memory.toml"))
        fitted = fit(read_rows())
        assert shipped["steps"] == fitted["steps"]
        assert (shipped["weights"], shipped["large_bytes"]) == (fitted["weights"], fitted["large_bytes"])

    def test_families_left_out(self):
        """Intervals hold about 80 %, the high end of activations nearly always; what is large is met within 8 %."""
        rows = {(row["figure"], row["rows of"]): row for row in bench_st_memory.table()}
        for figure in ("activations", "runtime RAM", "weights", "code"):
            assert 0.74 <= rows[figure, "all"]["inside"] <= 0.90, figure
        assert rows["activations", "all"]["high end above"] >= 0.95
        large = rows["activations", "a tensor above 30 KiB"]
        assert large["median %"] <= 8
        assert large["families"] >= 5
        assert rows["code", "all"]["median %"] < 10
        assert rows["runtime RAM", "all"]["median %"] < 8

    def test_a_family_left_out_does_not_know_itself(self):
        row = next(one for one in read_rows() if one.network == "mlperf_kws01_dscnn_int8.tflite")
        others = [one for one in read_rows() if one.family != row.family]
        strange = dataclasses.replace(row, activations=row.activations * 9)
        assert fit([*others, strange])["steps"]["9"]["small"][2] > 5 * fit(others)["steps"]["9"]["small"][2]


class TestPrediction:
    GRAPH = read(small_cnn())

    def test_an_unknown_version_is_as_wide_as_all(self):
        told = [predict_st_memory(self.GRAPH, "cortex-m7", version) for version in ("7.3", "8.1", "10.0")]
        unknown = predict_st_memory(self.GRAPH, "cortex-m7", None)
        for name in ("activations", "runtime_ram", "weights", "code"):
            each, wide = [getattr(one, name) for one in told], getattr(unknown, name)
            assert (wide.low, wide.high) == (min(one.low for one in each), max(one.high for one in each))
            assert wide.value == each[-1].value
            assert wide.basis == "modelled"
        assert "version unknown" in unknown.code.source

    def test_other_types_are_wider_and_float_kernels_smaller(self):
        plain, floating = (
            predict_st_memory(read(Net((1, 16, 16, 2), dtype=dtype).conv(8).to_bytes()), "cortex-m4", "8.1")
            for dtype in ("int8", "float32")
        )
        assert floating.code.value < 0.6 * plain.code.value
        assert floating.activations.high / floating.activations.value > 1.5 * (
            plain.activations.high / plain.activations.value
        )
        assert "hybrid carried over from int8" in predict_st_memory(read(hybrid()), "cortex-m4", "8.1").code.source

    def test_another_core_is_unknown(self):
        for predict in (predict_arena, predict_flash):
            with pytest.raises(
                UnknownRuntimeError, match=r"memory of x-cube-ai on xtensa-lx6 is unknown: it is for ST's"
            ):
                predict(self.GRAPH, runtime=ST, core="xtensa-lx6")

    def test_arena_and_flash_say_the_same(self):
        words = {"runtime": ST, "core": "cortex-m4", "runtime_version": "8.1.0"}
        memory = predict_st_memory(self.GRAPH, "cortex-m4", "8.1.0")
        arena, flash = predict_arena(self.GRAPH, **words), predict_flash(self.GRAPH, **words)
        assert arena.used == memory.activations
        assert arena.to_start == memory.activations.value + memory.runtime_ram.value
        assert (flash.runtime_bytes, flash.flatbuffer_bytes) == (memory.code, memory.weights.value)
        assert flash.total.value == memory.code.value + memory.weights.value
        assert arena.tail_bytes == memory.runtime_ram.value
        target = tk.Target("nucleo-l4r5zi", runtime=ST, runtime_version="8.1.0")
        assert (predict_arena(self.GRAPH, target=target), predict_flash(self.GRAPH, target=target)) == (arena, flash)

    def test_so_is_any_runtime_whose_planner_is_st(self, monkeypatch):
        known = dict(runtimes._read_all())
        monkeypatch.setattr(
            runtimes, "_read_all", lambda: known | {"mine": dataclasses.replace(known[ST], name="mine")}
        )
        words = {"core": "cortex-m4", "runtime_version": "8.1.0"}
        for predict in (predict_arena, predict_flash):
            own, st = (predict(self.GRAPH, runtime=name, **words) for name in ("mine", ST))
            assert repr(own).replace("mine", ST) == repr(st)


class TestVerdict:
    def test_a_small_network_fits_with_sources(self):
        report = tk.check_fit(read(small_cnn()), "nucleo-l4r5zi", runtime=ST, runtime_version="10.0", use_engine=False)
        assert report.verdict == "fits"
        assert report.arena_bytes.basis == report.flash_bytes.basis == "modelled"
        assert "ST's model zoo" in report.arena_bytes.source
        assert "version step 9" in report.flash_bytes.source
        assert "of it the runtime's own RAM" in report.reasons[0]
        assert {"arena", "flash"}.isdisjoint(what for what, _ in report.unknown)

    def test_a_large_one_does_not_and_no_one_speaks_of_two_arrays_or_compilers(self):
        large = read(Net((1, 256, 256, 8)).conv(48, (1, 1)).to_bytes())
        report = tk.check_fit(large, "nucleo-l4r5zi", runtime=ST, use_engine=False)
        assert report.verdict == "does_not_fit"
        assert "too small" in report.reasons[0]
        assert not any("MicroAllocator" in text or "-Os" in text for text in (*report.reasons, *report.advice))

    def test_doubt_makes_it_tight(self):
        """32 channels of 120 x 120: less than the board has, the high end beyond it."""
        tight = read(Net((1, 120, 120, 3)).conv(32).to_bytes())
        report = tk.check_fit(tight, "nucleo-l4r5zi", runtime=ST, runtime_version="10.0", use_engine=False)
        assert report.arena_bytes.high > report.regions[0].total_bytes > report.arena_bytes.value
        assert report.verdict == "tight"
