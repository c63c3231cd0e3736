"""The real TFLM interpreter, in a child process: outputs, arena, missing operators, accuracy, agreement with LiteRT."""

from tinykit.predict.runtime.layers import LayerComparison, LayerError, compare_layers
from tinykit.predict.runtime.scoring import dequantise, predict_labels, quantise_input, to_input
from tinykit.predict.runtime.session import (
    ENGINES,
    RecordedArena,
    Session,
    TensorInfo,
    measure_arena,
    missing_operators,
    run_model,
)
from tinykit.predict.runtime.verify import (
    Answers,
    CodeComparison,
    SameProof,
    Verification,
    collect_answers,
    compare_answers,
    prove_same,
    sample_inputs,
    verify_model,
)

__all__ = [
    "ENGINES", "Answers", "CodeComparison", "LayerComparison", "LayerError", "RecordedArena", "SameProof", "Session",
    "TensorInfo", "Verification", "collect_answers", "compare_answers", "compare_layers", "dequantise", "measure_arena",
    "missing_operators", "predict_labels", "prove_same", "quantise_input", "run_model", "sample_inputs", "to_input",
    "verify_model",
]  # fmt: skip
