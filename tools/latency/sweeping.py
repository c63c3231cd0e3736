"""Loop lengths of CMSIS-NN's kernels from thousands of single kernels counted on the virtual board (`sweep.csv`).

The swept library is CMSIS-NN 4.0.0; TFLM's is newer, with TFLM's evaluation around it. Single kernels say how cost
follows shape, TFLM's own counts of four networks how far its kernels depart: `as_tflm` takes the first to the second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinykit.predict.latency.kernels import NAMES, count_loop_features, features_of, kind_of
from tinykit.predict.latency.shapes import OperatorShape, from_rows, read_table

Coefficients = dict[str, tuple[float, ...]]
HELD_OUT = 3
"""Every third shape is held out when the model is judged."""

_KINDS = {
    "conv_1x1": "1x1 convolution", "conv": "KxK convolution", "depthwise": "depthwise",
    "depthwise_any": "depthwise", "depthwise_mult": "depthwise", "fully_connected": "fully connected",
    "pool": "average pool",
}  # fmt: skip
_TINY = 1e-6


def read_sweep(core: str) -> tuple[tuple[OperatorShape, int], ...]:
    """(shape, instructions) of every swept operator on a core."""
    rows = [row for name in ("sweep", "sweep_multiplied") for row in read_table(name).rows if core in row]
    return tuple((shape, sum(map(int, row[core].split()))) for shape, row in zip(from_rows(rows), rows, strict=True))


def fit_swept(core: str, style: str, *, judged: bool = False) -> Coefficients:
    """Instructions per turn of each loop, by kernel; least squares of the relative error, none negative.

    Parameters
    ----------
    core, style : "cortex-m4", "dsp"; "cortex-m0plus", "scalar"; "cortex-m55", "mve": what of it was swept.
    judged : fit without the shapes that are held out.
    """
    seen: dict[str, list[tuple[OperatorShape, int]]] = {kind: [] for kind in NAMES}
    for number, (shape, counted) in enumerate(read_sweep(core)):
        kind = kind_of(shape)
        if kind in seen and not (judged and number % HELD_OUT == 0):
            seen[kind].append((shape, counted))
    fitted = {}
    for kind, pairs in seen.items():
        if not pairs:
            continue
        counts = np.array([counted for _, counted in pairs], dtype=float)
        turns = np.array([features_of(shape, kind, style) for shape, _ in pairs])
        fitted[kind] = _rounded(drop_negative(turns / counts[:, None], np.ones(len(counts))))
    return fitted


def as_tflm(
    swept: Coefficients, table: str, shapes: Sequence[OperatorShape] = (), counts: Sequence[float] = ()
) -> Coefficients:
    """Coefficients of TFLM's kernels from those of the swept library.

    A convolution's loop and the rest of it get a factor each, fitted to the operators that were counted in TFLM; the
    other kernels are the same, but for what TFLM's evaluation adds around each call (`export_corrections.csv`).

    Parameters
    ----------
    swept : by kernel. table : "tflm-cmsis-nn@cortex-m4". shapes, counts : operators of TFLM and their instructions;
        none where only whole networks were counted: then one factor for all.
    """
    core = table.split("@")[1]
    rows = [row for row in read_table("export_corrections").rows if (row["core"], row["compiler"]) == (core, "gcc")]
    factors = {row["kind"]: (float(row["factor"]), float(row["added"])) for row in rows}
    made = {}
    for kind, values in swept.items():
        scale, added = factors.get("network", (1.0, 0.0))
        if shapes and _KINDS.get(kind) in factors:
            scale, added = 1.0, factors[_KINDS[kind]][1]
        column: Sequence[float] = [scale] * len(values)
        if kind == "conv" and shapes:
            seen = [(one, count - added) for one, count in zip(shapes, counts, strict=True) if kind_of(one) == kind]
            column = _fit_two(values, seen)
        *body, call = (value * factor for value, factor in zip(values, column, strict=True))
        made[kind] = _rounded(np.array([*body, call + added]))
    return made


def _fit_two(values: tuple[float, ...], pairs: Sequence[tuple[OperatorShape, float]]) -> list[float]:
    """A factor for each coefficient of the convolution: one for the loop, one for all else."""
    inside = count_loop_features("conv", "dsp")
    parts = [np.array(features_of(shape, "conv", "dsp")) * values for shape, _ in pairs]
    counted = np.array([count for _, count in pairs])
    sums = np.array([(part[:inside].sum(), part[inside:].sum()) for part in parts])
    loop, rest = np.linalg.lstsq(sums / counted[:, None], np.ones(len(counted)), rcond=None)[0].tolist()
    return [loop] * inside + [rest] * (len(values) - inside)


def drop_negative(matrix: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares; the column that would cost least is left out until none costs less than nothing."""
    kept = np.flatnonzero(matrix.any(axis=0)).tolist()
    solution = np.zeros(0, dtype=np.float64)
    while kept:
        solution = np.asarray(np.linalg.lstsq(matrix[:, kept], target, rcond=None)[0], dtype=np.float64)
        if solution.min() >= 0:
            break
        kept.pop(int(solution.argmin()))
    found = np.zeros(matrix.shape[1])
    found[kept] = solution
    return found


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") if abs(value) > _TINY else 0.0 for value in values.tolist())
