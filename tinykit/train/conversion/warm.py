"""Conversions by a process of one's own, which is there for as long as a block: a search's, or a thread's."""

from collections.abc import Callable
from typing import Any, ParamSpec, Self, TypeVar

from tinykit.ground.errors import ParameterError
from tinykit.train.conversion.converter import CHOSEN, keep_warm
from tinykit.train.conversion.converting import convert, convert_all

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Converter:
    """`convert` and `convert_all` as methods: the same bytes within the same limits, by a process nobody else asks.

    `with Converter() as converter: converter.convert(model, representative=samples)`. TensorFlow is started for the
    first model; the process ends with the block, or with this one. Several threads take a converter each. Outside of
    the block either is a ParameterError.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}
        self.convert, self.convert_all = self._with_own(convert), self._with_own(convert_all)

    def __enter__(self) -> Self:
        self._kept = keep_warm()
        return self

    def __exit__(self, *raised: object) -> None:
        for one in self._kept.values():
            one.close()
        self._kept = {}

    def _with_own(self, function: Callable[_P, _T]) -> Callable[_P, _T]:
        def call(*given: _P.args, **options: _P.kwargs) -> _T:
            if not self._kept:
                raise ParameterError("a Converter converts in its block alone; write `with Converter() as converter:`")
            before = CHOSEN.set(self._kept)
            try:
                return function(*given, **options)
            finally:
                CHOSEN.reset(before)

        return call
