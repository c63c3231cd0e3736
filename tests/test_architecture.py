"""A network as a value: what is refused, that its hash is one everywhere, and that its sketch is its converted twin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.architectures import calls, differences, draw_case
from tests.quantise_combinations import convert_here
from tests.test_zoo import PUBLISHED, describe
from tinykit.ground.errors import ParameterError
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.session import Session, measure_arena
from tinykit.train import build_network
from tinykit.train.architecture.building import build_architecture
from tinykit.train.architecture.sketching import sketch
from tinykit.train.architecture.value import HEADS, KINDS, Architecture, Block
from tinykit.train.conversion.child import number_afresh
from tinykit.train.zoo import networks

SMALL = Architecture((Block("conv", 12, 7, stride=2), Block("separable", 24, (3, 1), pool=2)), dropout=0.25)
WATCH = {"input_shape": (100, 1, 6), "classes": 7}


# the value


def test_says_itself_in_a_line():
    assert str(SMALL) == "conv 12×7/2 → separable 24×3×1 pool 2 → drop 0.25 → average"
    with_units = Architecture((Block("lstm", 8), Block("dense", 10, dropout=0.5)), "last", 0.1)
    assert str(with_units) == "lstm 8 → last → dense 10 drop 0.5 → drop 0.1"
    assert repr(SMALL) == f"Architecture: {SMALL}"


@pytest.mark.parametrize("seed", range(20))
def test_comes_back_from_json(seed):
    network = draw_case(seed).architecture
    again = Architecture.from_json(json.loads(json.dumps(network.to_json())))
    assert again == network
    assert (again.sha256, hash(again)) == (network.sha256, hash(network))


def test_other_values_have_other_hashes_and_equal_ones_one():
    others = [draw_case(seed).architecture for seed in range(60)]
    assert len({one.sha256 for one in others}) == len(set(others))
    unit = Block("dense", np.int64(8), kernel=5, dropout=-0.0)
    assert Architecture([unit], dropout=0).sha256 == Architecture((Block("dense", 8),)).sha256
    assert Architecture((Block("conv", 8, [3, 3]),)) == Architecture((Block("conv", 8, (3, 3)),))


def test_the_hash_is_the_same_in_another_process():
    told = json.dumps(SMALL.to_json())
    program = f"import json\nfrom tinykit.train import Architecture\nprint(Architecture.from_json({told}).sha256)"
    for seed in ("1", "2"):
        command, told = [sys.executable, "-c", program], os.environ | {"PYTHONHASHSEED": seed}
        ended = subprocess.run(command, capture_output=True, text=True, check=True, env=told)
        assert ended.stdout.strip() == SMALL.sha256
    assert SMALL.sha256 == "2c28675704e7a3e092843f125e0bdadce135646f28016473fadafdceb43bebf8"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "pool"}, "kind: 'pool' is unknown; allowed: conv, separable"),
        ({"kind": ["conv"]}, r"kind: \['conv'\] is unknown"),
        ({"kind": "gru"}, "kind: 'gru' has no integer kernel in TFLM; take 'lstm'"),
        ({"width": 0}, "width: 0 is not possible; whole numbers from 1 to 4,096 are allowed"),
        ({"width": 5000}, "width: 5000 is not possible"),
        ({"width": True}, "width: True is not possible"),
        ({"width": 8.0}, "width: 8.0 is not possible"),
        ({"width": None}, "width: None is not possible"),
        ({"width": 10**4000}, "width: .* is not possible"),
        ({"kernel": "3"}, "kernel: '3' is not possible; whole numbers from 1 to 1,024"),
        ({"kernel": (3, 0)}, "kernel: 0 is not possible"),
        ({"kernel": (3, 3, 3)}, r"kernel: \(3, 3, 3\) is neither one size nor two"),
        ({"stride": -1}, "stride: -1 is not possible; whole numbers from 1 to 64"),
        ({"pool": 2000}, "pool: 2000 is not possible"),
        ({"kind": "dense", "pool": 2}, "pool: 2 is not possible; only 1 is allowed"),
        ({"kind": "lstm", "stride": 2}, "stride: 2 is not possible; only 1 is allowed"),
        ({"dropout": 1}, "dropout: 1 is no share; give a number from 0 to below 1"),
        ({"dropout": float("nan")}, "dropout: nan is no share"),
        ({"dropout": "0.1"}, "dropout: '0.1' is no share"),
    ],
)
def test_refuses_a_block_by_name_value_and_what_is_allowed(values, said):
    told = {"kind": "conv", "width": 8} | values
    with pytest.raises(ParameterError, match=said):
        Block(**told)
    with pytest.raises(ParameterError, match=said):
        Architecture.from_json({"blocks": [told]})


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"blocks": [], "head": "max"}, "head: 'max' is unknown; allowed: average, flatten, last"),
        ({"blocks": [], "dropout": -0.1}, "dropout: -0.1 is no share"),
        ({"blocks": "conv"}, "blocks: 'conv' is no list of at most 64 blocks"),
        ({"blocks": [{"kind": "conv", "width": 8}] * 65}, "is no list of at most 64 blocks"),
        ({"blocks": [8]}, r"8 is not a block \(0\); give an object of kind, width, kernel"),
        (
            {"blocks": [{"kind": "conv", "width": 8, "filters": 4}]},
            r"'filters' is unknown in a block \(0\); allowed: kind",
        ),
        ({"blocks": [{"kind": "conv"}]}, r"'width' is missing in a block \(0\)"),
        ({"blocks": [], "heads": "last"}, "'heads' is unknown in an architecture; allowed: blocks, head, dropout"),
        ({"head": "last"}, "'blocks' is missing in an architecture"),
        ([], r"\[\] is not an architecture; give an object"),
        (
            {"blocks": [{"kind": "dense", "width": 8}, {"kind": "conv", "width": 8}]},
            "a dense block stands before another kind; put dense blocks last",
        ),
    ],
)
def test_refuses_a_stranger_s_architecture(mapping, said):
    with pytest.raises(ParameterError, match=said):
        Architecture.from_json(mapping)


def test_refusals_are_short_and_quick_whatever_is_given():
    began = time.process_time()
    with pytest.raises(ParameterError, match="blocks: ") as told:
        Architecture.from_json({"blocks": "x" * 10**7})
    assert len(str(told.value)) < 200
    with pytest.raises(ParameterError, match="is no list of at most 64"):
        Architecture.from_json({"blocks": [{"kind": "conv", "width": 8}] * 10**6})
    assert time.process_time() - began < 1


# the sketch


@pytest.mark.parametrize(
    ("network", "shape", "classes", "said"),
    [
        (SMALL, (640,), 4, r"input_shape \(640,\) with 4 classes is not possible; give \(height, width, channels\)"),
        (SMALL, (100, 6), 4, r"input_shape \(100, 6\)"),
        (SMALL, (100, 0, 6), 4, r"input_shape \(100, 0, 6\)"),
        (SMALL, (100.0, 1, 6), 4, r"input_shape \(100.0, 1, 6\)"),
        (SMALL, (100, 1, 6), 0, "with 0 classes is not possible"),
        (SMALL, (100, 1, 6), 10**6, "up to 4,096 classes"),
        (
            Architecture((Block("conv", 8, 3, pool=4),)),
            (3, 1, 6),
            4,
            r"pool: \(4, 1\) positions are more than a map of \(3, 1\)",
        ),
        (Architecture((Block("conv", 4096, 1024),)), (100, 100, 4096), 4, "more than 67,108,864 bytes of tensors"),
        (Architecture((Block("conv", 8),)), (2**40, 1, 1), 4, "more than 67,108,864 bytes of tensors"),
    ],
)
def test_refuses_what_it_cannot_be_of(network, shape, classes, said):
    for make in (sketch, build_architecture):
        with pytest.raises(ParameterError, match=said):
            make(network, input_shape=shape, classes=classes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("shape", [(40, 1, 3), (20, 12, 2)], ids=["signal", "image"])
def test_runs_in_the_interpreter(kind, head, shape):
    network = Architecture((Block(kind, 6), Block("dense", 5)), head)
    content = sketch(network, input_shape=shape, classes=4)
    assert content == sketch(network, input_shape=shape, classes=4)
    with Session(content) as session:
        given = np.random.default_rng(0).integers(-128, 128, (3, *session.inputs[0].shape[1:]), np.int8)
        answers = session.run(given)
    assert answers.shape == (3, 4)
    assert measure_arena(content).total_bytes > 0


@pytest.mark.parametrize("network", networks(), ids=lambda network: network.name)
def test_a_sketch_of_the_zoo_has_its_multiplications_and_is_published_so(network):
    graph = read(sketch(network.architecture, input_shape=network.input_shape, classes=network.classes))
    assert graph.macs == network.macs
    assert graph.precision == "int8"
    if network.name in PUBLISHED and network.activation == "softmax":
        assert sorted(describe(graph)) == sorted(line for line in PUBLISHED[network.name][0].splitlines() if line)


WITHOUT_MEMORY = [seed for seed in range(14) if "lstm" not in {one.kind for one in draw_case(seed).architecture.blocks}]


@pytest.mark.parametrize(("seed", "precision"), [
    *((seed, "int8") for seed in range(25)), *((seed, "int16x8") for seed in WITHOUT_MEMORY)
])  # fmt: skip
def test_is_what_the_converter_makes_of_the_trained_network(seed, precision):
    case = draw_case(seed)
    model = case.build()
    number_afresh(model)
    made, twin = case.sketch(precision), read(convert_here(model, precision, case.samples()))
    assert calls(made) == calls(twin)
    assert (made.precision, made.macs, len(made.tensors)) == (twin.precision, twin.macs, len(twin.tensors))
    far = differences(made, twin)
    assert abs(far["arena"]) <= 128
    assert abs(far["flash"]) <= 0.01
    assert (far["latency"], far["energy"]) == (0, 0)


def test_refuses_a_precision_it_cannot_be_sketched_in():
    with pytest.raises(ParameterError, match=r"precision 'int4' of a sketch is not possible; allowed: int8, int16x8"):
        sketch(Architecture((Block("conv", 4),)), **WATCH, precision="int4")
    with pytest.raises(ParameterError, match=r"precision 'int16x8' of a sketch with an LSTM is not possible"):
        sketch(Architecture((Block("lstm", 4),)), **WATCH, precision="int16x8")


def test_the_model_is_that_of_the_zoo():
    known = {network.name: network for network in networks()}["watch-cnn"]
    own = build_architecture(known.architecture, **WATCH, seed=3)
    ours, theirs = own.get_weights(), build_network("watch-cnn", seed=3).get_weights()
    assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert [layer.name for layer in own.layers][:4] == ["input_1", "conv_1", "norm_1", "relu_1"]


def test_is_drawn_in_milliseconds():
    network = Architecture((Block("conv", 16, 9, pool=4), Block("separable", 24, 7, pool=2), Block("conv", 32, 5)))
    sketch(network, **WATCH)
    spent = []
    for _ in range(20):
        began = time.process_time()
        sketch(network, **WATCH)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.005
