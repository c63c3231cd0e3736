"""What each mission shows: the rows its first design fails, and which change turns which of them green."""

from __future__ import annotations

from typing import Any

from tests.test_briefs import OWN, WAYS, hold, red
from tinykit.budget import weigh_design
from tinykit.choose import MISSIONS, find_study, mission

TITLE = "Missions: rows that a design fails, by the one chain; NPU currents are figures of one's own"


def table() -> list[dict[str, Any]]:
    """The first design of each mission, one change after another, and the same network against the cloud."""
    rows: list[dict[str, Any]] = []
    for name in MISSIONS:
        brief = mission(name)
        variant, target, changes = WAYS[name]
        sensor = {"watch": "motion", "keyword": "keyword", "doorbell": "person"}[name]
        steps = [("first design", "int8", brief.board, {})]
        steps += [(f"{one} there", one, brief.board, {}) for one in find_study(brief.task).variants if one != "int8"]
        steps += [("on the last board, its own core", "int8", getattr(target, "board", target), changes)]
        steps += [("what turns it green", variant, target, changes)]
        for told, one, place, other in steps:
            found = hold(brief, one, place, **other)
            rows.append({
                "mission": name, "design": told, "network": one, "target": str(found.design.target),
                "red": ", ".join(sorted(red(found))) or "none", "rows": len(found.rows),
                "edge or cloud, BLE": weigh_design(found.design, sensor=sensor, radio="ble").verdict,
                "own currents": "yes" if other is OWN else "",
            })  # fmt: skip
    return rows
