"""Power: the states of a period, the life of a cell, the energy of an inference."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from tinykit.budget.fit.verdict import FitReport
from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.power.timeline import State
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.show.plots.marks import band_kwargs, draw_band, ends, error_bar, mark_limit, scale_log, scale_log_time
from tinykit.show.plots.style import COLOURS, caption, name_basis, new_axes, note, plain, say_unknown, styled


@styled
def plot_states(budget: PowerBudget, *, ax: Axes | None = None) -> Axes:
    """Supply current over one period, time and current both logarithmic: a long sleep and a short burst on one page."""
    ax = new_axes(ax, 7.0, 3.2)
    drawn = [(state, state.current_a) for state in budget.states if state.current_a is not None]
    states = _begin(budget.states)
    spans = _spans(states)
    if not drawn or any(current.low <= 0 for _, current in drawn):
        return say_unknown(ax, plain("; ".join(budget.unknown) or "a current of 0 has no place on a log axis", 200))
    lows, highs = [current.low for _, current in drawn], [current.high for _, current in drawn]
    scale_log_time(ax.xaxis, spans[0][0], budget.period_s * 1.05)
    scale_log(ax.yaxis, min(lows) / 2.5, max(highs) * 25, "A")
    charges = [state.charge_c.value for state in budget.states if state.charge_c is not None]
    total = sum(charges) if len(charges) == len(budget.states) else 0.0
    for state, (start, end) in zip(states, spans, strict=True):
        if state.current_a is not None:
            _draw_state(ax, state, state.current_a, (start, end), total)
        else:
            middle, text = np.sqrt(start * end), f"{plain(state.name, 20)}\nno current on record"
            ax.text(middle, max(highs) * 2, text, ha="center", fontsize=7.5, color=COLOURS["note"])
    woken = states[0].name == "wake-up" or states[0] is budget.states[0]
    since = "waking" if woken else f"{plain(states[0].name, 20)} began"
    ax.set(xlabel=f"time since {since} [s], log", ylabel="current [A], log")
    title = f"{plain(budget.board.id)}: one period of {format_quantity(budget.period_s, 's')}"
    return caption(ax, title, name_basis(*(current for _, current in drawn)))


def _begin(states: Sequence[State]) -> Sequence[State]:
    """The states of a period, which recurs, begun so that the least time is in states too narrow to be seen."""

    def hidden(turn: Sequence[State]) -> float:
        spans = zip(turn, _spans(turn), strict=True)
        return sum(state.duration_s.value for state, (start, end) in spans if end < 1.05 * start)

    return min(((*states[first:], *states[:first]) for first in range(len(states))), key=hidden)


def _spans(states: Sequence[State]) -> list[tuple[float, float]]:
    """Start and end of each state [s]; a log axis needs a start above 0."""
    ends = np.cumsum([state.duration_s.value for state in states])
    starts = [ends[0] / 8, *ends[:-1]]
    return [(float(start), float(end)) for start, end in zip(starts, ends, strict=True)]


def _draw_state(ax: Axes, state: State, current: Estimate, span: tuple[float, float], total: float) -> None:
    colour = {"idle": "inference"}.get(state.name, state.name if state.name in COLOURS else "other state")
    ax.fill_between(span, current.low, current.high, **band_kwargs(colour))
    ax.plot(span, [current.value] * 2, color=COLOURS[colour], linewidth=3, solid_capstyle="butt")
    charge = state.charge_c
    share = format_quantity(charge.value, "C") if charge else ""
    share += f", {charge.value / total:.0%}" if charge and total else ""
    text = f"{plain(state.name, 20)}\n{format_quantity(current.value, 'A')}\n{share}"
    ax.text(np.sqrt(span[0] * span[1]), current.high * 1.25, text, ha="center", va="bottom", fontsize=7.5)


@styled
def plot_life(
    budgets: Sequence[PowerBudget], *,
    point: PowerBudget | None = None, wished_s: float | None = None, ax: Axes | None = None
) -> Axes:  # fmt: skip
    """Battery life against the period between inferences, log–log, with its interval.

    Parameters
    ----------
    budgets : of one design at rising periods.
    point : the one chosen.
    wished_s : a life to reach [s].
    ax : None for a new figure.
    """
    ax = new_axes(ax, 7.0, 3.2)
    known = [(budget.period_s, budget.battery_life_s) for budget in budgets if budget.battery_life_s is not None]
    if len(known) < 2:
        reasons = {reason for budget in budgets for reason in budget.unknown} or {"no battery given"}
        return say_unknown(ax, "battery life unknown: " + plain("; ".join(sorted(reasons)), 200))
    periods, lives = zip(*known, strict=True)
    scale_log_time(ax.xaxis, min(periods), max(periods))
    highest = max(*(life.high for life in lives), wished_s or 0.0)
    scale_log_time(ax.yaxis, min(life.low for life in lives) / 1.6, highest * 1.6)
    draw_band(ax, periods, lives, "life")
    if wished_s is not None:
        mark_limit(ax, wished_s, f"wished: {format_quantity(wished_s, 's')}", at=0.7)
    if point is not None and point.battery_life_s is not None:
        _mark_point(ax, point.period_s, point.battery_life_s)
    ax.set(xlabel="period between inferences [s], log", ylabel="battery life [s], log")
    return caption(ax, f"{plain(budgets[0].board.id)} on {plain(budgets[0].pack)}", name_basis(*lives))


def _mark_point(ax: Axes, period_s: float, life: Estimate) -> None:
    look: dict[str, Any] = {"fmt": "o", "color": COLOURS["life"], "markerfacecolor": "white", "capsize": 3}
    ax.errorbar(period_s, life.value, yerr=ends(life), **look)
    left, right = ax.get_xlim()
    on_right = period_s > np.sqrt(left * right)
    text = f"  {format_quantity(life.value, 's')}  "
    across, along = ("right", "bottom") if on_right else ("left", "top")  # clear of a curve that rises
    ax.text(period_s, life.value, text, fontsize=9, fontweight="bold", ha=across, va=along)


@styled
def plot_energy(reports: Sequence[FitReport], *, ax: Axes | None = None) -> Axes:
    """Energy per inference of boards, gross of idle, the thriftiest at the top; those without it are counted below."""
    known = [(report, report.energy_per_inference_j) for report in reports if report.energy_per_inference_j is not None]
    ax = new_axes(ax, 7.0, 1.2 + 0.2 * max(1, len(known)))
    if not known:
        return say_unknown(ax, "energy unknown: no run current or no latency for any of these boards")
    known.sort(key=lambda pair: -pair[1].value)
    for row, (_, energy) in enumerate(known):
        error_bar(ax, energy, row, "inference")
    scale_log(ax.xaxis, min(energy.low for _, energy in known) / 1.3, max(e.high for _, e in known) * 3, "J")
    for row, (_, energy) in enumerate(known):
        text = f"{format_quantity(energy.value, 'J')} ({energy.basis})"
        ax.text(energy.high * 1.12, row, text, va="center", fontsize=7.5)
    ax.set_yticks(range(len(known)), [plain(report.board.id, 32) for report, _ in known], fontsize=7.5)
    ax.set(ylim=(-0.7, len(known) - 0.3), xlabel="energy per inference [J], gross of idle, log")
    ax.set_title("Energy per inference")
    missing = len(reports) - len(known)
    note(ax, "80 % interval" + (f"; unknown for {missing} more" if missing else ""))
    return ax
