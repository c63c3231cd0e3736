"""Networks held against budgets before they are trained: each figure is the chain's, each refusal says by how much."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from tests.models import Net
from tinykit.budget.assessment.budgets import Budgets
from tinykit.budget.assessment.chain import assess
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.verdict import Verdict
from tinykit.budget.power.frontend import FrontEnd
from tinykit.choose.exploration.judging import Judge, PricedBoard, rank_boards, read_prices
from tinykit.ground.errors import DataError, ModelError, ParameterError, UnknownBoardError
from tinykit.model.graph.reading import read
from tinykit.target.boards import board, boards
from tinykit.target.target import Target
from tinykit.train.fronts.front import Front

USE = Use(period_s=2.0, task="watch-exercises", battery="cr2032")
FIGURES = {
    "flash_bytes": "fit.flash_bytes", "arena_bytes": "fit.arena_bytes", "latency_s": "fit.latency_s",
    "energy_j": "fit.energy_per_inference_j", "life_s": "battery_life_s", "t_junction_c": "t_junction_c",
}  # fmt: skip
KINDS = (
    "nucleo-l4r5zi",
    "nucleo-h743zi2",
    "esp32-s3-devkitc-1",
    "bluepill-stm32f103c8",
    "raspberry-pi-pico",
    "gap9-evk",
)


def draw(seed: int, shape: tuple[int, ...] = (1, 100, 1, 6), dtype: str = "int8") -> bytes:
    """A random network of convolutions with random widths, kernels and strides."""
    dice, net = random.Random(seed), Net(shape, dtype=dtype, seed=seed)
    for _ in range(dice.randint(1, 4)):
        net = net.conv(dice.randint(4, 48), kernel=(dice.choice((1, 3, 7)), 1), stride=(dice.choice((1, 2)), 1))
    return net.flatten().dense(dice.randint(2, 9)).softmax().to_bytes()


def figure(assessment: object, path: str) -> object:
    for name in path.split("."):
        assessment = getattr(assessment, name)
    return assessment


@pytest.mark.parametrize("use", [USE, Use(), Use(duty_cycle=0.1, latency_s=0.02, run_current_a=0.01, battery="cr2477")])
def test_every_figure_is_that_of_the_chain(use):
    networks = [draw(seed) for seed in range(4)] + [draw(9, dtype="float32"), draw(10, (1, 32, 32, 3))]
    for model in networks:
        for judged, name in zip(Judge(Budgets(t_junction_c=200), KINDS, use).judge_all(model), KINDS, strict=True):
            chain = assess(read(model), name, use, use_engine=False)
            full = Judge(Budgets(), [name], use).judge(model)
            assert {one: getattr(full, one) for one in FIGURES} == {one: figure(chain, FIGURES[one]) for one in FIGURES}
            assert bool(full.refused) == (chain.fit.verdict == Verdict.DOES_NOT_FIT)
            assert not judged.refused or judged.t_junction_c is None or judged.energy_j == full.energy_j
            assert judged.refused or {getattr(judged, one) == getattr(full, one) for one in FIGURES} == {True}


def test_the_catalogue_is_judged_as_board_by_board_and_without_power_where_nothing_asks_for_it():
    model, wish = draw(3), Budgets(latency_s=0.02, flash_bytes=100e3)
    found = Judge(wish, boards(), USE).judge_all(model)
    assert [one.target.board.id for one in found] == [one.id for one in boards()]
    assert {one.energy_j for one in found} == {None}
    for one in found:
        alone = Judge(wish, [one.target], USE).judge(model)
        assert one.refused == alone.refused
        assert (one.latency_s, one.arena_bytes) == (alone.latency_s, alone.arena_bytes)
    assert 10 < sum(not one.refused for one in found) < 70


def test_a_refusal_names_the_budget_and_by_how_much_it_is_missed():
    free = Judge(Budgets(), ["nucleo-l4r5zi"], USE).judge(draw(3))
    assert free.refused == ()
    assert free.excess == 0
    for name, path in FIGURES.items():
        value = getattr(free, name).value
        limit = value * (2 if name == "life_s" else 0.5)
        hard = Judge(Budgets(**{name: limit}), ["nucleo-l4r5zi"], USE).judge(draw(3))
        (missed,) = hard.refused
        assert missed.limit == limit
        assert missed.excess == pytest.approx(0.5 if name == "life_s" else 1.0), path
        assert ("too little" if name == "life_s" else "too much") in str(hard)
        easy = Judge(Budgets(**{name: value * (0.5 if name == "life_s" else 2)}), ["nucleo-l4r5zi"], USE).judge(draw(3))
        assert easy.refused == ()
        assert len(easy.checks) == 1
    both = Judge(Budgets(flash_bytes=1e3, latency_s=1e-9, energy_j=1.0), ["nucleo-l4r5zi"], USE).judge(draw(3))
    assert [one.budget for one in both.refused] == ["latency", "flash"]
    assert str(both).startswith("nucleo-l4r5zi: refused, latency ")


def test_a_life_is_met_by_its_value_and_sure_by_its_lower_end():
    life = Judge(Budgets(), ["nucleo-l4r5zi"], USE).judge(draw(3)).life_s
    (check,) = Judge(Budgets(life_s=(life.low + life.value) / 2), ["nucleo-l4r5zi"], USE).judge(draw(3)).checks
    assert check.met
    assert not check.sure
    assert "its interval reaches" in str(check)


def test_memory_that_is_too_small_refuses_without_any_budget():
    judged = Judge(Budgets(), ["bluepill-stm32f103c8"], USE).judge(draw(10, (1, 96, 96, 3)))
    names = [one.budget for one in judged.refused]
    assert any("SRAM of bluepill" in name for name in names)
    assert all(one.found > one.limit > 0 for one in judged.refused)


def test_what_is_unknown_meets_no_budget_and_says_why():
    judged = Judge(Budgets(latency_s=10.0), ["gap9-evk"], USE).judge(draw(3))
    assert judged.excess == math.inf
    assert "latency unknown: no latency evidence for tflm-reference on core 'riscv-gap9'" in str(judged)
    life = Judge(Budgets(life_s=1.0), ["gap9-evk"], USE).judge(draw(3))
    assert "life unknown: " in str(life)


def test_a_period_too_short_for_a_network_refuses_it_and_stops_nothing():
    judged = Judge(Budgets(), ["nucleo-l4r5zi"], Use(period_s=0.001)).judge(draw(3))
    assert "period 1.00 ms is shorter than the time awake" in str(judged)
    assert judged.latency_s is not None
    assert judged.energy_j is None


def test_a_model_that_the_runtime_does_not_run_is_refused_with_the_reason():
    (missed,) = Judge(Budgets(), ["nucleo-l4r5zi"], USE).judge(Net().conv(4).custom("Unheard").to_bytes()).refused
    assert "Unheard" in str(missed)


def test_of_several_targets_the_first_that_refuses_speaks_else_the_first():
    names, wish = ["nucleo-h743zi2", "nucleo-l4r5zi", "raspberry-pi-pico"], Budgets(latency_s=0.010)
    assert Judge(wish, names, USE).judge(draw(3)).target.board.id == "nucleo-l4r5zi"
    assert Judge(Budgets(), names, USE).judge(draw(3)).target.board.id == "nucleo-h743zi2"
    assert Judge(wish, [Target("nucleo-h743zi2", clock_hz=10e6)], USE).judge(draw(3)).refused


def test_no_target_no_battery_and_no_model_are_errors():
    with pytest.raises(ParameterError, match="no board to judge on; name one"):
        Judge(Budgets(), [])
    with pytest.raises(ParameterError, match="a life is wished, and no battery is given; name one"):
        Judge(Budgets(life_s=1e6), ["nucleo-l4r5zi"])
    with pytest.raises(UnknownBoardError, match="nearest: nucleo-l4r5zi"):
        Judge(Budgets(), ["nucleo-l4r5z"])
    with pytest.raises(ModelError):
        Judge(Budgets(), ["nucleo-l4r5zi"]).judge(b"nothing")


def test_boards_that_meet_the_wishes_come_cheapest_first_and_unknown_prices_last():
    found = Judge(Budgets(latency_s=0.02), boards(), USE).judge_all(draw(3))
    met = [one.target.board.id for one in found if not one.refused]
    missed = next(one.target.board.id for one in found if one.refused)
    ranked = rank_boards(found, {met[3]: 20.0, met[5]: 0.0, met[1]: 20.5, missed: 1.0})
    assert [one.board for one in ranked[:3]] == [met[5], met[3], met[1]]
    assert {one.price for one in ranked[3:]} == {None}
    assert sorted(one.board for one in ranked) == sorted(met)
    assert [one.board for one in rank_boards(found)] == sorted(met)
    assert rank_boards([]) == ()
    two = [replace(one, energy_j=one.latency_s) for one in found if not one.refused][:2]
    by_energy = sorted(two, key=lambda one: one.energy_j.value)
    for order in (two, two[::-1]):
        assert rank_boards(order) == tuple(PricedBoard(one.target.board.id, None, one) for one in by_energy)


def test_prices_are_read_from_a_table_of_ones_own(tmp_path):
    table = tmp_path / "prices.csv"
    table.write_text("\ufeffBoard, Price\nmicrobit-v2, 14.9\n\nnucleo-l4r5zi,21\n", encoding="utf-8")
    assert read_prices(table, [one.id for one in boards()]) == {"microbit-v2": 14.9, "nucleo-l4r5zi": 21.0}
    table.write_text("board,price\nmine,3\n", encoding="utf-8")
    assert read_prices(table, ["mine"]) == {"mine": 3.0}


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("", DataError, "its first line is ''; give a CSV"),
        ("microbit-v2,14.9\n", DataError, "its first line is 'microbit-v2,14.9'"),
        ("board,price\nmicrobit-v,3\n", UnknownBoardError, "no board 'microbit-v'; nearest: microbit-v2"),
        ("board,price\nmicrobit-v2,-3\n", DataError, "'microbit-v2,-3' is no board once with its price"),
        ("board,price\nmicrobit-v2,nan\n", DataError, "is no board once"),
        ("board,price\nmicrobit-v2,1e999\n", DataError, "is no board once"),
        ("board,price\nmicrobit-v2,14,90\n", DataError, "is no board once"),
        ("board,price\nmicrobit-v2\n", DataError, "is no board once"),
        ("board,price\nmicrobit-v2,1\nmicrobit-v2,2\n", DataError, "'microbit-v2,2' is no board once"),
        ("board,price\n" + "microbit-v2" * 20_000 + ",1\n", DataError, "cannot be read"),
    ],
)
def test_a_table_of_prices_that_is_none_is_told(tmp_path, text, error, told):
    table = tmp_path / "prices.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(error, match=told):
        read_prices(table, [board(name).id for name in ("microbit-v2", "nucleo-l4r5zi")])


def test_a_table_of_prices_that_is_no_file_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(DataError, match="cannot be read"):
            read_prices(path, ["microbit-v2"])
    (tmp_path / "odd.csv").write_bytes(b"board,price\n\xff\xfe,1\n")
    with pytest.raises(DataError, match=r"odd\.csv: cannot be read"):
        read_prices(tmp_path / "odd.csv", ["microbit-v2"])


def test_a_front_is_paid_for_and_its_window_keeps_the_sensor_on():
    judge, model = Judge(Budgets(), ["nucleo-l4r5zi"], USE), draw(3)
    alone = judge.judge(model)
    front = Front(window_s=1.0, features="fft", bands=16).bind((50, 6), 50.0)
    behind = judge.judge(model, front)
    assert behind.latency_s == alone.latency_s
    whole = assess(read(model), "nucleo-l4r5zi", USE.behind(front), use_engine=False)
    (stage,) = (one for one in whole.power.states if one.name == "front end")
    work = stage.charge_c.value * whole.power.supply_v
    assert behind.energy_j.value - alone.energy_j.value == pytest.approx(work, rel=1e-3)
    assert 0 < work < alone.energy_j.value
    assert alone.life_s.value < behind.life_s.value < 2 * alone.life_s.value  # 1 s of the sensor in place of 2 s
    given = replace(USE, sense_s=2.0, front_end=FrontEnd("none"))
    assert given.behind(front) == given
    assert judge.judge_all(model, front)[0].life_s is None
