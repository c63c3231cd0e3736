"""How an operator of a quantised ONNX graph becomes one of an int8 `.tflite`: rules, named in `data/onnx.csv`.

What TFLM asks of its kernels decides the form: channels last, weights symmetric, a softmax with a scale of its own.
Where ONNX Runtime allows more than that, a QUANTIZE behind or before the operator makes up for it.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinykit.train.conversion.onnx_graph import Array, Node
from tinykit.train.conversion.onnx_lowering import Lowering
from tinykit.train.conversion.onnx_values import Layout, Value, image, list_operators, plain
from tinykit.train.conversion.onnx_windows import convolve, pad_tensor, pool

_OWN = {"LOGISTIC": (8, -128), "TANH": (7, 0), "SOFTMAX": (8, -128), "LOG_SOFTMAX": (4, 127)}
"""Scale, as a power of a half, and zero point that TFLM's kernels give their outputs."""
_SOFTMAX_BY_AXIS = 13
"""Since this version Softmax is along one axis; before, along all behind one."""


def _operator(node: Node) -> str:
    return list_operators()[node.kind][0]["operator"]


def _quantise(low: Lowering, node: Node) -> None:
    low.values[node.outputs[0]] = low.tensors.requantise(low.value(node), *low.read_scale(node)[:2])


def _dequantise(low: Lowering, node: Node) -> None:
    scale, zero, offset = low.read_scale(node)
    codes, name = low.graph.constants.get(node.inputs[0]), node.outputs[0]
    if codes is None:
        low.values[name] = value = low.value(node)
        if not value.has(scale, zero):
            raise node.refuse("its scale is not the one that its input was quantised with; export it again")
        return
    axis = int(node.options.get("axis", 1)) % max(1, codes.ndim)
    if scale.size > 1 and codes.shape[axis : axis + 1] != (scale.size,):
        raise node.refuse(f"it has {scale.size} scales for shape {codes.shape}; export it again")
    kept = (codes.astype(np.int16) - offset).astype(np.int8) if offset else codes
    low.values[name] = Value(codes.shape, scale, zero, axis, kept, offset)


def _connect(low: Lowering, node: Node) -> None:
    """Gemm."""
    told = [node.options.get(*one) for one in (("alpha", 1.0), ("beta", 1.0), ("transA", 0))]
    if told[0] != 1 or told[2] or (told[1] != 1 and any(node.inputs[2:])):
        raise node.refuse(f"its alpha, beta and transA are {told}; TFLM takes 1, 1 and 0")
    across = int(bool(node.options.get("transB")))
    weights = low.weights(node, 1, 1 - across)
    codes = np.asarray(weights.codes)
    _write_dense(low, node, weights, codes if across else codes.T)


def _multiply(low: Lowering, node: Node) -> None:
    """MatMul, by a constant or of two values."""
    second = low.value(node, 1)
    if second.codes is not None and len(second.shape) == 2:
        weights = low.weights(node, 1, 1)
        _write_dense(low, node, weights, np.asarray(weights.codes).T)
        return
    values = [low.value(node), second]
    inputs = [low.tensors.take(one, plain(len(one.shape))) for one in values]
    low.emit(node, "BATCH_MATMUL", inputs, plain(len(low.shape(node, node.outputs[0]))))


def _write_dense(low: Lowering, node: Node, weights: Value, codes: Array) -> None:
    """FULLY_CONNECTED, weights [outputs, inputs], with the bias of a Gemm or of the Add behind a MatMul."""
    value, whole, position = low.value(node), node, 2
    if node.kind == "MatMul" and (found := _find_bias(low, node, len(codes))):
        whole, position = found
    bias, rank = low.bias(whole, position, value, weights, len(codes)), len(value.shape)
    given = low.tensors.take(value, plain(rank)) if rank != 2 or value.shape[0] != 1 else -1
    if given < 0:  # a row: whatever it is a reshape of is read as it lies, by weights in that order
        given, order = low.tensors.read_flat(value)
        codes = codes[:, order]
    inputs = [given, low.tensors.add(codes.shape, *weights.quantised, data=codes), bias]
    activation, name = low.fuse(whole)
    options: dict[str, Any] = {"activation": activation, "keep_num_dims": rank > 2}
    low.emit(node, "FULLY_CONNECTED", inputs, plain(rank), name=name, **options)


