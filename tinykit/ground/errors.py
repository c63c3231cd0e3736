"""Every error tinykit raises on purpose.

A message says what was wrong, with the value, then what is allowed or nearest, then what to do.
Catch `TinykitError` to catch them all; the children also subclass the built-in that fits, so that
`except ValueError` and `except LookupError` do what their reader expects.
"""

import difflib
import functools
import importlib.metadata
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class TinykitError(Exception):
    """Root of every error tinykit raises on purpose."""


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


def name_nearest(name: str, allowed: Iterable[str], limit: int = 3) -> str:
    """Say which allowed names are nearest to a misspelt one, for an error message.

    >>> name_nearest("nucleo-l4r5z", ["nucleo-l4r5zi", "microbit-v2"])
    'nearest: nucleo-l4r5zi'
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(name, names, n=limit, cutoff=0.5)
    return "nearest: " + ", ".join(near) if near else "allowed: " + ", ".join(names[:12])


def name_install(extra: str) -> str:
    """The command that installs what an extra brings, for an error message: its packages, each by its own name.

    Not by the kit's name: what an index has under that is somebody else's.

    >>> name_install("npu")
    "pip install 'ethos-u-vela==5.2.0'"
    """
    lines = importlib.metadata.requires("tinykit") or []
    wanted = [line.partition(";")[0].strip() for line in lines if f"extra == '{extra}'" in line.replace('"', "'")]
    return "pip install " + " ".join(f"'{requirement}'" for requirement in wanted)


def keywords(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """The function, with a `ParameterError` that names the nearest parameter where a keyword is none of its own.

    Signature and docstring stay, so that editors and Shift-Tab show them. For a method `__init__` the message names
    the class.
    """
    plain: Any = function
    code = plain.__code__
    allowed = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    name = plain.__qualname__.removesuffix(".__init__")

    @functools.wraps(function)
    def call(*arguments: _P.args, **named: _P.kwargs) -> _T:
        for keyword in named.keys() - allowed:
            raise ParameterError(f"{name} has no parameter {keyword!r}; {name_nearest(keyword, allowed - {'self'})}")
        return function(*arguments, **named)

    return call
