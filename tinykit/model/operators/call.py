"""One operator as a kernel is handed it: the tensors it reads and writes, and the options that shape its work."""

from __future__ import annotations

from dataclasses import dataclass

from tinykit.ground.errors import ModelError

Shape = tuple[int, ...]
NEWEST = "2026"
"""CMSIS-NN as TFLM of mid-2026 links it."""
EARLIER = "2023"
"""Before the depthwise 3 × 3 kernel went without a buffer on cores with the DSP extension (kws on an nRF52840: 24,164
bytes, with today's kernels 22,820), and before there were transposed convolutions; else as the newest, as a bound."""
EXPORTED = "4.0.0"
"""What an export in C carries; the exported program can ask the library itself (`<name>_scratch_check`)."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """Whose kernels run: core family ("plain", "dsp", "mve"), and version of CMSIS-NN, "" for TFLM's reference."""

    family: str
    cmsis: str = ""


@dataclass(frozen=True, slots=True)
class Operand:
    """What a kernel sees of a tensor: shape, type, bytes, and how many scales it has."""

    shape: Shape
    dtype: str
    nbytes: int
    scales: int


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
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str = ""
    depth_multiplier: int = 0

    def read(self, position: int) -> Operand:
        """An input that the ranks of the operator's row promise.

        Raises
        ------
        ModelError : it is left out all the same.
        """
        found = self.inputs[position] if position < len(self.inputs) else None
        if found is None:
            raise ModelError(f"{self.name} has no input {position}, which its kernel reads; the file is damaged")
        return found