def _find_bias(low: Lowering, node: Node, count: int) -> tuple[Node, int] | None:
    """The Add of a constant, a number for each output, that alone reads a MatMul, with its place; it is then done."""
    name, readers = node.outputs[0], low.readers.get(node.outputs[0], [])
    if len(readers) != 1 or readers[0].kind != "Add" or name in low.graph.outputs or len(set(readers[0].inputs)) != 2:
        return None
    place = 1 - readers[0].inputs.index(name)
    real = low.number(readers[0], place)
    if real is None or real.size != count or real.shape[-1:] != (count,):
        return None
    low.done.add(readers[0].outputs[0])
    return readers[0], place


def _combine(low: Lowering, node: Node) -> None:
    """Add, Sub, Mul, Div by a constant, PRelu, Max, Min: two values or a value and a constant, broadcast or not."""
    same, shape = node.kind in ("Max", "Min"), low.shape(node, node.outputs[0])
    scale = low.quantisation(node.outputs[0]) if same else None
    if len(node.inputs) != 2 or (same and scale is None):
        raise node.refuse(f"it has {len(node.inputs)} inputs, or no scale behind it; write it as two, quantised")
    operands = [_operand(low, node, position) for position in (0, 1)]
    operands = [low.tensors.requantise(one, *scale) if scale else one for one in operands]
    wide = [one.reshaped((1,) * (len(shape) - len(one.shape)) + one.shape) for one in operands]
    moving = [one for one in wide if one.codes is None]
    if not moving:
        raise node.refuse("both its inputs are constants; fold them before")
    layout = low.tensors.home(max(moving, key=lambda one: math.prod(one.shape)))
    inputs = [low.tensors.take(one, layout) for one in wide]
    fusing = node.kind in ("Add", "Sub", "Mul", "Div")
    activation, name = low.fuse(node) if fusing else (0, node.outputs[0])
    options: dict[str, Any] = {"activation": activation} if fusing else {}
    low.emit(node, _operator(node), inputs, layout, scale, name=name, **options)


def _operand(low: Lowering, node: Node, position: int) -> Value:
    """A value, or a single number without a scale, which becomes a constant of its own scale."""
    real, divides = low.number(node, position), node.kind == "Div" and position == 1
    if not divides and (real is None or node.inputs[position] in low.values):
        return low.value(node, position)
    if real is None or real.size != 1 or not np.isfinite(real).all() or (divides and not real.all()):
        raise node.refuse("its constant has no scale, or it divides by other than one number; quantise all of it")
    number = float(1 / real.ravel()[0] if divides else real.ravel()[0])
    scale = np.array([abs(number) / 127 or 1.0], np.float32)
    return Value(real.shape, scale, np.zeros(1, np.int64), 0, np.full(real.shape, np.sign(number) * 127, np.int8))


def _activate(low: Lowering, node: Node) -> None:
    """Relu, LeakyRelu, HardSwish, Elu, in whatever layout."""
    value = low.value(node)
    if node.kind == "Elu" and node.options.get("alpha", 1.0) != 1:
        raise node.refuse("its alpha is not 1, the only one that TFLM has; use another activation")
    layout, options = low.tensors.home(value), dict[str, Any]()
    if node.kind == "LeakyRelu":
        options["alpha"] = float(node.options.get("alpha", 0.01))
    scale = low.quantisation(node.outputs[0]) or (value.quantised if node.kind == "Relu" else None)
    low.emit(node, _operator(node), [low.tensors.take(value, layout)], layout, scale, **options)


