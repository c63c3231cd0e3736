"""MLPerf Tiny v1.3 streaming wake word: mean power of four runs from the shipped records of their boards.

Of a run only its clock, supply and duty cycle are taken. Run state: the record's power of networks at that clock. Idle
state: SLEEP at that clock. Beside both the peripherals that feed the samples. The records hold the power of the same
boards with the other four models of the suite, and nothing of these runs.
"""

from __future__ import annotations

from tinykit.budget.power.budget import PowerBudget, budget_power
from tinykit.budget.power.workload import Workload, peripherals
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.quantity import Estimate, Fact
from tinykit.predict.energy.inputs import load_constants
from tinykit.predict.energy.predict import predict_run_current
from tinykit.target.boards import board

TITLE = "Streaming wake word (MLPerf Tiny v1.3): predicted mean power against measured"
FRAME_S = 0.032
ROWS = {
    "u575-160": "nucleo-u575zi-q",
    "u575-60": "nucleo-u575zi-q",
    "l4r5-p-120": "nucleo-l4r5zi-p",
    "l4r5-p-70": "nucleo-l4r5zi-p",
}


def read_run(row: str) -> dict[str, Fact]:
    """What was published of a run."""
    return load_constants("validation", "streaming.toml")[row]


def budget_run(row: str) -> PowerBudget:
    """One frame of a run on its board."""
    run, target = read_run(row), board(ROWS[row])
    setting = {"clock_hz": run["clock"].value, "supply_v": run["supply"].value}
    latency = Estimate.exact(run["duty"].value * FRAME_S, "s", "measured", "duty cycle of the run")
    work = Workload(latency, loads=(peripherals(predict_run_current(target, **setting)),))
    return budget_power(target, work, sleep_mode="sleep", period_s=FRAME_S, **setting)


def predict(row: str) -> Estimate:
    """Mean power [W]."""
    budget = budget_run(row)
    if budget.average_power_w is None:
        raise UnknownFactError(f"{row}: {budget.unknown}")
    return budget.average_power_w


def table() -> list[dict[str, object]]:
    """One row a published run; powers in mW, the error in percent of the measured one."""
    rows: list[dict[str, object]] = []
    for name in ROWS:
        found, run = predict(name), read_run(name)
        measured = run["measured"].value
        rows.append(
            {
                "run": name,
                "duty": run["duty"].value,
                "measured mW": round(measured * 1e3, 2),
                "predicted mW": round(found.value * 1e3, 2),
                "low mW": round(found.low * 1e3, 2),
                "high mW": round(found.high * 1e3, 2),
                "error %": round(100 * (found.value / measured - 1), 1),
                "in the interval": "yes" if found.low <= measured <= found.high else "no",
            }
        )
    return rows
