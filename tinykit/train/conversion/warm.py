"""Conversions by a process of one's own, which is there for as long as a block: a search's, or a thread's."""

from typing import Self

from tinykit.train.conversion.converter import CHOSEN, keep_warm
from tinykit.train.conversion.converting import convert, convert_all


class Converter:
    """In its block `convert` and `convert_all`, also as its methods, ask a process that nobody else asks.

    `with Converter() as converter: converter.convert(model, representative=samples)`: the same bytes within the same
    limits. TensorFlow is started for the first model; the process ends with the block, or with this one. It holds for
    the thread that entered the block: several threads take one each.
    """

    convert, convert_all = staticmethod(convert), staticmethod(convert_all)

    def __enter__(self) -> Self:
        self._kept = keep_warm()
        self._before = CHOSEN.set(self._kept)
        return self

    def __exit__(self, *raised: object) -> None:
        CHOSEN.reset(self._before)
        for one in self._kept.values():
            one.close()
