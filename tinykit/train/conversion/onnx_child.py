"""The other side of the pipe: a worker that makes an int8 `.tflite` of an ONNX file, operator by operator.

It runs inside a `Child` that has adopted this package; what a file does to it, it does to no other process. The rules
are named in `data/onnx.csv`. What TFLM asks of its kernels decides their form: channels last, weights symmetric, a
softmax with a scale of its own; where ONNX Runtime allows more, a QUANTIZE makes up for it.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from tinykit.ground.errors import TinykitError
from tinykit.model.graph.schema import PADDINGS
from tinykit.model.graph.writing import write_tree
from tinykit.train.conversion.onnx_graph import Node, open_graph, quantise
from tinykit.train.conversion.onnx_lowering import Lowering
from tinykit.train.conversion.onnx_values import Value, image, plain

_OWN = {"LOGISTIC": (8, -128), "TANH": (7, 0), "SOFTMAX": (8, -128), "LOG_SOFTMAX": (4, 127)}
"""Scale, as a power of a half, and zero point that TFLM's kernels give their outputs."""
_SOFTMAX_BY_AXIS = 13
"""Since this version Softmax is along one axis; before, along all behind one."""
_SAME, _VALID = PADDINGS.index("SAME"), PADDINGS.index("VALID")


def answer(job: dict[str, Any], parts: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """The `.tflite` of a file and itself as QDQ ONNX, what samples it needs to be quantised, or why there is none."""
    try:
        import onnx

        graph, notes = open_graph(parts[0], Path(job["folder"]))
        about = {"version": f"onnx {onnx.__version__}", "inputs": {one: graph.shapes[one][1:] for one in graph.inputs}}
        if not graph.quantised and not job["shapes"]:
            return about, []
        if not graph.quantised:
            given = zip(graph.inputs, parts[1:], job["shapes"], strict=True)
            graph = quantise(graph, {name: np.frombuffer(part, np.float32).reshape(one) for name, part, one in given})
        made = write_tree(Lowering(graph, RULES, notes).run())
        return {**about, "notes": notes}, [made, graph.proto.SerializeToString()]
    except TinykitError as error:
        return {"refused": str(error)}, []
    except (MemoryError, RecursionError):
        return {"refused": "it asks for more memory than any model for a microcontroller needs"}, []


def _quantise(low: Lowering, node: Node) -> None:
    low.values[node.outputs[0]] = low.tensors.requantise(low.value(node), *low.read_scale(node)[:2])


def _dequantise(low: Lowering, node: Node) -> None:
    scale, zero, offset = low.read_scale(node)
    codes, name = low.graph.constants.get(node.inputs[0]), node.outputs[0]
    if codes is None:
        low.values[name] = low.value(node)
        if not low.values[name].has(scale, zero):
            raise node.refuse("its scale is not the one that its input was quantised with; export it again")
        return
    axis = int(node.options.get("axis", 1)) % max(1, codes.ndim)
    if scale.size > 1 and codes.shape[axis : axis + 1] != (scale.size,):
        raise node.refuse(f"it has {scale.size} scales for shape {codes.shape}; export it again")
    kept = (codes.astype(np.int16) - offset).astype(np.int8) if offset else codes
    low.values[name] = Value(codes.shape, scale, zero, axis, kept, offset)


def _pair(numbers: Any, default: int = 1) -> list[int]:
    """Height and width, a height of the default for a signal."""
    given = [int(one) for one in numbers or ()][:2]
    return [*[default] * (2 - len(given)), *given]


def _read_window(low: Lowering, node: Node, kernel: list[int]) -> tuple[dict[str, Any], list[list[int]]]:
    """Options of a Conv or pool, and its padding of each axis of NHWC, which no option tells where that is VALID.

    TFLite's SAME puts what is left over behind: PyTorch's padding of 1 with a stride of 2 over an even size is not it.
    Padding that no window reaches is not counted.
    """
    options, pads = node.options, list(node.options.get("pads") or ())
    sizes, made = _pair(low.value(node).shape[2:]), _pair(low.shape(node, node.outputs[0])[2:])
    stride, dilation = _pair(options.get("strides")), _pair(options.get("dilations"))
    if max(*stride, *dilation, *kernel) >= 2**31:
        raise node.refuse(f"its stride {stride} or dilation {dilation} is over 31 bits; no window is so far apart")
    reach = [(m - 1) * s + (k - 1) * d + 1 for m, s, k, d in zip(made, stride, kernel, dilation, strict=True)]
    over = [max(r - size, 0) for r, size in zip(reach, sizes, strict=True)]
    before, auto = _pair(pads[: len(pads) // 2], 0), options.get("auto_pad", b"NOTSET")
    if auto.startswith(b"SAME"):
        before = [(one + (auto == b"SAME_LOWER")) // 2 for one in over]
    amounts = [[b, max(r - size - b, 0)] for b, r, size in zip(before, reach, sizes, strict=True)]
    whole = all(m == -(-size // s) for m, size, s in zip(made, sizes, stride, strict=True))
    same = whole and before == [one // 2 for one in over] and any(map(any, amounts))
    told = {"stride_h": stride[0], "stride_w": stride[1], "padding": _SAME if same else _VALID}
    return told, [[0, 0], *amounts, [0, 0]]


def _border(low: Lowering, given: int, amounts: list[list[int]], real: float = 0.0) -> int:
    """A tensor with a border: zeros by PAD, any other number by PADV2."""
    node, told = low.tensors.tensors[given], low.tensors.constant(amounts)
    scale, zero = np.frombuffer(node.scales, "<f4"), np.frombuffer(node.zero_points, "<i8")
    made = low.tensors.add([one + sum(pair) for one, pair in zip(node.shape, amounts, strict=True)], scale, zero)
    if not real:
        return low.tensors.operate("PAD", [given, told], made)
    code = np.clip(np.rint(np.clip(real, -1e30, 1e30) / scale) + zero, -128, 127).astype(np.int8)
    return low.tensors.operate("PADV2", [given, told, low.tensors.add((1,), scale, zero, data=code)], made)


def _convolve(low: Lowering, node: Node) -> None:
    """Conv: CONV_2D, or DEPTHWISE_CONV_2D where every channel is a group."""
    value, weights = low.value(node), low.weights(node, 1, 0)
    rank, codes = len(value.shape), np.asarray(weights.codes)
    if rank not in (3, 4) or codes.ndim != rank:
        raise node.refuse(f"it is over {rank - 2} axes; TFLM has kernels for signals and images")
    codes = codes[:, :, None] if rank == 3 else codes
    groups, channels = int(node.options.get("group", 1)), value.shape[1]
    depthwise = groups > 1 and groups == channels
    if groups != 1 and not depthwise:
        said = f"{groups} groups of {channels // groups} channels; TFLM takes one group, or one for each channel"
        raise node.refuse(f"{said}: write it as {groups} convolutions")
    options, amounts = _read_window(low, node, [*codes.shape[2:]])
    given = low.tensors.take(value, image(rank))
    if options["padding"] == _VALID and any(map(any, amounts)):
        given = _border(low, given, amounts)
    data = codes.transpose(1, 2, 3, 0) if depthwise else codes.transpose(0, 2, 3, 1)
    axis = 3 if depthwise and weights.scale.size > 1 else 0
    inputs = [given, low.tensors.add(data.shape, *weights.quantised, axis=axis, data=data)]
    inputs.append(low.bias(node, 2, value, weights, len(codes)))
    options |= dict(zip(("dilation_h", "dilation_w"), _pair(node.options.get("dilations")), strict=True))
    options |= {"depth_multiplier": len(codes) // groups} if depthwise else {}
    options["activation"], name = low.fuse(node)
    low.emit(node, "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", inputs, image(rank), name=name, **options)


def _pool(low: Lowering, node: Node) -> None:
    """MaxPool and AveragePool, in the scale of their input."""
    value, largest, options = low.value(node), node.kind == "MaxPool", node.options
    rank = len(value.shape)
    if rank not in (3, 4) or set(options.get("dilations") or (1,)) != {1} or any(node.outputs[1:]):
        raise node.refuse("it is over other than one or two axes, dilated, or gives indices; TFLM has no such kernel")
    kernel = _pair(options["kernel_shape"])
    (told, amounts), counts = _read_window(low, node, kernel), bool(options.get("count_include_pad")) and not largest
    given = low.tensors.take(value, image(rank))
    if any(map(any, amounts)) and (counts or told["padding"] == _VALID):
        pads = list(options.get("pads") or (0,) * 2 * (rank - 2))
        known = _pair(pads[len(pads) // 2 :], 0)
        if not largest and (not counts or any(one[1] > two for one, two in zip(amounts[1:3], known, strict=True))):
            raise node.refuse("its padding is not counted, and not TFLite's SAME; pad before it, or count it")
        given, told["padding"] = _border(low, given, amounts, -np.inf if largest else 0.0), _VALID
    told |= {"filter_h": kernel[0], "filter_w": kernel[1]}
    low.emit(node, node.row["operator"], [given], image(rank), value.quantised, **told)


def _connect(low: Lowering, node: Node) -> None:
    """Gemm, and MatMul by a constant."""
    told = [node.options.get(*one) for one in (("alpha", 1.0), ("beta", 1.0), ("transA", 0))]
    if told[0] != 1 or told[2] or (told[1] != 1 and any(node.inputs[2:])):
        raise node.refuse(f"its alpha, beta and transA are {told}; TFLM takes 1, 1 and 0")
    across, whole, position = int(bool(node.options.get("transB"))), node, 2
    weights, value = low.weights(node, 1, 1 - across), low.value(node)
    codes, rank = np.asarray(weights.codes), len(value.shape)
    if codes.ndim != 2:
        raise node.refuse(f"its weights are of shape {codes.shape}; TFLM takes a matrix")
    codes = codes if across else codes.T
    if node.kind == "MatMul" and (found := _find_bias(low, node, len(codes))):
        whole, position = found
    bias = low.bias(whole, position, value, weights, len(codes))
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
    """Add, Sub, Mul, PRelu: two values or a value and a constant, broadcast or not."""
    shape = low.shape(node, node.outputs[0])
    operands = [low.value(node, position) for position in (0, 1)]
    wide = [one.reshaped((1,) * (len(shape) - len(one.shape)) + one.shape) for one in operands]
    moving = [one for one in wide if one.codes is None]
    if not moving:
        raise node.refuse("both its inputs are constants; fold them before")
    layout = low.tensors.home(max(moving, key=lambda one: math.prod(one.shape)))
    inputs = [low.tensors.take(one, layout) for one in wide]
    activation, name = (0, node.outputs[0]) if node.kind == "PRelu" else low.fuse(node)
    options: dict[str, Any] = {} if node.kind == "PRelu" else {"activation": activation}
    low.emit(node, node.row["operator"], inputs, layout, name=name, **options)


def _activate(low: Lowering, node: Node) -> None:
    """Relu, Clip, LeakyRelu, HardSwish in whatever layout; Sigmoid, Tanh, Softmax and its logarithm in their own scale.

    A QUANTIZE behind may change that scale.
    """
    value, operator, options, scale = low.value(node), node.row["operator"], dict[str, Any](), None
    layout = low.tensors.home(value)
    if operator == "LEAKY_RELU":
        options["alpha"] = float(node.options.get("alpha", 0.01))
    if node.kind in ("Relu", "Clip"):
        operator = {(0.0, 6.0): "RELU6", (0.0, math.inf): "RELU"}.get(low.bounds(node), "")
        if not operator:
            raise node.refuse(f"it holds values between {low.bounds(node)}; TFLM has kernels for 0 and 6, or 0 alone")
        scale = (low.quantisation(node.outputs[0]) if operator == "RELU" else None) or value.quantised
    if operator.endswith("SOFTMAX"):
        late = low.graph.opset >= _SOFTMAX_BY_AXIS
        axis = int(node.options.get("axis", -1 if late else 1)) % len(value.shape)
        if not late and math.prod(value.shape[axis + 1 :]) > 1:
            raise node.refuse("before opset 13 it is along several axes at once; export it with opset 13 or later")
        layout = layout if layout[-1] == axis else (*[one for one in layout if one != axis], axis)
        options = {"beta": 1.0} if operator == "SOFTMAX" else {}
    if operator in _OWN:
        scale = np.array([2.0 ** -_OWN[operator][0]], np.float32), np.array([_OWN[operator][1]], np.int64)
    low.emit(node, operator, [low.tensors.take(value, layout)], layout, scale, **options)


def _reduce(low: Lowering, node: Node) -> None:
    """Means, sums and maxima over axes; the largest keeps its scale."""
    value, operator, globally = low.value(node), node.row["operator"], node.kind.startswith("Global")
    rank = len(value.shape)
    axes = [*range(2, rank)] if globally else low.integers(node, "axes", 1) or [*range(rank)]
    axes = [axis % rank for axis in axes]
    layout = image(rank) if globally else low.tensors.home(value)
    kept = [axis for axis in range(rank) if axis not in axes]
    keeps = globally or bool(node.options.get("keepdims", 1))
    left = tuple(None if axis is None else kept.index(axis) for axis in layout if axis not in axes)
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
    border = [list(amounts.get(-1 if axis is None else axis, (0, 0))) for axis in layout]
    real = 0.0 if fill is None or not fill.size else float(fill.ravel()[0])
    made = _border(low, low.tensors.take(value, layout), border, real)
    shape = low.shape(node, node.outputs[0])
    low.values[node.outputs[0]] = Value(shape, *value.quantised, forms={layout: made})


def _cut(low: Lowering, node: Node) -> None:
    """Slice with constant bounds."""
    value, names = low.value(node), ("starts", "ends", "axes", "steps")
    starts, ends, axes, steps = (low.integers(node, key, place) or [] for place, key in enumerate(names, 1))
    axes = [axis % len(value.shape) for axis in axes or range(len(starts))]
    bounds = dict(zip(axes, map(slice, starts, ends), strict=True))
    if set(steps) - {1}:
        raise node.refuse(f"its steps are {steps[:6]}; steps of 1 are taken: use a stride or a pool")
    ranges = [bounds.get(axis, slice(size)).indices(size)[:2] for axis, size in enumerate(value.shape)]
    layout = low.tensors.home(value)
    pairs = [(0, 1) if axis is None else (ranges[axis][0], ranges[axis][1] - ranges[axis][0]) for axis in layout]
    inputs = [low.tensors.take(value, layout), *map(low.tensors.constant, zip(*pairs, strict=True))]
    low.emit(node, "SLICE", inputs, layout, value.quantised)


def _reshape(low: Lowering, node: Node) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze."""
    low.values[node.outputs[0]] = low.value(node).reshaped(low.shape(node, node.outputs[0]))


def _transpose(low: Lowering, node: Node) -> None:
    value = low.value(node)
    order = [int(axis) for axis in node.options.get("perm", range(len(value.shape))[::-1])]
    if value.codes is None:
        low.tensors.take(value, low.tensors.home(value))
    low.values[node.outputs[0]] = value.transposed(order)


RULES = {
    "quantise": _quantise, "dequantise": _dequantise, "convolve": _convolve, "pool": _pool, "connect": _connect,
    "combine": _combine, "activate": _activate, "reduce": _reduce, "join": _join, "pad": _pad, "cut": _cut,
    "reshape": _reshape, "transpose": _transpose,
}  # fmt: skip
"""Every rule by the name that `data/onnx.csv` gives it."""
