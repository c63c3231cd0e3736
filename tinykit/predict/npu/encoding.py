"""How many bytes an NPU's weights take: Vela's own encoding, apart from what a CPU's flash holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinykit.ground.errors import EngineError, MissingPackageError, ModelError
from tinykit.ground.results import Result
from tinykit.model.graph import ModelGraph
from tinykit.predict.npu.compiling import compile_for_npu


@dataclass(frozen=True, slots=True)
class EncodedWeights(Result):
    """The weights of a model as Vela encodes them for an Ethos-U.

    Zeros and repeated values take fewer bits there, so that pruning and clustering shrink this column without DECODE.

    Parameters
    ----------
    accelerator : such as "ethos-u55-128".
    weight_bytes, encoded_bytes : weights before and after the encoding [byte]; None where unknown.
    flatbuffer_bytes : the compiled model with weights, biases and commands, which is what lies in flash [byte].
    on_cpu : operators that stay on the CPU, whose weights are not encoded.
    reason : why the figures are unknown, "" where they are known.
    """

    accelerator: str
    weight_bytes: int | None
    encoded_bytes: int | None
    flatbuffer_bytes: int | None
    on_cpu: int = 0
    reason: str = ""

    def __str__(self) -> str:
        if self.encoded_bytes is None:
            return f"{self.accelerator}: unknown, {self.reason}"
        return f"{self.accelerator}: weights {self.weight_bytes:,} -> {self.encoded_bytes:,} bytes encoded"


def encode_weights(graph: ModelGraph, *, accelerator: str = "ethos-u55-128", **options: Any) -> EncodedWeights:
    """Vela's encoding of a model's weights; a model or machine it cannot work on is a result with its reason.

    Parameters
    ----------
    graph : the model, without DECODE.
    accelerator, options : as for `compile_for_npu`.

    Raises
    ------
    ParameterError : unknown accelerator, configuration or mode.
    """
    try:
        report = compile_for_npu(graph, accelerator=accelerator, **options)
    except (ModelError, EngineError, MissingPackageError) as error:
        return EncodedWeights(accelerator, None, None, None, reason=str(error).partition("\n")[0])
    return EncodedWeights(
        accelerator, report.weight_bytes, report.encoded_weight_bytes, report.flatbuffer_bytes, len(report.on_cpu)
    )
