"""cli: each command's exit status, its one JSON document, and one clear message for every kind of bad input."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinykit
from tests.models import Net, hybrid, small_cnn
from tinykit.ground.child import inside
from tinykit.ground.child.process import Bounds, Child
from tinykit.ground.errors import DataError, OutputError, printable
from tinykit.ground.facts import shipped_path
from tinykit.ground.quantity import Estimate
from tinykit.show import course as course_room
from tinykit.show.cli import making
from tinykit.show.cli.main import main
from tinykit.show.cli.models import open_model
from tinykit.show.cli.text import say_table, show, show_short
from tinykit.target.boards import boards

BOARD_FILE = """
id = "my-board"
name = "Mine"
vendor = "Me"
mcu = "M4"
[sources]
ds = "my own datasheet"
[[cores]]
name = "cortex-m4"
clock_max = {value = 80e6, unit = "Hz", kind = "datasheet", source = "ds"}
[[regions]]
name = "SRAM"
kind = "sram"
total = {value = 65536, unit = "byte", kind = "datasheet", source = "ds"}
[[regions]]
name = "flash"
kind = "flash"
total = {value = 524288, unit = "byte", kind = "datasheet", source = "ds"}
"""


@pytest.fixture
def model(tmp_path) -> str:
    path = tmp_path / "cnn.tflite"
    path.write_bytes(small_cnn())
    return str(path)


@pytest.fixture
def large(tmp_path) -> str:
    """Ten megabytes of activations: more than any internal memory of the catalogue."""
    path = tmp_path / "large.tflite"
    path.write_bytes(Net((1, 1024, 1024, 5)).unary("LOGISTIC").to_bytes())
    return str(path)


@pytest.fixture
def board_file(tmp_path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(BOARD_FILE)
    return str(path)


@pytest.fixture
def tell(capsys):
    """Run a command: its exit status, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            status = stopped.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def refused(tell):
    """Run a command that must fail: exit 2, nothing on stdout, at most three lines on stderr, no traceback."""

    def run(*arguments: str) -> str:
        status, out, err = tell(*arguments)
        assert (status, out) == (2, "")
        assert err.startswith("tinykit: ")
        assert 1 <= err.count("\n") <= 3
        assert "Traceback" not in err
        return err

    return run


class TestBoards:
    def test_text(self, tell):
        status, out, err = tell("boards")
        assert (status, err) == (0, "")
        for one in boards():
            assert re.search(rf"^{re.escape(one.id)}\s", out, re.MULTILINE)
        assert re.search(r"^nucleo-l4r5zi\s+cortex-m4\s+120 MHz\s+2\.00 MiB\s+640\.0 KiB", out, re.MULTILINE)
        assert re.search(r"^raspberry-pi-pico .*\bunknown\b|^nrf54h20dk .*\bunknown\b", out, re.MULTILINE)

    def test_json(self, tell):
        document = json.loads(tell("boards", "--json")[1])
        assert [one["board"] for one in document] == [one.id for one in boards()]
        first = next(one for one in document if one["board"] == "nucleo-l4r5zi")
        assert (first["core"], first["clock_hz"]) == ("cortex-m4", 120e6)
        assert {"name": "SRAM1", "kind": "sram", "total_bytes": 196608, "reserved_bytes": 0} in first["regions"]
        assert first["sources"]


