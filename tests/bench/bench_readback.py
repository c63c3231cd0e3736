"""Which figures of ST's reports are read, by version of the tool and kind of file, from look-alikes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.st_reports import BUILDS, VERSIONS, Said, files
from tinykit.handover.readback.report import read_report

TITLE = "Reports of ST's tools read: version of the tool and kind of file by figure"
FIGURES = (
    *("macc", "weights_bytes", "activations_bytes", "io_bytes", "ram_bytes"),
    *("runtime_flash_bytes", "runtime_ram_bytes", "cycles", "latency_s"),
)


def table() -> list[dict[str, object]]:
    """One row per version and kind of file: yes where the figure was read as it stands there."""
    rows: list[dict[str, object]] = []
    for version in VERSIONS:
        io = (512, 10) if VERSIONS.index(version) < VERSIONS.index("7.2.0") else (0, 0)
        said = Said(version=version, io=io, runtime=(11_376, 739, 1_832, 116))
        for name, text in files(said).items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, name)
                path.write_text(text, encoding="utf-8")
                report = read_report(path)
            told = {"hash": report.model_hash == said.md5, "nodes": bool(report.nodes)}
            found = told | {figure: figure in report.figures for figure in FIGURES}
            marks = {figure: "yes" if there else "" for figure, there in found.items()}
            rows.append({"version": version, "build": BUILDS[version], "file": name, **marks})
    return rows