def _clip(low: Lowering, node: Node) -> None:
    """Clip in the scale of its input: RELU6, or the larger and the smaller of two where its range needs that."""
    value, (least, most), name = low.value(node), low.bounds(node), node.outputs[0]
    scale, zero, layout = float(value.scale[0]), int(value.zero[0]), low.tensors.home(value)
    given, reals = low.tensors.take(value, layout), [(one - zero) * scale for one in (-128, 127)]
    if (least, most) in ((0.0, 6.0), (0.0, math.inf)):
        low.emit(node, "RELU6" if most == 6 else "RELU", [given], layout, value.quantised)
        return
    low.values[name] = value
    bounds = [("MAXIMUM", least)] * (reals[0] < least) + [("MINIMUM", most)] * (reals[1] > most)
    for operator, bound in bounds:
        code = np.clip(np.rint(bound / scale) + zero, -128, 127).astype(np.int8).reshape([1] * len(layout))
        held = low.tensors.add(code.shape, *value.quantised, data=code)
        given = low.emit(node, operator, [given, held], layout, value.quantised)


def _squash(low: Lowering, node: Node) -> None:
    """Sigmoid, Tanh, Softmax, LogSoftmax: with the scale that TFLM gives them, which a QUANTIZE behind may change."""
    value, operator = low.value(node), _operator(node)
    layout, options = low.tensors.home(value), dict[str, Any]()
    if operator.endswith("SOFTMAX"):
        late = low.graph.opset >= _SOFTMAX_BY_AXIS
        axis = int(node.options.get("axis", -1 if late else 1)) % len(value.shape)
        if not late and math.prod(value.shape[axis + 1 :]) > 1:
            raise node.refuse("before opset 13 it is along several axes at once; export it with opset 13 or later")
        layout = layout if layout[-1] == axis else (*[one for one in layout if one != axis], axis)
        options = {"beta": 1.0} if operator == "SOFTMAX" else {}
    power, zero = _OWN[operator]
    scale = np.array([2.0**-power], np.float32), np.array([zero], np.int64)
    low.emit(node, operator, [low.tensors.take(value, layout)], layout, scale, **options)


def _reduce(low: Lowering, node: Node) -> None:
    """Means, sums and maxima over axes; the largest keeps its scale."""
    value, operator, globally = low.value(node), _operator(node), node.kind.startswith("Global")
    rank = len(value.shape)
    axes = [*range(2, rank)] if globally else low.integers(node, "axes", 1) or [*range(rank)]
    axes = [axis % rank for axis in axes]
    layout = image(rank) if globally else low.tensors.home(value)
    kept = [axis for axis in range(rank) if axis not in axes]
    keeps = globally or bool(node.options.get("keepdims", 1))
    left: Layout = tuple(None if axis is None else kept.index(axis) for axis in layout if axis not in axes)
    told = low.tensors.constant([place for place, axis in enumerate(layout) if axis in axes])
    scale, inputs = value.quantised if operator == "REDUCE_MAX" else None, [low.tensors.take(value, layout), told]
    low.emit(node, operator, inputs, layout if keeps else left, scale, keep_dims=keeps)


def _join(low: Lowering, node: Node) -> None:
    """Concat, each part with the scale of the whole."""
    parts = [low.value(node, position) for position in range(len(node.inputs))]
    first = next((one for one in parts if one.codes is None), parts[0])
    scale, layout = low.quantisation(node.outputs[0]) or first.quantised, low.tensors.home(first)
    inputs = [low.tensors.take(low.tensors.requantise(one, *scale), layout) for one in parts]
    axis = layout.index(int(node.options["axis"]) % len(first.shape))
    low.emit(node, "CONCATENATION", inputs, layout, scale, axis=axis)


def _pad(low: Lowering, node: Node) -> None:
    value, fill = low.value(node), low.number(node, 2)
    pads, axes, rank = low.integers(node, "pads", 1) or [], low.integers(node, "axes", 3), len(value.shape)
    axes = [*range(rank)] if axes is None else [axis % rank for axis in axes]
    if node.options.get("mode", b"constant") != b"constant" or len(pads) != 2 * len(axes) or min(pads) < 0:
        raise node.refuse(f"its mode or pads {pads[:8]} are not those of a constant border, which TFLM takes")
    layout, amounts = low.tensors.home(value), dict(zip(axes, zip(pads, pads[len(axes) :], strict=False), strict=True))
    made = low.tensors.make(low.shape(node, node.outputs[0]), layout, *value.quantised)
    border = [list(amounts.get(-1 if axis is None else axis, (0, 0))) for axis in layout]
    real = 0.0 if fill is None or not fill.size else float(fill.ravel()[0])
    pad_tensor(low, low.tensors.take(value, layout), border, real, made.forms[layout])
    low.values[node.outputs[0]] = made


