"""From real numbers to a model's integers and back, and what an interpreter answers to them.

Does TFLM answer as LiteRT does, and a rewritten model as the model? Differences, and why they are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError, ModelError, ParameterError, name_nearest
from tinykit.ground.results import Result
from tinykit.predict.runtime.reference import find_reference, reference_engine
from tinykit.predict.runtime.session import ENGINES, RecordedArena, Session, TensorInfo

INTEGERS = ("int8", "uint8", "int16", "int32")


def quantise_input(x: ArrayLike, scale: float, zero_point: int, dtype: str = "int8") -> NDArray[Any]:
    """q = clip(round(x / scale) + zero_point), rounding halves away from zero.

    That is what TFLM's QUANTIZE kernel computes (`AffineQuantize` and `TfLiteRound`, in float32), so features
    quantised here and by a QUANTIZE operator agree to the bit; `np.round`, as many examples use it, takes halves
    to the even neighbour.

    Parameters
    ----------
    x : real values, any shape.
    scale, zero_point : of the tensor; scale > 0.
    dtype : of the result: "int8", "uint8", "int16" or "int32".

    Raises
    ------
    DataError : NaN or infinity among the values.
    ModelError : scale not positive, or a dtype that is not an integer's.
    """
    if dtype not in INTEGERS or not scale > 0:
        raise ModelError(f"cannot quantise to {dtype} with scale {scale}; the tensor has no valid quantisation")
    values = np.asarray(x, dtype=np.float32)
    _check_finite(values)
    steps = values / np.float32(scale)
    rounded = np.trunc(steps + np.copysign(np.float32(0.5), steps)).astype(np.float64) + zero_point
    limits = np.iinfo(dtype)
    quantised: NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(dtype)
    return quantised


def dequantise(q: ArrayLike, scale: float, zero_point: int) -> NDArray[np.float32]:
    """x = (q - zero_point) * scale, in float32; the inverse of `quantise_input` up to half a step."""
    values = np.asarray(q, dtype=np.int64) - zero_point
    return (values * np.float64(np.float32(scale))).astype(np.float32)


def to_input(x: ArrayLike, info: TensorInfo) -> NDArray[Any]:
    """Real samples as a model input takes them.

    Parameters
    ----------
    x : [n, *shape]; axes of length 1 may be missing or added.
    info : the input, from `Session.inputs`.

    Returns
    -------
    [n, *shape] in the input's dtype, quantised where that is an integer.

    Raises
    ------
    DataError : no sample, another shape, NaN or infinity.
    """
    values = np.asarray(x, dtype=np.float32)
    wanted = info.sample_shape
    if _squeezed(values.shape[1:]) != _squeezed(wanted) or not values.shape or not len(values):
        raise DataError(f"samples have shape {values.shape}, the model takes {('n', *wanted)}; reshape or window them")
    shaped = values.reshape(-1, *wanted)
    if info.dtype in INTEGERS:
        return quantise_input(shaped, info.scale, info.zero_point, info.dtype)
    _check_finite(shaped)
    return shaped.astype(info.dtype)


def predict_labels(model: bytes, x_float: ArrayLike, *, timeout_s: float = 600.0) -> NDArray[np.int64]:
    """Class indices [n] that TFLM's kernels give: the largest output, the first where several are equal.

    Parameters
    ----------
    model : bytes of a .tflite classifier, int8, int16x8 or float32.
    x_float : [n, *shape], normalised as the network was trained.
    timeout_s : limit on the child process [s].

    Raises
    ------
    DataError, ModelError, EngineError : as `Session`, `Session.run` and `to_input`.
    """
    with Session(model, timeout_s=timeout_s) as session:
        outputs = session.run(to_input(x_float, session.inputs[0]))
    classes: NDArray[np.int64] = outputs.reshape(len(outputs), -1).argmax(axis=1).astype(np.int64)
    return classes


def _check_finite(values: NDArray[np.float32]) -> None:
    if bad := int((~np.isfinite(values)).sum()):
        raise DataError(f"input holds {bad} values that are NaN or infinite; clean it first")


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


Array = NDArray[Any]
_T = TypeVar("_T")

EXPLANATIONS = {
    "litert-reference": "LiteRT's reference kernels round a fully connected accumulator once, TFLM and CMSIS-NN twice "
    "(multiply, then shift), and softmax and mean differ in their tables: a few LSB, no fault of the model.",
    "litert-optimised": "LiteRT's optimised kernels accumulate in another order and round in their own way; "
    "a few LSB, no fault of the model.",
    "litert-xnnpack": "LiteRT's default delegate XNNPACK requantises in float32 where TFLM uses fixed-point "
    "multipliers: layers differ by an LSB and the differences add up. Golden vectors come from TFLM, not from here.",
    "against": "another model: these are differences of the networks (quantisation above all), not of the kernels.",
}


@dataclass(frozen=True, slots=True)
class CodeComparison(Result):
    """TFLM's outputs minus those of one reference, in steps of the output.

    Parameters
    ----------
    reference : one of LiteRT's kernel sets, or "against" for another model.
    histogram : difference in steps -> number of output values.
    fraction_equal : 0–1, of output values.
    max_difference : largest absolute difference, in steps.
    top1_agreement : 0–1, of samples whose largest output is the same; None where an output is no vector.
    explanation : where such differences come from.
    """

    reference: str
    histogram: dict[int, int] = field(hash=False)
    fraction_equal: float
    max_difference: int
    top1_agreement: float | None
    explanation: str

    def __str__(self) -> str:
        top1 = "" if self.top1_agreement is None else f", top-1 agrees {self.top1_agreement:.1%}"
        return f"{self.reference}: {self.fraction_equal:.2%} equal, max {self.max_difference} LSB{top1}"


@dataclass(frozen=True, slots=True)
class Verification(Result):
    """TFLM against every reference asked for.

    Parameters
    ----------
    n : samples.
    step : real size of one step ("LSB") of the output: its scale, or for a float32 output the float32 epsilon of
        the largest magnitude in it.
    comparisons : one for each reference.
    """

    n: int
    step: float
    comparisons: tuple[CodeComparison, ...]

    def __getitem__(self, reference: str) -> CodeComparison:
        """The comparison with one reference; ParameterError where it was not made."""
        return _find(reference, {one.reference: one for one in self.comparisons})

    def __str__(self) -> str:
        return "\n".join([f"TFLM against, n={self.n}:", *(str(one) for one in self.comparisons)])


@dataclass(frozen=True, slots=True, eq=False)
class Answers(Result):
    """What every interpreter answered to the same samples, as real numbers.

    Parameters
    ----------
    own : TFLM's outputs [n, values].
    step : as in `Verification`.
    references : the outputs of each reference, of the same shape.
    """

    own: Array = field(repr=False)
    step: float
    references: Mapping[str, Array] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SameProof(Result):
    """A model and a rewritten one, side by side in one engine on this 64-bit host.

    Parameters
    ----------
    n, equal : inputs both were run on; whether every output byte is the same.
    before, after : the arenas TFLM recorded for the model and for the rewritten one; None where LiteRT ran them.
    engine : that ran both: "tflm", or "litert-reference" where TFLM's interpreter is not installed.
    """

    n: int
    equal: bool
    before: RecordedArena | None
    after: RecordedArena | None
    engine: str = "tflm"

    @property
    def saved_bytes(self) -> int | None:
        """Head of the arena won, in bytes: the same on a 32-bit target; negative where it grew, None without arenas."""
        return self.before.head_bytes - self.after.head_bytes if self.before and self.after else None

    def __str__(self) -> str:
        equal = f"outputs of {self.n} inputs {'equal' if self.equal else 'DIFFER'}"
        if not (self.before and self.after):
            return f"{equal} in {find_reference(self.engine).kernels}, not tried in TFLM"
        return f"{equal}; arena head {self.before.head_bytes:,} -> {self.after.head_bytes:,} bytes, recorded by TFLM"


def verify_model(
    model: bytes, inputs: Array, against: bytes | None = None, *, timeout_s: float = 300.0
) -> Verification:
    """Compare TFLM's outputs with LiteRT's three kernel sets, and with another model where one is given.

    Parameters
    ----------
    model : bytes of a .tflite file of one input and one output.
    inputs : [n, *shape]: integers are taken as the model's own, real numbers are quantised first.
    against : bytes of a reference, e.g. the float32 model; it needs real inputs.
    timeout_s : limit on the child process [s].

    Raises
    ------
    DataError : inputs of a wrong shape or dtype, integers together with `against`, outputs of different sizes.
    ModelError, EngineError : as `Session`.
    """
    answers = collect_answers(model, inputs, against, timeout_s=timeout_s)
    return Verification(
        len(answers.own), answers.step, tuple(compare_answers(answers, reference) for reference in answers.references)
    )


def collect_answers(model: bytes, inputs: Array, against: bytes | None = None, *, timeout_s: float = 300.0) -> Answers:
    """Run every interpreter once, so that many comparisons can be made; arguments and errors as `verify_model`.

    Parameters
    ----------
    model, inputs, against, timeout_s : as in `verify_model`.
    """
    with Session(model, timeout_s=timeout_s) as session:
        own, info = _answer(session, inputs), session.outputs[0]
    step = info.scale if info.dtype in INTEGERS and info.scale else (float(np.abs(own).max()) or 1.0) * 2.0**-23
    references = {}
    for engine in ENGINES[1:]:
        with Session(model, engine=engine, timeout_s=timeout_s) as session:
            references[engine] = _answer(session, inputs)
    if against is not None:
        with Session(against, engine="litert-reference", timeout_s=timeout_s) as session:
            references["against"] = other = _answer(session, inputs)
        if other.shape != own.shape:
            raise DataError(
                f"the reference gives {other.shape} outputs, the model {own.shape}; compare models of one task"
            )
    return Answers(own, step, references)


def compare_answers(answers: Answers, reference: str, count: int | None = None) -> CodeComparison:
    """TFLM against one reference, on the first `count` samples (all of them if None).

    Raises
    ------
    ParameterError : no such reference, or a count outside 1…n.
    """
    other = _find(reference, answers.references)
    n = len(answers.own) if count is None else count
    if not 1 <= n <= len(answers.own):
        raise ParameterError(f"{n} samples of {len(answers.own)}; ask for 1 to {len(answers.own)}")
    return _compare(reference, answers.own[:n], other[:n], answers.step)


def prove_same(model: bytes, rewritten: bytes, *, n: int = 4, seed: int = 0, timeout_s: float = 60.0) -> SameProof:
    """Run both models on `n` made-up inputs over the whole range of their type, and record both arenas.

    Parameters
    ----------
    model, rewritten : bytes of .tflite files with the same inputs.
    n, seed : how many random inputs, and of what they are drawn.
    timeout_s : limit on the child process [s].

    Raises
    ------
    ModelError : the engine refuses one of them, or their inputs differ. EngineError : as `Session`.
    """
    use, limit = reference_engine().engine, timeout_s
    with Session(model, engine=use, timeout_s=limit) as old, Session(rewritten, engine=use, timeout_s=limit) as new:
        shapes = [[(one.shape, one.dtype) for one in session.inputs] for session in (old, new)]
        if shapes[0] != shapes[1]:
            raise ModelError(f"inputs {shapes[1]} of the rewritten model are not those of the model, {shapes[0]}")
        rng = np.random.default_rng(seed)
        inputs = tuple(_draw(rng, (n, *one.sample_shape), one.dtype) for one in old.inputs)
        answers = zip(old.run_all(inputs), new.run_all(inputs), strict=True)
        equal = all(one.tobytes() == other.tobytes() for one, other in answers)
        arenas = [one.measure_arena(smallest=False) if use == "tflm" else None for one in (old, new)]
        return SameProof(n, equal, arenas[0], arenas[1], use)


def sample_inputs(model: bytes, n: int = 32, *, seed: int = 0) -> Array:
    """Real inputs [n, *shape] made up for a check without data: uniform over an integer input's range, else normal."""
    with Session(model) as session:
        info = session.inputs[0]
    rng, shape = np.random.default_rng(seed), (n, *info.sample_shape)
    if info.dtype not in INTEGERS or not info.scale:
        return rng.normal(0, 1, shape).astype(np.float32)
    limits = np.iinfo(info.dtype)
    return dequantise(rng.integers(limits.min, limits.max + 1, shape), info.scale, info.zero_point)


