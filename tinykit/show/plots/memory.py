"""Memory and time: the regions and banks of one board, which boards hold a model, one model on several machines."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes

from tinykit.budget.fit.check import name_machine, tell_runtime
from tinykit.budget.fit.placements import Placement
from tinykit.budget.fit.verdict import TIGHT_MARGIN, FitReport, RegionUse, Verdict
from tinykit.ground.quantity import Estimate, format_quantity
from tinykit.ground.results import tell
from tinykit.show.plots.marks import draw_bar, ends, error_bar, mark_limit, scale_log
from tinykit.show.plots.style import COLOURS, caption, name_basis, new_axes, plain, say_unknown, styled
from tinykit.target.boards.record import Board, Region, Window

_MOST_SHARE = 2.0
_ORDER = (Verdict.DOES_NOT_FIT, Verdict.TIGHT, Verdict.FITS, Verdict.UNKNOWN)
MARKS = {Verdict.FITS: "o", Verdict.TIGHT: "^", Verdict.DOES_NOT_FIT: "X", Verdict.UNKNOWN: "D"}
"""The mark of each verdict."""


@styled
def plot_fit(report: FitReport, *, ax: Axes | None = None) -> Axes:
    """Regions of a board in `check_fit` as bars of reserved, used and free, each as a share of the region."""
    ax = new_axes(ax, 7.0, 1.1 + 0.75 * max(1, len(report.regions)))
    if not report.regions:
        return say_unknown(ax, "regions unknown: " + plain("; ".join(report.reasons), 160))
    for row, use in enumerate(reversed(report.regions)):
        _draw_region(ax, row, use, report.arena_bytes if "arena" in use.holds else report.flash_bytes)
    most = max(_share(use) for use in report.regions)
    ax.set(xlim=(0, 100 * max(1.08, min(_MOST_SHARE, most * 1.05))), yticks=[])
    ax.set_ylim(-0.45, len(report.regions) - 0.15)
    ax.set_xlabel("share of the region [%]")
    mark_limit(ax, 100 * (1 - TIGHT_MARGIN), "tight", vertical=True, at=0.8)
    mark_limit(ax, 100, "full", vertical=True, at=0.8)
    title = f"{plain(report.board.id)}: {report.verdict.words}"
    return caption(ax, title, f"{report.runtime}; {name_basis(report.arena_bytes, report.flash_bytes)}")


def _share(use: RegionUse) -> float:
    return (use.reserved_bytes + use.used_bytes) / use.total_bytes


def _draw_region(ax: Axes, row: int, use: RegionUse, needed: Estimate | None) -> None:
    colour = COLOURS["flash" if "model" in use.holds else "sram"]
    percent = 100 / use.total_bytes
    reserved, used = use.reserved_bytes * percent, use.used_bytes * percent
    bar: dict[str, Any] = {"height": 0.34, "edgecolor": "#666666", "linewidth": 0.5}
    draw_bar(ax, row, 100, colour=COLOURS["free"], **bar)
    draw_bar(ax, row, reserved, colour=COLOURS["reserved"], hatch="////", **bar)
    draw_bar(ax, row, used, left=reserved, colour=colour, **bar)
    if needed is not None and use.used_bytes:
        ax.errorbar(reserved + used, row, xerr=ends(needed, percent), color="#222222", capsize=3, elinewidth=1.2)
    ax.text(0.6, row + 0.22, _describe(use), fontsize=8, va="bottom")


def _describe(use: RegionUse) -> str:
    what = "model and runtime" if "model" in use.holds else "arena"
    parts = [f"{what} {format_quantity(use.used_bytes, 'byte')}"] if use.used_bytes else []
    if use.reserved_bytes:
        parts.append(f"reserved {format_quantity(use.reserved_bytes, 'byte')}")
    left = format_quantity(abs(use.margin_bytes), "byte")
    end = f"{left} free" if use.margin_bytes >= 0 else f"{left} missing"
    total = format_quantity(use.total_bytes, "byte")
    return f"{plain(use.name, 24)}: {' + '.join(parts) or 'nothing'} of {total}, {end}"


@styled
def plot_fit_all(reports: Sequence[FitReport], *, ax: Axes | None = None) -> Axes:
    """How full each board's tightest RAM and flash would be (`check_fit_all`), on a log axis, fullest at the top."""
    ax = new_axes(ax, 7.2, 1.3 + 0.17 * len(reports))
    if not reports:
        return say_unknown(ax, "no board given")
    rows = sorted(reports, key=lambda report: (-_ORDER.index(report.verdict), _fullest(report)))
    for row, report in enumerate(rows):
        _draw_board(ax, row, report)
    high = max(200.0, *(130 * _fullest(report) for report in reports))
    scale_log(ax.xaxis, 0.05, high)
    ax.set_yticks(range(len(rows)), [plain(report.board.id, 32) for report in rows], fontsize=7.5)
    ax.set(ylim=(-0.8, len(rows) - 0.2), xlabel="share of the region in use, reserve included [%]")
    ax.axvline(90, color=COLOURS["limit"], linestyle=":", linewidth=1)
    ax.axvline(100, color=COLOURS["limit"], linestyle="--", linewidth=1.2)
    ax.set_title(_count(reports))
    ax.scatter([], [], color=COLOURS["sram"], label="SRAM")
    ax.scatter([], [], color=COLOURS["flash"], marker="s", label="flash")
    ax.legend(loc="upper left", fontsize=8, framealpha=1, title="dotted: tight, dashed: full", title_fontsize=7)
    return ax


