"""Does a rewritten model answer as the model, to the byte? And would the comparison have seen a fault?

A network that saturates, or forgets, gives the same outputs whatever happened on the way. So the last values before
that are compared too, and those a quarter, half and three quarters of the way: the rewritten model is cut behind the
operator that makes them, its offline plan kept, so that they come out of the arena as it is shared on the device. Then
the same comparison is asked about files with a fault put into them: what it tells apart is its power.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tinykit.ground.errors import DataError, ModelError
from tinykit.ground.results import Result
from tinykit.model.graph.flatbuffer import write_offline_offsets
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.child import DTYPES
from tinykit.predict.runtime.codes import to_codes
from tinykit.predict.runtime.reference import find_reference, reference_engine
from tinykit.predict.runtime.samples import sample_inputs
from tinykit.predict.runtime.session import Array, RecordedArena, Session, start_engine

_T = TypeVar("_T")
Arrays = tuple[Array, ...]
_POINTS, _MOST_FAULTS, _BLOCK = 5, 12, 4
_ENOUGH = 0.9
"""Share of the faults that must be seen."""
_LEAST_BYTES = 16
"""A smaller output may lie on its input unharmed, and a fault in fewer weights may fall on a dead channel."""
_FEW = 2
"""A tensor of so few different values is saturated."""


@dataclass(frozen=True, slots=True)
class SameProof(Result):
    """A model and a rewritten one, side by side in one engine on this 64-bit host.

    Parameters
    ----------
    n : inputs that both were run on.
    same : whether every output byte is the same, and every byte of the `compared` tensors.
    before, after : the arenas TFLM recorded for the model and for the rewritten one; None where LiteRT ran them.
    engine : that ran both: "tflm", or "litert-reference" where TFLM's interpreter is not installed.
    compared : tensors between inputs and outputs that were compared, read out of the arena as it is shared.
    faults, caught : files with a fault that changes what its operator gives for these inputs, and how many of them the
        comparison told from the model: its power. No fault at all where none of those tried changes anything.
    tried : files with a fault put into them.
    distinct : different answers that the inputs gave, at the outputs and the compared tensors together.
    """

    n: int
    same: bool
    before: RecordedArena | None
    after: RecordedArena | None
    engine: str = "tflm"
    compared: tuple[int, ...] = ()
    faults: int = 0
    caught: int = 0
    tried: int = 0
    distinct: int = 1

    @property
    def verdict(self) -> str:
        """ "equal", "DIFFER", or "not proven" where inputs are answered alike, or not nine faults in ten were seen."""
        seen = self.faults > 0 and self.caught >= _ENOUGH * self.faults
        able = (seen or not self.tried) and self.distinct > min(1, self.n - 1)
        return "DIFFER" if not self.same else "equal" if able else "not proven"

    @property
    def equal(self) -> bool:
        """Proven the same: no byte differs, and a fault would have been seen."""
        return self.verdict == "equal"

    @property
    def power(self) -> str:
        """How far to trust it, in words."""
        if not self.tried:
            return f"{self.distinct} of {self.n} answers distinct"
        where = f" at {len(self.compared)} tensors on the way" if self.compared else ""
        return f"{self.caught} of {self.faults} deliberate faults seen{where}"

    @property
    def saved_bytes(self) -> int | None:
        """Head of the arena won, in bytes: the same on a 32-bit target; negative where it grew, None without arenas."""
        return self.before.head_bytes - self.after.head_bytes if self.before and self.after else None

    def __str__(self) -> str:
        equal = f"outputs of {self.n} inputs {self.verdict}"
        if not (self.before and self.after):
            return f"{equal} in {find_reference(self.engine).kernels}, not tried in TFLM; {self.power}"
        head = f"arena head {self.before.head_bytes:,} -> {self.after.head_bytes:,} bytes, recorded by TFLM"
        return f"{equal}; {head}; {self.power}"


def prove_same(model: bytes, rewritten: bytes, *, n: int = 4, seed: int = 0, timeout_s: float = 60.0) -> SameProof:
    """Run both models on `n` made-up inputs, compare outputs and tensors on the way, and try how much that would see.

    The inputs cover what the model takes: noise and blocks as in a picture, of full and of faint contrast.

    Parameters
    ----------
    model, rewritten : bytes of .tflite files with the same inputs; tensors in both have the same index.
    n, seed : how many random inputs, and of what they are drawn.
    timeout_s : limit on the child process [s].

    Raises
    ------
    ModelError : the engine refuses one of them, or their inputs differ. EngineError : as `Session`.
    """
    use, graph = reference_engine().engine, read(rewritten)
    with Session(model, engine=use, timeout_s=timeout_s) as old, closing(_Bench(use, timeout_s)) as bench:
        new = bench.load(rewritten)
        shapes = [[(one.shape, one.dtype) for one in session.inputs] for session in (old, new)]
        if shapes[0] != shapes[1]:
            raise ModelError(f"inputs {shapes[1]} of the rewritten model are not those of the model, {shapes[0]}")
        inputs = to_codes(old, _draw(model, n, seed))
        answers = old.run_all(inputs)
        same = _equal(answers, new.run_all(inputs))
        arenas = [one.measure_arena(smallest=False) if use == "tflm" else None for one in (old, new)]
        held = _hold(bench, inputs, read(model), graph)
        points: list[int] = _spread([place for place in held if len(np.unique(held[place])) > _FEW] or held, _POINTS)
        bench.expect(inputs, {place: (one,) for place, one in held.items()} | {len(graph.operators): answers})
        seen = [bench.sees(data, place, points) for place, data in _spread(_put_faults(graph), _MOST_FAULTS) if same]
        same = same and all(bench.gives(rewritten, place) for place in sorted(points))
    distinct = max(_count_distinct(one) for one in (answers, *((held[place],) for place in points)))
    compared, live = tuple(graph.operators[one].outputs[0] for one in points), [one for one in seen if one is not None]
    return SameProof(n, same, arenas[0], arenas[1], use, compared, len(live), sum(live), len(seen), distinct)


class _Bench:
    """A child that runs file after file, and what the model has behind operators: outputs behind the last of all."""

    def __init__(self, engine: str, timeout_s: float) -> None:
        self._engine, self._limit, self._inputs = engine, timeout_s, tuple[Array, ...]()
        self._wanted: Mapping[int, Arrays] = {}
        self._child = start_engine(engine)

    def load(self, data: bytes, last: int | None = None) -> Session:
        return Session(data, engine=self._engine, timeout_s=self._limit, child=self._child, last=last)

    def close(self) -> None:
        self._child.close()

    def expect(self, inputs: Arrays, wanted: Mapping[int, Arrays]) -> None:
        self._inputs, self._wanted = inputs, wanted

    def gives(self, data: bytes, place: int) -> bool:
        """Whether a file has the model's values behind an operator, input by input until one differs."""
        session, wanted = self.load(data, None if place == max(self._wanted) else place), self._wanted[place]
        return all(
            _equal(session.run_all(tuple(one[at : at + 1] for one in self._inputs)), [one[at] for one in wanted])
            for at in range(len(self._inputs[0]))
        )

    def sees(self, data: bytes, place: int, points: list[int]) -> bool | None:
        """Whether a file with a fault in an operator is told from the model; None where the fault changes nothing.

        A refusal or a crash tells it too. Where it is forgotten before the next point, its own operator becomes one.
        """
        try:
            behind = [one for one in (*sorted(points), max(self._wanted)) if one >= place]
            if not all(self.gives(data, one) for one in behind):
                return True
            if place not in self._wanted:
                return False
            points += [] if self.gives(data, place) else [place]
            return True if place in points else None
        except (ModelError, DataError):
            self.close()
            self._child = start_engine(self._engine)
            return True


