"""QAT and PTQ combinations convert, run in TFLM and follow their float parent; the rest of the zoo: `make bench`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.bench_quantise import TASKS
from tests.quantise_combinations import VARIANTS, combine, judge, make_data
from tinykit.ground.errors import ParameterError
from tinykit.train import zoo
from tinykit.train.compress.recipe import Training
from tinykit.train.conversion.converting import convert

NETWORKS: dict[str, tuple[tuple[int, int, int], tuple[str, ...]]] = {
    "watch-cnn": ((100, 1, 6), VARIANTS),
    "ds-cnn": ((25, 5, 1), ("PTQ int8", "PTQ int16x8")),
    "resnet8": ((8, 8, 3), ("PTQ int8", "PTQ int16x8", "PCQAT")),
    "fc-autoencoder": ((8, 4, 1), ("PTQ int8", "PTQ int16x8", "PQAT", "PCQAT")),
}
CLASSES = 4
FOREIGN = {"MUL", "SUB", "DEQUANTIZE", "CAST"}


@pytest.fixture(scope="module", params=NETWORKS)
def made(request: pytest.FixtureRequest) -> Any:
    shape, wanted = NETWORKS[request.param]
    data = make_data(shape, CLASSES)
    flat = request.param == "fc-autoencoder"
    size = shape[0] * shape[1] * shape[2]
    model = zoo.build_network(request.param, input_shape=(size,) if flat else shape, classes=size if flat else CLASSES)
    found = combine(model, data, (Training(6, 5e-3, 24), Training(1, 1e-3, 24)), clusters=8, wanted=wanted)
    ones = {variant: make() for variant, make in found}
    return request.param, {variant: (one, judge(one, data.test.x[:120])) for variant, one in ones.items()}


def test_the_benchmark_leaves_no_network_out() -> None:
    assert set(TASKS) == {network.name for network in zoo.networks()}


def test_each_follows_its_float_parent_in_the_interpreter(made: Any) -> None:
    name, found = made
    assert tuple(found) == NETWORKS[name][1]
    for variant, (_, judged) in found.items():
        assert judged.sqnr_db > (8 if name == "fc-autoencoder" else 15), (variant, judged)
        assert judged.agreement is None or judged.agreement >= 0.95, (variant, judged)


def test_precision_of_the_edges_and_nothing_left_between_the_kernels(made: Any) -> None:
    for variant, (_, judged) in made[1].items():
        assert judged.edges == (("int16", "int16") if variant == "PTQ int16x8" else ("int8", "int8"))
        assert not FOREIGN & set(judged.operators), variant
        # A limitation of QAT: what an average or a sum gives has a range of its own, and one QUANTIZE takes it there.
        spare = judged.operators.count("AVERAGE_POOL_2D") + judged.operators.count("ADD")
        assert judged.operators.count("QUANTIZE") <= (0 if variant.startswith("PTQ") else spare), variant
        assert judged.operators.count("ADD") == (3 if made[0] == "resnet8" else 0)


def test_zeros_and_shared_values_are_in_the_integers(made: Any) -> None:
    for variant, (one, judged) in made[1].items():
        if one.clusters:
            assert judged.most_values <= one.clusters, variant
        if one.sparsity:
            assert judged.sparsity >= one.sparsity - 0.01, variant


def test_int16x8_is_nearer_to_the_parent_than_int8(made: Any) -> None:
    found = made[1]
    assert found["PTQ int16x8"][1].sqnr_db > found["PTQ int8"][1].sqnr_db


def test_a_qat_model_has_no_int16x8(made: Any) -> None:
    if made[0] != "watch-cnn":
        return
    from tinykit.train.compress.quantising import _wrap

    with pytest.raises(ParameterError, match="a QAT model is int8 by training, not int16x8; convert its float parent"):
        convert(_wrap(made[1]["QAT"][0].parent, False), precision="int16x8")
