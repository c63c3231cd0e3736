"""Instructions: the counted tables of a real build are the oracle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.models import Net
from tinykit.ground.errors import FactError, ModelError, ParameterError, UnknownRuntimeError
from tinykit.model.graph.reading import read
from tinykit.model.operators.table import row_of
from tinykit.predict.latency.instructions import counted_combinations, predict_instructions
from tinykit.predict.latency.kernels import (
    FAMILIES,
    FEATURE_NAMES,
    LANES,
    family_of,
    feature_names,
    features_of,
    kind_of,
)
from tinykit.predict.latency.shapes import OperatorShape, from_graph, from_rows, read_table
from tools.latency.fitting import TABLES, fit_coefficients
from tools.latency.refit import render_all

ROWS = read_table("operator_counts").rows
# Published with the tables: exact instructions per Invoke() in millions, -O3 (QEMU 7.2, GCC 12.2, TFLM mid-2026).
TOTALS = {
    "tflm-reference@cortex-m4": {"kws": 48.640, "ic": 132.044, "vww": 116.629, "ad": 1.952},
    "tflm-cmsis-nn@cortex-m4": {"kws": 7.845, "ic": 29.875, "vww": 24.720, "ad": 0.582},
    "tflm-cmsis-nn@cortex-m33": {"kws": 7.801, "ic": 29.932, "vww": 24.542, "ad": 0.583},
    "tflm-cmsis-nn@cortex-m7": {"kws": 7.761, "ic": 29.939, "vww": 24.484, "ad": 0.583},
    "tflm-cmsis-nn@cortex-m55": {"kws": 1.786, "ic": 4.812, "vww": 6.434, "ad": 0.285},
}
# MLPerf Tiny's published MACs.
MACS = {"kws": 2_656_768, "ic": 12_501_632, "vww": 7_489_664, "ad": 264_192}


def shapes_of(model: str) -> tuple[OperatorShape, ...]:
    return from_rows(row for row in ROWS if row["model"] == model)


def convolution(channels: int = 16, kernel: int = 3, filters: int = 16, size: int = 16) -> OperatorShape:
    output = (1, size, size, filters)
    weights = (filters, kernel, kernel, channels)
    inputs = (1, size, size, channels)
    macs = row_of("CONV_2D").count_macs((inputs, weights), output)
    return OperatorShape("CONV_2D", inputs, weights, output, padding="SAME", macs=macs)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("model", MACS)
def test_operator_counts_add_up_to_the_published_totals(table, model):
    counted = sum(int(row[table]) for row in ROWS if row["model"] == model)
    assert counted / 1e6 == pytest.approx(TOTALS[table][model], abs=0.002)


@pytest.mark.parametrize(("model", "macs"), MACS.items())
def test_shapes_give_the_published_macs(model, macs):
    assert sum(shape.macs for shape in shapes_of(model)) == pytest.approx(macs, rel=0.001)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("model", MACS)
def test_totals_are_within_three_percent(table, model):
    runtime, core = table.split("@")
    report = predict_instructions(shapes_of(model), core=core, runtime=runtime, build="-O3")
    assert report.total.value / 1e6 == pytest.approx(TOTALS[table][model], rel=0.03)
    assert report.total.low < TOTALS[table][model] * 1e6 < report.total.high
    assert report.total.unit == "instruction"
    assert report.total.basis == "modelled"
    assert "QEMU" in report.total.source


@pytest.mark.parametrize("table", TABLES)
def test_every_operator_of_weight_is_close(table):
    runtime, core = table.split("@")
    allowed = 0.08 if core == "cortex-m55" else 0.055
    for model in MACS:
        report = predict_instructions(shapes_of(model), core=core, runtime=runtime, build="-O3")
        counts = [int(row[table]) for row in ROWS if row["model"] == model]
        for operator, counted in zip(report.operators, counts, strict=True):
            if counted > 0.01 * sum(counts):
                assert operator.instructions == pytest.approx(counted, rel=allowed), (model, operator)


@pytest.mark.parametrize(
    "row", read_table("total_counts").rows, ids=lambda row: f"{row['runtime']}@{row['core']}{row['build']}"
)
def test_other_builds_and_cores_meet_their_totals(row):
    for model in MACS:
        report = predict_instructions(shapes_of(model), core=row["core"], runtime=row["runtime"], build=row["build"])
        assert report.total.value / 1e6 == pytest.approx(float(row[model]), rel=0.05)


@pytest.mark.parametrize(
    ("table", "model", "allowed"),
    # Only ic has K×K convolutions of many channels: without it they stay those of the swept CMSIS-NN 4.0.0, which
    # takes 6 to 10 % more than TFLM's newer library there.
    [("tflm-cmsis-nn@cortex-m4", "vww", 0.02), ("tflm-cmsis-nn@cortex-m4", "ic", 0.08)],
)
def test_a_model_left_out_of_the_fit_is_predicted(table, model, allowed):
    coefficients = fit_coefficients(table, model)
    rows = [row for row in ROWS if row["model"] == model]
    predicted = counted = 0.0
    for shape, row in zip(from_rows(rows), rows, strict=True):
        kind = kind_of(shape)
        if kind in coefficients:
            features = features_of(shape, kind, TABLES[table])
            predicted += sum(a * b for a, b in zip(features, coefficients[kind], strict=True))
            counted += int(row[table])
    assert predicted == pytest.approx(counted, rel=allowed)


def test_shipped_tables_are_what_the_fit_gives():
    for name, text in render_all():
        shipped = read_table(name.removesuffix(".csv"))
        fresh = text.splitlines()
        assert len(fresh) == len(shipped.rows) + 3
        for line, row in zip(fresh[3:], shipped.rows, strict=True):
            *names, figures = line.split(",")
            *held, numbers = row.values()
            assert [float(part) for part in numbers.split()] == pytest.approx(
                [float(part) for part in figures.split()], rel=0.02, abs=2e-4
            )
            assert names[0] == held[0]


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("runtime", ["tflm-reference", "tflm-cmsis-nn"])
def test_more_work_is_never_fewer_instructions(core, runtime):
    def total(shape):
        return predict_instructions([shape], core=core, runtime=runtime, build="-O3").total.value

    for grow in ("channels", "filters", "size"):
        counts = [total(convolution(**{grow: value})) for value in (16, 32, 48, 64)]
        assert counts == sorted(counts)
    assert total(convolution(kernel=5)) > total(convolution(kernel=3)) > total(convolution(kernel=1))


def test_im2col_makes_few_channels_dear():
    few, many = (
        predict_instructions([convolution(channels)], core="cortex-m4", runtime="tflm-cmsis-nn", build="-O3")
        for channels in (3, 48)
    )
    assert few.total.value / few.operators[0].macs > 1.5 * many.total.value / many.operators[0].macs


def test_padding_taps_cost_the_reference_kernel_nothing():
    same = features_of(convolution(size=4), "conv", "portable")[0]
    # 4×4 outputs, 3×3 taps, SAME: (2+3+3+2)² pairs inside, of 144; 16 × 16 channels.
    assert same == 100 * 256


def test_unknown_build_lies_between_and_is_wider():
    reports = {
        build: predict_instructions(shapes_of("ic"), core="cortex-m4", runtime="tflm-cmsis-nn", build=build).total
        for build in ("-O3", "-Os", None)
    }
    assert reports["-O3"].value < reports[None].value < reports["-Os"].value
    assert reports[None].high / reports[None].low > 1.1 * reports["-O3"].high / reports["-O3"].low
    ofast = predict_instructions(shapes_of("ic"), core="cortex-m4", runtime="tflm-cmsis-nn", build="-Ofast").total
    assert ofast == reports["-O3"]


def test_assumed_kernels_widen_the_interval_and_are_marked():
    logistic = OperatorShape("LOGISTIC", (1, 64, 64, 32), (), (1, 64, 64, 32))
    plain = predict_instructions([convolution()], core="cortex-m4", runtime="tflm-cmsis-nn", build="-O3")
    mixed = predict_instructions([convolution(), logistic], core="cortex-m4", runtime="tflm-cmsis-nn", build="-O3")
    assert [operator.basis for operator in mixed.operators] == ["modelled", "assumed"]
    assert mixed.assumed_share > 0.5
    assert mixed.total.high / mixed.total.low > 2 * plain.total.high / plain.total.low


def test_depthwise_of_another_size_is_assumed_and_grows_with_its_taps():
    def depthwise(side, multiplier=1):
        shape = (1, 16, 16, 32)
        weights = (1, side, side, 32)
        return OperatorShape("DEPTHWISE_CONV_2D", shape, weights, shape, padding="SAME", depth_multiplier=multiplier)

    assert kind_of(depthwise(3)) == "depthwise"
    assert kind_of(depthwise(5)) == "depthwise_any"
    assert kind_of(depthwise(3, multiplier=8)) == "depthwise_mult"
    for core in ("cortex-m4", "cortex-m55"):
        counts = [
            predict_instructions([depthwise(side)], core=core, runtime="tflm-cmsis-nn", build="-O3").total.value
            for side in (3, 5, 7)
        ]
        assert counts[0] < counts[1] < counts[2]


def test_graph_and_rows_give_the_same_shapes():
    graph = read(Net((1, 12, 12, 4)).conv(8).depthwise().pool().flatten().dense(3).softmax().to_bytes())
    shapes = from_graph(graph)
    assert [shape.name for shape in shapes][:3] == ["CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D"]
    assert shapes[2].weight_shape == (2, 2)
    assert sum(shape.macs for shape in shapes) == graph.macs
    row = {
        "operator": "CONV_2D",
        "input": "1x12x12x4",
        "weights": "8x3x3x4",
        "output": "1x12x12x8",
        "dtype": "INT8",
        "stride": "1x1",
        "padding": "SAME",
        "dilation": "1x1",
        "depth_multiplier": "",
    }
    assert from_rows([row])[0] == shapes[0]
    by_graph = predict_instructions(graph, core="cortex-m4", runtime="tflm-cmsis-nn", build="-O3")
    by_shapes = predict_instructions(shapes, core="cortex-m4", runtime="tflm-cmsis-nn", build="-O3")
    assert by_graph == by_shapes


def test_a_row_that_cannot_be_read_is_refused():
    with pytest.raises(ModelError, match="cannot be read"):
        from_rows([{"operator": "CONV_2D", "input": "1xAx3"}])


def test_unlisted_operators_are_unknown():
    strange = OperatorShape("CUSTOM:MINE", (1, 8), (4, 8), (1, 4))
    with pytest.raises(UnknownRuntimeError, match="MINE has no instruction model"):
        predict_instructions([strange], core="cortex-m4", runtime="tflm-cmsis-nn")


@pytest.mark.parametrize(
    "damage",
    [
        {"weight_shape": (16, 3)},
        {"stride": (0, 1)},
        {"dilation": (1, -1)},
        {"output_shape": ()},
        {"input_shape": (1, 16)},
    ],
)
def test_a_damaged_convolution_is_unknown_not_a_crash(damage):
    with pytest.raises(UnknownRuntimeError, match="CONV_2D has no instruction model"):
        predict_instructions([replace(convolution(), **damage)], core="cortex-m4", runtime="tflm-cmsis-nn")


def test_absurd_shapes_do_not_hang():
    huge = replace(convolution(), weight_shape=(16, 2**30, 2**30, 3), output_shape=(1, 2**31, 2**31, 16))
    assert predict_instructions([huge], core="cortex-m4", runtime="tflm-cmsis-nn").total.value > 1e30


@pytest.mark.parametrize(
    ("size", "outputs", "taps", "stride", "dilation"),
    [(49, 25, 10, 2, 1), (10, 5, 4, 2, 1), (16, 16, 3, 1, 2), (7, 3, 5, 3, 1), (2, 2, 7, 1, 1)],
)
def test_taps_inside_are_those_one_counts(size, outputs, taps, stride, dilation):
    before = max(0, (outputs - 1) * stride + (taps - 1) * dilation + 1 - size) // 2
    positions = [(o * stride - before + t * dilation) for o in range(outputs) for t in range(taps)]
    counted = sum(0 <= position < size for position in positions)
    shape = OperatorShape(
        "DEPTHWISE_CONV_2D",
        (1, size, 1, 1),
        (1, taps, 1, 1),
        (1, outputs, 1, 1),
        stride=(stride, 1),
        padding="SAME",
        dilation=(dilation, 1),
    )
    assert features_of(shape, "depthwise_any", "portable")[0] == counted


def test_nothing_to_do_takes_no_instructions():
    assert predict_instructions([], core="cortex-m4", runtime="tflm-cmsis-nn").total.value == 0


def test_unknown_core_and_build_are_refused():
    with pytest.raises(UnknownRuntimeError, match="tflm-cmsis-nn on cortex-m4"):
        predict_instructions([convolution()], core="cortex-m3", runtime="tflm-cmsis-nn")
    with pytest.raises(ParameterError, match="build '-O9' is unknown"):
        predict_instructions([convolution()], core="cortex-m4", runtime="tflm-cmsis-nn", build="-O9")
    assert "tflm-cmsis-nn on cortex-m0plus" in counted_combinations()


def test_features_have_names_and_kernels_a_family():
    for row in ROWS:
        (shape,) = from_rows([row])
        kind = kind_of(shape)
        for style in LANES:
            assert len(features_of(shape, kind, style)) == len(feature_names(kind, style))
        assert family_of(kind, shape) in FAMILIES
    assert FEATURE_NAMES["conv"][-1] == "call"


def test_a_table_without_a_source_is_refused():
    with pytest.raises(FactError, match="cannot be read"):
        read_table("no_such_table")


def test_every_table_names_its_source(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "latency"
    folder.mkdir(parents=True)
    (folder / "bare.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    monkeypatch.setattr("tinykit.predict.latency.shapes.shipped_path", tmp_path.joinpath)
    with pytest.raises(FactError, match="names no source"):
        read_table("bare")
