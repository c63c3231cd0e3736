"""Targets and runtimes: what is left out is filled in and told, what cannot be is refused."""

from __future__ import annotations

import dataclasses

import pytest

from tinykit.ground.errors import FactError, ParameterError, UnknownBoardError, UnknownRuntimeError
from tinykit.ground.facts import shipped_path
from tinykit.predict.latency.prediction import known_runtimes
from tinykit.target import Reserve, Target, as_target, board, default_runtime, find_runtime, list_runtimes
from tinykit.target.boards import boards
from tinykit.target.runtimes import _read

NAMES = "tflm-cmsis-nn tflm-reference x-cube-ai esp-nn edge-impulse-eon ethos-u onnxruntime".split()


def test_what_is_left_out_is_filled_in_and_told():
    target = Target("nucleo-l4r5zi")
    assert (target.runtime, target.clock_hz, target.reserve) == ("tflm-cmsis-nn", 120e6, Reserve())
    assert [name for name, _ in target.assumed] == ["runtime", "clock_hz", "reserve", "as_sold"]
    assert dict(target.assumed)["clock_hz"] == "120 MHz, its highest"
    assert dict(target.assumed)["as_sold"].startswith("currents of the chip alone, without the regulator, LED")
    given = Target("nucleo-l4r5zi", runtime="tflm-cmsis-nn", clock_hz=120e6, reserve=Reserve(), as_sold=True)
    assert [name for name, _ in given.assumed] == ["as_sold"]
    assert dict(Target("raspberry-pi-pico").assumed)["as_sold"] == "currents of the whole board"
    assert dict(Target(dataclasses.replace(board("microbit-v2"), cores=(dataclasses.replace(
        board("microbit-v2").cores[0], clock_max=None),))).assumed)["clock_hz"] == "not on record"  # fmt: skip


def test_targets_of_the_same_values_are_one():
    one, other = (Target(where, clock_hz=80e6) for where in ("nucleo-l4r5zi", board("nucleo-l4r5zi")))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Target("nucleo-l4r5zi", clock_hz=40e6)
    assert str(one) == "nucleo-l4r5zi with tflm-cmsis-nn"
    assert repr(one) == "Target('nucleo-l4r5zi', clock_hz=80000000.0)"
    assert eval(repr(one)) == one
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.clock_hz = 1.0


def test_a_board_comes_as_id_path_or_board():
    path = shipped_path("data", "boards", "microbit-v2.toml")
    assert Target(path) == Target(str(path)) == Target("microbit-v2") == Target(board("microbit-v2"))


def test_what_is_given_besides_a_target_wins():
    target = Target("nucleo-l4r5zi", build="-Os")
    assert as_target(target) is target
    slower = as_target(target, clock_hz=26e6)
    assert (slower.clock_hz, slower.build, slower.board) == (26e6, "-Os", target.board)
    assert "runtime" in dict(slower.assumed)
    assert "clock_hz" not in dict(slower.assumed)


def test_the_largest_arena_leaves_the_reserve_free():
    assert Target("nucleo-l4r5zi", reserve=Reserve(1000, 0)).largest_arena_bytes == 655_360 - 1000
    assert Target("gap9-evk").largest_arena_bytes is None


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        ({"runtme": "x"}, ParameterError, "Target has no parameter 'runtme'; nearest: runtime"),
        ({"runtime": "tflm-cmsisnn"}, UnknownRuntimeError, "runtime 'tflm-cmsisnn' is unknown; nearest: tflm-cmsis-nn"),
        ({"runtime_option": "time"}, ParameterError, "option 'time' is unknown for tflm-cmsis-nn; tflm-cmsis"),
        ({"runtime": "x-cube-ai", "runtime_option": "size"}, ParameterError, "allowed: time, balanced, ram"),
        ({"runtime_version": "new"}, ParameterError, "runtime version 'new' is no number"),
        ({"build": "-O9"}, ParameterError, "build '-O9' is unknown; allowed: -Os, -O2, -O3 or None"),
        ({"platform": "zepyr"}, ParameterError, "platform 'zepyr' is unknown; nearest: zephyr"),
        ({"clock_hz": 0.0}, ParameterError, "clock 0.0 Hz; give hertz above 0"),
        ({"clock_hz": float("inf")}, ParameterError, "clock inf Hz"),
        ({"arena_region": "CCM"}, ParameterError, "nucleo-l4r5zi has no region 'CCM'; its regions: SRAM1, SRAM2"),
        ({"code_region": "SRAM1"}, ParameterError, "nucleo-l4r5zi has no flash or ITCM region 'SRAM1'; its own: flash"),
    ],
)
def test_what_cannot_be_is_refused(words, error, match):
    with pytest.raises(error, match=match):
        Target("nucleo-l4r5zi", **words)


def test_boards_that_are_none_are_refused(tmp_path):
    with pytest.raises(UnknownBoardError, match="nearest: nucleo-l4r5zi"):
        Target("nucleo-l4r5z")
    with pytest.raises(FactError, match="none.toml: cannot be read"):
        Target(tmp_path / "none.toml")
    with pytest.raises(ParameterError, match="board 3: give a catalogue id"):
        Target(3)


class TestRuntimes:
    def test_every_name_of_the_contract(self):
        assert [one.name for one in list_runtimes()] == NAMES
        assert str(find_runtime("esp-nn")) == "esp-nn"
        with pytest.raises(UnknownRuntimeError, match="runtime 'espnn' is unknown; nearest: esp-nn"):
            find_runtime("espnn")

    def test_what_stands_in_is_a_runtime_too(self):
        for one in list_runtimes():
            assert {one.kernels, one.linked, one.counted} <= {*NAMES, ""}, one.name
            assert one.planner in ("tflm", "vela", "st", ""), one.name
            assert bool(one.pool) == bool(one.counted) == bool(one.kernels), one.name

    def test_what_predicts_nothing_says_so(self):
        runtime = find_runtime("onnxruntime")
        assert (runtime.pool, runtime.planner, runtime.linked) == ("", "", "")
        assert not runtime.runs_decode

    def test_the_default_of_a_core_has_evidence_where_any_runtime_has(self):
        for item in boards():
            known = known_runtimes(item.core)
            assert not known or default_runtime(item.core) in known, item.id

    def test_options_are_sts_alone(self):
        assert {one.name for one in list_runtimes() if one.options} == {"x-cube-ai"}
        assert Target("nucleo-l4r5zi", runtime="x-cube-ai", runtime_option="ram").runtime_option == "ram"

    def test_a_row_with_a_key_that_is_none_is_refused(self):
        with pytest.raises(FactError, match="here: key 'kernel' is not known\nnearest: kernels"):
            _read({"name": "x", "kernel": "y"}, "here")
