"""Named metadata of a .tflite: found, and added to a file without touching what it already holds.

Offsets in a flatbuffer are relative and point forward, so a new root table, with new vectors of buffers and of
metadata, goes in front of the old content, which moves as one block and keeps every offset inside it. The old root
table and its two vectors stay behind as a few unused bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinykit.ground.errors import ModelError
from tinykit.model.graph import schema
from tinykit.model.graph.flatbuffer import FlatBuffer, Table, write_vector

if TYPE_CHECKING:
    import flatbuffers

OFFLINE_PLAN = "OfflineMemoryAllocation"
"""Name of the entry in which TFLM looks for tensor offsets planned before it runs (tensorflow/lite/micro/docs/
memory_management.md): int32 version 1, subgraph, number of tensors, then one offset a tensor, -1 for "plan it"."""

_ALIGNMENT_BYTES = 16
_HEADER_BYTES = 8
_PLAN_HEAD = 3
_VERSION, _LAST_KNOWN_SLOT = 0, 7


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
    words = np.frombuffer(content.tobytes()[: len(content) // 4 * 4], "<i4")
    if len(words) < _PLAN_HEAD or len(words) < _PLAN_HEAD + tensors or words[2] != tensors:
        raise ModelError(
            f"the offline memory plan has {max(0, len(words) - _PLAN_HEAD)} offsets, the model {tensors} tensors; "
            "remove the metadata, or plan again"
        )
    return tuple(words[_PLAN_HEAD : _PLAN_HEAD + tensors].tolist())


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
    """A new root in front of the old content; `known` is what it holds: version, links, buffers and metadata, by place.

    A flatbuffer is built from its end: the old content comes first; what lies in it is told by its place from there.
    """
    import flatbuffers

    version, links, buffers, metadata = known
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