def _draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    if np.issubdtype(np.dtype(dtype), np.integer):
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    return rng.normal(0, 1, shape).astype(dtype)


def _answer(session: Session, inputs: Array) -> Array:
    """Outputs as real numbers [n, values]."""
    first, given = session.inputs[0], np.asarray(inputs)
    if given.dtype.name != first.dtype:
        if not np.issubdtype(given.dtype, np.floating):
            raise DataError(f"inputs are {given.dtype}, which is not the model's dtype; pass real numbers")
        given = to_input(given, first)
    outputs, info = session.run(given), session.outputs[0]
    flat = outputs.reshape(len(outputs), -1)
    return dequantise(flat, info.scale, info.zero_point) if info.dtype in INTEGERS and info.scale else flat


def _compare(reference: str, own: Array, other: Array, step: float) -> CodeComparison:
    steps = np.rint((own.astype(np.float64) - other.astype(np.float64)) / step).astype(np.int64)
    values, counts = np.unique(steps, return_counts=True)
    histogram = {int(value): int(count) for value, count in zip(values, counts, strict=True)}
    agreement = float((own.argmax(axis=1) == other.argmax(axis=1)).mean()) if own.shape[1] > 1 else None
    equal, largest = float((steps == 0).mean()), int(np.abs(steps).max())
    text = EXPLANATIONS[reference] if largest else "every output value is equal."
    return CodeComparison(reference, histogram, equal, largest, agreement, text)


def _find(reference: str, made: Mapping[str, _T]) -> _T:
    if reference not in made:
        raise ParameterError(f"no comparison with {reference!r}; {name_nearest(reference, made)}")
    return made[reference]
