"""A pack of cells on a board: what it yields, how long it lasts, and what it cannot do."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

from tinykit.budget.power.cells import (
    Battery,
    battery,
    battery_life,
    buffer_capacitance,
    effective_capacity,
    loaded_voltage,
    read_battery,
    self_discharge_current,
)
from tinykit.ground.errors import ParameterError
from tinykit.ground.facts import names_toml
from tinykit.ground.quantity import YEAR_S, Estimate, Fact, format_quantity, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import load_constants
from tinykit.target.boards.record import Board


@dataclass(frozen=True, slots=True)
class CellPack(Result):
    """Cells of one kind, `series` in a string and `parallel` strings.

    Raises
    ------
    ParameterError : a count is not a whole number of 1 to 100.
    """

    JSON = ("series", "parallel")

    cell: Battery
    series: int = 1
    parallel: int = 1

    def __post_init__(self) -> None:
        for name, count in (("series", self.series), ("parallel", self.parallel)):
            if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 100:
                raise ParameterError(f"{name} {count!r} is not a number of cells; give a whole number from 1 to 100")

    @property
    def nominal_v(self) -> float:
        """Nominal voltage of the string [V]."""
        return self.cell.nominal_voltage.value * self.series

    def __str__(self) -> str:
        count = self.series * self.parallel
        return self.cell.name if count == 1 else f"{self.series}s{self.parallel}p {self.cell.name}"


def find_battery(cell: CellPack | Battery | str | os.PathLike[str]) -> CellPack | Battery:
    """The cell or pack itself, the catalogue's of that id, or that of a TOML: whatever takes a cell takes them.

    Raises
    ------
    UnknownBatteryError : no cell of that id. FactError : a file that is no cell.
    """
    if isinstance(cell, CellPack | Battery):
        return cell
    return read_battery(Path(cell)) if names_toml(cell) else battery(str(cell))


def wire_pack(cell: Battery, supply_min: float | None) -> CellPack:
    """The shortest string of cells that still gives the minimum supply [V] when empty; one cell if it is unknown."""
    if supply_min is None:
        return CellPack(cell)
    return CellPack(cell, series=max(1, math.ceil(supply_min / cell.cutoff_voltage.value - 1e-9)))


def pack_life(pack: CellPack, average_a: Estimate, *, derate: bool = True, self_discharge: bool = True) -> Estimate:
    """Life of a pack under an average current [s]: L = u C(I) / (I + I_q + s C / 730 h), at most the cells' shelf life.

    Parameters
    ----------
    pack : the cells.
    average_a : drawn from the pack [A].
    derate : lower the capacity at high average current, for cells whose exponent is known (coin cells).
    self_discharge : count the cell's own loss and the end of its shelf life; False leaves the charge alone.

    Raises
    ------
    ParameterError : nothing at all draws current, so that the life has no end.
    """
    cell = pack.cell
    per_month = cell.self_discharge.value if self_discharge else 0.0
    quiescent = cell.quiescent.value if cell.quiescent else 0.0
    exponent, anchor = cell.rate_exponent, cell.rate_anchor
    if average_a.low <= 0 and not per_month and not quiescent:
        raise ParameterError(f"average current {average_a} may be 0, so the life has no end; give a sleep current")

    def life(current: float, capacity: float) -> float:
        each = current / pack.parallel + quiescent
        rated = capacity
        if derate and exponent is not None and anchor is not None:
            rated = float(effective_capacity(capacity, each, exponent.value, anchor.value))
        loss = self_discharge_current(capacity, per_month)
        lasts = float(battery_life(rated, each, loss, 1.0 if cell.usable is None else cell.usable.value))
        return min(lasts, shelf_life_s()) if self_discharge else lasts

    source = f"{pack} over its average current"
    return propagate(life, average_a, capacity_of(cell), unit="s", source=source, basis="modelled")


def capacity_of(cell: Battery) -> Estimate:
    """Capacity of a cell [mAh]: over the range on record with it, else over that of cells from the shelf."""
    if cell.capacity.ends != (cell.capacity.value, cell.capacity.value):
        return cell.capacity.estimate()
    spread = load_constants("power", "sleep.toml")["cell"]
    return cell.capacity.estimate(spread["low"].value, spread["high"].value)


def check_pack(
    pack: CellPack, board: Board, *, run_a: Estimate, run_s: float, average_a: Estimate | None, regulated: bool
) -> tuple[str, ...]:
    """What a pack cannot do under its highest current for so long: pulse limit, brown-out and its buffer, voltages."""
    cell, most = pack.cell, board.supply_max
    kind = "pulse" if cell.max_pulse else "continuous"
    findings = [
        _check_limit("run current", run_a, pack, cell.max_pulse or cell.max_continuous, kind),
        _check_cutoff(pack, board),
        _check_brown_out(pack, board, run_a, run_s, average_a or run_a),
    ]
    full = (cell.full_voltage or cell.nominal_voltage).value * pack.series
    if most is not None and full > most.value and not regulated:
        findings.append(f"fresh {pack} gives {full:.2g} V, above the board's maximum {most.value:.2g} V")
    return tuple(filter(None, findings))


def shelf_life_s() -> float:
    """When corrosion and seals end a cell, charged or not [s]."""
    return load_constants("power", "sleep.toml")["cell"]["shelf_life"].value * YEAR_S


def check_average(pack: CellPack, average_a: Estimate, life_s: Estimate) -> tuple[str, ...]:
    """Findings on the average current [A] against the continuous limit, and on a life [s] that shelf life ends."""
    findings = [_check_limit("average current", average_a, pack, pack.cell.max_continuous, "continuous")]
    if life_s.value >= shelf_life_s() * (1 - 1e-9):
        findings.append(
            f"the charge would last longer, but cells end after {shelf_life_s() / YEAR_S:.0f} years of shelf life"
        )
    return tuple(filter(None, findings))


def _check_limit(what: str, current_a: Estimate, pack: CellPack, limit: Fact | None, kind: str) -> str:
    if limit is None or current_a.value <= limit.value * pack.parallel:
        return ""
    drawn, most = format_quantity(current_a.value, "A"), format_quantity(limit.value * pack.parallel, "A")
    return f"{what} {drawn} exceeds the {kind} limit of {pack}, {most}"


def _check_cutoff(pack: CellPack, board: Board) -> str:
    least, empty = board.supply_min.value if board.supply_min else 0.0, pack.cell.cutoff_voltage.value * pack.series
    if empty >= least * (1 - 1e-9):
        return ""
    if pack.nominal_v < least:
        need = wire_pack(pack.cell, least).series
        return f"{pack} gives {pack.nominal_v:.2g} V, below the board's minimum {least:.3g} V: take {need} in series"
    return f"{pack} is empty at {empty:.2g} V, below the board's minimum {least:.3g} V: the last charge is lost"


def _check_brown_out(pack: CellPack, board: Board, run_a: Estimate, run_s: float, average_a: Estimate) -> str:
    if board.supply_min is None or pack.cell.resistance is None:
        return ""
    resistance = pack.cell.resistance.value * pack.series / pack.parallel
    left, least = loaded_voltage(pack.nominal_v, run_a.value, resistance), board.supply_min.value
    if left >= least or pack.nominal_v <= least:
        return ""
    farad = buffer_capacitance(run_a.value, run_s, pack.nominal_v - least)
    mended = f"a buffer of {farad * 1e3:.3g} mF carries the burst"
    if loaded_voltage(pack.nominal_v, average_a.value, resistance) < least:
        mended = "no buffer mends it, the average alone is too much: take cells in parallel or a longer period"
    return (
        f"brown-out: a half-used {pack} falls to {max(0.0, left):.2g} V under {format_quantity(run_a.value, 'A')}, the "
        f"board needs {least:.3g} V; {mended}"
    )
