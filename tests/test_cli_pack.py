"""tinykit pack: what it writes, what it says, and what it makes of hostile files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.models import Net, flip_bits, hybrid, small_cnn
from tests.packing_models import thin_out, wide_cnn
from tinykit.budget.fit.check import check_fit
from tinykit.ground.quantity import format_quantity
from tinykit.model.graph.reading import read
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.packing.decoding import code_weights, foresee_flash, pack
from tinykit.predict.packing.gridding import grid_weights
from tinykit.predict.packing.leaning import lean
from tinykit.show.cli.main import main

LARGE = thin_out(Net((1, 128), seed=1).dense(128).to_bytes(), zeros=0.9)
SMALL = thin_out(wide_cnn(), zeros=0.75)


@pytest.fixture
def command(tmp_path, capsys):
    def run(model: bytes, *arguments: str):
        path = tmp_path / "model.tflite"
        path.write_bytes(model)
        status = main(["pack", str(path), "--out", str(tmp_path / "out.tflite"), *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


class TestWhatItWrites:
    def test_decode_where_it_pays(self, command, tmp_path):
        status, said, _ = command(LARGE, "--board", "nucleo-l4r5zi")
        written = (tmp_path / "out.tflite").read_bytes()
        assert status == 0
        assert written == code_weights(LARGE).data
        assert "CUSTOM:TFLM_DECODE" in read(written).operator_counts()
        assert "chosen: lean + decode; DECODE saves" in said
        assert "outputs equal in TFLM to the byte on 4 inputs" in said
        assert "unverified on device" in said
        assert "(modelled)" in said

    def test_the_grid_first(self, command, tmp_path):
        model = Net((1, 128), seed=1).dense(128).to_bytes()
        status, said, _ = command(model, "--grid", "--board", "nucleo-l4r5zi")
        written = (tmp_path / "out.tflite").read_bytes()
        assert status == 0
        assert written == pack(grid_weights(model).graph).chosen.data
        assert "4-bit grid by" in said
        assert "apart on made-up inputs" in said
        samples = tmp_path / "validation.npz"
        rng = np.random.default_rng(0)
        np.savez(samples, x=rng.normal(0, 0.5, (12, 128)).astype(np.float32), y=np.arange(12))
        _, said, _ = command(model, "--grid", "--validation", str(samples), "--json")
        assert json.loads(said)["grid"]["recipe"][-1].endswith("of 12 samples right")

    def test_lean_where_the_decoder_costs_more_than_it_saves(self, command, tmp_path):
        status, said, _ = command(SMALL)
        assert status == 0
        assert (tmp_path / "out.tflite").read_bytes() == lean(SMALL).data
        assert "less than its code of 6,500" in said

    def test_lean_where_the_runtime_has_no_decode(self, command, tmp_path):
        status, said, _ = command(LARGE, "--runtime", "x-cube-ai", "--board", "nucleo-l4r5zi")
        assert status == 0
        assert (tmp_path / "out.tflite").read_bytes() == lean(LARGE).data
        assert "no DECODE: X-CUBE-AI does not know" in said

    @pytest.mark.parametrize("board", ["nucleo-l4r5zi", None])
    def test_an_arena_by_the_version_of_the_runtime(self, command, board):
        where = ("--board", board) if board else ()
        told = {}
        for version in (None, "8.1.0"):
            given = ("--runtime-version", version) if version else ()
            status, said, _ = command(SMALL, "--runtime", "x-cube-ai", *where, *given, "--json")
            assert status == 0
            arena = predict_arena(read(SMALL), runtime="x-cube-ai", core="cortex-m4", runtime_version=version).used
            assert json.loads(said)["arena_bytes_before"] == json.loads(json.dumps(arena.to_json()))
            told[version] = arena.high / arena.low
        assert told["8.1.0"] < told[None]
        status, _, err = command(SMALL, "--runtime", "x-cube-ai", *where, "--runtime-version", "new")
        assert status == 2
        assert "runtime version 'new' is no number" in err

    def test_nothing_where_nothing_is_saved(self, command, tmp_path):
        status, said, _ = command(lean(small_cnn()).data)
        assert status == 0
        assert "nothing saved, nothing written" in said
        assert not (tmp_path / "out.tflite").exists()

    def test_a_model_that_decodes_already(self, command):
        status, said, _ = command(code_weights(LARGE).data)
        assert status == 0
        assert "no DECODE: the model has DECODE operators already" in said

    def test_json_is_one_document(self, command, tmp_path):
        _, said, err = command(LARGE, "--board", "nucleo-l4r5zi", "--json")
        document = json.loads(said)
        assert err == ""
        assert document["chosen"] == ["lean", "decode"]
        assert document["decode"]["equal"] is True
        assert document["decode"]["flatbuffer_bytes"] == (tmp_path / "out.tflite").stat().st_size
        assert document["lean"]["flatbuffer_bytes"] > document["decode"]["flatbuffer_bytes"]
        assert document["arena_bytes"]["value"] > document["arena_bytes_before"]["value"]
        assert document["decode_latency_s"]["basis"] == "modelled"
        assert document["decode"]["cost"]["device"] == "unverified on device"

    def test_an_arena_below_nothing_is_refused(self, command):
        status, said, told = command(SMALL, "--arena-limit", "-5")
        assert (status, said) == (2, "")
        assert "arena limit -5; give bytes from 0 up" in told

    def test_a_limit_of_the_arena(self, command, tmp_path):
        status, said, _ = command(LARGE, "--board", "nucleo-l4r5zi", "--arena-limit", "4000")
        assert status == 0
        assert (tmp_path / "out.tflite").read_bytes() == lean(LARGE).data
        assert "in an arena of 4,000 bytes" in said

    def test_the_board_sets_the_limit(self, command):
        """112 KiB of decoded weights are more than the RAM of a micro:bit less the assumed reserve."""
        model = thin_out(Net((1, 360), seed=1).dense(320).to_bytes(), zeros=0.9)
        assert "chosen: lean + decode" in command(model, "--board", "nucleo-l4r5zi")[1]
        assert "no DECODE: no weight tensor shrinks by it in an arena of" in command(model, "--board", "microbit-v2")[1]

    def test_inspect_tells_of_decode(self, tmp_path, capsys):
        path = tmp_path / "coded.tflite"
        path.write_bytes(code_weights(LARGE).data)
        assert main(["inspect", str(path)]) == 0
        said = capsys.readouterr().out
        assert "DECODE: 16,384 weights decoded at each inference" in said
        assert "1 DECODE operators" in said
        assert main(["inspect", str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["decode"]["weights"] == 16_384


class TestChoice:
    def test_flash_decides_with_the_decoder_counted_in(self):
        for model, saves in ((LARGE, True), (SMALL, False)):
            choice = pack(model)
            assert (choice.coded.flash_bytes < choice.plain.flash_bytes) is saves
            assert choice.chosen is (choice.coded if saves else choice.plain)
            assert choice.saves

    @pytest.mark.parametrize("runtime", ["tflm-cmsis-nn", "x-cube-ai"])
    def test_what_is_foreseen_is_what_comes(self, runtime):
        for model in (LARGE, SMALL, small_cnn()):
            assert foresee_flash(read(model), runtime=runtime) == pack(model, runtime=runtime).chosen.flash_bytes

    def test_the_fit_advises_it_where_flash_is_scarce(self):
        model = thin_out(Net((1, 640), seed=1).dense(1400).to_bytes(), zeros=0.9)
        advice = check_fit(read(model), "nucleo-f411re", use_engine=False).advice
        saved = len(model) - foresee_flash(read(model))
        assert any(one.startswith(f"{format_quantity(saved, 'byte')} fewer with the same outputs") for one in advice)

    def test_an_unknown_runtime_gets_no_decode(self):
        assert "whether 'onnx' has TFLM's DECODE operator is unknown" in pack(LARGE, runtime="onnx").reason

    def test_the_arena_has_a_limit(self):
        """Decoded weights lie in the arena: where the largest do not fit beside the activations they stay raw."""
        model = thin_out(Net((1, 96), seed=2).dense(160).dense(96).dense(64).to_bytes(), zeros=0.9)
        graph = read(model)
        free = pack(graph)
        whole = predict_arena(free.coded.graph).to_start
        assert [one.raw_bytes for one in free.coded.coded] == [15_360, 15_360, 6_144]
        tight = pack(graph, arena_limit_bytes=whole - 1)
        assert [one.raw_bytes for one in tight.coded.coded] == [6_144]
        assert predict_arena(tight.coded.graph).to_start < whole
        none = pack(graph, arena_limit_bytes=1000)
        assert none.coded is None
        assert none.reason == "no DECODE: no weight tensor shrinks by it in an arena of 1,000 bytes"

    def test_dense_weights(self):
        assert pack(small_cnn()).reason == "no DECODE: no weight tensor shrinks by it"


class TestBadInput:
    @pytest.mark.parametrize(("model", "words"), [
        (b"", "not a .tflite file"),
        (b"x" * 100, "not a .tflite file"),
        (small_cnn()[:300], "damaged"),
        (hybrid(), "hybrid"),
    ])  # fmt: skip
    def test_one_clear_message(self, command, tmp_path, model, words):
        status, said, err = command(model)
        assert (status, said) == (2, "")
        assert words in err
        assert "Traceback" not in err
        assert not (tmp_path / "out.tflite").exists()

    def test_names_of_a_hostile_file_do_not_reach_the_terminal(self, command):
        net = Net((1, 64), name="\x1b[2Jgone").dense(64)
        net.tensors[1].name = "<script>\x07"
        status, said, err = command(thin_out(net.to_bytes(), zeros=0.9))
        assert status == 0
        assert "\x1b" not in said + err
        assert "\x07" not in said + err

    def test_flipped_bits_end_in_a_message_or_a_proof(self, command):
        ends = [command(flip_bits(SMALL, seed, 4)) for seed in range(5)]
        assert {status for status, _, _ in ends} <= {0, 2}
        assert all("outputs equal" in said or "nothing" in said for status, said, _ in ends if status == 0)

    def test_an_output_that_cannot_be_written(self, tmp_path, capsys):
        (tmp_path / "file").write_text("x")
        path = tmp_path / "model.tflite"
        path.write_bytes(small_cnn())
        assert main(["pack", str(path), "--out", str(tmp_path / "file" / "out.tflite")]) == 2
        assert "cannot be written" in capsys.readouterr().err

    def test_an_unknown_board(self, command):
        status, _, err = command(small_cnn(), "--board", "nucleo-l4r5z")
        assert status == 2
        assert "nucleo-l4r5zi" in err

    def test_a_decode_header_out_of_a_stranger_s_hand(self, tmp_path, capsys):
        """Tables shorter than their header, or of no known kind, are looked at without a crash."""
        graph = code_weights(LARGE).graph
        tables = graph.tensors[graph.operators[0].inputs[1]]
        data = np.frombuffer(graph.data, np.uint8).copy()
        data[tables.data_start : tables.data_start + 16] = 255
        path = tmp_path / "odd.tflite"
        path.write_bytes(data.tobytes())
        assert main(["inspect", str(path)]) == 0
        assert main(["fit", str(path), "--board", "nucleo-l4r5zi"]) in (0, 1)
        assert "Traceback" not in capsys.readouterr().err
