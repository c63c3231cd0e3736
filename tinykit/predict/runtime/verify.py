"""Does TFLM answer as LiteRT does, and another model as the model? What differs, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinykit.ground.errors import DataError, ModelError, ParameterError
from tinykit.ground.results import Result
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.agreement import (
    EQUAL,
    REASONS,
    SUMS,
    UNKNOWN,
    Agreement,
    CodeComparison,
    OutputComparison,
    Verification,
    find,
    judge,
    judge_alone,
    judge_network,
    judge_onnx,
)
from tinykit.predict.runtime.codes import dequantise, to_codes, to_reals
from tinykit.predict.runtime.locating import Bench, Third
from tinykit.predict.runtime.rounding import EPSILON, find_step
from tinykit.predict.runtime.session import ENGINES, ONNX_ENGINES, Array, Inputs, Session, TensorInfo, check_bytes

Arrays = tuple[Array, ...]
_SEQUENCE = 64
"""Samples of a sequence over which state is kept: each operator is asked about all of them."""
_RANGE = 250
"""Steps between two values that are an integer's ends."""
_PICKED = 3
"""Samples on which operators are compared one by one: the first that differs, and the most different."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers(Result):
    """What every interpreter answered to the same samples, as real numbers.

    Parameters
    ----------
    own : TFLM's outputs, one [n, values] each.
    steps : real size of one step of each output, see `Verification`.
    units : "LSB" for each, or "eps" where it is a float.
    references : the outputs of each reference.
    verdicts : on each reference.
    refusals : why a reference gave no answer.
    state : "reset" or "kept", "" for a model that keeps none.
    """

    own: Arrays = field(repr=False)
    steps: tuple[float, ...]
    units: tuple[str, ...]
    references: Mapping[str, Arrays] = field(repr=False)
    verdicts: Mapping[str, Agreement] = field(default_factory=dict, repr=False)
    refusals: Mapping[str, str] = field(default_factory=dict, repr=False)
    state: str = ""

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.own[0])


def verify_model(
    model: bytes, inputs: Inputs, against: bytes | None = None, *, onnx: bytes | None = None,
    references: Sequence[str] = ENGINES[1:], third: Third | None = None, within_s: float | None = None,
    timeout_s: float = 300.0
) -> Verification:  # fmt: skip
    """Compare TFLM's outputs with LiteRT's three kernel sets, and with another model or ONNX Runtime, where given.

    Where outputs differ, every operator is compared alone on the same inputs, so that the verdict names what rounds and
    what computes something else. A model that keeps state is compared twice: reset before each sample, and kept.

    Parameters
    ----------
    model : bytes of a .tflite file.
    inputs : [n, *shape], or a tuple of such arrays for a model of several inputs: integers of the model's own type are
        taken as they are, real numbers are quantised first.
    against : bytes of a reference, e.g. the float32 model; it needs real inputs.
    onnx : bytes of the ONNX model that this one was made from or became: ONNX Runtime is asked with its optimisations
        off, so that it computes what the scales define, and with them on.
    references : of `ENGINES`, those to ask.
    third : asked about an operator on which TFLM and a reference do not agree.
    within_s : after so many seconds TFLM begins no further sample [s], None for all of them.
    timeout_s : limit on the child process [s].

    Raises
    ------
    DataError : inputs of a wrong shape or dtype, integers together with `against`, outputs of different sizes.
    ModelError, EngineError : as `Session`; no reference runs the model.
    """
    asked: dict[str, Any] = {"references": references, "third": third, "within_s": within_s, "timeout_s": timeout_s}
    answers = [collect_answers(model, inputs, against, onnx=onnx, **asked)]
    if answers[0].state:
        answers.append(collect_answers(model, inputs, **asked, keep_state=True))
    comparisons = [compare_answers(one, reference) for one in answers for reference in one.references]
    total = len(inputs[0] if isinstance(inputs, tuple) else inputs)
    return Verification(answers[0].n, answers[0].steps[0], tuple(comparisons), _list_notes(answers[0], total))


def collect_answers(
    model: bytes, inputs: Inputs, against: bytes | None = None, *, onnx: bytes | None = None,
    references: Sequence[str] = ENGINES[1:], third: Third | None = None, keep_state: bool = False,
    within_s: float | None = None, timeout_s: float = 300.0
) -> Answers:  # fmt: skip
    """Run every interpreter once, so that many comparisons can be made; arguments and errors as `verify_model`.

    Parameters
    ----------
    model, inputs, against, onnx, references, third, within_s, timeout_s : as in `verify_model`.
    keep_state : let state pass from each sample to the next, over the first 64; else it is reset before each.
    """
    check_bytes(model)
    graph = read(model)
    with Session(model, timeout_s=timeout_s) as session:
        given = tuple(one[: _SEQUENCE if keep_state else None] for one in to_codes(session, inputs))
        codes = session.run_all(given, keep_state=keep_state, within_s=within_s)
        if not any(one.size for one in codes):
            raise ModelError("the model has no output of any size, so nothing can be compared; convert it again")
        given = tuple(one[: len(codes[0])] for one in given)
        answers = _ask_others(model, given, references, keep_state=keep_state, timeout_s=timeout_s)
        own, steps = to_reals(session, codes), [find_step(graph, one) for one in graph.outputs]
        sizes = tuple(step or _epsilon_of(one) for step, one in zip(steps, own, strict=True))
        units = tuple("LSB" if step else "eps" for step in steps)
        state = ("kept" if keep_state else "reset") if session.keeps_state else ""
        answers = replace(answers, own=own, steps=sizes, units=units, state=state)
        place = _Place(graph, session, given, codes, keep_state, third)
        answers = place.judge_all(answers) if answers.references else place.judge_refused(answers)
        answers = answers if onnx is None else _add_onnx(answers, onnx, place, timeout_s)
    return answers if against is None else _add_network(answers, against, inputs, timeout_s)


def _ask_others(
    model: bytes, given: Arrays, references: Sequence[str], *, keep_state: bool, timeout_s: float
) -> Answers:
    """What the others make of the same codes, and why some do not."""
    found: dict[str, Arrays] = {}
    refusals: dict[str, str] = {}
    for engine in references:
        try:
            with Session(model, engine=engine, timeout_s=timeout_s) as other:
                found[engine] = to_reals(other, other.run_all(given, keep_state=keep_state))
        except ModelError as error:
            refusals[engine] = str(error).splitlines()[0]
    return Answers((), (), (), found, refusals=refusals)


@dataclass(frozen=True, slots=True)
class _Place:
    """All that is needed to find where a difference comes from: TFLM with a model, its inputs and outputs."""

    graph: ModelGraph
    session: Session
    given: Arrays
    codes: Arrays
    keep_state: bool
    third: Third | None

    def judge_all(self, answers: Answers) -> Answers:
        return replace(answers, verdicts={engine: self._judge(answers, engine) for engine in answers.references})

    def judge_refused(self, answers: Answers) -> Answers:
        """Of a model that no other interpreter runs whole: the operators, each alone."""
        bench = Bench(self.graph, self.session, tuple(one[:1] for one in self.given), keep_state=self.keep_state)
        found = bench.compare(ENGINES[1], self.third, whole=False)
        verdict = judge_alone(found, len(self.graph.operators))
        if verdict is None:
            said = next(iter(answers.refusals.values()), "none was asked")
            raise ModelError(f"no other interpreter runs this model, so that nothing can be compared: {said}")
        nothing = {ENGINES[1]: tuple(one[:0] for one in answers.own)}
        return replace(answers, references=nothing, verdicts={ENGINES[1]: verdict})

    def _judge(self, answers: Answers, engine: str) -> Agreement:
        rows = zip(answers.own, answers.references[engine], answers.steps, strict=True)
        by_sample = np.max([np.abs(_signed(*row)).max(axis=1, initial=0.0) for row in rows], axis=0)
        if not by_sample.any():
            return EQUAL
        first = int(np.flatnonzero(by_sample)[0])
        picked = [*range(first + 1)] if self.keep_state else sorted({first, *np.argsort(-by_sample)[: _PICKED - 1]})
        given, codes = (tuple(one[picked] for one in arrays) for arrays in (self.given, self.codes))
        bench = Bench(self.graph, self.session, given, keep_state=self.keep_state)
        unit = "LSB" if "LSB" in answers.units else "eps of the largest value"
        found = bench.compare(engine, self.third)
        return judge(found, float(by_sample.max()), stable=bench.is_stable(codes), unit=unit)


def _add_network(answers: Answers, against: bytes, inputs: Inputs, timeout_s: float) -> Answers:
    with Session(against, engine="litert-reference", timeout_s=timeout_s) as session:
        given = tuple(one[: answers.n] for one in to_codes(session, inputs))
        other = to_reals(session, session.run_all(given))
    shapes = [[one.shape for one in found] for found in (other, answers.own)]
    if shapes[0] != shapes[1]:
        raise DataError(f"the reference gives {shapes[0]} outputs, the model {shapes[1]}; compare models of one task")
    verdicts = {**answers.verdicts, "against": judge_network(answers.own, other)}
    return replace(answers, references={**answers.references, "against": other}, verdicts=verdicts)


def _add_onnx(answers: Answers, onnx: bytes, place: _Place, timeout_s: float) -> Answers:
    """What ONNX Runtime makes of the same codes, as defined and as its own kernels have it."""
    given, made = answers, place.session
    for engine in ONNX_ENGINES:
        with Session(onnx, engine=engine, timeout_s=timeout_s) as other:
            if len(other.inputs) != len(made.inputs) or len(other.outputs) != len(made.outputs):
                raise DataError("the ONNX model has another number of inputs or outputs; compare models of one task")
            rows = zip(place.given, made.inputs, other.inputs, strict=True)
            reals = tuple(_fit(dequantise(one, i.scale, i.zero_point) if i.scale else one, to) for one, i, to in rows)
            found = zip(other.run_all(reals), made.outputs, strict=True)
            outputs = tuple(_fit(one, to).reshape(len(one), -1) for one, to in found)
        judge = answers.references.get("litert-xnnpack") if engine == ONNX_ENGINES[0] else None
        verdict = judge_onnx(answers.own, outputs, judge, answers.steps)
        references, verdicts = {**given.references, engine: outputs}, {**given.verdicts, engine: verdict}
        given = replace(given, references=references, verdicts=verdicts)
    return given


def _fit(array: Array, info: TensorInfo) -> Array:
    """Samples [n, ...] in the shape of another model, channels moved to the other end where only that fits."""
    wanted, rank = info.sample_shape, array.ndim
    if array[0].size != np.prod(wanted, dtype=int):
        raise DataError(
            f"the ONNX model has {wanted} where the other has {array.shape[1:]}; compare models of one task"
        )
    moved = [np.moveaxis(array, *ends) for ends in ((-1, 1), (1, -1)) if rank > 2 and array.shape[1:] != wanted]
    return next((one for one in moved if one.shape[1:] == wanted), array.reshape(len(array), *wanted))


def compare_answers(answers: Answers, reference: str, count: int | None = None) -> CodeComparison:
    """TFLM against one reference, on the first `count` samples (all of them if None).

    Raises
    ------
    ParameterError : no such reference, or a count outside 1…n.
    """
    others = find(reference, answers.references)
    n = answers.n if count is None else count
    if not 1 <= n <= answers.n:
        raise ParameterError(f"{n} samples of {answers.n}; ask for 1 to {answers.n}")
    rows = [(own[:n], other[:n], step) for own, other, step in zip(answers.own, others, answers.steps, strict=True)]
    signed = [_signed(*row) for row in rows]
    outputs = [_sum_up(index, one, answers) for index, one in enumerate(signed)]
    every, verdict = np.concatenate([one.ravel() for one in signed]), answers.verdicts.get(reference, UNKNOWN)
    largest = max(one.max_steps for one in outputs)
    text = _explain(reference, verdict, answers.units) if largest else EQUAL.text
    return CodeComparison(
        reference, _count(every), float((every == 0).mean()), int(largest) if np.isfinite(largest) else largest,
        _top1(*rows[0][:2]) if len(rows) == 1 else None, text, verdict, tuple(outputs), answers.state,
    )  # fmt: skip


def _sum_up(index: int, steps: Array, answers: Answers) -> OutputComparison:
    largest = float(np.abs(steps).max(initial=0.0))
    return OutputComparison(index, float((steps == 0).mean()), largest, answers.steps[index], answers.units[index])


def _explain(reference: str, verdict: Agreement, units: Sequence[str]) -> str:
    reason = ""
    if verdict.kind == "rounding":
        kinds, (name, text) = {one.name for one in verdict.operators}, REASONS[reference]
        reason = SUMS if "LSB" not in units else text if not name or name in kinds else ""
    return f"{verdict.text} {reason}".rstrip()


def _signed(own: Array, other: Array, step: float) -> Array:
    """TFLM less the other in whole steps, [n, values]; inf where they cannot be subtracted, 0 where both are NaN."""
    if own.shape != other.shape:
        return np.full(own.shape, np.inf)
    one, two = own.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.where((one == two) | (np.isnan(one) & np.isnan(two)), 0.0, (one - two) / step)
    found: Array = np.rint(np.nan_to_num(apart, nan=np.inf))
    return found


def _count(steps: Array) -> dict[int, int]:
    values, counts = np.unique(steps[np.isfinite(steps)].astype(np.int64), return_counts=True)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True)}


def _top1(own: Array, other: Array) -> float | None:
    if own.shape != other.shape or own.shape[1] < 2:
        return None
    return float((own.argmax(axis=1) == other.argmax(axis=1)).mean())


def _epsilon_of(values: Array) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return (float(finite.max(initial=0.0)) or 1.0) * EPSILON


def _list_notes(answers: Answers, asked: int) -> tuple[str, ...]:
    """What a reader must know besides: samples left out, references without an answer, outputs that say little."""
    left = f"{answers.n} of {asked} inputs were compared: an inference is slow here" if answers.n < asked else ""
    silent = [f"{engine} gave no answer: {reason}" for engine, reason in answers.refusals.items()]
    notes = [_note_output(index, one, answers.steps[index]) for index, one in enumerate(answers.own)]
    return tuple(note for note in (left, *silent, *notes) if note)


def _note_output(index: int, own: Array, step: float) -> str:
    advice = "little is compared, give samples of your own"
    if len(own) > 1 and own.size and (own == own[0]).all():
        return f"output {index} is the same for all {len(own)} inputs: {advice}"
    ends = np.unique(own)
    if len(ends) == 2 and own.dtype.kind == "f" and ends[1] - ends[0] > _RANGE * step:
        return f"output {index} is saturated, {ends[0]:g} or {ends[1]:g} for all {len(own)} inputs: {advice}"
    return ""
