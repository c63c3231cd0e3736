"""Many operators in one model, each on an input of its own: one build and one run count them all."""

from __future__ import annotations

from collections.abc import Sequence

from tests.models import Net
from tools.sweep.shapes import Draw


class Many(Net):
    """A model of operators side by side."""

    def fresh(self, shape):
        """The next operator reads a new input."""
        self.last = self.tensor(shape, name=f"in{len(self.inputs)}", scale=1 / 64, zero_point=-3)
        self.inputs.append(self.last)
        return self

    def place(self, one: Draw):
        """One operator."""
        options = dict(one.options)
        count = options.pop("count", 0)
        activation = str(self.rng.choice(("NONE", "RELU", "RELU6")))
        if one.kind in ("conv", "conv_1x1", "strided"):
            return self.conv(count, activation=activation, **options)
        if one.kind.startswith("depthwise"):
            return self.depthwise(activation=activation, **options)
        if one.kind == "dense":
            return self.dense(count, activation, per_channel=False)
        if one.kind in ("average", "max"):
            size, stride, padding = options["kernel"], options["stride"], options["padding"]
            return self.pool("AVERAGE" if one.kind == "average" else "MAX", size, stride, padding)
        return self.softmax() if one.kind == "softmax" else self.second_input(f"other{len(self.inputs)}")


def join(draws: Sequence[Draw], seed: int) -> bytes:
    """The model of all of them, every result an output."""
    net = Many(draws[0].shape, seed=seed)
    outputs = []
    for number, one in enumerate(draws):
        if number:
            net.fresh(one.shape)
        net.place(one)
        outputs.append(net.last)
    net.outputs = outputs
    return net.to_bytes()
