"""The banks of a board, one bar each in KiB, and what a layout puts into them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from tinykit.budget.fit import FitReport, Placement, RegionUse
from tinykit.ground.quantity import format_quantity
from tinykit.show.plots.style import COLOURS, caption, new_axes, plain, say_unknown, styled
from tinykit.target.boards import Board

_KIB = 1024
_WORDS = {"arena": "arena", "arena head": "head", "arena tail": "tail", "model": "model", "runtime": "runtime"}


@dataclass(frozen=True, slots=True)
class _Bank:
    name: str
    kind: str
    total_bytes: int
    reserved_bytes: int
    start: int | None
    use: RegionUse | None


@styled
def plot_banks(layout: Placement | FitReport, *, ax: Axes | None = None) -> Axes:
    """Every contiguous memory of a board to one scale, with arena, stack, model and code where the layout puts them.

    A bank that is longer than the scale is cut at the right end; its label has its size. Banks that the layout leaves
    empty are drawn too: what a sum of RAM hides is that one array needs one of them.

    Parameters
    ----------
    layout : of `list_placements` or `check_fit`.
    ax : None for a new figure, a row a bank.
    """
    banks = _list_banks(layout.board, layout.regions)
    ax = new_axes(ax, 7.2, 1.1 + 0.52 * max(1, len(banks)))
    if not banks:
        return say_unknown(ax, "no memory of this board is known")
    reach = _scale(banks)
    for row, bank in enumerate(reversed(banks)):
        _draw_bank(ax, row, bank, reach)
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
    windows = sorted(board.sram_windows(), key=lambda one: (one.start is None, one.start or 0))
    banks = [_Bank(w.name, w.kind, w.total_bytes, w.reserved_bytes, w.start, used.get(w.name)) for w in windows]
    flash = board.flash_regions
    return banks + [_Bank(r.name, r.kind, r.total_bytes, r.reserved_bytes, r.start, used.get(r.name)) for r in flash]


def _scale(banks: list[_Bank]) -> float:
    """Bytes across: the largest on-chip RAM and all that is in use, with a little room."""
    inside = [bank.total_bytes for bank in banks if bank.kind in ("sram", "dtcm", "tcm", "ccm")]
    filled = [bank.use.reserved_bytes + bank.use.used_bytes for bank in banks if bank.use]
    return 1.06 * max([*inside, *(min(1.1 * taken, 8 * max(inside, default=taken)) for taken in filled)], default=1024)


def _draw_bank(ax: Axes, row: int, bank: _Bank, reach: float) -> None:
    bar: dict[str, Any] = {"height": 0.34, "edgecolor": "#666666", "linewidth": 0.5}
    ax.barh(row, bank.total_bytes / _KIB, color=COLOURS["free"], **bar)
    left = 0.0
    for nbytes, look in _blocks(bank):
        ax.barh(row, nbytes / _KIB, left=left / _KIB, **bar | look)
        left += nbytes
    if bank.total_bytes > reach:
        ax.plot(reach / _KIB, row, marker=">", color="#666666", clip_on=False, markersize=6)
    ax.text(reach / _KIB * 0.004, row + 0.2, _label(bank), fontsize=7.5, va="bottom")


def _blocks(bank: _Bank) -> Iterable[tuple[int, dict[str, Any]]]:
    """(bytes, look) from the start of the bank: what the chip keeps, the arena or the model, stack and application."""
    if bank.reserved_bytes:
        yield bank.reserved_bytes, {"color": COLOURS["reserved"], "hatch": "////"}
    if bank.use is None:
        return
    colour = COLOURS["flash" if {"model", "runtime"} & set(bank.use.holds) else "sram"]
    if bank.use.used_bytes:
        yield bank.use.used_bytes, {"color": colour}
    if bank.use.reserved_bytes > bank.reserved_bytes:
        yield bank.use.reserved_bytes - bank.reserved_bytes, {"color": COLOURS["other state"], "hatch": "...."}


def _label(bank: _Bank) -> str:
    where = f" at {bank.start:#x}" if bank.start is not None else ""
    parts = [f"{plain(bank.name, 24)}, {format_quantity(bank.total_bytes, 'byte')}{where}"]
    if bank.reserved_bytes:
        parts.append(f"taken {format_quantity(bank.reserved_bytes, 'byte')}")
    if bank.use is None:
        return ": ".join((parts[0], ", ".join([*parts[1:], "unused"])))
    kept = bank.use.reserved_bytes - bank.reserved_bytes
    what = " and ".join(_WORDS[held] for held in bank.use.holds if held in _WORDS)
    parts += [f"{what} {format_quantity(bank.use.used_bytes, 'byte')}"] if bank.use.used_bytes else []
    who = "application" if {"model", "runtime"} & set(bank.use.holds) else "stack and application"
    parts += [f"{who} {format_quantity(kept, 'byte')}"] if kept else []
    left = format_quantity(abs(bank.use.margin_bytes), "byte")
    parts.append(f"{left} {'free' if bank.use.margin_bytes >= 0 else 'missing'}")
    return ": ".join((parts[0], ", ".join(parts[1:])))
