"""Edge or cloud: think on the device, or send the raw data away."""

from __future__ import annotations

from tinykit.budget.offload.compare import Offload, break_even_bytes, compare_offload, weigh_design
from tinykit.budget.offload.sensor import SENSORS, Sensor

__all__ = ["SENSORS", "Offload", "Sensor", "break_even_bytes", "compare_offload", "weigh_design"]
