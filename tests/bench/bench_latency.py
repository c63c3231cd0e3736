"""Latency errors on networks, boards and versions the fit has not seen, side by side, beside a cycles-per-MAC constant.

Each way leaves out in turn and predicts as a user would be told; `factor to 80 %` is by how much the intervals would
have to grow (above 1) or shrink to hold 80 % of the rows. Pools of fewer than ten rows or two boards are named thin.
`BENCH_BEFORE=FOLDER make bench` scores another checkout in the same run and puts its figures beside.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tools.latency.published import read_measured
from tools.latency.scoring import WAYS, Residual, factor_to_80, is_thin, leave_out, pooled_coverage, score_groups

TITLE = "Latency with networks, boards, versions, and networks on new boards left out, on published int8 CPU rows"


def table() -> list[dict[str, object]]:
    """One row per way, runtime and core, then over all of them; fractions in percent."""
    rows = read_measured()
    lines = [line for way in WAYS for line in _score(way, leave_out(rows, way))]
    return put_beside(lines, _score_before(os.environ.get("BENCH_BEFORE", "")))


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


def _percent(fraction: float) -> float | None:
    """Nothing where no other board of the core was measured: there is no constant then."""
    return None if math.isnan(fraction) else round(100 * fraction, 1)
