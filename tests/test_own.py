"""A board, a cell, a sensor and currents of one's own: in commands, panels and report, and how a board is drafted."""

from __future__ import annotations

import builtins
import html
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import tinykit.show.panels
from tests import test_graph_hostile as hostile
from tests.models import small_cnn
from tests.panels import parameters_of
from tinykit.budget import (
    ASKED,
    SENSORS,
    FrontEnd,
    assess,
    budget_power,
    check_fit,
    check_heat,
    compare_offload,
    draft_board,
    front_end_time,
    largest_model,
    line_up,
    list_open,
    lowest_clock_for_life,
    sweep_clocks,
    tell_board,
)
from tinykit.budget.assessment.draft import label_of
from tinykit.budget.assessment.use import Use
from tinykit.budget.power.cells import read_battery
from tinykit.budget.power.pack import CellPack
from tinykit.budget.thermal.die import theta_ja
from tinykit.choose.design.outcome import DesignOutcome
from tinykit.ground.errors import FactError, OutputError, ParameterError, UnknownBoardError, UnknownSensorError
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph.reading import read
from tinykit.predict import predict_energy, predict_run_current
from tinykit.show.cli.main import main
from tinykit.show.panels import PANELS, BoardForm, ClockPanel, DesignPanel, PowerPanel, TimelinePanel
from tinykit.show.panels.shell import Powered
from tinykit.show.report.render import render_report
from tinykit.target.boards import board, boards
from tinykit.target.boards.reading import read_board
from tinykit.target.target import Target

BOARD = """
id = "my-board"
name = "My board"
vendor = "Me"
mcu = "STM32L432KC"
package = "UFQFPN32"
supply_min = {value = 1.8, unit = "V"}
supply_typical = {value = 3, unit = "V"}
supply_max = {value = 3.6, unit = "V"}
stop_current = {value = 2e-6, unit = "A"}
junction_max = {value = 105, unit = "degC"}
[[cores]]
name = "cortex-m4"
clock_max = {value = 80e6, unit = "Hz"}
[[regions]]
name = "SRAM"
kind = "sram"
start = 0x20000000
total = {value = 65536, unit = "byte"}
[[regions]]
name = "flash"
kind = "flash"
start = 0x08000000
total = {value = 262144, unit = "byte"}
[[run_points]]
current = {value = 8.5e-3, unit = "A"}
clock = {value = 80e6, unit = "Hz"}
"""
CELL = """
name = "My cell"
chemistry = "LiFeS2"
capacity = {value = 1200, unit = "mAh"}
nominal_voltage = {value = 3.0, unit = "V"}
cutoff_voltage = {value = 2.0, unit = "V"}
self_discharge = {value = 0.001, unit = "1/month"}
"""
SENSOR = 'name = "My gyro"\ncurrent = {value = 0.4e-3, unit = "A"}\n'
SILENT = "raspberry-pi-pico-w"
"""A board of the catalogue without run and sleep current."""
OF_A_BOARD = sorted(name for name in PANELS if "board" in parameters_of(name))
ASKING = [name for name in OF_A_BOARD if issubclass(getattr(tinykit.show.panels, name), Powered)]


class Files:
    """The three files, and a model."""

    def __init__(self, folder: Path) -> None:
        self.board, self.cell, self.sensor = (folder / f"my-{one}.toml" for one in ("board", "cell", "gyro"))
        self.model, self.twin = folder / "net.tflite", folder / "my-board.txt"
        for path, text in ((self.board, BOARD), (self.cell, CELL), (self.sensor, SENSOR), (self.twin, BOARD)):
            path.write_text(text, encoding="utf-8")
        self.model.write_bytes(small_cnn())


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Files:
    return Files(tmp_path_factory.mktemp("own"))


@pytest.fixture
def tell(capsys):
    def run(*words: object) -> tuple[int, str]:
        status = main([str(word) for word in words])
        seen = capsys.readouterr()
        return status, seen.out + seen.err

    return run


# --- the chain ------------------------------------------------------------------------------------


