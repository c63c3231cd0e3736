"""Hostile models: truncated, random, flipped and forged files end in a `TinykitError` or a result, names stay text."""

from __future__ import annotations

import contextlib
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.models import OPTIONS, Net, autoencoder, flip_bits, hybrid, residual, schema, small_cnn
from tinykit.budget.assessment.chain import assess
from tinykit.budget.assessment.use import Use
from tinykit.budget.fit.check import check_fit_all
from tinykit.choose.ledger.variants import weigh_variant
from tinykit.ground.errors import ModelError, TinykitError
from tinykit.model.graph.flatbuffer import FlatBuffer
from tinykit.model.graph.reading import read
from tinykit.model.lint import lint_graph
from tinykit.model.record import Stage, open_record
from tinykit.predict.arena.predict import predict_arena
from tinykit.predict.flash import predict_flash
from tinykit.show.cli.main import main
from tinykit.show.cli.text import describe_graph
from tinykit.show.report.render import render_report
from tinykit.target.boards import boards
from tinykit.train.datasets.card import read_card
from tinykit.train.datasets.dataset import Split
from tinykit.train.datasets.scoring import paired_difference

SCRIPT = "<script>alert(1)</script>"
ESCAPES = "\x1b[2J\x1b]0;owned\x07\u202e\r\x9b31m"
BASES = (small_cnn(), residual(), autoencoder(), hybrid(), small_cnn("float32"))


def use(model: bytes, *, every_board: bool = False) -> str:
    """All that `inspect` and `fit` do with a model, but for the interpreter; the error's text, "" without one."""
    try:
        graph = read(model)
        planned = predict_arena(graph)
        json.dumps(describe_graph(graph, planned, lint_graph(graph)), allow_nan=False)
        for runtime, core in (("tflm-reference", "cortex-m0plus"), ("tflm-cmsis-nn", "cortex-m55")):
            predict_arena(graph, runtime=runtime, core=core)
            predict_flash(graph, runtime=runtime, core=core)
        chosen = boards() if every_board else boards()[::12]
        reports = check_fit_all(graph, chosen, use_engine=False)
        json.dumps([report.to_json() for report in reports], allow_nan=False)
    except TinykitError as error:
        return str(error)
    return ""


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(arguments))
    return status, out.getvalue(), err.getvalue()