def _equal(some: Sequence[Array], others: Sequence[Array]) -> bool:
    return all(one.tobytes() == other.tobytes() for one, other in zip(some, others, strict=True))


def _count_distinct(values: Arrays) -> int:
    """0 where there are no values at all: of a model without outputs."""
    return len({b"".join(one[at].tobytes() for one in values) for at in range(len(values[0]) if values else 0)})


def _draw(model: bytes, n: int, seed: int) -> Arrays:
    """Samples in turn: noise, blocks, and both at a quarter of the contrast; integers that are no codes stay noise."""
    drawn = sample_inputs(model, n, seed=seed)
    arrays = drawn if isinstance(drawn, tuple) else (drawn,)
    for values in (one for one in arrays if one.dtype.kind == "f"):
        for axis in range(1, values.ndim if values[0].size > _BLOCK else 1):
            values[1::2] = values[1::2].take(np.arange(values.shape[axis]) // _BLOCK * _BLOCK, axis)
        values[np.arange(len(values)) // 2 % 2 == 1] *= 0.25
    return arrays


def _hold(bench: _Bench, inputs: Arrays, model: ModelGraph, graph: ModelGraph) -> dict[int, Array]:
    """What the model has in each tensor that is in both files, by the operator of the rewritten one that makes it."""
    made = {one: model.tensors[one] for operator in model.operators for one in operator.outputs}
    both = {}
    for operator in (one for one in _list_needed(graph) if len(one.outputs) == 1):
        own, other = graph.tensors[operator.outputs[0]], made.get(operator.outputs[0])
        if other and (own.shape, own.dtype) == (other.shape, other.dtype) and own.dtype in DTYPES:
            both[operator.index] = own.index
    # an arena that keeps all tensors has no room for a plan that lets them share it
    plain = write_offline_offsets(model.data, [-1] * len(model.tensors)) if model.offline_offsets else model.data
    return dict(zip(both, bench.load(plain).run_tensors(inputs, list(both.values())), strict=True)) if both else {}


def _list_needed(graph: ModelGraph) -> list[Operator]:
    """Operators that an output depends on."""
    wanted, found = set(graph.outputs), list[Operator]()
    for operator in reversed(graph.operators):
        if wanted & set(operator.outputs):
            wanted |= set(operator.inputs)
            found.insert(0, operator)
    return found


def _spread(rows: Iterable[_T], most: int) -> list[_T]:
    """At most so many of the rows, the last among them."""
    listed = list(rows)
    return [listed[(one + 1) * len(listed) // most - 1] for one in range(most)] if len(listed) > most else listed


def _put_faults(graph: ModelGraph) -> Iterator[tuple[int, bytes]]:
    """Files with one fault each, and the operator it lies in: an output planned over its input, weights changed."""
    makers = {tensor: operator for operator in graph.operators for tensor in operator.outputs}
    for operator in (one for one in _list_needed(graph) if one.macs and len(one.inputs) > 1):
        data, held, made = operator.inputs[0], operator.inputs[1], operator.outputs[0]
        offsets = list(graph.offline_offsets)
        sizes = [graph.tensors[one].nbytes for one in (data, made)]
        if offsets and min(offsets[data], offsets[made]) >= 0 and min(sizes) >= _LEAST_BYTES:
            offsets[made] = offsets[data] + sizes[0] // 2
            yield operator.index, write_offline_offsets(graph.data, offsets)
        tensor = graph.tensors[makers[held].inputs[0] if held in makers else held]
        if tensor.data_bytes:
            yield operator.index, _spoil(graph.data, tensor.data_start, tensor.data_bytes)


def _spoil(data: bytes, start: int, nbytes: int) -> bytes:
    """A file in which an eighth of a constant is another one, or 16 bytes of it."""
    count = min(nbytes, max(nbytes // 8, _LEAST_BYTES))
    first = start + (nbytes - count) // 2
    return data[:first] + bytes(one ^ 0x55 for one in data[first : first + count]) + data[first + count :]
