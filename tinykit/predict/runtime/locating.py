"""Operator by operator: what two interpreters make of the same numbers, so that no difference hides behind another.

TFLM runs the whole model and keeps every tensor; the other interpreter is handed each operator alone, with what TFLM
handed it. So rounding that adds up along a network counts as what it is, and an operator that computes something else
is found even where later ones hide it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykit.ground.errors import ModelError, TinykitError
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph, Operator, Tensor
from tinykit.predict.runtime.child import DTYPES
from tinykit.predict.runtime.rounding import allow_steps, count_steps, flat, move, rounding_of
from tinykit.predict.runtime.session import Session, start_engine

Array = NDArray[Any]
Arrays = tuple[Array, ...]
Third = Callable[[bytes, Arrays], Arrays]
"""A further opinion: outputs [n, *shape] of a model's bytes for a tuple of inputs [n, *shape]."""


@dataclass(frozen=True, slots=True)
class OperatorDifference(Result):
    """An operator whose output differs between TFLM and another interpreter that was handed the same numbers.

    Parameters
    ----------
    operator, name : index and name.
    output, tensor : index and name of the output tensor that differs most; the name is untrusted text.
    steps : largest difference, in steps of the output's own quantisation, or for a float32 output in epsilons (2^-23)
        of its largest magnitude; inf where the outputs cannot be subtracted.
    allowed : steps that rounding explains, see `allow_steps`.
    reason : why there is nothing to subtract, "" where there is.
    exact : how far TFLM and the other lie from the operator's exact arithmetic [steps], None where it is not known.
    third : which of them a third opinion agrees with: "TFLM", "the other", "both", "neither", "" where none was given.
    """

    JSON = ("operator", "name", "tensor", "steps=known_steps", "allowed", "reason", "exact", "third")

    operator: int
    name: str
    output: int
    tensor: str
    steps: float
    allowed: float
    reason: str = ""
    exact: tuple[float, float] | None = None
    third: str = ""

    @property
    def rounds(self) -> bool:
        """Whether rounding explains it."""
        return self.steps <= self.allowed

    @property
    def backed(self) -> bool:
        """Whether exact arithmetic sides with TFLM: right to the rounding, where the other is not."""
        return self.exact is not None and self.exact[0] <= max(1.0, self.allowed) < self.exact[1]

    @property
    def label(self) -> str:
        """Name and index, such as "CONV_2D 4"."""
        return f"{self.name} {self.operator}"

    @property
    def known_steps(self) -> float | None:
        """`steps`, None where it is infinite."""
        return self.steps if np.isfinite(self.steps) else None

    def __str__(self) -> str:
        apart = f"{self.steps:,.0f} steps apart on the same inputs, where rounding allows {self.allowed:,.0f}"
        said = [f'operator {self.operator} {self.name}, output "{self.tensor}", {self.reason or apart}']
        if self.exact:
            said.append("from exact arithmetic TFLM is {:.1f} steps off, the other {:.1f}".format(*self.exact))
        if self.third:
            said.append(f"a third opinion agrees with {self.third}")
        return "; ".join(said)