def test_fit_and_budget_answer_for_a_board_cell_and_sensor_of_which_only_values_and_units_are_said(own):
    fit = check_fit(own.model, own.board)
    assert (fit.board.id, fit.verdict) == ("my-board", "fits")
    assert fit.reasons[0].endswith("beside 16.0 KiB kept for the stack and application")
    found = assess(own.model, own.board, Use(period_s=10.0, battery=own.cell, sensor=own.sensor))
    share = {line.name: line.share for line in found.budget.lines}
    assert set(share) == {"microcontroller", "my-gyro"}
    average = found.budget.average_current_a.value
    assert average == pytest.approx(0.4e-3 + average * share["microcontroller"], rel=1e-9)
    bare = assess(own.model, own.board, Use(period_s=10.0, battery=own.cell, sensor="none"))
    assert bare.battery_life_s.value > 20 * found.battery_life_s.value
    assert {
        "given by the user in my-board.toml: run_points[0].current",
        "given by the user in my-gyro.toml.current",
    } <= {*found.budget.average_current_a.sources}


def test_a_given_current_is_taken_as_a_data_sheets_and_says_that_nobody_documented_it(own):
    mine = read_board(own.board)
    sheet = replace(mine.stop_current, kind="datasheet", source="DS1")
    documented = assess(own.model, replace(mine, stop_current=sheet), Use(battery="cr2032")).battery_life_s
    trial = assess(own.model, mine, Use(battery="cr2032")).battery_life_s
    assert (trial.value, trial.low, trial.high) == (documented.value, documented.low, documented.high)
    assert mine.sources() == read_battery(own.cell).sources() == ()


ASKS = {
    "energy": lambda it: predict_energy(0.01, it), "current": predict_run_current,
    "power": lambda it: budget_power(it, 0.01, period_s=10.0).average_power_w,
    "heat": lambda it: check_heat(it, 0.1).t_junction_c, "theta": theta_ja,
    "clocks": lambda it: sweep_clocks(it, 1e6, 1.0).points[-1].power_w["stop"],
    "front end": lambda it: front_end_time(FrontEnd("fft", frames=1, samples=64), it),
    "inverse": lambda it: lowest_clock_for_life(it, 1e6, 1e6, 1.0, battery="cr2032"),
    "largest": lambda it: largest_model(it, 1e6, 1.0, cycles_per_mac=3.0, battery="cr2032"),
    "offload": lambda it: compare_offload(it, 0.01, SENSORS["keyword"], "ble", period_s=60.0).edge_j,
}  # fmt: skip


