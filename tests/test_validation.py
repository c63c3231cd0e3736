"""Measured rows against predictions: the contract's table of runtimes, honest skipping, and rows of one's own."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.models import Net, small_cnn
from tests.no_files import NO_FILES
from tinykit.budget import Use, assess
from tinykit.ground import limits
from tinykit.ground.errors import DataError, OutputError, ParameterError, UnknownRuntimeError
from tinykit.ground.facts import shipped_path
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.energy.predict import predict_energy, predict_run_current
from tinykit.predict.latency.kernels import PARTS
from tinykit.predict.latency.measured import calibration_path, list_own, name_damage, read_own, undo_own
from tinykit.predict.latency.prediction import predict_latency
from tinykit.predict.validation.compare import calibrate, validate
from tinykit.predict.validation.measured_rows import match_board, name_core, name_runtime, read_rows
from tinykit.show.cli.main import main
from tinykit.show.panels import DesignPanel
from tinykit.target.boards import board
from tinykit.target.target import Target

COLUMNS = (
    "source_repo board core clock_mhz stack model_name precision model_file_path_local latency_ms energy_uj "
    "supply_v total_ram_bytes notes accelerator"
).split()
GOOD = {
    "source_repo": "mine", "board": "NUCLEO-L4R5ZI", "core": "Cortex-M4", "clock_mhz": "120",
    "stack": "TFLM + CMSIS-NN -O3", "model_name": "net", "precision": "int8",
    "model_file_path_local": "models/net.tflite",
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYKIT_CALIBRATION", str(tmp_path / "own"))


@pytest.fixture(scope="module")
def network():
    net = Net((1, 32, 32, 3)).conv(8).depthwise().conv(16, (1, 1)).depthwise().pool().flatten().dense()
    return net.to_bytes()


@pytest.fixture
def folder(tmp_path, network):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.tflite").write_bytes(network)
    (tmp_path / "models" / "other.tflite").write_bytes(small_cnn())
    return tmp_path


def write(folder, *rows, columns=COLUMNS):
    path = folder / "rows.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows({**GOOD, **row} for row in rows)
    return path


def expected(network, **more):
    case = {"core": "cortex-m4", "clock_hz": 120e6, "runtime": "tflm-cmsis-nn", "board": "nucleo-l4r5zi"}
    return predict_latency(read(network), **{**case, "build": "-O3", **more})


@pytest.mark.parametrize(
    ("stack", "runtime"),
    [
        ("STM32Cube.AI 8.1.0", "x-cube-ai"),
        ("X-CUBE-AI v10.2", "x-cube-ai"),
        ("TFLM + CMSIS-NN -Ofast", "tflm-cmsis-nn"),
        ("TFLM + CMSIS-NN + Silabs MVP kernels", None),
        ("Edge Impulse EON/TFLM + CMSIS-NN", "edge-impulse-eon"),
        ("Edge Impulse", None),
        ("TFLM @713b6ed (reference kernels)", "tflm-reference"),
        ("esp-tflite-micro + ESP-NN (ESP-IDF v5.5 -O2)", "esp-nn"),
        ("tflm-cmsis-nn", "tflm-cmsis-nn"),
        ("tflm-reference -O3", "tflm-reference"),
        ("x-cube-ai 8.1.0", "x-cube-ai"),
        ("TinyMaix", None),
    ],
)
def test_stacks_mean_what_the_contract_says(stack, runtime):
    assert name_runtime(stack) == runtime


def test_names_of_cores_and_boards():
    assert name_core("RISC-V RV32IMC") == "riscv-rv32imc"
    assert name_core("RISC-V HP core (PIE SIMD)") == "riscv-esp32-p4"
    assert match_board("Nucleo-L4R5ZI").id == match_board("NUCLEO-L4R5ZI-X").id == "nucleo-l4r5zi"
    assert match_board("apollo510_evb").id == "apollo510-evb"
    assert match_board("RX65N") is None


def test_predictions_are_those_of_the_library(folder, network):
    path = write(
        folder,
        {"latency_ms": "20"},
        {"latency_ms": "30", "stack": "X-CUBE-AI v8.1.0"},
        {"latency_ms": "20", "energy_uj": "600", "supply_v": "1.8"},
        {"total_ram_bytes": "20000", "notes": "arena_used_bytes() on the device"},
        {"total_ram_bytes": "20000", "notes": "whole firmware"},
    )
    result = validate(path)
    groups = {(group.quantity, group.runtime): group for group in result.groups}
    assert [(key, group.n) for key, group in groups.items()] == [
        (("latency", "tflm-cmsis-nn"), 2), (("latency", "x-cube-ai"), 1), (("energy", "tflm-cmsis-nn"), 1),
        (("arena", "tflm-cmsis-nn"), 1),
    ]  # fmt: skip
    latency, cube = result.rows[0], result.rows[1]
    assert latency.predicted == expected(network)
    assert latency.error == pytest.approx(expected(network).value / 0.020 - 1)
    assert cube.predicted == expected(network, runtime="x-cube-ai", runtime_version="8.1.0", build=None)
    energy = next(one for one in result.rows if one.quantity == "energy")
    assert energy.predicted == predict_energy(0.020, board("nucleo-l4r5zi"), clock_hz=120e6, supply_v=1.8)
    assert energy.fitted
    arena = next(one for one in result.rows if one.quantity == "arena")
    assert arena.predicted == predict_arena(read(network)).used


def test_the_scores_by_hand(folder, network):
    value = expected(network).value * 1e3
    path = write(folder, *({"latency_ms": str(value * factor)} for factor in (1, 1 / 1.08, 1 / 1.12, 1 / 3)))
    group = validate(path).groups[0]
    assert group.median_ape == pytest.approx(0.10)
    assert group.p90_ape == pytest.approx(2.0)
    assert group.coverage_80 == 0.75
    assert group.bias == pytest.approx((1.08 * 1.12 * 3) ** 0.25 - 1)
    assert group.fitted == 0


def test_rows_that_a_board_was_calibrated_by_count_as_known(folder):
    path = write(folder, {"latency_ms": "20"}, {"latency_ms": "40"})
    assert validate(path).groups[0].fitted == 0
    calibrate(write(folder, {"latency_ms": "20"}), board("nucleo-l4r5zi"))
    again = validate(write(folder, {"latency_ms": "20"}, {"latency_ms": "40"}))
    assert [one.fitted for one in again.rows] == [True, False]


def test_what_is_left_out_says_why(folder):
    path = write(
        folder,
        {"latency_ms": "20"},
        {"latency_ms": "20", "accelerator": "NPU"},
        {"latency_ms": "20", "stack": "TFLM + CMSIS-NN -O3 (FPU off)"},
        {"latency_ms": "20", "precision": "float32"},
        {"latency_ms": "20", "clock_mhz": ""},
        {"latency_ms": "20", "stack": "TinyMaix"},
        {"latency_ms": "20", "model_file_path_local": ""},
        {"latency_ms": "20", "model_file_path_local": "models/none.tflite"},
        {"latency_ms": "20", "core": "RXv2"},
        {"latency_ms": "20", "energy_uj": "3", "board": "NUCLEO-L4R5ZI-X"},
    )
    result = validate(path)
    assert [one.reason for one in result.skipped] == [
        "ran on an accelerator", "built with the FPU off", "precision float32, not int8", "no clock given",
        "no runtime is known for stack 'TinyMaix'", "no model file named",
        "model none.tflite not at hand, and not in model_operators.csv",
    ]  # fmt: skip
    assert [one.reason for one in result.unknown] == [
        "latency: no latency evidence for tflm-cmsis-nn on core 'rxv2'",
        "energy: NUCLEO-L4R5ZI-X is not in the catalogue",
    ]
    assert len(result.reasons()) == 9


def test_a_model_whose_file_is_elsewhere_is_predicted_from_its_operators(folder, network):
    rows = [
        ["model_file", "index", "operator", "input", "weights", "output", "dtype", "stride", "padding", "dilation",
         "depth_multiplier"],
        ["stays.tflite", "0", "CONV_2D", "1x32x32x3", "8x3x3x3", "1x32x32x8", "INT8", "1x1", "SAME", "1x1", ""],
    ]  # fmt: skip
    (folder / "model_operators.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    path = write(folder, {"latency_ms": "5", "model_file_path_local": "x/stays.tflite"})
    result = validate(path)
    assert result.rows[0].row.model_name == "stays"
    conv = read(Net((1, 32, 32, 3)).conv(8).to_bytes())
    assert result.rows[0].predicted.value == pytest.approx(expected(conv.data).value, rel=1e-6)
    for place in (folder / "models", folder):
        (folder / "model_operators.csv").rename(place / "model_operators.csv")
        away = folder / "models" / "measured"
        away.mkdir(exist_ok=True)
        elsewhere = write(away, {"latency_ms": "5", "model_file_path_local": "x/stays.tflite"})
        assert validate(elsewhere, models=folder / "models").rows[0].predicted == result.rows[0].predicted
        (place / "model_operators.csv").rename(folder / "model_operators.csv")


@pytest.mark.parametrize("latency", ["", "none", "-20", "0", "inf"])
def test_a_row_without_a_measurement_is_counted_as_left_out(folder, latency):
    path = write(folder, {"latency_ms": "20"}, {"latency_ms": latency, "energy_uj": "3"})
    assert validate(path).reasons() == {"no latency given, nor the arena of a model file at hand": 1}


def test_models_of_another_folder(folder, tmp_path):
    path = write(folder, {"latency_ms": "20", "model_file_path_local": "net.tflite"})
    assert validate(path, models=folder / "models").groups[0].n == 1
    with pytest.raises(DataError, match="no such folder; give the folder of the .tflite files"):
        validate(path, models=tmp_path / "nowhere")


def test_a_path_never_leaves_the_folders(folder):
    (folder.parent / "secret.tflite").write_bytes(small_cnn())
    for name in ("../../secret.tflite", str(folder / "models" / "net.tflite")):
        rows, skipped = read_rows(write(folder, {"latency_ms": "1", "model_file_path_local": name}))
        assert (rows, len(skipped)) == ((), 1)


def test_a_damaged_model_is_skipped_with_its_reason(folder):
    (folder / "models" / "net.tflite").write_bytes(b"junk")
    _, skipped = read_rows(write(folder, {"latency_ms": "1"}))
    assert skipped[0].reason.startswith("model net.tflite: not a .tflite file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column core, clock_mhz, stack, model_name; it has none"),
        (b"core,stack\nCortex-M4,x\n", "no column clock_mhz, model_name; it has core, stack"),
        (b"\xff\xfe\x00core", "cannot be read as CSV"),
        (b"core,clock_mhz,stack,model_name\n", "no row can be compared; it has no rows"),
        (b"core,clock_mhz,stack,model_name\nA,1,B,C\n", "no row can be compared; 1 × no runtime is known for"),
    ],
)
def test_a_csv_that_says_nothing_is_bad_input(tmp_path, content, message, capsys):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        validate(path)
    assert main(["validate", str(path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_csv_too_large_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "big.csv"
    path.write_text("core,stack\n" + "a,b\n" * 9)
    monkeypatch.setattr(limits, "TABLE_CELLS", 11)
    with pytest.raises(DataError, match="more than 11 cells; give a CSV of measured rows"):
        read_rows(path)
    monkeypatch.setattr(limits, "TEXT_BYTES", 3)
    with pytest.raises(DataError, match="more than 3 bytes; give a CSV of measured rows"):
        read_rows(path)


@pytest.mark.parametrize("what", NO_FILES)
def test_what_is_no_file_or_endless_is_not_waited_for(tmp_path, what):
    path = tmp_path / "rows.csv"
    NO_FILES[what](path)
    said = "more than 268,435,456 bytes" if what == "sparse" else r"cannot be read \(a folder, pipe or device, .*\)"
    with pytest.raises(DataError, match=f"{said}; give a CSV of measured rows"):
        read_rows(path)


def test_a_missing_csv(tmp_path):
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_rows(tmp_path / "none.csv")


def test_the_command_prints_the_table_and_json(folder, capsys):
    path = write(folder, {"latency_ms": "20"}, {"latency_ms": "2", "stack": "TinyMaix"})
    assert main(["validate", str(path)]) == 0
    out = capsys.readouterr().out
    assert "latency   cortex-m4  tflm-cmsis-nn" in out
    assert "1 × no runtime is known for stack 'TinyMaix'" in out
    assert main(["validate", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    wanted = {"core", "runtime", "n", "median_ape", "p90_ape", "coverage_80", "bias", "quantity"}
    assert wanted <= set(document["groups"][0])
    assert document["rows"][0]["predicted"]["basis"] == "modelled"


def test_own_rows_shift_the_prediction_for_their_board_alone(folder, network):
    before, elsewhere = expected(network), expected(network, board="nucleo-f446re")
    other = expected(small_cnn())
    path = write(folder, {"latency_ms": str(before.value * 1e3 * 1.25)})
    result = calibrate(path, board("nucleo-l4r5zi"))
    after = expected(small_cnn())
    assert other.value < after.value < 1.25 * other.value
    assert math.log(after.high / after.low) < math.log(other.high / other.low)
    assert "by your own rows of 1 models (tinykit calibrate)" in after.source
    assert expected(network, board="nucleo-f446re") == elsewhere
    assert result.factors["tflm-cmsis-nn"][0] > 1
    undo_own("nucleo-l4r5zi")
    assert (expected(network), expected(small_cnn())) == (before, other)


def test_the_very_case_that_was_measured_is_the_answer(folder, network):
    modelled = expected(network).value
    times = [modelled * 1.25e3, modelled * 1.35e3]
    calibrate(write(folder, *[{"latency_ms": f"{ms!r}"} for ms in times]), board("nucleo-l4r5zi"))
    found = expected(network)
    assert found.basis == "measured"
    assert found.value == pytest.approx(math.sqrt(times[0] * times[1]) * 1e-3)
    assert found.low <= times[0] * 1e-3 <= times[1] * 1e-3 <= found.high
    assert found.source.startswith("measured by you on nucleo-l4r5zi: net, rows.csv, line 2; net, rows.csv, line 3")
    for other in ({"clock_hz": 80e6}, {"runtime": "tflm-reference"}, {"modelled": True}):
        assert expected(network, **other).basis == "modelled"
    assert expected(small_cnn()).basis == "modelled"


def test_rows_of_one_build_say_nothing_of_another(folder, network):
    before = {build: expected(network, build=build) for build in ("-O3", "-Os", None)}
    path = write(folder, {"latency_ms": f"{before['-O3'].value * 1.5e3!r}"})
    calibrate(path, board("nucleo-l4r5zi"))
    for build in ("-Os", None):
        found = expected(network, build=build)
        told = f"your own rows are of build -O3, not {build or 'unknown'}: not used (--build)"
        assert (found.value, found.low, found.high) == (before[build].value, before[build].low, before[build].high)
        assert told in found.sources
    assert expected(network, build="-O3").basis == "measured"


def test_a_build_is_given_to_rows_that_name_none(folder, network):
    rows = {"stack": "TFLM + CMSIS-NN", "latency_ms": "20"}, {"latency_ms": "20"}
    result = calibrate(write(folder, *rows), board("nucleo-l4r5zi"), build="-Os")
    assert [row.build for row in result.rows] == ["-Os", "-O3"]
    assert set(result.factors) == {"tflm-cmsis-nn -Os", "tflm-cmsis-nn -O3"}
    with pytest.raises(ParameterError, match="build '-O7' is unknown"):
        calibrate(write(folder, *rows), board("nucleo-l4r5zi"), build="-O7")


@pytest.mark.parametrize("factor", [1e-3, 40.0, 1e3])
def test_a_row_off_by_orders_of_magnitude_is_refused(folder, network, factor):
    good = expected(network).value * 1e3
    path = write(folder, {"latency_ms": f"{good!r}"}, {"latency_ms": f"{good * factor!r}"})
    result = calibrate(path, board("nucleo-l4r5zi"))
    (left,) = result.skipped
    assert left.line == 3
    assert f"it took {factor:.3g} times what its operators take; is its unit right?" in left.reason
    assert expected(network).value == pytest.approx(good * 1e-3)
    slow = write(folder, {"latency_ms": f"{8 * good!r}"})
    assert not calibrate(slow, board("nucleo-l4r5zi")).skipped


def test_a_calibration_is_taken_back(folder, network):
    before, target = expected(network), board("nucleo-l4r5zi")
    calibrate(write(folder, {"latency_ms": "20"}), target)
    first = expected(network)
    calibrate(write(folder, {"latency_ms": "25"}), target)
    assert expected(network).value == pytest.approx(0.025)
    undo_own()
    assert expected(network) == first
    undo_own(target.id)
    assert expected(network) == before
    with pytest.raises(ParameterError, match="no own rows of nucleo-l4r5zi in .*: nothing to undo"):
        undo_own(target.id)


def test_a_store_that_cannot_be_changed_is_said(folder, monkeypatch):
    calibrate(write(folder, {"latency_ms": "20"}), board("nucleo-l4r5zi"))

    def refuse(self, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match=r"nucleo-l4r5zi.toml: cannot be taken back \(Permission denied\); see to"):
        undo_own()


def test_more_rows_than_a_store_holds_are_refused(folder, monkeypatch):
    monkeypatch.setattr(limits, "SETTINGS_BYTES", 100)
    with pytest.raises(DataError, match="1 rows are more than a board's store holds; give the rows of one board"):
        calibrate(write(folder, {"latency_ms": "20"}), board("nucleo-l4r5zi"))


def test_the_last_board_calibrated_is_the_one_taken_back(folder):
    path = write(folder, {"latency_ms": "20"})
    for name in ("nucleo-l4r5zi", "nucleo-f446re"):
        calibrate(path, board(name))
    assert [one.stem for one in list_own()] == ["nucleo-l4r5zi", "nucleo-f446re"]
    assert undo_own().stem == "nucleo-f446re"
    assert [one.stem for one in list_own()] == ["nucleo-l4r5zi"]


def test_own_rows_belong_to_a_workspace(monkeypatch, tmp_path):
    named = calibration_path("nucleo-l4r5zi")
    assert named == tmp_path / "own" / "nucleo-l4r5zi.toml"
    monkeypatch.delenv("TINYKIT_CALIBRATION")
    monkeypatch.setenv("TINYKIT_WORKSPACE", str(tmp_path / "mine"))
    assert calibration_path("nucleo-l4r5zi") == tmp_path / "mine" / "calibration" / "nucleo-l4r5zi.toml"
    monkeypatch.delenv("TINYKIT_WORKSPACE")
    monkeypatch.chdir(tmp_path)
    assert calibration_path("nucleo-l4r5zi") == Path("build/workspace/calibration/nucleo-l4r5zi.toml")


def test_the_measured_point_is_the_answer_through_every_door(folder, network, capsys):
    path = write(folder, {"latency_ms": "20"})
    calibrate(path, board("nucleo-l4r5zi"))
    target = Target("nucleo-l4r5zi", build="-O3")
    found = assess(read(network), target, Use(battery="cr2032"))
    assert (found.fit.latency_s.basis, found.fit.latency_s.value) == ("measured", pytest.approx(0.02))
    assert found.budget.latency == found.fit.latency_s
    assert "latency" not in [one.input for one in found.settle()]
    model = str(folder / "models" / "net.tflite")
    for command in ("fit", "budget"):
        assert main([command, model, "--board", "nucleo-l4r5zi", "--build", "O3"]) == 0
        assert "20.0 ms [19.4 ms … 20.6 ms] (measured)" in capsys.readouterr().out
    calibrate(write(folder, {"latency_ms": "20", "stack": "TFLM + CMSIS-NN"}), board("nucleo-l4r5zi"))
    assert "20.0 ms [19.4 ms … 20.6 ms] (measured)" in DesignPanel(read(network)).verdict.value


def test_a_measured_energy_is_measured_through_every_door(folder, network, capsys):
    row = {"latency_ms": "20", "energy_uj": "1200", "supply_v": "3.0"}
    calibrate(write(folder, row), board("nucleo-l4r5zi"))
    model, options = str(folder / "models" / "net.tflite"), ["--board", "nucleo-l4r5zi", "--build", "O3", "--json"]
    assert main(["fit", model, *options]) == 0
    fit = json.loads(capsys.readouterr().out)["results"][0]["energy_per_inference_j"]
    assert main(["budget", model, *options, "--battery", "cr2032", "--sensor", "none"]) == 0
    budget = json.loads(capsys.readouterr().out)["energy_per_inference_j"]
    assert (fit["basis"], budget["basis"]) == ("measured", "measured")
    assert (fit["value"], budget["value"]) == pytest.approx((1.2e-3 * 3.3 / 3.0, 1.2e-3)), "a linear regulator, 3.3 V"
    other = assess(read(small_cnn()), Target("nucleo-l4r5zi", build="-O3"), Use(battery="cr2032"))
    assert other.fit.energy_per_inference_j.basis == "modelled"


def test_more_models_shift_further_and_runs_of_one_count_once(folder, network):
    value = expected(network).value * 1.25e3
    other = expected(small_cnn()).value * 1.25e3
    target = board("nucleo-l4r5zi")
    once = calibrate(write(folder, {"latency_ms": value}), target).factors["tflm-cmsis-nn"]
    again = calibrate(write(folder, *[{"latency_ms": value}] * 5), target).factors["tflm-cmsis-nn"]
    both = {"latency_ms": other, "model_file_path_local": "models/other.tflite"}
    two = calibrate(write(folder, {"latency_ms": value}, both), target).factors["tflm-cmsis-nn"]
    assert again == once
    assert two[1] == 2
    assert once[0] < two[0] < 1.25


def test_one_measured_energy_sharpens_the_power(folder):
    target = board("nucleo-u575zi-q")
    row = {"core": "Cortex-M33", "stack": "X-CUBE-AI v9.0", "clock_mhz": "160", "latency_ms": "10", "energy_uj": "150",
           "supply_v": "1.8"}  # fmt: skip
    calibrate(write(folder, row), target)
    energy = predict_energy(0.020, target, clock_hz=160e6, supply_v=1.8)
    assert energy.value == pytest.approx(300e-6)
    assert "your own measured energy" in energy.source
    assert energy.high / energy.low < 1.25


def test_rows_of_another_core_are_left_out(folder):
    path = write(folder, {"latency_ms": "20"}, {"latency_ms": "20", "core": "Cortex-M7"}, {"total_ram_bytes": "1"})
    result = calibrate(path, board("nucleo-l4r5zi"))
    assert len(result.rows) == 1
    assert [one.reason for one in result.skipped] == [
        "measured on cortex-m7, nucleo-l4r5zi has cortex-m4", "no latency given",
    ]  # fmt: skip
    with pytest.raises(DataError, match="no latency of cortex-m7 in it that nucleo-h743zi2 could be calibrated by"):
        calibrate(write(folder, {"latency_ms": "20"}), board("nucleo-h743zi2"))
    with pytest.raises(DataError, match="it has no rows"):
        calibrate(write(folder), board("nucleo-l4r5zi"))


def test_a_runtime_without_evidence_is_left_out(folder):
    path = write(folder, {"latency_ms": "20"}, {"latency_ms": "20", "stack": "ESP-NN"})
    assert calibrate(path, board("nucleo-l4r5zi")).skipped[0].reason == "no latency evidence for esp-nn on cortex-m4"


def test_a_model_that_was_bounded_alone_calibrates_nothing(folder):
    (folder / "models" / "other.tflite").write_bytes(small_cnn("float32"))
    other = {"latency_ms": "20", "precision": "", "model_file_path_local": "models/other.tflite"}
    result = calibrate(write(folder, {"latency_ms": "20"}, other), board("nucleo-l4r5zi"))
    assert [one.reason for one in result.skipped] == ["operator 0 CONV_2D was not counted, only bounded"]
    assert len(result.rows) == 1


def test_a_board_of_ones_own_is_calibrated_and_taken_back(folder, network, capsys):
    shipped = shipped_path("data", "boards", "nucleo-l4r5zi.toml").read_text(encoding="utf-8")
    own, path = folder / "bench-board.toml", write(folder, {"latency_ms": "20"})
    own.write_text(shipped.replace('"nucleo-l4r5zi"', '"bench-board"', 1), encoding="utf-8")
    model = str(folder / "models" / "net.tflite")
    assert main(["calibrate", str(path), "--board", str(own)]) == 0
    assert main(["fit", model, "--board", str(own), "--build", "O3"]) == 0
    assert "20.0 ms [19.4 ms … 20.6 ms] (measured)" in capsys.readouterr().out
    assert expected(network).basis == "modelled"
    assert main(["calibrate", "--undo", "--board", str(own)]) == 0
    assert not list_own()


def test_the_calibrate_command(folder, network, capsys):
    path = write(folder, {"latency_ms": "20"}, {"latency_ms": "20", "stack": "TinyMaix"})
    assert main(["calibrate", str(path), "--board", "nucleo-l4r5zi"]) == 0
    out = capsys.readouterr().out
    assert "nucleo-l4r5zi: 1 row kept in" in out
    assert "tflm-cmsis-nn: latency times" in out
    assert "left out: 1" in out
    assert "of build -O3: a prediction uses them where it is told so (--build)" in out
    assert main(["calibrate", "--list"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"nucleo-l4r5zi +tflm-cmsis-nn +-O3 +net +120 MHz +20.0 ms +rows.csv, line 2", out)
    assert "1 row in " in out
    assert main(["calibrate", "--undo", "--list"]) == 0
    assert "0 rows, as before" in (out := capsys.readouterr().out)
    assert "0 rows in " in out
    assert main(["calibrate", "--undo"]) == 2
    assert "nothing to undo" in capsys.readouterr().err
    assert main(["calibrate", str(path), "--board", "nucleo"]) == 2
    assert main(["calibrate", str(folder / "none.csv"), "--board", "nucleo-l4r5zi"]) == 2
    capsys.readouterr()
    assert main(["calibrate"]) == main(["calibrate", str(path)]) == 2
    told = capsys.readouterr().err
    assert "give a CSV and --board ID; or --list, or --undo" in told
    assert "no board given; add --board ID" in told


WORK = ", ".join(["0.0", "1e6", *["0.0"] * (len(PARTS) - 2)])
GOOD_ROW = f"""board = "nucleo-l4r5zi"
core = "cortex-m4"
runtime = "tflm-cmsis-nn"
version = ""
build = ""
model = "net"
source = "rows.csv, line 2"
clock_hz = 80e6
latency_s = 0.02
work = [{WORK}]
noise = 0.1
energy_j = 0.0
supply_v = 0.0
"""


def store(text: str | bytes) -> Path:
    path = calibration_path("nucleo-l4r5zi")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows = 3", "a row cannot be read"),
        ("[[rows]]\nboard = 'x'", "a row cannot be read"),
        ("rows = [", "not valid TOML"),
        ("", "a row cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        ("rows = [3, [], {}]", "a row cannot be read"),
        ("x = " + "[" * 5000, "not a TOML file that can be taken|not valid TOML"),
        ("rows = [" + "{}," * 100 + "]", "a row cannot be read"),
        (f"rows = [{', '.join(f'{{board={row}}}' for row in range(100))}]", "97 more rows"),
    ],
)
def test_a_damaged_calibration_is_named_and_passed_over(network, text, message):
    before = expected(network)
    path = store(text)
    assert read_own("nucleo-l4r5zi") == ()
    told = name_damage("nucleo-l4r5zi")
    assert re.search(message, told[-1])
    assert all(one.startswith(f"own rows passed over: {path}: ") for one in told)
    assert all(one.endswith("; calibrate again, or delete the file") and len(one) < 400 for one in told)
    assert replace(expected(network), sources=before.sources) == before
    assert expected(network).sources == (*before.sources, *told)
    current = predict_run_current("nucleo-l4r5zi")
    assert set(told) <= set(current.sources)


def test_a_store_that_is_no_file_is_passed_over(tmp_path):
    path = calibration_path("nucleo-l4r5zi")
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    assert read_own("nucleo-l4r5zi") == ()
    assert "a folder, pipe or device" in name_damage("nucleo-l4r5zi")[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("latency_s = 0.02", "latency_s = -1.0", "a row of 'net' makes no sense"),
        ("latency_s = 0.02", "latency_s = nan", "a figure is missing, below 0, infinite or none"),
        ("latency_s = 0.02", "latency_s = inf", "a figure is missing"),
        ("latency_s = 0.02", "latency_s = 1e-300", "it took .* times what its operators take"),
        ("latency_s = 0.02", "latency_s = 5e-324\n", "makes no sense"),
        ("latency_s = 0.02", "latency_s = 1e300", "is its unit right"),
        ("latency_s = 0.02", "latency_s = 20.0", "it took .* times what its operators take; is its unit right"),
        ("latency_s = 0.02", "latency_s = true", "True where float belongs"),
        ("latency_s = 0.02", "latency_s = '0.02'", "'0.02' where float belongs"),
        ("latency_s = 0.02", "", "KeyError"),
        ("clock_hz = 80e6", "clock_hz = 1" + "0" * 400, "too large"),
        ("clock_hz = 80e6", "clock_hz = 1e-294", "makes no sense"),
        ("clock_hz = 80e6", "clock_hz = 1979-05-27", "where float belongs"),
        ("noise = 0.1", "noise = 0.0", "a figure is missing"),
        (f"work = [{WORK}]", "work = []", "a figure is missing"),
        (f"work = [{WORK}]", "work = 3", "not iterable"),
        ("work = [0.0, 1e6,", "work = [0.0, -1e6,", "below 0"),
        ("work = [0.0, 1e6,", "work = [0.0, 1e308,", "makes no sense"),
        ("work = [0.0, 1e6,", "work = [[0.0], 1e6,", "where float belongs"),
        ('model = "net"', "model = 3", "3 where str belongs"),
        ('runtime = "tflm-cmsis-nn"', 'runtime = "mine"', "runtime 'mine' is not known"),
        ("energy_j = 0.0", "energy_j = 1e300", "is no current of a board"),
        ("energy_j = 0.0", "energy_j = 1e-300", "is no current of a board"),
    ],
)
def test_a_row_that_makes_no_sense_is_named_and_the_others_count(network, old, new, message):
    assert old in GOOD_ROW
    store(f"[[rows]]\n{GOOD_ROW}")
    alone = expected(network)
    assert not name_damage("nucleo-l4r5zi")
    store(f"[[rows]]\n{GOOD_ROW.replace(old, new)}\n[[rows]]\n{GOOD_ROW}")
    assert len(read_own("nucleo-l4r5zi")) == 1
    (told,) = name_damage("nucleo-l4r5zi")
    assert re.search(message, told)
    assert expected(network).value == alone.value
    assert expected(network).sources[-1] == told


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"clock_mhz": "1e-300", "latency_ms": "1e-300"}, "clock_mhz 1e-300 is not from 0.001 to 10000"),
        ({"latency_ms": "1e-300"}, "latency_ms 1e-300 is not from 1e-06 to 1e+08"),
        ({"latency_ms": "1e300"}, "latency_ms 1e300 is not from"),
        ({"latency_ms": "4.9e-324"}, "latency_ms 4.9e-324 is not from"),
        ({"latency_ms": "1e400"}, "no latency given"),
        ({"latency_ms": "inf"}, "no latency given"),
        ({"latency_ms": "nan"}, "no latency given"),
        ({"latency_ms": "9" * 400}, "no latency given"),
        ({"latency_ms": "0x14"}, "no latency given"),
        ({"latency_ms": "20000000"}, "times what its operators take; is its unit right"),
        ({"latency_ms": "0.00001"}, "times what its operators take; is its unit right"),
        ({"latency_ms": "20", "clock_mhz": "nan"}, "no clock given"),
        ({"latency_ms": "20", "clock_mhz": "-80"}, "no clock given"),
        ({"latency_ms": "20", "clock_mhz": "80000000"}, "clock_mhz 80000000 is not from 0.001 to 10000"),
        ({"latency_ms": "20", "energy_uj": "1e-300", "supply_v": "3"}, "energy_uj 1e-300 is not from"),
        ({"latency_ms": "20", "energy_uj": "1e11", "supply_v": "3"}, "is no current of a board"),
        ({"latency_ms": "20", "supply_v": "1e-9"}, "supply_v 1e-9 is not from 0.3 to 60"),
        ({"latency_ms": "20", "total_ram_bytes": "1e300"}, "total_ram_bytes 1e300 is not from 1 to 1e+12"),
    ],
)
def test_calibrate_stores_nothing_that_cannot_be_used(folder, network, row, reason):
    target = board("nucleo-l4r5zi")
    with pytest.raises(DataError, match="could be calibrated by; .*" + re.escape(reason)):
        calibrate(write(folder, row), target)
    assert not calibration_path(target.id).exists()
    result = calibrate(write(folder, row, {"latency_ms": "20"}), target)
    assert len(result.rows) == 1
    assert reason in result.skipped[0].reason
    assert not name_damage(target.id)
    assert result.factors == calibrate(write(folder, {"latency_ms": "20"}), target).factors
    assert json.dumps(validate(write(folder, row, {"latency_ms": "20"})).to_json(), allow_nan=False)


def test_hostile_rows_leave_the_commands_standing(folder, network, capsys):
    rows = write(folder, {"clock_mhz": "1e-300", "latency_ms": "1e-300"}, {"latency_ms": "1e300"})
    model = str(folder / "models" / "net.tflite")
    assert main(["calibrate", str(rows), "--board", "nucleo-l4r5zi"]) == 2
    assert main(["validate", str(rows)]) == 2
    assert main(["validate", str(rows), "--json"]) == 2
    assert main(["fit", model, "--board", "nucleo-l4r5zi"]) == 0
    path = store("rows = [")
    assert main(["fit", model, "--board", "nucleo-l4r5zi"]) == 0
    told = capsys.readouterr()
    assert f"own rows passed over: {path}: not valid TOML" in told.out + told.err
    assert "Traceback" not in told.err


def test_a_board_id_names_a_file_and_nothing_else():
    with pytest.raises(ParameterError, match="cannot name a file; use letters, digits and hyphens"):
        calibration_path("../x")
    assert read_own("../x") == ()


# mcufit-bench on an ESP32: arena_used_bytes() of 22,780 bytes for the DS-CNN; on an nRF52840 with an older CMSIS-NN
# 24,164. Both lie in the interval.
def test_arenas_of_other_versions_lie_in_the_interval():
    net = Net((1, 49, 10, 1)).conv(64, (10, 4), (2, 2))
    for _ in range(4):
        net = net.depthwise().conv(64, (1, 1))
    kws = read(net.pool("AVERAGE", (25, 5), (25, 5)).flatten().dense(12, per_channel=False).softmax().to_bytes())
    esp = predict_arena(kws, runtime="esp-nn", core="xtensa-lx6")
    assert esp.value == 22_780
    assert "met to the byte" in esp.used.source
    nrf = predict_arena(kws)
    assert nrf.low < nrf.value < 24_164 < nrf.high
    bound, plain = (predict_arena(kws, runtime=name, core="xtensa-lx7") for name in ("esp-nn", "tflm-reference"))
    assert bound.low <= plain.value < bound.value <= bound.high
    assert "a bound, no arena was published" in bound.used.source
    with pytest.raises(UnknownRuntimeError, match="arena of esp-nn on cortex-m4 is unknown: ESP-NN has kernels"):
        predict_arena(kws, runtime="esp-nn", core="cortex-m4")
    with pytest.raises(UnknownRuntimeError, match="its planner is not TFLM's"):
        predict_arena(kws, runtime="edge-impulse-eon")


def test_an_arena_outside_is_read_from_the_notes_and_predicted_there(folder, network):
    path = write(folder, {"latency_ms": "20"}, {"latency_ms": "20", "notes": "median of 5; arena in external SDRAM"})
    inside, outside = validate(path).rows
    assert (inside.row.arena_region, outside.row.arena_region) == ("", "sdram")
    assert outside.predicted == expected(network, arena_region="sdram")
    assert outside.predicted.value > 1.1 * inside.predicted.value
    result = calibrate(path, board("nucleo-l4r5zi"))
    assert [one.reason for one in result.skipped] == ["arena in sdram, not in on-chip RAM"]
    assert len(result.rows) == 1


HEADER = "model_file,index,operator,input,weights,output,dtype,stride,padding,dilation,depth_multiplier"


@pytest.mark.parametrize(
    "row",
    [
        "CONV_2D,1x99999999999x99999999999x3,8x3x3x3,1x32x32x8,INT8,1x1,SAME,1x1,",
        f"CONV_2D,1x32x32x3,8x3x3x3,1x{'9' * 400}x32x8,INT8,1x1,SAME,1x1,",
        "CONV_2D,1x-32x32x3,8x3x3x3,1x32x32x8,INT8,1x1,SAME,1x1,",
        "CONV_2D,1x32x32x3,8x1000000000x3x3,1x32x32x8,INT8,1x1,SAME,1x1,",
        "CONV_2D,1x32x32x3,8x3x3x3,1x32x32x8,INT8,0x0,SAME,1x1,",
        "CONV_2D,1x32x32x3,8x3x3x3,1x32x32x8,INT8,1x1,SAME,-1x-1,",
        "FULLY_CONNECTED,1x0,0x0,1x0,INT8,1x1,SAME,1x1,",
    ],
)
def test_operators_of_sizes_that_none_has_are_left_out(folder, row):
    (folder / "model_operators.csv").write_text(f"{HEADER}\naway.tflite,0,{row}\n")
    path = write(folder, {"latency_ms": "5", "model_file_path_local": "away.tflite"})
    for read_them in (validate, lambda path: calibrate(path, board("nucleo-l4r5zi"))):
        with pytest.raises(DataError, match="a size of its operators is not from 1 to 1,048,576"):
            read_them(path)


@pytest.mark.parametrize("column", ["stack", "core", "board", "precision", "accelerator", "notes"])
@pytest.mark.parametrize("text", ["TFLM " * 20_000 + "CMSIS", "(" * 100_000, "-O" * 50_000, "1." * 50_000])
def test_long_cells_take_no_time(folder, column, text):
    start = time.monotonic()
    read_rows(write(folder, {"latency_ms": "5", column: text}))
    assert time.monotonic() - start < 2


def test_an_arena_under_x_cube_ai_is_asked_for_by_its_version(folder, network):
    """The step of the tool that the row names, not as wide as all of them."""
    row = {"latency_ms": "20", "total_ram_bytes": "5000", "notes": "arena_used_bytes"}
    path = write(folder, row | {"stack": "X-CUBE-AI v8.1"}, row | {"stack": "X-CUBE-AI"}, columns=(*COLUMNS, *row))
    told, untold = (one.predicted for one in validate(path).rows if one.quantity == "arena")
    words = {"runtime": "x-cube-ai", "core": "cortex-m4"}
    assert told == predict_arena(read(network), **words, runtime_version="8.1").used
    assert untold == predict_arena(read(network), **words).used
    assert told.high / told.low < untold.high / untold.low
