"""Answers that are remembered: by content, within a bound of bytes, and forgotten by one call.

A file read twice is one model here, and a failure is asked again: an exception is never kept. The bound holds for all
functions together, the least recently used answer goes first.
"""

import functools
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar, cast

MOST_BYTES = 192 * 1024 * 1024
"""What all remembered answers may take together, the shipped tables apart."""
_MOST_ROWS = 4096
_TEXTS = frozenset({str, bytes})
_NUMBERS = frozenset({int, float, bool, type(None)})
_NUMBER_BYTES = 28

_P = ParamSpec("_P")
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class Asked(NamedTuple):
    """How often a function was asked what it remembered, and what not."""

    hits: int
    misses: int


class _Store:
    """Every remembered answer with its bytes, the least recently used first."""

    def __init__(self) -> None:
        self.answers: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.held_bytes = 0
        self.turn = threading.RLock()

    def find(self, key: Hashable) -> tuple[Any, int] | None:
        with self.turn:
            found = self.answers.get(key)
            if found is not None:
                self.answers.move_to_end(key)
            return found

    def keep(self, key: Hashable, answer: Any) -> None:
        nbytes = weigh(answer)
        with self.turn:
            self.held_bytes += nbytes - self.answers.pop(key, (None, 0))[1]
            self.answers[key] = answer, nbytes
            while self.held_bytes > MOST_BYTES:
                self.held_bytes -= self.answers.popitem(last=False)[1][1]

    def drop(self, chosen: Callable[[Any], bool]) -> None:
        with self.turn:
            for key in [key for key in self.answers if chosen(key)]:
                self.held_bytes -= self.answers.pop(key)[1]


_store = _Store()
_tables: list[Any] = []
_models_bytes: dict[str, int] = {}


class Remembered(Protocol[_P, _T_co]):
    """A function that remembers its answers; `remember` makes it."""

    def __call__(self, *args: _P.args, **named: _P.kwargs) -> _T_co:
        """The answer, remembered or computed."""

    def cache_info(self) -> Asked:
        """How often it was asked since it was imported."""

    def cache_clear(self) -> None:
        """Forget the answers of this function alone."""


def remember(function: Callable[_P, _T]) -> Remembered[_P, _T]:
    """Remember what a function of immutable values answers.

    An argument with a `sha256`, such as a model, counts by that hash; all others have to be hashable. What the function
    raises is not remembered.
    """
    counts = [0, 0]

    @functools.wraps(function)
    def remembered(*args: _P.args, **named: _P.kwargs) -> _T:
        key: tuple[Hashable, ...] = (function, *[getattr(one, "sha256", one) for one in args])
        if named:
            key += tuple([(name, getattr(named[name], "sha256", named[name])) for name in sorted(named)])
        found = _store.find(key)
        counts[found is None] += 1
        if found is not None:
            return found[0]  # type: ignore[no-any-return]
        answer = function(*args, **named)
        _store.keep(key, answer)
        return answer

    made: Any = remembered
    made.cache_info = lambda: Asked(*counts)
    made.cache_clear = lambda: _store.drop(lambda key: key[0] is function)
    return cast("Remembered[_P, _T]", made)


def remember_table(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Remember what a function reads or derives from the shipped tables: small answers, by the thousand at most."""
    kept = functools.lru_cache(_MOST_ROWS)(function)
    _tables.append(kept)
    return cast("Callable[_P, _T]", kept)


_endings: list[Callable[[], None]] = []


def on_clear(end: Callable[[], None]) -> None:
    """Have `clear_caches` call `end` too, as what is kept for the next question besides its answers needs it."""
    _endings.append(end)


def clear_caches() -> None:
    """Forget every remembered answer: the next question is computed anew, from the files as they are now.

    Processes that are kept for the next question (interpreter, compiler, converter) end.
    """
    for end in _endings:
        end()
    _store.drop(lambda _: True)
    for table in _tables:
        table.cache_clear()


def held_bytes() -> int:
    """Bytes that the remembered answers take, what several share counted for each."""
    return _store.held_bytes


def weigh(answer: Any) -> int:
    """Bytes of a value with all it holds; a model, known by its hash, is looked through once for all answers."""
    if not hasattr(answer, "sha256") or isinstance(answer, type):
        return _weigh_parts(answer)
    if answer.sha256 not in _models_bytes:
        if len(_models_bytes) >= _MOST_ROWS:
            _models_bytes.clear()
        _models_bytes[answer.sha256] = _weigh_parts(answer)
    return _models_bytes[answer.sha256]


def _weigh_parts(answer: Any) -> int:
    seen: set[int] = set()
    pending, total = [answer], 0
    while pending:
        one = pending.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        kind: Any = type(one)
        if kind in _TEXTS:
            continue
        names, hashed = _names_of(kind)
        if hashed and one is not answer:
            total += weigh(one)
            continue
        inside, nbytes = ([getattr(one, name) for name in names], 0) if names else _look_into(one)
        parts = [part for part in inside if type(part) not in _NUMBERS]
        pending += parts
        total += nbytes + _NUMBER_BYTES * (len(inside) - len(parts))
    return total


def _look_into(one: Any) -> tuple[list[Any], int]:
    """What a container holds, and the bytes of an array's elements."""
    if isinstance(one, Mapping):
        return [*one.keys(), *one.values()], 0
    if isinstance(one, tuple | list | set | frozenset):
        return list(one), 0
    return [], one.nbytes if hasattr(one, "__array_interface__") else 0


@functools.cache
def _names_of(kind: Any) -> tuple[tuple[str, ...], bool]:
    """The fields of a dataclass, none for another type, and whether it carries a hash as models do."""
    names = tuple([field.name for field in fields(kind)]) if is_dataclass(kind) else ()
    return names, bool(names) and hasattr(kind, "sha256")
