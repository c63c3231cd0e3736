"""What came out where answers were compared, and the sentence that follows from size and place of a difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from tinykit.ground.errors import ParameterError, look_up
from tinykit.ground.results import Result
from tinykit.predict.runtime.locating import OperatorDifference
from tinykit.predict.runtime.session import Array

_T = TypeVar("_T")
_MOST_NAMES = 4
_DECISIVE = ("litert-reference", "against", "onnxruntime")
_FAULT_DB, _FAULT_STEPS = 5.0, 8.0
"""Two right kernels of a whole network lie nearer than one or the other, whatever their layers make of rounding."""
REASONS = {
    "litert-reference": ("FULLY_CONNECTED", "LiteRT's reference kernels round a fully connected accumulator once, TFLM "
    "and CMSIS-NN twice (multiply, then shift)."),
    "litert-optimised": ("", "LiteRT's optimised kernels accumulate in another order and round in their own way."),
    "litert-xnnpack": ("", "LiteRT's default delegate XNNPACK requantises in float32 where TFLM uses fixed-point "
    "multipliers. Golden vectors come from TFLM, not from here."),
    "onnxruntime": ("", "ONNX Runtime, its optimisations off, computes in float32 what the scales define."),
    "onnxruntime-optimised": ("", "Its own fused kernels round in their own way."),
}  # fmt: skip
"""Why kernels of integers round differently, and the operator that it is known of ("" for many)."""
SUMS = "Sums of floats are taken in another order."


@dataclass(frozen=True, slots=True)
class Agreement(Result):
    """Whether two answers agree, and if not, what their difference is.

    Parameters
    ----------
    kind : "equal", "rounding", "different", "backed" where exact arithmetic sides with TFLM against the other,
        "network" for another model that is near, "partly" where no other interpreter runs the whole, "unknown" where
        nothing was looked for.
    text : the sentence.
    operators : those that differ on the same inputs, in the model's order; of a verdict "different" the last is where
        it begins.
    """

    kind: str
    text: str
    operators: tuple[OperatorDifference, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the two compute the same, or TFLM what is right."""
        return self.kind != "different"

    @property
    def first(self) -> OperatorDifference | None:
        """The operator that rounding does not explain, or else the first that differs."""
        unexplained = [one for one in self.operators if not one.rounds]
        return next(iter([*unexplained, *self.operators]), None)

    def __str__(self) -> str:
        return self.text


EQUAL = Agreement("equal", "every output value is equal.")
UNKNOWN = Agreement("unknown", "where the difference begins was not looked for.")
NOT_THE_SAME = "these two do not compute the same: "


def judge(operators: tuple[OperatorDifference, ...], steps: float, *, stable: bool, unit: str) -> Agreement:
    """The verdict on outputs that differ.

    Parameters
    ----------
    operators : what `Bench.compare` found.
    steps : largest difference of an output.
    stable : TFLM gives the same in an arena that shares no memory.
    unit : of `steps`.
    """
    first = next((one for one in operators if not one.rounds and not one.backed), None)
    if first is not None:
        return Agreement("different", f"{NOT_THE_SAME}first at {first}", operators)
    if not stable:
        text = "TFLM's own answer changes with its arena, so an operator reads or writes beyond its tensors"
        return Agreement("different", f"{NOT_THE_SAME}{text}", operators)
    if not operators:
        text = f"each operator alone gives the same, together they lie {steps:,.0f} {unit} apart"
        return Agreement("different", f"{NOT_THE_SAME}{text}")
    backed = next((one for one in operators if one.backed), None)
    if backed is not None:
        return Agreement("backed", f"TFLM computes right what the other does not: {backed}", operators)
    names = [one.label for one in operators[:_MOST_NAMES]]
    more = f" and {len(operators) - _MOST_NAMES} more" if len(operators) > _MOST_NAMES else ""
    each = max(one.steps for one in operators)
    grown = f" Each by {each:,.0f} on the same inputs: the layers behind make more of it." if steps > 4 * each else ""
    return Agreement(
        "rounding", f"rounding of {', '.join(names)}{more}: at most {steps:,.0f} {unit}.{grown}", operators
    )


