"""codegen: data moved in any type, ends of any type, more int8 operators, folding and state: byte for byte as TFLM."""

from __future__ import annotations

import pytest

from tests.codegen_types import ANY_MOVES, ENDS, IMAGE_MOVES, MORE_STEPS, WideNet, moved_types, random_wide_model
from tests.test_codegen import compare, operators_of

RANDOM_GRAPHS = 120


def net(seed, shape=(1, 4, 5, 3), dtype="int8"):
    zero = 0 if dtype == "int16" else (-7, 11, -128, 127)[seed]
    return WideNet(shape, seed=seed, dtype=dtype, scale=(0.02, 0.05, 0.2, 0.01)[seed], zero_point=zero)


def moves():
    for step in ANY_MOVES + IMAGE_MOVES:
        for dtype in moved_types(step):
            for seed, shape in enumerate([(1, 4, 5, 3), (2, 3, 4, 2), (1, 6, 5, 1)]):
                yield getattr(net(seed, shape, dtype), f"move_{step}")()
    yield net(0, (2, 7, 3)).move_to_batches()
    yield net(1, (2, 7, 3)).move_from_batches()
    yield net(1, (1, 4, 1, 3)).move_squeeze()


def codes():
    for seed in range(4):
        for step in [*MORE_STEPS, "bilinear"]:
            yield getattr(net(seed), f"odd_{step}")()
        yield net(seed, (2, 4, 5, 3)).end_arg()
        for start, end in ENDS:
            one = WideNet((2, 4, 5, 3), seed=seed, dtype=start, zero_point=3 if start.endswith("int8") else 0)
            yield one.end_as(end)


class TestAgainstTheInterpreter:
    @pytest.mark.parametrize("cases", [moves, codes])
    def test_every_operator(self, cases, tmp_path):
        models = [one.to_bytes() for one in cases()]
        compare(models, tmp_path / "built", "portable")

    def test_padding_of_batches_is_that_of_a_fresh_arena(self, tmp_path):
        for seed, dtype in enumerate(("int8", "float32")):
            model = net(seed, (2, 3, 4, 2), dtype).move_to_batches(padded=True).to_bytes()
            compare([model], tmp_path / dtype, "portable")

    def test_random_graphs(self, tmp_path):
        models = [random_wide_model(seed) for seed in range(RANDOM_GRAPHS)]
        compare(models, tmp_path / "built", "cmsis-nn")
        assert len(operators_of(models)) > 25
