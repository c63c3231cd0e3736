"""Commands that hold predictions against what happens: `run`, `validate` and `calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import format_quantity
from tinykit.predict.latency.measured import calibration_path, list_own, name_damage, read_own, undo_own
from tinykit.predict.runtime.reference import find_reference
from tinykit.predict.validation.compare import GroupError, calibrate as keep_rows, validate as compare
from tinykit.predict.validation.published import from_groups, to_markdown
from tinykit.show.cli.judging import one_board
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import count, describe_model, say, say_json, say_table, show

if TYPE_CHECKING:
    from tinykit.handover.virtual_board import BoardRun

_MOST_REASONS = 12
_KERNELS = {"tflm-cmsis-nn": "cmsis-nn", "tflm-reference": "portable"}


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
    if options.undo:
        path = undo_own(one_board(options).id if options.board else None)
        say(f"{path.stem}: {count(len(read_own(path.stem)), 'row')}, as before the last calibration")
    if options.list or options.undo:
        return _list_own() if options.list else 0
    if not options.csv:
        raise ParameterError("calibrate by what? give a CSV and --board ID; or --list, or --undo")
    target = one_board(options)
    result = keep_rows(options.csv, target, models=options.models, build=options.build)
    kept = count(len(result.rows), "row")
    say(f"{target.id}: {kept} kept in {result.path}; `tinykit calibrate --undo` takes them back")
    for runtime, (factor, models) in result.factors.items():
        say(f"  {runtime}: latency times {factor:.3f}, from {count(models, 'model')}")
    if builds := sorted({row.build for row in result.rows if row.build}):
        say(f"  of build {', '.join(builds)}: a prediction uses them where it is told so (--build)")
    if result.skipped:
        say(f"left out: {len(result.skipped)}, the first because: {result.skipped[0].reason}")
    return 0


def _list_own() -> int:
    ids, header = [path.stem for path in list_own()], ("board", "runtime", "build", "model", "clock", "latency", "from")
    rows = [row for name in ids for row in read_own(name)]
    clocks = [(format_quantity(row.clock_hz, "Hz"), format_quantity(row.latency_s, "s")) for row in rows]
    texts = [(row.board, row.runtime, row.build or "unknown", row.model) for row in rows]
    say_table(header, [(*text, *pair, row.source) for text, pair, row in zip(texts, clocks, rows, strict=True)])
    damage = (one for name in ids for one in name_damage(name))
    say(f"{count(len(rows), 'row')} in {calibration_path('own').parent}", *damage)
    return 0


def _row(group: GroupError) -> tuple[str, ...]:
    shares = (group.median_ape, group.p90_ape, group.coverage_80, group.bias)
    counts = (str(group.n), str(group.fitted))
    return (group.quantity, group.core, group.runtime, *counts, *(f"{share:.1%}" for share in shares))


def run_model(options: Options) -> int:
    """`tinykit run`."""
    # Only this command needs the exporter and the emulator.
    from tinykit.handover.virtual_board import run, sample_codes

    target = one_board(options)
    kernels = options.kernels or _kernels_of(options.runtime)
    graph = open_model(options.model, options.representative)
    inputs = sample_codes(graph, options.samples)
    found = run(graph, target, inputs, kernels, compiler=options.compiler, clock_hz=options.clock)
    if options.json:
        say_json({"model": describe_model(graph), "samples": options.samples, **found.to_json()})
    else:
        _say_run(found)
        if options.runtime_version:
            say(f"- runtime version {options.runtime_version} is not used: the kernels are those of the export")
    return 0 if found.equal else 1


def _kernels_of(runtime: str | None) -> str:
    if runtime is None:
        return "cmsis-nn"
    if runtime not in _KERNELS:
        raise ParameterError(
            f"runtime {runtime!r} cannot be run here; allowed: {', '.join(_KERNELS)} on the kit's own export"
        )
    return _KERNELS[runtime]


def _say_run(found: BoardRun) -> None:
    say(str(found))
    if found.first_difference:
        say(f"first operator that differs: {found.first_difference.index} {found.first_difference.name}")
    sizes = found.sizes
    rows = [("arena of this program", format_quantity(found.arena_bytes, "byte"))]
    if sizes:
        rows += [
            ("flash: weights", format_quantity(sizes.weights, "byte")),
            ("flash: kernels", format_quantity(sizes.kernels, "byte")),
            ("flash: rest", format_quantity(sizes.rest, "byte")),
            ("variables", format_quantity(sizes.data + sizes.bss, "byte")),
        ]
    if found.stack_bytes is not None:
        rows += [("stack", format_quantity(found.stack_bytes, "byte"))]
    rows += [("cycles", show(found.cycles)), ("latency", show(found.latency_s))]
    if found.tflm:
        rows += [("TFLM's instructions", show(found.tflm.instructions)), ("TFLM's latency", show(found.tflm.latency_s))]
    say_table(("figure", "value"), rows)
    if found.operators:
        table = [(str(one.index), one.name, f"{one.instructions:,}", f"{one.macs:,}") for one in found.operators]
        say("")
        say_table(("index", "operator", "instructions", "MACs"), table)
    say(*(f"- {note}" for note in (*found.notes, find_reference(found.reference).note) if note))
