"""Where arena, application data and code would lie on a board: regions and contiguity, not one "RAM" number."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from tinykit.budget.fit.verdict import APPLICATION, ARENA, ARENA_HEAD, ARENA_TAIL, TIGHT_MARGIN, RegionUse, Reserve
from tinykit.predict.arena import ArenaEstimate
from tinykit.target.boards import EXTERNAL_RAM_KINDS, Board, Region, Window

Layout = tuple[RegionUse, ...]
"""Windows in use, the one with the arena, or its head, first."""


def place_in_ram(board: Board, arena: ArenaEstimate, reserve: Reserve) -> Layout:
    """Regions that hold the arena and the reserve; empty where the board's memory is unknown.

    One array needs one contiguous window. Internal memory comes before external RAM, even where it is tight, and one
    array before two: TFLM can take its head and its tail apart (`MicroAllocator::Create` with two arrays), which is
    looked at where no internal window holds both. The reserve goes to the smallest other internal window that has
    room for it, so that the arena keeps the large one. Where nothing fits, the layout that comes nearest is returned.

    Parameters
    ----------
    board : with its windows, internal ones first, the largest first.
    arena : what it needs to start, as one array and as two.
    reserve : what stack and application take.
    """
    whole = lay_out_whole(board, arena, reserve)
    fitting = [layout for layout in whole if _least(layout) >= 0]
    inside = [layout for layout in fitting if layout[0].kind not in EXTERNAL_RAM_KINDS]
    if inside:
        return choose(inside)
    apart = [layout for layout in lay_out_apart(board, arena, reserve) if _least(layout) >= 0]
    return choose(apart or fitting) if apart or fitting else max(whole, key=_least, default=())


def lay_out_whole(board: Board, arena: ArenaEstimate, reserve: Reserve) -> tuple[Layout, ...]:
    """The best layout for each window that could hold the arena as one array, in the board's order of windows."""
    internal = _internal(board)
    return tuple(
        choose(_fill({window.name: (arena.to_start, (ARENA,))}, (window, *internal), internal, reserve))
        for window in board.sram_windows()
    )


def lay_out_apart(board: Board, arena: ArenaEstimate, reserve: Reserve) -> tuple[Layout, ...]:
    """The best layout for each pair of internal windows that could hold the head and the tail."""
    internal = _internal(board)
    layouts = []
    for head, tail in itertools.permutations(internal, 2):
        parts = {head.name: (arena.head_array_bytes, (ARENA_HEAD,)), tail.name: (arena.tail_array_bytes, (ARENA_TAIL,))}
        layouts.append(choose(_fill(parts, internal, internal, reserve)))
    return tuple(layouts)


def choose(layouts: Sequence[Layout]) -> Layout:
    """The first of which every window keeps a tenth free, else the first that fits, else the one that comes nearest."""
    comfortable = [layout for layout in layouts if all(use.margin >= TIGHT_MARGIN for use in layout)]
    fitting = comfortable or [layout for layout in layouts if _least(layout) >= 0]
    return fitting[0] if fitting else max(layouts, key=_least)


def _least(layout: Layout) -> int:
    return min(use.margin_bytes for use in layout)


def _internal(board: Board) -> tuple[Window, ...]:
    return tuple(window for window in board.sram_windows() if window.kind not in EXTERNAL_RAM_KINDS)


def _fill(
    parts: Mapping[str, tuple[int, tuple[str, ...]]],
    windows: Iterable[Window],
    internal: Sequence[Window],
    reserve: Reserve,
) -> list[Layout]:
    """Layouts of the parts of an arena: the reserve in each window without one, smallest first, then beside them."""
    known = {window.name: window for window in windows}
    free = sorted((one for one in internal if one.name not in parts), key=lambda one: one.available_bytes)
    beside = [known[name] for name in reversed([*parts]) if known[name] in internal] or [known[name] for name in parts]
    layouts = []
    for home in (*free, *beside):
        uses = []
        for name in dict.fromkeys((*parts, home.name)):
            used, holds = parts.get(name, (0, ()))
            taken = reserve.sram_bytes if name == home.name else 0
            uses.append(_use(known[name], used, taken, (*holds, *((APPLICATION,) if name == home.name else ()))))
        layouts.append(tuple(uses))
    return layouts


def _use(window: Window, used: int, reserved: int, holds: tuple[str, ...]) -> RegionUse:
    return RegionUse(window.name, window.kind, window.total_bytes, window.reserved_bytes + reserved, used, holds)


def place_in_flash(board: Board, flash_bytes: int, reserve: Reserve) -> Layout:
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
    uses = [use_region(region, flash_bytes, reserve.flash_bytes, holds) for region in regions]
    fitting = [use for use in uses if use.margin >= TIGHT_MARGIN] or [use for use in uses if use.margin_bytes >= 0]
    best = fitting or sorted(uses, key=lambda use: -use.margin_bytes)
    return tuple(best[:1])


def use_region(region: Region, used: int, reserved: int, holds: tuple[str, ...]) -> RegionUse:
    """What a region would hold, beside what the chip takes of it."""
    return RegionUse(region.name, region.kind, region.total_bytes, region.reserved_bytes + reserved, used, holds)
