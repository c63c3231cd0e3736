"""The other side of the pipe: a worker that runs the TensorFlow Lite converter on a copy that was inspected.

It runs inside a `Child` that has adopted this package, in the folder of the copy. If the converter crashes, it takes
this process with it, no other.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tinykit.ground.errors import TinykitError
from tinykit.train.conversion.keras_file import load_inspected
from tinykit.train.keras import load_tensorflow, quiet


def answer(job: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """The flatbuffer of every precision that `job` names, or why there is none that a user can mend."""
    try:
        tensorflow = load_tensorflow()
        model = load_inspected(Path(job["model"]), job["name"], quantised=job["quantised"], pruned=job["pruned"])
        number_afresh(model)
        samples = np.frombuffer(parts[0], np.float32).reshape(job["shapes"][0]) if parts else None
        with quiet():
            made = [convert_one(tensorflow, model, precision, samples) for precision in job["precisions"]]
        return {"tensorflow": tensorflow.__version__}, made
    except TinykitError as error:
        return {"refused": str(error)}, []


def number_afresh(model: Any) -> None:
    """Give layers that Keras named (`conv2d_7`) the numbers they have in this model (`conv2d_2`); chosen names stay.

    Keras counts layers by process and their names end up in the flatbuffer: without this, the same network built a
    second time would be another file. Only for a model that is called and not saved again.
    """
    seen: Counter[str] = Counter()
    for layer in (model, *model.layers):
        stem = re.sub(r"_[0-9]+$", "", layer.name)
        kinds = {type(getattr(layer, "layer", layer)).__name__.lower(), "model" if layer is model else ""}
        if stem.removeprefix("quant_").replace("_", "") in kinds:
            layer._name = f"{stem}_{seen[stem]}" if seen[stem] else stem
            seen[stem] += 1


def convert_one(tensorflow: Any, model: Any, precision: str, samples: Any) -> bytes:
    """The flatbuffer of a Keras model with its batch fixed to 1, input and output of the integer type too.

    Samples, float32 [n, ...], calibrate; None for float32, and for a QAT model, which brings its ranges.
    """
    shape = (1, *model.input_shape[1:])
    call = tensorflow.function(
        lambda x: model(x, training=False), input_signature=[tensorflow.TensorSpec(shape, tensorflow.float32)]
    ).get_concrete_function()
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([call], model)
    if precision != "float32":
        sets = tensorflow.lite.OpsSet
        operators, kind = {
            "int8": (sets.TFLITE_BUILTINS_INT8, tensorflow.int8),
            "int16x8": (sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8, tensorflow.int16),
        }[precision]
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = kind
        if samples is not None:
            converter.target_spec.supported_ops = [operators]
            converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    return bytes(converter.convert())
