"""The other side of the pipe: a worker that runs ONNX Runtime, on samples or to make what a build of it takes."""

from pathlib import Path
from typing import Any

from tinykit.predict.runtime.child import Arrays, pack_arrays, unpack_arrays

_ORT, _CONFIG = "model.ort", "model.required_operators_and_types.config"


def answer(request: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[Any]]:
    """Outputs for each sample, or the model as `.ort` and the operators and types that it needs."""
    if request["do"] == "run":
        outputs = _run(parts[0], request["optimised"], unpack_arrays(request["arrays"], parts[1:]))
        pairs = zip(outputs, request["shapes"], strict=False)
        outputs = [_fit(one, [1, *shape], back=True) for one, shape in pairs] or outputs
        listed, packed = pack_arrays(outputs)
        return {"arrays": listed}, packed
    from onnxruntime.tools.convert_onnx_models_to_ort import OptimizationStyle, convert_onnx_models_to_ort

    place = Path("model.onnx")
    place.write_bytes(parts[0])
    convert_onnx_models_to_ort(place, optimization_styles=[OptimizationStyle.Fixed], enable_type_reduction=True)
    return {}, [Path(name).read_bytes() for name in (_ORT, _CONFIG)]


def _run(model: bytes, optimised: bool, inputs: Arrays) -> Arrays:
    import numpy as np
    import onnxruntime

    options, levels = onnxruntime.SessionOptions(), onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    ends = session.get_inputs()
    if len(ends) != len(inputs):
        raise ValueError(f"it has {len(ends)} inputs, the other model {len(inputs)}")
    rows = []
    for row in zip(*(_fit(array, end.shape) for array, end in zip(inputs, ends, strict=True)), strict=True):
        rows.append(session.run(None, {end.name: one[None] for end, one in zip(ends, row, strict=True)}))
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def _fit(array: Any, shape: list[Any], *, back: bool = False) -> Any:
    """Samples [n, ...], channels last, in a model's shape: channels first where only that fits, or `back` again."""
    wanted, axes = tuple(shape[1:]), range(1, array.ndim - 1)
    moved = array.transpose(0, *range(2, array.ndim), 1) if back else array.transpose(0, array.ndim - 1, *axes)
    return moved if array.shape[1:] != wanted == moved.shape[1:] else array.reshape(len(array), *wanted)