class TestInspect:
    def test_text(self, tell, model):
        status, out, _ = tell("inspect", model)
        assert status == 0
        assert "6 operators, 4,672 MACs" in out
        assert re.search(r"^0\s+CONV_2D\s+1×8×8×4\s+2,304\s+\d+", out, re.MULTILINE)
        assert re.search(r"starts with [\d,]+ bytes", out)

    def test_findings(self, tell, tmp_path):
        (tmp_path / "h.tflite").write_bytes(hybrid())
        assert "- hybrid model: FULLY_CONNECTED" in tell("inspect", tmp_path / "h.tflite")[1]

    def test_json(self, tell, model):
        document = json.loads(tell("inspect", model, "--json")[1])
        assert set(document) == {"model", "operators", "tensors", "arena", "findings"}
        assert document["model"]["macs"] == sum(one["macs"] for one in document["operators"]) == 4672
        arena = document["arena"]
        assert len(arena["live_bytes"]) == 7
        assert arena["lower_bound_bytes"] == max(arena["live_bytes"]) <= arena["head_bytes"]
        assert arena["used_bytes"]["value"] == arena["head_bytes"] + arena["tail_bytes"] <= arena["to_start_bytes"]


class TestFit:
    def test_one_board(self, tell, model):
        status, out, _ = tell("fit", model, "--board", "nucleo-l4r5zi")
        assert status == 0
        assert out.startswith("nucleo-l4r5zi: fits with tflm-cmsis-nn on cortex-m4\n")
        for figure in ("arena", "flash", "latency", "energy"):
            assert re.search(rf"^{figure}\s+\S.*\[.+ … .+\] \(\w+\)$", out, re.MULTILINE), figure
            assert re.search(rf"^  {figure}: \S", out, re.MULTILINE), "each figure tells its source"

    def test_all_boards(self, tell, model):
        status, out, _ = tell("fit", model, "--board", "all")
        assert status == 0
        first = [line.split()[0] for line in out.splitlines() if line]
        assert [word for word in first if word in {one.id for one in boards()}] == [one.id for one in boards()]
        assert out == tell("fit", model)[1], "all is the default"

    def test_all_boards_json(self, tell, model):
        document = json.loads(tell("fit", model, "--board", "all", "--json")[1])
        assert set(document) == {"model", "results"}
        assert set(document["model"]) == {"path", "sha256", "macs", "flatbuffer_bytes", "operators"}
        assert document["model"]["operators"]["CONV_2D"] == 1
        assert [one["board"] for one in document["results"]] == [one.id for one in boards()]

    def test_fits_nowhere(self, tell, large):
        status, out, err = tell("fit", large, "--board", "microbit-v2")
        assert (status, err) == (1, "")
        assert "does not fit" in out
        status, out, _ = tell("fit", large, "--json", "--board", "microbit-v2")
        assert (status, json.loads(out)["results"][0]["verdict"]) == (1, "does_not_fit")

    def test_not_known_to_fit(self, tell, model):
        status, out, _ = tell("fit", model, "--board", "nucleo-l4r5zi", "--runtime", "edge-impulse-eon", "--json")
        (result,) = json.loads(out)["results"]
        assert (status, result["verdict"], result["arena_bytes"]) == (1, "unknown", None)
        assert result["latency_s"]["runtime"] == "edge-impulse-eon"

    def test_a_board_of_ones_own(self, tell, model, board_file):
        status, out, _ = tell("fit", model, "--board-file", board_file, "--json")
        assert status == 0
        (result,) = json.loads(out)["results"]
        assert (result["board"], result["clock_hz"], result["energy_per_inference_j"]) == ("my-board", 80e6, None)

    def test_reserve(self, tell, model):
        asked = ["fit", model, "--board", "microbit-v2", "--json"]
        status, out, _ = tell(*asked, "--reserve-sram", "0", "--reserve-flash", "1000")
        (result,) = json.loads(out)["results"]
        assert status == 0
        assert [region["reserved_bytes"] for region in result["regions"]] == [0, 1000]
        assert tell(*asked, "--reserve-sram", str(128 * 1024))[0] == 1

    def test_clock_and_runtime(self, tell, model):
        asked = ["fit", model, "--board", "nucleo-l4r5zi", "--json"]
        slow = json.loads(tell(*asked, "--clock", "60e6", "--runtime", "tflm-reference")[1])["results"][0]
        assert (slow["clock_hz"], slow["runtime"]) == (60e6, "tflm-reference")
        fast = json.loads(tell(*asked, "--runtime", "tflm-reference")[1])["results"][0]
        assert slow["latency_s"]["value"] == pytest.approx(2 * fast["latency_s"]["value"])

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--board", "nucleo-l4r5z"], "nearest: nucleo-l4r5zi"),
            (["--runtime", "tflm-cmsisnn"], "nearest: tflm-cmsis-nn"),
            (["--board", "microbit-v2", "--clock", "0"], "clock 0.0 Hz; give hertz above 0"),
            (["--board", "microbit-v2", "--clock", "-1"], "clock -1.0 Hz; give hertz above 0"),
            (["--board", "microbit-v2", "--clock", "nan"], "clock nan Hz"),
            (["--reserve-sram", "-1"], "reserve sram_bytes = -1; give bytes from 0 up"),
            (["--board-file", "/no/such.toml"], "/no/such.toml: cannot be read"),
        ],
    )
    def test_bad_options(self, refused, model, options, said):
        assert said in refused("fit", model, *options)

    def test_a_board_file_that_is_none(self, refused, model, tmp_path):
        (tmp_path / "b.toml").write_text("id = 3")
        assert "b.toml" in refused("fit", model, "--board-file", tmp_path / "b.toml")


