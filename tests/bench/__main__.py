"""`python -m tests.bench [NAME ...]`: each `bench_<name>.py` prints a Markdown table and fills build/bench/<name>.json.

Such a module has `TITLE` and `table() -> list[dict]`, one dict a row. One that cannot run says why; the rest go on.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from tinykit.ground.errors import TinykitError

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "build" / "bench"
Rows = list[dict[str, Any]]


def names() -> list[str]:
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def format_cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def to_markdown(title: str, rows: Rows) -> str:
    """A Markdown table with every column that any row has, in order of first appearance."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [f"### {title}", "", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(format_cell(row.get(column)) for column in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}


def run(name: str) -> bool:
    module = importlib.import_module(f"tests.bench.bench_{name}")
    try:
        rows: Rows = module.table()
    except (TinykitError, OSError, ImportError, subprocess.SubprocessError) as error:
        print(f"### {module.TITLE}\n\nnot available: {error}\n", flush=True)
        return False
    print(to_markdown(module.TITLE, rows), flush=True)
    document = {"name": name, "title": module.TITLE, "machine": machine(), "rows": rows}
    (OUT / f"{name}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return True


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(names())
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    failed = [name for name in wanted or names() if not run(name)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
