"""Estimates and facts: what they refuse, how they propagate, how they read."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tinykit.ground.errors import FactError, ParameterError
from tinykit.ground.quantity import BASES, Estimate, Fact, format_quantity, propagate, relabel, weakest

positive = st.floats(min_value=1e-6, max_value=1e6)


def estimate(value: float, low: float, high: float, basis: str = "measured", **rest: Any) -> Estimate:
    return Estimate(value, low, high, rest.pop("unit", "s"), basis, **rest)


@pytest.mark.parametrize(
    ("numbers", "basis", "message"),
    [
        ((1.0, 0.5, 2.0), "guessed", "basis 'guessed' is unknown; allowed: assumed"),
        ((math.nan, 0.5, 2.0), "measured", "is not finite"),
        ((1.0, -math.inf, 2.0), "measured", "is not finite"),
        ((1.0, 0.5, math.inf), "measured", "is not finite"),
        ((3.0, 0.5, 2.0), "measured", "needs low <= value <= high, got 0.5, 3.0, 2.0"),
        ((1.0, 1.5, 2.0), "measured", "needs low <= value <= high"),
    ],
)
def test_an_estimate_refuses_what_is_not_a_number_with_an_interval(numbers, basis, message):
    with pytest.raises(ParameterError, match=message):
        estimate(*numbers, basis=basis)


@pytest.mark.parametrize(
    ("value", "kind", "source", "message"),
    [
        (1.0, "datasheet", "", "has no source"),
        (1.0, "datasheet", "  \n", "a figure without a source is not a fact"),
        (1.0, "rumour", "DS1", "fact of kind 'rumour'; allowed: assumed"),
        (math.nan, "datasheet", "DS1", "fact value nan from 'DS1' is not a finite number"),
        (math.inf, "datasheet", "DS1", "not a finite number"),
        (10**400, "datasheet", "DS1", r"is not a finite number up to 1e\+100"),
        (-1e300, "datasheet", "DS1", r"fact value -1e\+300 from 'DS1' is not a finite number up to"),
        (True, "datasheet", "DS1", "fact value True"),
    ],
)
def test_a_fact_cannot_exist_without_source_kind_and_figure(value, kind, source, message):
    with pytest.raises(FactError, match=message):
        Fact(value, "A", kind, source)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (2.0, None, "has the range 2.0 to 1.0; give low <= value <= high"),
        (math.nan, 2.0, "has the range nan to 2.0"),
        (None, math.inf, "has the range 1.0 to inf"),
        (None, 10**400, "has the range 1.0 to 1000"),
        (True, 2.0, "is not a finite number"),
    ],
)
def test_the_range_of_a_fact_holds_its_figure(low, high, message):
    with pytest.raises(FactError, match=message):
        Fact(1.0, "A", "datasheet", "DS1", low=low, high=high)


def test_values_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Estimate.exact(1.0, "s", "measured", "clock").value = 2.0  # type: ignore[misc]


def test_an_exact_estimate_has_no_width_and_says_so():
    exact = Estimate.exact(1.5, "s", "datasheet", "DS1", runtime="tflm-reference")
    assert (exact.low, exact.high, exact.runtime) == (1.5, 1.5, "tflm-reference")
    assert str(exact) == repr(exact) == "1.50 s (datasheet)"


def test_repr_shows_interval_and_basis():
    assert repr(estimate(0.0123, 0.01, 0.02, "modelled")) == "12.3 ms [10.0 ms … 20.0 ms] (modelled)"


def test_json_holds_every_field():
    given_estimate = estimate(1.0, 0.5, 2.0, runtime="esp-nn", sources=("table 3", "table 4"))
    told = json.loads(json.dumps(given_estimate.to_json()))
    assert told.pop("source") == "table 3; table 4"
    assert Estimate(**told, sources=("table 3", "table 4")) == given_estimate


def test_a_fact_becomes_an_estimate_of_its_kind_and_source():
    from_fact = Fact(2.0, "A", "datasheet", "DS1").estimate(0.8, 1.25)
    assert (from_fact.value, from_fact.basis, from_fact.source) == (2.0, "datasheet", "DS1")
    assert (from_fact.low, from_fact.high) == pytest.approx((1.6, 2.5))


def test_a_fact_keeps_the_range_that_its_document_gives():
    ranged = Fact(0.049, "A", "datasheet", "DS1", low=0.030, high=0.068)
    assert (ranged.estimate().low, ranged.estimate().high) == (0.030, 0.068)
    assert Fact(0.049, "A", "datasheet", "DS1", high=0.068).ends == (0.049, 0.068)


def test_a_negative_fact_keeps_its_interval_in_order():
    from_fact = Fact(-40.0, "degC", "datasheet", "DS1").estimate(0.9, 1.1)
    assert (from_fact.low, from_fact.high) == pytest.approx((-44.0, -36.0))


def test_bases_are_ordered_weakest_first():
    assert weakest(*BASES) == "assumed"
    assert weakest("measured", "compiled", "datasheet") == "datasheet"
    assert weakest("datasheet", "measured_by_others") == "measured_by_others"
    assert weakest("measured_by_others", "vendor") == "vendor"
    assert weakest("vendor", "modelled") == "modelled"


def test_propagation_of_a_product_by_hand():
    # JCGM 100:2008, 5.1.2: relative errors of a product add in quadrature; 3 % and 4 % give 5 %.
    voltage, current = estimate(3.0, 2.91, 3.09, unit="V"), estimate(0.01, 0.0096, 0.0104, unit="A")
    power = propagate(lambda v, i: v * i, voltage, current, unit="W", source="P = UI")
    assert power.value == pytest.approx(0.03)
    assert (power.high - power.value) / power.value == pytest.approx(0.05)
    assert (power.value - power.low) / power.value == pytest.approx(0.05)


@given(value=positive, down=st.floats(0, 0.9), up=st.floats(0, 9))
def test_a_monotonic_function_of_one_input_maps_its_interval_exactly(value, down, up):
    cause = estimate(value, value * (1 - down), value * (1 + up))
    rising = propagate(math.sqrt, cause, unit="s", source="test")
    assert (rising.low, rising.high) == pytest.approx((math.sqrt(cause.low), math.sqrt(cause.high)))
    falling = propagate(lambda x: 1 / x, cause, unit="s", source="test")
    assert (falling.low, falling.high) == pytest.approx((1 / cause.high, 1 / cause.low))


@given(first=positive, second=positive, down=st.floats(0, 0.99), up=st.floats(0, 99))
def test_an_interval_ends_where_all_inputs_are_at_their_worse_ends(first, second, down, up):
    a, b = (estimate(x, x * (1 - down), x * (1 + up)) for x in (first, second))
    product = propagate(lambda x, y: x * y, a, b, unit="s", source="test")
    assert product.low >= a.low * b.low * (1 - 1e-9)
    ratio = propagate(lambda x, y: x / y, a, b, unit="1", source="test")
    assert 0 <= a.low / b.high * (1 - 1e-9) <= ratio.low <= ratio.high <= a.high / b.low * (1 + 1e-9)
    assert ratio.low <= min(a.low / b.value, a.value / b.high) * (1 + 1e-9)


def test_a_ridge_keeps_the_deviations_of_its_inputs():
    a = estimate(1.0, 0.0, 2.0)
    ridge = propagate(lambda x, y: 1.0 - abs(x - y), a, a, unit="1", source="test")
    assert (ridge.low, ridge.value, ridge.high) == (0.0, 1.0, 1.0)


@given(first=positive, second=positive)
def test_exact_inputs_give_an_exact_result(first, second):
    a, b = (Estimate.exact(x, "s", "measured", "clock") for x in (first, second))
    total = propagate(lambda x, y: x + y, a, b, unit="s", source="sum")
    assert total.low == total.value == total.high


def test_a_result_is_never_of_a_stronger_basis_than_its_inputs_or_the_method():
    measured, modelled = estimate(1, 1, 1), estimate(1, 1, 1, "modelled", runtime="x-cube-ai")
    total = propagate(lambda x, y: x + y, measured, modelled, unit="s", source="sum")
    assert (total.basis, total.runtime, total.source) == ("modelled", "x-cube-ai", "sum")
    assert propagate(lambda x: x, measured, unit="s", source="law", basis="assumed").basis == "assumed"


def test_a_result_names_the_law_then_each_source_of_its_inputs_once():
    voltage, current = estimate(3, 3, 3, sources="datasheet"), estimate(1, 1, 1, sources=["table 3", "datasheet", ""])
    power = propagate(lambda v, i: v * i, voltage, current, unit="W", source="P = UI")
    assert power.sources == ("P = UI", "datasheet", "table 3")
    assert power.source == "P = UI; datasheet; table 3"


def test_relabel_changes_only_what_is_named():
    assert relabel(estimate(1, 0, 2), sources="other") == estimate(1, 0, 2, sources="other")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "byte", "0 B"),
        (1023, "byte", "1023 B"),
        (1024, "byte", "1.0 KiB"),
        (2 * 1024**2, "byte", "2.00 MiB"),
        (0, "s", "0 s"),
        (0.0123, "s", "12.3 ms"),
        (4.2e-6, "s", "4.20 µs"),
        (90, "s", "90.0 s"),
        (5400, "s", "1.50 h"),
        (3 * 86_400, "s", "3.00 days"),
        (8e7, "s", "2.54 years"),
        (3.3e-3, "W", "3.30 mW"),
        (0.0, "W", "0 W"),
        (1e-3, "A", "1.00 mA"),
        (4.2e-10, "A", "420 pA"),
        (1.33e-7, "1", "1.33 × 10⁻⁷"),
        (-9.99e-4, "1", "-9.99 × 10⁻⁴"),
        (1e-3, "1", "0.00100"),
        (9.999e-4, "1", "0.00100"),
        (2.5e-5, "m2", "2.50 × 10⁻⁵ m2"),
        (80e6, "Hz", "80.0 MHz"),
        (25, "degC", "25.0 °C"),
        (0.5, "1", "0.500"),
        (12_345, "instruction", "12,345 instructions"),
        (11_223_208, "cycle", "11,223,208 cycles"),
    ],
)
def test_numbers_read_in_the_units_of_people(value, unit, text):
    assert format_quantity(value, unit) == text


def test_a_negative_current_keeps_its_sign_and_prefix():
    assert format_quantity(-2.5e-3, "A") == "-2.50 mA"
