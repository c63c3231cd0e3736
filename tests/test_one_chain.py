"""One model, one target, one use: every command, call, panel, row and report says the same, to the last digit.

Each figure is held with its interval against the fit check's; over boards, runtimes and models such that the arena lies
on chip and outside, weights are plain, lean and decoded on the device, and the network runs on a core and on an NPU.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from tests.models import Net
from tests.packing_models import thin_out, wide_cnn
from tinykit.budget import Use, assess, check_fit, check_fit_all, line_up, list_placements, name_machine, sweep_periods
from tinykit.budget.offload import weigh_design
from tinykit.choose.design.outcome import DesignGoal, DesignOutcome
from tinykit.choose.ledger.ledger_row import store_as
from tinykit.choose.ledger.table import open_ledger
from tinykit.choose.ledger.variants import weigh_variant
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict import code_weights, lean
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.energy.predict import predict_energy
from tinykit.predict.flash import predict_flash
from tinykit.predict.packing.cost import predict_packed_latency
from tinykit.show.cli.main import main
from tinykit.show.panels import CloudPanel, DesignPanel, FitPanel, HeatPanel, PowerPanel, TimelinePanel
from tinykit.show.report.render import _list_estimates
from tinykit.target import Target
from tinykit.train.datasets.dataset import Split

PLAIN = read(Net((1, 32, 32, 3)).conv(8).depthwise().conv(16, (1, 1)).pool().flatten().dense().to_bytes())
SPARSE = read(thin_out(wide_cnn(), zeros=0.9))
OUTSIDE = read(Net((1, 192, 192, 3)).conv(16).conv(16, (1, 1)).pool("AVERAGE", (8, 8), (8, 8)).to_bytes())
"""Two feature maps of 192 × 192 × 16 alive together: 1.1 MiB, which only external RAM holds."""

MODELS = {"plain": PLAIN, "lean": lean(SPARSE).graph, "packed": code_weights(SPARSE).graph, "outside": OUTSIDE}
ON_CHIP = [
    ("nucleo-l4r5zi", None, None),
    ("nucleo-h743zi2", "x-cube-ai", "8.1.0"),
    ("nucleo-u575zi-q", "tflm-reference", None),
    ("esp32-s3-devkitc-1", None, None),
    ("raspberry-pi-pico", None, None),
]
EXTERNAL = [("stm32f746g-disco", None, None), ("portenta-h7", None, None)]
CASES = [
    *(("plain", *where) for where in (*ON_CHIP, *EXTERNAL)),
    *((name, *where) for name in ("lean", "packed") for where in (*ON_CHIP[:1], *ON_CHIP[2:3], *EXTERNAL)),
    *(("outside", *where) for where in EXTERNAL),
]
FIGURES = ("arena_bytes", "flash_bytes", "latency_s", "energy_per_inference_j")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    for name, graph in MODELS.items():
        (folder / f"{name}.tflite").write_bytes(graph.data)
    return {name: str(folder / f"{name}.tflite") for name in MODELS}


@pytest.fixture(scope="module")
def samples() -> Split:
    rng = np.random.default_rng(0)
    y = np.arange(8) % 2
    return Split(rng.normal(0, 1, (8, 32, 32, 3)).astype(np.float32), y, y, y)


@pytest.fixture
def tell(capsys):
    def run(*arguments: str) -> dict[str, Any]:
        assert main([*arguments, "--json"]) in (0, 1)
        return json.loads(capsys.readouterr().out)

    return run


def figures_of(report) -> dict[str, Any]:
    return {name: getattr(report, name).to_json() if getattr(report, name) else None for name in FIGURES}


def numbers(figure: dict[str, Any] | None) -> dict[str, Any] | None:
    """A figure without its provenance: fit and budget write the same law in their own words."""
    return {key: value for key, value in figure.items() if not key.startswith("source")} if figure else None


def said(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in FIGURES}


@pytest.mark.parametrize(("name", "board", "runtime", "version"), CASES)
def test_the_commands_say_what_the_calls_say(files, tell, name, board, runtime, version):
    target = Target(board, runtime=runtime, runtime_version=version)
    report = check_fit(MODELS[name], target)
    by_path = check_fit(files[name], board, runtime=runtime, runtime_version=version)
    assert figures_of(by_path) == figures_of(report)
    asked = ["--board", board, *(["--runtime", runtime] if runtime else [])]
    asked += ["--runtime-version", version] if version else []
    (fit,) = tell("fit", files[name], *asked)["results"]
    assert said(fit) == figures_of(report)
    assert fit["verdict"] == report.verdict
    found = assess(MODELS[name], target, Use(period_s=60.0))
    budget = tell("budget", files[name], *asked, "--period", "60")
    assert budget == json.loads(json.dumps(found.to_json()))
    assert budget["latency_s"] == fit["latency_s"]
    assert budget["fit_verdict"] == fit["verdict"]
    assert numbers(budget["energy_per_inference_j"]) == numbers(fit["energy_per_inference_j"])


def replace_region(target):
    """The same with the arena on the chip, whether it fits or not."""
    window = target.board.sram_windows()[0].name
    return Target(target.board, runtime=target.runtime, runtime_version=target.runtime_version, arena_region=window)


@pytest.mark.parametrize(("name", "board", "runtime", "version"), CASES)
def test_the_fit_is_what_the_predictors_say(name, board, runtime, version):
    graph, target = MODELS[name], Target(board, runtime=runtime, runtime_version=version)
    report = check_fit(graph, target, use_engine=False)
    outside = report.regions[0].kind in ("sdram", "psram") if report.regions else False
    if report.arena_bytes is not None:
        arena = predict_arena(graph, target=target).used
        assert (arena.low, arena.value, arena.high) == (
            report.arena_bytes.low, report.arena_bytes.value, report.arena_bytes.high,
        )  # fmt: skip
        assert predict_flash(graph, target=target).total == report.flash_bytes
    alone = predict_packed_latency(graph, target=target)
    inside = predict_packed_latency(graph, target=replace_region(target)) if outside else alone
    assert report.latency_s == alone if not outside else report.latency_s.value > 1.05 * inside.value
    assert report.latency_s.value == pytest.approx(alone.value, rel=0.05)  # outside too, without being asked
    if report.energy_per_inference_j is not None:
        assert predict_energy(report.latency_s, target) == report.energy_per_inference_j


@pytest.mark.parametrize(("name", "board", "runtime", "version"), CASES)
def test_an_assessment_keeps_the_fit_and_its_own_energy(name, board, runtime, version):
    graph, target = MODELS[name], Target(board, runtime=runtime, runtime_version=version)
    report, found = check_fit(graph, target), assess(graph, target, Use(period_s=60.0, battery="aa"))
    for figure in ("arena_bytes", "flash_bytes", "latency_s", "verdict", "regions"):
        assert getattr(found.fit, figure) == getattr(report, figure), figure
    assert found.budget.latency == report.latency_s
    assert found.fit.energy_per_inference_j == found.budget.energy_per_inference_j
    assert all(budget.latency == report.latency_s for budget in sweep_periods(found))
    swept = {budget.period_s: budget.energy_per_inference_j for budget in sweep_periods(found)}
    assert set(swept.values()) == {found.fit.energy_per_inference_j}


@pytest.mark.parametrize(("name", "board", "runtime", "version"), [case for case in CASES if case[2] is None])
def test_the_panels_say_it_too(name, board, runtime, version):
    graph = MODELS[name]
    found = assess(graph, board, Use(period_s=100.0, battery="cr2032"))
    design = DesignPanel(graph, board=board, period_s=100.0).result
    assert figures_of(design.fit) == figures_of(found.fit)
    assert (design.budget, design.heat) == (found.budget, found.heat)
    power = PowerPanel(graph, board=board, period_s=100.0).result
    assert figures_of(power.fit) == figures_of(found.fit)
    assert power.budget == found.budget
    assert figures_of(FitPanel(graph, board=board).result) == figures_of(check_fit(graph, board))
    assert TimelinePanel(graph, board=board, period_s=100.0).result == found.budget
    assert HeatPanel(graph, board=board, duty_cycle=0.5).result == assess(graph, board, Use(duty_cycle=0.5)).heat
    cloud = CloudPanel(graph, board=board, period_s=100.0, radio="lora").result
    assert cloud.edge_latency_s == found.fit.latency_s
    weighed = weigh_design(assess(graph, board, Use(period_s=100.0)), sensor="motion", radio="lora")
    assert cloud.edge_j == weighed.edge_j


@pytest.mark.parametrize(("name", "board", "runtime", "version"), CASES)
def test_the_placement_chosen_is_as_fast_as_the_fit(name, board, runtime, version):
    graph, target = MODELS[name], Target(board, runtime=runtime, runtime_version=version)
    report, placements = check_fit(graph, target), list_placements(graph, target)
    same = [one for one in placements if [use.name for use in one.regions] == [use.name for use in report.regions]]
    assert bool(same) == (report.arena_bytes is not None)
    for one in same:
        assert one.latency_s.value == pytest.approx(report.latency_s.value, rel=1e-9)
        assert (one.latency_s.low, one.latency_s.high) == pytest.approx((report.latency_s.low, report.latency_s.high))


def test_the_line_up_and_its_command(files, tell):
    rows = {(row["board"], row["machine"]): row for row in tell("compare", files["packed"])["results"]}
    for report in line_up(MODELS["packed"]):
        assert said(rows[report.board.id, name_machine(report)]) == figures_of(report)
        assert figures_of(check_fit(MODELS["packed"], report.target)) == figures_of(report)


def test_many_boards_are_each_as_alone():
    names = [board for board, *_ in (*ON_CHIP, *EXTERNAL)]
    for graph in MODELS.values():
        for report in check_fit_all(graph, names):
            assert report == check_fit(graph, report.board.id)


def test_an_npu_is_the_same_by_every_way(files, tell):
    pytest.importorskip("ethosu", reason="Vela is not installed")
    board = "corstone-300"
    report = check_fit(PLAIN, board, runtime="ethos-u")
    (fit,) = tell("fit", files["plain"], "--board", board, "--runtime", "ethos-u")["results"]
    budget = tell("budget", files["plain"], "--board", board, "--runtime", "ethos-u")
    assert said(fit) == figures_of(report)
    assert budget["latency_s"] == fit["latency_s"]
    assert budget["energy_per_inference_j"] is fit["energy_per_inference_j"] is None
    beside = next(one for one in line_up(PLAIN, [board]) if one.runtime == "ethos-u")
    assert figures_of(beside) == figures_of(report)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "stm32f746g-disco", "nucleo-wl55jc"])
def test_a_row_of_the_ledger_is_the_fit_of_the_file_it_stores(board, samples):
    target = Target(board)
    graphs = {"dense": read(wide_cnn()), "sparse": SPARSE}
    shape = graphs["dense"].tensors[graphs["dense"].inputs[0]].shape
    split = dataclasses.replace(samples, x=np.resize(samples.x, (len(samples.y), *shape[1:])))
    variants = [weigh_variant(graph, split, target, name=name, note="") for name, graph in graphs.items()]
    for row in open_ledger(variants, split, target).rows:
        for name in ("as converted", "lean", "lean + DECODE"):
            if row.forms[name].flash_bytes is None:
                continue
            stored = store_as(row, name)
            packed = row.forms[name].packed
            file: ModelGraph = packed.graph if packed else row.variant.graph
            report = check_fit(file, target)
            assert (stored.arena, stored.flash, stored.latency, stored.energy) == tuple(
                getattr(report, figure) for figure in FIGURES
            )
            assert stored.flash_bytes == pytest.approx(row.forms[name].flash_bytes)


def test_own_figures_win_everywhere(files, tell):
    asked = ["--board", "stm32f746g-disco", "--latency", "0.5", "--run-current", "0.1", "--period", "60"]
    budget = tell("budget", files["outside"], *asked)
    found = assess(OUTSIDE, "stm32f746g-disco", Use(period_s=60.0, latency_s=0.5, run_current_a=0.1))
    assert budget["latency_s"]["value"] == found.fit.latency_s.value == 0.5
    assert budget["latency_s"]["basis"] == found.fit.energy_per_inference_j.basis == "measured"
    assert budget["energy_per_inference_j"]["value"] == found.fit.energy_per_inference_j.value


def test_a_version_is_not_lost_on_the_way(files, tell):
    asked = ["--board", "nucleo-l4r5zi", "--runtime", "x-cube-ai", "--runtime-version"]
    old, new = (tell("budget", files["plain"], *asked, version)["latency_s"] for version in ("7.1.0", "10.2"))
    assert old["value"] > 1.1 * new["value"]
    (fit,) = tell("fit", files["plain"], *asked, "7.1.0")["results"]
    assert fit["latency_s"] == old


def test_the_report_of_a_design_shows_the_assessment():
    found = assess(PLAIN, "nucleo-l4r5zi", Use(period_s=60.0, battery="cr2032"))
    goal = DesignGoal(target="nucleo-l4r5zi", use=found.use)
    outcome = DesignOutcome(goal, None, None, None, "", (), None, found, (), None, "")
    shown = dict(_list_estimates(outcome))
    assert [shown[name] for name in ("Tensor arena", "Flash: model, runtime, kernels", "Inference latency")] == [
        found.fit.arena_bytes, found.fit.flash_bytes, found.fit.latency_s,
    ]  # fmt: skip
    assert shown["Energy per inference, gross"] == found.budget.energy_per_inference_j
    assert shown["Battery life"] == found.battery_life_s
    assert shown["Junction temperature"] == found.t_junction_c
