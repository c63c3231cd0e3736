"""Arguments in, exit status out: 0 done (and it fits), 1 does not fit or is not known to, 2 bad input or usage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tinykit.ground.errors import TinykitError
from tinykit.handover.deployment import TARGETS
from tinykit.show.cli import checking, judging, looking, making, packing, running, weighing
from tinykit.show.cli.models import Command
from tinykit.show.cli.text import printable

_EXIT_BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    arguments : without the program's name; None takes the process's own.
    """
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
    boards = _add(actions, "boards", looking.list_boards, "the catalogue of boards")
    _json(boards)
    _add_model_commands(actions)
    _add_judging_commands(actions)
    _add_measured_commands(actions)
    _add_run(actions)
    _add_ledger(actions)
    design = _add(actions, "design", making.design, "the whole chain, from data to a report")
    design.add_argument("--task", metavar="ID", default="watch-exercises", help="dataset (default: watch-exercises)")
    design.add_argument("--board", metavar="ID", default="nucleo-l4r5zi", help="board to design for")
    design.add_argument("--battery", metavar="ID", default="cr2032", help="cell to design for")
    design.add_argument("--period", metavar="S", type=float, default=2.0, help="seconds between inferences")
    design.add_argument("--out", metavar="DIR", default="build/design", help="folder for the results")
    notebooks = _add(actions, "notebooks", making.copy_notebooks, "copy the course out of the installed package")
    notebooks.add_argument("folder", metavar="DIR")
    return parser


