"""From real numbers to a model's integers and back, and the classes that TFLM makes of them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinykit.ground.errors import DataError, ModelError
from tinykit.model.graph.shapes import without_ones
from tinykit.predict.runtime.session import Array, Inputs, Session, TensorInfo

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
    if without_ones(values.shape[1:]) != without_ones(wanted) or not values.shape or not len(values):
        raise DataError(f"samples have shape {values.shape}, the model takes {('n', *wanted)}; reshape or window them")
    shaped = values.reshape(len(values), *wanted)
    if info.dtype in INTEGERS:
        return quantise_input(shaped, info.scale, info.zero_point, info.dtype)
    _check_finite(shaped)
    return shaped.astype(info.dtype)


def predict_labels(model: bytes, x_float: ArrayLike, *, timeout_s: float = 600.0) -> NDArray[np.int64]:
    """Class indices [n] that TFLM's kernels give: the largest output, the first where several are equal.

    Parameters
    ----------
    model : bytes of a .tflite classifier, int8, int16x8 or float32.
    x_float : [n, *shape], normalised as the network was trained; a tuple of them for a model of several inputs.
    timeout_s : limit on the child process [s].

    Raises
    ------
    DataError, ModelError, EngineError : as `Session`, `Session.run` and `to_codes`.
    """
    with Session(model, timeout_s=timeout_s) as session:
        outputs = session.run(to_codes(session, x_float if isinstance(x_float, tuple) else np.asarray(x_float, float)))
    classes: NDArray[np.int64] = outputs.reshape(len(outputs), -1).argmax(axis=1).astype(np.int64)
    return classes


def _check_finite(values: NDArray[np.float32]) -> None:
    if bad := int((~np.isfinite(values)).sum()):
        raise DataError(f"input holds {bad} values that are NaN or infinite; clean it first")


def to_codes(session: Session, inputs: Inputs) -> tuple[Array, ...]:
    """Samples for every input of a model: integers of its own type as they are, real numbers quantised.

    Raises
    ------
    DataError : another number of inputs or samples, another shape or integer type, NaN or infinity.
    """
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    if len(given) != len(session.inputs):
        raise DataError(f"the model has {len(session.inputs)} inputs, got {len(given)}; pass a tuple of arrays")
    return tuple(_to_codes(np.asarray(one), info) for one, info in zip(given, session.inputs, strict=True))


def _to_codes(values: Array, info: TensorInfo) -> Array:
    if values.dtype.name == info.dtype and values.dtype.kind != "f":
        return values
    if not np.issubdtype(values.dtype, np.floating):
        raise DataError(f"inputs are {values.dtype}, which is not the model's dtype; pass real numbers")
    return to_input(values, info)


def to_reals(session: Session, codes: tuple[Array, ...]) -> tuple[Array, ...]:
    """Every output as the real numbers it stands for, [n, values]."""
    return tuple(_to_reals(one.reshape(len(one), -1), info) for one, info in zip(codes, session.outputs, strict=True))


def _to_reals(codes: Array, info: TensorInfo) -> Array:
    return dequantise(codes, info.scale, info.zero_point) if info.dtype in INTEGERS and info.scale else codes
