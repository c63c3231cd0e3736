"""Where arena, application data and code would lie on a board: regions and contiguity, not one "RAM" number."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from tinykit.budget.fit.verdict import APPLICATION, ARENA, ARENA_HEAD, ARENA_TAIL, CODE, TIGHT_MARGIN, RegionUse
from tinykit.predict.arena.predict import ArenaEstimate
from tinykit.target.boards.record import EXTERNAL_RAM_KINDS, Board, Region, Window
from tinykit.target.runtimes import planner_of
from tinykit.target.target import Reserve, Target

Layout = tuple[RegionUse, ...]
"""Windows in use, the one with the arena, or its head, first."""


def place_in_ram(target: Target, arena: ArenaEstimate) -> Layout:
    """Regions that hold the arena and the reserve; empty where the board's memory is unknown.

    One array needs one contiguous window. Internal memory comes before external RAM, even where it is tight, and one
    array before two: TFLM can take its head and its tail apart (`MicroAllocator::Create` with two arrays), which is
    looked at where no internal window holds both. The reserve goes to the smallest other internal window that has
    room for it, so that the arena keeps the large one. Where nothing fits, the layout that comes nearest is returned.
    """
    whole = lay_out_whole(target, arena)
    fitting = [layout for layout in whole if _least(layout) >= 0]
    inside = [layout for layout in fitting if layout[0].kind not in EXTERNAL_RAM_KINDS]
    if inside:
        return choose(inside)
    apart = [layout for layout in lay_out_apart(target, arena) if _least(layout) >= 0]
    return choose(apart or fitting) if apart or fitting else max(whole, key=_least, default=())


def lay_out_whole(target: Target, arena: ArenaEstimate) -> tuple[Layout, ...]:
    """The best layout for each window that could hold the arena as one array, in the board's order of windows."""
    internal, region = _internal(target.board), target.arena_region
    return tuple(
        choose(_fill({window.name: (arena.to_start, (ARENA,))}, (window, *internal), internal, target.reserve))
        for window in target.board.sram_windows()
        if region is None or region in (window.name, *window.regions) or region.lower() == window.kind
    )


def lay_out_apart(target: Target, arena: ArenaEstimate) -> tuple[Layout, ...]:
    """The best layout for each pair of internal windows that could hold head and tail; TFLM's, no place named."""
    internal = _internal(target.board) if target.arena_region is None and planner_of(target.runtime) != "st" else ()
    layouts = []
    for head, tail in itertools.permutations(internal, 2):
        parts = {head.name: (arena.head_array_bytes, (ARENA_HEAD,)), tail.name: (arena.tail_array_bytes, (ARENA_TAIL,))}
        layouts.append(choose(_fill(parts, internal, internal, target.reserve)))
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
    parts: Mapping[str, tuple[int, tuple[str, ...]]], windows: Iterable[Window], internal: Sequence[Window],
    reserve: Reserve
) -> list[Layout]:  # fmt: skip
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
            uses.append(use_region(known[name], used, taken, (*holds, *((APPLICATION,) if name == home.name else ()))))
        layouts.append(tuple(uses))
    return layouts


def place_in_flash(target: Target, flash_bytes: int) -> Layout:
    """The region that holds model, runtime and application; empty where the board's flash is unknown.

    Internal flash comes first; external flash counts only where the chip executes from it or the target names it.
    """
    wanted, reserve = target.code_region, target.reserve
    regions = [region for region in target.board.flash_regions if region.kind == "flash" or region.xip]
    regions = [
        region for region in target.board.flash_regions if region.name == wanted
    ] or regions  # ITCM is loaded from it
    holds = ("model", "runtime", CODE)
    uses = [use_region(region, flash_bytes, reserve.flash_bytes, holds) for region in regions]
    fitting = [use for use in uses if use.margin >= TIGHT_MARGIN] or [use for use in uses if use.margin_bytes >= 0]
    best = fitting or sorted(uses, key=lambda use: -use.margin_bytes)
    return tuple(best[:1])


def use_region(place: Region | Window, used: int, reserved: int, holds: tuple[str, ...]) -> RegionUse:
    """What a region or window would hold, beside what the chip takes of it."""
    return RegionUse(place.name, place.kind, place.total_bytes, place.reserved_bytes + reserved, used, holds)