class TestDamagedFiles:
    @pytest.mark.parametrize("model", BASES, ids=["cnn", "residual", "dense", "hybrid", "float"])
    def test_two_hundred_flipped_each(self, model):
        said = [use(flip_bits(model, seed, count)) for seed in range(200) for count in (1, 8)]
        assert sum(text == "" for text in said) > 20, "flips that hit weights must leave a usable model"
        assert sum(text != "" for text in said) > 100
        assert max(text.count("\n") for text in said) < 3

    def test_flipped_on_the_whole_catalogue(self):
        said = [use(flip_bits(small_cnn(), seed, 1), every_board=True) for seed in range(40)]
        assert "" in said

    def test_truncated_at_every_length(self):
        model = Net((1, 8)).dense(2).to_bytes()
        said = [use(model[:length]) for length in range(len(model))]
        assert all(said[:64])
        assert any("truncated" in text for text in said)

    def test_every_byte_at_its_extremes(self):
        model = Net((1, 8)).dense(2).to_bytes()
        for position in range(8, len(model)):
            for value in (0x00, 0x7F, 0x80, 0xFF):
                use(model[:position] + bytes([value]) + model[position + 1 :])

    def test_random(self):
        for seed in range(100):
            noise = np.random.default_rng(seed).integers(0, 256, 64 + 16 * seed, np.uint8).tobytes()
            assert "not a .tflite file" in use(noise)
            assert use(noise[:4] + b"TFL3" + noise[8:])

    @pytest.mark.parametrize("model", [b"", b"TFL3", b"\0" * 7, b"\0" * 8, b"\0" * 4096])
    def test_nothing(self, model):
        with pytest.raises(ModelError, match=r"not a \.tflite file"):
            read(model)

    def test_wrong_size(self):
        model = small_cnn()
        assert use(model + b"\0" * 1000) == ""
        with pytest.raises(ModelError, match="damaged|truncated"):
            read(model[: len(model) // 2])

    def test_work_is_bounded_by_the_size_of_the_file(self, monkeypatch):
        """A vector that claims four billion entries is refused before anything of its length is made."""
        reads = []
        take = FlatBuffer.take
        monkeypatch.setattr(FlatBuffer, "take", lambda self, *given: (reads.append(given[0]), take(self, *given)))
        model = small_cnn()
        for seed in range(60):
            reads.clear()
            with contextlib.suppress(TinykitError):
                read(flip_bits(model, seed, 8))
            assert len(reads) <= 4 * len(model) + 1025

    def test_aliased_entries(self):
        """A megabyte of offsets to one tensor and one operator would keep a planner busy for days."""
        net = Net((1, 4)).unary("LOGISTIC")
        net.tensors += [net.tensors[-1]] * 5000
        with pytest.raises(ModelError, match="the file lists 5,002 tensors, tinykit reads 4,096"):
            read(net.to_bytes())


class TestForgedGraphs:
    def test_scalars(self):
        for net in (Net((1, 8, 8, 2)).conv(4), Net((1, 8)).dense(4), Net((1, 8, 8, 2)).depthwise()):
            net.tensors[net.last].shape = []
            assert "without an axis" in use(net.to_bytes())
        net = Net((1, 8)).unary("LOGISTIC")
        net.tensors[0].shape = net.tensors[net.last].shape = []
        assert use(net.to_bytes()) == ""

    def test_empty_and_huge(self):
        for size in (0, 2**31 - 1):
            net = Net((1, 8)).unary("LOGISTIC")
            net.tensors[0].shape = net.tensors[net.last].shape = [1, size]
            assert use(net.to_bytes()) == ""

    def test_numbers_that_are_none(self):
        for scale in (np.nan, np.inf, 0.0, -1.0):
            net = Net((1, 8)).dense(4)
            net.tensors[0].quantization.scale = np.array([scale], np.float32)
            assert use(net.to_bytes()) == ""

    def test_operators_in_a_circle(self):
        net = Net((1, 8)).unary("LOGISTIC").unary("LOGISTIC")
        net.operators[0].inputs = [net.last]
        assert use(net.to_bytes()) == ""

    def test_operators_without_anything(self):
        codes = "LOGISTIC ADD MEAN SVDF TRANSPOSE_CONV REDUCE_MAX CONCATENATION SOFTMAX GATHER MIRROR_PAD"
        for code in (*codes.split(), "ASSIGN_VARIABLE"):
            net = Net((1, 8))
            net.use(code, [], [0])
            assert "has inputs of ranks []" in use(net.to_bytes())
        for code in ("SPLIT", "HARD_SWISH", "IF", "WHILE", "CALL_ONCE", "VAR_HANDLE"):
            net = Net((1, 8))
            net.use(code, [], [0])
            assert use(net.to_bytes()) == ""

    def test_operators_without_outputs(self):
        """Those that a reader relies on are refused; the others only change a state, or are left to TFLM."""
        said = {}
        for code in "LOGISTIC GATHER SPACE_TO_DEPTH SPLIT IF CALL_ONCE VAR_HANDLE ASSIGN_VARIABLE".split():
            net = Net((1, 2, 2, 8))
            net.use(code, [0, 0], [])
            said[code] = use(net.to_bytes())
        refused = {code for code, text in said.items() if "and 0 outputs" in text}
        assert refused == {"LOGISTIC", "GATHER", "SPACE_TO_DEPTH", "VAR_HANDLE"}
        assert {text for code, text in said.items() if code not in refused} == {""}

    def test_a_model_with_a_state(self):
        """VAR_HANDLE, READ_VARIABLE, ADD, and ASSIGN_VARIABLE, which has no output: a valid model, TFLM runs it."""
        assert use(Net((1, 8), zero_point=0).accumulate().to_bytes(), every_board=True) == ""

    @pytest.mark.parametrize("inputs", [0, 1, 9, 19])
    def test_an_lstm_cut_short(self, inputs):
        net = Net((1, 3, 5), dtype="float32")
        weights = [net.tensor((2, 5), data=np.zeros((2, 5), np.float32)) for _ in range(inputs)]
        net.use("UNIDIRECTIONAL_SEQUENCE_LSTM", weights, [net.tensor((1, 3, 2))])
        assert "UNIDIRECTIONAL_SEQUENCE_LSTM) has inputs of ranks" in use(net.to_bytes())

    def test_inputs_of_every_rank(self):
        for shape in ([], [4], [1, 4], [1, 2, 2], [1, 2, 2, 1], [1, 1, 1, 2, 2]):
            for code in ("CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "SVDF", "MEAN", "TRANSPOSE_CONV", "PAD"):
                net = Net((1, 4))
                count = int(np.prod(shape))
                weights = [net.tensor(shape, data=np.ones(count, np.int8)) for _ in range(3)]
                net.use(code, weights, [net.tensor(shape)])
                use(net.to_bytes())

    def test_an_output_of_no_operator(self):
        net = Net((1, 8)).unary("LOGISTIC")
        net.outputs = [net.tensor((1, 8)), 0]
        assert use(net.to_bytes()) == ""


class TestOnTheCommandLine:
    @pytest.mark.parametrize("seed", [None, 0, 1, 2, 3])
    @pytest.mark.parametrize("verb", ["inspect", "fit"])
    def test_flipped(self, tmp_path, seed, verb):
        path = tmp_path / "m.tflite"
        path.write_bytes(small_cnn() if seed is None else flip_bits(small_cnn(), seed, 1))
        status, out, err = command(verb, str(path), "--json")
        assert status in ((0,) if seed is None else (0, 1, 2))
        assert json.loads(out) if status < 2 else err.startswith("tinykit: ") and not out
        assert "Traceback" not in out + err

    @pytest.mark.parametrize("content", [b"", b"TFL3" * 3, small_cnn()[:300], bytes(range(256)) * 4])
    @pytest.mark.parametrize("verb", ["inspect", "fit", "verify"])
    def test_no_models(self, tmp_path, verb, content):
        (tmp_path / "m.tflite").write_bytes(content)
        status, out, err = command(verb, str(tmp_path / "m.tflite"))
        assert (status, out) == (2, "")
        assert 1 <= err.count("\n") <= 3


def named(name: str, operator: str) -> bytes:
    """A model whose tensors and custom operator carry a name."""
    net = Net((1, 8), name=name).dense(4).custom(operator)
    for tensor in net.tensors:
        tensor.name = name
    return net.to_bytes()


class TestNames:
    @pytest.mark.parametrize("verb", ["inspect", "fit"])
    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_nothing_drives_the_terminal(self, tmp_path, verb, options):
        path = tmp_path / f"m{ESCAPES}.tflite"
        path.write_bytes(named(ESCAPES, ESCAPES))
        _, out, err = command(verb, str(path), *options)
        assert out
        for text in (out, err):
            assert all(character.isprintable() or character == "\n" for character in text)

    def test_nor_does_an_error(self, tmp_path):
        (tmp_path / "m.tflite").write_bytes(named("t", ESCAPES))
        status, _, err = command("verify", str(tmp_path / "m.tflite"))
        assert status == 2
        assert "\\x1b[2J" in err
        assert all(character.isprintable() or character == "\n" for character in err)
        assert command("inspect", f"{ESCAPES}.tflite")[2].startswith("tinykit: \\x1b[2J")

    def test_json_gives_names_back_exactly(self, tmp_path):
        (tmp_path / "m.tflite").write_bytes(named(SCRIPT + ESCAPES, SCRIPT))
        document = json.loads(command("inspect", str(tmp_path / "m.tflite"), "--json")[1])
        assert {tensor["name"] for tensor in document["tensors"]} == {SCRIPT + ESCAPES}
        assert document["operators"][1]["name"] == f"CUSTOM:{SCRIPT}"

    def test_panel(self):
        from tinykit.show.panels import FitPanel

        panel = FitPanel(read(named(SCRIPT, SCRIPT), name=SCRIPT))
        pages = [child.value for child in panel.children if type(child).__name__ == "HTML"]
        assert any("&lt;script&gt;alert(1)&lt;/script&gt;" in page for page in pages)
        assert not any("<script" in page for page in pages)

    def test_report(self, tmp_path):
        page = render_report(self.outcome(tmp_path))
        assert page.count("&lt;script&gt;alert(1)") >= 5
        assert "<script" not in page
        assert "\x1b" not in page
        assert not any(f'{attribute}="http' in page for attribute in ("src", "href")), "nothing is loaded from the net"

    def outcome(self, folder):
        """A finished design in which every text that a stranger can write is a script."""
        import dataclasses

        board = dataclasses.replace(next(one for one in boards() if one.id == "nucleo-l4r5zi"), name=SCRIPT)
        rng = np.random.default_rng(0)
        y = np.arange(24) % 4
        split = Split(rng.normal(0, 1, (24, 8, 8, 1)).astype(np.float32), y, y, y)
        graph = read(small_cnn(), name=SCRIPT)
        hostile = read(named(SCRIPT, SCRIPT), name=SCRIPT)
        outlook = assess(graph, board, Use(period_s=2.0, battery="cr2032"))
        fit = dataclasses.replace(outlook.fit, reasons=check_fit_all(hostile, [board])[0].reasons, advice=(SCRIPT,))
        variants = tuple(weigh_variant(graph, split, board, name=SCRIPT, note=SCRIPT) for _ in range(2))
        record = open_record(folder, tools={SCRIPT: SCRIPT}).with_stage(Stage(SCRIPT, "a.bin", parent=SCRIPT), b"1")
        return SimpleNamespace(
            goal=SimpleNamespace(task=SCRIPT, board=board.id, battery="cr2032", period_s=2.0, ambient_c=25.0),
            record=record,
            folder=folder,
            card=dataclasses.replace(read_card("watch-exercises"), title=SCRIPT, does_not_represent=(SCRIPT,)),
            variants=variants,
            chosen=variants[-1],
            cost=paired_difference(variants[0].predicted, variants[1].predicted, y, y),
            fit=fit,
            fits=check_fit_all(graph, [board]),
            assessment=outlook,
            budget=outlook.budget,
            heat=outlook.heat,
            firmware=SimpleNamespace(files=(), arena_bytes=1024, golden_vectors=0),
            proof=SCRIPT,
        )


def test_options_of_a_damaged_table_are_named_not_guessed():
    net = Net((1, 8, 8, 2)).conv(4)
    net.operators[0].builtinOptions = schema.Conv2DOptionsT(padding=7, strideW=1, strideH=1, fusedActivationFunction=99)
    net.operators[0].builtinOptionsType = OPTIONS.Conv2DOptions
    (conv,) = read(net.to_bytes()).operators
    assert (conv.padding, conv.activation) == ("", "")
