"""Where a program first departs from TFLM: tensors in between, on both sides, operator by operator."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.model.graph import ModelGraph
from tinykit.model.graph.flatbuffer import FlatBuffer
from tinykit.model.graph.schema import IDENTIFIER, Model, SubGraph
from tinykit.predict.runtime import Session

Spans = tuple[tuple[int, int], ...]


def tensors_between(graph: ModelGraph, inputs: tuple[NDArray[Any], ...]) -> tuple[bytes, ...]:
    """What TFLM computes for one sample: the bytes of every operator's first output, in execution order.

    Parameters
    ----------
    inputs : one sample of each input, [1, *shape].
    """
    wanted = [operator.outputs[0] for operator in graph.operators]
    with Session(give_out(graph.data, wanted), timeout_s=300.0) as session:
        return tuple(one.tobytes() for one in session.run_all(inputs))


def give_out(model: bytes, tensors: list[int]) -> bytes:
    """The same .tflite with other tensors as the outputs of its main graph.

    The new list goes behind the file, and the graph's field for outputs points there: nothing else moves.
    """
    main = FlatBuffer(model).root(IDENTIFIER).tables(Model.SUBGRAPHS)[0].position
    vtable = main - struct.unpack_from("<i", model, main)[0]
    field = main + struct.unpack_from("<H", model, vtable + 4 + 2 * SubGraph.OUTPUTS)[0]
    start = -(-len(model) // 16) * 16
    changed = bytearray(model.ljust(start, b"\0"))
    struct.pack_into("<I", changed, field, start - field)
    return bytes(changed) + struct.pack(f"<I{len(tensors)}i", len(tensors), *tensors)


def first_departure(seen: tuple[bytes, ...], wanted: tuple[bytes, ...]) -> int | None:
    """Position of the first operator whose output differs, None where none does."""
    pairs = zip(seen, wanted, strict=True)
    return next((position for position, (own, other) in enumerate(pairs) if own and own != other), None)


def first_wrong_sample(outputs: bytes, wanted: bytes, samples: int) -> int:
    """Index of the first sample whose outputs differ."""
    rows = [np.frombuffer(data, np.int8).reshape(samples, -1) for data in (outputs, wanted)]
    return int((rows[0] != rows[1]).any(axis=1).argmax())
