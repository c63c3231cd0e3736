"""Refit how published memory under X-CUBE-AI strays from the plan: `python -m tools.st_memory [MEASUREMENTS]`.

With a folder of measurements (st_memory.csv, calibration.csv, added.csv, model_operators.csv; MLPerf's models in
../models) the rows in data/firmware/st_memory.csv are made again first: graphs are put together from the shapes of the
operators, each reading the newest tensor of its input's shape. Then data/firmware/st_memory.toml is written:
coefficients by least squares of relative errors, spreads from families left out, each family of equal weight.
"""

from __future__ import annotations

import csv
import math
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinykit.ground.facts import read_csv, shipped_path
from tinykit.model.graph.model import ModelGraph, Operator, Precision, Tensor
from tinykit.model.graph.reading import read
from tinykit.predict.st_memory import count_features, plan_activations, step_of, weight_bytes

ROWS, FITTED = shipped_path("data", "firmware", "st_memory.csv"), shipped_path("data", "firmware", "st_memory.toml")
LARGE_BYTES = 30 * 1024
DENSE_CODE_BYTES = 9 * 1024
STEPS = ("7", "8", "9")
_STRAY = 0.97
_LARGE_REACH, _SMALL_REACH = 1.4, 1.5
_FAMILIES = {
    "st fdmobilenet": "st_fdmobilenet_v1_{size}_", "fdmobilenet": "ic_flowers_fdmobilenet_0.25_{size}_",
    "mobilenet v1 0.25": "mobilenet_v1_0.25_{size}_{tint}", "mobilenet v1 0.5": "mobilenet_v1_0.5_{size}_",
    "mobilenet v2 0.35": "mobilenet_v2_0.35_{size}_", "resnet v1 8": "resnet_v1_8_32", "gmp wl": "gmp_wl_{size}",
    "squeezenet v1.1": "squeezenetv1.1_{size}_", "squeezenetv1.1": "squeezenetv1.1_{size}_", "ign wl": "ign_wl_{size}",
    "ad01": "mlperf_ad01_int8", "kws01": "mlperf_kws01", "ic01": "mlperf_ic01_resnet8_int8",
    "vww01": "mlperf_vww01_mbv1_int8",
}  # fmt: skip
"""What a published name begins with, and what the file of its operators holds."""
_SAME = {
    "mobilenet v1 0.25": "mobilenet v1", "mobilenet v1 0.5": "mobilenet v1", "vww01": "mobilenet v1",
    "ic01": "resnet v1 8",
}  # fmt: skip
_COLUMNS = (
    "family", "network", "version", "planned", "largest", "constants", "convolves", "weighted", "channels",
    "activations", "runtime_ram", "weights", "code",
)  # fmt: skip
_SOURCE = (
    "STMicroelectronics/stm32ai-modelzoo, README files of its public history (int8 networks, X-CUBE-AI 7.3 to 10.0, "
    "ST Edge AI Core 3.0), and mlcommons/tiny_results_v1.2 (X-CUBE-AI 9.0): "
    "activations, runtime RAM, weights and code in bytes; plan and features by tools/st_memory.py"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One published memory figure of a network; bytes, None where it was not published."""

    family: str
    network: str
    version: str
    planned: float
    largest: float
    constants: float
    features: tuple[float, ...]
    activations: float
    runtime_ram: float | None
    weights: float | None
    code: float | None

    @property
    def step(self) -> str:
        """The tool's step."""
        return step_of(self.version) or "8"

    @property
    def is_large(self) -> bool:
        """Whether the plan is above 30 KiB."""
        return self.planned > LARGE_BYTES


def read_rows(path: Path = ROWS) -> list[Row]:
    """The rows of data/firmware/st_memory.csv."""
    return [_to_row(one) for one in read_csv(path).rows]


def _to_row(cells: Mapping[str, str]) -> Row:
    numbers = {name: float(cells[name]) if cells[name] else None for name in _COLUMNS[3:]}
    features = (1.0, *(numbers.pop(name) or 0.0 for name in ("convolves", "weighted", "channels")))
    named: dict[str, Any] = {**{name: cells[name] for name in _COLUMNS[:3]}, **numbers, "features": features}
    return Row(**named)


def dot(weights: Sequence[float], figures: Sequence[float]) -> float:
    """Sum of products."""
    return sum(weight * figure for weight, figure in zip(weights, figures, strict=True))


# The fit


def fit(rows: Sequence[Row]) -> dict[str, Any]:
    """Coefficients and spreads from rows, as data/firmware/st_memory.toml holds them."""
    steps: dict[str, Any] = {}
    small = _widen(_spread(_ratios([one for one in rows if not one.is_large]) or [("", 1.0)]), _SMALL_REACH)
    for step in STEPS:
        alike = [one for one in rows if (one.step == "9") == (step == "9")]
        later = 1.3 if step == "9" else 1.0
        large = _widen(_spread(_ratios([one for one in alike if one.is_large])), _LARGE_REACH * later)
        fitted: dict[str, Any] = {
            "large": large,
            "small": [round(end * spread, 4) for end, spread in zip(small, (1, large[1], later), strict=True)],
        }
        for name, solve in (("ram", _fit_ram), ("code", _fit_code)):
            told = [one for one in rows if one.step == step and _published(one, name)]
            fitted[name] = solve(told)
            fitted[f"{name}_spread"] = _spread(_left_out(told, name, solve), centred=True)
        steps[step] = fitted
    stated = [(one.family, one.weights / one.constants) for one in rows if one.weights]
    return {"large_bytes": LARGE_BYTES, "weights": _spread(stated, centred=True, reach=0.9), "steps": steps}


def _widen(spread: list[float], reach: float = 0.0) -> list[float]:
    """What the rules were drawn from strays less than what comes."""
    return [round(spread[0] * _STRAY, 4), spread[1], round(max(spread[2], reach), 4)]


def _published(row: Row, name: str) -> float | None:
    return row.runtime_ram if name == "ram" else row.code


def _ratios(rows: Iterable[Row]) -> list[tuple[str, float]]:
    return [(one.family, one.activations / one.planned) for one in rows]


def _left_out(rows: Sequence[Row], name: str, solve: Callable[[Sequence[Row]], list[float]]) -> list[tuple[str, float]]:
    """Published over predicted, each family by a fit of the others."""
    found = []
    for family in sorted({one.family for one in rows}):
        others = solve([one for one in rows if one.family != family])
        alike = (one for one in rows if one.family == family)
        found += [(family, (_published(one, name) or 0.0) / dot(others, one.features)) for one in alike]
    return found


def _fit_ram(rows: Sequence[Row]) -> list[float]:
    return _solve(rows, "ram", (0, 2), [0.0, 0.0, 0.0, 0.0])


def _fit_code(rows: Sequence[Row]) -> list[float]:
    return _solve(rows, "code", (1, 2, 3), [float(DENSE_CODE_BYTES), 0.0, 0.0, 0.0])


def _solve(rows: Sequence[Row], name: str, free: tuple[int, ...], fixed: list[float]) -> list[float]:
    """Least squares of relative errors; each family counts once, and no coefficient falls below zero."""
    counts = {family: sum(one.family == family for one in rows) for family in {one.family for one in rows}}
    matrix, wanted = [], []
    for one in rows:
        target = _published(one, name) or 1.0
        weight = 1 / target / math.sqrt(counts[one.family])
        matrix.append([one.features[index] * weight for index in free])
        wanted.append((target - dot(fixed, one.features)) * weight)
    solved = list(fixed)
    kept = list(range(len(free)))
    while kept:
        found = np.linalg.lstsq(np.array(matrix)[:, kept], np.array(wanted), rcond=None)[0]
        if min(found) >= 0:
            for place, value in zip(kept, found, strict=True):
                solved[free[place]] = round(float(value), 2)
            break
        kept = [place for place, value in zip(kept, found, strict=True) if value >= 0]
    return solved


def _spread(ratios: Sequence[tuple[str, float]], *, centred: bool = False, reach: float = 1.0) -> list[float]:
    """Low end, middle and high end: 12 % of families lie below, and the high end is beyond the part `reach` of them."""
    counts = defaultdict(int)
    for family, _ in ratios:
        counts[family] += 1
    ordered = sorted((ratio, 1 / counts[family]) for family, ratio in ratios)
    whole = sum(weight for _, weight in ordered)

    def quantile(level: float) -> float:
        passed = 0.0
        for ratio, weight in ordered:
            passed += weight
            if passed >= level * whole:
                return ratio
        return ordered[-1][0]

    middle = 1.0 if centred else quantile(0.5)
    high = 1 + (quantile(reach) - 1) * 1.05
    return [round(min(quantile(0.12), middle) - 5e-5, 4), round(middle, 4), round(max(high, middle) + 5e-5, 4)]


def leave_families_out(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each row with what a fit of the other families says: figure, published, low, value, high."""
    found = []
    for family in sorted({one.family for one in rows}):
        table = fit([one for one in rows if one.family != family])
        for one in rows:
            if one.family == family:
                found += _score(one, table)
    return found


def _score(row: Row, table: Mapping[str, Any]) -> list[dict[str, Any]]:
    step = table["steps"][row.step]
    told = {
        "activations": (row.planned, step["large" if row.is_large else "small"], row.activations),
        "weights": (row.constants, table["weights"], row.weights),
        "runtime RAM": (dot(step["ram"], row.features), step["ram_spread"], row.runtime_ram),
        "code": (dot(step["code"], row.features), step["code_spread"], row.code),
    }
    return [
        {"family": row.family, "network": row.network, "version": row.version, "largest": row.largest, "figure": name,
         "published": actual, "low": value * spread[0], "value": value * spread[1], "high": value * spread[2]}
        for name, (value, spread, actual) in told.items()
        if actual is not None
    ]  # fmt: skip


# The rows


def collect(folder: Path) -> list[dict[str, Any]]:
    """Published rows of networks whose operators are known, with plan and features."""
    operators = defaultdict(list)
    for cells in _read(folder / "model_operators.csv"):
        operators[cells["model_file"].split("/")[-1]].append(cells)
    files = {path.name: path for path in (folder.parent / "models").glob("mlperf_*_int8.tflite")}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name, size, version, figures in _published_rows(folder):
        network = _find(name, size, [*operators, *files])
        if network is None:
            continue
        graph = read(files[network]) if network in files else build(network, operators[network])
        family, largest = _family(name), max(one.nbytes for one in graph.tensors if not one.is_constant)
        _, convolves, weighted, channels = count_features(graph)
        cells = (family, _short(network), version, plan_activations(graph), largest, weight_bytes(graph), convolves,
                 weighted, channels, *figures)  # fmt: skip
        row = dict(zip(_COLUMNS, cells, strict=True))
        row["family"] = _SAME.get(family, family)
        stated = (row["weights"] or row["constants"]) / row["constants"]
        if not 0.7 < stated < 1.4:
            continue  # of a float network, or copied from another row
        if abs(stated - 1) > 0.03:
            row["weights"] = None  # another head
        found.setdefault((row["network"], version, round(row["activations"] / 512), row["code"] is None), row)
    return [found[key] for key in sorted(found)]


def _published_rows(folder: Path) -> Iterable[tuple[str, str, str, tuple[float | None, ...]]]:
    """Name, input size, version, and the four figures in bytes."""
    columns = ("activation_RAM_KiB", "runtime_RAM_KiB", "weights_flash_KiB", "code_flash_KiB")
    for cells in _read(folder / "st_memory.csv"):
        plain = not cells["file"].endswith(".h5") and cells["format"].upper() in ("", "INT8")
        if plain and cells["activation_RAM_KiB"] and cells["tool_version"] and "hybrid" not in cells["model"].lower():
            yield (
                cells["model"],
                cells["input"],
                cells["tool_version"],
                tuple(_bytes(cells[one], 1024) for one in columns),
            )
    columns = ("ram_bytes", "runtime_ram_bytes", "weights_flash_bytes", "code_flash_bytes")
    for name in ("calibration.csv", "added.csv"):
        for cells in _read(folder / name):
            stack = re.search(r"(?:Cube\.AI|EdgeAI Core)[ (]*(\d[\d.]*)", cells["stack"])
            if stack and cells["precision"] == "int8" and cells["ram_bytes"] and "NPU" not in cells["core"]:
                size = re.findall(r"\b\d{2,3}(?:x\d+){0,2}\b", cells["model_name"])
                told = size[-1] if size else ""
                yield cells["model_name"], told, stack[1], tuple(_bytes(cells.get(one, ""), 1) for one in columns)

    yield from _submitted_rows(_read(folder / "calibration.csv"))


def _submitted_rows(rows: Iterable[Mapping[str, str]]) -> Iterable[tuple[str, str, str, tuple[float | None, ...]]]:
    """MLPerf's of X-CUBE-AI 9.0: activations stand with the Cortex-M4, all RAM with the Cortex-M33."""
    told = {(one["core"], one["model_name"]): _bytes(one["ram_bytes"], 1) for one in rows if "AI v9.0" in one["stack"]}
    for (core, name), activations in told.items():
        whole = told.get(("Cortex-M33", name))
        if core == "Cortex-M4" and activations and whole:
            yield name, "", "9.0", (activations, whole - activations, None, None)


def _bytes(text: str, unit: int) -> float | None:
    return round(float(text) * unit) if text else None


def _family(name: str) -> str:
    return next((family for family in _FAMILIES if name.lower().startswith(family)), "")


def _find(name: str, size: str, networks: Iterable[str]) -> str | None:
    family, numbers = _family(name), re.findall(r"\d+", size)
    if not family or "*" in name or "imagenet" in name.lower():
        return None
    gray = "gray" in name.lower() or (len(numbers) == 3 and numbers[2] == "1")
    window = re.findall(r"wl (\d+)", name)
    told = {"size": (window or numbers or [""])[0], "tint": "grayscale" if gray else ""}
    wanted = _FAMILIES[family].format(**told)
    return next((one for one in sorted(networks) if wanted in one and ("gray" in one) == gray), None)


def _short(network: str) -> str:
    return re.sub(r"^stzoo_(?:ic_[a-z0-9]+_|har_wisdm_)?|_(?:fft_|tfs_|tl_)?int8_\w+\.tflite$", "", network)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("x")) if text else ()


@dataclass(slots=True)
class _Builder:
    """A graph put together operator by operator."""

    tensors: list[Tensor]
    operators: list[Operator]
    readers: dict[int, int]

    def tensor(self, shape: tuple[int, ...], dtype: str, scales: int = 0) -> int:
        size = {"int8": 1, "uint8": 1}.get(dtype, 4) * math.prod(shape)
        index, quantised = len(self.tensors), (1.0,) * scales
        self.tensors.append(Tensor(index, "", shape, dtype, size, scales > 0, False, quantised, (0,) * scales))
        return index

    def sources(self, cells: Mapping[str, str], made: Sequence[int]) -> list[int]:
        """The tensors that an operator reads, of those made so far."""
        name, shape = cells["operator"], _shape(cells["input"])
        fitting = [one for one in made if self.tensors[one].shape == shape] or [made[-1]]
        unread = [one for one in made if one not in self.readers]
        if name == "CONCATENATION":
            return unread[-2:]
        if name != "ADD":
            return fitting[-1:]
        last = made[-1]
        others = [one for one in fitting if one in unread and one != last]
        begun = [one for one in fitting if len(made) - made.index(one) >= 3]
        return [(others or begun or fitting)[-1], last]

    def weights(self, cells: Mapping[str, str]) -> list[int]:
        shape, name = _shape(cells["weights"]), cells["operator"]
        if name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            channels = shape[-1] if name == "DEPTHWISE_CONV_2D" else shape[0]
            scales = 1 if name == "FULLY_CONNECTED" else channels
            return [self.tensor(shape, "int8", scales), self.tensor((channels,), "int32", scales)]
        return [self.tensor(shape, "int32", 1)] if shape and name not in ("ADD", "CONCATENATION") else []


def build(name: str, rows: Sequence[Mapping[str, str]]) -> ModelGraph:
    """A graph of int8 tensors from the shapes of a model's operators."""
    builder = _Builder([], [], {})
    made = [builder.tensor(_shape(rows[0]["input"]), "int8")]
    for cells in sorted(rows, key=lambda one: int(one["index"])):
        reads = builder.sources(cells, made)
        builder.readers |= dict.fromkeys(reads, len(builder.operators))
        inputs = (*reads, *builder.weights(cells))
        made.append(builder.tensor(_shape(cells["output"]), cells["dtype"].lower()))
        builder.operators.append(Operator(len(builder.operators), cells["operator"], inputs, (made[-1],)))
    return ModelGraph(
        name, name, 0, b"", tuple(builder.operators), tuple(builder.tensors), (0,), (made[-1],), Precision.INT8
    )


def _write(rows: Sequence[Mapping[str, Any]]) -> None:
    with ROWS.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# source: {_SOURCE}\n")
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    name: f"{cell:g}" if name == "weighted" else int(cell) if isinstance(cell, float) else cell
                    for name, cell in row.items()
                }
            )


