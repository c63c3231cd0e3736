"""The shelf of sensors against figures copied from their data sheets."""

from __future__ import annotations

import pytest

from tinykit.budget.power.workload import make_load
from tinykit.target.devices import list_sensors

COPIED = {
    "accelerometer": ("LIS3DH", 11e-6, 50),
    "imu": ("BMI270", 685e-6, None),
    "microphone-pdm": ("MP34DT05-A", 650e-6, None),
    "microphone-analogue": ("ICS-40181", 180e-6, None),
    "camera-qvga": ("OV7670", 60e-3 / 3.0, None),
    "vibration": ("IIS3DWB", 1.1e-3, 26_667),
}
"""Part, current [A] and samples a second as its document gives them."""


@pytest.mark.parametrize("kind", COPIED)
def test_each_kind_is_a_part_with_the_figures_of_its_document(kind):
    sensor = next(one for one in list_sensors() if one.id == kind)
    part, current, rate = COPIED[kind]
    assert sensor.name.startswith(f"{part}, ")
    assert sensor.current.value == pytest.approx(current)
    assert rate is None or sensor.rate.value == rate
    assert sensor.current.low < sensor.current.value < sensor.current.high, "parts of a kind differ"
    assert "pread" in sensor.current.conditions, "and which ones is said"


def test_no_figure_of_a_sensor_is_without_a_document():
    assert {one.id for one in list_sensors()} == set(COPIED)
    for sensor in list_sensors():
        for name in ("current", "idle_current", "start_up", "rate"):
            fact = getattr(sensor, name)
            assert fact is None or (fact.documented and len(fact.source) > 8), (sensor.id, name)
        if sensor.idle_current:
            assert sensor.idle_current.value < sensor.current.value, sensor.id


def test_a_sensor_is_a_load_with_the_spread_of_its_kind():
    load = make_load("accelerometer", during=("sense",))
    sensor = next(one for one in list_sensors() if one.id == "accelerometer")
    assert (load.current_a.low, load.current_a.high) == sensor.current.ends
    assert load.idle_a.value == sensor.idle_current.value
