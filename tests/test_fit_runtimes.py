"""line_up_runtimes: one model on one board under every runtime made for it; what is read back stands among them."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.models import Net, small_cnn
from tests.st_reports import Said, write
from tinykit.budget.fit.check import check_fit, line_up_runtimes, tell_runtime
from tinykit.handover.codegen.export import export_c
from tinykit.handover.readback.matching import keep_report
from tinykit.handover.readback.report import read_report
from tinykit.model.graph.reading import read
from tinykit.predict.st_memory import weight_bytes
from tinykit.show.cli.main import main
from tinykit.show.plots import plot_lineup
from tinykit.target.boards import boards
from tinykit.target.runtimes import list_runtimes

CNN = read(Net((1, 32, 32, 3)).conv(8).depthwise().conv(16, (1, 1)).pool().flatten().dense().to_bytes())


pytestmark = pytest.mark.usefixtures("tinykit_workspace")


@pytest.mark.parametrize(
    ("board", "wanted"),
    [
        ("nucleo-h743zi2", ["tflm-cmsis-nn", "tflm-reference", "x-cube-ai", "edge-impulse-eon"]),
        ("microbit-v2", ["tflm-cmsis-nn", "tflm-reference", "edge-impulse-eon"]),
        ("esp32-devkitc", ["tflm-reference", "esp-nn"]),
        ("alif-ensemble-e7-devkit", ["tflm-cmsis-nn", "tflm-reference", "edge-impulse-eon", "ethos-u"]),
    ],
)
def test_a_board_has_the_runtimes_that_are_made_for_it(board, wanted):
    if board not in {one.id for one in boards()}:
        board = next(one.id for one in boards() if one.core.startswith("xtensa"))
    reports = line_up_runtimes(CNN, board)
    assert [report.runtime for report in reports] == wanted
    for report in reports:
        alone = check_fit(CNN, board, runtime=report.runtime)
        assert (report.arena_bytes, report.flash_bytes, report.latency_s) == (
            alone.arena_bytes, alone.flash_bytes, alone.latency_s,
        )  # fmt: skip


def test_every_runtime_tells_its_licence_and_what_it_does_not_run():
    assert all(one.licence and one.cannot for one in list_runtimes())


def test_versions_that_were_read_back_stand_beside_each_other(tmp_path):
    known = {"md5": hashlib.md5(CNN.data).hexdigest(), "macc": CNN.macs, "weights": weight_bytes(CNN)}
    for version, arena in (("7.3.0", 7000), ("8.1.0", 8000)):
        path = tmp_path / "r_report.txt"
        path.write_text(write(Said(version=version, activations=arena, **known)))
        keep_report(read_report(path), CNN)
    reports = [one for one in line_up_runtimes(CNN, "nucleo-h743zi2") if one.runtime == "x-cube-ai"]
    assert [tell_runtime(one) for one in reports] == ["x-cube-ai 7.3.0", "x-cube-ai 8.1.0 balanced"]
    assert [(one.arena_bytes.value, one.arena_bytes.basis) for one in reports] == [
        (7000, "compiled"),
        (8000, "compiled"),
    ]


def test_the_picture_names_runtimes_where_the_board_is_one():
    ax = plot_lineup(line_up_runtimes(CNN, "nucleo-h743zi2"))
    assert [label.get_text() for label in ax.get_yticklabels()][:3] == ["tflm-cmsis-nn", "tflm-reference", "x-cube-ai"]


def test_the_command_prints_one_table_and_says_why_what_is_unknown(tmp_path, capsys):
    (tmp_path / "m.tflite").write_bytes(small_cnn())
    assert main(["compare", str(tmp_path / "m.tflite"), "--board", "nucleo-h743zi2"]) == 0
    told = capsys.readouterr().out
    assert "own C (tinykit deploy --target c)" in told
    assert "ONNX Runtime on embedded Linux, Cortex-A" in told
    assert "SLA0044: on STM32 alone" in told
    assert "- edge-impulse-eon: latency unknown: no latency evidence" in told
    assert main(["compare", str(tmp_path / "m.tflite"), "--board", "nucleo-h743zi2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["framework"] for one in document["results"]][:2] == ["tflm-cmsis-nn", "tflm-reference"]
    own, linux = document["beside"]
    assert own["arena_bytes"]["value"] == export_c(read(small_cnn())).arena_bytes
    assert own["latency_s"] is None
    assert linux["flash_bytes"]["value"] == 27_165_936
