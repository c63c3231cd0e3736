"""How long a cold process takes, beside Python's own start: medians, and ratios that hold on other machines."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.models import small_cnn
from tinykit.ground.facts import shipped_path
from tinykit.model.graph.reading import read

TITLE = "A cold process, median of 7 (fit over the whole catalogue: under 1.5 s)"
REPEATS = 7
DONE = (0, 1)  # 1: it fits nowhere, which is a result


def seconds(*arguments: str) -> float:
    """Median wall time of `python ARGUMENTS`; the first run, which warms the page cache, does not count."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
        times.append(time.perf_counter() - start)
        if result.returncode not in DONE or "Traceback" in result.stderr:
            raise subprocess.SubprocessError(f"{' '.join(arguments)}: {result.stderr.strip()[-300:]}")
    return statistics.median(times[1:])


def models(folder: Path) -> list[tuple[str, Path]]:
    """A small network made here, and the largest model that ships, where one does."""
    (folder / "small.tflite").write_bytes(small_cnn())
    shipped = sorted(shipped_path("data").rglob("int8*.tflite"), key=lambda path: path.stat().st_size)
    return [("a small CNN", folder / "small.tflite"), *((path.name, path) for path in shipped[-1:])]


def table() -> list[dict[str, Any]]:
    """One row per command: seconds, and how many times Python's own start that is."""
    rows: list[tuple[str, int | None, float]] = [("python -c pass", None, seconds("-c", "pass"))]
    rows.append(("import tinykit", None, seconds("-c", "import tinykit")))
    rows.append(("tinykit boards", None, seconds("-m", "tinykit", "boards")))
    with tempfile.TemporaryDirectory() as folder:
        for name, path in models(Path(folder)):
            taken = seconds("-m", "tinykit", "fit", str(path), "--board", "all", "--json")
            rows.append((f"tinykit fit, {name}, all boards, JSON", read(path).macs, taken))
    base = rows[0][2]
    return [
        {"command": command, "MACs": macs, "seconds": round(taken, 3), "times python": round(taken / base, 1)}
        for command, macs, taken in rows
    ]
