"""Coefficients of the instruction model from the counted tables: how `coefficients.csv` comes about.

Nothing here runs when a prediction is made: the shipped files hold the result, and a test refits them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinykit.predict.latency.kernels import features_of, kind_of
from tinykit.predict.latency.shapes import OperatorShape, from_rows, read_table
from tools.latency.sweeping import Coefficients, as_tflm, fit_swept

TABLES = {
    "tflm-reference@cortex-m4": "portable",
    "tflm-cmsis-nn@cortex-m4": "dsp",
    "tflm-cmsis-nn@cortex-m33": "dsp",
    "tflm-cmsis-nn@cortex-m7": "dsp",
    "tflm-cmsis-nn@cortex-m55": "mve",
}
"""The counted tables (-O3) and the SIMD style of their inner loops."""

_SCALAR = ("cortex-m0plus",)
"""Cores without DSP whose kernels were swept."""

_CALL = 1500.0
"""Instructions of one call of a convolution or depthwise kernel: set-up and the wrapper (assumed)."""
_FIXED_CALL = ("conv", "conv_1x1", "depthwise", "depthwise_any")
_RIDGE = 0.1
_ROUGH_WEIGHT = 0.01
_ROUGH = {
    ("portable", "conv"): (8, 0, 100, 0, 40, 0),
    ("portable", "conv_1x1"): (8, 0, 100, 0, 40, 0),
    ("portable", "depthwise"): (25, 150, 0, 10),
    ("mve", "conv"): (2.5, 3, 15, 1, 25, 1),
    ("mve", "conv_1x1"): (2.5, 3, 15, 0, 25, 1),
    ("mve", "depthwise"): (0.5, 15, 80, 150),
}
"""Rough instructions per feature, round figures of the compiled loops: where the rows leave a coefficient open it
stays near (being off by all of it weighs as much as missing one row by 1 %). Chosen with the tables in sight."""
_MODELS = ("kws", "ic", "vww", "ad")
_PARTS = ("conv or its inner loop", "conv_1x1 or overhead", "depthwise", "fully_connected", "other")


def fit_coefficients(table: str, leave_out: str = "") -> Coefficients:
    """Non-negative coefficients of every kernel of a counted table, least squares of the relative error.

    Kernels of CMSIS-NN without MVE, and the one that MVE has not, come from the sweep of single kernels, taken to TFLM
    by the table (`as_tflm`).

    Parameters
    ----------
    table : a key of `TABLES`.
    leave_out : a model of the table ("kws", "ic", "vww", "ad") to fit without.
    """
    rows = [row for row in read_table("operator_counts").rows if row["model"] != leave_out]
    shapes = from_rows(rows)
    counts = [float(row[table]) for row in rows]
    kinds = [kind_of(shape) for shape in shapes]
    fitted, style = {}, TABLES[table]
    if style in ("dsp", "mve"):
        fitted = as_tflm(fit_swept(table.split("@")[1], style), table, shapes, counts)
    for kind in sorted(set(kinds) - set(fitted)):
        chosen = [position for position, other in enumerate(kinds) if other == kind]
        features = np.array([features_of(shapes[position], kind, style) for position in chosen])
        rough = _ROUGH.get((style, kind), ())
        fitted[kind] = _fit_kind(kind, features, np.array([counts[position] for position in chosen]), rough)
    return fitted


def fit_all() -> list[tuple[str, str, str, Coefficients]]:
    """(runtime, core, build, coefficients) of everything counted: per operator, or in total alone."""
    counted = {table: fit_coefficients(table) for table in TABLES}
    fitted = [(*_split(table), "-O3", coefficients) for table, coefficients in counted.items()]
    for row in read_table("total_counts").rows:
        table = f"{row['runtime']}@{row['core']}"
        if table in TABLES and row["build"] == "-O3":
            continue
        base = table if table in TABLES else f"{row['runtime']}@cortex-m4"
        totals = {model: float(row[model]) * 1e6 for model in _MODELS}
        carried = carry_over(counted[base], TABLES[base], totals)
        if row["core"] in _SCALAR:
            carried |= as_tflm(fit_swept(row["core"], "scalar"), table)
        fitted.append((row["runtime"], row["core"], row["build"], carried))
    return fitted


def _split(table: str) -> tuple[str, str]:
    runtime, core = table.split("@")
    return runtime, core


def carry_over(base: Coefficients, style: str, totals: dict[str, float]) -> Coefficients:
    """Coefficients of another core or build, from the totals of whole models alone.

    Each part of the kernels (`_part_of`) gets one factor. Four totals cannot settle five factors, so
    each is drawn towards the common ratio (ridge): one compiler option moves all kernels the same way.

    Parameters
    ----------
    base, style : coefficients of the nearest counted table and its style.
    totals : instructions of each counted model under the other core or build.
    """
    rows = read_table("operator_counts").rows
    sums = np.zeros((len(totals), len(_PARTS)))
    for number, model in enumerate(totals):
        for shape in from_rows(row for row in rows if row["model"] == model):
            sums[number] += _count_parts(shape, base, style)
    target = np.array(list(totals.values()))
    common = float(np.exp(np.mean(np.log(target / sums.sum(axis=1)))))
    relative = sums * common / target[:, None]
    matrix = np.vstack([relative, _RIDGE * np.eye(len(_PARTS))])
    wanted = np.concatenate([np.ones(len(target)), np.full(len(_PARTS), _RIDGE)])
    factors = common * solve_non_negative(matrix, wanted)
    return {
        kind: tuple(_round(value * factors[_part_of(kind, slot, style)]) for slot, value in enumerate(values))
        for kind, values in base.items()
    }


def _part_of(kind: str, slot: int, style: str) -> int:
    """The part of the kernels that a feature belongs to, as an index into `_PARTS`.

    The portable convolution is one piece of code for every shape, so its inner loop and its rest are
    the parts; the SIMD libraries have separate code for 1×1 and for the rest.
    """
    if kind in ("conv", "conv_1x1"):
        return min(slot, 1) if style == "portable" else ("conv", "conv_1x1").index(kind)
    return {"depthwise": 2, "depthwise_any": 2, "depthwise_mult": 2, "fully_connected": 3}.get(kind, 4)


def _count_parts(shape: OperatorShape, coefficients: Coefficients, style: str) -> NDArray[np.float64]:
    sums, kind = np.zeros(len(_PARTS)), kind_of(shape)
    features = features_of(shape, kind, style)
    for slot, (feature, value) in enumerate(zip(features, coefficients[kind], strict=True)):
        sums[_part_of(kind, slot, style)] += feature * value
    return sums


def _fit_kind(
    kind: str, features: NDArray[np.float64], counts: NDArray[np.float64], rough: Sequence[float]
) -> tuple[float, ...]:
    """One kernel's coefficients; equal operators count once."""
    features, first = np.unique(features, axis=0, return_index=True)
    counts = counts[first]
    fixed = _CALL if kind in _FIXED_CALL else 0.0
    columns = (features[:, :-1] if fixed else features) / counts[:, None]
    wanted = 1.0 - fixed / counts
    if rough:
        pull = np.diag([_ROUGH_WEIGHT / figure if figure else 1e3 for figure in rough])
        columns = np.vstack([columns, pull])
        wanted = np.concatenate([wanted, [_ROUGH_WEIGHT if figure else 0.0 for figure in rough]])
    solved = solve_non_negative(columns, wanted)
    return tuple(_round(value) for value in ([*solved, fixed] if fixed else solved))


