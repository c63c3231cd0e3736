"""Where a program's parts lie on a board: its real regions, one window for the arena, the stack at the base of RAM."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tinykit.ground.errors import UnknownRuntimeError
from tinykit.handover.virtual_board.targets import Machine
from tinykit.target.boards import EXTERNAL_RAM_KINDS, Board, Window

_CODE_STARTS = (0x08000000, 0x10000000, 0x00000000, 0x18000000)
_RAM_STARTS = tuple(0x20000000 + step * 0x02000000 for step in range(32))
_PAGE_BYTES = 1024
_GIB = 2**30
"""A region counts for this much at most: the emulator's own memory is limited, and no model here needs more."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of memory that is there: addresses from `start` on, `total_bytes` of them."""

    name: str
    start: int
    total_bytes: int

    @property
    def end(self) -> int:
        """First address after it."""
        return self.start + self.total_bytes


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """The memory of one board as a program sees it; nothing else is mapped.

    Parameters
    ----------
    flash : for code, constants and weights.
    data : for the stack (at its base), .data and .bss.
    arena : for the arena; the same place as `data` on a board with one window.
    others : further windows that the program does not use.
    notes : what is not from the board's record.
    """

    flash: Place
    data: Place
    arena: Place
    others: tuple[Place, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ram(self) -> tuple[Place, ...]:
        """All RAM, each place once."""
        return tuple(dict.fromkeys((self.data, self.arena, *self.others)))


def map_memory(board: Board, arena_bytes: int, data_bytes: int) -> MemoryMap:
    """Choose where the arena and the rest of the data go.

    The arena goes to the internal window with most room, or, where it does not fit in any, to the largest window
    of all that holds it. Stack and data go to the smallest other internal window with twice the room they need,
    else they share the arena's.

    Parameters
    ----------
    arena_bytes, data_bytes : what the arena needs, and stack with data.

    Raises
    ------
    UnknownRuntimeError : the board's record names no flash that executes, or no RAM window.
    """
    flash_regions = [region for region in board.flash_regions if region.kind == "flash" or region.xip]
    windows = board.sram_windows()
    if not flash_regions or not windows:
        missing = "no RAM window" if flash_regions else "no flash that code runs from"
        raise UnknownRuntimeError(
            f"the record of {board.id} knows {missing}, so its memory cannot be emulated\n"
            "choose another board, or add the regions in a TOML of your own (--board-file)"
        )
    places, notes = _settle(windows)
    inside = [places[w.name] for w in windows if w.kind not in EXTERNAL_RAM_KINDS] or list(places.values())
    arena = _choose_arena(inside, list(places.values()), arena_bytes, data_bytes)
    roomy = [place for place in inside if place != arena and place.total_bytes >= 2 * data_bytes]
    data = min(roomy, key=lambda place: place.total_bytes) if roomy else arena
    region = max(flash_regions, key=lambda region: (region.kind == "flash", region.available_bytes))
    start = region.start if region.start is not None else _free(_CODE_STARTS, region.total_bytes, places.values())
    if region.start is None:
        notes.append(f"address of {region.name} not in the board's record: code region of the architecture, {start:#x}")
    flash = Place(region.name, start + region.reserved_bytes, region.available_bytes)
    others = tuple(place for place in places.values() if place not in (arena, data))
    return MemoryMap(flash, data, arena, others, tuple(notes))


def map_machine(wanted: MemoryMap, machine: Machine) -> MemoryMap:
    """The same sizes in the memory of a QEMU machine, where addresses and what lies beyond them are the machine's."""
    flash = Place(wanted.flash.name, machine.flash[0], min(wanted.flash.total_bytes, machine.flash[1]))
    room = machine.ram[1]
    if wanted.data == wanted.arena:
        both = Place(wanted.arena.name, machine.ram[0], min(wanted.arena.total_bytes, room))
        return MemoryMap(flash, both, both, (), (*wanted.notes, f"addresses are those of {machine.name}"))
    data = Place(wanted.data.name, machine.ram[0], min(wanted.data.total_bytes, room // 4))
    arena = Place(wanted.arena.name, data.end, min(wanted.arena.total_bytes, room - data.total_bytes))
    return MemoryMap(flash, data, arena, (), (*wanted.notes, f"addresses are those of {machine.name}"))


def shrink(memory: MemoryMap, ram_bytes: int) -> MemoryMap:
    """The same map with only the first `ram_bytes` of the arena's window there."""
    arena = replace(memory.arena, total_bytes=min(memory.arena.total_bytes, _to_page(ram_bytes)))
    return replace(memory, arena=arena, data=arena if memory.data == memory.arena else memory.data)


def _to_page(count: int) -> int:
    return max(_PAGE_BYTES, count // _PAGE_BYTES * _PAGE_BYTES)


def _choose_arena(inside: Sequence[Place], every: Sequence[Place], arena_bytes: int, data_bytes: int) -> Place:
    for place in (*inside, *every):
        alone = any(other != place and other.total_bytes >= 2 * data_bytes for other in inside)
        if place.total_bytes >= arena_bytes + (0 if alone else data_bytes):
            return place
    return inside[0]


def _settle(windows: Sequence[Window]) -> tuple[dict[str, Place], list[str]]:
    """Each window at its address; one whose address is unknown at a free one of the RAM region, with a note."""
    taken = [Place(w.name, w.start, w.total_bytes) for w in windows if w.start is not None]
    places: dict[str, Place] = {}
    notes = []
    for window in windows:
        start = window.start
        total = min(window.total_bytes, _GIB)
        if start is None:
            start = _free(_RAM_STARTS, total, taken)
            taken.append(Place(window.name, start, total))
            notes.append(f"address of {window.name} not in the board's record: {start:#x}")
        reserved = -(-window.reserved_bytes // _PAGE_BYTES) * _PAGE_BYTES
        places[window.name] = Place(window.name, start + reserved, total - reserved)
    return places, notes


def _free(starts: Iterable[int], size: int, taken: Iterable[Place]) -> int:
    others = tuple(taken)
    for start in starts:
        if all(start + size <= other.start or start >= other.end for other in others):
            return start
    raise UnknownRuntimeError(
        f"no free address for {size} bytes beside {', '.join(other.name for other in others)}\n"
        "give the regions their addresses in a TOML of your own (--board-file)"
    )
