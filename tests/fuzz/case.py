"""What a kind of hostile input is: one function that makes a case, and the doors that the case is put through.

To add a kind, write one function in a module named `kind_*.py` here::

    @kind(read_board, "fit model.tflite --board-file {file} --json", share=3)
    def board(draw: Draw) -> Case:
        return Case(mutate_text(draw, draw.choose(boards)), "mine.toml")

A door is a function of the path, or a command line of which `{file}` and `{out}` are filled in. It is tried on every
case, or on one in n where it is given as `rarely(door, n)`.
"""

from __future__ import annotations

import importlib
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
T = TypeVar("T")
BLOCK = 120
Door = str | Callable[[Path], object]


class Draw:
    """Random choices that are the same for the same kind, seed and index."""

    def __init__(self, kind: str, seed: int, index: int) -> None:
        self.rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), index])

    def choose(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        if weights is None:
            return options[int(self.rng.integers(len(options)))]
        sums = np.cumsum(weights)
        return options[int(np.searchsorted(sums, self.rng.random() * sums[-1], side="right"))]

    def below(self, end: int) -> int:
        return int(self.rng.integers(end)) if end > 0 else 0

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)


@dataclass(frozen=True, slots=True)
class Case:
    """Files that a stranger sends, by their names, and the one of them that is given to the kit."""

    data: bytes
    name: str
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        for name, data in {**self.beside, self.name: self.data}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder / self.name


@dataclass(frozen=True, slots=True)
class Rare:
    door: Door
    one_in: int


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    make: Callable[[Draw], Case]
    doors: tuple[Rare, ...]
    share: float


KINDS: dict[str, Kind] = {}


def rarely(door: Door, one_in: int) -> Rare:
    return Rare(door, one_in)


def kind(*doors: Door | Rare, share: float = 1.0) -> Callable[[Callable[[Draw], Case]], Callable[[Draw], Case]]:
    """Register a function as a kind of input; its share of the files is relative to the other kinds'."""

    def register(make: Callable[[Draw], Case]) -> Callable[[Draw], Case]:
        listed = tuple(one if isinstance(one, Rare) else Rare(one, 1) for one in doors)
        KINDS[make.__name__] = Kind(make.__name__, make, listed, share)
        return make

    return register


def name_door(door: Door) -> str:
    return door if isinstance(door, str) else door.__name__


def make_case(name: str, seed: int, index: int) -> tuple[Case, list[str]]:
    """A case and the doors that are drawn for it."""
    draw = Draw(name, seed, index)
    doors = [name_door(rare.door) for rare in KINDS[name].doors if draw.below(rare.one_in) == 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is hostile is odd to the libraries that write it
        return KINDS[name].make(draw), doors


def deal(names: Sequence[str], count: int) -> list[tuple[str, int]]:
    """How many cases of each kind, one at least, as (kind, index): in blocks of one kind, all kinds in turn."""
    total = sum(KINDS[name].share for name in names)
    counts = {name: max(1, round(count * KINDS[name].share / total)) for name in names}
    rounds = max(1, max(counts.values()) // BLOCK)
    parts = (
        (name, range(n * turn // rounds, n * (turn + 1) // rounds))
        for turn in range(rounds)
        for name, n in counts.items()
    )
    return [(name, index) for name, part in parts for index in part]


def load_kinds() -> dict[str, Kind]:
    for path in sorted(HERE.glob("kind_*.py")):
        importlib.import_module(f"tests.fuzz.{path.stem}")
    return KINDS


def find_door(name: str, wanted: str) -> Door:
    return next(rare.door for rare in KINDS[name].doors if name_door(rare.door) == wanted)
