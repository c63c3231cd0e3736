"""Front ends: counted instructions against whole runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.models import small_cnn
from tinykit.budget import FrontEnd, Use, assess, front_end_cycles, front_end_instructions, front_end_time
from tinykit.ground.errors import UnknownFactError
from tinykit.model.graph.reading import read
from tinykit.predict.energy.inputs import load_constants
from tinykit.target.boards import board

MFCC = FrontEnd("mfcc", samples=512, bands=20, coefficients=13)
F32 = replace(MFCC, arithmetic="f32")


@pytest.mark.parametrize("points", [256, 512, 1024])
@pytest.mark.parametrize("arithmetic", ["q15", "f32", "q15_plain"])
def test_the_pieces_add_up_to_what_whole_front_ends_were_counted_to_take(points, arithmetic):
    bands, coefficients = (26, 13) if points == 256 else (40, 10)
    front = FrontEnd("mfcc", 1, points, bands, coefficients, arithmetic.partition("_")[0])
    counted = load_constants("power", "frontend.toml")["counted"][f"mfcc_{arithmetic}_{points}"].value
    assert front_end_instructions(front, dsp=arithmetic != "q15_plain") == pytest.approx(counted, rel=0.04)


def test_cycles_are_instructions_with_an_interval():
    cycles, count = front_end_cycles(MFCC), front_end_instructions(MFCC)
    assert cycles.value == pytest.approx(1.4 * count, rel=1e-9)
    assert (cycles.low, cycles.high) == pytest.approx((0.9 * count, 2.0 * count), rel=1e-9)
    assert cycles.basis == "modelled"


def test_a_published_time_of_the_same_transform_is_in_the_interval():
    found = front_end_time(FrontEnd("fft", samples=512, arithmetic="f32"), board("nrf52840dk"), clock_hz=120e6)
    window = front_end_time(FrontEnd("window", samples=512, arithmetic="f32"), board("nrf52840dk"), clock_hz=120e6)
    assert found.low - window.low < 236e-6 < found.high  # community.nxp.com, K64 at 120 MHz, less the splitting pass


def test_single_precision_needs_a_unit_for_it():
    m0 = board("raspberry-pi-pico")
    with pytest.raises(UnknownFactError, match="single precision without a floating-point unit"):
        front_end_time(F32, m0)
    assert front_end_time(MFCC, m0).value > 3 * front_end_time(MFCC, board("nrf52840dk"), clock_hz=m0.clock_hz).value


def test_a_front_end_is_a_state_of_the_design():
    front = FrontEnd("mfcc", frames=3, samples=512)
    plan = assess(read(small_cnn()), "nucleo-l4r5zi", Use(period_s=1.0, front_end=front)).budget
    assert "front end" in [state.name for state in plan.states]


def test_an_image_costs_its_pixels_and_a_filter_its_stages():
    """Limits and proportions: twice the pixels, twice the work; a hand count of the pieces."""
    small, large = (front_end_instructions(FrontEnd("image", 1, pixels, 1)) for pixels in (1000, 2000))
    assert large - small == pytest.approx(1000 * (12.0 + 11.0))
    one, two = (front_end_instructions(FrontEnd("filter", 1, 512, coefficients=stages)) for stages in (1, 2))
    assert two == pytest.approx(2 * one) == pytest.approx(512 * 2 * 13.6)
    assert front_end_instructions(FrontEnd("filter", 3, 512, coefficients=1)) == pytest.approx(3 * one)
    assert front_end_instructions(FrontEnd("image", 1, 1000, 1), dsp=False) > small
