"""A job: a function of a module, by its name, and plain values; its failure is a result with a reason."""

import importlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from tinykit.ground.errors import ParameterError, judge_failure
from tinykit.ground.results import Result

Job = tuple[Hashable, str, str, tuple[Any, ...]]
_PLAIN = (type(None), bool, int, float, str, bytes)


@dataclass(frozen=True, slots=True)
class Done(Result):
    """What a job answered."""

    answer: Any


@dataclass(frozen=True, slots=True)
class Failed(Result):
    """Why a job has no answer: the exit status of a command (2 input, 3 machine, 70 fault), and a reason."""

    status: int
    reason: str


def describe_job(job_id: Hashable, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Job:
    """A job as it travels: by the name of its function, with plain values; ParameterError for any other."""
    module, name = getattr(function, "__module__", None) or "", getattr(function, "__qualname__", "")
    found = getattr(importlib.import_module(module), name, None) if module and module != "__main__" else None
    if found is not function:
        raise ParameterError(f"job {function!r}: no function of a module; give one that a worker can import")
    for one in arguments:
        _check_plain(one)
    return job_id, module, name, arguments


def _check_plain(one: Any) -> None:
    if type(one) in (list, tuple):
        parts = list(one)
    elif type(one) is dict:
        parts = [*one, *one.values()]
    elif type(one) in _PLAIN:
        return
    else:
        raise ParameterError(f"{type(one).__name__} in a job; give numbers, text, bytes, lists or dicts of them")
    for part in parts:
        _check_plain(part)


def run_job(module: str, name: str, arguments: tuple[Any, ...]) -> tuple[int, Any]:
    """In a worker: exit status, and the answer or the reason for none, as values that travel."""
    try:
        answer = getattr(importlib.import_module(module), name)(*arguments)
        _check_plain(answer)
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever a job raises is its result; the search goes on
        return judge_failure(error)
    return 0, answer


def take_result(ended: tuple[int, Any]) -> Done | Failed:
    """What `run_job` gave, as a result."""
    return Failed(*ended) if ended[0] else Done(ended[1])