class TestBudget:
    KEYS = frozenset(
        "average_power_w energy_per_day_j battery_life_s t_junction_c t_ambient_max_c duty_cycle states".split()
    )

    def test_text(self, tell, model):
        status, out, _ = tell("budget", model, "--board", "nucleo-l4r5zi", "--battery", "cr2032", "--period", "10")
        assert status == 0
        for figure in ("latency", "duty cycle", "average power", "battery life", "junction", "ambient at Tj limit"):
            assert re.search(rf"^{figure}\s+\S", out, re.MULTILINE), figure

    def test_json(self, tell, model):
        asked = ["budget", model, "--board", "nucleo-l4r5zi", "--battery", "cr2032", "--period", "10", "--json"]
        document = json.loads(tell(*asked)[1])
        assert set(document) >= self.KEYS
        for name in self.KEYS - {"states"}:
            assert {"value", "low", "high", "unit", "basis", "source"} <= set(document[name]), name
        for state in document["states"]:
            assert set(state) >= {"name", "duration_s", "current_a", "charge_c"}
        assert document["duty_cycle"]["value"] < 0.01

    def test_own_figures_win(self, tell, model):
        asked = ["budget", model, "--board", "nucleo-l4r5zi", "--period", "1", "--json"]
        document = json.loads(tell(*asked, "--latency", "0.25", "--run-current", "0.5")[1])
        assert document["latency_s"] == {
            "value": 0.25, "low": 0.25, "high": 0.25, "unit": "s", "basis": "measured", "runtime": "",
            "source": "given on the command line",
        }  # fmt: skip
        assert document["duty_cycle"]["value"] == pytest.approx(0.25, rel=0.01)
        inference = next(state for state in document["states"] if state["name"] == "inference")
        assert (inference["current_a"], inference["duration_s"]) == (0.5, 0.25)
        assert inference["charge_c"] == pytest.approx(0.125)

    def test_a_cell_of_ones_own(self, tell, refused, model, tmp_path):
        shipped = Path(str(shipped_path("data", "batteries", "cr2032.toml"))).read_text(encoding="utf-8")
        (tmp_path / "double.toml").write_text(shipped.replace("value = 225,", "value = 450,"), encoding="utf-8")
        asked = ["budget", model, "--board", "nucleo-l4r5zi", "--period", "10", "--json", "--battery"]
        one, two = (json.loads(tell(*asked, cell)[1]) for cell in ("cr2032", tmp_path / "double.toml"))
        assert (one["battery"], two["battery"]) == ("cr2032", "double")
        assert two["life_without_self_discharge_s"]["value"] == pytest.approx(
            2 * one["life_without_self_discharge_s"]["value"], rel=1e-9
        )
        assert "none.toml" in refused(*asked, tmp_path / "none.toml")

    def test_the_ambient_is_that_of_the_cell_too(self, tell, refused, model):
        asked = ["budget", model, "--board", "nucleo-l4r5zi", "--period", "10", "--battery", "cr2032"]
        asked += ["--latency", "0.1"]
        lives = {
            place: json.loads(tell(*asked, "--json", "--ambient", place)[1])["battery_life_s"]["value"]
            for place in ("-20", "25")
        }
        # At -20 °C the cell has 76 % of its capacity, and sleep is a hundredth of the charge.
        assert 0.76 < lives["-20"] / lives["25"] < 0.78
        assert "temperature of the cell 130.0" in refused(*asked, "--ambient", "130")

    def test_latency_of_a_core_without_evidence(self, tell, model):
        status, said, _ = tell("budget", model, "--board", "syntiant-ndp9120")
        assert status == 0
        assert "all but the network, whose latency is unknown" in said
        assert "--latency" in said
        assert tell("budget", model, "--board", "syntiant-ndp9120", "--latency", "0.01")[0] == 0

    def test_a_board_of_ones_own(self, tell, model, board_file):
        status, out, _ = tell("budget", model, "--board-file", board_file, "--run-current", "0.01", "--json")
        assert status == 0
        document = json.loads(out)
        assert document["average_power_w"] is None, "no supply and no sleep current is known of this board"
        assert 0 < document["duty_cycle"]["value"] < 0.1

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ([], "no board given; add --board ID"),
            (["--board", "nucleo-l4r5z"], "nearest: nucleo-l4r5zi"),
            (["--board", "nucleo-l4r5zi", "--battery", "cr203"], "nearest: cr2032"),
            (["--board", "nucleo-l4r5zi", "--period", "-1"], "period -1.0"),
            (["--board", "nucleo-l4r5zi", "--period", "0"], "period 0.0"),
            (["--board", "nucleo-l4r5zi", "--period", "nan"], "period nan"),
            (["--board", "nucleo-l4r5zi", "--period", "inf"], "period inf"),
            (["--board", "nucleo-l4r5zi", "--ambient", "500"], "ambient 500.0"),
            (["--board", "nucleo-l4r5zi", "--ambient", "nan"], "ambient nan"),
            (["--board", "nucleo-l4r5zi", "--latency", "-0.1"], "latency -0.1 s; give seconds above 0"),
            (["--board", "nucleo-l4r5zi", "--latency", "nan"], "latency nan s; give seconds above 0"),
            (["--board", "nucleo-l4r5zi", "--latency", "2"], "shorter than the time awake"),
            (["--board", "nucleo-l4r5zi", "--run-current", "-1"], "run current -1.0"),
            (["--board", "nucleo-l4r5zi", "--clock", "0"], "clock 0.0"),
            (["--board", "nucleo-l4r5zi", "--runtime", "tflm"], "runtime 'tflm' is unknown; allowed: "),
        ],
    )
    def test_bad_options(self, refused, model, options, said):
        assert said in refused("budget", model, *options)

    def test_a_board_without_a_known_clock(self, tell, model, tmp_path):
        lines = [line for line in BOARD_FILE.splitlines() if not line.startswith("clock_max")]
        (tmp_path / "b.toml").write_text("\n".join(lines))
        asked = ["budget", model, "--board-file", tmp_path / "b.toml", "--run-current", "0.01"]
        assert "the clock of my-board is not on record; give it with --clock HZ" in tell(*asked)[1]
        assert tell(*asked, "--clock", "64e6")[0] == 0


