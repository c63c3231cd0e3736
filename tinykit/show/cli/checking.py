"""Commands that hold predictions against measurements: `validate` and `calibrate`."""

from __future__ import annotations

from tinykit.predict.validation import GroupError, calibrate as keep_rows, validate as compare
from tinykit.predict.validation.published import from_groups, to_markdown
from tinykit.show.cli.models import Options
from tinykit.show.cli.text import say, say_json, say_table
from tinykit.target.boards import board

_MOST_REASONS = 12


def validate(options: Options) -> int:
    """`tinykit validate`."""
    result = compare(options.csv, models=options.models)
    if options.json:
        say_json(result.to_json())
        return 0
    if options.markdown:
        say(to_markdown(from_groups(result.groups)).rstrip("\n"))
        return 0
    header = ("quantity", "core", "runtime", "rows", "fitted", "median", "p90", "in 80 %", "bias")
    say_table(header, [_row(group) for group in result.groups])
    say(
        "",
        "fitted: rows that the prediction knows; `make bench` has the errors on networks and boards left out.",
        "energy: predicted from the measured latency.",
    )
    reasons = result.reasons()
    say(f"left out: {sum(reasons.values())}", *(f"  {n} × {why}" for why, n in [*reasons.items()][:_MOST_REASONS]))
    if len(reasons) > _MOST_REASONS:
        say(f"  and {len(reasons) - _MOST_REASONS} further reasons (--json has every line)")
    return 0


def calibrate(options: Options) -> int:
    """`tinykit calibrate`."""
    result = keep_rows(options.csv, board(options.board), models=options.models)
    say(f"{options.board}: {len(result.rows)} rows kept in {result.path}; delete that file to undo")
    for runtime, (factor, models) in result.factors.items():
        say(f"  {runtime}: latency times {factor:.3f}, from {models} models")
    if result.skipped:
        say(f"left out: {len(result.skipped)}, the first because: {result.skipped[0].reason}")
    return 0


def _row(group: GroupError) -> tuple[str, ...]:
    shares = (group.median_ape, group.p90_ape, group.coverage_80, group.bias)
    counts = (str(group.n), str(group.fitted))
    return (group.quantity, group.core, group.runtime, *counts, *(f"{share:.1%}" for share in shares))
