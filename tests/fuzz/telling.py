"""What was found: its category, its place in the code, and the table of all."""

from __future__ import annotations

import re
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

MEANINGS = {
    "crash": "ended by a signal",
    "hang": "over 20 s of processor time, or no answer at all",
    "foreign": "an exception that is no TinykitError, or status 3 or 70",
    "memory": "above 2 GiB",
    "verdict": "fits or tight for what TFLM refuses",
    "outside": "a file written outside the folder",
    "words": "an error of over three lines or 2,000 characters, or control characters on the screen",
    "unmade": "an input that the fuzzer itself could not make",
}
"""Categories of faults, and what each means."""
MOST_LINES, MOST_CHARACTERS = 3, 2000
Found = dict[str, Any]


class FaultError(Exception):
    """A fault that a door or its watcher saw: its category and what it was."""

    def __init__(self, category: str, text: str) -> None:
        super().__init__(text)
        self.category = category


def place_of(error: BaseException) -> str:
    """Where in the kit an exception came from: the innermost line of the package, type first."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tinykit/" in frame.filename]
    inner = frames[-1] if frames else None
    where = f"{inner.filename.rpartition('tinykit/')[2]}:{inner.lineno} {inner.name}" if inner else "outside the kit"
    return f"{type(error).__name__} at {where}"


def judge_words(text: str) -> str:
    """What is wrong with an error's text, "" where nothing is."""
    if text.count("\n") >= MOST_LINES:
        return f"an error of {text.count(chr(10)) + 1} lines"
    if len(text) > MOST_CHARACTERS:
        return f"an error of {len(text)} characters"
    return ""


def judge_screen(text: str) -> str:
    bad = {character for character in text if not character.isprintable() and character not in "\n"}
    return f"control characters {sorted(map(ascii, bad))[:5]} on the screen" if bad else ""


def to_table(results: Iterable[Found]) -> str:
    """One row a kind: files, doors tried, refused, each category."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for one in results:
        count = rows[one["kind"]]
        count["files"] += 1
        count["doors"] += len(one["doors"])
        count["refused"] += sum(said == "refused" for said in one["doors"].values())
        for category in {fault["category"] for fault in one["faults"]}:
            count[category] += 1
    columns = ("files", "doors", "refused", *MEANINGS)
    total = sum(rows.values(), Counter())
    lines = ["| kind | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, count in [*rows.items(), ("all", total)]:
        lines.append(f"| {name} | " + " | ".join(f"{count[column]:,}" for column in columns) + " |")
    return "\n".join(lines)


def list_faults(results: Iterable[Found], most: int = 60) -> list[str]:
    """Each fault once, by its signature, the most frequent first, with a case that shows it."""
    groups: dict[str, list[Found]] = defaultdict(list)
    for one in results:
        for fault in one["faults"]:
            groups[f"{fault['category']}: {fault['door'].split(' --')[0]}: {fault['signature']}"].append(one)
    ordered = sorted(groups.items(), key=lambda pair: -len(pair[1]))
    return [f"{len(cases)} × {name}  [{cases[0]['id']}]" for name, cases in ordered[:most]]


def shorten(text: str) -> str:
    """A text without what differs from case to case: folders, numbers."""
    plain = re.sub(r"/[^\s:'\"]*/", "", text)
    return re.sub(r"\d+", "n", plain)[:160].replace("\n", " / ")