class Bench:
    """TFLM's tensors for a few samples, to hand each operator alone to other interpreters.

    Parameters
    ----------
    graph, session : a model, and TFLM with it.
    inputs : samples, one array [n, *shape] for each input.
    keep_state : pass state from sample to sample.
    """

    def __init__(self, graph: ModelGraph, session: Session, inputs: Arrays, *, keep_state: bool = False) -> None:
        self._graph, self._session, self._inputs, self._keep = graph, session, inputs, keep_state
        made = [one for step in graph.operators for one in step.outputs if graph.tensors[one].dtype in DTYPES]
        tensors = session.run_tensors(inputs, made, keep_state=keep_state)
        given = dict(zip(graph.inputs, inputs, strict=True))
        self._values: Mapping[int, Array] = given | dict(zip(made, tensors, strict=True))

    def is_stable(self, outputs: Arrays) -> bool:
        """Whether TFLM gives these outputs in an arena where no tensors share memory, too."""
        kept = [self._values.get(one) for one in self._graph.outputs]
        pairs = zip(kept, outputs, strict=True)
        return all(one is None or np.array_equal(flat(one), flat(other), equal_nan=True) for one, other in pairs)

    def compare(self, engine: str, third: Third | None = None, *, whole: bool = True) -> tuple[OperatorDifference, ...]:
        """Operators that differ from those of another of `ENGINES`, in the model's order.

        What rounding does not explain is held against exact arithmetic and, where one is given, a third opinion. The
        first in which TFLM is not `backed` is the last. An operator that the other refuses differs if that runs the
        `whole` model, since then TFLM hands on what does not fit; else it is listed with the reason, 0 steps apart.
        """
        found: list[OperatorDifference] = []
        with _Other(engine) as other:
            for operator in self._graph.operators:
                one = self._compare(operator, other, whole)
                if one is None:
                    continue
                found.append(one if one.rounds else self._settle(one, operator, other, third))
                if not found[-1].rounds and not found[-1].backed:
                    break
        return tuple(found)

    def _compare(self, operator: Operator, other: _Other, whole: bool) -> OperatorDifference | None:
        if operator.name == "READ_VARIABLE":
            return self._compare_state(operator, other)
        alone = self._isolate(operator)
        if alone is None:
            return None
        try:
            answers = other.answer(*alone, keep_state=self._keep)
        except ModelError as error:
            return self._differ(operator, operator.outputs[0], np.inf if whole else 0.0, 0.0, _refusal(error))
        rows = [row for row in zip(operator.outputs, answers, strict=True) if row[0] in self._values]
        found = [self._measure(operator, output, answer) for output, answer in rows]
        worst = max(found, key=lambda one: one.steps - one.allowed, default=None)
        if worst is None or not worst.steps:
            return None
        if rounding_of(operator.name).recurrent and not worst.rounds and not worst.reason:
            place, (model, inputs) = operator.outputs.index(worst.output), alone
            moved = other.answer(model, tuple(map(move, inputs)), keep_state=self._keep)
            reach = count_steps(self._graph.tensors[worst.output], answers[place], moved[place])
            return replace(worst, allowed=1 + 2 * reach)
        return worst

    def _isolate(self, operator: Operator, *, real: bool = False) -> tuple[bytes, Arrays] | None:
        """An operator as a model, and what TFLM hands it; None where it touches a variable or reads constants."""
        try:
            model, fed = self._session.isolate(operator.index, real=real)
        except ModelError:
            return None
        if not fed or not operator.outputs or not all(one in self._values for one in fed):
            return None
        given = tuple(self._values[one] for one in fed)
        if real:
            given = tuple(_to_real(self._graph.tensors[one], self._values[one]) for one in fed)
        return model, given

    def _compare_state(self, operator: Operator, other: _Other) -> OperatorDifference | None:
        """A variable at power-up, before an inference has written it, in the whole model."""
        output, before = operator.outputs[0], self._graph.operators[: operator.index]
        if any(one.name == "ASSIGN_VARIABLE" for one in before) or output not in self._values:
            return None
        try:
            held = other.read(self._graph.data, tuple(one[:1] for one in self._inputs), output)
        except ModelError as error:
            return self._differ(operator, output, 0.0, 0.0, _refusal(error))
        steps = count_steps(self._graph.tensors[output], self._values[output][:1], held)
        return self._differ(operator, output, steps, 0.0) if steps else None

    def _measure(self, operator: Operator, output: int, answer: Array) -> OperatorDifference:
        own, tensor = self._values[output], self._graph.tensors[output]
        if own.size != answer.size:
            shapes = ["×".join(map(str, one.shape[1:])) for one in (own, answer)]
            return self._differ(operator, output, np.inf, 0.0, "of shape {} in TFLM, {} in the other".format(*shapes))
        allowed = allow_steps(self._graph, operator, tensor, self._values)
        return self._differ(operator, output, count_steps(tensor, own, answer), allowed)

    def _differ(
        self, operator: Operator, output: int, steps: float, allowed: float, reason: str = ""
    ) -> OperatorDifference:
        name = self._graph.tensors[output].name
        return OperatorDifference(operator.index, operator.name, output, name, float(steps), float(allowed), reason)

    def _settle(
        self, found: OperatorDifference, operator: Operator, other: _Other, third: Third | None
    ) -> OperatorDifference:
        """Which of the two is right, by exact arithmetic and by a third opinion, as far as these know."""
        alone = self._isolate(operator)
        if found.reason or alone is None:
            return found
        place, tensor = operator.outputs.index(found.output), self._graph.tensors[found.output]
        pair = self._values[found.output], other.answer(*alone, keep_state=self._keep)[place]
        try:
            said = _take_sides(tensor, pair, third(*alone)[place], found.allowed) if third else ""
        except TinykitError:
            said = ""
        return replace(found, third=said, exact=self._hold_to_exact(operator, tensor, pair, place))

    def _hold_to_exact(
        self, operator: Operator, tensor: Tensor, pair: tuple[Array, Array], place: int
    ) -> tuple[float, float] | None:
        """How far both lie from what the operator gives in float32 on the real numbers behind the codes."""
        alone = self._isolate(operator, real=True) if tensor.scales else None
        if alone is None:
            return None
        try:
            with _Other("litert-reference") as judge:
                real = judge.answer(*alone, keep_state=self._keep)[place]
        except TinykitError:
            return None
        limits = np.iinfo(tensor.dtype)
        codes = np.clip(flat(real) / tensor.scales[0] + tensor.zero_points[0], limits.min, limits.max)
        own, theirs = (float(np.abs(flat(one) - codes).max()) for one in pair)
        return (own, theirs) if np.isfinite(codes).all() else None


class _Other:
    """An interpreter that is handed one model after the other; it is started again where one crashed it."""

    def __init__(self, engine: str) -> None:
        self._engine, self._child = engine, start_engine(engine)

    def __enter__(self) -> _Other:
        return self

    def __exit__(self, *raised: object) -> None:
        self._child.close()

    def _load(self, model: bytes) -> Session:
        if self._child.closed:
            self._child = start_engine(self._engine)
        return Session(model, engine=self._engine, child=self._child)

    def answer(self, model: bytes, inputs: Arrays, *, keep_state: bool) -> Arrays:
        session = self._load(model)
        pairs = zip(inputs, session.inputs, strict=True)
        shaped = tuple(one.reshape(len(one), *info.shape) for one, info in pairs)
        return session.run_all(shaped, keep_state=keep_state)

    def read(self, model: bytes, inputs: Arrays, tensor: int) -> Array:
        return self._load(model).run_tensors(inputs, [tensor])[0]


def _refusal(error: ModelError) -> str:
    return f"the other interpreter refuses what TFLM hands it: {str(error).splitlines()[0]}"


def _to_real(tensor: Tensor, values: Array) -> Array:
    if not tensor.scales or values.dtype.kind == "f":
        return values
    real: Array = ((values.astype(np.float64) - tensor.zero_points[0]) * tensor.scales[0]).astype(np.float32)
    return real


def _take_sides(tensor: Tensor, pair: tuple[Array, Array], third: Array, allowed: float) -> str:
    with_tflm, with_other = (count_steps(tensor, one, third) <= allowed for one in pair)
    if with_tflm and with_other:
        return "both"
    return "TFLM" if with_tflm else "the other" if with_other else "neither"
