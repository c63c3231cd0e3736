"""Heat: the junction between ambient and its limits, against power, and in time."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tinykit.budget.thermal.check import ThermalReport
from tinykit.budget.thermal.die import foster_ladder
from tinykit.budget.thermal.warming import HeatCurve, Warming, follow_step
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.show.plots.marks import band_kwargs, draw_band, error_bar, mark_limit, scale_log_time
from tinykit.show.plots.style import COLOURS, caption, name_basis, new_axes, plain, say_unknown, styled

_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8}
_TIMES_S = np.logspace(-3, np.log10(1800), 80)


@styled
def plot_heat(report: ThermalReport, *, ax: Axes | None = None) -> Axes:
    """Ambient, air in the box and junction of `check_heat` on one scale of temperature, with the limits."""
    ax = new_axes(ax, 7.0, 2.7)
    rows = _rows(report)
    for place, (_, estimate) in enumerate(reversed(rows)):
        error_bar(ax, estimate, place, "temperature")
        text = f" {estimate.value:.1f} °C"
        ax.text(estimate.value, place + 0.16, text, fontsize=8, va="bottom", ha="center", bbox=_PAPER)
    ax.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)])
    limits = [(report.rated_ambient_c, "rated ambient"), (report.junction_max_c, "junction limit")]
    known = [(value, name) for value, name in limits if value is not None]
    lowest = min(estimate.low for _, estimate in rows)
    ends = [estimate.high for _, estimate in rows] + [value for value, _ in known]
    ax.set(ylim=(-0.6, len(rows) - 0.3), xlabel="temperature [°C]")
    ax.set_xlim(min(0, 25 * ((lowest - 8) // 25)), 25 * (1 + (max(ends) + 8) // 25))
    for value, name in known:
        mark_limit(ax, value, f"{name} {value:g} °C", vertical=True, at=0.4)
    if report.theta_ja is not None and report.continuous_power_w is not None and report.t_junction_continuous_c is None:
        text = "never pausing: no stable temperature at the warm end of the intervals"
        ax.text(0.01, 0.02, text, fontsize=8, transform=ax.transAxes)
    title = f"{plain(report.board.id)}: {report.verdict}"
    return caption(ax, title, name_basis(*(estimate for name, estimate in rows if name != "ambient")))


def _rows(report: ThermalReport) -> list[tuple[str, Estimate]]:
    ambient = Estimate.exact(report.ambient_c, "degC", "measured", "given")
    rows: list[tuple[str, Estimate]] = [("ambient", ambient)]
    rise = report.enclosure_rise_k
    if rise is not None:
        value, low, high = (report.ambient_c + kelvin for kelvin in (rise.value, rise.low, rise.high))
        rows.append(("air in the box", Estimate(value, low, high, "degC", rise.basis, sources=rise.sources)))
    junction = {"on average": report.t_junction_c, "never pausing": report.t_junction_continuous_c}
    return rows + [(f"junction, {when}", one) for when, one in junction.items() if one is not None]


@styled
def plot_junction(reports: Sequence[ThermalReport], *, ax: Axes | None = None) -> Axes:
    """Junction temperature of a board against the rising average power in its package, with its band and the limit."""
    ax = new_axes(ax, 7.0, 3.0)
    known = [
        (report.average_power_w.value * 1e3, report.t_junction_c)
        for report in reports
        if report.average_power_w is not None and report.t_junction_c is not None
    ]
    if len(known) < 2:
        return say_unknown(ax, "junction temperature unknown: power or theta_ja of the board is not on record")
    power, junction = zip(*sorted(known, key=lambda pair: pair[0]), strict=True)
    draw_band(ax, power, junction, "temperature")
    limit, ambient = reports[0].junction_max_c, reports[0].ambient_c
    highest = max(t.high for t in junction)
    ax.set(xlim=(power[0], power[-1]), ylim=(ambient - 3, max(limit or 0.0, highest) + 6))
    if limit is not None:
        mark_limit(ax, limit, f"junction limit {limit:g} °C")
    mark_limit(ax, ambient, f"ambient {ambient:g} °C", at=0.6)
    ax.set(xlabel="average power in the package [mW]", ylabel="junction temperature [°C]")
    return caption(ax, plain(reports[0].board.id), name_basis(*junction))


@styled
def plot_transient(report: ThermalReport, *, ax: Axes | None = None) -> Axes:
    """Junction temperature after inference starts and never pauses: die, package and board warm up in turn.

    The curve ends at the junction and interval of `check_heat` (`follow_step`).
    """
    ax = new_axes(ax, 7.0, 3.0)
    power = report.continuous_power_w
    if power is None or report.t_junction_continuous_c is None:
        return say_unknown(ax, "transient unknown: no power or theta_ja on record, or no stable temperature")
    curve = follow_step(report, _TIMES_S)
    _draw_curve(ax, curve, 1.0)
    scale_log_time(ax.xaxis, _TIMES_S[0], _TIMES_S[-1])
    _mark_ceiling(ax, report, curve)
    for time_s, name in zip(foster_ladder(1.0)[1], ("die", "package", "board"), strict=True):
        mark_limit(ax, time_s, f"{name} {format_quantity(time_s, 's')}", vertical=True, at=0.62)
    ax.set(xlabel="time since inference started [s], log", ylabel="junction temperature [°C]")
    title = f"{plain(report.board.id)} at {format_quantity(power.value, 'W')}, never pausing"
    return caption(ax, title, "time constants assumed")


@styled
def plot_bursts(warming: Warming, *, ax: Axes | None = None) -> Axes:
    """Junction over three periods of burst and pause (`follow_bursts`), once warm, with its limit and the surface's."""
    ax = new_axes(ax, 7.0, 3.0)
    curve, period = warming.curve, warming.burst_s + warming.pause_s
    scale, unit = _unit_of(curve.times_s[-1])
    for place in range(round(curve.times_s[-1] / period)):
        start = place * period / scale
        ax.axvspan(start, start + warming.burst_s / scale, color=COLOURS["inference"], alpha=0.13, linewidth=0)
    _draw_curve(ax, curve, scale)
    ax.set_xlim(0, curve.times_s[-1] / scale)
    _mark_ceiling(ax, warming.report, curve, warming)
    ax.set(xlabel=f"time, once the board is warm [{unit}]; bursts shaded", ylabel="junction temperature [°C]")
    title = f"{plain(warming.report.board.id)}: duty cycle {warming.duty_cycle:.0%}, {warming.verdict}"
    return caption(ax, title, "time constants assumed")


