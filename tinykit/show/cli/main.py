"""The table of commands with their options, and the parser that reads it."""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from tinykit.budget.assessment.draft import ASKED, label_of, unit_of
from tinykit.ground.errors import BAD_INPUT, printable
from tinykit.handover.deployment.targets import TARGETS
from tinykit.show.cli import checking, judging, looking, making, verifying, weighing
from tinykit.show.cli.models import Command
from tinykit.show.cli.program import main  # noqa: F401 -- where it was always found

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
_BOARD_FILE = _flag("--board-file", "TOML", "a board of your own", dest="board", type=Path, default=argparse.SUPPRESS)
_BOARD = _flag("--board", "ID|TOML", "catalogue id, or the file of a board of your own")
_RUN_CURRENT = _flag("--run-current", "A", "your own measured run current", type=float)
_USED = (
    _flag("--sensor", "ID|TOML", "sensor, or the file of one of your own; none for nothing"),
    _RUN_CURRENT,
    _flag("--sleep-current", "A", "your own measured sleep current", type=float),
)
_MODEL = (
    _flag("model", "MODEL", ".tflite; a Keras .h5, .hdf5 or .keras; a SavedModel folder"),
    _flag("--representative", "NPZ", "for a Keras model: samples (array x, or one by input) to make it int8 with"),
)
_SETTING = (
    _BOARD_FILE,
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
        _flag("--board", "ID|TOML", "for tflm: an arena for its core alone (default: for any)"), _BOARD_FILE,
        *(_flag(f"--{flag}", "NAME", f"for {name}: {meaning}")
          for name, exporter in TARGETS.items() for flag, meaning in exporter.flags.items()),
        _flag("--out", "DIR", required=True))),
    ("pack", weighing.pack, "a smaller file of the same outputs, to the byte", (*_MODEL,
        _flag("--out", "FILE", "the packed model", required=True),
        _flag("--board", "ID|TOML", "board to choose for (default: a Cortex-M4 with TFLM)"), _BOARD_FILE,
        _flag("--arena-limit", "BYTES", "largest arena (default: what the board has)", type=int),
        _RUNTIME, _JSON)),
    ("plan", making.plan, "write an offline plan of the arena into the model, where it helps", (*_MODEL,
        _flag("--out", "FILE", "the model with its plan", required=True),
        _flag("--core", "NAME", "core to plan for (default: cortex-m4)", default="cortex-m4"),
        _RUNTIME)),
    ("fit", judging.fit, "which boards hold the model, with what margin and how fast", (*_MODEL,
        _flag("--board", "ID|TOML", "catalogue id, your file, or all (default)", default="all"),
        *_SETTING, *_RESERVE, *_BUILD, _RUN_CURRENT)),
    ("compare", judging.compare, "one model on M4, M7, M33, M55 and Ethos-U side by side", (*_MODEL,
        _flag("--boards", "ID,TOML", "other boards; an Ethos-U on one of them gets a row too"),
        _JSON, *_RESERVE)),
    ("budget", judging.budget, "power, battery life and junction temperature", (*_MODEL, _BOARD, *_SETTING, *_BUILD,
        *_USED, _flag("--battery", "ID|TOML", "cell, or the file of one of your own (default: none)"),
        _flag("--period", "S", "seconds between inferences (default 1)", type=float, default=1.0),
        _flag("--ambient", "C", "ambient in °C (default 25)", type=float, default=25.0),
        _flag("--latency", "S", "your own measured latency, instead of a prediction", type=float),
        _flag("--task", "ID", "what the network is for: its sensor, window and front end are counted"),
        _flag("--sleep", "MODE", "stop, standby or sleep between periods (default: the one that takes the least)"),
        _switch("--as-sold", "the board with all that is soldered on it, not the bare chip"),
        _flag("--trace", "FILE", "a measured current trace (CSV, .ppk2, JLS) against the budget"),
        _flag("--trace-units", "TIME,CURRENT", "of a trace whose header has none, such as ms,mA"))),
    ("validate", checking.validate, "predictions against measured rows, by core and runtime", (
        _JSON, _switch("--markdown", "the table as Markdown, and nothing else"), *_MEASURED)),
    ("calibrate", checking.calibrate, "let your own measured rows shift a board's latency", (
        _flag("csv", "CSV", "columns core, clock_mhz, stack, model_name; see README", nargs="?"),
        _BOARD, _BOARD_FILE,
        _flag("--build", "LEVEL", "compiler level of rows whose stack names none: Os, O2 or O3", type=_to_build),
        _switch("--list", "the rows kept in this workspace"),
        _switch("--undo", "take back the last calibration (of the board, where one is given)"), _MEASURED[1])),
    ("run", checking.run_model, "compile and run on the virtual board, checked against TFLM", (*_MODEL,
        _BOARD, *_SETTING,
        _flag("--kernels", "SET", "cmsis-nn (default) or portable"),
        _flag("--compiler", "NAME", "gcc or zig (default: gcc where it is installed)"),
        _flag("--samples", "N", "inputs made up for the check (default 10)", type=int, default=10))),
    ("ledger", weighing.ledger,
     "variants side by side: every way to store them, what reaches flash, accuracy; and which to take", (
        _flag("models", "STUDY|MODEL", "a shipped study, or models, baseline first", nargs="+"),
        _flag("--test", "NPZ", "samples for your own models: x as they take it, y, groups"),
        _flag("--board", "ID|TOML", "target (default: nucleo-l4r5zi)", default="nucleo-l4r5zi"), _BOARD_FILE,
        _RUNTIME,
        _flag("--flash", "BYTES", "budget: model, runtime and decoder", type=float),
        _flag("--arena", "BYTES", "budget: tensor arena", type=float),
        _flag("--latency", "S", "budget: one inference", type=float),
        _flag("--accuracy", "FRACTION", "budget: at least, in TFLM, 0 to 1", type=float),
        _JSON)),
    ("design", making.design, "the whole chain, from data to a report", (
        _flag("--task", "ID", "dataset (default: watch-exercises)", default="watch-exercises"),
        _flag("--board", "ID|TOML", "board to design for", default="nucleo-l4r5zi"), _BOARD_FILE,
        _flag("--battery", "ID|TOML", "cell to design for", default="cr2032"), *_USED,
        _flag("--period", "S", "seconds between inferences", type=float, default=2.0),
        _flag("--stopped", "CHOICE", "a training that was stopped: go on (default), keep its best epoch, or discard",
              default="go on"),
        _flag("--out", "DIR", "folder for the results", default="build/design"))),
    ("board", making.make_board, "the TOML of a board of your own, from ten facts", (
        _flag("action", "new", "new: write one; asks for what no option gives", choices=("new",)),
        _flag("--out", "TOML", "the file", required=True),
        *(_flag(f"--{label_of(name).replace(' ', '-')}", unit_of(name) or "TEXT", question, dest=name,
                type=float if unit_of(name) else str) for name, question in ASKED.items()))),
    ("notebooks", making.copy_notebooks, "copy the course out of the installed package", (_flag("folder", "DIR"),)),
)  # fmt: skip


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Two lines: what was wrong, and where all options are listed."""
        said = printable(message)
        self.exit(
            BAD_INPUT, f"usage: {self.prog} …; `{self.prog} --help` lists all of it\n{self.prog}: error: {said}\n"
        )

    def _print_message(self, message: str, file: Any = None) -> None:
        """As argparse does, but an output that fails is not passed over."""
        (file or sys.stderr).write(message)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; `run` of what it returns is the command."""
    parser = _Parser(
        prog="tinykit", description="From a network to a board its designer can defend.", allow_abbrev=False
    )
    debug = _switch("--debug", "where it fails, with the traceback")
    parser.add_argument(debug[0], **debug[1])
    actions = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, run, text, flags in _COMMANDS:
        one = actions.add_parser(command, help=text, description=text, allow_abbrev=False)
        one.set_defaults(run=run)
        for name, settings in (*flags, debug):
            one.add_argument(name, **settings)
    return parser
