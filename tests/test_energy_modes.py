"""Fetch modes and regulators: stated currents in proportion, and what a record does not have."""

from __future__ import annotations

import pytest

from tinykit.budget.power import budget_power
from tinykit.ground.errors import ParameterError
from tinykit.predict.energy import list_modes, predict_run_current, with_mode
from tinykit.target.boards import board, boards

U575 = board("nucleo-u575zi-q")


def amperes(target, **setting) -> float:
    return predict_run_current(target, **setting).value


def test_the_first_mode_is_the_board_itself():
    for target in boards():
        modes = list_modes(target)
        if modes and target.run_points[0].series:
            assert predict_run_current(with_mode(target, modes[0])) == predict_run_current(target)


def test_an_accelerator_switched_off_draws_as_the_document_says():
    on, off = (with_mode(board("nucleo-f411re"), mode) for mode in ("ART on", "ART off"))
    assert amperes(off) / amperes(on) == pytest.approx(20.4 / 11.6, rel=1e-6)  # DocID026289 Rev 7, Tables 23 and 24


def test_an_ldo_takes_the_same_current_at_any_supply_and_more_than_the_converter():
    ldo = with_mode(U575, "LDO")
    assert amperes(ldo, supply_v=1.8) == pytest.approx(amperes(ldo, supply_v=3.0), rel=1e-6)
    ratio = amperes(ldo, supply_v=1.8) / amperes(U575, supply_v=1.8)
    assert ratio == pytest.approx(14.5 / 11.0, rel=1e-6)  # ST tables, die 482, 160 MHz: LDO, and SMPS at 1.8 V
    assert predict_run_current(ldo).basis == "modelled"


def test_another_supply_of_the_same_mode_keeps_what_was_measured():
    assert with_mode(U575, "SMPS 1.8 V").ml_power == U575.ml_power


def test_a_mode_goes_through_a_budget():
    plain, ldo = (budget_power(one, 0.03, supply_v=1.8) for one in (U575, with_mode(U575, "LDO")))
    assert ldo.average_current_a.value > plain.average_current_a.value


def test_an_unknown_mode_is_refused():
    with pytest.raises(ParameterError, match="mode 'LD0' of board 'nucleo-u575zi-q' is unknown"):
        with_mode(U575, "LD0")
    with pytest.raises(ParameterError, match="its record has none"):
        with_mode(board("raspberry-pi-pico-2"), "LDO")