def _draw_curve(ax: Axes, curve: HeatCurve, scale: float) -> None:
    times = [time / scale for time in curve.times_s]
    ax.fill_between(times, curve.low_c, curve.high_c, **band_kwargs("temperature"))
    ax.plot(times, curve.value_c, color=COLOURS["temperature"])


def _unit_of(longest_s: float) -> tuple[float, str]:
    """A unit in which the longest time is a number from 1 to a few hundred."""
    units = ((1e-3, "ms"), (1.0, "s"), (60.0, "min"), (3600.0, "h"))
    return next((pair for pair in reversed(units) if longest_s >= 2 * pair[0]), units[0])


def _mark_ceiling(ax: Axes, report: ThermalReport, curve: HeatCurve, warming: Warming | None = None) -> None:
    """Junction limit, and surface with its touch limit; a limit far above is told at the top edge."""
    surface = warming.surface if warming else None
    lows, highs = [*curve.low_c, report.ambient_c], list(curve.high_c)
    if surface is not None:
        lows, highs = [*lows, surface.limit.value], [*highs, surface.limit.value, surface.surface_c.value]
    bottom, top, limit = min(lows), max(highs), report.junction_max_c
    room = 0.14 * (top - bottom) + 1.5
    far = limit is not None and limit > top + 1.5 * (top - bottom) + 5
    top = top + 2 * room if far or limit is None else max(top, limit) + room
    ax.set_ylim(10 * ((bottom - room) // 10), 10 * (1 + top // 10))  # the same until it must move
    mark_limit(ax, report.ambient_c, f"ambient {report.ambient_c:g} °C", at=0.45)
    if far and limit is not None:
        text = f"junction limit {limit:g} °C: {limit - max(curve.high_c):.0f} K above the band"
        ax.text(0.36, 0.97, text, transform=ax.transAxes, ha="center", va="top", fontsize=8, color=COLOURS["limit"])
    elif limit is not None:
        mark_limit(ax, limit, f"junction limit {limit:g} °C", at=0.3)
    if surface is not None:
        mark_limit(ax, surface.limit.value, f"touch limit {surface.limit.value:g} °C, surface", at=0.72)
        _mark_surface(ax, surface.surface_c.value)


def _mark_surface(ax: Axes, surface_c: float) -> None:
    ax.axhline(surface_c, color=COLOURS["temperature"], linestyle=":", linewidth=1.6)
    text, place = f"surface {surface_c:.1f} °C", ax.get_yaxis_transform()
    ax.text(0.985, surface_c, text, ha="right", va="center", transform=place, fontsize=8, bbox=_PAPER)