def _fullest(report: FitReport) -> float:
    return max((_share(use) for use in report.regions), default=0.0)


def _count(reports: Sequence[FitReport]) -> str:
    verdicts = [report.verdict for report in reports]
    said = [f"{one.words} {verdicts.count(one)}" for one in Verdict if one in verdicts]
    return f"{len(reports)} boards: " + ", ".join(said)


def _draw_board(ax: Axes, row: int, report: FitReport) -> None:
    groups = (("sram", "o", False), ("flash", "s", True))
    shares = []
    for colour, marker, is_flash in groups:
        found = [_share(use) for use in report.regions if ("model" in use.holds) == is_flash]
        if found:
            shares.append(100 * max(found))
            ax.scatter(max(0.05, shares[-1]), row, s=22, marker=marker, color=COLOURS[colour], zorder=3)
    ax.plot([0.05, max(shares, default=0.05)], [row, row], color="#CCCCCC", linewidth=0.8, zorder=1)
    place = ax.get_yaxis_transform()
    mark, colour = MARKS[report.verdict], COLOURS[report.verdict]
    ax.scatter(1.02, row, s=26, marker=mark, color=colour, edgecolor="#444444", transform=place, clip_on=False)
    if report.verdict != "fits":
        ax.text(1.04, row, report.verdict.words, fontsize=7.5, va="center", transform=place)


