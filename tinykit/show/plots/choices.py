"""Choices of a power budget: what moves the life, which clock, who takes the charge, edge or cloud."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from tinykit.budget.offload import Offload
from tinykit.budget.power.budget import PowerBudget
from tinykit.budget.power.dvfs import ClockSweep
from tinykit.budget.power.sensitivity import Tornado
from tinykit.ground.quantity import DAY_S, Estimate, format_quantity
from tinykit.show.plots.marks import draw_band, draw_bar, error_bar, mark_limit, scale_log
from tinykit.show.plots.style import COLOURS, caption, name_basis, new_axes, plain, say_unknown, styled

_IDLE_COLOURS = {"sleep": "inference", "stop": "sleep"}


@styled
def plot_tornado(tornado: Tornado, *, ax: Axes | None = None, most: int = 8) -> Axes:
    """Battery life over the interval of each input alone (`swing_life`), the `most` widest, the widest at the top."""
    swings = tornado.swings[:most]
    ax = new_axes(ax, 7.0, 1.2 + 0.32 * max(1, len(swings)))
    if not swings:
        return say_unknown(ax, "nothing moves this life: every input is exact")
    for row, swing in enumerate(reversed(swings)):
        low, high = swing.life_low_s / DAY_S, swing.life_high_s / DAY_S
        ax.barh(row, high - low, left=low, color=COLOURS["life"], alpha=0.55, height=0.6)
        ends = f"{format_quantity(swing.low, swing.unit)} to {format_quantity(swing.high, swing.unit)}"
        ax.text(high, row, f" {plain(ends, 48)}", va="center", fontsize=7.5)
    widest = max(swing.life_high_s for swing in swings) / DAY_S
    least = min(swing.life_low_s for swing in swings) / DAY_S
    ax.set_yticks(range(len(swings)), [plain(swing.name, 32) for swing in reversed(swings)], fontsize=8)
    ax.set(xlim=(max(0.0, least - 0.1 * widest), widest * 1.35), xlabel="battery life [days]")
    ax.axvline(tornado.life_s / DAY_S, color=COLOURS["limit"], linewidth=1)
    return caption(ax, f"What moves {format_quantity(tornado.life_s, 's')}", name_basis(tornado.budget.battery_life_s))


@styled
def plot_clocks(sweep: ClockSweep, *, ax: Axes | None = None) -> Axes:
    """Mean power over the clock (`sweep_clocks`), idle in SLEEP and in STOP, with the best clock of each."""
    ax = new_axes(ax, 7.0, 3.2)
    drawn: list[Estimate] = []
    for idle, colour in _IDLE_COLOURS.items():
        known = [(point.clock_hz / 1e6, power) for point in sweep.points if (power := point.power_w[idle]) is not None]
        if not known:
            continue
        clocks, powers = zip(*known, strict=True)
        draw_band(ax, clocks, powers, colour, 1e3, marker=".")
        ax.text(clocks[-1], powers[-1].value * 1e3, f" {idle.upper()}", color=COLOURS[colour], va="center")
        best = min(known, key=lambda pair: pair[1].value)
        ax.plot(best[0], best[1].value * 1e3, "o", color=COLOURS[colour], markersize=8, markerfacecolor="white")
        drawn += powers
    if not drawn:
        return say_unknown(ax, "no idle current of this board is on record")
    if sweep.dropped:
        mark_limit(ax, max(sweep.dropped) / 1e6, "too slow", vertical=True)
    ax.set(xlim=(0, max(point.clock_hz for point in sweep.points) / 1e6 * 1.12), ylim=(0, None))
    ax.set(xlabel="core clock [MHz]", ylabel="mean power [mW]")
    title = f"{plain(sweep.board.id)}: {sweep.verdict('sleep')} (SLEEP), {sweep.verdict('stop')} (STOP)"
    return caption(ax, title, name_basis(*drawn))


@styled
def plot_lines(budget: PowerBudget, *, ax: Axes | None = None) -> Axes:
    """Charge of a period by state, and the same charge by consumer below, of `budget_power`."""
    ax = new_axes(ax, 7.0, 2.2)
    states = [(state.name, charge.value) for state in budget.states if (charge := state.charge_c) is not None]
    lines = [(line.name, line.charge_c) for line in budget.lines if line.charge_c is not None]
    total = sum(charge for _, charge in states)
    if budget.average_current_a is None or not total:
        return say_unknown(ax, plain("; ".join(budget.unknown) or "no charge flows", 200))
    for row, parts in ((1, states), (0, lines)):
        left = 0.0
        for place, (name, coulombs) in enumerate(parts):
            share = coulombs / total
            look = {"color": COLOURS.get(name, COLOURS["other state"]), "edgecolor": "white"}
            ax.barh(row, share, left=left, height=0.55, **(look if row else _consumer(place)))
            if share > 0.06:
                text = f"{plain(name, 16)}\n{share:.0%}"
                ax.text(left + share / 2, row, text, ha="center", va="center", fontsize=7.5)
            left += share
    ax.set_yticks([0, 1], ["by consumer", "by state"])
    ax.set(xlim=(0, 1), ylim=(-0.5, 1.5), xlabel=f"share of {format_quantity(total, 'C')} in a period [1]")
    return caption(ax, f"{plain(budget.board.id)}: where the charge goes", name_basis(budget.average_current_a))


@styled
def plot_stages(budget: PowerBudget, *, ax: Axes | None = None) -> Axes:
    """The states of a period as rows: current as a bar on a log axis, with its time and charge beside it."""
    ax = new_axes(ax, 7.0, 0.9 + 0.34 * len(budget.states))
    known = [(state, state.current_a) for state in budget.states if state.current_a is not None]
    if len(known) < len(budget.states) or any(current.low <= 0 for _, current in known):
        return say_unknown(ax, plain("; ".join(budget.unknown) or "a current of 0 has no place on a log axis", 200))
    least, most = min(current.low for _, current in known) / 3, max(current.high for _, current in known)
    scale_log(ax.xaxis, least, most * 100, "A")
    for row, (state, current) in enumerate(reversed(known)):
        colour = COLOURS.get(state.name, COLOURS["other state"])
        draw_bar(ax, row, current.value - least, left=least, height=0.6, colour=colour)
        ax.plot([current.low, current.high], [row, row], color=COLOURS["limit"], linewidth=1)
        charge = state.charge_c
        parts = (format_quantity(state.burst_s, "s"), "" if state.times == 1 else f"x {state.times:.3g}")
        text = f"{' '.join(part for part in parts if part)}, {format_quantity(charge.value, 'C') if charge else ''}"
        ax.text(current.high * 1.3, row, text, va="center", fontsize=8)
    ax.set_yticks(range(len(known)), [plain(state.name, 20) for state, _ in reversed(known)])
    ax.set(ylim=(-0.6, len(known) - 0.4), xlabel="current [A], log")
    title = f"{plain(budget.board.id)}: one period of {format_quantity(budget.period_s, 's')}"
    return caption(ax, title, name_basis(*(current for _, current in known)))


@styled
def plot_stack(budget: PowerBudget, *, ax: Axes | None = None) -> Axes:
    """Current through the states of a period, the consumers stacked; a decade more of time is one step wider."""
    ax = new_axes(ax, 7.0, 2.4)
    flows = [(line.name, line.currents_a) for line in budget.lines]
    if not flows or any(current is None for _, flow in flows for current in flow):
        return say_unknown(ax, plain("; ".join(budget.unknown) or "no current flows", 200))
    times = np.array([max(state.duration_s.value, 1e-9) for state in budget.states])
    edges = np.concatenate([[0.0], np.cumsum(2.0 + np.log10(times / times.min()))])
    top = np.zeros(len(times))
    for place, (name, flow) in enumerate(flows):
        height = np.array(flow, float) * 1e3
        ax.stairs(top + height, edges, baseline=top, fill=True, label=plain(name, 24), **_consumer(place))
        top = top + height
    centres = 0.5 * (edges[:-1] + edges[1:])
    for centre, most in zip(centres.tolist(), top.tolist(), strict=True):
        ax.text(centre, most, format_quantity(most * 1e-3, "A"), ha="center", va="bottom", fontsize=7.5)
    names = [f"{plain(state.name, 12)}\n{format_quantity(state.duration_s.value, 's')}" for state in budget.states]
    ax.set_xticks(centres, names, fontsize=7.5)
    ax.set(xlim=(0, edges[-1]), ylim=(0, top.max() * 1.35), ylabel="current [mA]")
    ax.grid(visible=False, axis="x")
    if len(flows) > 1:
        ax.legend(loc="upper right", fontsize=7.5, ncols=len(flows))
    return caption(ax, "Current through a period, wider for longer", name_basis(budget.average_current_a))


def _consumer(place: int) -> dict[str, Any]:
    """How the consumer at a place of the list is filled: greys with a white edge, darker first."""
    greys = ("0.45", "0.75", "0.6", "0.85")
    return {"color": greys[place % len(greys)], "edgecolor": "white", "linewidth": 0.6}


@styled
def plot_offload(found: Offload, *, ax: Axes | None = None) -> Axes:
    """Energy of a day on the device and of sending the raw data, of `compare_offload`."""
    ax = new_axes(ax, 7.0, 1.9)
    both = {"cloud": found.cloud_j, "edge": found.edge_j}
    rows = [(name, energy) for name, energy in both.items() if energy is not None]
    if len(rows) < 2 or any(energy.low <= 0 for _, energy in rows):
        return say_unknown(ax, plain("; ".join(found.edge.unknown) or "energy unknown", 200))
    for row, (name, energy) in enumerate(rows):
        error_bar(ax, energy, row, "inference" if name == "edge" else "transport")
    scale_log(ax.xaxis, min(e.low for _, e in rows) / 2, max(e.high for _, e in rows) * 12, "J")
    for row, (_, energy) in enumerate(rows):
        ax.text(energy.high * 1.15, row, format_quantity(energy.value, "J"), va="center", fontsize=8)
    ax.set_yticks(range(len(rows)), [name for name, _ in rows])
    ax.set(ylim=(-0.6, len(rows) - 0.4), xlabel="energy a day [J], log")
    title = f"{plain(found.edge.board.id)} over {found.radio}: {found.verdict}"
    return caption(ax, title, name_basis(found.edge_j, found.cloud_j))
