"""Ethos-U55: published runs beside Vela's estimate, and beside what the kit makes of it from the other runs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from tests.models import OPTIONS, Net, schema
from tests.test_arena import dense_autoencoder, ds_cnn, mobilenet
from tinykit.ground.quantity import Estimate
from tinykit.model.graph.reading import read
from tinykit.predict.npu.compiling import compile_for_npu, predict_npu_latency

TITLE = "Ethos-U55-256 at 500 MHz (RA8P1): published latency, Vela's estimate, and the kit's"


@dataclass(frozen=True, slots=True)
class Run:
    """A published run of a network, s; `estimate_s`: Vela's that the kit multiplies, `compiled`: its own default."""

    name: str
    outside: bool
    measured_s: float
    compiled: Estimate
    estimate_s: float
    predicted: Estimate


def mobilenet_v1(size: int) -> Net:
    """A quarter of the channels, a thousand classes."""
    net = Net((1, size, size, 3)).conv(8, stride=(2, 2))
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    for filters, stride in zip((16, 32, 32, 64, 64, *[128] * 6, 256, 256), strides, strict=True):
        net.depthwise(stride=(stride, stride)).conv(filters, (1, 1))
    return finish(net)


def finish(net: Net) -> Net:
    """The mean of each channel, and a class."""
    window = net.shape[1:3]
    return net.pool("AVERAGE", window, window).flatten().dense(1000, per_channel=False).softmax()


def residual_blocks(net: Net, rows: tuple[tuple[int, int, int], ...]) -> Net:
    """Rows of (expanded channels, channels, stride)."""
    for expanded, channels, stride in rows:
        start, depth = net.last, net.shape[-1]
        if expanded != depth:
            net.conv(expanded, (1, 1))
        net.depthwise(stride=(stride, stride)).conv(channels, (1, 1), activation="NONE")
        if stride == 1 and channels == depth:
            net.add(start)
    return net


def mobilenet_v2(size: int) -> Net:
    """Of full width."""
    net, rows, depth = Net((1, size, size, 3)).conv(32, stride=(2, 2)), [(32, 16, 1)], 16
    for channels, count, stride in ((24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)):
        for place in range(count):
            rows.append((6 * depth, channels, stride if place == 0 else 1))
            depth = channels
    return finish(residual_blocks(net, tuple(rows)).conv(1280, (1, 1)))


def mobilenet_v3(size: int) -> Net:
    """Small and minimalistic: 3 x 3 windows, no squeezing."""
    rows = ((16, 16, 2), (72, 24, 2), (88, 24, 1), (96, 40, 2), (240, 40, 1), (240, 40, 1), (120, 48, 1), (144, 48, 1),
            (288, 96, 2), (576, 96, 1), (576, 96, 1))  # fmt: skip
    net = residual_blocks(Net((1, size, size, 3)).conv(16, stride=(2, 2)), rows).conv(576, (1, 1))
    window = net.shape[1:3]
    net.pool("AVERAGE", window, window).flatten().dense(1024, per_channel=False)
    return net.dense(1000, per_channel=False).softmax()


def squeezenet(size: int) -> Net:
    """SqueezeNet 1.1."""
    net = Net((1, size, size, 3)).conv(64, stride=(2, 2), padding="VALID").pool("MAX", (3, 3), (2, 2))
    for place, (squeezed, filters) in enumerate(((16, 64), (16, 64), (32, 128), (32, 128), *((48, 192),) * 2,
                                                 *((64, 256),) * 2)):  # fmt: skip
        if place in (2, 4):
            net.pool("MAX", (3, 3), (2, 2))
        net.conv(squeezed, (1, 1))
        start = net.last
        first = net.conv(filters, (1, 1)).last
        net.last = start
        second = net.conv(filters).last
        out = net.tensor((*net.shape[:3], 2 * filters), scale=net.scale, zero_point=net.zero_point)
        options = schema.ConcatenationOptionsT(axis=3)
        net.use("CONCATENATION", [first, second], [out], OPTIONS.ConcatenationOptions, options)
    net.conv(1000, (1, 1))
    window = net.shape[1:3]
    return net.pool("AVERAGE", window, window).flatten().softmax()


# renesas/ruhmi-model-zoo, README.md: RA8P1, Ethos-U55 at 500 MHz, seconds, and whether octal flash and SDRAM were used.
# MobileNetV1 was published as 1 ms, in whole milliseconds.
RUNS = (
    ("keyword spotting", ds_cnn, False, 0.108e-3),
    ("autoencoder", dense_autoencoder, False, 0.132e-3),
    ("visual wake words", mobilenet, False, 0.364e-3),
    ("MobileNetV1 0.25 224", lambda: mobilenet_v1(224), False, 1e-3),
    ("MobileNetV2 1.0 224", lambda: mobilenet_v2(224), True, 108e-3),
    ("SqueezeNet 1.1 224", lambda: squeezenet(224), True, 24e-3),
    ("MobileNetV3 small 192", lambda: mobilenet_v3(192), True, 24e-3),
)


def compare() -> list[Run]:
    """Every run with both estimates."""
    found = []
    for name, make, outside, measured in RUNS:
        graph = read(make().to_bytes())
        shared, only = (
            compile_for_npu(graph, accelerator="ethos-u55-256", memory_mode=mode, clock_hz=500e6)
            for mode in ("Shared_Sram", "Sram_Only")
        )
        base = shared if outside else only
        predicted = predict_npu_latency(shared, "outside" if outside else "on_chip")
        found.append(Run(name, outside, measured, shared.latency, base.latency.value, predicted))
    return found


def table() -> list[dict[str, object]]:
    """One row a run, ms; the kit's value with the run itself left out of the factor."""
    runs, rows, errors = compare(), [], {False: [], True: []}
    for one in runs:
        others = [run for run in runs if run.outside == one.outside and run is not one]
        factor = statistics.geometric_mean(run.measured_s / run.estimate_s for run in others)
        left_out, low, high = factor * one.estimate_s, one.predicted.low, one.predicted.high
        errors[one.outside].append(abs(left_out / one.measured_s - 1))
        rows.append({
            "network": one.name, "memories": "octal flash, SDRAM" if one.outside else "on the chip",
            "measured ms": 1e3 * one.measured_s, "Vela, Shared_Sram, ms": 1e3 * one.compiled.value,
            "over Vela": one.measured_s / one.compiled.value, "kit, left out, ms": 1e3 * left_out,
            "error %": round(100 * (left_out / one.measured_s - 1)),
            "kit ms": f"{1e3 * one.predicted.value:.3g} [{1e3 * low:.3g} … {1e3 * high:.3g}]",
            "in the interval": "yes" if low <= one.measured_s <= high else "no",
        })  # fmt: skip
    return rows + [
        {"network": f"median of {len(found)}, {'outside' if outside else 'on the chip'}",
         "error %": round(100 * statistics.median(found))}
        for outside, found in errors.items()
    ]  # fmt: skip
