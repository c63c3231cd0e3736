"""`tinykit run`: exit status, JSON, and what is refused."""

from __future__ import annotations

import json

import pytest

from tests.models import Net, small_cnn
from tinykit.show.cli.main import main


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "small.tflite"
    path.write_bytes(small_cnn())
    return str(path)


def test_run_writes_one_document_with_the_keys_of_the_contract(model, capsys):
    assert main(["run", model, "--board", "nucleo-l4r5zi", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    wanted = {"equal", "text_bytes", "data_bytes", "bss_bytes", "arena_bytes", "stack_bytes", "instructions"}
    assert wanted | {"operators", "cycles", "latency_s", "fault", "model"} <= set(found)
    assert found["equal"] is True
    assert found["kernels"] == "cmsis-nn"


def test_run_shows_a_table(model, capsys):
    command = ["run", model, "--board", "nucleo-l4r5zi", "--runtime", "tflm-reference", "--clock", "60e6"]
    assert main([*command, "--runtime-version", "2026", "--samples", "3"]) == 0
    out = capsys.readouterr().out
    assert "equal to TFLM" in out
    assert "portable" in out
    assert "DEPTHWISE_CONV_2D" in out
    assert "runtime version 2026 is not used" in out


def test_a_model_that_does_not_fit_exits_with_1(tmp_path, capsys):
    path = tmp_path / "wide.tflite"
    path.write_bytes(Net((1, 64, 64, 1)).conv(32).conv(32).to_bytes())
    assert main(["run", str(path), "--board", "nucleo-wl55jc", "--samples", "1"]) == 1
    assert "does not link: SRAM1-2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "match"),
    [
        ([], "no board given"),
        (["--board", "nowhere"], "nowhere"),
        (["--board", "nucleo-l4r5zi", "--kernels", "fast"], "kernels 'fast'"),
        (["--board", "nucleo-l4r5zi", "--runtime", "x-cube-ai"], "runtime 'x-cube-ai' cannot be run here"),
        (["--board", "nucleo-l4r5zi", "--samples", "0"], "at least one sample"),
        (["--board", "esp-eye"], "no emulator here runs"),
    ],
)
def test_what_cannot_be_run_exits_with_2_and_a_message(model, extra, match, capsys):
    assert main(["run", model, *extra]) == 2
    said = capsys.readouterr()
    assert match in said.err
    assert said.out == ""
