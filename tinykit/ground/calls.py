"""How public functions are called: a misspelt keyword is answered as every other wrong value is, with the nearest."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tinykit.ground.errors import ParameterError, name_nearest

P = ParamSpec("P")
R = TypeVar("R")


def keywords(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with a `ParameterError` that names the nearest parameter where a keyword is none of its own.

    Signature and docstring stay, so that editors and Shift-Tab show them. For a method `__init__` the message names
    the class.
    """
    plain: Any = function
    code = plain.__code__
    allowed = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    name = plain.__qualname__.removesuffix(".__init__")

    @functools.wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        for keyword in named.keys() - allowed:
            raise ParameterError(f"{name} has no parameter {keyword!r}; {name_nearest(keyword, allowed - {'self'})}")
        return function(*arguments, **named)

    return call