class TestVerify:
    def test_text_and_json(self, tell, model):
        status, out, _ = tell("verify", model)
        assert status == 0
        assert "LSB histogram {0:" in out
        document = json.loads(tell("verify", model, "--json")[1])
        told = {"same", "verdict", "against", "outputs", "first_difference", "notes"}
        assert set(document) == {"n", "step", "comparisons"} | told
        assert (document["same"], document["against"], document["first_difference"]) == (True, "litert-reference", None)
        assert document["outputs"] == [
            {"state": None, "index": 0, "equal": 1.0, "max_steps": 0.0, "step": 1 / 256, "unit": "LSB"}
        ]
        for one in document["comparisons"]:
            assert sum(one["histogram"].values()) == 4 * document["n"]

    def test_against_another_model(self, tell, model, tmp_path):
        (tmp_path / "o.tflite").write_bytes(small_cnn(seed=9))
        document = json.loads(tell("verify", model, "--against", tmp_path / "o.tflite", "--json")[1])
        assert min(one["fraction_equal"] for one in document["comparisons"]) < 1

    def test_against_nothing(self, refused, model):
        assert "/no/such.tflite: cannot be read" in refused("verify", model, "--against", "/no/such.tflite")

    def test_a_model_that_tflm_refuses(self, refused, tmp_path):
        (tmp_path / "h.tflite").write_bytes(hybrid())
        assert "is hybrid" in refused("verify", tmp_path / "h.tflite")