@pytest.mark.parametrize("ask", ASKS)
def test_every_function_that_takes_a_board_takes_its_file(own, ask):
    answers = [ASKS[ask](one) for one in (read_board(own.board), own.board, str(own.board))]
    assert answers[0] == answers[1] == answers[2] is not None
    assert ASKS[ask]("nucleo-l4r5zi") == ASKS[ask](board("nucleo-l4r5zi"))


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--board", "--board-file"])
@pytest.mark.parametrize(
    "words",
    [
        ("fit", "MODEL"), ("budget", "MODEL"), ("run", "MODEL", "--samples", "1", "--compiler", "zig"),
        ("pack", "MODEL", "--out", "OUT"), ("deploy", "MODEL", "--out", "OUT"), ("ledger", "vowels"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_every_command_of_one_board_takes_a_file(own, tell, tmp_path, words, flag):
    place = {"MODEL": own.model, "OUT": tmp_path / "out"}
    status, said = tell(*(place.get(word, word) for word in words), flag, own.board)
    assert status == 0, said
    assert "my-board" in said or words[0] in ("pack", "deploy")


def test_a_board_file_may_have_any_name_and_a_missing_one_is_named(own, tell):
    assert tell("fit", own.model, "--board-file", own.twin)[0] == 0
    status, said = tell("fit", own.model, "--board", "absent.toml")
    assert (status, said.startswith("tinykit: absent.toml: cannot be read")) == (2, True)


def test_boards_of_ones_own_stand_beside_the_catalogues(own, tell):
    status, said = tell("compare", own.model, "--boards", f"{own.board},nucleo-l4r5zi")
    assert status == 0
    assert "my-board" in said
    assert line_up(own.model, [own.board])[0].board.id == "my-board"


def test_firmware_for_a_board_gets_the_arena_of_its_core_alone(own, tell, tmp_path):
    sizes = []
    for words in ((), ("--board", own.board)):
        folder = tmp_path / str(len(words))
        assert tell("deploy", own.model, "--out", folder, *words)[0] == 0
        sizes.append(json.loads((folder / "deployment.json").read_text())["arena_bytes"])
    assert 0 < sizes[1] <= sizes[0]
    status, said = tell("deploy", own.model, "--out", tmp_path / "c", "--target", "c", "--board", own.board)
    assert (status, "plans its arena itself; leave --board out" in said) == (2, True)


def test_currents_of_ones_own_answer_on_the_command_line(own, tell):
    asked = ("budget", own.model, "--board", SILENT, "--battery", own.cell, "--sensor", own.sensor, "--period", 10)
    assert "battery life          unknown" in tell(*asked)[1]
    told = json.loads(tell(*asked, "--run-current", 0.025, "--sleep-current", 1e-3, "--json")[1])
    assert told["battery"] == "my-cell"
    by_hand = 0.4e-3 + 1e-3 + (0.025 - 1e-3) * told["latency_s"]["value"] / 10
    assert told["average_current_a"]["value"] == pytest.approx(by_hand, rel=0.01)
    status, said = tell("fit", own.model, "--board", "ek-ra8m1", "--run-current", 0.025, "--json")
    energy = json.loads(said)["results"][0]["energy_per_inference_j"]
    assert (status, energy["basis"]) == (0, "modelled")
    status, said = tell("fit", own.model, "--run-current", 0.025)
    assert (status, "--run-current 0.025 A is that of one board; name it" in said) == (2, True)


def test_rows_of_ones_own_are_kept_for_a_board_of_ones_own(own, tell, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYKIT_CALIBRATION", str(tmp_path))
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "core,clock_mhz,stack,model_name,precision,model_file_path_local,latency_ms\n"
        f"cortex-m4,80,TFLM CMSIS-NN,net,int8,{own.model.name},3.0\n"
    )
    status, said = tell("calibrate", rows, "--board", own.board, "--models", own.model.parent)
    assert status == 0, said
    assert said.startswith("my-board: 1 row kept")
    assert "no board given; add --board ID" in tell("calibrate", rows)[1]


# --- panels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "form"),  # a virtual board makes a program: one way is enough
    [(name, form) for name in OF_A_BOARD for form in ("board", "path", "text")[: 1 if name == "BoardRunPanel" else 3]],
)
def test_every_panel_takes_a_board_of_ones_own_and_shows_it_first_by_its_id(own, name, form):
    given = {"path": own.board, "text": str(own.board), "board": read_board(own.board)}[form]
    panel = make_own(name, board=given)
    assert panel.result is not None, panel.problem
    assert panel.board.options[0][0] == panel.board.label == "my-board"
    assert "board=my-board" in repr(panel)
    assert len(repr(panel)) < 110
    if name != "BoardRunPanel":
        panel.board.value = "nucleo-wl55jc"
        assert "board=nucleo-wl55jc" in repr(panel)
        panel.board.index = 0
        assert "board=my-board" in repr(panel)


def make_own(name: str, **given):
    graphs = [read(small_cnn())] if "graph" in parameters_of(name) else []
    return getattr(tinykit.show.panels, name)(*graphs, **given)


def test_a_board_that_has_the_id_of_the_catalogues_is_told_apart():
    mine = replace(board("nucleo-l4r5zi"), note="with another regulator")
    panel = DesignPanel(read(small_cnn()), board=mine)
    assert panel.board.label == "nucleo-l4r5zi (your own)"
    assert panel.result.target.board is mine
    assert DesignPanel(read(small_cnn()), board=board("nucleo-l4r5zi")).board.value == "nucleo-l4r5zi"


@pytest.mark.parametrize("panel", [DesignPanel, PowerPanel])
def test_cells_packs_and_sensors_of_ones_own_come_first_by_name(own, panel):
    graph, cell = read(small_cnn()), read_battery(own.cell)
    made = panel(graph, battery=own.cell, sensor=own.sensor)
    assert (made.battery.label, made.sensor.label) == ("My cell", "My gyro")
    assert made.result.budget.pack.cell.name == "My cell"
    assert "battery=my-cell" in repr(made)
    assert {line.name for line in made.result.budget.lines} >= {"my-gyro"}
    made.sensor.value = "none"
    assert "my-gyro" not in {line.name for line in made.result.budget.lines}
    assert panel(graph, battery=CellPack(cell, series=2)).battery.label == "2s1p My cell"
    assert panel(graph, battery=cell).result.budget.pack.cell == made.result.budget.pack.cell


def test_the_task_chooses_sensor_window_and_front_end_of_a_panel():
    panel = DesignPanel(read(small_cnn()), task="watch-exercises")
    assert panel.sensor.value == "imu"
    use = Use(period_s=10.0, battery="cr2032", task="watch-exercises")
    assert panel.result.battery_life_s == assess(read(small_cnn()), "nucleo-l4r5zi", use).battery_life_s
    with pytest.raises(UnknownSensorError, match="nearest: imu"):
        DesignPanel(read(small_cnn()), sensor="imuu")


def test_a_timeline_takes_a_sensor_and_a_cell_of_ones_own(own):
    panel = TimelinePanel(read(small_cnn()), battery=own.cell, sensor=own.sensor)
    panel.sense_s.value = 1.0
    assert panel.result.pack.cell.name == "My cell"
    assert {line.name for line in panel.result.lines} >= {"my-gyro"}


def test_a_file_that_is_no_board_is_refused_when_the_panel_is_made(own):
    with pytest.raises(FactError, match=r"my-cell.toml"):
        DesignPanel(read(small_cnn()), board=own.cell)
    with pytest.raises(UnknownBoardError, match="nearest: nucleo-l4r5zi"):
        DesignPanel(read(small_cnn()), board="nucleo-l4r5z")


# --- currents in panels ---------------------------------------------------------------------------


def test_currents_are_asked_for_where_the_record_has_none_and_answer_on_the_spot():
    graph = read(small_cnn())
    panel = DesignPanel(graph, board=SILENT, battery="lipo-500")
    fields = (panel.run_current_ma, panel.sleep_current_ua)
    assert panel.result.battery_life_s is None
    assert [(one.disabled, one.layout.display) for one in fields] == [(False, None)] * 2
    panel.run_current_ma.value = 25
    assert panel.result.battery_life_s is None
    panel.sleep_current_ua.value = 900
    expected = assess(graph, SILENT, Use(battery="lipo-500", run_current_a=25e-3, sleep_current_a=900e-6))
    assert panel.result.battery_life_s == expected.battery_life_s is not None
    assert "run_current_ma=25" in repr(panel) or "…" in repr(panel)
    panel.board.value = "nucleo-l4r5zi"
    assert [(one.value, one.disabled, one.layout.display) for one in fields] == [("", True, "none")] * 2
    assert panel.result == DesignPanel(graph, battery="lipo-500").result
    panel.board.value = SILENT
    assert panel.result.battery_life_s is None, "what was typed for another board is not carried over"


@pytest.mark.parametrize("name", ASKING)
def test_every_panel_that_rests_on_the_run_current_asks_for_it(name):
    panel = make_own(name, board=SILENT)
    before = "unknown" in repr(panel) or panel.result is None
    panel.run_current_ma.value, panel.sleep_current_ua.value, panel.supply_v.value = 25, 900, 3.3
    assert panel.result is not None
    assert before
    assert "unknown" not in panel.summarise(panel.result).replace("sleep unknown, stop", "only STOP was typed")


def test_only_panels_that_rest_on_no_current_do_not_ask():
    assert set(OF_A_BOARD) - set(ASKING) == {"BoardRunPanel", "FitPanel", "VariantPanel"}


@pytest.mark.parametrize("text", ["6,2", "5 mA", "nan", "-1", "inf", "1e9", "<script>"])
def test_what_is_no_current_is_told_and_then_recovers(text):
    panel = DesignPanel(read(small_cnn()), board=SILENT)
    panel.run_current_ma.value = text
    assert panel.result is None
    assert "run current" in panel.problem
    assert "<script" not in panel.verdict.value
    panel.run_current_ma.value = ""
    assert panel.result is not None


def test_the_fields_stand_exactly_where_the_record_lacks_the_current():
    panel = DesignPanel(read(small_cnn()), board=SILENT)
    for one in boards():
        panel.board.value = one.id
        states = assess(panel.graph, one, Use(latency_s=0.01)).budget.states
        lacks = {state.name for state in states if state.current_a is None}
        shown = (not panel.run_current_ma.disabled, not panel.sleep_current_ua.disabled)
        assert shown == ("inference" in lacks, "sleep" in lacks), one.id
        assert panel.supply_v.disabled == bool(one.run_supply_v), one.id


def test_the_clock_sweep_is_that_of_the_current_typed():
    """A run current at the highest clock, in proportion below it as of any measured one; asleep as typed."""
    panel = ClockPanel(read(small_cnn()), board=SILENT, period_s=0.1)
    assert panel.result is None
    panel.run_current_ma.value, panel.sleep_current_ua.value, panel.supply_v.value = 25, 900, 3.3
    top = panel.result.points[-1]
    power = panel.result.supply_v * (top.duty_cycle * 25e-3 + (1 - top.duty_cycle) * 900e-6)
    assert top.power_w["stop"].value == pytest.approx(power, rel=1e-6)
    assert top.power_w["sleep"] is None


# --- the report -----------------------------------------------------------------------------------


def test_the_report_speaks_of_ones_own_board_cell_and_sensor(own, tmp_path):
    outcome = hostile.TestNames().outcome(tmp_path)
    graph = outcome.chosen.graph
    use = Use(period_s=10.0, battery=own.cell, task="keyword", sensor=own.sensor)

    def render(wish: Use) -> str:
        found = assess(graph, own.board, wish)
        parts = {"fit": found.fit, "budget": found.budget, "heat": found.heat, "assessment": found}
        return render_report(SimpleNamespace(**{**vars(outcome), **parts}))

    page = render(use)
    texts = (
        "on My board",
        "from a my-cell",
        "Sensor: My gyro (my-gyro), 400 µA",
        "Front end: mfcc",
        "<td>my-gyro</td>",
    )
    for text in (*texts, "<td>sense</td>", "<td>front end</td>", "given by the user in my-board.toml:"):
        assert text in page, text
    bare = assess(graph, own.board, replace(use, sensor="none")).battery_life_s
    assert f'<td>Battery life without the sensor</td>\n<td class="n"><b>{format_quantity(bare.value, "s")}' in page
    assert "without the sensor" not in render(replace(use, sensor="none"))
    assert "no document read" not in page.partition("<h2>Sources")[2]
    assert "Sensor: none is counted" in render(replace(use, task=None, sensor=None))


def test_the_report_says_what_was_left_out_and_no_time_in_raw_digits(tmp_path):
    """A board as sold takes many times what its chip takes: a report without that line promises days for hours."""
    outcome = hostile.TestNames().outcome(tmp_path)
    place = Target(board("arduino-nano-33-ble-sense"))
    found = assess(outcome.chosen.graph, place, Use(period_s=10.0, battery="cr2032", task="vowels", sensor="imu"))
    parts = {"fit": found.fit, "budget": found.budget, "heat": found.heat, "assessment": found}
    page = render_report(SimpleNamespace(**{**vars(outcome), **parts}))
    assert [line for line in found.left_out() if "the board as sold lasts" in line]
    for line in (*found.left_out(), f"Counted: {place.scope}.", "Assumed beside the model: 16.0 KiB of SRAM"):
        assert html.escape(line) in page, line
    assert found.use.sensing_s == pytest.approx(0.4212)
    assert "on for 421 ms before each inference" in page
    assert "685 µA [550 µA … 3.80 mA] (datasheet), on for" in " ".join(page.split())
    said = DesignOutcome.summary(SimpleNamespace(**{**vars(outcome), **parts}))
    assert [line for line in said if line.startswith("- the board as sold lasts")]
    kept = assess(outcome.chosen.graph, Target(place.board, reserve=place.reserve), found.use)
    parts = {"fit": kept.fit, "budget": kept.budget, "heat": kept.heat, "assessment": kept}
    assert "Kept beside the model: 16.0 KiB" in render_report(SimpleNamespace(**{**vars(outcome), **parts}))


# --- a board, drafted -----------------------------------------------------------------------------

FACTS = {
    "mcu": "STM32L412KB", "core": "cortex-m4", "clock_hz": 80e6, "sram_bytes": 40960, "flash_bytes": 131072,
    "supply_v": 3.0, "run_current_a": 8.6e-3, "sleep_current_a": 2e-6, "package": "UFQFPN32", "scope": "mcu",
}  # fmt: skip


def test_ten_facts_make_a_board_that_answers_everything(own, tmp_path):
    made = draft_board(tmp_path / "Mein Board!.toml", **FACTS)
    assert made == read_board(tmp_path / "Mein Board!.toml")
    assert (made.id, made.mcu, made.core, made.clock_hz) == ("mein-board", "STM32L412KB", "cortex-m4", 80e6)
    assert list_open(made) == ()
    kinds = {name: fact.kind for name, fact in made.facts().items()}
    assert {name for name, kind in kinds.items() if kind == "given"} == {
        "cores.0.clock_max", "regions.SRAM.total", "regions.flash.total", "supply_typical", "stop_current",
        "run_points.0.current", "run_points.0.clock", "run_points.0.supply",
    }  # fmt: skip
    implied = {name: fact for name, fact in made.facts().items() if kinds[name] == "assumed"}
    assert {"supply_min", "supply_max", "junction_max", "ambient_max", "theta_ja"} <= set(implied)
    assert all("no document read for this part" in fact.source for fact in implied.values())
    assert made.sources() == ()
    found = assess(own.model, made, Use(period_s=10.0, battery="cr2032", sensor="none"))
    assert None not in (found.fit.latency_s, found.battery_life_s, found.t_junction_c)


def test_what_the_package_implies_is_as_wide_in_the_file_as_without_it(tmp_path):
    made = draft_board(tmp_path / "a.toml", **FACTS)
    ends = [theta_ja(one) for one in (made, replace(made, theta_ja=None))]
    assert (ends[0].value, ends[0].low, ends[0].high) == (ends[1].value, ends[1].low, ends[1].high)
    assert ends[0].basis == "assumed"


@pytest.mark.parametrize(
    ("left_out", "what"),
    [
        ("clock_hz", "clock"), ("sram_bytes", "RAM"), ("flash_bytes", "flash"), ("supply_v", "supply"),
        ("run_current_a", "run current"), ("sleep_current_a", "sleep current"), ("package", "package (or θJA)"),
    ],
)  # fmt: skip
def test_what_is_left_out_is_named_with_the_questions_that_stay_open(own, tmp_path, left_out, what):
    given = {name: value for name, value in FACTS.items() if name != left_out}
    if left_out == "clock_hz":
        del given["run_current_a"]
    if left_out == "supply_v":
        given["mcu"] = "XQ17"  # no family lends one
    made = draft_board(tmp_path / "a.toml", **given)
    assert what in {one for one, _ in list_open(made)}
    assert any(line.startswith(f"still unknown: {what}; no answer to: ") for line in tell_board(made))
    found = assess(
        own.model, made, Use(period_s=10.0, sensor="none", battery=None if left_out == "supply_v" else "cr2032")
    )
    power = found.power
    lost = {
        "clock_hz": found.fit.latency_s, "sram_bytes": None if found.fit.verdict == "unknown" else 1,
        "flash_bytes": None if found.fit.verdict == "unknown" else 1, "supply_v": power.energy_per_inference_j,
        "run_current_a": power.energy_per_inference_j, "sleep_current_a": power.battery_life_s,
        "package": found.t_junction_c,
    }  # fmt: skip
    assert lost[left_out] is None, "it is said to be open and is answered"


def test_a_part_of_no_known_family_implies_nothing(tmp_path):
    strange = draft_board(tmp_path / "a.toml", mcu="XQ17", core="cortex-m4", clock_hz=48e6)
    assert set(strange.facts()) == {"cores.0.clock_max"}
    assert {"lowest supply", "highest junction or ambient temperature"} <= {what for what, _ in list_open(strange)}
    assert draft_board(tmp_path / "b.toml", mcu="nRF52832").core == "cortex-m4", "as of the nRF52833"
    wide = draft_board(tmp_path / "c.toml", mcu="STM32L412KB", supply_v=5.0)
    assert (wide.supply_min, wide.supply_max, wide.supply_typical.value) == (None, None, 5.0)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"mcu": None}, ParameterError, "board of mcu None and core 'cortex-m4'; give both"),
        ({"mcu": "XQ17", "core": None}, ParameterError, "core None; give both"),
        ({"clock_hz": None}, ParameterError, "run current 0.0086 A without its clock; give clock_hz"),
        ({"core": "cortex-m5"}, FactError, "core 'cortex-m5' is not known"),
        ({"clock_hz": 80}, FactError, "value 80 Hz is absurd"),
        ({"clock_hz": float("nan")}, FactError, "value nan Hz is absurd"),
        ({"sram_bytes": 0}, FactError, "value 0 byte is absurd"),
        ({"sram_bytes": 1.5}, FactError, "is not a whole number"),
        ({"run_current_a": 8.6}, FactError, r"value 8\.6 A is absurd"),
        ({"scope": "chip"}, FactError, "allowed: mcu, board"),
    ],
)
def test_facts_that_no_board_has_are_refused_and_nothing_is_written(tmp_path, changes, error, text):
    with pytest.raises(error, match=text):
        draft_board(tmp_path / "a.toml", **{**FACTS, **changes})
    assert not list(tmp_path.iterdir())


