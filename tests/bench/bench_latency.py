"""Latency errors on networks, boards and versions the fit has not seen, side by side, beside a cycles-per-MAC constant.

Each way leaves out in turn and predicts as a user would be told; `factor to 80 %` is by how much the intervals would
have to grow (above 1) or shrink to hold 80 % of the rows. Pools of fewer than ten rows or two boards are named thin.
`floor` is half of what two published figures of one case are apart, which no prediction can beat; `causes` says what
the largest errors come from, where it was found.
`BENCH_BEFORE=FOLDER make bench` scores another checkout in the same run and puts its figures beside.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tools.latency.published import Measured, read_measured
from tools.latency.scoring import (
    WAYS,
    Residual,
    factor_to_80,
    is_thin,
    leave_out,
    noise_floor,
    pooled_coverage,
    score_groups,
)

TITLE = "Latency with networks, boards, versions, and networks on new boards left out, on published int8 CPU rows"


def table() -> list[dict[str, object]]:
    """One row per way, runtime and core, then over all of them; fractions in percent."""
    rows = read_measured()
    lines = [line for way in WAYS for line in _score(way, leave_out(rows, way))]
    lines = [line | _floor(rows, (str(line["runtime"]), str(line.get("core", "")))) for line in lines]
    return put_beside(lines, _score_before(os.environ.get("BENCH_BEFORE", "")))


CAUSES = {
    ("x-cube-ai", "cortex-m7"): "3×3 convolutions of few weights too dear (ResNet-8), a 7×7 of three channels too cheap"
    " (SqueezeNet 1.0), each alone of its kind; squeeze-and-excite (EfficientNet: means and broadcast products that"
    " nobody counted); Core 3.0 slower again on FdMobileNet alone",
    ("x-cube-ai", "cortex-m33"): "one network tells dense layers (faster by a third from 9.0 on), two the option time"
    " (8.1 over 7.3: DS-CNN 0.87, MobileNet 0.54 of the cycles); convolutions one tap wide (human activity)",
    ("x-cube-ai", "cortex-m4"): "as cortex-m33; IGN of 24 samples takes 0.84 of IGN of 48 on an STM32L4R9, in int8"
    " longer than in float32, and 0.29 of it on an STM32U585, as its work does: one of them is wrong",
    ("tflm-cmsis-nn", "cortex-m4"): "two builds at -O3 on one board 4 to 28 % apart; -Os on one board over -O3 on"
    " another 1.66 for ResNet-8, 1.14 for DS-CNN; not explained: convolutions of four to eight channels, a dense layer"
    " of 3,072 inputs",
}
"""What the largest errors of a pool come from."""

COMPARED = ("median error %", "p90 error %", "in the 80 % interval %", "factor to 80 %")


def put_beside(
    lines: Sequence[Mapping[str, object]], before: Sequence[Mapping[str, object]]
) -> list[dict[str, object]]:
    """Each line with what the same pool scored before, where another state was scored.

    >>> pool = {"left out": "board", "runtime": "esp-nn", "core": "xtensa-lx7"}
    >>> put_beside([pool | {"p90 error %": 9.0}], [pool | {"p90 error %": 12.0}])[0]["before: p90 error %"]
    12.0
    """
    found = {tuple(one.get(name) for name in ("left out", "runtime", "core")): one for one in before}
    pools = [found.get(tuple(one.get(name) for name in ("left out", "runtime", "core")), {}) for one in lines]
    beside = [{f"before: {name}": old[name] for name in COMPARED if name in old} for old in pools]
    return [{**line, **old} for line, old in zip(lines, beside, strict=True)]


def _score_before(folder: str) -> list[dict[str, object]]:
    """The same table of another checkout, run in a process of its own; nothing without one."""
    if not folder:
        return []
    program = "import json; from tests.bench.bench_latency import table; print(json.dumps(table()))"
    own = {name: text for name, text in os.environ.items() if name != "BENCH_BEFORE"} | {"PYTHONPATH": folder}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=own, capture_output=True, text=True, check=True
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def _score(left_out: str, residuals: Sequence[Residual]) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = []
    for score in score_groups(residuals):
        place = (score.runtime, score.core)
        group = [one for one in residuals if (one.row.case.runtime, one.row.case.core) == place]
        lines.append({
            "left out": left_out, "runtime": score.runtime, "core": score.core, "rows": score.rows,
            "boards": len({one.row.case.board for one in group}), "architectures": score.architectures,
            "median error %": round(100 * score.median_ape, 1), "p90 error %": round(100 * score.p90_ape, 1),
            "in the 80 % interval %": round(100 * sum(one.inside for one in group) / len(group)),
            "factor to 80 %": round(factor_to_80(group), 2), "bias %": round(100 * score.bias, 1),
            "constant: median %": _percent(score.naive_median_ape),
            "constant: p90 %": _percent(score.naive_p90_ape), "pool": "thin" if is_thin(group) else "",
        })  # fmt: skip
    covered = round(100 * pooled_coverage(residuals))
    plain = round(100 * sum(one.inside for one in residuals) / len(residuals))
    pooled = {"in the 80 % interval %": plain, "the same by architecture %": covered}
    factor = round(factor_to_80(residuals), 2)
    return [
        *lines,
        {"left out": left_out, "runtime": "all", "rows": len(residuals), **pooled, "factor to 80 %": factor},
    ]


def _floor(rows: Sequence[Measured], pool: tuple[str, str]) -> dict[str, object]:
    """What bounds the error of a pool from below, and what its largest errors come from."""
    found = [round(100 * one, 1) for one in noise_floor(rows, *pool)]
    told = {"floor: median %": statistics.median(found), "floor: worst %": found[-1]} if found else {}
    return {"floor: pairs": len(found), **told, "causes": CAUSES.get(pool, "")}


def _percent(fraction: float) -> float | None:
    """Nothing where no other board of the core was measured: there is no constant then."""
    return None if math.isnan(fraction) else round(100 * fraction, 1)
