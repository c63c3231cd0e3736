"""The four networks of MLPerf Tiny by shape, weights from a seed: arena and instructions depend on shapes alone."""

from __future__ import annotations

from tests.models import Net

# Arena on a 32-bit target, linked and run under QEMU 7.2 (GCC 12.2, TFLM mid-2026): arena_used_bytes() by runtime and
# core. Cortex-M4, M7 and M33 agree.
LINKED_ARENAS = {
    ("tflm-reference", "cortex-m4"): {"kws": 22_772, "ic": 54_340, "vww": 100_660, "ad": 2_260},
    ("tflm-cmsis-nn", "cortex-m4"): {"kws": 22_820, "ic": 54_996, "vww": 100_708, "ad": 2_580},
    ("tflm-cmsis-nn", "cortex-m55"): {"kws": 27_300, "ic": 54_996, "vww": 100_756, "ad": 5_172},
}
# arena_used_bytes() on devices with other versions of the libraries (avionicharshit-byte/mcufit-bench): ESP32 with
# ESP-NN, nRF52840 with the CMSIS-NN of an Arduino library.
DEVICE_ARENAS = {
    ("esp-nn", "xtensa-lx6"): {"kws": 22_780, "ic": 54_364, "ad": 2_380},
    ("tflm-cmsis-nn", "cortex-m4"): {"kws": 24_164, "ic": 55_188, "ad": 2_596},
}


def kws() -> bytes:
    """DS-CNN, 49 x 10 x 1."""
    net = Net((1, 49, 10, 1)).conv(64, (10, 4), (2, 2))
    for _ in range(4):
        net = net.depthwise().conv(64, (1, 1))
    return net.pool("AVERAGE", (25, 5), (25, 5)).flatten().dense(12, per_channel=False).softmax().to_bytes()


def vww() -> bytes:
    """MobileNetV1 0.25, 96 x 96 x 3."""
    net = Net((1, 96, 96, 3)).conv(8, stride=(2, 2))
    plan = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1))
    for channels, stride in plan:
        net = net.depthwise(stride=(stride, stride)).conv(channels, (1, 1))
    return net.pool("AVERAGE", (3, 3), (3, 3)).flatten().dense(2, per_channel=False).softmax().to_bytes()


def ic() -> bytes:
    """ResNet8, 32 x 32 x 3."""
    net = Net((1, 32, 32, 3)).conv(16)
    start = net.last
    net = net.conv(16).conv(16, activation="NONE").add(start, "RELU")
    for channels in (32, 64):
        start = net.last
        net = net.conv(channels, stride=(2, 2)).conv(channels, activation="NONE")
        body, net.last = net.last, start
        net = net.conv(channels, (1, 1), (2, 2), activation="NONE").add(body, "RELU")
    return net.pool("AVERAGE", (8, 8), (8, 8)).flatten().dense(10, per_channel=False).softmax().to_bytes()


def ad() -> bytes:
    """Autoencoder of fully connected layers, 640."""
    net = Net((1, 640))
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        net = net.dense(units, "RELU", per_channel=False)
    return net.dense(640, per_channel=False).to_bytes()


NETWORKS = {"kws": kws, "ic": ic, "vww": vww, "ad": ad}
