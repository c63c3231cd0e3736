"""The parser of the command line: `data/commands.toml` has the commands with their options."""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from tinykit.budget.assessment.draft import ASKED, label_of, unit_of
from tinykit.ground.child import inside
from tinykit.ground.child.process import Bounds, Child
from tinykit.ground.errors import BAD_INPUT, printable
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.handover.deployment.targets import TARGETS
from tinykit.show.cli import checking, exploring, judging, looking, making, reading, teaching, verifying, weighing
from tinykit.show.cli.program import main  # noqa: F401 -- where it was always found
from tinykit.show.cli.text import say

_ROOMS = {
    one.__name__.rpartition(".")[2]: one
    for one in (checking, exploring, judging, looking, making, reading, teaching, verifying, weighing)
}
_Option = dict[str, Any]


def _to_build(text: str) -> str:
    """A level as compilers take it: an option that starts with a dash is hard to give as a value."""
    return text if text.startswith("-") else f"-{text}"


_TYPES = {"number": float, "count": int, "file": Path, "level": _to_build}


def _make_shared() -> dict[str, list[_Option]]:
    """Options that follow from other tables: targets of `deploy` and what is their own, the facts of `board new`."""
    briefs = "; ".join(f"{name}: {one.brief}" for name, one in TARGETS.items())
    return {
        "target": [{"name": "--target", "metavar": "NAME", "help": f"{briefs} (default: tflm)", "default": "tflm"}],
        "exporters": [
            {"name": f"--{flag.split('_')[0]}", "dest": flag, "metavar": "NAME", "help": f"for {name}: {meaning}"}
            | ({"type": "number"} if "_" in flag else {})
            for name, exporter in TARGETS.items() for flag, meaning in exporter.flags.items()],
        "facts": [
            {"name": f"--{label_of(name).replace(' ', '-')}", "metavar": unit_of(name) or "TEXT", "help": question,
             "dest": name} | ({"type": "number"} if unit_of(name) else {}) for name, question in ASKED.items()],
    }  # fmt: skip


def _add(parser: argparse.ArgumentParser, options: list[str | _Option], shared: dict[str, Any]) -> None:
    """Add options, and shared ones in the place of their name."""
    for one in options:
        if isinstance(one, str):
            _add(parser, shared[one], shared)
        else:
            kind = {"type": _TYPES[one["type"]]} if "type" in one else {}
            parser.add_argument(one["name"], **{key: one[key] for key in one if key != "name"} | kind)


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


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """What a report of a fault needs, and which limits hold here; then the end."""
        with Child("a process of its own", Path(inside.__file__), bounds=Bounds()) as child:
            held = "; ".join(child.list_gaps()) or "limited in memory, files and time, without a network"
        say(f"tinykit {sys.modules['tinykit'].__version__}, Python {sys.version.split()[0]}, {sys.platform}")
        say(f"files of strangers are opened in processes of their own: {held}")
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; `run` of what it returns is the command."""
    parser = _Parser(
        prog="tinykit", description="From a network to a board its designer can defend.", allow_abbrev=False
    )
    table = read_toml(shipped_path("data", "commands.toml"))
    shared = table["shared"] | _make_shared()
    _add(parser, ["debug"], shared)
    parser.add_argument("--version", action=_Version, nargs=0, help="version, and which limits hold on this system")
    actions = parser.add_subparsers(metavar="COMMAND", required=True)
    groups: dict[str, Any] = {"": actions}
    for command in table["commands"]:
        text, (room, run) = command["help"], command["run"].split(".")
        group, _, name = command["name"].rpartition(" ")
        if group not in groups:
            above = actions.add_parser(group, help=table["groups"][group], description=table["groups"][group])
            groups[group] = above.add_subparsers(metavar="ACTION", required=True)
        one = groups[group].add_parser(name, help=text, description=text, allow_abbrev=False)
        one.set_defaults(run=getattr(_ROOMS[room], run))
        _add(one, [*command["options"], "debug"], shared)
    return parser
