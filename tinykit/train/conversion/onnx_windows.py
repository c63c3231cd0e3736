"""Convolutions and pools: their windows over an image, and the padding that ONNX puts where TFLite has none."""

from typing import Any

import numpy as np

from tinykit.model.graph.schema import PADDINGS
from tinykit.train.conversion.onnx_graph import Node
from tinykit.train.conversion.onnx_lowering import Lowering
from tinykit.train.conversion.onnx_values import image

_SAME, _VALID = PADDINGS.index("SAME"), PADDINGS.index("VALID")


def _pair(numbers: Any, default: int = 1) -> list[int]:
    """Height and width, a height of the default for a signal."""
    given = [int(one) for one in numbers or ()][:2]
    return [*[default] * (2 - len(given)), *given]


def read_window(low: Lowering, node: Node, kernel: list[int]) -> tuple[dict[str, Any], list[list[int]]]:
    """Options of a Conv or pool, and the padding of each axis of NHWC that TFLite has no word for.

    TFLite's SAME puts what is left over behind: PyTorch's padding of 1 with a stride of 2 over an even size is not it.
    Padding that no window reaches is not counted.
    """
    options, pads = node.options, list(node.options.get("pads") or ())
    sizes, made = _pair(low.value(node).shape[2:]), _pair(low.shape(node, node.outputs[0])[2:])
    stride, dilation = _pair(options.get("strides")), _pair(options.get("dilations"))
    reach = [(m - 1) * s + (k - 1) * d + 1 for m, s, k, d in zip(made, stride, kernel, dilation, strict=True)]
    over = [max(r - size, 0) for r, size in zip(reach, sizes, strict=True)]
    before, auto = _pair(pads[: len(pads) // 2], 0), options.get("auto_pad", b"NOTSET")
    if auto.startswith(b"SAME"):
        before = [(one + (auto == b"SAME_LOWER")) // 2 for one in over]
    amounts = [[b, max(r - size - b, 0)] for b, r, size in zip(before, reach, sizes, strict=True)]
    whole = all(m == -(-size // s) for m, size, s in zip(made, sizes, stride, strict=True))
    same = whole and before == [one // 2 for one in over]
    told = {"stride_h": stride[0], "stride_w": stride[1], "padding": _VALID}
    if same and any(map(any, amounts)):
        return told | {"padding": _SAME}, [[0, 0], *amounts, [0, 0]]
    return told, [[0, 0], *amounts, [0, 0]]


def pad_tensor(low: Lowering, given: int, amounts: list[list[int]], real: float, made: int | None = None) -> int:
    """A tensor with a border: zeros by PAD, any other number by PADV2."""
    node, told = low.tensors.tensors[given], low.tensors.constant(amounts)
    scale, zero = np.frombuffer(node.scales, "<f4"), np.frombuffer(node.zero_points, "<i8")
    if made is None:
        made = low.tensors.add([one + sum(pair) for one, pair in zip(node.shape, amounts, strict=True)], scale, zero)
    if not real:
        return low.tensors.operate("PAD", [given, told], made)
    code = np.clip(np.rint(np.clip(real, -1e30, 1e30) / scale) + zero, -128, 127).astype(np.int8)
    return low.tensors.operate("PADV2", [given, told, low.tensors.add((1,), scale, zero, data=code)], made)


def convolve(low: Lowering, node: Node) -> None:
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
    data = codes.transpose(1, 2, 3, 0) if depthwise else codes.transpose(0, 2, 3, 1)
    options, amounts = read_window(low, node, [*codes.shape[2:]])
    given = low.tensors.take(value, image(rank))
    if options["padding"] == _VALID and any(map(any, amounts)):
        given = pad_tensor(low, given, amounts, 0.0)
    axis = 3 if depthwise and weights.scale.size > 1 else 0
    inputs = [given, low.tensors.add(data.shape, *weights.quantised, axis=axis, data=data)]
    inputs.append(low.bias(node, 2, value, weights, len(codes)))
    dilation = _pair(node.options.get("dilations"))
    options |= {"dilation_h": dilation[0], "dilation_w": dilation[1]}
    options |= {"depth_multiplier": len(codes) // groups} if depthwise else {}
    activation, name = low.fuse(node)
    operator = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    low.emit(node, operator, inputs, image(rank), name=name, activation=activation, **options)


def pool(low: Lowering, node: Node) -> None:
    """MaxPool and AveragePool, in the scale of their input."""
    value, largest, options = low.value(node), node.kind == "MaxPool", node.options
    rank = len(value.shape)
    if rank not in (3, 4) or set(options.get("dilations") or (1,)) != {1} or any(node.outputs[1:]):
        raise node.refuse("it is over other than one or two axes, dilated, or gives indices; TFLM has no such kernel")
    kernel = _pair(options["kernel_shape"])
    (told, amounts), counts = read_window(low, node, kernel), bool(options.get("count_include_pad")) and not largest
    given = low.tensors.take(value, image(rank))
    if any(map(any, amounts)) and (counts or told["padding"] == _VALID):
        pads = list(options.get("pads") or (0,) * 2 * (rank - 2))
        known = _pair(pads[len(pads) // 2 :], 0)
        if not largest and (not counts or any(one[1] > two for one, two in zip(amounts[1:3], known, strict=True))):
            raise node.refuse("its padding is not counted, and not TFLite's SAME; pad before it, or count it")
        given, told = pad_tensor(low, given, amounts, -np.inf if largest else 0.0), told | {"padding": _VALID}
    told |= {"filter_h": kernel[0], "filter_w": kernel[1]}
    operator = "MAX_POOL_2D" if largest else "AVERAGE_POOL_2D"
    low.emit(node, operator, [given], image(rank), value.quantised, **told)