class TestDeploy:
    def test_files(self, tell, model, tmp_path):
        status, out, _ = tell("deploy", model, "--out", tmp_path / "fw")
        assert status == 0
        listed = {line.strip() for line in out.splitlines() if line.startswith("  ")}
        assert listed == {
            path.relative_to(tmp_path / "fw").as_posix() for path in (tmp_path / "fw").rglob("*") if path.is_file()
        }
        assert tell("deploy", model, "--out", tmp_path / "fw")[0] == 0, "an export of one's own may be replaced"

    def test_no_folder(self, refused, model, tmp_path):
        (tmp_path / "file").write_text("in the way")
        assert "is a file; choose a folder" in refused("deploy", model, "--out", tmp_path / "file")
        assert "cannot be written" in refused("deploy", model, "--out", tmp_path / "file" / "below")

    def test_a_folder_with_something_else_in_it(self, refused, model, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("years of work")
        assert "holds thesis.txt" in refused("deploy", model, "--out", tmp_path / "mine")
        assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"

    def test_standalone_c_on_either_kernel_set(self, model, tmp_path, capsys):
        for kernels in ("portable", "cmsis-nn"):
            target = tmp_path / kernels
            assert main(["deploy", str(model), "--target", "c", "--kernels", kernels, "--out", str(target)]) == 0
            assert list(target.rglob("model.c")), capsys.readouterr().out

    @pytest.mark.parametrize("target", ["esp-dl", "tflmm"])
    def test_a_target_that_is_none(self, refused, model, tmp_path, target):
        said = refused("deploy", model, "--target", target, "--out", tmp_path / "fw")
        assert f"target '{target}' is not there yet; allowed: tflm" in said
        assert not (tmp_path / "fw").exists()


class TestNotebooks:
    BOOK = '{"cells": [{"cell_type": "code", "metadata": {}, "source": ["1"], "outputs": [1], "execution_count": 1}]}'

    @pytest.fixture(autouse=True)
    def course(self, tmp_path, monkeypatch):
        (tmp_path / "shipped").mkdir()
        for name in ("00_a.ipynb", "01_b.ipynb"):
            (tmp_path / "shipped" / name).write_text(self.BOOK)
        monkeypatch.setattr(course_room, "shipped_path", lambda *parts: tmp_path / "shipped")

    def test_copies(self, tell, tmp_path):
        status, out, _ = tell("notebooks", tmp_path / "a" / "b")
        assert status == 0
        assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["00_a.ipynb", "01_b.ipynb"]
        assert out.count("\n") == 2

    def test_participants_get_no_output_and_a_teacher_the_course_as_it_is(self, tell, tmp_path):
        tell("notebooks", tmp_path / "own")
        tell("notebooks", tmp_path / "teacher", "--teacher")
        assert (tmp_path / "teacher" / "00_a.ipynb").read_text() == self.BOOK
        assert json.loads((tmp_path / "own" / "00_a.ipynb").read_text())["cells"][0]["outputs"] == []

    def test_keeps_what_is_there(self, refused, tmp_path):
        (tmp_path / "01_b.ipynb").write_text("my answers")
        assert "01_b.ipynb: exists already; choose an empty folder" in refused("notebooks", tmp_path)
        assert (tmp_path / "01_b.ipynb").read_text() == "my answers"
        assert not (tmp_path / "00_a.ipynb").exists(), "all or nothing"

    def test_no_folder(self, refused, tmp_path):
        (tmp_path / "file").write_text("in the way")
        assert "choose another folder" in refused("notebooks", tmp_path / "file" / "below")

    def test_read_only_folder(self, tell, tmp_path, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tinykit.ground.writing._write", refuse)
        status, out, err = tell("notebooks", tmp_path / "out")
        assert (status, out) == (3, "")
        assert "cannot be written (Permission denied); choose another folder" in err


class TestDesign:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--task", "watch"], "watch"),
            (["--board", "nucleo-l4r5z"], "nearest: nucleo-l4r5zi"),
            (["--battery", "cr203"], "nearest: cr2032"),
            (["--period", "-2"], "period -2.0 is outside"),
        ],
    )
    def test_refused_before_anything_runs(self, refused, tmp_path, options, said):
        assert said in refused("design", *options, "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_no_folder(self, refused, tmp_path):
        (tmp_path / "file").write_text("in the way")
        assert "cannot be written" in refused("design", "--out", tmp_path / "file" / "below")


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [[], ["fitt"], ["fit"], ["fit", "m", "--perod", "1"], ["budget", "m", "--period", "soon"], ["deploy", "m"]],
    )
    def test_wrong(self, tell, arguments):
        status, out, err = tell(*arguments)
        assert (status, out) == (2, "")
        assert "usage: tinykit" in err
        assert "error:" in err

    def test_help(self, tell):
        status, out, _ = tell("--help")
        assert status == 0
        for command in ("boards", "inspect", "fit", "budget", "verify", "deploy", "design", "notebooks"):
            assert re.search(rf"^\s+{command}\s", out, re.MULTILINE)

    def test_options_are_not_abbreviated(self, tell, model):
        assert tell("fit", model, "--boar", "microbit-v2")[0] == 2

    @pytest.mark.parametrize("verb", ["inspect", "fit", "verify"])
    def test_no_such_model(self, refused, verb):
        assert "/no/such.tflite: cannot be read (No such file" in refused(verb, "/no/such.tflite")
        assert "/: not a .tflite file but a folder" in refused(verb, "/")

    def test_interrupted(self, tell, monkeypatch):
        def interrupt():
            raise KeyboardInterrupt

        monkeypatch.setattr("tinykit.show.cli.looking.boards", interrupt)
        status, out, err = tell("boards")
        assert (status, out, err) == (130, "", "tinykit: stopped\n")

    def test_errors_stay_printable(self, refused):
        assert "\\x1b[31m.tflite: cannot be read" in refused("inspect", "\x1b[31m.tflite")


