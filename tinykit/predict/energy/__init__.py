"""Energy per inference: supply voltage × run current × latency × a factor for ML kernels.

A board's data sheet gives the run current of a loop of its maker's choice; neural kernels draw more.
How much more was fitted to MLPerf Tiny (`data/power/energy.toml`). A measured power of the board
wins over that, and a current the user measured wins over everything.
"""

from tinykit.predict.energy.inputs import as_estimate, band, load_constants
from tinykit.predict.energy.laws import (
    affine_run_current,
    energy_per_inference,
    fit_run_current,
    ldo_input_current,
    smps_input_current,
)
from tinykit.predict.energy.predict import (
    check_clock,
    check_supply,
    predict_energy,
    predict_run_current,
    supply_voltage,
)
from tinykit.predict.energy.scaling import activity_factor, clock_ratio, scale_supply

__all__ = [
    "activity_factor", "affine_run_current", "as_estimate", "band", "check_clock", "check_supply", "clock_ratio",
    "energy_per_inference", "fit_run_current", "ldo_input_current", "load_constants", "predict_energy",
    "predict_run_current", "scale_supply", "smps_input_current", "supply_voltage",
]  # fmt: skip
