"""impulse: exports of Edge Impulse of five ages, read as a model, as a front end, and beside the arena predicted."""

from __future__ import annotations

import json
import time
import zipfile

import pytest

import tinykit as tk
from tests.ei_exports import AGES, make, pack, unpack
from tests.models import Net, small_cnn
from tinykit.budget.power.frontend import FrontEnd, front_end_of
from tinykit.ground.errors import DataError, ModelError
from tinykit.handover.readback.matching import report_impulse
from tinykit.model.impulse import Impulse, holds_impulse, number_of, read_impulse, to_value
from tinykit.model.readings import list_readings
from tinykit.show.cli.program import main

MODEL = small_cnn()
METADATA = "model-parameters/model_metadata.h"


pytestmark = pytest.mark.usefixtures("tinykit_workspace")


@pytest.fixture(params=["folder", "zip", "arduino folder", "arduino zip", "header"])
def place(request, tmp_path):
    """Each way in which an export comes."""

    def write(files):
        if request.param.endswith("zip"):
            return pack(tmp_path / "export.zip", files, "Kettle_inferencing/src/" if "arduino" in request.param else "")
        root = unpack(tmp_path / "export", files, "src" if "arduino" in request.param else "")
        return root / METADATA if request.param == "header" else root

    return write


class TestAges:
    @pytest.mark.parametrize("age", AGES)
    def test_an_export_of_any_age_says_the_same(self, age, place):
        path = place(make(age, MODEL))
        found = read_impulse(path)
        assert holds_impulse(path)
        assert found.project == "Kettle // watch, deployment 7"
        assert found.labels == ("kettle", "silence", 'tap, \\"cold\\"')
        assert (
            found.rate_hz,
            number_of(found.macros, "RAW_SAMPLE_COUNT"),
            number_of(found.macros, "RAW_SAMPLES_PER_FRAME"),
        ) == (16_000, 16_000, 1)
        assert number_of(found.macros, "DSP_INPUT_FRAME_SIZE") == 16_000
        assert number_of(found.macros, "SLICE_SIZE") == 4_000
        assert found.engine == ("EON" if "eon" in age else "TFLM")
        assert found.quantised
        assert found.arena_bytes == 11_468
        assert found.studio == {"array 2024": "1.59.20", "eon 2025": "1.75.20", "incbin 2026": "1.92.20"}.get(age, "")
        kind, told = found.blocks[0]
        assert kind == "mfcc"
        assert {"num_cepstral": 13, "frame_length": 0.02, "num_filters": 32, "fft_length": 256}.items() <= told.items()
        assert front_end_of(found) == FrontEnd("mfcc", 50, 320, 32, 13, "f32")

    @pytest.mark.parametrize("age", [age for age in AGES if "eon" not in age])
    def test_its_network_is_read_wherever_a_model_is(self, age, place):
        assert tk.read(str(place(make(age, MODEL)))).data == MODEL

    @pytest.mark.parametrize("age", ["eon 2021", "eon 2025"])
    def test_what_eon_compiled_away_is_said_to_be_gone(self, age, place):
        with pytest.raises(ModelError, match="EON compiler left no .tflite"):
            tk.read(str(place(make(age, MODEL))))


class TestReadback:
    def test_the_arena_stands_beside_the_one_predicted_and_does_not_win(self, tmp_path, capsys):
        path = pack(tmp_path / "export.zip", make("incbin 2026", MODEL))
        graph = tk.read(str(path))
        assert main(["readback", str(path), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["matches"], told["tool"], told["version"]) == ("yes", "Edge Impulse", "1.92.20")
        assert told["kept"] == [], "what the Studio set aside for its own TFLM is no need of another"
        assert told["figures"]["ram_bytes"]["value"] == 11_468
        assert told["predicted"]["ram_bytes"]["value"] == tk.predict_arena(graph).value
        found = tk.check_fit(graph, "nucleo-l4r5zi", use_engine=False).arena_bytes
        assert found.value == tk.predict_arena(graph).value

    def test_of_eon_the_model_has_to_be_given_and_is_not_proven(self, tmp_path, capsys):
        path = unpack(tmp_path / "export", make("eon 2025", MODEL))
        (tmp_path / "m.tflite").write_bytes(MODEL)
        assert main(["readback", str(path), "--model", str(tmp_path / "m.tflite")]) == 0
        told = capsys.readouterr().out
        assert "not proven" in told
        assert "nothing kept" in told
        assert "mfcc: " in told
        assert "labels kettle, silence" in told
        assert list_readings(tk.read(str(tmp_path / "m.tflite")).sha256) == ()

    def test_another_model_is_refused(self, tmp_path):
        path = unpack(tmp_path / "export", make("array 2024", MODEL))
        (tmp_path / "m.tflite").write_bytes(Net((1, 8, 8, 1)).conv(4).to_bytes())
        assert main(["readback", str(path), "--model", str(tmp_path / "m.tflite")]) == 1

    def test_no_arena_is_unknown(self, tmp_path):
        files = make("incbin 2026", MODEL)
        files[METADATA] = files[METADATA].replace(b"ARENA_SIZE 11468", b"ARENA_SIZE 0")
        found = read_impulse(unpack(tmp_path / "export", files))
        assert found.arena_bytes is None
        with pytest.raises(DataError, match="tells no arena, or 0"):
            report_impulse(found)

    def test_its_signal_processing_is_the_front_end_of_a_budget(self, tmp_path, capsys):
        path = pack(tmp_path / "export.zip", make("array 2024", MODEL))
        assert main(["budget", str(path), "--board", "nucleo-l4r5zi", "--json"]) == 0
        states = [state["name"] for state in json.loads(capsys.readouterr().out)["states"]]
        assert "front end" in states


def impulse(kind: str, **told: float) -> Impulse:
    macros = {
        "RAW_SAMPLE_COUNT": 125,
        "RAW_SAMPLES_PER_FRAME": 3,
        "FREQUENCY": 62.5,
        "INPUT_WIDTH": 96,
        "INPUT_HEIGHT": 96,
    }
    return Impulse("x", "", "", "TFLM", True, None, 62.5, (), ((kind, told),), macros, b"")


def test_each_kind_of_block_is_a_front_end_or_none():
    assert front_end_of(impulse("spectral_analysis", fft_length=128)) == FrontEnd("fft", 3, 128, 40, 10, "f32")
    assert front_end_of(impulse("raw")) == FrontEnd("window", 1, 375, 40, 10, "f32")
    assert front_end_of(impulse("image")) == FrontEnd("image", 1, 375, 9216, 10, "f32")
    assert front_end_of(impulse("mfe", frame_length=0.4, frame_stride=0.2, num_filters=20)) == FrontEnd(
        "mel", 9, 25, 20, 10, "f32"
    )
    assert front_end_of(impulse("imu_syntiant")) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(A * 3)", 375), ("((A + 1) / 2)", 63), ("-47", -47), ("0x1F", 31), ("0.102f", 0.102), ("1.5e-3", 0.0015),
        ('"a, // b"  // c', "a, // b"), ("EI_CLASSIFIER_A", 125), ("true", 1), ("EI_A  // c", 125),
        *[(odd, odd) for odd in ("A / 0", "B", "A ** 9", "f(1)", "[1] * 9", "'a' * 9", "", "TEXT + 1", "sizeof(x)")],
        *[(odd, odd) for odd in ("(" * 400 + "1" + ")" * 400, "(int32_t)5", "A if A else A", "A.b", "A[0]", "1j * 2")],
    ],
)  # fmt: skip
def test_expressions_of_numbers_are_computed_and_nothing_else(text, value):
    assert to_value(text, {"A": 125, "TEXT": "text"}) == value


