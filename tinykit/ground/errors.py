"""Every error tinykit raises on purpose.

A message says what was wrong, with the value, then what is allowed or nearest, then what to do.
Catch `TinykitError` to catch them all; the children also subclass the built-in that fits, so that
`except ValueError` and `except LookupError` do what their reader expects.
"""

import contextlib
import difflib
import errno
import functools
import numbers
import re
import shutil
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

_P = ParamSpec("_P")
_T = TypeVar("_T")

BAD_INPUT, MACHINE, FAULT, STOPPED = 2, 3, 70, 130
"""Exit statuses besides 0 and 1, which are verdicts."""
_LONGEST_LINE = 1000
_LEAST_ROOM_BYTES = 65_536
_MACHINE_CODES = frozenset(
    getattr(errno, name, 0)
    for name in "EACCES EAGAIN EBADF EDQUOT EFBIG EIO EMFILE ENFILE ENOMEM ENOSPC EPERM EPIPE EROFS".split()
)
_MACHINE_WORDS = re.compile(
    "No space left|NoSpaceLeft|Disk quota|usable temporary|determine home|start new thread|failed to map segment|"
    "annot allocate memory|not allocate dynamic translator|virtual memory exhausted|Too many open files"
)
"""What systems, linkers and compilers say where no number tells it."""
_MEMORY_WORDS = re.compile("bad_alloc|MemoryError|annot allocate|failed to map|thread_create|SIGABRT|SIGKILL")


def printable(text: str, limit: int = _LONGEST_LINE) -> str:
    """The text with control characters escaped and its middle left out where it is over the limit [characters].

    >>> printable("a\\x1b[2J"), printable("a" * 70, 40)
    ('a\\\\x1b[2J', 'aaaaaaaaaaaaaaaaaaaa … (40 characters) … aaaaaaaaaa')
    """
    if len(text) > limit:
        part = limit // 4
        text = f"{text[: 2 * part]} … ({len(text) - 3 * part} characters) … {text[-part:]}"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


class TinykitError(Exception):
    """Root of every error tinykit raises on purpose; its text is printable, three lines at most."""

    def __str__(self) -> str:
        first, *more = super().__str__().split("\n")
        kept = more if len(more) < 3 else ["; ".join(more[:-1]), more[-1]]
        return "\n".join([printable(first), *(printable(line) for line in kept)])


class ParameterError(TinykitError, ValueError):
    """A value is outside what the function accepts: sparsity 80, a negative period, NaN."""


class ModelError(TinykitError, ValueError):
    """A model file is not what it claims to be, or holds something tinykit cannot take."""


class DataError(TinykitError, ValueError):
    """A dataset has the wrong shape, rate, labels or groups, or holds NaN."""


class FactError(TinykitError, ValueError):
    """A file under `data/`, or a user's board file, breaks the rules for facts."""


class UnknownFactError(TinykitError, LookupError):
    """A figure the answer needs was found in no document: the honest answer is `unknown`."""


class RecordError(TinykitError, ValueError):
    """A design record is damaged, or an artefact no longer has the hash it was recorded with."""


class OutputError(TinykitError, OSError):
    """A result could not be written where it was asked for."""


class EngineError(TinykitError, RuntimeError):
    """An engine in a child process (interpreter, converter, compiler) failed or crashed."""


class MissingPackageError(TinykitError, ImportError):
    """A package of an optional extra is not installed."""


class KerasVersionError(TinykitError, RuntimeError):
    """Keras 3 is loaded where tf-keras is needed."""


class UnknownBoardError(TinykitError, LookupError):
    """No board of that id is in the catalogue."""


class UnknownBatteryError(TinykitError, LookupError):
    """No cell of that id is in the catalogue."""


class UnknownSensorError(TinykitError, LookupError):
    """No sensor of that id is in the catalogue."""


class UnknownTaskError(TinykitError, LookupError):
    """No dataset of that id is known."""


class UnknownStageError(TinykitError, LookupError):
    """The design record has no such stage, and no checkpoint stands in for it."""


class UnknownRuntimeError(TinykitError, LookupError):
    """There is no evidence for this runtime on this core: the honest answer is `unknown`."""


def judge_failure(error: BaseException) -> tuple[int, str]:
    """Exit status and text for what ended a command or a panel's move: the input, the machine, or a fault of the kit.

    The machine is at fault where the error, or one it was raised from, is of memory, rights, room, handles or SIGKILL.
    """
    chain: list[BaseException] = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None and before not in chain:
        chain.append(before)
    machine = next((one for one in chain if _is_of_machine(one)), None)
    if isinstance(error, TinykitError):
        return MACHINE if machine else BAD_INPUT, str(error)
    said = printable(" ".join(f"{type(error).__name__}: {error}".split()), 300)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return BAD_INPUT, f"{said}; give a shorter path"
    if machine or isinstance(error, OSError):
        return MACHINE, f"this machine failed ({said})\nfree memory, room on the disk, handles or rights, and try again"
    from traceback import extract_tb

    frames = [one for one in extract_tb(error.__traceback__) if "tinykit" in one.filename]
    where = "".join(f" at {Path(one.filename).name}:{one.lineno}" for one in frames[-1:])
    return FAULT, f"a fault of the kit ({said}{where}): please report this line, what you called, and the file it took"