def judge_alone(found: tuple[OperatorDifference, ...], operators: int) -> Agreement | None:
    """The verdict on a model that no other interpreter runs whole, None where it runs none of the operators either.

    Parameters
    ----------
    found : what `Bench.compare` found, with the operators that the other refuses.
    operators : how many the model has.
    """
    if any(not one.rounds and not one.backed for one in found):
        return judge(found, float("inf"), stable=True, unit="LSB")
    refused = [one for one in found if one.reason]
    if len(refused) == operators:
        return None
    names = ", ".join(one.label for one in refused[:_MOST_NAMES]) or "the whole"
    more = f" and {len(refused) - _MOST_NAMES} more" if len(refused) > _MOST_NAMES else ""
    text = f"no other interpreter runs {names}{more}; the other operators, each alone, compute the same."
    return Agreement("partly", text, found)


def judge_network(own: tuple[Array, ...], other: tuple[Array, ...]) -> Agreement:
    """The verdict on another model: not the same where its error is as large as the outputs' own variation.

    That is a signal-to-noise ratio of 0 dB about the mean, which a model that always answers the mean would reach.
    """
    least = _sqnr(own, other)
    if least == float("inf"):
        return EQUAL
    if not least > 0:
        text = f"its outputs are no nearer than a constant would be (SQNR {least:.1f} dB about their mean)"
        return Agreement("different", f"{NOT_THE_SAME}{text}")
    return Agreement("network", f"another model, near this one: SQNR {least:.1f} dB about the mean of its outputs.")


def _sqnr(own: tuple[Array, ...], other: tuple[Array, ...]) -> float:
    """The least ratio of an output's own variation to its error [dB]."""
    ratios = []
    for mine, theirs in zip(own, other, strict=True):
        mean = theirs.mean(axis=0 if len(theirs) > 1 else None)
        signal, noise = (float(np.sum(one.astype(np.float64) ** 2)) for one in (theirs - mean, mine - theirs))
        signal = signal or float(np.sum(theirs.astype(np.float64) ** 2))
        ratios.append(float("inf") if not noise else 10 * np.log10(signal / noise) if signal else -float("inf"))
    return min(ratios)


def judge_onnx(
    own: tuple[Array, ...], onnx: tuple[Array, ...], xnnpack: tuple[Array, ...] | None, steps: tuple[float, ...]
) -> Agreement:
    """The verdict in two steps: whether the conversion is at fault, by XNNPACK, and what TFLM's rounding adds.

    XNNPACK and ONNX Runtime round a scale in float32, so they are equal but where residual sums, means and softmax go
    their own ways; a fault of the conversion shows there, not as TFLM's rounding.
    """
    judge = own if xnnpack is None else xnnpack
    rows = zip(judge, onnx, steps, strict=True)
    apart = np.concatenate([np.rint((one - two) / step).ravel() for one, two, step in rows])
    least, equal, most = _sqnr(judge, onnx), float((apart == 0).mean()), float(np.abs(apart).max(initial=0))
    name = "TFLM" if xnnpack is None else "XNNPACK"
    told = f"ONNX Runtime and {name} are equal in {equal:.1%} of the values, at most {most:,.0f} LSB apart"
    if least < _FAULT_DB and most > _FAULT_STEPS:
        return Agreement("different", f"{NOT_THE_SAME}{told} (SQNR {least:.1f} dB): the conversion is at fault")
    if _sqnr(own, onnx) == float("inf"):
        return EQUAL
    return Agreement("rounding", f"the conversion is right, {told}; the rest is how kernels round.")


@dataclass(frozen=True, slots=True)
class OutputComparison(Result):
    """One output of a comparison.

    Parameters
    ----------
    index : of the output.
    equal : 0–1, of its values.
    max_steps : largest absolute difference, in steps; inf where the outputs cannot be subtracted.
    step : real size of one step.
    unit : "LSB", or "eps" for a float: 2^-23 of the largest magnitude.
    """

    JSON = ("index", "equal", "max_steps=known_steps", "step", "unit")

    index: int
    equal: float
    max_steps: float
    step: float
    unit: str

    @property
    def known_steps(self) -> float | None:
        """`max_steps`, None where it is infinite."""
        return self.max_steps if np.isfinite(self.max_steps) else None

    def __str__(self) -> str:
        return f"output {self.index}: {self.equal:.2%} equal, max {self.max_steps:,.0f} {self.unit} of {self.step:g}"