def test_no_file_is_overwritten_unasked_and_every_file_is_found_again(tmp_path):
    draft_board(tmp_path / "a.toml", **FACTS)
    with pytest.raises(OutputError, match="exists already; choose another name"):
        draft_board(tmp_path / "a.toml", **FACTS)
    assert draft_board(tmp_path / "a.toml", **{**FACTS, "supply_v": 3.3}, overwrite=True).run_supply_v == 3.3
    with pytest.raises(ParameterError, match=r"'a.txt'; give it a name that ends in .toml"):
        draft_board(tmp_path / "a.txt", **FACTS)


def test_the_command_writes_what_the_function_writes(tell, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    flags = [word for name in ASKED for word in (f"--{label_of(name).replace(' ', '-')}", FACTS[name])]
    status, said = tell("board", "new", "--out", tmp_path / "a.toml", *flags)
    assert status == 0
    made = draft_board(tmp_path / "b.toml", **FACTS)
    assert said.splitlines()[1:] == [f"- {line}" for line in tell_board(made)]
    values = [
        {name: fact.value for name, fact in one.facts().items()} for one in (made, read_board(tmp_path / "a.toml"))
    ]
    assert values[0] == values[1]


def test_on_a_terminal_it_asks_for_what_no_option_gave_and_again_for_a_number(tell, tmp_path, monkeypatch):
    answers = iter(["cortex-m4", "80 MHz", "80e6", "40960", "131072", "3", "8.6e-3", "", "UFQFPN32"])
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        if (said := next(answers, None)) is None:
            raise EOFError
        return said

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(builtins, "input", answer)
    status, said = tell("board", "new", "--out", tmp_path / "a.toml", "--mcu", "STM32L412KB")
    assert status == 0
    assert "highest clock: '80 MHz' is not a number; give it in Hz" in said
    assert len(asked) == 10, "nine facts and one of them twice; the end of the input is no answer"
    assert "still unknown: sleep current" in said


def test_the_form_writes_with_the_same_function(tmp_path):
    form = BoardForm(tmp_path / "a.toml")
    assert repr(form).endswith("a.toml): nothing written")
    form.button.click()
    assert "not written" in form.verdict.value
    for name, value in FACTS.items():
        getattr(form, name).value = str(value)
    form.sleep_current_a.value = ""
    form.button.click()
    assert form.board == read_board(tmp_path / "a.toml")
    assert "still unknown" in form.verdict.value
    form.sleep_current_a.value = "<b>2e-6"
    form.button.click()
    assert "&lt;b&gt;2e-6" in form.verdict.value
    form.sleep_current_a.value = "2e-6"
    form.button.click()
    assert list_open(form.board) == ()
    assert DesignPanel(read(small_cnn()), board=form.board).result.battery_life_s is not None
    other = BoardForm(tmp_path / "a.toml")
    other.mcu.value, other.core.value = "XQ17", "cortex-m4"
    other.write()
    assert "exists already" in other.verdict.value, "another form's file is not overwritten"
