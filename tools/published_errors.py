"""`make readme`: the errors that are published, scored again, into data/validation, docs/accuracy.md and README.md.

Below them goes the table of trust (`tools/trust.py`).

Without ../shared/measurements (or TINYKIT_MEASUREMENTS) the rows scored as published stay as they are.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from tests.bench import bench_energy
from tinykit.predict.validation.compare import validate
from tinykit.predict.validation.published import (
    ARCHITECTURE_OUT,
    AS_PUBLISHED,
    BOARD_OUT,
    PublishedError,
    from_groups,
    parse_errors,
    to_markdown,
)
from tools import trust
from tools.latency.published import read_measured
from tools.latency.scoring import leave_architectures_out, score_groups

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "data" / "validation" / "errors.csv"
ACCURACY, README = ROOT / "docs" / "accuracy.md", ROOT / "README.md"
MEASUREMENTS = ROOT.parent / "shared" / "measurements" / "calibration.csv"
_HEAD = (
    "# source: as published: `tinykit validate` on published rows (mlcommons/tiny_results and others); left out: from\n"
    "# data/latency/measured.csv and data/power/energy_validation.csv alone. Made by `make readme`\n"
    "# content: relative errors as fractions; known: rows the fit has seen; groups: architectures or boards left out\n"
)
START, END = "<!-- errors: made by `make readme` -->\n", "<!-- end of errors -->\n"
SHORT, SHORT_END = "<!-- in short: made by `make readme` -->\n", "<!-- end of in short -->\n"
TRUST, TRUST_END = "<!-- trust: made by `make readme` -->\n", "<!-- end of trust -->\n"


def left_out() -> tuple[PublishedError, ...]:
    """What the shipped evidence alone gives: latency without each architecture, energy without each board."""
    scores = score_groups(leave_architectures_out(read_measured()))
    latency = [
        PublishedError(
            "latency", one.core, one.runtime, ARCHITECTURE_OUT, one.rows, 0, one.architectures, one.median_ape,
            one.p90_ape, one.coverage_80, one.bias,
        )
        for one in sorted(scores, key=lambda one: (one.core, one.runtime))
    ]  # fmt: skip
    return (*latency, _energy())


def _energy() -> PublishedError:
    rows = bench_energy.read_rows()
    bands = bench_energy.predict_all(rows)["factor of the other boards by kind, shipped where no other has it"]
    logs = [math.log(band[0] / ratio) for band, ratio in bands]
    errors = sorted(abs(math.expm1(log)) for log in logs)
    inside = statistics.fmean(band[1] <= ratio <= band[2] for band, ratio in bands)
    p90, bias = errors[math.ceil(0.9 * len(errors)) - 1], math.expm1(statistics.fmean(logs))
    boards = len({row["board"] for row in rows})
    return PublishedError(
        "energy", "all", "all", BOARD_OUT, len(errors), 0, boards, statistics.median(errors), p90, inside, bias
    )


def as_published() -> tuple[PublishedError, ...]:
    """Every published row as it is; those of the shipped table where the rows are not at hand."""
    given = Path(os.environ.get("TINYKIT_MEASUREMENTS") or MEASUREMENTS)
    if given.is_file():
        return from_groups(validate(given).groups)
    shipped = parse_errors(TABLE.read_text(encoding="utf-8"), str(TABLE))
    return tuple(one for one in shipped if one.how == AS_PUBLISHED)


def render_errors(errors: Sequence[PublishedError]) -> str:
    """The text of `errors.csv`."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [field.name for field in fields(PublishedError)], lineterminator="\n")
    writer.writeheader()
    for one in errors:
        writer.writerow({name: f"{x:.6f}" if isinstance(x, float) else x for name, x in asdict(one).items()})
    return _HEAD + stream.getvalue()


def fill(document: str, block: str, *, start: str = START, end: str = END) -> str:
    """A document with its block of errors, or the one between other marks, replaced."""
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    return pattern.sub(lambda _: start + block + end, document)


def tell_short(errors: Sequence[PublishedError]) -> str:
    """The README's sentence: medians of what was not seen."""
    latency = [one.median_ape for one in errors if one.quantity == "latency" and one.how == ARCHITECTURE_OUT]
    (energy,) = (one.median_ape for one in errors if one.quantity == "energy" and one.how == BOARD_OUT)
    return (
        f"Latencies of int8 networks that were not seen err by {min(latency):.0%} to {max(latency):.0%} in the\n"
        f"median, by core and runtime, energies on boards that were not seen by {energy:.0%}.\n"
    )


def main() -> int:
    text = render_errors((*as_published(), *left_out()))
    TABLE.write_text(text, encoding="utf-8")
    errors = parse_errors(text, str(TABLE))
    block = to_markdown(errors)
    filled = fill(ACCURACY.read_text(encoding="utf-8"), block)
    ACCURACY.write_text(fill(filled, trust.block(), start=TRUST, end=TRUST_END), encoding="utf-8")
    short = fill(README.read_text(encoding="utf-8"), tell_short(errors), start=SHORT, end=SHORT_END)
    README.write_text(short, encoding="utf-8")
    print(block, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