@styled
def plot_lineup(reports: Sequence[FitReport], *, ax: Axes | None = None) -> Axes:
    """Latency on each machine with its interval, and arena, flash and energy beside it; `unknown` where none is known.

    A row a machine of `line_up`, or a runtime of `line_up_runtimes`.
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
    one_core = (
        len({(report.board.id, name_machine(report)) for report in reports if not report.npu}) == 1 < len(reports)
    )
    names = [tell_runtime(report) if one_core else _name(report) for report in reports]
    ax.set_yticks(range(len(reports)), names, fontsize=8)
    ax.set(ylim=(len(reports) - 0.5, -0.6), xlabel="latency of one inference [s]")
    return caption(ax, "One model, side by side", "80 % interval" if known else "unknown")


def _name(report: FitReport) -> str:
    clock = report.npu.clock_hz if report.npu else report.clock_hz
    return f"{name_machine(report)}\n{format_quantity(clock, 'Hz') if clock else 'clock unknown'}"


def _draw_machine(ax: Axes, row: int, report: FitReport) -> None:
    beside = ax.get_yaxis_transform()
    if report.latency_s is not None:
        error_bar(ax, report.latency_s, row, "inference")
        _label(ax, row, report.latency_s, f"{report.runtime}, {report.latency_s.basis}")
    else:
        why = dict(report.unknown).get("latency", report.reasons[0]).partition("\n")[0]
        ax.text(0.02, row, plain(f"latency unknown: {why}", 84), transform=beside, va="center", fontsize=7)
    figures = (
        ("arena", report.arena_bytes), ("flash", report.flash_bytes), ("energy", report.energy_per_inference_j),
    )  # fmt: skip
    told = "\n".join(f"{what} {tell(one)}" for what, one in figures)
    ax.text(1.02, row, told, transform=beside, va="center", fontsize=7, linespacing=1.1)


def _label(ax: Axes, row: int, latency: Estimate, what: str) -> None:
    """The value on that side of the interval where there is more room."""
    left, right = ax.get_xlim()
    on_left = latency.value**2 > left * right
    text = f"{format_quantity(latency.value, 's')}, {what}"
    place, side = (latency.low / 1.15, "right") if on_left else (latency.high * 1.15, "left")
    ax.text(place, row, text, ha=side, va="center", fontsize=7.5)


_KIB = 1024
_WORDS = {"arena": "arena", "arena head": "head", "arena tail": "tail", "model": "model", "runtime": "runtime"}


_Bank = tuple[Region | Window, RegionUse | None]
"""A memory, and what a layout puts into it."""


@styled
def plot_banks(layout: Placement | FitReport, *, ax: Axes | None = None) -> Axes:
    """Every contiguous memory of a board to one scale, with arena, stack, model and code where the layout puts them.

    A bank that is longer than the scale is cut at the right end; its label has its size. Banks that the layout leaves
    empty are drawn too: what a sum of RAM hides is that one array needs one of them. The layout is that of
    `list_placements` or `check_fit`; a new figure has a row a bank.
    """
    banks = _list_banks(layout.board, layout.regions)
    ax = new_axes(ax, 7.2, 1.1 + 0.52 * max(1, len(banks)))
    if not banks:
        return say_unknown(ax, "no memory of this board is known")
    reach = _scale(banks)
    for row, (bank, use) in enumerate(reversed(banks)):
        _draw_bank(ax, row, bank, use, reach)
    ax.set(xlim=(0, reach / _KIB), ylim=(-0.45, len(banks) - 0.05), yticks=[], xlabel="address within the bank [KiB]")
    return caption(ax, plain(layout.board.id), _say_time(layout))


def _say_time(layout: Placement | FitReport) -> str:
    time = f"{layout.latency_s}" if layout.latency_s else "latency unknown"
    if isinstance(layout, Placement) and layout.slowdown and layout.slowdown.value != 1:
        return f"{time}, × {layout.slowdown}"
    return time


def _list_banks(board: Board, regions: Iterable[RegionUse]) -> list[_Bank]:
    """Windows for data by address, then flash."""
    used = {use.name: use for use in regions}
    banks: list[Region | Window] = [*board.sram_windows()]
    banks.sort(key=lambda one: (one.start is None, one.start or 0))
    return [(bank, used.get(bank.name)) for bank in (*banks, *board.flash_regions)]


def _scale(banks: list[_Bank]) -> float:
    """Bytes across: the largest on-chip RAM and all that is in use, with a little room."""
    inside = [bank.total_bytes for bank, _ in banks if bank.kind in ("sram", "dtcm", "tcm", "ccm")]
    filled = [use.reserved_bytes + use.used_bytes for _, use in banks if use]
    return 1.06 * max([*inside, *(min(1.1 * taken, 8 * max(inside, default=taken)) for taken in filled)], default=1024)


def _draw_bank(ax: Axes, row: int, bank: Region | Window, use: RegionUse | None, reach: float) -> None:
    bar: dict[str, Any] = {"height": 0.34, "edgecolor": "#666666", "linewidth": 0.5}
    ax.barh(row, bank.total_bytes / _KIB, color=COLOURS["free"], **bar)
    left = 0.0
    for nbytes, look in _blocks(bank.reserved_bytes, use):
        ax.barh(row, nbytes / _KIB, left=left / _KIB, **bar | look)
        left += nbytes
    if bank.total_bytes > reach:
        ax.plot(reach / _KIB, row, marker=">", color="#666666", clip_on=False, markersize=6)
    ax.text(reach / _KIB * 0.004, row + 0.2, _label_bank(bank, use), fontsize=7.5, va="bottom")


def _blocks(taken: int, use: RegionUse | None) -> Iterable[tuple[int, dict[str, Any]]]:
    """(bytes, look) from the start of the bank: what the chip keeps, the arena or the model, stack and application."""
    if taken:
        yield taken, {"color": COLOURS["reserved"], "hatch": "////"}
    if use is None:
        return
    colour = COLOURS["flash" if {"model", "runtime"} & set(use.holds) else "sram"]
    if use.used_bytes:
        yield use.used_bytes, {"color": colour}
    if use.reserved_bytes > taken:
        yield use.reserved_bytes - taken, {"color": COLOURS["other state"], "hatch": "...."}


def _label_bank(bank: Region | Window, use: RegionUse | None) -> str:
    where = f" at {bank.start:#x}" if bank.start is not None else ""
    parts = [f"{plain(bank.name, 24)}, {format_quantity(bank.total_bytes, 'byte')}{where}"]
    if bank.reserved_bytes:
        parts.append(f"taken {format_quantity(bank.reserved_bytes, 'byte')}")
    if use is None:
        return ": ".join((parts[0], ", ".join([*parts[1:], "unused"])))
    kept = use.reserved_bytes - bank.reserved_bytes
    what = " and ".join(_WORDS[held] for held in use.holds if held in _WORDS)
    parts += [f"{what} {format_quantity(use.used_bytes, 'byte')}"] if use.used_bytes else []
    who = "application" if {"model", "runtime"} & set(use.holds) else "stack and application"
    parts += [f"{who} {format_quantity(kept, 'byte')}"] if kept else []
    left = format_quantity(abs(use.margin_bytes), "byte")
    parts.append(f"{left} {'free' if use.margin_bytes >= 0 else 'missing'}")
    return ": ".join((parts[0], ", ".join(parts[1:])))
