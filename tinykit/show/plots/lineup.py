"""One model on several machines: time with its interval, and what else it takes there."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from tinykit.budget.fit import FitReport, name_machine
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.show.plots.style import caption, error_bar, name_basis, new_axes, plain, say_unknown, scale_log, styled


@styled
def plot_lineup(reports: Sequence[FitReport], *, ax: Axes | None = None) -> Axes:
    """Latency on each machine with its interval, and arena, flash and energy beside it; `unknown` where none is known.

    Parameters
    ----------
    reports : of `line_up`.
    ax : None for a new figure, a row a machine.
    """
    ax = new_axes(ax, 7.2, 1.2 + 0.5 * len(reports))
    if not reports:
        return say_unknown(ax, "no machine given")
    known = [report.latency_s for report in reports if report.latency_s is not None]
    low = min((one.low for one in known), default=1e-3)
    high = max((one.high for one in known), default=1.0)
    scale_log(ax.xaxis, low / 3, high * 3, "s")
    for row, report in enumerate(reports):
        _draw_machine(ax, row, report)
    ax.set_yticks(range(len(reports)), [_name(report) for report in reports], fontsize=8)
    ax.set(ylim=(len(reports) - 0.5, -0.6), xlabel="latency of one inference [s]")
    return caption(ax, "One model, side by side", name_basis(*known))


def _name(report: FitReport) -> str:
    clock = report.npu.clock_hz if report.npu else report.clock_hz
    return f"{name_machine(report)}\n{format_quantity(clock, 'Hz') if clock else 'clock unknown'}"


def _draw_machine(ax: Axes, row: int, report: FitReport) -> None:
    beside = ax.get_yaxis_transform()
    if report.latency_s is not None:
        error_bar(ax, report.latency_s, row, "inference")
        _label(ax, row, report.latency_s, f"{report.runtime}, {report.latency_s.basis}")
    else:
        ax.text(0.02, row, plain(f"latency unknown: {_why(report)}", 84), transform=beside, va="center", fontsize=7)
    figures = (
        ("arena", report.arena_bytes), ("flash", report.flash_bytes), ("energy", report.energy_per_inference_j),
    )  # fmt: skip
    told = "\n".join(f"{what} {_short(one)}" for what, one in figures)
    ax.text(1.02, row, told, transform=beside, va="center", fontsize=7, linespacing=1.1)


def _label(ax: Axes, row: int, latency: Estimate, what: str) -> None:
    """The value on that side of the interval where there is more room."""
    left, right = ax.get_xlim()
    on_left = latency.value**2 > left * right
    text = f"{format_quantity(latency.value, 's')}, {what}"
    place, side = (latency.low / 1.15, "right") if on_left else (latency.high * 1.15, "left")
    ax.text(place, row, text, ha=side, va="center", fontsize=7.5)


def _short(one: Estimate | None) -> str:
    return "unknown" if one is None else format_quantity(one.value, one.unit)


def _why(report: FitReport) -> str:
    wanted = [text for text in report.reasons if text.startswith("latency unknown: ")]
    return (wanted or report.reasons)[0].removeprefix("latency unknown: ").partition("\n")[0]