class TestVersion:
    """What a report of a fault needs, and which limits a process of its own has here."""

    HEAD = "files of strangers are opened in processes of their own: "

    def test_what_holds_here(self, capsys):
        assert main(["--version"]) == 0
        told, limits = capsys.readouterr().out.splitlines()
        assert told.startswith(f"tinykit {tinykit.__version__}, Python 3.")
        with Child("one", Path(inside.__file__), bounds=Bounds()) as child:
            gaps = child.list_gaps()
        held = "limited in memory, files and time, without a network"
        assert limits == self.HEAD + ("; ".join(gaps) or held)

    def test_what_a_system_cannot_do_is_said(self, monkeypatch, capsys):
        gaps = ("it is not kept from the network: this system does not allow that", "another")
        monkeypatch.setattr(Child, "list_gaps", lambda _: gaps)
        assert main(["--version"]) == 0
        assert capsys.readouterr().out.splitlines()[1] == f"{self.HEAD}{gaps[0]}; another"


class TestAsAProgram:
    def start(self, *arguments, **options):
        command = [sys.executable, "-m", "tinykit", *arguments]
        return subprocess.run(command, cwd=Path(__file__).parents[1], text=True, check=False, **options)

    def test_module(self, model):
        done = self.start("fit", model, "--board", "microbit-v2", "--json", capture_output=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["results"][0]["board"] == "microbit-v2"

    def test_bad_input(self):
        done = self.start("inspect", "/no/such.tflite", capture_output=True)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("tinykit: ")

    def test_reader_gone(self):
        """As in `tinykit boards --json | head -1`."""
        command = [sys.executable, "-m", "tinykit", "boards", "--json"]
        process = subprocess.Popen(
            command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        process.stdout.close()
        said = process.stderr.read()
        process.stderr.close()
        assert process.wait(60) == 0
        assert said == ""


class TestSamples:
    """`--representative`: an .npz of float32 arrays."""

    @pytest.mark.parametrize(
        ("name", "content"),
        [("cut.npz", b"PK\x03\x04" + bytes(100)), ("empty.npz", b""), ("text.npz", b"not an archive")],
    )
    def test_no_archive(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}: no samples in it \(.+\); give an .npz of float32 arrays"):
            open_model("m.h5", str(tmp_path / name))

    def test_other_arrays(self, tmp_path):
        np.savez(tmp_path / "o.npz", x=np.array([{}], dtype=object))
        np.savez(tmp_path / "s.npz", x=np.array(["a"]))
        np.save(tmp_path / "x.npy", np.zeros(3))
        for name in ("o.npz", "s.npz", "x.npy", "missing.npz"):
            with pytest.raises(DataError, match=rf"{name}: no samples in it"):
                open_model("m.keras", str(tmp_path / name))

    def test_what_a_conversion_notes_is_told_beside_the_answer(self, monkeypatch, capsys):
        made = type("Made", (), {"model": small_cnn(), "notes": ("rebuilt\x1b[2J", "few samples")})
        monkeypatch.setattr("tinykit.train.conversion.converting.convert", lambda *args, **named: made)
        assert main(["inspect", "net.keras", "--json"]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["model"]["macs"] == 4672
        assert captured.err == "tinykit: rebuilt\\x1b[2J\ntinykit: few samples\n"


class TestText:
    def test_printable(self):
        assert printable("a\x1b[2J\u202eµ×\n") == "a\\x1b[2J\\u202eµ×\\n"

    def test_table_widths_count_what_is_shown(self, capsys):
        say_table(("a", "b"), [("\x07", "1"), ("longer", "2")])
        assert capsys.readouterr().out == "a       b\n\\x07    1\nlonger  2\n"

    def test_estimates(self):
        wide = Estimate(0.0123, 0.01, 0.015, "s", "modelled", sources="x")
        assert show(wide) == "12.3 ms [10.0 ms … 15.0 ms] (modelled)"
        assert show_short(wide) == "12.3 ms"
        assert show_short(Estimate.exact(2.0, "s", "measured", "x")) == "2.00 s"
        assert show(None) == show_short(None) == "unknown"


def test_own_errors_pass_through_when_copying(monkeypatch, tmp_path):
    """An OutputError is an OSError: it must keep its own text."""
    (tmp_path / "00.ipynb").write_text("1")
    monkeypatch.setattr(course_room, "shipped_path", lambda *parts: tmp_path)
    with pytest.raises(OutputError, match=r"00\.ipynb: exists already"):
        making.copy_notebooks(type("Options", (), {"folder": str(tmp_path), "teacher": True}))
