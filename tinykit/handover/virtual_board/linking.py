"""Linker scripts from a memory map, and what a linker says when something does not fit.

The sections tell apart what takes the room: `.weights` (the model's constants), `.kernels`, `.text` (all other code),
`.stack`, `.data`, `.bss` and `.arena`. Objects of the model are named model_*.o, those of kernels kernel_*.o.
"""

from __future__ import annotations

import re
from pathlib import Path

from tinykit.handover.codegen.filling import fill
from tinykit.handover.virtual_board.memory import MemoryMap

_TEMPLATES = Path(__file__).with_name("templates")
_GNU = re.compile(r"region `(\w+)' overflowed by (\d+) bytes")
_LLD = re.compile(r"will not fit in region '(\w+)': overflowed by (\d+) bytes")
"""What GNU ld says once a region, and lld once a section: its last and largest figure is the region's."""


def write_script(memory: MemoryMap, *, stack_bytes: int, vectors: int | None = None) -> str:
    """The linker script for a memory map.

    Parameters
    ----------
    stack_bytes : room for the stack at the base of `memory.data`, so that an overflow leaves the RAM.
    vectors : address of the vector table where it is not the start of flash.
    """
    split, apart = memory.arena != memory.data, vectors is not None and vectors != memory.flash.start
    places = [("FLASH", "rx", memory.flash), ("DATA", "rw", memory.data)] + [("ARENA", "rw", memory.arena)] * split
    regions = [(name, rights, place.start, place.total_bytes) for name, rights, place in places]
    regions += [("VECTORS", "rx", vectors or 0, 0x400)] * apart
    return fill(_TEMPLATES, "memory.ld", regions=regions, split=split, apart=apart, stack_bytes=stack_bytes)


def read_overflow(said: str, memory: MemoryMap) -> tuple[str, int] | None:
    """(name of the board's region, bytes too many) from a linker's text, None where it failed for another reason."""
    found: dict[str, int] = {}
    for name, count in (*_GNU.findall(said), *_LLD.findall(said)):
        found[name] = max(found.get(name, 0), int(count))
    if not found:
        return None
    region, overflow = max(found.items(), key=lambda item: item[1])
    names = {"FLASH": memory.flash.name, "DATA": memory.data.name, "ARENA": memory.arena.name}
    return names.get(region, region), overflow
