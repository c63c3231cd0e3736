"""One process for many conversions: the bytes of a new one, refusals and limits each time, an end with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.onnx_nets import Torch
from tinykit.ground.caches import clear_caches
from tinykit.ground.errors import DataError, EngineError, ModelError, ParameterError
from tinykit.train.conversion import converter as processes
from tinykit.train.conversion.converting import convert, convert_all
from tinykit.train.zoo import build_network

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (32, 1, 3)


def network(seed: int):
    return build_network("watch-cnn", input_shape=SHAPE, classes=4, seed=seed)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((40, *SHAPE)).astype(np.float32)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def child(kept=processes.WARM):
    ((one, _),) = kept._kept
    return one


def test_many_models_by_one_process_have_the_bytes_of_a_new_one(samples):
    clear_caches()
    made, children = [], set()
    for seed in range(3):
        made.append(convert(network(seed), representative=samples).model)
        children.add(child())
    assert len(children) == 1
    both = convert_all(network(2), ("int8", "float32"), representative=samples)
    assert both["int8"].model == made[2]
    clear_caches()
    assert convert(network(2), representative=samples).model == made[2]
    assert child() not in children


def test_onnx_has_a_process_of_its_own(tmp_path):
    file = tmp_path / "net.onnx"
    file.write_bytes(Torch((1, 3, 8, 8)).conv(4).relu().flatten().gemm(4).model().SerializeToString())
    x = np.random.default_rng(1).standard_normal((20, 3, 8, 8)).astype(np.float32)
    clear_caches()
    first = convert(file, representative=x).model
    before = child(processes.ONNX)
    assert convert(file, representative=x).model == first
    assert child(processes.ONNX) is before
    assert not processes.WARM._kept, "no TensorFlow was started for it"


def test_what_convert_refuses_is_refused_and_the_next_model_is_converted(samples, tmp_path):
    with pytest.raises(DataError, match="no representative samples"):
        convert(network(0))
    with pytest.raises(ParameterError, match="precision 'int4' is unknown"):
        convert(network(0), precision="int4", representative=samples)
    (tmp_path / "bad.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ModelError, match="bad.h5"):
        convert(tmp_path / "bad.h5")
    assert convert(network(0), representative=samples).flatbuffer_bytes > 1000


def test_each_conversion_has_its_time_and_one_that_is_late_costs_only_itself(samples):
    wanted = convert(network(1), representative=samples).model
    before = child()
    with pytest.raises(EngineError, match=r"did not end within 0\.001 s"):
        convert(network(0), representative=samples, timeout_s=0.001)
    assert not before.alive
    assert convert(network(1), representative=samples).model == wanted
    assert child().bounds == processes._BOUNDS, "address space and files as of any conversion"


def test_a_process_that_was_killed_between_two_models_is_replaced(samples):
    convert(network(0), representative=samples)
    os.kill(child()._process.pid, signal.SIGKILL)
    assert convert(network(0), representative=samples).flatbuffer_bytes > 1000


def test_the_process_dies_with_its_owner():
    code = (
        "import time\n"
        "from tinykit.train import build_network, convert\n"
        "from tinykit.train.conversion.converter import WARM\n"
        "convert(build_network('digits-cnn'), precision='float32')\n"
        "print(WARM._kept[0][0]._process.pid, flush=True)\n"
        "time.sleep(60)\n"
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
