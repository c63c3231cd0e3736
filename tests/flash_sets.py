"""Sets of operators whose images were linked elsewhere, and a graph that holds a set."""

from __future__ import annotations

import dataclasses

from tests.models import autoencoder
from tinykit.model.graph.model import ModelGraph, Operator
from tinykit.model.graph.reading import read

# Images linked with the sources of raspberrypi/pico-tflmicro for Cortex-M4F with CMSIS-NN at -Os, in bytes without the
# model; operators where it was said, else those of the network that bears the name.
SETS = {
    "person": (64_228, "CONV_2D DEPTHWISE_CONV_2D AVERAGE_POOL_2D RESHAPE SOFTMAX"),
    "micro_speech": (48_264, "DEPTHWISE_CONV_2D FULLY_CONNECTED RESHAPE SOFTMAX"),
    "LeNet": (58_368, "CONV_2D MAX_POOL_2D RESHAPE FULLY_CONNECTED SOFTMAX"),
    "MobileNetV2": (79_284, "CONV_2D DEPTHWISE_CONV_2D ADD MEAN FULLY_CONNECTED SOFTMAX"),
    "HAR": (55_884, "CONV_2D MAX_POOL_2D RESHAPE FULLY_CONNECTED LOGISTIC"),
    "FOMO": (69_788, "CONV_2D DEPTHWISE_CONV_2D ADD PAD SOFTMAX"),
    "MobileNetV2 quantised": (
        83_604, "CONV_2D DEPTHWISE_CONV_2D ADD MEAN FULLY_CONNECTED SOFTMAX PAD QUANTIZE DEQUANTIZE",
    ),
    "SqueezeNet": (55_608, "CONV_2D MAX_POOL_2D CONCATENATION MEAN SOFTMAX"),
    "U-Net": (54_876, "CONV_2D TRANSPOSE_CONV MAX_POOL_2D CONCATENATION LOGISTIC"),
    "SVDF keyword": (39_556, "SVDF FULLY_CONNECTED SOFTMAX"),
    "LSTM": (46_076, "UNIDIRECTIONAL_SEQUENCE_LSTM FULLY_CONNECTED SOFTMAX"),
    "convolutional autoencoder": (47_828, "CONV_2D RESIZE_NEAREST_NEIGHBOR MAX_POOL_2D LOGISTIC"),
    "MobileNetV3": (
        85_512, "CONV_2D DEPTHWISE_CONV_2D ADD MUL HARD_SWISH MEAN FULLY_CONNECTED SOFTMAX",
    ),
}  # fmt: skip


def of_operators(names: str) -> ModelGraph:
    """A graph that holds operators of these names: all that flash asks of one."""
    base = read(autoencoder())
    operators = tuple(Operator(index, name, (), ()) for index, name in enumerate(names.split()))
    return dataclasses.replace(base, operators=operators, sha256=names)
