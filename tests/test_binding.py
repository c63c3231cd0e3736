"""What binds: every limit beside its need, worked out by hand, and on every board as the rooms below judge it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.models import small_cnn
from tinykit.budget import Binding, Budgets, Use, assess, map_binding, what_binds
from tinykit.budget.assessment.binding import KNOBS, check_memory
from tinykit.budget.assessment.budgets import VERDICTS, hold
from tinykit.ground.errors import ParameterError
from tinykit.ground.facts import shipped_path
from tinykit.ground.quantity import DAY_S, Estimate
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.show.cli.program import main
from tinykit.show.plots import plot_binding, plot_gauges
from tinykit.target import Target
from tinykit.target.boards import boards
from tinykit.target.target import Reserve
from tinykit.train import networks, sketch

WATCH = shipped_path("data", "checkpoints", "watch-exercises", "int8.tflite")
DOORBELL = next(one for one in networks() if one.name == "mobilenet-v1-025")
COIN = Use(battery="cr2032", period_s=10.0, task="watch-exercises")


def span(low: float, value: float, high: float, unit: str) -> Estimate:
    return Estimate(value, low, high, unit, "modelled")


@pytest.fixture(scope="module")
def doorbell() -> ModelGraph:
    return read(sketch(DOORBELL.architecture, input_shape=DOORBELL.input_shape, classes=DOORBELL.classes))


@pytest.fixture(scope="module")
def watch():
    return assess(WATCH, "nucleo-l4r5zi", COIN, use_engine=False)


def binding_of(*checks, consumers="imu 80%, microcontroller 20%") -> Binding:
    return Binding(SimpleNamespace(say_consumers=lambda: consumers), checks)


def test_a_share_is_that_of_the_limit_and_its_interval_follows():
    """200 ms of 100 ms is twice the limit; half a year of one wished is twice it as well, its low end four times."""
    slow = hold("latency", 0.1, span(0.15, 0.2, 0.25, "s"), "s")
    assert (slow.used.low, slow.used.value, slow.used.high) == pytest.approx((1.5, 2.0, 2.5), rel=1e-12)
    short = hold("life", 360.0, span(90.0, 180.0, 240.0, "s"), "s")
    assert (short.used.low, short.used.value, short.used.high) == pytest.approx((1.5, 2.0, 4.0), rel=1e-12)
    assert [one.basis for one in (slow.used, short.used)] == ["modelled"] * 2


@pytest.mark.parametrize(
    ("ends", "limit", "verdict"),
    [((1.0, 2.0, 3.0), 4.0, "met"), ((1.0, 2.0, 3.0), 2.5, "tight"), ((1.0, 2.0, 3.0), 1.5, "missed")],
)
def test_a_wish_is_met_tight_or_missed_by_value_and_interval(ends, limit: float, verdict: str):
    assert hold("latency", limit, span(*ends, "s"), "s").verdict == verdict
    mirrored = span(*(1 / end for end in reversed(ends)), "s")
    assert hold("life", 1 / limit, mirrored, "s").verdict == verdict
    assert verdict in VERDICTS


def test_what_cannot_run_binds_before_what_is_furthest_beyond_its_limit():
    ram = hold("SRAM1", 64 * 1024.0, Estimate.exact(76.4 * 1024, "byte", "modelled", ""), "byte")
    life = hold("life", 2.0 * 365.25 * DAY_S, span(0.5, 0.6, 0.7, "s"), "s")
    late = hold("latency", 0.2, span(0.3, 0.4, 0.5, "s"), "s")
    found = binding_of(late, life, ram)
    assert [one.budget for one in found.missed] == ["SRAM1", "life", "latency"]
    assert found.words == "SRAM1 binds: 76.4 KiB, 12.4 KiB too much for 64.0 KiB; missed too: life, latency"
    refused = hold("run", 0.0, None, "", "no kernel for Unheard")
    assert binding_of(life, refused).words == "run binds: no kernel for Unheard; missed too: life"


def test_a_life_that_binds_names_who_takes_the_charge():
    year = 365.25 * DAY_S
    life = hold("life", 2 * year, span(0.5 * year, 0.6 * year, 0.7 * year, "s"), "s")
    assert binding_of(life).words.startswith("life binds: 219 days, 511 days too little for 2.00 years; of the charge ")
    assert binding_of(life).words.endswith("imu 80%, microcontroller 20%")


def test_nothing_binds_or_nothing_is_known_to():
    met = hold("latency", 0.2, span(0.05, 0.1, 0.15, "s"), "s")
    near = hold("junction", 100.0, span(80.0, 90.0, 95.0, "degC"), "degC")
    assert binding_of(met, near).words == "nothing binds; nearest is junction 90.0 °C of 100.0 °C"
    dark = hold("life", 1.0, None, "s", "the sleep current is")
    assert binding_of(met, dark).outcome == "unknown"
    assert binding_of(met, dark).words.endswith("; unknown: life")
    assert binding_of(met, dark).words.startswith("nothing is known to bind; nearest is latency")


@pytest.mark.parametrize("kind", ["small", "doorbell"])
def test_memory_and_heat_are_missed_where_the_rooms_below_say_so(kind: str, doorbell: ModelGraph):
    graph, verdicts = doorbell if kind == "doorbell" else read(small_cnn()), set()
    for board in boards():
        design = assess(graph, board, Use(battery="lipo-500", ambient_c=95.0), use_engine=False)
        checks = {one.budget: one for one in what_binds(design).checks}
        memories = [one for one in checks.values() if one.unit == "byte" or one.budget == "run"]
        assert any(one.verdict == "missed" for one in memories) == (design.fit.verdict == "does_not_fit"), board.id
        hot = design.heat is not None and design.heat.verdict == "too hot"
        assert ("junction" in checks and checks["junction"].verdict == "missed") == hot, board.id
        verdicts |= {design.fit.verdict, design.heat.verdict if design.heat else "unknown"}
    assert {"fits", "unknown"} <= verdicts
    assert kind == "small" or {"does_not_fit", "too hot"} <= verdicts


def test_a_reserve_that_was_stated_counts_as_it_stands(doorbell: ModelGraph):
    """98 KiB of arena beside 96 KiB that are assumed is tight in 160 KiB; stated, they do not fit."""
    fit = assess(doorbell, Target("nucleo-l4r5zi", reserve=Reserve(sram_bytes=600 * 1024)), use_engine=False).fit
    ram = next(iter(check_memory(fit)))
    assert (ram.budget, ram.verdict, ram.limit) == ("SRAM1-3", "missed", 40 * 1024.0)
    assert next(iter(check_memory(assess(doorbell, "nucleo-l4r5zi", use_engine=False).fit))).verdict == "met"


def test_every_figure_is_that_of_the_chain(watch):
    found = {one.budget: one for one in what_binds(watch, Budgets(latency_s=0.005, life_s=365 * DAY_S)).checks}
    assert found["latency"].figure is watch.fit.latency_s
    assert found["life"].figure is watch.battery_life_s
    assert found["junction"].figure is watch.t_junction_c
    assert found["time awake"].figure is watch.budget.duty_cycle
    assert found["SRAM1-3"].found == pytest.approx(watch.fit.arena_bytes.value, rel=0.02)
    most = max(one.current_a.value for one in watch.budget.states)
    assert (found["pulse"].found, found["pulse"].limit) == (most, watch.budget.pack.cell.max_pulse.value)
    assert found["latency"].used.value == pytest.approx(watch.fit.latency_s.value / 0.005, rel=1e-12)


def test_without_a_wish_a_cell_or_a_latency_there_is_no_such_check(watch):
    names = [one.budget for one in what_binds(watch).checks]
    assert names == ["SRAM1-3", "flash", "time awake", "pulse", "junction"]
    bare = assess(WATCH, "nucleo-l4r5zi", replace(COIN, battery=None), use_engine=False)
    found = what_binds(bare, Budgets(life_s=DAY_S))
    assert "pulse" not in [one.budget for one in found.checks]
    assert found.checks[-1].tell() == "unknown: no battery is given"
    dark = what_binds(assess(WATCH, "gap9-evk", COIN, use_engine=False), Budgets(latency_s=1.0, life_s=DAY_S))
    assert {"junction", "latency", "life"} <= {one.budget for one in dark.checks if one.verdict == "unknown"}


def test_a_price_is_the_users_own_and_never_made_up(watch):
    assert what_binds(watch, cost=(5.0, 4.0)).checks[-1].tell() == "5.00, 1.00 too much for 4.00"
    assert what_binds(watch, cost=(3.0, 4.0)).checks[-1].verdict == "met"
    assert what_binds(watch, cost=(None, 4.0)).checks[-1].tell() == "unknown: give the price of the parts"
    with pytest.raises(ParameterError, match="price 0 is outside 1e-09 to inf"):
        what_binds(watch, cost=(0, 4.0))


def test_a_junction_is_held_against_the_lower_of_record_and_wish(watch):
    (check,) = [one for one in what_binds(watch, Budgets(t_junction_c=20.0)).checks if one.budget == "junction"]
    assert (check.limit, check.verdict) == (20.0, "missed")
    (check,) = [one for one in what_binds(watch, Budgets(t_junction_c=500.0)).checks if one.budget == "junction"]
    assert check.limit == watch.heat.junction_max_c


def test_each_cell_of_the_map_is_what_binds_there(watch):
    wish = Budgets(latency_s=0.02, life_s=60 * DAY_S)
    knobs = {"period_s": (0.02, 5.0, 3600.0), "clock_hz": (30e6, 120e6)}
    cells = map_binding(watch, wish, knobs)
    assert [len(line) for line in cells] == [3, 3]
    for line, clock in zip(cells, knobs["clock_hz"], strict=True):
        for name, period in zip(line[1:], knobs["period_s"][1:], strict=True):
            there = assess(WATCH, Target("nucleo-l4r5zi", clock_hz=clock), replace(COIN, period_s=period))
            assert name == what_binds(there, wish).outcome
    assert cells[0][0] == "time awake", "39 ms do not go into 20 ms"
    assert {"time awake", "life", "latency"} <= {name for line in cells for name in line}


@pytest.mark.parametrize("knobs", [{"period_s": (1.0,)}, {"period_s": (1.0,), "battery": (1.0,)}])
def test_a_map_is_of_two_knobs_that_there_are(watch, knobs):
    with pytest.raises(ParameterError, match="give two of period_s, clock_hz, ambient_c, each with its values"):
        map_binding(watch, Budgets(), knobs)


def test_the_gauges_show_each_share_and_a_pinned_one(watch):
    found = what_binds(watch, Budgets(latency_s=0.005, life_s=365 * DAY_S))
    ax = plot_gauges(found, what_binds(watch, Budgets(latency_s=0.05)))
    ends = sorted(round(bar.get_x() + bar.get_width(), 6) for bar in ax.patches)
    assert ends == sorted(round(min(max(one.used.value, 0.01), 100.0), 6) for one in found.checks)
    texts = [text.get_text() for text in ax.texts]
    assert any(text.startswith("missed: 9.7") and "too much for 5.00 ms" in text for text in texts)
    assert any(bar.get_hatch() for bar in ax.patches), "colour is not the only sign"
    diamonds = [line for line in ax.lines if line.get_marker() == "D"]
    assert len(diamonds) == len(found.checks) - 1
    assert ax.get_title(loc="left") == "life binds"


def test_the_map_names_colours_and_hatches_what_binds(watch):
    knobs = {"period_s": (0.02, 5.0, 3600.0), "clock_hz": (30e6, 120e6)}
    cells = (("time awake", "life", "life"), ("life", "life", "Made-up bank"))
    ax = plot_binding(cells, knobs, [(5.0, 120e6), (3600.0, 30e6)])
    assert {text.get_text() for text in ax.texts} == {"time awake", "life", "Made-up bank"}
    looks = {(bar.get_facecolor(), bar.get_hatch()) for bar in ax.patches}
    assert len(looks) == 3
    ring, diamond = ax.lines
    assert (ring.get_xdata()[0], ring.get_ydata()[0], diamond.get_xdata()[0]) == (1.0, 1.0, 2.0)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (KNOBS["period_s"][0], KNOBS["clock_hz"][0])


BUDGET = ("budget", str(WATCH), "--board", "nucleo-l4r5zi", "--battery", "cr2032", "--period", "10")
TASK = ("--task", "watch-exercises")


def test_the_command_says_what_the_function_says(capsys, watch):
    asked = ("--max-latency", "0.005", "--life", str(365 * DAY_S), "--max-price", "4", "--price", "3")
    expected = what_binds(
        assess(WATCH, "nucleo-l4r5zi", COIN), Budgets(latency_s=0.005, life_s=365 * DAY_S), (3.0, 4.0)
    )
    assert main([*BUDGET, *TASK, *asked]) == 1
    said = capsys.readouterr().out
    assert expected.words in said
    assert all(one.tell() in said for one in expected.checks)
    assert main([*BUDGET, *TASK, *asked, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["binding"] == json.loads(json.dumps(expected.to_json()))
    assert main([*BUDGET, *TASK, "--max-latency", "0.05"]) == 1, "a coin cell cannot give the pulse"
    assert "pulse binds: " in capsys.readouterr().out
    assert main([*BUDGET[:4], *TASK, "--max-latency", "0.05"]) == 0
    assert "nothing binds" in capsys.readouterr().out
    assert main([*BUDGET, *TASK]) == 0
    assert "binds" not in capsys.readouterr().out


def test_a_price_without_a_most_is_refused_and_an_unknown_latency_is_told(capsys):
    assert main([*BUDGET, "--price", "3"]) == 2
    assert "--price 3 goes with --max-price; give both, or leave it out" in capsys.readouterr().err
    dark = ("budget", str(WATCH), "--board", "gap9-evk", "--battery", "cr2032", "--max-latency", "0.1")
    assert main(dark) == 0
    assert "nothing is known to bind" in capsys.readouterr().out
    main([*dark, "--json"])
    assert json.loads(capsys.readouterr().out)["binding"]["binds"] == "unknown"
