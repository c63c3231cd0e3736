"""The table of how far a latency may be trusted, a part of `make readme`.

A line for each runtime and core: what anybody measured, and how far off each way of leaving out was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tests.bench import bench_latency
from tinykit.predict.latency.shapes import read_table

COLUMNS = {
    "architecture": "a new network",
    "board": "a new board",
    "version": "a new version",
    "board and architecture": "a new network on a new board",
}
_HEAD = ("runtime", "core", "boards measured", "versions, builds", "rows", *COLUMNS.values())

Row = Mapping[str, object]


def tell_versions(rows: Iterable[Mapping[str, str]]) -> str:
    """First to last of each numbering of ST's tools, and the builds; nothing where no row tells.

    >>> tell_versions([{"version": one, "build": "-O3"} for one in ("10.2", "7.1.0", "3.0.0")] + [{"version": ""}])
    '7.1 to 10.2, ST Edge AI Core 3.0, -O3, not told'
    """
    rows = list(rows)
    numbers = sorted({tuple(int(part) for part in one["version"].split(".")[:2]) for one in rows if one["version"]})
    told = []
    for name, some in (("", [n for n in numbers if n[0] >= 5]), ("ST Edge AI Core ", [n for n in numbers if n[0] < 5])):
        ends = dict.fromkeys(".".join(map(str, one)) for one in (some[:1] + some[-1:]))
        told += [name + " to ".join(ends)] if ends else []
    told += sorted({one["build"] for one in rows if one.get("build")})
    untold = any(not one["version"] and not one.get("build") for one in rows)
    return ", ".join([*told, "not told"] if told and untold else told)


def to_markdown(scores: Sequence[Row], rows: Sequence[Mapping[str, str]]) -> str:
    """One line for each runtime and core that anybody measured; median and p90 error, and how many rows were inside."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|" + " --- |" * len(_HEAD)]
    for place in sorted({(one["runtime"], one["core"]) for one in rows}):
        mine = [one for one in rows if (one["runtime"], one["core"]) == place]
        boards = ", ".join(sorted({one["board"] for one in mine}))
        cells = [_tell(scores, way, place) for way in COLUMNS]
        lines.append("| " + " | ".join([*place, boards, tell_versions(mine), str(len(mine)), *cells]) + " |")
    return "\n".join(lines) + "\n"


def _tell(scores: Sequence[Row], way: str, place: tuple[str, str]) -> str:
    for one in scores:
        if (one["left out"], one.get("runtime"), one.get("core")) == (way, *place):
            median, p90, held = one["median error %"], one["p90 error %"], one["in the 80 % interval %"]
            few = ", few" if one["pool"] else ""
            return f"{median:.0f} / {p90:.0f} %, {held} %{few}"
    return ""


def block() -> str:
    """The table as of today's fit."""
    return to_markdown(bench_latency.table(), read_table("measured").rows)
