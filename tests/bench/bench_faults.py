"""Every command in every fault of the machine: its status, and whether it ended in three lines without a traceback."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.faults import FAULTS, NEEDS_A_FULL_DISK, clear, commands, meet, prepare, small_disk

TITLE = "Faults of the machine: exit status of each command (0, 1 a verdict, 2 input, 3 the machine; ! is wrong)"


def table() -> list[dict[str, Any]]:
    """One row a fault, one column a command."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder)) as full:
        work = Path(folder)
        prepare(work)
        for name in FAULTS:
            row: dict[str, Any] = {"fault": name}
            rows.append(row)
            for short in commands(work):
                if name in NEEDS_A_FULL_DISK and full is None:
                    row[short] = "not tried: nothing can be mounted here"
                    continue
                clear(work)
                met = meet(short, name, work, full)
                row[short] = f"{met.status} ! {met.wrong}" if met.wrong else met.status
    return rows
