"""What the course asks and keeps, without a widget: guesses and their score, exercises, decisions, two editions."""

import json
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

from tinykit.ground.errors import ParameterError, TinykitError, look_up, printable
from tinykit.ground.facts import read_toml, shipped_path
from tinykit.ground.quantity import Estimate
from tinykit.model.record import Stage, open_record, workspace_folder

MOST_KEPT = 500
_SAYS = {
    "interval": "your 80 % intervals held {0:.0f} of {1}", "choice": "your choices: {0:.0f} of {1} right",
    "number": "your numbers ({1}) were off by a factor of {2:.2g} in the middle", "skipped": "skipped: {1}",
}  # fmt: skip
_KEPT = {"guess": {"kind": str, "mark": float, "said": str, "truth": str}, "decision": {"card": str}}
_TYPED = re.compile(r"([-+]?(?=\.?\d)(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:e[-+]?\d+)?)\s*([^\d\s.,].*|)", re.I)
_DECIDED = re.compile(r'^(tk\.decide\(\s*"[^"\n]+",).*?\)$', re.DOTALL | re.MULTILINE)
_FOLDED = "<details>\n<summary>Read on when you have guessed</summary>\n\n{}\n\n</details>"


@lru_cache(64)
def scale_of(unit: str) -> tuple[str, float]:
    """The SI unit behind one as people write it, and how many of it that is; what is counted is its own unit."""
    table = read_toml(shipped_path("data", "units.toml"))
    known = {name: (base, factor) for base, names in table.items() for name, factor in names.items()}
    return known.get(unit) or known.get(unit.lower().removesuffix("s"), (unit.removesuffix("s"), 1.0))


def read_quantity(text: str, unit: str) -> float:
    """A number as somebody types it, in SI: in the unit asked for unless it names another of the same kind."""
    match, asked = _TYPED.fullmatch(text.strip().replace("−", "-")), scale_of(unit)
    said = match[2].strip() if match else "?"
    base, factor = scale_of(unit if said in ("", unit.lstrip("°")) else said)
    if match is None or base != asked[0]:
        such = "90 s, 5 min or 1.5 h" if asked[0] == "s" else f"a number, as in 12 {unit}".removesuffix(" 1").rstrip()
        raise ParameterError(f"{text[:40]!r} is not understood; write {such}")
    return float(match[1].replace(",", "")) * factor