def _is_of_machine(error: BaseException) -> bool:
    ended = getattr(error, "signal", "") == "SIGKILL" and not getattr(error, "late", False)  # not by the kit
    if ended or isinstance(error, MemoryError) or _MACHINE_WORDS.search(str(error)):
        return True
    return isinstance(error, OSError) and not isinstance(error, TinykitError) and error.errno in _MACHINE_CODES


def name_lack(said: str, *folders: str | Path) -> str:
    """What the machine lacked, by what a program said of it and by the room in folders; "" where it lacked nothing."""
    found = _MACHINE_WORDS.search(said)
    full = [one for one in folders if Path(one).exists() and shutil.disk_usage(one).free < _LEAST_ROOM_BYTES]
    return found[0] if found else f"No space left in {full[0]}" if full else ""


def refuse_shortage(name: str, said: str, wanted_bytes: int) -> None:
    """EngineError where last words are of memory, and a limit on this process kept it from what the other may take."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[1]
    except ImportError:  # not a Unix
        return
    if 0 <= most < wanted_bytes and _MEMORY_WORDS.search(said):
        lack = f"cannot allocate memory: {most >> 20} MiB of address space are what this process has"
        raise EngineError(f"{name} {lack} (`ulimit -v`); allow it {wanted_bytes >> 20} MiB")


def name_nearest(name: str, allowed: Iterable[str], limit: int = 3) -> str:
    """Say which allowed names are nearest to a misspelt one, for an error message.

    >>> name_nearest("nucleo-l4r5z", ["nucleo-l4r5zi", "microbit-v2"])
    'nearest: nucleo-l4r5zi'
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(name, names, n=limit, cutoff=0.5)
    return "nearest: " + ", ".join(near) if near else "allowed: " + ", ".join(names[:12])


def look_up(name: str, known: Mapping[str, _T], told: str, error: type[TinykitError], cure: str = "") -> _T:
    """What has a name; where nothing has, an error that tells it, the nearest names and the cure."""
    if name not in known:
        raise error(f"{told}; {name_nearest(str(name), known)}{cure}")
    return known[name]


def name_install(extra: str) -> str:
    """The command that installs what an extra brings, for an error message: its packages, each by its own name.

    Not by the kit's name: what an index has under that is somebody else's.

    >>> name_install("npu")
    "pip install 'ethos-u-vela==5.2.0'"
    """
    from importlib.metadata import requires  # an error is defined without it

    lines = requires("tinykit") or []
    wanted = [line.partition(";")[0].strip() for line in lines if f"extra == '{extra}'" in line.replace('"', "'")]
    return "pip install " + " ".join(f"'{requirement}'" for requirement in wanted)


def keywords(function: Callable[_P, _T], *, strict: bool = False) -> Callable[_P, _T]:
    """The function, with a `ParameterError` where a keyword is none of its own, which names the nearest parameter.

    So for an argument of the wrong kind that the function fails over; if strict, for any. Signature and docstring stay.
    """
    plain: Any = function

    @functools.wraps(function)
    def call(*arguments: _P.args, **named: _P.kwargs) -> _T:
        try:
            made = function(*arguments, **named)
        except TinykitError:
            raise
        except Exception as error:
            _refuse_arguments(plain, arguments, named, error)
            raise
        if strict:
            _refuse_arguments(plain, arguments, named)
        return made

    return call


def _refuse_arguments(
    plain: Any, arguments: tuple[Any, ...], named: Mapping[str, Any], cause: Exception | None = None
) -> None:
    """ParameterError for a keyword that is no parameter, the first argument of a wrong kind, or an overflow."""
    code, name = plain.__code__, plain.__qualname__.removesuffix(".__init__")
    allowed = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for keyword in named.keys() - {*allowed}:
        raise ParameterError(f"{name} has no parameter {keyword!r}; {name_nearest(keyword, {*allowed} - {'self'})}")
    placed = dict(zip(allowed, arguments, strict=False))
    for keyword in named.keys() & placed.keys():
        raise ParameterError(f"{name}: {keyword} is given twice, {placed[keyword]!r:.80} and {named[keyword]!r:.80}")
    given = {**placed, **named}
    for one, (kinds, told) in _kinds_of(plain).items():
        if one in given and not isinstance(given[one], kinds):
            raise ParameterError(f"{name}: {one} is {given[one]!r:.200}; give {told}")
    if isinstance(cause, OverflowError):
        raise ParameterError(f"{name}: a number is too large ({cause}); give a smaller one")


@functools.cache
def _kinds_of(plain: Any) -> dict[str, tuple[tuple[type, ...], str]]:
    """The kinds that the annotation of each parameter allows, also as text; none where no instance shows its kind."""
    wider: Any = {float: numbers.Real, int: numbers.Integral, tuple: Iterable, list: Iterable, bool: Hashable}
    found = {}
    for name, hint in get_type_hints(plain).items():
        parts = get_args(hint) if "Union" in str(get_origin(hint)) else (hint,)
        kinds = tuple(wider.get(kind, kind) for kind in (get_origin(part) or part for part in parts))
        with contextlib.suppress(TypeError):  # Any, a protocol
            isinstance(None, kinds[::-1])
            found[name] = kinds, re.sub(r"\b\w+\.", "", hint.__name__ if isinstance(hint, type) else str(hint))
    return found