def _cut(low: Lowering, node: Node) -> None:
    """Slice with constant bounds."""
    shape, names = low.value(node).shape, ("starts", "ends", "axes", "steps")
    starts, ends, axes, steps = (low.integers(node, name, place) or [] for place, name in enumerate(names, 1))
    axes, steps = axes or [*range(len(starts))], steps or [1] * len(starts)
    if min(steps) < 1:
        raise node.refuse(f"its steps are {steps[:6]}; TFLM's are 1 or more")
    bounds = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        bounds[axis % len(shape)] = slice(start, end, step).indices(shape[axis % len(shape)])
    _write_slice(low, node, node.outputs[0], bounds)


def _write_slice(low: Lowering, node: Node, name: str, bounds: dict[int, tuple[int, int, int]]) -> None:
    """What lies between bounds: begin, end and step of some axes."""
    value = low.value(node)
    layout, whole = low.tensors.home(value), [(0, size, 1) for size in value.shape]
    told = [(0, 1, 1) if axis is None else bounds.get(axis, whole[axis]) for axis in layout]
    begins, ends, steps = np.array(told).T
    shape = tuple(-(-(end - start) // step) for start, end, step in (bounds.get(*one) for one in enumerate(whole)))
    given, even = low.tensors.take(value, layout), bool((steps == 1).all())
    numbers = [begins, ends - begins] if even else [begins, ends, steps]
    inputs = [given, *map(low.tensors.constant, numbers)]
    operator = "SLICE" if even else "STRIDED_SLICE"
    low.emit(node, operator, inputs, layout, value.quantised, name=name, shape=shape)


def _split(low: Lowering, node: Node) -> None:
    rank, start = len(low.value(node).shape), 0
    axis = int(node.options.get("axis", 0)) % rank
    for name in node.outputs:
        size = low.shape(node, name)[axis]
        _write_slice(low, node, name, {axis: (start, start + size, 1)})
        start += size


def _pick(low: Lowering, node: Node) -> None:
    """Gather of one constant index: a slice whose axis is then gone."""
    shape, index, name = low.value(node).shape, low.integers(node, "indices", 1) or [], node.outputs[0]
    axis = int(node.options.get("axis", 0)) % len(shape)
    if len(index) != 1:
        raise node.refuse(f"it takes {len(index)} places; one constant index is taken: use a Slice")
    at = index[0] % shape[axis]
    _write_slice(low, node, name, {axis: (at, at + 1, 1)})
    low.values[name] = low.values[name].reshaped(low.shape(node, name))


def _reshape(low: Lowering, node: Node) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze."""
    value, shape = low.value(node), low.shape(node, node.outputs[0])
    if math.prod(shape) != math.prod(value.shape):
        raise node.refuse(f"it makes {shape} of {value.shape}; export it again")
    low.values[node.outputs[0]] = value.reshaped(shape)


def _transpose(low: Lowering, node: Node) -> None:
    value = low.value(node)
    order = [int(axis) for axis in node.options.get("perm", range(len(value.shape))[::-1])]
    if value.codes is None:
        low.tensors.take(value, low.tensors.home(value))
    low.values[node.outputs[0]] = value.transposed(order)


RULES: dict[str, Callable[[Lowering, Node], None]] = {
    "quantise": _quantise, "dequantise": _dequantise, "convolve": convolve, "pool": pool, "connect": _connect,
    "multiply": _multiply, "combine": _combine, "activate": _activate, "clip": _clip, "squash": _squash,
    "reduce": _reduce, "join": _join, "pad": _pad, "cut": _cut, "split": _split, "pick": _pick, "reshape": _reshape,
    "transpose": _transpose,
}  # fmt: skip
"""Every rule by the name that `data/onnx.csv` gives it."""
