"""What ESP-NN's kernels ask for while they run, by Espressif's core: byte rules as those of `rules`."""

import math

from tinykit.model.operators.rules import BytesRule, Call, Kernels


def _vector_convolution(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """The most of: filters and padded input twice, or as 16-bit numbers, channels filled up; an output anew; sums."""
    values, kernel, output = call.read(0), call.read(1), call.outputs[0]
    if values.dtype != "int8":
        return ()
    whole = [-(-one.shape[-1] // 16) * 16 for one in (values, kernel)]
    ends = zip(values.shape[1:3], output.shape[1:3], call.stride, kernel.shape[1:3], _borders(call), strict=True)
    padded = [max(size, outputs * step + taps - 1) + 2 * pad for size, outputs, step, taps, pad in ends]
    numbers = math.prod(kernel.shape[:3]) * whole[1] + math.prod(padded) * (-(-values.shape[-1] // 8) * 8)
    anew = math.prod(output.shape[:3]) * whole[0] * (kernel.shape[0] == 1)
    return (2 * numbers + anew + 16 * (sum(whole) + kernel.shape[0]) + 160,)


def _lean_convolution(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """Filter and padded input as they are, rows of the filter rounded up; a pointwise one takes no input."""
    (_, height, width, depth), (filters, *window, _) = call.read(0).shape, call.read(1).shape
    pads, even = _borders(call), -(-depth // 8) * 8
    if call.read(0).dtype == "int8" and (*window, *pads, *call.stride) == (1, 1, 0, 0, 1, 1):
        return (even * filters + height * width * even * (depth % 8 > 0) + 16 * even * (height * width >= 8) + 32,)
    padded = (height + 2 * pads[0]) * (width + 2 * pads[1]) * depth * any(pads)
    nbytes = padded + math.prod(window) * (-(-depth // 16) * 16) * filters + 4 * filters + 32
    return (nbytes,) if call.read(0).dtype == "int8" else ()


def _lean_depthwise(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """As `_lean_convolution` where channels are a multiple of 16, as 16-bit numbers of 8; else next to nothing."""
    values, kernel, pads = call.read(0).shape, call.read(1).shape, _borders(call)
    same, small = values[3] == kernel[3], kernel[1:3] == (3, 3)
    if call.read(0).dtype != "int8":
        return ()
    if same and small and values[3] % 16 == 0:
        ends = [call.outputs[0].shape[axis] * call.stride[axis - 1] + 2 - values[axis] for axis in (1, 2)]
        more = [2 * pad for pad in pads] if any(pads) else ends
        return (math.prod(kernel) + (values[1] + more[0]) * (values[2] + more[1]) * values[3] * any(more) + 16,)
    widens = (same and small and values[3] % 8 == 0) or (values[3] > 0 and kernel[3] // values[3] % 4 == 0)
    return (2 * (math.prod(kernel) + math.prod(values)) + 16 if widens else 32,)


def _borders(call: Call) -> list[int]:
    """Rows above and columns to the left that padding adds."""
    pairs = zip(call.read(0).shape[1:3], call.read(1).shape[1:3], call.outputs[0].shape[1:3], call.stride, strict=False)
    missing = [max(0, (outputs - 1) * stride + taps - size) for size, taps, outputs, stride in pairs]
    return [one // 2 if call.padding == "SAME" else 0 for one in missing]


def _tiled_convolution(call: Call, kernels: Kernels) -> tuple[int, ...]:
    """The most of: `_lean_convolution`, sixteen windows laid out, and tiles of few channels widened to sixteen."""
    (_, height, width, depth), (filters, *window, own) = call.read(0).shape, call.read(1).shape
    pads, sums, taps = _borders(call), 4 * filters + 32, math.prod(window) * own
    lean = _lean_convolution(call, kernels)
    if not lean or (*window, *pads, *call.stride) == (1, 1, 0, 0, 1, 1):
        return tuple(max(one, 16 * filters + sums + 32) for one in lean)
    few = window[1] * depth < 16
    tiles = (height + 4 * pads[0]) * (width + 2 * pads[1]) * (16 if few else depth) * (few or any(pads))
    tiles += 16 * math.prod(window) * filters * few
    groups = (call.read(0).nbytes + call.outputs[0].nbytes + 64) * (own < depth)
    return (max(lean[0], sums + 17 * taps + 16, sums + tiles) + groups,)


def _channel_sums(call: Call, kernels: Kernels) -> tuple[int, ...]:
    channels = call.read(0).shape[3]
    return (4 * channels,) if call.read(0).dtype == "int8" and 8 <= channels == call.read(1).shape[3] else ()


_PLAIN: dict[str, BytesRule] = {
    "softmax": lambda call, kernels: tuple(4 * n for n in call.read(0).shape[1:2] if call.read(0).dtype == "int8")
}
_LEAN = _PLAIN | {"conv": _lean_convolution}
ESPRESSIF: dict[str, tuple[dict[str, BytesRule], dict[str, BytesRule]]] = {
    "xtensa-lx7": (
        _LEAN | {"depthwise": _lean_depthwise}, dict.fromkeys(("conv", "depthwise"), _vector_convolution) | _PLAIN,
    ),
    "riscv-esp32-p4": (_LEAN, _PLAIN | {"conv": _tiled_convolution, "depthwise": _channel_sums}),
    "": (_PLAIN, _PLAIN),
}  # fmt: skip
"""By core with vector instructions ("" for none) and kind of kernel in the instruction model: what ESP-NN 1.1 asks for,
and the most of versions 1.0 to 1.3, by `esp_nn_get_*_scratch_size` (espressif/esp-nn, src/convolution, src/softmax)."""
