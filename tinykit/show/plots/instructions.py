"""Where a run on the virtual board executed its instructions, and where an NPU spends its cycles."""

import itertools
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.ticker import MaxNLocator

from tinykit.handover.virtual_board import BoardRun, CoreCount, OperatorRun
from tinykit.predict.npu.report import NpuReport
from tinykit.show.plots.style import COLOURS, caption, new_axes, note, plain, say_unknown, styled

_HEIGHT = 0.4
_LEAST_SHARE = 0.005
_LEAST_NUMBERED = 0.02
_SHADES = (1.0, 0.45, 0.7)
_MOST_BARS = 32


@styled
def plot_instructions(run: BoardRun, *, ax: Axes | None = None) -> Axes:
    """Executed instructions of each operator beside its multiply-accumulates, one inference of the first sample.

    A run of `virtual_board.run` that faulted has no counts, and its fault is written instead.
    """
    rows = run.operators
    ax = new_axes(ax, 7.2, 1.3 + 0.4 * len(rows))
    if run.fault:
        return say_unknown(ax, f"no counts: {plain(run.fault.text, 200)}")
    if not rows:
        return say_unknown(ax, "the model has no operators")
    places = range(len(rows))
    executed, macs = [one.instructions for one in rows], [one.macs for one in rows]
    ax.barh([place - _HEIGHT / 2 for place in places], executed, height=_HEIGHT, color=COLOURS["inference"])
    ax.barh([place + _HEIGHT / 2 for place in places], macs, height=_HEIGHT, color=COLOURS["reserved"])
    longest = max(1, *executed, *macs)
    for place, one in zip(places, rows, strict=True):
        ax.text(one.instructions, place - _HEIGHT / 2, f"  {_describe(one)}", va="center", fontsize=7)
        if one.macs:
            ax.text(one.macs, place + _HEIGHT / 2, f"  {one.macs:,} MACs", va="center", fontsize=7)
    ax.set_yticks(places, [f"{one.index} {plain(one.name, 24)}" for one in rows])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, longest * 1.6), xlabel="count per inference [1]")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return caption(ax, f"{run.board}, {run.core}, {run.kernels}", "counted in the emulator")


def _describe(one: OperatorRun) -> str:
    if not one.macs:
        return f"{one.instructions:,} instructions"
    return f"{one.instructions:,} instructions, {one.instructions / one.macs:.2f} per MAC"


@styled
def plot_cores(counts: Sequence[CoreCount], *, ax: Axes | None = None) -> Axes:
    """Instructions of one inference on several cores, the parts of each bar its operators, with how they were counted.

    The counts are of `virtual_board.count`, of one model. Operators are numbered in order where there is room.
    """
    ax = new_axes(ax, 7.2, 1.0 + 0.5 * len(counts))
    longest = max([1, *(one.instructions for one in counts)])
    for place, one in enumerate(counts):
        start = 0
        for number, executed in enumerate(one.operators):
            shade = to_rgba(COLOURS["inference"], _SHADES[number % len(_SHADES)])
            ax.barh(place, executed, left=start, height=0.6, color=shade, edgecolor="white")
            if executed > _LEAST_NUMBERED * longest:
                ax.text(start + executed / 2, place, f"{number}", ha="center", va="center", fontsize=7)
            start += executed
        per_mac = f", {one.instructions / one.macs:.1f} per MAC" if one.macs else ""
        ax.text(one.instructions, place, f"  {one.instructions:,}{per_mac}\n  {one.how}", va="center", fontsize=7)
    ax.set_yticks(range(len(counts)), [one.core for one in counts])
    ax.set(ylim=(len(counts) - 0.5, -0.5), xlim=(0, longest * 1.4), xlabel="instructions per inference [1]")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return caption(ax, "the same C on each core, by operator", "counted in an emulator; operators by number")


@styled
def plot_npu(report: NpuReport, *, ax: Axes | None = None) -> Axes:
    """Cycles as Vela schedules them (`compile_for_npu`), in order.

    Equal passes that follow each other are one bar, and those below half a percent are summed up in the last.
    """
    bars = _list_bars(report)
    ax = new_axes(ax, 7.0, 1.3 + 0.24 * len(bars))
    if not bars:
        return say_unknown(ax, "no pass runs on the NPU")
    names, counts = [name for name, _ in bars], [count for _, count in bars]
    places = range(len(counts))
    ax.barh(places, counts, height=0.66, color=COLOURS["inference"])
    for place, count in zip(places, counts, strict=True):
        ax.text(count, place, f"  {count:,}", va="center", fontsize=7)
    ax.set_yticks(places, names)
    ax.set(ylim=(len(counts) - 0.4, -0.6), xlim=(0, max(counts) * 1.18), xlabel="NPU cycles [1]")
    title = f"{report.accelerator}, {report.memory_mode}: {report.cycles:,} cycles"
    ax.set_title(title, fontsize=8.5)  # the longest leaves the remark its room
    note(ax, "compiled: Vela's estimate")
    return ax


def _list_bars(report: NpuReport) -> list[tuple[str, int]]:
    """(name, cycles) of the bars."""
    bars = []
    for (operator, cycles), same in itertools.groupby(report.layers, key=lambda one: (one.operator, one.cycles)):
        passes = len(list(same))
        name = plain(operator, 20) + (f" × {passes}" if passes > 1 else "")
        bars.append((name, passes * cycles))
    shown = [bar for bar in bars if bar[1] >= _LEAST_SHARE * report.cycles][:_MOST_BARS]
    rest = sum(count for _, count in bars) - sum(count for _, count in shown)
    return [*shown, ("all others", rest)] if rest else shown
