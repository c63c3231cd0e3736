"""A bounds-checked reader of flatbuffers, for files from strangers; what is written goes through the package.

The flatbuffers package trusts its input: a flipped bit reads outside the buffer, or makes a vector of
four billion entries. Here each access is checked against the buffer, and the entries read in total are
limited by the size of the file, so that a damaged file ends in a `ModelError`, never in a crash or a hang.
Layout: https://flatbuffers.dev/internals (tables, vtables, vectors, strings).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinykit.ground.errors import ModelError

if TYPE_CHECKING:
    import flatbuffers

_READS_PER_BYTE = 4


class FlatBuffer:
    """The bytes of a flatbuffer, and how many entries may still be read from it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._reads_left = _READS_PER_BYTE * len(data) + 1024

    def root(self, identifier: bytes) -> Table:
        """The root table of a buffer that carries the identifier."""
        if len(self.data) < 8:
            raise ModelError(f"not a .tflite file: {len(self.data)} bytes are too few; give a complete model file")
        if self.data[4:8] != identifier:
            raise ModelError(
                f"not a .tflite file: bytes 4–7 are {self.data[4:8]!r}, a model has {identifier!r}; "
                "give a file made by a LiteRT converter"
            )
        return Table(self, self.number("<I", 0))

    def number(self, layout: str, position: int) -> int:
        """One little-endian number at a byte position."""
        return int(self._unpack(layout, position))

    def take(self, count: int, item_bytes: int, position: int) -> None:
        """Check that `count` items from `position` lie inside, and charge them to what may be read."""
        self._reads_left -= count
        if self._reads_left < 0:
            raise ModelError("damaged .tflite file: it refers to more entries than it can hold; convert it again")
        if position < 0 or position + count * item_bytes > len(self.data):
            raise ModelError(
                f"truncated or damaged .tflite file: it refers to byte {position + count * item_bytes} "
                f"of {len(self.data)}; copy or convert it again"
            )

    def _unpack(self, layout: str, position: int) -> int | float:
        self.take(1, struct.calcsize(layout), position)
        value: int | float = struct.unpack_from(layout, self.data, position)[0]
        return value


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its fields are found through the vtable by slot number."""

    buffer: FlatBuffer
    position: int

    def field_limit(self) -> int:
        """Bytes of the vtable: 4, and 2 for each slot that it may name."""
        return self.buffer.number("<H", self.position - self.buffer.number("<i", self.position))

    def field(self, slot: int) -> int:
        """Byte position of a field, 0 where the table leaves it at its default."""
        vtable = self.position - self.buffer.number("<i", self.position)
        if 4 + 2 * slot >= self.buffer.number("<H", vtable):
            return 0
        offset = self.buffer.number("<H", vtable + 4 + 2 * slot)
        return self.position + offset if offset else 0

    def number(self, slot: int, layout: str, default: int = 0) -> int:
        """A scalar field (`layout` as in `struct`), or its default."""
        return int(self.scalar(slot, layout, default))

    def scalar(self, slot: int, layout: str, default: int) -> int | float:
        """As `number`, with floats as they are."""
        field = self.field(slot)
        return self.buffer._unpack(layout, field) if field else default

    def table(self, slot: int) -> Table | None:
        """A nested table, None where absent."""
        field = self.field(slot)
        return Table(self.buffer, field + self.buffer.number("<I", field)) if field else None

    def tables(self, slot: int) -> tuple[Table, ...]:
        """A vector of tables, empty where absent."""
        start, count = self.vector(slot, 4)
        places = range(start, start + 4 * count, 4)
        return tuple(Table(self.buffer, place + self.buffer.number("<I", place)) for place in places)

    def array(self, slot: int, dtype: str) -> np.ndarray:
        """A vector of numbers as a read-only array (no copy), empty where absent."""
        item = np.dtype(dtype)
        start, count = self.vector(slot, item.itemsize)
        return np.frombuffer(self.buffer.data, item, count, start) if count else np.empty(0, item)

    def text(self, slot: int) -> str:
        """A string, "" where absent; bytes that are not UTF-8 become replacement characters."""
        start, count = self.vector(slot, 1)
        return self.buffer.data[start : start + count].decode("utf-8", errors="replace")

    def vector(self, slot: int, item_bytes: int) -> tuple[int, int]:
        """Place and length of a vector whose bytes lie in the file, (0, 0) where absent."""
        field = self.field(slot)
        if not field:
            return 0, 0
        place = field + self.buffer.number("<I", field)
        count = self.buffer.number("<I", place)
        self.buffer.take(count, item_bytes, place + 4)
        return place + 4, count


def write_vector(builder: flatbuffers.Builder, content: bytes, item_bytes: int, alignment: int) -> int:
    """Offset of a vector of scalars that begins on a multiple of `alignment`."""
    builder.StartVector(item_bytes, len(content) // item_bytes, alignment)
    builder.head -= len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    return int(builder.EndVector())
