"""Slow clock or race to sleep: one workload over the clocks of a board, idle in SLEEP and in STOP."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tinykit.budget.power.timeline import attempt, sleep_current
from tinykit.ground.errors import ParameterError, UnknownFactError
from tinykit.ground.quantity import LONGEST_S, Estimate, propagate
from tinykit.ground.results import Result, Rows
from tinykit.predict.energy.inputs import as_estimate
from tinykit.predict.energy.predict import check_clock, check_supply, predict_run_current, supply_voltage
from tinykit.target.boards import AnyBoard, find_board
from tinykit.target.boards.record import Board

IDLES = ("sleep", "stop")


@dataclass(frozen=True, slots=True)
class ClockPoint(Result):
    """One clock of a sweep.

    Parameters
    ----------
    clock_hz : Hz.
    latency_s : of the work [s].
    duty_cycle : of the period, 0–1.
    power_w : mean power by idle state, "sleep" and "stop" [W]; None where its current is unknown.
    """

    clock_hz: float
    latency_s: Estimate
    duty_cycle: float
    power_w: dict[str, Estimate | None]


@dataclass(frozen=True, slots=True)
class ClockSweep(Result):
    """Clocks that meet the period, slowest first; `dropped` are those too slow for it [Hz]."""

    board: Board
    period_s: float
    supply_v: float
    points: Rows[ClockPoint]
    dropped: tuple[float, ...] = ()

    def best(self, idle: str) -> ClockPoint | None:
        """The point of least power with that idle state; None where it is unknown."""
        known = [(power.value, point) for point in self.points if (power := point.power_w[idle]) is not None]
        return min(known, key=lambda pair: pair[0])[1] if known else None

    def verdict(self, idle: str) -> str:
        """ "race to sleep", "slow clock", "in between" or "only clock" for that idle state, else "unknown"."""
        best = self.best(idle)
        if best is None or len(self.points) == 1:
            return "unknown" if best is None else "only clock"
        ends = {self.points[-1].clock_hz: "race to sleep", self.points[0].clock_hz: "slow clock"}
        return ends.get(best.clock_hz, "in between")


def sweep_clocks(
    board: AnyBoard, cycles: Estimate | float, period_s: float, *,
    clocks_hz: Sequence[float] | None = None, supply_v: float | None = None, ambient_c: float = 25.0
) -> ClockSweep:  # fmt: skip
    """Mean power of the same work at several clocks, idle in SLEEP and in STOP.

    The SLEEP current is the record's at its clock, a static share of it and the rest in proportion to the
    clock; the STOP current does not know the clock.

    Parameters
    ----------
    board : catalogue id, or a `Board`.
    cycles : of the work in one period.
    period_s : [s].
    clocks_hz : None takes those that the board runs at, else twelve up to the highest.
    supply_v, ambient_c : as in `budget_power`.

    Raises
    ------
    ParameterError : no clock meets the period, or a figure out of range.
    UnknownFactError : clock, supply or run current of the board are unknown.
    """
    board = find_board(board)
    work = as_estimate(cycles, "cycle", "cycles", high=1e15)
    period = as_estimate(period_s, "s", "period", low=1e-6, high=LONGEST_S).value
    supply = supply_voltage(board) if supply_v is None else check_supply(supply_v)
    clocks = sorted(check_clock(clock) for clock in (clocks_hz or board.list_clocks()))
    if not clocks:
        raise UnknownFactError(f"the clock of board {board.id!r} is unknown; give clocks_hz")
    met = [clock for clock in clocks if work.value / clock <= period * (1 + 1e-9)]
    if not met:
        need = work.value / period / 1e6
        raise ParameterError(f"no clock meets the period of {period:g} s; {need:.3g} MHz would, or fewer cycles")
    points = tuple(_point(board, work, (clock, supply, period, ambient_c)) for clock in met)
    return ClockSweep(board, period, supply, Rows(points), tuple(clock for clock in clocks if clock not in met))


def _point(board: Board, work: Estimate, setting: tuple[float, float, float, float]) -> ClockPoint:
    clock, supply, period, ambient = setting
    latency = propagate(lambda n: n / clock, work, unit="s", source=f"cycles at {clock / 1e6:g} MHz")
    duty = propagate(lambda t: min(1.0, t / period), latency, unit="1")
    run = predict_run_current(board, clock_hz=clock, supply_v=supply)
    powers: dict[str, Estimate | None] = {}
    for idle in IDLES:
        current = attempt(partial(sleep_current, board, idle, ambient, clock_hz=clock))[0]
        powers[idle] = current and propagate(
            lambda d, i, rest: supply * (d * i + (1.0 - d) * min(rest, i)), duty, run, current,
            unit="W", source=f"P = V (D I_run + (1 - D) I_{idle})", basis="modelled",
        )  # fmt: skip
    return ClockPoint(clock, latency, duty.value, powers)
