"""What people met with, where the small inputs lie beside the checkout (../shared/cases); nothing is collected without.

The unit tests make inputs of the kind themselves; here the very files go through the command line, each to the answer
that was right for it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tinykit.budget import read_trace
from tinykit.show.cli.main import main

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
OPEN_BATCH, BATCH_1 = (f"c03-garbage-called-no-fault/dilated_{one}_float32.tflite" for one in ("open_batch", "batch1"))
SENSE, COIN = ("--board", "arduino-nano-33-ble-sense"), ("--battery", "cr2032")
STATE, RUN = "c01-no-output-operator/streaming_state.tflite", ("run", "--board", "nucleo-f411re")

ANSWERS: tuple[tuple[str, tuple[str, ...], int, str], ...] = (
    (STATE, ("inspect",), 0, "ASSIGN_VARIABLE"),
    (STATE, ("fit", "--board", "esp-eye"), 0, "fits"),
    (STATE, ("verify",), 0, "every output value is equal"),
    (STATE, ("pack", "--out", "OUT"), 0, "equal"),
    (STATE, ("deploy", "--target", "tflm", "--out", "OUT"), 0, "OUT"),
    (STATE, RUN, 0, "equal to TFLM"),
    (OPEN_BATCH, ("verify",), 1, "do not compute the same"),
    (OPEN_BATCH, ("deploy", "--target", "tflm", "--out", "OUT"), 2, "SPACE_TO_BATCH_ND"),
    (BATCH_1, ("verify",), 0, "every output value is equal"),
    ("c05-float-ends-lsb/float_ends.tflite", ("verify",), 0, "one LSB = 0.00390625"),
    ("c06-multi-output-verify/two_outputs.tflite", ("verify",), 0, "litert-reference"),
    ("c07-open-batch-shape-c-export/transposed_int8.tflite", ("deploy", "--target", "c", "--out", "OUT"), 0, "OUT"),
    ("c08-conv1d-c-export/conv1d_open_batch_int8.tflite", RUN, 0, "equal to TFLM"),
    ("c10-transposed-mixed/transposed_int8.tflite", ("inspect",), 0, "bytes, int8"),
    ("c11-float32-no-time/gesture_float32.tflite", ("budget", *SENSE, *COIN, "--period", "2"), 0, "battery life"),
    ("c12-rnn-loop/lstm_flex.tflite", ("fit", *SENSE), 1, "batch 1"),
    ("c12-rnn-loop/lstm_batch1_int8.tflite", ("budget", *SENSE, *COIN, "--period", "2"), 0, "battery life"),
    ("c13-numbers-for-what-tflm-refuses/hybrid_dense.tflite", ("inspect",), 0, "no arena and no MACs"),
    ("c15-esp32-dram/wide_map_int8.tflite", ("fit", "--board", "esp-eye"), 0, "only in external PSRAM"),
    ("c16-esp32s3-runtime/wide_map_int8.tflite", ("fit", "--board", "xiao-esp32s3-sense"), 0, "with esp-nn on"),
    ("c18-board-not-chip/uint8_ends.tflite", ("budget", *SENSE, *COIN, "--period", "10"), 0, "of the chip alone"),
    ("c19-hidden-reserve/two_outputs.tflite", ("fit", "--board", "c19-hidden-reserve/avr.toml"), 1, "were assumed"),
    ("c24-what-was-given/pointer.tflite", ("inspect",), 2, "git lfs pull"),
    ("c24-what-was-given/model_data.cc", ("inspect",), 0, "168 MACs"),
    ("c24-what-was-given/model.tflite.gz", ("inspect",), 0, "MACs"),
    ("c24-what-was-given/net.onnx", ("inspect",), 2, "an ONNX model"),
)  # fmt: skip


class TestCases:
    __test__ = CASES.is_dir()

    @pytest.mark.parametrize(("file", "command", "status", "said"), ANSWERS)
    def test_the_right_answer(self, file, command, status, said, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(CASES)
        out = str(tmp_path / "out.tflite")
        name, *rest = (out if word == "OUT" else word for word in command)
        assert main([name, str(CASES / file), *rest]) == status
        captured = capsys.readouterr()
        assert (out if said == "OUT" else said) in captured.out + captured.err

    def test_c20_time_weighs_and_not_rows(self):
        right = float((CASES / "c20-uneven-sampling" / "right_value_a.txt").read_text().split()[1])
        assert read_trace(CASES / "c20-uneven-sampling" / "uneven.csv").average_a == pytest.approx(right, rel=2e-3)

    def test_c22_what_is_lost_is_bridged_and_said(self):
        found = read_trace(CASES / "c22-lost-samples" / "gap.csv")
        assert found.average_a == pytest.approx(1.05e-4, rel=0.01)
        assert 0 < found.bridged_share < 0.01

    def test_c25_a_file_of_keras_3(self, capsys):
        folder = CASES / "c25-keras3"
        assert main(["inspect", str(folder / "k3_dense.keras"), "--representative", str(folder / "k3_dense.npz")]) == 0
        assert "704 MACs" in capsys.readouterr().out
