"""Front ends: counted instructions against whole runs, and CMSIS-DSP's own numbers against double precision."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.models import small_cnn
from tinykit.budget import (
    FrontEnd,
    Use,
    assess,
    compute_mfcc,
    front_end_cycles,
    front_end_instructions,
    front_end_time,
    reference_mfcc,
)
from tinykit.ground.errors import MissingPackageError, ParameterError, UnknownFactError
from tinykit.model.graph.reading import read
from tinykit.predict.energy.inputs import load_constants
from tinykit.target.boards import board

RATE_HZ = 16_000.0
MFCC = FrontEnd("mfcc", samples=512, bands=20, coefficients=13)
F32 = replace(MFCC, arithmetic="f32")


def tones(seed: int = 0, samples: int = 512) -> np.ndarray:
    times = np.arange(samples) / RATE_HZ
    clean = 0.5 * np.sin(2 * np.pi * 440 * times) + 0.2 * np.sin(2 * np.pi * 1800 * times)
    return clean + 0.02 * np.random.default_rng(seed).normal(size=samples)


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


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cmsis_dsp_in_single_precision_is_the_reference(seed):
    pytest.importorskip("cmsisdsp", reason="cmsisdsp is not installed")
    got, want = compute_mfcc(tones(seed), F32, RATE_HZ), reference_mfcc(tones(seed), F32, RATE_HZ)
    assert got == pytest.approx(want, rel=1e-3, abs=2e-3)


def test_sixteen_bits_cost_a_little_and_the_same_every_time():
    pytest.importorskip("cmsisdsp", reason="cmsisdsp is not installed")
    got, want = compute_mfcc(tones(), MFCC, RATE_HZ), reference_mfcc(tones(), MFCC, RATE_HZ)
    error = np.abs(got - want)
    assert 1 / 256 < error.max() < 0.5
    assert np.median(error) < 0.05
    assert np.array_equal(got, compute_mfcc(tones(), MFCC, RATE_HZ))
    assert np.array_equal(got * 128, np.round(got * 128))  # numbers of 8.7 fixed point


def test_a_band_lies_where_its_tone_does():
    times = np.arange(512) / RATE_HZ
    notes = (np.sin(2 * np.pi * hz * times) for hz in (200.0, 1000.0, 6000.0))
    energies = [reference_mfcc(0.5 * note, MFCC, RATE_HZ)[1] for note in notes]
    assert energies == sorted(energies, reverse=True)  # the first cosine falls from low to high bands


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: reference_mfcc(tones(), FrontEnd("fft", samples=512), RATE_HZ), "give kind 'mfcc'"),
        (lambda: reference_mfcc(np.zeros(480), FrontEnd("mfcc", samples=480), RATE_HZ), "of 480 samples"),
        (lambda: reference_mfcc(tones()[:100], MFCC, RATE_HZ), r"frame of shape \(100,\)"),
        (lambda: reference_mfcc(tones() * 9, MFCC, RATE_HZ), "samples from -1 to 1"),
        (lambda: reference_mfcc(np.full(512, np.nan), MFCC, RATE_HZ), "samples from -1 to 1"),
    ],
)
def test_bad_frames_are_refused(attempt, message):
    with pytest.raises(ParameterError, match=message):
        attempt()


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmsisdsp", None)
    with pytest.raises(MissingPackageError, match="pip install .cmsisdsp=="):
        compute_mfcc(tones(), MFCC, RATE_HZ)


def test_an_image_costs_its_pixels_and_a_filter_its_stages():
    """Limits and proportions: twice the pixels, twice the work; a hand count of the pieces."""
    small, large = (front_end_instructions(FrontEnd("image", 1, pixels, 1)) for pixels in (1000, 2000))
    assert large - small == pytest.approx(1000 * (12.0 + 11.0))
    one, two = (front_end_instructions(FrontEnd("filter", 1, 512, coefficients=stages)) for stages in (1, 2))
    assert two == pytest.approx(2 * one) == pytest.approx(512 * 2 * 13.6)
    assert front_end_instructions(FrontEnd("filter", 3, 512, coefficients=1)) == pytest.approx(3 * one)
    assert front_end_instructions(FrontEnd("image", 1, 1000, 1), dsp=False) > small
