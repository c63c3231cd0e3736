"""Linker scripts from a memory map, and what a linker says when something does not fit.

The sections tell apart what takes the room: `.weights` (the model's constants), `.kernels`, `.text` (all other code),
`.stack`, `.data`, `.bss` and `.arena`. Objects of the model are named model_*.o, those of kernels kernel_*.o.
"""

from __future__ import annotations

import re

from tinykit.handover.virtual_board.memory import MemoryMap

_TEMPLATE = """\
ENTRY(tk_reset)
MEMORY
{{
{memory}
}}
SECTIONS
{{
  .vectors : {{ KEEP(*(.vectors)) }} > {vectors}
  .weights : {{ *model_*.o(.rodata .rodata.*) }} > FLASH
  .kernels : {{ *kernel_*.o(.text .text.* .rodata .rodata.*) }} > FLASH
  .text : {{ *(.text .text.*) *(.rodata .rodata.*) *(.ARM.extab*) }} > FLASH
  .ARM.exidx : {{ *(.ARM.exidx*) }} > FLASH
  .stack (NOLOAD) : {{
    tk_stack_base = .;
    . = . + {stack_bytes};
    . = ALIGN(8);
    tk_stack_top = .;
  }} > DATA
  .data : {{
    . = ALIGN(4);
    tk_data_start = .;
    *(.data .data.*)
    . = ALIGN(4);
    tk_data_end = .;
  }} > DATA AT > FLASH
  tk_data_load = LOADADDR(.data);
  .bss (NOLOAD) : {{
    . = ALIGN(4);
    tk_bss_start = .;
    *(EXCLUDE_FILE(*model_*.o) .bss EXCLUDE_FILE(*model_*.o) .bss.* COMMON)
    . = ALIGN(4);
    tk_bss_end = .;
  }} > DATA
  .arena (NOLOAD) : {{
    . = ALIGN(16);
    *model_*.o(.bss .bss.*)
  }} > {arena}
  /DISCARD/ : {{ *(.comment) *(.ARM.attributes) *(.note*) }}
}}
"""
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
    split = memory.arena != memory.data
    rows = [("FLASH", "rx", memory.flash), ("DATA", "rw", memory.data)] + ([("ARENA", "rw", memory.arena)] * split)
    lines = [
        f"  {name} ({rights}) : ORIGIN = {place.start:#x}, LENGTH = {place.total_bytes:#x}"
        for name, rights, place in rows
    ]
    apart = vectors is not None and vectors != memory.flash.start
    if apart:
        lines.append(f"  VECTORS (rx) : ORIGIN = {vectors:#x}, LENGTH = 0x400")
    return _TEMPLATE.format(
        memory="\n".join(lines),
        vectors="VECTORS" if apart else "FLASH",
        arena="ARENA" if split else "DATA",
        stack_bytes=stack_bytes,
    )


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