def _add_measured_commands(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    validate = _add(actions, "validate", checking.validate, "predictions against measured rows, by core and runtime")
    _json(validate)
    validate.add_argument("--markdown", action="store_true", help="the table as Markdown, and nothing else")
    calibrate = _add(actions, "calibrate", checking.calibrate, "let your own measured rows shift a board's latency")
    calibrate.add_argument("--board", metavar="ID", required=True, help="catalogue id of the board they are from")
    for parser in (validate, calibrate):
        parser.add_argument("csv", metavar="CSV", help="columns core, clock_mhz, stack, model_name; see README")
        parser.add_argument("--models", metavar="DIR", help="folder of the model files (default: beside the CSV)")


def _add_judging_commands(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    fit = _add_model(actions, "fit", judging.fit, "which boards hold the model, with what margin and how fast")
    fit.add_argument("--board", metavar="ID|TOML", default="all", help="catalogue id, your file, or all (default)")
    _setting(fit)
    compare = _add_model(actions, "compare", judging.compare, "one model on M4, M7, M33, M55 and Ethos-U side by side")
    compare.add_argument("--boards", metavar="ID,ID", help="other boards; an Ethos-U on one of them gets a row too")
    _json(compare)
    for parser in (fit, compare):
        parser.add_argument("--reserve-sram", metavar="BYTES", type=int, help="stack and data (assumed 16384)")
        parser.add_argument("--reserve-flash", metavar="BYTES", type=int, help="application code (assumed 32768)")
    budget = _add_model(actions, "budget", judging.budget, "power, battery life and junction temperature")
    budget.add_argument("--board", metavar="ID", help="catalogue id")
    _setting(budget)
    for parser in (fit, budget):
        parser.add_argument("--runtime-option", metavar="NAME", help="of x-cube-ai: time, balanced or ram")
        parser.add_argument("--build", metavar="LEVEL", type=_to_build, help="compiler level: Os, O2 or O3")
    budget.add_argument("--battery", metavar="ID|TOML", help="cell, or the file of one of your own (default: none)")
    budget.add_argument("--period", metavar="S", type=float, default=1.0, help="seconds between inferences (default 1)")
    budget.add_argument("--ambient", metavar="C", type=float, default=25.0, help="ambient in °C (default 25)")
    budget.add_argument("--latency", metavar="S", type=float, help="your own measured latency, instead of a prediction")
    budget.add_argument("--run-current", metavar="A", type=float, help="your own measured run current")
    budget.add_argument("--trace", metavar="FILE", help="a measured current trace (CSV, JLS) against the budget")


def _add_model_commands(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    inspect = _add_model(actions, "inspect", looking.inspect, "operators, tensors, MACs, sizes, arena, findings")
    _json(inspect)
    verify = _add_model(actions, "verify", looking.verify, "TFLM's output against LiteRT's, as a histogram of LSB")
    verify.add_argument("--against", metavar="REFERENCE", help="another .tflite to compare with")
    verify.add_argument("--layers", action="store_true", help="layer by layer against the float REFERENCE, worst first")
    _json(verify)
    deploy = _add_model(actions, "deploy", making.deploy, "files that a firmware project compiles")
    targets = "; ".join(f"{name}: {one.brief}" for name, one in TARGETS.items())
    deploy.add_argument("--target", metavar="NAME", default="tflm", help=f"{targets} (default: tflm)")
    for name, exporter in TARGETS.items():
        for flag, meaning in exporter.flags.items():
            deploy.add_argument(f"--{flag}", metavar="NAME", help=f"for {name}: {meaning}")
    deploy.add_argument("--out", metavar="DIR", required=True)
    pack = _add_model(actions, "pack", packing.pack, "a smaller file of the same outputs, to the byte")
    pack.add_argument("--out", metavar="FILE", required=True, help="the packed model")
    pack.add_argument("--board", metavar="ID", help="board to choose for (default: a Cortex-M4 with TFLM)")
    pack.add_argument("--arena-limit", metavar="BYTES", type=int, help="largest arena (default: what the board has)")
    pack.add_argument("--runtime", metavar="NAME", help="default: tflm-cmsis-nn where the core has it")
    _json(pack)
    plan = _add_model(actions, "plan", making.plan, "write an offline plan of the arena into the model, where it helps")
    plan.add_argument("--out", metavar="FILE", required=True, help="the model with its plan")
    plan.add_argument("--core", metavar="NAME", default="cortex-m4", help="core to plan for (default: cortex-m4)")
    plan.add_argument("--runtime", metavar="NAME", help="default: tflm-cmsis-nn where the core has it")


def _add_run(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = _add_model(actions, "run", running.run_model, "compile and run on the virtual board, checked against TFLM")
    run.add_argument("--board", metavar="ID", help="catalogue id")
    _setting(run)
    run.add_argument("--kernels", metavar="SET", help="cmsis-nn (default) or portable")
    run.add_argument("--compiler", metavar="NAME", help="gcc or zig (default: gcc where it is installed)")
    run.add_argument("--samples", metavar="N", type=int, default=10, help="inputs made up for the check (default 10)")


def _add_ledger(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "variants side by side: every way to store them, what reaches flash, accuracy; and which to take"
    ledger = _add(actions, "ledger", weighing.ledger, text)
    ledger.add_argument("models", metavar="STUDY|MODEL", nargs="+", help="a shipped study, or models, baseline first")
    ledger.add_argument("--test", metavar="NPZ", help="samples for your own models: x as they take it, y, groups")
    ledger.add_argument("--board", metavar="ID", default="nucleo-l4r5zi", help="target (default: nucleo-l4r5zi)")
    ledger.add_argument("--runtime", metavar="NAME", help="default: tflm-cmsis-nn where the core has it")
    ledger.add_argument("--flash", metavar="BYTES", type=float, help="budget: model, runtime and decoder")
    ledger.add_argument("--arena", metavar="BYTES", type=float, help="budget: tensor arena")
    ledger.add_argument("--latency", metavar="S", type=float, help="budget: one inference")
    ledger.add_argument("--accuracy", metavar="FRACTION", type=float, help="budget: at least, in TFLM, 0 to 1")
    _json(ledger)


def _add(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Command, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser


def _add_model(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Command, text: str
) -> argparse.ArgumentParser:
    parser = _add(actions, name, run, text)
    parser.add_argument("model", metavar="MODEL", help=".tflite, or a tf-keras .h5 or .keras")
    parser.add_argument(
        "--representative", metavar="NPZ", help="for a Keras model: samples (array x) to quantise it to int8 with"
    )
    return parser


def _setting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--board-file", metavar="TOML", help="a board of your own")
    parser.add_argument("--runtime", metavar="NAME", help="default: tflm-cmsis-nn, or esp-nn, where the core has it")
    parser.add_argument("--runtime-version", metavar="V", help="version of the runtime")
    parser.add_argument("--clock", metavar="HZ", type=float, help="core clock (default: the highest)")
    _json(parser)


def _to_build(text: str) -> str:
    """A level as compilers take it: an option that starts with a dash is hard to give as a value."""
    return text if text.startswith("-") else f"-{text}"


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
