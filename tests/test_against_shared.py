"""Against real models, where they lie beside the checkout (../shared); without them nothing is collected."""

from __future__ import annotations

import csv
import dataclasses
import itertools
from pathlib import Path

import pytest

from tests.test_arena import Recorder
from tinykit.handover.fix import mend
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.flash import predict_flash
from tinykit.predict.packing.decoding import code_weights
from tinykit.predict.packing.leaning import lean
from tinykit.predict.striping.search import stripe
from tinykit.predict.validation.compare import validate
from tinykit.predict.validation.published import AS_PUBLISHED, from_groups, read_errors

SHARED = Path(__file__).resolve().parents[2] / "shared"
MODELS = sorted(path.name for path in (SHARED / "models").glob("*.tflite"))

# arena_used_bytes() of the linked firmware (built and run under QEMU 7.2, GCC 12.2, TFLM mid-2026): reference
# kernels on every core, CMSIS-NN on cores with DSP, CMSIS-NN on the M55.
LINKED = {
    "mlperf_kws01_dscnn_int8.tflite": (22772, 22820, 27300),
    "mlperf_ic01_resnet8_int8.tflite": (54340, 54996, 54996),
    "mlperf_vww01_mbv1_int8.tflite": (100660, 100708, 100756),
    "mlperf_ad01_int8.tflite": (2260, 2580, 5172),
}
# Code and rodata of the linked ELF on a Cortex-M4 with CMSIS-NN at -Os, of the same builds.
LINKED_CODE = dict(zip(LINKED, (74032, 67356, 74032, 26464), strict=True))


@pytest.fixture(scope="module")
def features():
    with (SHARED / "measurements" / "model_features.csv").open(encoding="utf-8") as stream:
        return {Path(row["model_file"]).name: row for row in csv.DictReader(stream)}


@pytest.fixture(scope="module")
def recorder():
    recorder = Recorder()
    yield recorder
    recorder.engine.close()


class TestShared:
    __test__ = bool(MODELS)

    @pytest.mark.parametrize("name", MODELS)
    def test_head_equals_the_interpreters(self, recorder, name):
        graph = read(SHARED / "models" / name)
        assert predict_arena(graph, runtime="tflm-reference").head_bytes == recorder.head_bytes(graph.data)

    @pytest.mark.parametrize(("name", "bytes_lean", "bytes_coded"), [
        ("mlperf_kws01_dscnn_int8.tflite", 30_208, None),
        ("mlperf_ic01_resnet8_int8.tflite", 84_464, None),
        ("mlperf_vww01_mbv1_int8.tflite", 241_024, 93_872),
    ])  # fmt: skip
    def test_packed_with_the_same_outputs(self, name, bytes_lean, bytes_coded):
        """VWW was published with most of its weights exactly zero, though nobody calls it pruned."""
        packed = code_weights(SHARED / "models" / name)
        assert lean(packed.before, prove=False).flatbuffer_bytes == bytes_lean
        assert packed.equal
        assert packed.flatbuffer_bytes == (bytes_coded or bytes_lean)
        arena = predict_arena(packed.graph, runtime="tflm-reference")
        assert arena.head_bytes == packed.proof.after.head_bytes

    @pytest.mark.parametrize(("name", "end", "most_bytes", "most_latency"), [
        ("mlperf_vww01_mbv1_int8.tflite", "as it is", 67_100, 0.04),
        ("tinyengine_mcunet_vww1_80.tflite", "int8", 118_100, 0.03),
        ("mltk_rock_paper_scissors.tflite", "int8", 40_000, 0.15),
        ("tflm_person_detect_int8.tflite", "as it is", 65_500, 0.04),
    ])  # fmt: skip
    def test_stripes_reach_what_was_aimed_at(self, name, end, most_bytes, most_latency):
        """Arena on a Cortex-M4 with CMSIS-NN, of files whose float ends were cut off; TFLM records the head planned."""
        graph = read(SHARED / "models" / name)
        made = stripe(mend(graph).graph if end == "int8" else graph, most_latency=most_latency)
        assert made.arena.value <= most_bytes
        assert made.latency <= most_latency
        assert made.proof.equal
        assert made.proof.caught >= 0.99 * made.proof.faults
        assert made.proof.after.head_bytes == made.arena.head_bytes

    @pytest.mark.parametrize("name", MODELS)
    def test_macs_and_operators_as_counted_elsewhere(self, features, name):
        graph, row = read(SHARED / "models" / name), features[name]
        assert (graph.sha256, graph.flatbuffer_bytes) == (row["sha256"], int(row["file_bytes"]))
        assert graph.macs == int(row["macs_total"])
        assert len(graph.operators) == int(row["n_ops"])
        counted = dict(pair.rsplit(":", 1) for pair in row["op_histogram"].split())
        assert {name: str(count) for name, count in graph.operator_counts().items()} == counted

    @pytest.mark.parametrize(("name", "core"), [*itertools.product(LINKED, ["m4", "m7", "m33", "m55"])])
    def test_arena_as_linked(self, name, core):
        """To the byte today; what is owed is never below, and at most 64 bytes above."""
        graph = read(SHARED / "models" / name)
        reference, dsp, mve = LINKED[name]
        found = predict_arena(graph, runtime="tflm-reference", core=f"cortex-{core}")
        assert found.value == reference
        found = predict_arena(graph, runtime="tflm-cmsis-nn", core=f"cortex-{core}")
        assert found.value == (mve if core == "m55" else dsp)
        assert found.low <= found.value <= found.high

    @pytest.mark.parametrize("name", LINKED)
    def test_flash_as_linked(self, name):
        graph = read(SHARED / "models" / name)
        found = predict_flash(graph, runtime="tflm-cmsis-nn", core="cortex-m4", build="-Os").total
        assert found.value == graph.flatbuffer_bytes + LINKED_CODE[name] + 104
        assert found.basis == "compiled"


class TestPublishedErrors:
    __test__ = (SHARED / "measurements" / "calibration.csv").is_file()

    def test_rows_as_published_score_as_the_shipped_table_says(self):
        """`make readme` after a change of a model or of evidence."""
        shipped = [one for one in read_errors() if one.how == AS_PUBLISHED]
        scored = from_groups(validate(SHARED / "measurements" / "calibration.csv").groups)
        assert [dataclasses.replace(one, median_ape=0, p90_ape=0, coverage_80=0, bias=0) for one in shipped] == [
            dataclasses.replace(one, median_ape=0, p90_ape=0, coverage_80=0, bias=0) for one in scored
        ]
        for one, again in zip(shipped, scored, strict=True):
            assert one.median_ape == pytest.approx(again.median_ape, abs=1e-4)
            assert one.coverage_80 == pytest.approx(again.coverage_80, abs=1e-4)
