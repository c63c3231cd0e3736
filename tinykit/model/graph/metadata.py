"""Named metadata of a .tflite: found, and added to a file without touching what it already holds.

Offsets in a flatbuffer are relative and point forward, so a new root table, with new vectors of buffers and of
metadata, goes in front of the old content, which moves as one block and keeps every offset inside it. The old root
table and its two vectors stay behind as a few unused bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.model.graph import schema
from tinykit.model.graph.flatbuffer import FlatBuffer, Table

OFFLINE_PLAN = "OfflineMemoryAllocation"
"""Name of the entry in which TFLM looks for tensor offsets planned before it runs (tensorflow/lite/micro/docs/
memory_management.md): int32 version 1, subgraph, number of tensors, then one offset a tensor, -1 for "plan it"."""

_ALIGNMENT_BYTES = 16
_HEADER_BYTES = 8
_PLAN_HEAD = 3
_VERSION, _LAST_KNOWN_SLOT = 0, 7


def find_metadata(model: Table, name: str) -> np.ndarray | None:
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
    """Offset in the arena of each tensor of the main subgraph, -1 where TFLM plans it; empty without an offline plan.

    Raises
    ------
    ModelError : the entry does not hold one offset for each tensor.
    """
    content = find_metadata(model, OFFLINE_PLAN)
    if content is None:
        return ()
    words = np.frombuffer(content.tobytes()[: len(content) // 4 * 4], "<i4")
    if len(words) < _PLAN_HEAD or len(words) < _PLAN_HEAD + tensors or words[2] != tensors:
        raise ModelError(
            f"the offline memory plan has {max(0, len(words) - _PLAN_HEAD)} offsets, the model {tensors} tensors; "
            "remove the metadata, or plan again"
        )
    offsets = words[_PLAN_HEAD : _PLAN_HEAD + tensors]
    return tuple(int(offset) for offset in offsets)


def write_offline_offsets(data: bytes, offsets: Sequence[int]) -> bytes:
    """The model with an offline plan: one offset in bytes for each tensor of its main subgraph, -1 to let TFLM plan.

    Raises
    ------
    ModelError : as `write_metadata`.
    """
    return write_metadata(data, OFFLINE_PLAN, np.array([1, 0, len(offsets), *offsets], "<i4").tobytes())


def write_metadata(data: bytes, name: str, content: bytes) -> bytes:
    """The model with a metadata entry; one of the same name is replaced.

    Parameters
    ----------
    data : a .tflite file. name, content : of the entry.
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
    fields: dict[int, int | str] = dict(links)
    fields |= {schema.Model.BUFFERS: "buffers", schema.Model.METADATA: "metadata"}
    front = _Front()
    front.add_table("root", {_VERSION: root.number(_VERSION, "<I")}, fields)
    front.add_vector("buffers", [*(buffer.position for buffer in buffers), "buffer"])
    front.add_vector("metadata", [*(one.position for one in kept), "entry"])
    front.add_table("entry", {schema.Metadata.BUFFER: len(buffers)}, {schema.Metadata.NAME: "name"})
    front.add_bytes("name", name.encode(), end=b"\0")
    front.add_table("buffer", {}, {schema.Buffer.DATA: "content"})
    front.add_bytes("content", content)
    return front.finish() + data[_HEADER_BYTES:]


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


class _Front:
    """The block that goes between the header and the old content.

    Its tables and vectors link to what stands behind them: to a label in the block, or to a position in the old
    file, which is moved by the size of the block once that is known.
    """

    def __init__(self) -> None:
        self._bytes = bytearray(_HEADER_BYTES)
        self._labels: dict[str, int] = {}
        self._links: list[tuple[int, int | str]] = []

    def add_table(self, label: str, numbers: dict[int, int], links: dict[int, int | str]) -> None:
        """A table of 32-bit numbers and links, by slot, behind its vtable."""
        slots = sorted({*numbers, *links})
        places = [4 + 4 * slots.index(slot) if slot in slots else 0 for slot in range(slots[-1] + 1)]
        vtable = self._begin(struct.pack(f"<{2 + len(places)}H", 4 + 2 * len(places), 4 + 4 * len(slots), *places))
        table = self._begin(b"")
        self._labels[label] = table
        self._bytes += struct.pack("<i", table - vtable)
        for slot in slots:
            if slot in links:
                self._links.append((len(self._bytes), links[slot]))
            self._bytes += struct.pack("<I", numbers.get(slot, 0))

    def add_vector(self, label: str, targets: Sequence[int | str]) -> None:
        """A vector of tables."""
        self._labels[label] = self._begin(struct.pack("<I", len(targets)))
        for target in targets:
            self._links.append((len(self._bytes), target))
            self._bytes += bytes(4)

    def add_bytes(self, label: str, content: bytes, end: bytes = b"") -> None:
        """A vector of bytes that starts on a 16-byte boundary, or a string."""
        while (len(self._bytes) + 4) % _ALIGNMENT_BYTES:
            self._bytes += b"\0"
        self._labels[label] = self._begin(struct.pack("<I", len(content)) + content + end)

    def finish(self) -> bytes:
        """Header and block, every link filled in; the old content follows, still on its alignment."""
        while (len(self._bytes) - _HEADER_BYTES) % _ALIGNMENT_BYTES:
            self._bytes += b"\0"
        moved = len(self._bytes) - _HEADER_BYTES
        struct.pack_into("<I4s", self._bytes, 0, self._labels["root"], schema.IDENTIFIER)
        for place, target in self._links:
            goal = self._labels[target] if isinstance(target, str) else target + moved
            struct.pack_into("<I", self._bytes, place, goal - place)
        return bytes(self._bytes)

    def _begin(self, content: bytes) -> int:
        while len(self._bytes) % 4:
            self._bytes += b"\0"
        start = len(self._bytes)
        self._bytes += content
        return start
