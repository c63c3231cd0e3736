"""Conversions by a process of one's own, which is there for as long as a block: a search's, or a thread's."""

from collections.abc import Sequence
from typing import Any, Self

from tinykit.ground.errors import ParameterError
from tinykit.train.conversion.converter import CHOSEN, TIMEOUT_S, keep_warm
from tinykit.train.conversion.converting import PRECISIONS, Conversion, Representative, convert_all


class Converter:
    """What `convert` does, to the same bytes and within the same limits, by a process that nobody else asks.

    `with Converter() as converter: converter.convert(model, representative=samples)`. TensorFlow is started for the
    first model; the process ends with the block, or with this one. Several threads take a converter each.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._kept = keep_warm()
        return self

    def __exit__(self, *raised: object) -> None:
        for one in self._kept.values():
            one.close()
        self._kept = {}

    def convert(
        self, model: Any, *,
        precision: str = "int8", representative: Representative | None = None, training: Representative | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Conversion:  # fmt: skip
        """As the function `convert`; ParameterError besides, outside of the block."""
        made = self.convert_all(
            model, (precision,), representative=representative, training=training, timeout_s=timeout_s
        )
        return made[precision]

    def convert_all(
        self, model: Any, precisions: Sequence[str] = PRECISIONS, *,
        representative: Representative | None = None, training: Representative | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> dict[str, Conversion]:  # fmt: skip
        """As the function `convert_all`; ParameterError besides, outside of the block."""
        if not self._kept:
            raise ParameterError("a Converter converts inside its block alone; write `with Converter() as converter:`")
        before = CHOSEN.set(self._kept)
        try:
            return convert_all(model, precisions, representative=representative, training=training, timeout_s=timeout_s)
        finally:
            CHOSEN.reset(before)
