"""Where arena, application data and code would lie on a board: regions and contiguity, not one "RAM" number."""

from __future__ import annotations

from collections.abc import Sequence

from tinykit.boards import EXTERNAL_RAM_KINDS, Board, Window
from tinykit.fit.verdict import TIGHT_MARGIN, RegionUse, Reserve


def place_in_ram(board: Board, arena_bytes: int, reserve: Reserve) -> tuple[RegionUse, ...]:
    """Regions that hold the arena and the reserve; empty where the board's memory is unknown.

    The arena must lie in one contiguous window. Internal memory comes before external RAM, even where it is tight;
    the reserve goes to the smallest other internal window that has room for it, so that the arena keeps the large one.
    Where nothing fits, the layout that comes nearest to it is returned.

    Parameters
    ----------
    board : with its windows, internal ones first, the largest first.
    arena_bytes : smallest arena that starts.
    reserve : what stack and application take.
    """
    windows = board.sram_windows()
    if not windows:
        return ()
    internal = [window for window in windows if window.kind not in EXTERNAL_RAM_KINDS]
    layouts = [layout for window in windows for layout in _lay_out(window, internal, arena_bytes, reserve)]
    fitting = [layout for layout in layouts if all(use.margin_bytes >= 0 for use in layout)]
    if not fitting:
        return max(layouts, key=lambda layout: min(use.margin_bytes for use in layout))
    inside = [layout for layout in fitting if layout[0].kind not in EXTERNAL_RAM_KINDS] or fitting
    comfortable = [layout for layout in inside if all(use.margin >= TIGHT_MARGIN for use in layout)]
    return (comfortable or inside)[0]


def _lay_out(
    window: Window, internal: Sequence[Window], arena_bytes: int, reserve: Reserve
) -> list[tuple[RegionUse, ...]]:
    """The layouts with the arena in a window: the reserve in each other internal one, smallest first, or beside it."""
    others = sorted((other for other in internal if other.name != window.name), key=lambda one: one.available_bytes)
    alone = _use(window, arena_bytes, 0, ("arena",))
    apart = [(alone, _use(other, 0, reserve.sram_bytes, ("stack and application",))) for other in others]
    return [*apart, (_use(window, arena_bytes, reserve.sram_bytes, ("arena", "stack and application")),)]


def _use(window: Window, used: int, reserved: int, holds: tuple[str, ...]) -> RegionUse:
    return RegionUse(window.name, window.kind, window.total_bytes, window.reserved_bytes + reserved, used, holds)


def place_in_flash(board: Board, flash_bytes: int, reserve: Reserve) -> tuple[RegionUse, ...]:
    """The region that holds model, runtime and application; empty where the board's flash is unknown.

    Internal flash comes before external flash; external flash counts only where the chip executes from it.

    Parameters
    ----------
    board : with its flash regions, internal ones first.
    flash_bytes : flatbuffer, runtime and kernels.
    reserve : what the application's code takes.
    """
    regions = [region for region in board.flash_regions if region.kind == "flash" or region.xip]
    holds = ("model", "runtime", "application")
    uses = [
        RegionUse(r.name, r.kind, r.total_bytes, r.reserved_bytes + reserve.flash_bytes, flash_bytes, holds)
        for r in regions
    ]
    fitting = [use for use in uses if use.margin >= TIGHT_MARGIN] or [use for use in uses if use.margin_bytes >= 0]
    best = fitting or sorted(uses, key=lambda use: -use.margin_bytes)
    return tuple(best[:1])