@dataclass(frozen=True, slots=True)
class CodeComparison(Result):
    """TFLM's outputs minus those of one reference, in steps of each output.

    Parameters
    ----------
    reference : one of LiteRT's kernel sets, or "against" for another model.
    histogram : difference in steps -> number of output values.
    fraction_equal : 0–1, of output values.
    max_difference : largest absolute difference, in steps; inf where the outputs cannot be subtracted.
    top1_agreement : 0–1, of samples whose largest output is the same; None where that is no question.
    explanation : the verdict, and for rounding why it is there.
    verdict : on the reference, from all samples.
    outputs : each output alone.
    state : "reset" before each sample or "kept" over the sequence, for a model that has one.
    """

    JSON = ("reference", "state", "fraction_equal=known_fraction", "max_difference=known_difference", "top1_agreement",
            "histogram", "explanation", "verdict", "outputs")  # fmt: skip

    reference: str
    histogram: dict[int, int] = field(hash=False)
    fraction_equal: float
    max_difference: float
    top1_agreement: float | None
    explanation: str
    verdict: Agreement = EQUAL
    outputs: tuple[OutputComparison, ...] = ()
    state: str = ""

    @property
    def unit(self) -> str:
        """Of the differences: "LSB", or "eps" where all outputs are floats."""
        return "eps" if self.outputs and all(one.unit == "eps" for one in self.outputs) else "LSB"

    @property
    def known_fraction(self) -> float | None:
        """`fraction_equal`, None where there was nothing to subtract."""
        return self.fraction_equal if self.histogram else None

    @property
    def known_difference(self) -> float | None:
        """`max_difference`, None where it is infinite."""
        return self.max_difference if np.isfinite(self.max_difference) else None

    def __str__(self) -> str:
        top1 = "" if self.top1_agreement is None else f", top-1 agrees {self.top1_agreement:.1%}"
        state = f" ({self.state})" if self.state else ""
        if not self.histogram:
            return f"{self.reference}{state}: no outputs to compare"
        apart = f"max {self.max_difference:,.0f} {self.unit}"
        return f"{self.reference}{state}: {self.fraction_equal:.2%} equal, {apart}{top1}"


@dataclass(frozen=True, slots=True)
class Verification(Result):
    """TFLM against every reference asked for.

    Parameters
    ----------
    n : samples.
    step : real size of one step ("LSB") of the first output: its scale, also that of what a DEQUANTIZE before it took,
        or for a float32 output the float32 epsilon of the largest magnitude in it.
    comparisons : one for each reference that answered, for a model that keeps state one more with that kept.
    notes : references that gave no answer, outputs that say little, samples left out.
    """

    JSON = ("n", "step", "same", "verdict=verdict.text", "comparisons", "notes")

    n: int
    step: float
    comparisons: tuple[CodeComparison, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, reference: str) -> CodeComparison:
        """The comparison with one reference; ParameterError where it was not made."""
        return find(reference, {one.reference: one for one in reversed(self.comparisons)})

    @property
    def decisive(self) -> tuple[CodeComparison, ...]:
        """What the answer rests on: LiteRT's reference kernels and another model; without these, what answered."""
        return tuple(one for one in self.comparisons if one.reference in _DECISIVE) or self.comparisons

    @property
    def same(self) -> bool:
        """Whether TFLM computes the same as what is decisive."""
        return all(one.verdict.same for one in self.decisive)

    @property
    def verdict(self) -> Agreement:
        """Of the decisive comparisons the one that matters most: "different" before "rounding" before "equal"."""
        order = ("different", "network", "unknown", "backed", "partly", "rounding", "equal")
        return min((one.verdict for one in self.decisive), key=lambda one: order.index(one.kind), default=EQUAL)

    def __str__(self) -> str:
        lines = [f"TFLM against, n={self.n}:", *(str(one) for one in self.comparisons)]
        return "\n".join([*lines, f"verdict: {self.verdict}", *self.notes])


def find(reference: str, made: Mapping[str, _T]) -> _T:
    """What was made for a reference; ParameterError where nothing was."""
    return look_up(reference, made, f"no comparison with {reference!r}", ParameterError)
