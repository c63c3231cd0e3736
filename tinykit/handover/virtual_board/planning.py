"""What is decided before anything is compiled: what a run is made of, and where a program's parts lie.

They lie in the board's real regions: one window for the arena, the stack at the base of RAM.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tinykit.ground.errors import ParameterError, UnknownRuntimeError
from tinykit.ground.results import Result
from tinykit.handover.codegen.export import CExport
from tinykit.handover.virtual_board.compilers import Compiler, Machine, Toolchain
from tinykit.model.graph.model import ModelGraph
from tinykit.target.boards.record import EXTERNAL_RAM_KINDS, Board, Window

_CODE_STARTS = (0x08000000, 0x10000000, 0x00000000, 0x18000000)
_RAM_STARTS = tuple(0x20000000 + step * 0x02000000 for step in range(32))
_PAGE_BYTES = 1024
_LEAST_S = 0.001
_GIB = 2**30
"""A region counts for this much at most: the emulator's own memory is limited, and no model here needs more."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of memory: addresses from `start` on, `total_bytes` of them."""

    name: str
    start: int
    total_bytes: int

    @property
    def end(self) -> int:
        """First address after it."""
        return self.start + self.total_bytes


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """The memory of one board as a program sees it; `notes` say what is not from the board's record.

    `data` is for the stack (at its base), .data and .bss, and the same place as `arena` on a board with one window.
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


@dataclass(frozen=True, slots=True)
class Limits(Result):
    """How long a program may run.

    Parameters
    ----------
    seconds : for booting, and for each sample; for all of it in QEMU [s].
    instructions : of the first sample, which is the one that is counted.

    Raises
    ------
    ParameterError : less than a millisecond or an instruction, or no end at all: 0 would mean "for ever" to unicorn.
    """

    seconds: float = 120.0
    instructions: int = 20_000_000_000

    def __post_init__(self) -> None:
        if not (_LEAST_S <= self.seconds < math.inf and 1 <= self.instructions < math.inf):
            raise ParameterError(
                f"limits of {self.seconds} s and {self.instructions} instructions; "
                f"give {_LEAST_S} s and 1 instruction or more, and finite numbers"
            )


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """All that a run on a board is made of; `stack_bytes` is the room for the stack."""

    graph: ModelGraph
    board: Board
    toolchain: Toolchain
    engine: str
    compiler: Compiler
    export: CExport
    memory: MemoryMap
    stack_bytes: int
    limits: Limits
    clock_hz: float | None

    @property
    def sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Bytes of each input and each output of one sample."""
        inputs, outputs = (
            tuple(self.graph.tensors[index].nbytes for index in indices)
            for indices in (self.graph.inputs, self.graph.outputs)
        )
        return inputs, outputs


def map_memory(board: Board, arena_bytes: int, data_bytes: int) -> MemoryMap:
    """Choose where the arena and the rest of the data go.

    The arena goes to the internal window with most room, or, where it does not fit in any, to the largest window
    of all that holds it. Stack and data go to the smallest other internal window with twice the room they need,
    else they share the arena's. A board whose record names no flash that executes, or no RAM, is refused.
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
    start, room = machine.ram
    if wanted.data == wanted.arena:
        data = arena = Place(wanted.arena.name, start, min(wanted.arena.total_bytes, room))
    else:
        data = Place(wanted.data.name, start, min(wanted.data.total_bytes, room // 4))
        arena = Place(wanted.arena.name, data.end, min(wanted.arena.total_bytes, room - data.total_bytes))
    return MemoryMap(flash, data, arena, notes=(*wanted.notes, f"addresses are those of {machine.name}"))


def shrink(memory: MemoryMap, ram_bytes: int) -> MemoryMap:
    """The same map with only the first `ram_bytes` of the arena's window there."""
    whole_pages = max(_PAGE_BYTES, ram_bytes // _PAGE_BYTES * _PAGE_BYTES)
    arena = replace(memory.arena, total_bytes=min(memory.arena.total_bytes, whole_pages))
    return replace(memory, arena=arena, data=arena if memory.data == memory.arena else memory.data)


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
        start, total = window.start, min(window.total_bytes, _GIB)
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
