"""The command that runs a model: `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinykit.ground.errors import ParameterError
from tinykit.ground.quantity import format_quantity
from tinykit.show.cli.documents import describe_model
from tinykit.show.cli.judging import one_board
from tinykit.show.cli.models import Options, open_model
from tinykit.show.cli.text import say, say_json, say_table, show

if TYPE_CHECKING:
    from tinykit.handover.virtual_board import BoardRun

_KERNELS = {"tflm-cmsis-nn": "cmsis-nn", "tflm-reference": "portable"}


def run_model(options: Options) -> int:
    """`tinykit run`."""
    from tinykit.handover.virtual_board import (  # only this command needs the exporter and the emulator
        run,
        sample_codes,
    )

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
    say(*(f"- {note}" for note in found.notes))
