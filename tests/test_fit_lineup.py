"""line-up: one model on M4, M7, M33, M55 and U55; figures as the single checks have them, else unknown."""

from __future__ import annotations

import json

import pytest

from tests.models import Net, small_cnn
from tinykit.budget.fit import check
from tinykit.budget.fit.check import MACHINES, check_fit, line_up, name_machine
from tinykit.ground.errors import MissingPackageError, UnknownBoardError
from tinykit.model.graph.reading import read
from tinykit.show.cli.main import main
from tinykit.show.plots import plot_lineup, to_png
from tinykit.target import Reserve
from tinykit.target.boards import board

CNN = read(Net((1, 32, 32, 3)).conv(8).depthwise().conv(16, (1, 1)).pool().flatten().dense().to_bytes())


@pytest.fixture(scope="module")
def reports():
    return line_up(CNN)


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_five_machines(reports):
    names = ["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "ethos-u55-256"]
    assert [name_machine(report) for report in reports] == names
    assert [board(one).core for one in MACHINES] == names[:4]


def test_figures_are_those_of_the_single_checks(reports):
    for report in reports:
        alone = check_fit(CNN, report.board, runtime=report.runtime)
        assert (report.latency_s, report.arena_bytes, report.flash_bytes) == (
            alone.latency_s, alone.arena_bytes, alone.flash_bytes,
        )  # fmt: skip
    assert [report.latency_s.basis for report in reports] == ["modelled"] * 5
    assert reports[-1].latency_s.value < min(report.latency_s.value for report in reports[:-1])


def test_energy_without_a_known_current_says_so(reports):
    assert reports[-1].energy_per_inference_j is None
    assert "energy unknown: the run currents on record are the CPU's" in reports[-1].reasons


def test_a_setting_holds_for_all():
    reserve = Reserve(sram_bytes=8 * 2**20)
    assert {report.verdict for report in line_up(CNN, reserve=reserve)} == {"does_not_fit"}


def test_a_float_model_is_refused_with_the_way_out():
    reports = line_up(read(small_cnn("float32")))
    assert [report.latency_s is None for report in reports] == [False] * 4 + [True]
    assert all(report.arena_bytes is not None for report in reports[:4])
    assert reports[-1].verdict == "does_not_fit"
    assert "convert to int8 with a representative dataset" in reports[-1].reasons[0]
    said = words(plot_lineup(reports))
    assert sum(text.startswith("latency unknown: ") for text in said) == 1


def test_without_the_compiler_the_npu_is_unknown(monkeypatch):
    def missing(*_, **setting):
        if setting.get("runtime") == "ethos-u":
            raise MissingPackageError("Arm's compiler Vela is not installed")
        return check_fit(*_, **setting)

    monkeypatch.setattr(check, "check_fit", missing)
    last = line_up(CNN)[-1]
    assert (last.verdict, last.latency_s) == ("unknown", None)
    assert "Vela is not installed" in last.reasons[0]
    assert name_machine(last) == "ethos-u55-256"


def test_boards_of_ones_own_choice():
    assert [report.board.id for report in line_up(CNN, ["nrf52840dk"])] == ["nrf52840dk"]
    with pytest.raises(UnknownBoardError, match="board 'nrf' is not one of the"):
        line_up(CNN, ["nrf"])


def test_the_plot_says_every_figure(reports):
    ax = plot_lineup(reports)
    said = words(ax)
    assert sum("tflm-cmsis-nn, modelled" in text for text in said) == 4
    assert sum(text.startswith("arena ") and "energy unknown" in text for text in said) >= 1
    assert ax.get_xlabel().endswith("[s]")
    assert ax.get_title(loc="right") == "80 % interval"
    assert to_png(ax.figure).startswith(b"\x89PNG")
    assert words(plot_lineup([])) == ["no machine given"]


def test_the_command(tmp_path, capsys):
    path = tmp_path / "net.tflite"
    path.write_bytes(CNN.data)
    assert main(["compare", str(path)]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[:6]] == [
        "machine", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "ethos-u55-256",
    ]  # fmt: skip
    assert "- ethos-u55-256, alif-ensemble-e7-devkit: energy unknown" in out
    assert main(["compare", str(path), "--boards", "nrf52840dk,microbit-v2", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [one["machine"] for one in results] == ["cortex-m4", "cortex-m4"]
    assert main(["compare", str(path), "--boards", "nowhere"]) == 2
