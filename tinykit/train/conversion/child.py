"""The other side of the pipe: a worker that runs the TensorFlow Lite converter on a copy that was inspected.

It runs inside a `Child` that has adopted this package, and takes one model after the other, each copied into a folder
of its parent's. If the converter crashes, it takes this process with it, no other.
"""

import gc
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinykit.ground.errors import TinykitError
from tinykit.train.conversion.keras3_model import prove
from tinykit.train.conversion.keras_file import load_inspected
from tinykit.train.conversion.orphans import clear_orphans
from tinykit.train.conversion.saved_model import list_signature_inputs, load_signature
from tinykit.train.keras import load_tensorflow, quiet


@dataclass(frozen=True, slots=True)
class Network:
    """What is converted: a function of tensors, name and shape of each input, and what must not be let go meanwhile."""

    call: Callable[..., Any]
    inputs: dict[str, tuple[int | None, ...]]
    source: Any


def answer(job: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """The flatbuffer of every precision that `job` names, or why there is none that a user can mend."""
    try:
        tensorflow = load_tensorflow()
        if not gc.get_freeze_count():  # TensorFlow stays: not to be looked through at each collection
            gc.freeze()
        reply, network = open_network(tensorflow, job)
        samples = [
            np.frombuffer(part, np.float32).reshape(shape) for part, shape in zip(parts, job["shapes"], strict=True)
        ]
        with quiet():
            made = [convert_one(tensorflow, network, precision, samples) for precision in job["precisions"]]
        return {"tensorflow": tensorflow.__version__, **reply}, made
    except TinykitError as error:
        return {"refused": str(error)}, []
    finally:
        forget()


def open_network(tensorflow: Any, job: dict[str, Any]) -> tuple[dict[str, Any], Network]:
    """The copy that `job` names, and what is to be told of it."""
    path, name = Path(job["model"]), job["name"]
    if path.is_dir():
        with quiet():
            signature, holder = load_signature(path, name)
        inputs = list_signature_inputs(signature, name)
        call = lambda *tensors: signature(**dict(zip(inputs, tensors, strict=True)))  # noqa: E731
        return {"inputs": inputs}, Network(call, inputs, holder)
    model = load_inspected(path, name, quantised=job["quantised"], pruned=job["pruned"])
    proof = prove(model, path, name) if path.suffix == ".json" else ""
    reply = {"proof": proof, "unrolled": unroll(model)}
    number_afresh(model)
    return reply, take_inputs(tensorflow, model)


def take_inputs(tensorflow: Any, model: Any) -> Network:
    """A tf-keras model as the converter calls it: a tensor for each input, in order."""
    pack = tensorflow.nest.pack_sequence_as
    inputs = {one.name: tuple(one.shape[1:]) for one in model.inputs}
    return Network(lambda *tensors: model(pack(model.input, tensors), training=False), inputs, model)


def forget() -> None:
    """Let go of the model: the next one finds names and memory as the first did."""
    for keras in (sys.modules.get("tf_keras"), sys.modules.get("keras")):
        if keras:
            keras.backend.clear_session()
    gc.collect()


def unroll(model: Any) -> list[str]:
    """Write out the steps of recurrent layers that have no kernel of their own, whose loop breaks the converter.

    A kernel has an LSTM of the usual activations that takes a sequence without a mask and starts from zero.
    """
    layers, found = list(model.submodules), []
    masked = any(type(one).__name__ == "Masking" or getattr(one, "mask_zero", False) for one in layers)
    for layer in layers:
        fused = getattr(layer, "_could_use_gpu_kernel", False) and type(layer).__name__ == "LSTM"
        plain = not isinstance(getattr(layer, "input", None), list) and not getattr(layer, "return_state", False)
        if getattr(layer, "unroll", True) is False and not (fused and plain and not masked):
            layer.unroll, layer._could_use_gpu_kernel = True, False
            found.append(str(layer.name))
    return found


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


def convert_one(tensorflow: Any, network: Network, precision: str, samples: list[Any]) -> bytes:
    """The flatbuffer of a network with its batch fixed to 1, inputs and outputs of the integer type too.

    Samples, float32 [n, ...] of each input, calibrate; none for float32, and for a QAT model, which brings its ranges.
    """
    names = [re.sub(r"[^A-Za-z0-9_]", "_", name) for name in network.inputs] if len(network.inputs) > 1 else ["x"]
    specs = [
        tensorflow.TensorSpec((1, *shape), tensorflow.float32, name)
        for name, shape in zip(names, network.inputs.values(), strict=True)
    ]
    call = tensorflow.function(network.call, input_signature=specs).get_concrete_function()
    holder = tensorflow.Module()  # the variables alone: of a model, every layer would be traced again
    holder.kept = call.variables
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([call], holder)
    if precision != "float32":
        sets = tensorflow.lite.OpsSet
        operators, kind = {
            "int8": (sets.TFLITE_BUILTINS_INT8, tensorflow.int8),
            "int16x8": (sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8, tensorflow.int16),
        }[precision]
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = kind
        if samples:
            converter.target_spec.supported_ops = [operators]
            rows = [dict(zip(names, (one[None] for one in row), strict=True)) for row in zip(*samples, strict=True)]
            converter.representative_dataset = lambda: iter(rows)
    return clear_orphans(bytes(converter.convert()))
