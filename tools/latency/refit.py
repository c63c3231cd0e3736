"""Refit every derived table of `data/latency/` after the counted or measured tables changed.

`python -m tools.latency.refit` in a checkout; a test holds the shipped files to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tinykit.ground.facts import shipped_path
from tools.latency.calibrating import fit_effects, is_lasting, keep_effects, render_posterior
from tools.latency.fitting import render_coefficients
from tools.latency.published import count_evidence, read_measured
from tools.latency.scoring import render_conformal


def refit(folder: Path | None = None) -> tuple[Path, ...]:
    """Write the derived tables into a folder (default: the shelf) and return their paths.

    Coefficients first: the cycles are fitted to the instructions they give, so run it twice in fresh
    processes when the counted tables changed.
    """
    folder = folder or shipped_path("data", "latency")
    written = []
    for name, text in render_all():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return tuple(written)


def render_all() -> Iterator[tuple[str, str]]:
    """(file name, text) of every derived table."""
    yield "coefficients.csv", render_coefficients()
    rows = read_measured()
    yield "evidence.csv", count_evidence(rows)
    yield "cycles.csv", render_posterior(keep_effects(fit_effects(rows), is_lasting), len(rows))
    yield "conformal.csv", render_conformal(rows)


if __name__ == "__main__":
    refit()
