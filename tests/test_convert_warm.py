"""One process for many conversions: the bytes of `convert`, its refusals and limits, and an end with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextvars import Context
from pathlib import Path

import numpy as np
import pytest

from tests.onnx_nets import Torch
from tinykit.ground.caches import clear_caches
from tinykit.ground.errors import DataError, EngineError, ModelError, ParameterError
from tinykit.train.conversion import converter as processes
from tinykit.train.conversion.converting import convert, convert_all
from tinykit.train.conversion.warm import Converter
from tinykit.train.zoo import build_network

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (32, 1, 3)


def network(seed: int):
    return build_network("watch-cnn", input_shape=SHAPE, classes=4, seed=seed)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((40, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def kept():
    with Converter() as converter:
        yield converter


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def child_of(converter: Converter, kind: str = "keras"):
    ((child, _),) = converter._kept[kind]._kept
    return child


def shared(*given, **options):
    """By the process that all share, whatever block this is in."""
    return Context().run(convert, *given, **options)


def test_many_models_by_one_process_have_the_bytes_of_convert(kept, samples):
    children = set()
    for seed in range(3):
        model = network(seed)
        assert kept.convert(model, representative=samples).model == shared(model, representative=samples).model
        children.add(child_of(kept))
    assert len(children) == 1
    assert child_of(kept) is not processes.WARM._kept[0][0], "a process that nobody else asks"
    both = kept.convert_all(network(0), ("int8", "float32"), representative=samples)
    assert both == Context().run(convert_all, network(0), ("int8", "float32"), representative=samples)


def test_onnx_goes_to_a_process_of_the_block_too(kept, tmp_path):
    file = tmp_path / "net.onnx"
    file.write_bytes(Torch((1, 3, 8, 8)).conv(4).relu().flatten().gemm(4).model().SerializeToString())
    x = np.random.default_rng(1).standard_normal((20, 3, 8, 8)).astype(np.float32)
    assert kept.convert(file, representative=x).model == shared(file, representative=x).model
    assert child_of(kept, "onnx").alive


def test_what_convert_refuses_is_refused_and_the_next_model_is_converted(kept, samples, tmp_path):
    with pytest.raises(DataError, match="no representative samples"):
        kept.convert(network(0))
    with pytest.raises(ParameterError, match="precision 'int4' is unknown"):
        kept.convert(network(0), precision="int4", representative=samples)
    (tmp_path / "bad.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ModelError, match="bad.h5"):
        kept.convert(tmp_path / "bad.h5")
    assert kept.convert(network(0), representative=samples).flatbuffer_bytes > 1000


def test_each_conversion_has_its_time_and_one_that_is_late_costs_only_itself(kept, samples):
    kept.convert(network(0), representative=samples)
    before = child_of(kept)
    with pytest.raises(EngineError, match=r"did not end within 0\.001 s"):
        kept.convert(network(0), representative=samples, timeout_s=0.001)
    assert not before.alive
    assert kept.convert(network(1), representative=samples).model == shared(network(1), representative=samples).model
    assert child_of(kept).bounds == processes._BOUNDS, "address space and files as of any conversion"


def test_a_process_that_was_killed_between_two_models_is_replaced(kept, samples):
    kept.convert(network(0), representative=samples)
    os.kill(child_of(kept)._process.pid, signal.SIGKILL)
    assert kept.convert(network(0), representative=samples).flatbuffer_bytes > 1000


def test_the_process_ends_with_the_block_and_outside_of_it_all_share_one(samples):
    clear_caches()
    with Converter() as converter:
        made = convert(network(0), representative=samples)
        pid = child_of(converter)._process.pid
        assert not processes.WARM._kept, "the function asks the block's process too"
    assert gone(pid)
    assert converter.convert(network(0), representative=samples) == made
    assert processes.WARM._kept


def test_the_process_dies_with_its_owner():
    code = (
        "import numpy as np, time\n"
        "from tinykit.train import Converter, build_network\n"
        "with Converter() as one:\n"
        "    one.convert(build_network('digits-cnn'), precision='float32')\n"
        "    print(one._kept['keras']._kept[0][0]._process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert not gone(pid)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    end = time.monotonic() + 10
    while not gone(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert gone(pid)