def render_coefficients() -> str:
    """The text of `data/latency/coefficients.csv`, one row a kernel."""
    source = read_table("operator_counts").source
    lines = [
        f"# source: fitted to operator_counts.csv and total_counts.csv ({source})",
        "# content: instructions per feature, in the order of the kernel's features (latency/kernels.py)",
        "runtime,core,build,style,kind,coefficients",
    ]
    for runtime, core, build, coefficients in fit_all():
        known = "scalar" if core in _SCALAR else "portable"
        style = TABLES.get(f"{runtime}@{core}", known)
        for kind, values in sorted(coefficients.items()):
            lines.append(f"{runtime},{core},{build},{style},{kind},{' '.join(f'{value:g}' for value in values)}")
    return "\n".join(lines) + "\n"


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def solve_non_negative(matrix: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares with x >= 0, exact: the best of all subsets of columns whose solution is non-negative."""
    best, chosen = float("inf"), np.zeros(matrix.shape[1])
    for size in range(1, matrix.shape[1] + 1):
        for subset in itertools.combinations(range(matrix.shape[1]), size):
            columns = list(subset)
            solution = np.linalg.lstsq(matrix[:, columns], target, rcond=None)[0]
            error = float(((matrix[:, columns] @ solution - target) ** 2).sum())
            if (solution >= 0).all() and error < best * (1 - 1e-9):
                best, chosen = error, np.zeros(matrix.shape[1])
                chosen[columns] = solution
    return chosen
