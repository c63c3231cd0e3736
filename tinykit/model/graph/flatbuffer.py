"""A bounds-checked reader of flatbuffers, for files from strangers, and named metadata, found or added to a file.

The flatbuffers package trusts its input: a flipped bit reads outside the buffer, or makes a vector of
four billion entries. Here each access is checked against the buffer, and the entries read in total are
limited by the size of the file, so that a damaged file ends in a `ModelError`, never in a crash or a hang.
Layout: https://flatbuffers.dev/internals (tables, vtables, vectors, strings). What is written goes through the package.

Metadata is added without touching what a file holds. Offsets are relative and point forward, so a new root table, with
new vectors of buffers and of metadata, goes in front of the old content, which moves as one block and keeps every
offset inside it. The old root table and its two vectors stay behind as a few unused bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.model.graph import schema

if TYPE_CHECKING:
    import flatbuffers

OFFLINE_PLAN = "OfflineMemoryAllocation"
"""Name of the entry in which TFLM looks for tensor offsets planned before it runs (tensorflow/lite/micro/docs/
memory_management.md): int32 version 1, subgraph, number of tensors, then one offset a tensor, -1 for "plan it"."""

_ALIGNMENT_BYTES = 16
_HEADER_BYTES = 8
_PLAN_HEAD = 3
_VERSION, _LAST_KNOWN_SLOT = 0, 7
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


def _find_metadata(model: Table, name: str) -> np.ndarray | None:
    """Content of a metadata entry as bytes, None where the model has no such entry."""
    for entry in model.tables(schema.Model.METADATA):
        if entry.text(schema.Metadata.NAME) == name:
            buffers = model.tables(schema.Model.BUFFERS)
            place = entry.number(schema.Metadata.BUFFER, "<I")
            if place >= len(buffers):
                raise ModelError(f"metadata {name!r} refers to buffer {place} of {len(buffers)}; the file is damaged")
            return buffers[place].array(schema.Buffer.DATA, "<u1")
    return None


def read_offline_offsets(model: Table, tensors: int) -> tuple[int, ...]:
    """Offset in the arena of each of the main subgraph's tensors, -1 where TFLM plans it; empty without a plan."""
    content = _find_metadata(model, OFFLINE_PLAN)
    if content is None:
        return ()
    words, every = np.frombuffer(content.tobytes()[: len(content) // 4 * 4], "<i4"), _count_tensors(model)
    if len(words) < _PLAN_HEAD or len(words) < _PLAN_HEAD + every or words[2] != every:
        raise ModelError(
            f"the offline memory plan has {max(0, len(words) - _PLAN_HEAD)} offsets, the model {every} tensors; "
            "remove the metadata, or plan again"
        )
    return tuple(words[_PLAN_HEAD : _PLAN_HEAD + tensors].tolist())


def write_offline_offsets(data: bytes, offsets: Sequence[int]) -> bytes:
    """The model with an offline plan: one offset in bytes for each tensor of its main subgraph, -1 to let TFLM plan.

    TFLM plans the tensors of further subgraphs, which the list must hold too.

    Raises
    ------
    ModelError : as `write_metadata`, or an offset that its 32 bits cannot hold.
    """
    if (most := max([0, *offsets])) >= 2**31:
        raise ModelError(f"an offset of {most:,} bytes does not fit the plan's 32 bits; no target has such RAM")
    every = max(len(offsets), _count_tensors(FlatBuffer(data).root(schema.IDENTIFIER)))
    words = [1, 0, every, *offsets, *[-1] * (every - len(offsets))]
    return write_metadata(data, OFFLINE_PLAN, np.array(words, "<i4").tobytes())


def _count_tensors(model: Table) -> int:
    """Of all subgraphs."""
    return sum(len(graph.tables(schema.SubGraph.TENSORS)) for graph in model.tables(schema.Model.SUBGRAPHS))


def write_metadata(data: bytes, name: str, content: bytes) -> bytes:
    """The model with a metadata entry; one of the same name is replaced.

    Parameters
    ----------
    data : a .tflite file.
    name : of the entry.
    content : its bytes.

    Raises
    ------
    ModelError : no .tflite, damaged, or of a schema too new to be rewritten.
    """
    root = FlatBuffer(data).root(schema.IDENTIFIER)
    buffers = root.tables(schema.Model.BUFFERS)
    if any(buffer.number(schema.Buffer.OFFSET, "<Q") > 1 for buffer in buffers):
        raise ModelError(
            "the model keeps weights behind the flatbuffer, at absolute positions that a rewrite would break; "
            "convert it without use_buffer_offset"
        )
    kept = [one for one in root.tables(schema.Model.METADATA) if one.text(schema.Metadata.NAME) != name]
    links = _read_links(root)
    if max([0, *links.values(), *(one.position for one in (*buffers, *kept))]) >= len(data):
        raise ModelError("damaged .tflite file: it points behind its own end; copy or convert it again")
    places = [one.position for one in buffers], [one.position for one in kept]
    return _append(data, name, content, (root.number(_VERSION, "<I"), links, *places))


def _append(data: bytes, name: str, content: bytes, known: tuple[int, dict[int, int], list[int], list[int]]) -> bytes:
    """A new root in front of the old content; `known` is its version, and its links, buffers and metadata by place."""
    import flatbuffers

    version, links, buffers, metadata = known
    # built from its end: the old content comes first, what lies in it is told by its place from there
    builder = flatbuffers.Builder(len(data) + len(content) + 4096)
    end = len(data) + (-len(data)) % _ALIGNMENT_BYTES
    write_vector(builder, data[_HEADER_BYTES:].ljust(end - _HEADER_BYTES, b"\0"), 1, 4)
    buffer = _write_table(builder, {schema.Buffer.DATA: write_vector(builder, content, 1, _ALIGNMENT_BYTES)}, {})
    label = {schema.Metadata.NAME: builder.CreateString(name)}
    entry = _write_table(builder, label, {schema.Metadata.BUFFER: len(buffers)})
    fields = {slot: end - place for slot, place in links.items()}
    fields[schema.Model.BUFFERS] = _write_tables(builder, [*(end - place for place in buffers), buffer])
    fields[schema.Model.METADATA] = _write_tables(builder, [*(end - place for place in metadata), entry])
    builder.Finish(_write_table(builder, fields, {_VERSION: version}), schema.IDENTIFIER)
    return bytes(builder.Output())


def _write_table(builder: flatbuffers.Builder, links: Mapping[int, int], numbers: Mapping[int, int]) -> int:
    """A table of links and 32-bit numbers, by slot."""
    builder.StartObject(max([*links, *numbers]) + 1)
    for slot, offset in links.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, number in numbers.items():
        builder.PrependUint32Slot(slot, number, 0)
    return int(builder.EndObject())


def _write_tables(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    """A vector of links to tables."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _read_links(root: Table) -> dict[int, int]:
    """Where each field of the root table but its version points, by slot."""
    links = {}
    for slot in range(_VERSION + 1, (root.field_limit() - 4) // 2):
        if root.field(slot):
            links[slot] = root.field(slot) + root.number(slot, "<I")
    newer = sorted(slot for slot in links if slot > _LAST_KNOWN_SLOT)
    if newer:
        raise ModelError(f"the model has fields {newer} of a newer schema, which cannot be moved; convert it again")
    return links