class TestHostile:
    def test_metadata_that_are_cut(self, tmp_path):
        files = make("array 2024", MODEL)
        files[METADATA] = files[METADATA].partition(b"LABEL_COUNT       ")[0]
        with pytest.raises(ModelError, match="names no project or labels"):
            read_impulse(unpack(tmp_path / "export", files))

    def test_a_name_that_no_file_can_have(self):
        with pytest.raises(
            ModelError, match="cannot be read .*File name too long.*give the folder or zip of one export"
        ):
            read_impulse("x" * 300)

    def test_none_and_several(self, tmp_path):
        with pytest.raises(ModelError, match="no exports of Edge Impulse"):
            read_impulse(tmp_path)
        for name in ("one", "two"):
            unpack(tmp_path / name, make("array 2024", MODEL))
        with pytest.raises(ModelError, match="2 exports of Edge Impulse"):
            read_impulse(tmp_path)

    def test_a_bomb_in_a_zip(self, tmp_path):
        files = make("array 2024", MODEL)
        with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
            archive.writestr("tflite-model/huge.cpp", b"\0" * (65 * 2**20))
        with pytest.raises(ModelError, match="more than 67,108,864 bytes"):
            read_impulse(tmp_path / "bomb.zip")

    def test_a_damaged_zip(self, tmp_path):
        path = pack(tmp_path / "export.zip", make("array 2024", MODEL))
        data = bytearray(path.read_bytes())
        data[60:2000] = b"x" * 1940
        path.write_bytes(data)
        with pytest.raises(ModelError, match="cannot be read"):
            read_impulse(path)

    def test_a_zip_compressed_otherwise(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_LZMA) as archive:
            for name, data in make("array 2024", MODEL).items():
                archive.writestr(name, data)
        with pytest.raises(ModelError, match="compressed in a way that no export is"):
            read_impulse(tmp_path / "export.zip")

    @pytest.mark.parametrize("text", ["9" * 400, "-1e300", "1e999", "1e999 - 1e999", "1e-300"])
    def test_numbers_beyond_measure_stay_text(self, tmp_path, text):
        """Found by hostile files: such a number was no float, and a front end of it no number of frames."""
        assert to_value(text, {}) == text
        files = make("array 2024", MODEL)
        for name in ("FREQUENCY", "INTERVAL_MS", "TFLITE_LARGEST_ARENA_SIZE"):
            files[METADATA] = f"#define EI_CLASSIFIER_{name} {text}\n".encode() + files[METADATA]
        read = read_impulse(unpack(tmp_path / "export", files))
        assert (read.rate_hz, read.arena_bytes) == (0, None)
        front_end_of(read)

    @pytest.mark.parametrize(
        "part",
        ["/*", "inferencing_categories[] = {", "ei_dsp_config_a_t ei_dsp_config_b = {", "#define EI_CLASSIFIER_A ("],
    )
    def test_endless_repetition_takes_no_time(self, tmp_path, part):
        files = make("array 2024", MODEL)
        files["model-parameters/model_variables.h"] = part.encode() * (2**20 // len(part))
        files[METADATA] += b"\n" + part.encode() * (2**19 // len(part))
        started = time.perf_counter()
        read_impulse(unpack(tmp_path / "export", files))
        assert time.perf_counter() - started < 10