def off_by(guess: float, truth: float) -> float:
    """By which factor a guess is off, from 1 to a billion; that many too where only one of the two is above 0."""
    return 1.0 if guess == truth else min(max(guess / truth, truth / guess), 1e9) if min(guess, truth) > 0 else 1e9


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what answers it as `guess` has it."""

    question: str
    unit: str = "1"
    choices: Sequence[Any] = ()
    interval: bool = False

    def tell(self, value: Estimate | float | str) -> str:
        """An estimate, a number in SI, or a text, as it is shown."""
        if isinstance(value, Estimate | str):
            return str(value)
        number = value / scale_of(self.unit)[1]
        return f"{number:{',.0f' if abs(number) >= 100 else '.3g'}} {self.unit}".removesuffix(" 1")

    def list_choices(self) -> dict[str, Any]:
        """The choices as they are shown, with their values in SI."""
        values = [one if isinstance(one, str) else one * scale_of(self.unit)[1] for one in self.choices]
        return {self.tell(one): one for one in values}

    def judge(self, typed: Sequence[str], truth: Estimate | float | str) -> dict[str, Any]:
        """What was typed or chosen: kind, mark (a number's factor, else 1 if right), in words what was said, and is."""
        value: Any = truth.value if isinstance(truth, Estimate) else truth
        kind, mark = "skipped", 0.0
        if typed and self.choices:
            choices = self.list_choices()
            right = value if isinstance(value, str) else min(choices, key=lambda one: off_by(choices[one], value))
            kind, mark = "choice", float(typed[0] == right)
        elif typed:
            ends = [read_quantity(one, self.unit) for one in typed]
            if ends != sorted(ends) or math.inf in map(abs, ends):
                raise ParameterError(f"{' to '.join(typed)!r:.60} is no range; write two ends, the lower one first")
            kind, mark = "number", off_by(ends[0], value)
            if self.interval:
                kind, mark = "interval", float(ends[0] <= value <= ends[-1])
            typed = [self.tell(end) for end in ends]
        return {"kind": kind, "mark": mark, "said": " to ".join(typed)[:200], "truth": self.tell(truth)}


def answers_itself() -> bool:
    """Whether guesses answer themselves and nothing is kept: TINYKIT_GUESS is `auto`, as in tests."""
    return os.environ.get("TINYKIT_GUESS") == "auto"


def keep(kind: str, name: str, values: Mapping[str, Any]) -> str:
    """Keep a guess or a decision in the workspace; why it could not be kept, empty where it was."""
    try:
        record, stage = open_record(Path(workspace_folder()) / "answers", "answers"), f"{kind}: {printable(name, 200)}"
        if stage not in record.stages and len(record.stages) >= MOST_KEPT:
            return f"not kept: {record.folder} has {MOST_KEPT} answers; remove it to start again"
        if not answers_itself():
            record.with_stage(Stage(stage, results=values))
    except (TinykitError, OSError) as error:
        return f"not kept: {error}"
    return ""


def recall(kind: str) -> tuple[dict[str, Any], str]:
    """What is kept of a kind, by name, and what is damaged and passed over; nothing where guesses answer themselves."""
    try:
        stages = {} if answers_itself() else open_record(Path(workspace_folder()) / "answers", "answers").stages
    except (TinykitError, OSError) as error:
        return {}, str(error)
    kept = {name.partition(": ")[2]: one.results for name, one in stages.items() if name.startswith(f"{kind}: ")}
    good = {name: one for name, one in kept.items() if {part: type(said) for part, said in one.items()} == _KEPT[kind]}
    bad = sorted(kept.keys() - good)
    return good, f"damaged and passed over: {', '.join(bad):.300}" if bad else ""


def decide(about: str, *, chose: object = "", binds: object = "", margin: object = "", risk: object = "") -> None:
    """Print a decision: what was chosen, what limits it, what is left, what may go wrong; kept once it is filled in."""
    given = {"chose": chose, "binds": binds, "margin": margin, "risk": risk}
    said = {name: printable(str(text), 300).strip() for name, text in given.items()}
    rows = "".join(f"\n  {name:7} {text or '…'}" for name, text in said.items())
    card, still = f"decision: {printable(str(about), 200)}{rows}\n", [name for name, text in said.items() if not text]
    problem = f"not kept: still open is {', '.join(still)}" if still else keep("decision", str(about), {"card": card})
    sys.stdout.write(f"{card}{problem}\n" if problem else card)


def look_back() -> None:
    """Print what the workspace holds of its reader: the score of the guesses, the decisions, what cannot be read."""
    (guesses, problem), (cards, other) = recall("guess"), recall("decision")
    marks = {kind: [one["mark"] for one in guesses.values() if one["kind"] == kind] for kind in _SAYS}
    score = [_SAYS[kind].format(sum(found), len(found), median(found)) for kind, found in marks.items() if found]
    told = [one["card"].rstrip() for one in cards.values()] or ["no decision was taken"]
    lines = (*(score or ["no guess was answered"]), *told, *dict.fromkeys((problem, other)))
    sys.stdout.write("".join(f"{line}\n" for line in lines if line))


def check(exercise: str, answer: Any = ...) -> None:
    """Print whether an answer to an exercise, as in "02.1", is right, and if not what is wrong, never what is right.

    An answer is a number in SI, an estimate, a text such as "12 ms", a name, or several; the dots stand for none yet.
    """
    table = read_toml(shipped_path("data", "exercises.toml"))
    wanted = look_up(str(exercise), table, f"no exercise {exercise!r:.20} is checked", ParameterError)
    try:
        if answer is ...:
            found = f"no answer yet; put {wanted['asks']} for the dots"
        elif "unit" in wanted:
            found = _judge_number(answer, wanted)
        else:
            given = {str(one).strip().casefold() for one in ([answer] if isinstance(answer, str) else answer)}
            right = {one.casefold() for one in wanted["answer"]}
            found = "right" if given == right else f"{len(given - right)} wrong, {len(right - given)} missing"
    except (TypeError, ValueError, OverflowError):
        found = f"{printable(repr(answer), 60)} is the wrong kind of answer; asked is {wanted['asks']}"
    sys.stdout.write(f"{exercise}: {found}\n")


def _judge_number(answer: Any, wanted: Mapping[str, Any]) -> str:
    base, factor = scale_of(wanted["unit"])
    given = read_quantity(answer, wanted["unit"]) if isinstance(answer, str) else getattr(answer, "value", answer)
    if isinstance(answer, bool) or math.isnan(value := float(given)) or getattr(answer, "unit", base) != base:
        raise ParameterError(f"{answer!r:.60} is not asked for")
    off = off_by(value, right := wanted["answer"] * factor)
    slip = next((one for one in (1, 1e3, 1024, 1e6, 100, 60, 8) if abs(off / one - 1) <= wanted["within"]), 0)
    if slip:
        return "right" if slip == 1 else f"off by a factor of {slip:g}, mind the unit"
    return f"{'far ' * (off > 10)}too {'high' if value > right else 'low'}{wanted.get('of', '')}"


def list_course(*, teacher: bool = False) -> dict[str, bytes]:
    """The notebooks that ship, by file name: as participants get them, or executed, for their teacher."""
    found = {one.name: one.read_bytes() for one in sorted(shipped_path("notebooks").glob("*.ipynb"))}
    return found if teacher else {name: strip_answers(notebook) for name, notebook in found.items()}


def strip_answers(notebook: bytes) -> bytes:
    """For participants: no outputs, solutions emptied but for their check, folded what reads a guessed result."""
    book, asked = json.loads(notebook), False
    for cell in book["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            asked = asked or "guess(" in source
            source = _DECIDED.sub(r'\1 chose="", binds="", margin="", risk="")', source)
            if "solution" in cell["metadata"].get("tags", []):
                source = "".join(f"{one}...)" for one in re.findall(r'^tk\.check\("\d\d\.\d", ', source, re.M))
                cell["metadata"] = {"tags": ["exercise"]}
            cell.update(outputs=[], execution_count=None)
        elif asked:
            source, asked = source if source.startswith("#") else _FOLDED.format(source), False
        cell["source"] = source.splitlines(keepends=True)
    return json.dumps(book, ensure_ascii=False, indent=1).encode() + b"\n"
