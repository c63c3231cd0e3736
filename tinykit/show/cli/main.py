"""Arguments in, exit status out.

0 done (and it fits; `verify`: the same), 1 does not fit or is not known to (`verify`: not the same), 2 bad input.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from tinykit.ground.errors import TinykitError
from tinykit.handover.deployment.targets import TARGETS
from tinykit.show.cli import checking, judging, looking, making, verifying, weighing
from tinykit.show.cli.models import Command
from tinykit.show.cli.text import printable

_EXIT_BAD_INPUT = 2


_Flag = tuple[str, dict[str, Any]]


def _flag(name: str, metavar: str, text: str | None = None, **settings: Any) -> _Flag:
    return name, {"metavar": metavar, "help": text, **settings}


def _switch(name: str, text: str) -> _Flag:
    return name, {"action": "store_true", "help": text}


def _to_build(text: str) -> str:
    """A level as compilers take it: an option that starts with a dash is hard to give as a value."""
    return text if text.startswith("-") else f"-{text}"


_JSON = _switch("--json", "one JSON document on stdout")
_RUNTIME = _flag("--runtime", "NAME", "default: tflm-cmsis-nn where the core has it")
_BOARD = _flag("--board", "ID", "catalogue id")
_MODEL = (
    _flag("model", "MODEL", ".tflite; a Keras .h5, .hdf5 or .keras; a SavedModel folder"),
    _flag("--representative", "NPZ", "for a Keras model: samples (array x, or one by input) to make it int8 with"),
)
_SETTING = (
    _flag("--board-file", "TOML", "a board of your own"),
    _flag("--runtime", "NAME", "default: tflm-cmsis-nn, or esp-nn, where the core has it"),
    _flag("--runtime-version", "V", "version of the runtime"),
    _flag("--clock", "HZ", "core clock (default: the highest)", type=float),
    _JSON,
)
_RESERVE = (
    _flag("--reserve-sram", "BYTES", "stack and data (assumed 16384)", type=int),
    _flag("--reserve-flash", "BYTES", "application code (assumed 32768)", type=int),
)
_BUILD = (
    _flag("--runtime-option", "NAME", "of x-cube-ai: time, balanced or ram"),
    _flag("--build", "LEVEL", "compiler level: Os, O2 or O3", type=_to_build),
)
_MEASURED = (
    _flag("csv", "CSV", "columns core, clock_mhz, stack, model_name; see README"),
    _flag("--models", "DIR", "folder of the model files (default: beside the CSV)"),
)
_TARGETS = "; ".join(f"{name}: {one.brief}" for name, one in TARGETS.items())

_COMMANDS: tuple[tuple[str, Command, str, tuple[_Flag, ...]], ...] = (
    ("boards", looking.list_boards, "the catalogue of boards", (_JSON,)),
    ("inspect", looking.inspect, "operators, tensors, MACs, sizes, arena, findings", (*_MODEL, _JSON)),
    ("lint", looking.lint, "what keeps the model from a device or costs it, each with the cure as lines to paste", (
        *_MODEL,
        _switch("--fix", "mend what can be mended in the file, proven in TFLM"),
        _flag("--out", "FILE", "with --fix: the better model"),
        _JSON)),
    ("verify", verifying.verify, "do TFLM and LiteRT compute the same? and if not, where", (*_MODEL,
        _flag("--against", "REFERENCE", "another .tflite to compare with (default: litert alone)"),
        _flag("--samples", "NPZ", "inputs of your own: an array [n, ...] for each, by name or in order"),
        _switch("--layers", "layer by layer against the float REFERENCE, worst first"),
        _JSON)),
    ("deploy", making.deploy, "files that a firmware project compiles", (*_MODEL,
        _flag("--target", "NAME", f"{_TARGETS} (default: tflm)", default="tflm"),
        *(_flag(f"--{flag}", "NAME", f"for {name}: {meaning}")
          for name, exporter in TARGETS.items() for flag, meaning in exporter.flags.items()),
        _flag("--out", "DIR", required=True))),
    ("pack", weighing.pack, "a smaller file of the same outputs, to the byte", (*_MODEL,
        _flag("--out", "FILE", "the packed model", required=True),
        _flag("--board", "ID", "board to choose for (default: a Cortex-M4 with TFLM)"),
        _flag("--arena-limit", "BYTES", "largest arena (default: what the board has)", type=int),
        _RUNTIME, _JSON)),
    ("plan", making.plan_stripes, "write an offline plan of the arena into the model, where it helps", (*_MODEL,
        _flag("--out", "FILE", "the model with its plan", required=True),
        _switch("--stripes", "compute the widest operators in stripes, for less arena than any plan alone"),
        _flag("--most-latency", "SHARE", "with --stripes: instructions more (default 0.05)", type=float, default=0.05),
        _flag("--core", "NAME", "core to plan for (default: cortex-m4)", default="cortex-m4"),
        _RUNTIME)),
    ("fit", judging.fit, "which boards hold the model, with what margin and how fast", (*_MODEL,
        _flag("--board", "ID|TOML", "catalogue id, your file, or all (default)", default="all"),
        *_SETTING, *_RESERVE, *_BUILD)),
    ("compare", judging.compare, "one model on M4, M7, M33, M55 and Ethos-U side by side", (*_MODEL,
        _flag("--boards", "ID,ID", "other boards; an Ethos-U on one of them gets a row too"),
        _JSON, *_RESERVE)),
    ("budget", judging.budget, "power, battery life and junction temperature", (*_MODEL, _BOARD, *_SETTING, *_BUILD,
        _flag("--battery", "ID|TOML", "cell, or the file of one of your own (default: none)"),
        _flag("--period", "S", "seconds between inferences (default 1)", type=float, default=1.0),
        _flag("--ambient", "C", "ambient in °C (default 25)", type=float, default=25.0),
        _flag("--latency", "S", "your own measured latency, instead of a prediction", type=float),
        _flag("--run-current", "A", "your own measured run current", type=float),
        _flag("--trace", "FILE", "a measured current trace (CSV, .ppk2, JLS) against the budget"),
        _flag("--trace-units", "TIME,CURRENT", "of a trace whose header has none, such as ms,mA"))),
    ("validate", checking.validate, "predictions against measured rows, by core and runtime", (
        _JSON, _switch("--markdown", "the table as Markdown, and nothing else"), *_MEASURED)),
    ("calibrate", checking.calibrate, "let your own measured rows shift a board's latency", (
        _flag("--board", "ID", "catalogue id of the board they are from", required=True), *_MEASURED)),
    ("run", checking.run_model, "compile and run on the virtual board, checked against TFLM", (*_MODEL,
        _BOARD, *_SETTING,
        _flag("--kernels", "SET", "cmsis-nn (default) or portable"),
        _flag("--compiler", "NAME", "gcc or zig (default: gcc where it is installed)"),
        _flag("--samples", "N", "inputs made up for the check (default 10)", type=int, default=10))),
    ("ledger", weighing.ledger,
     "variants side by side: every way to store them, what reaches flash, accuracy; and which to take", (
        _flag("models", "STUDY|MODEL", "a shipped study, or models, baseline first", nargs="+"),
        _flag("--test", "NPZ", "samples for your own models: x as they take it, y, groups"),
        _flag("--board", "ID", "target (default: nucleo-l4r5zi)", default="nucleo-l4r5zi"),
        _RUNTIME,
        _flag("--flash", "BYTES", "budget: model, runtime and decoder", type=float),
        _flag("--arena", "BYTES", "budget: tensor arena", type=float),
        _flag("--latency", "S", "budget: one inference", type=float),
        _flag("--accuracy", "FRACTION", "budget: at least, in TFLM, 0 to 1", type=float),
        _JSON)),
    ("design", making.design, "the whole chain, from data to a report", (
        _flag("--task", "ID", "dataset (default: watch-exercises)", default="watch-exercises"),
        _flag("--board", "ID", "board to design for", default="nucleo-l4r5zi"),
        _flag("--battery", "ID", "cell to design for", default="cr2032"),
        _flag("--period", "S", "seconds between inferences", type=float, default=2.0),
        _flag("--out", "DIR", "folder for the results", default="build/design"))),
    ("notebooks", making.copy_notebooks, "copy the course out of the installed package", (_flag("folder", "DIR"),)),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (None: the process's own), without the program's name, and return its exit status."""
    options = _make_parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except TinykitError as error:
        print("tinykit:", "\n".join(printable(line) for line in str(error).split("\n")), file=sys.stderr)
        return _EXIT_BAD_INPUT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("tinykit: stopped", file=sys.stderr)
        return 130


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinykit", description="From a network to a board its designer can defend.", allow_abbrev=False
    )
    actions = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, run, text, flags in _COMMANDS:
        one = actions.add_parser(command, help=text, description=text, allow_abbrev=False)
        one.set_defaults(run=run)
        for name, settings in flags:
            one.add_argument(name, **settings)
    return parser
