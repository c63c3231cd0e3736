"""One operator of a model cut out as a model of its own; runs in the child, where a hostile file does no harm.

Whoever asks gives the flatbuffer's object interface (`schema`), since each interpreter's package brings its own.
"""

from typing import Any

import numpy as np

REAL_FORM = {"INT8": "<i1", "UINT8": "<u1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8"}


def parse(schema: Any, model: bytes) -> Any:
    """The file as objects that can be changed."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))


def name_state(schema: Any, tree: Any) -> str:
    """What outlives an inference: "variables" of the model's container, "tensors" marked so, or "" for nothing."""
    codes = {max(code.builtinCode, code.deprecatedBuiltinCode) for code in tree.operatorCodes}
    if schema.BuiltinOperator.VAR_HANDLE in codes:
        return "variables"
    return "tensors" if any(tensor.isVariable for tensor in tree.subgraphs[0].tensors) else ""


def mend(schema: Any, model: bytes) -> bytes:
    """The file with axes of quantisation that its tensors have: old converters gave a bias the axis of its weights.

    TFLM does not look at them, LiteRT refuses the file.
    """
    tree = parse(schema, model)
    for tensor in (one for graph in tree.subgraphs for one in graph.tensors):
        found = tensor.quantization
        if found is not None and tensor.shape is not None and found.quantizedDimension >= len(tensor.shape):
            found.quantizedDimension = 0
    return _pack(tree)


def isolate(schema: Any, model: bytes, index: int, *, real: bool = False) -> tuple[bytes, list[int]]:
    """Operator `index` of the main subgraph as a model: what it reads becomes an input unless the file holds it.

    `real` puts real numbers in place of quantised ones, in float32: the operator's exact arithmetic. Returns the model
    and the tensors of the whole one that are its inputs. ValueError : it touches a variable, which is no number.
    """
    tree = parse(schema, model)
    main = tree.subgraphs[0]
    operator = main.operators[index]
    lists = {name: _list(getattr(operator, name)) for name in ("inputs", "outputs", "intermediates")}
    used = list(dict.fromkeys(one for row in lists.values() for one in row if one >= 0))
    tensors = [main.tensors[one] for one in used]
    if any(tensor.type in (schema.TensorType.RESOURCE, schema.TensorType.VARIANT) for tensor in tensors):
        raise ValueError(f"operator {index} reads or writes a variable")
    if real:
        _make_real(schema, tree, operator)
    place = {one: position for position, one in enumerate(used)} | {-1: -1}
    fed = [one for one in dict.fromkeys(lists["inputs"]) if one >= 0 and _is_fed(tree, main.tensors[one])]
    for name, row in lists.items():
        setattr(operator, name, [place[one] for one in row])
    main.inputs, main.outputs = [place[one] for one in fed], list(operator.outputs)
    main.tensors, main.operators = tensors, [operator]
    tree.metadata, tree.signatureDefs = None, None
    _drop_buffers(schema, tree)
    return _pack(tree), fed


def cut(schema: Any, model: bytes, last: int) -> bytes:
    """The main subgraph up to operator `last`, whose outputs are the model's; an offline plan stays as it is."""
    tree = parse(schema, model)
    main = tree.subgraphs[0]
    main.operators, main.outputs = main.operators[: last + 1], _list(main.operators[last].outputs)
    tree.signatureDefs = None
    return _pack(tree)


def _list(indices: Any) -> list[int]:
    return [] if indices is None else [int(one) for one in indices]


def _is_fed(tree: Any, tensor: Any) -> bool:
    """Whether numbers come in by a tensor: neither the file holds it, nor the operator's own state, nor is it empty."""
    data, shape = tree.buffers[tensor.buffer].data, [] if tensor.shape is None else list(tensor.shape)
    return not tensor.isVariable and 0 not in shape and (data is None or not len(data))


def _drop_buffers(schema: Any, tree: Any) -> None:
    used = {tensor.buffer for graph in tree.subgraphs for tensor in graph.tensors} | {0}
    tree.buffers = [one if place in used else schema.BufferT() for place, one in enumerate(tree.buffers)]


def _pack(tree: Any) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(4096)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _make_real(schema: Any, tree: Any, operator: Any) -> None:
    """Quantised tensors of an operator as the real numbers they stand for; a bias has the scale of input × weights."""
    tensors, names = tree.subgraphs[0].tensors, {code: name for name, code in vars(schema.TensorType).items()}
    reads = list(operator.inputs)
    scales = [_scales_of(tensors[one]) if one >= 0 else None for one in reads]
    for position, one in enumerate([*reads, *operator.outputs]):
        tensor = tensors[one] if one >= 0 else None
        if tensor is None or names[tensor.type] not in REAL_FORM:
            continue
        own = _scales_of(tensor)
        if position == 2 and len(reads) == 3 and names[tensor.type] in ("INT32", "INT64"):
            own = scales[0] * scales[1] if scales[0] is not None and scales[1] is not None else None
        if own is not None:
            _to_real(schema, tree, tensor, REAL_FORM[names[tensor.type]], own)


def _scales_of(tensor: Any) -> Any:
    found = tensor.quantization.scale if tensor.quantization is not None else None
    return np.asarray(found, np.float64) if found is not None and len(found) else None


def _to_real(schema: Any, tree: Any, tensor: Any, form: str, scales: Any) -> None:
    data = tree.buffers[tensor.buffer].data
    if data is not None and len(data):
        codes = np.frombuffer(np.asarray(data, np.uint8).tobytes(), form).reshape(tensor.shape).astype(np.float64)
        zeros = tensor.quantization.zeroPoint if tensor.quantization is not None else None
        shape = [1] * codes.ndim
        if len(scales) > 1:
            shape[tensor.quantization.quantizedDimension if codes.ndim > 1 else 0] = len(scales)
        offsets = np.asarray(zeros, np.float64) if zeros is not None and len(zeros) == len(scales) else np.zeros(1)
        offsets = offsets.reshape(shape) if len(offsets) > 1 else offsets
        real = ((codes - offsets) * scales.reshape(shape)).astype("<f4")
        tree.buffers.append(schema.BufferT(data=np.frombuffer(real.tobytes(), np.uint8)))
        tensor.buffer = len(tree.buffers) - 1
    tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
