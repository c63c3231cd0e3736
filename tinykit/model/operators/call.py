"""One operator as a kernel is handed it: the tensors it reads and writes, and the options that shape its work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tinykit.ground.errors import ModelError

Shape = tuple[int, ...]


class TensorLike(Protocol):
    """What rules look at of a tensor."""

    @property
    def shape(self) -> Shape:
        """Sizes of its axes."""

    @property
    def dtype(self) -> str:
        """Type of its elements, "int8"."""

    @property
    def nbytes(self) -> int:
        """Bytes of its elements."""

    @property
    def elements(self) -> int:
        """Number of elements."""

    @property
    def scales(self) -> tuple[float, ...]:
        """Of its quantisation, empty without one."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operator of a graph with its tensors.

    Parameters
    ----------
    name : "CONV_2D", as in the model file.
    inputs : None for one left out.
    outputs : in order; none of an operator that only changes a state.
    stride, dilation : (height, width).
    padding : "SAME", "VALID" or "".
    depth_multiplier : of a depthwise convolution, 0 elsewhere.
    """

    name: str
    inputs: tuple[TensorLike | None, ...]
    outputs: tuple[TensorLike, ...]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str = ""
    depth_multiplier: int = 0

    def read(self, position: int) -> TensorLike:
        """An input that the ranks of the operator's row promise.

        Raises
        ------
        ModelError : it is left out all the same.
        """
        found = self.inputs[position] if position < len(self.inputs) else None
        if found is None:
            raise ModelError(f"{self.name} has no input {position}, which its kernel reads; the file is damaged")
        return found
