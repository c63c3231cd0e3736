"""The real TFLM interpreter, in a child process: outputs, arena, missing operators, accuracy, agreement with LiteRT."""

from tinykit.predict.runtime.layers import LayerComparison, LayerError, compare_layers
from tinykit.predict.runtime.proof import SameProof, prove_same
from tinykit.predict.runtime.scoring import dequantise, predictions, quantise_input, score, to_input
from tinykit.predict.runtime.session import (
    ENGINES,
    RecordedArena,
    Session,
    TensorInfo,
    measure_arena,
    missing_operators,
    run,
)
from tinykit.predict.runtime.verify import (
    Answers,
    Comparison,
    Verification,
    collect_answers,
    compare_answers,
    sample_inputs,
    verify,
)

__all__ = [
    "ENGINES",
    "Answers",
    "Comparison",
    "LayerComparison",
    "LayerError",
    "RecordedArena",
    "SameProof",
    "Session",
    "TensorInfo",
    "Verification",
    "collect_answers",
    "compare_answers",
    "compare_layers",
    "dequantise",
    "measure_arena",
    "missing_operators",
    "predictions",
    "prove_same",
    "quantise_input",
    "run",
    "sample_inputs",
    "score",
    "to_input",
    "verify",
]
