"""What DECODE costs on the device, and which runtimes have it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tinykit.flash import decoder_code
from tinykit.graph import ModelGraph
from tinykit.quantity import Estimate

DECODE_NAME = "TFLM_DECODE"
UNVERIFIED = "unverified on device"
"""Outputs are compared in TFLM on this host. On Cortex-M4 models of this kind were loaded and invoked under QEMU, their
outputs not compared; with CMSIS-NN or ESP-NN kernels nothing was tried."""

DECODE_RUNTIMES = ("tflm-reference", "tflm-cmsis-nn", "esp-nn")
_REFUSALS = {
    "x-cube-ai": "X-CUBE-AI does not know TFLM's custom operators",
    "ethos-u": "Vela leaves custom operators to the CPU and cannot encode weights that are no constants; it compresses "
    "weights itself",
    "exporter": "the C exporter writes weights as plain arrays",
}
_CYCLES_PER_WEIGHT = (16.0, 8.0, 32.0)
_CYCLES_SOURCE = (
    "one pass over all weights before they are used: 8 to 32 cycles a weight on Cortex-M and Xtensa without SIMD, "
    "assumed from the operations of the kernel's inner loop (shift, mask, table load, store); not measured"
)


@dataclass(frozen=True, slots=True)
class DecodeCost:
    """What the DECODE operators of a model cost on a device.

    Parameters
    ----------
    code : flash of the decoder as an `Estimate` [byte].
    weights : weights decoded at each inference.
    largest_bytes : the largest decoded tensor, which lies in the arena beside its layer's activations [byte].
    cycles_per_weight : as an `Estimate` ["1"]; time = weights x cycles / clock.
    device : what is known of outputs on a device.
    """

    code: Estimate
    weights: int
    largest_bytes: int
    cycles_per_weight: Estimate
    device: str = UNVERIFIED

    def latency(self, clock_hz: float) -> Estimate:
        """Time to decode all weights once at a clock [Hz], as an `Estimate` [s]."""
        per = self.cycles_per_weight
        value, low, high = (self.weights * one / clock_hz for one in (per.value, per.low, per.high))
        return Estimate(value, low, high, "s", per.basis, "", per.source)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON types."""
        return {
            "code_bytes": self.code.to_json(),
            "weights": self.weights,
            "largest_bytes": self.largest_bytes,
            "cycles_per_weight": self.cycles_per_weight.to_json(),
            "runtimes": list(DECODE_RUNTIMES),
            "device": self.device,
        }


def cost_of_decode(graph: ModelGraph) -> DecodeCost:
    """The cost of the DECODE operators of a model; one without any costs no code and no time."""
    decoded = [
        graph.tensors[index]
        for operator in graph.operators
        if operator.name == f"CUSTOM:{DECODE_NAME}"
        for index in operator.outputs
    ]
    code = decoder_code() if decoded else Estimate.exact(0, "byte", "compiled", "no DECODE operator")
    value, low, high = _CYCLES_PER_WEIGHT
    return DecodeCost(
        code,
        sum(tensor.elements for tensor in decoded),
        max((tensor.nbytes for tensor in decoded), default=0),
        Estimate(value, low, high, "1", "assumed", "", _CYCLES_SOURCE),
    )


def refuse_decode(runtime: str) -> str:
    """Why a runtime cannot run DECODE, "" where it can. `runtime` as in `tinykit.fit`, or "exporter".

    >>> refuse_decode("tflm-cmsis-nn"), refuse_decode("x-cube-ai")
    ('', "X-CUBE-AI does not know TFLM's custom operators")
    """
    if runtime in DECODE_RUNTIMES:
        return ""
    return _REFUSALS.get(runtime, f"whether {runtime!r} has TFLM's DECODE operator is unknown")


def break_even_bytes(code: Estimate) -> int:
    """Bytes of file that DECODE has to save before the decoder's code is repaid, at the high end [byte]."""
    return math.ceil(code.high)
