"""Reads what is needed of a 32-bit little-endian ELF: segments to load, sections with sizes, symbols."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from tinykit.ground.errors import EngineError
from tinykit.handover.virtual_board.planning import Place

_ALLOCATED, _LOADED, _SYMBOLS, _FUNCTION = 2, 1, 2, 2


@dataclass(frozen=True, slots=True)
class Firmware:
    """A linked program: the ELF file, (load address, bytes) of what is programmed, sections that take memory, symbols.

    A function's symbol starts at its address without the Thumb bit.
    """

    data: bytes = field(repr=False)
    segments: tuple[tuple[int, bytes], ...] = field(repr=False)
    sections: tuple[Place, ...]
    symbols: dict[str, Place] = field(repr=False, hash=False)

    def size_of(self, *names: str) -> int:
        """Bytes of the sections of these names."""
        return sum(section.total_bytes for section in self.sections if section.name in names)

    def address_of(self, name: str) -> int:
        """Address of a symbol, which has to be there."""
        if name not in self.symbols:
            raise EngineError(f"the linked program has no symbol {name!r}; build it again with an empty cache")
        return self.symbols[name].start


def read_elf(data: bytes) -> Firmware:
    """Read a linked program; EngineError where it is not an ELF of this kind, or damaged."""
    try:
        if data[:6] != b"\x7fELF\x01\x01":
            raise ValueError("not a 32-bit little-endian ELF")
        return _read(data)
    except (struct.error, ValueError, IndexError) as error:
        raise EngineError(
            f"the compiled program cannot be read ({error}); build it again with an empty cache"
        ) from error


def _read(data: bytes) -> Firmware:
    programs, headers = struct.unpack_from("<II", data, 28)
    program_size, program_count, header_size, header_count, names_at = struct.unpack_from("<5H", data, 42)
    rows = [struct.unpack_from("<10I", data, headers + header_size * index) for index in range(header_count)]
    segments = []
    for index in range(program_count):
        kind, offset, _, load_address, stored = struct.unpack_from("<5I", data, programs + program_size * index)
        if kind == _LOADED and stored:
            segments.append((load_address, data[offset : offset + stored]))
    names = rows[names_at][4] if rows else 0
    sections = tuple(Place(_text(data, names + row[0]), row[3], row[5]) for row in rows if row[2] & _ALLOCATED)
    symbols = {symbol.name: symbol for row in rows if row[1] == _SYMBOLS for symbol in _symbols(data, row, rows)}
    return Firmware(data, tuple(segments), sections, symbols)


def _symbols(data: bytes, table: tuple[int, ...], rows: list[tuple[int, ...]]) -> Iterator[Place]:
    strings = rows[table[6]][4]
    for offset in range(table[4], table[4] + table[5], 16):
        name, address, size, info = struct.unpack_from("<IIIB", data, offset)
        text = _text(data, strings + name)
        if text and not text.startswith("$"):
            yield Place(text, address & ~1 if info & 15 == _FUNCTION else address, size)


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode("latin-1")