_HEAD = """\
# How memory under X-CUBE-AI strays from the plan (tinykit/predict/st_memory.py). Made by tools/st_memory.py.
# Spreads are [low, middle, high] factors, large above large_bytes of plan; ram and code are bytes: at all, with a
# convolution, an operator with weights, an output channel. The smallest code, of dense networks, is of linked reports
# (7 to 12 KiB without the network's own) and fixed.
source = "published RAM and flash of ST's model zoo and MLPerf Tiny (data/firmware/st_memory.csv), beside a plan by \
what is known of the tool's kernels and planner\"""".splitlines()


def _to_toml(table: Mapping[str, Any]) -> str:
    lines = [
        *_HEAD,
        f"large_bytes = {table['large_bytes']}",
        f"weights = {table['weights']}",
        "other_types_doubt = 1.6    # float and 16-bit networks, assumed",
        "float_code = 0.5           # of int8's: two float networks of the same READMEs take 0.42 to 0.58",
    ]
    for step, row in table["steps"].items():
        lines += ["", f"[steps.{step}]", *(f"{name} = {value}" for name, value in row.items())]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write both files; with a folder of measurements the rows too."""
    if arguments:
        _write(collect(Path(arguments[0])))
    FITTED.write_text(_to_toml(fit(read_rows())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
