"""The banks of a board, one bar each in KiB, and what a layout puts into them."""

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes

from tinykit.budget.fit.placements import Placement
from tinykit.budget.fit.verdict import FitReport, RegionUse
from tinykit.ground.quantity import format_quantity
from tinykit.show.plots.style import COLOURS, caption, new_axes, plain, say_unknown, styled
from tinykit.target.boards.record import Board, Region, Window

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
    return caption(ax, plain(layout.board.id), _describe(layout))


def _describe(layout: Placement | FitReport) -> str:
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
    ax.text(reach / _KIB * 0.004, row + 0.2, _label(bank, use), fontsize=7.5, va="bottom")


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


def _label(bank: Region | Window, use: RegionUse | None) -> str:
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
