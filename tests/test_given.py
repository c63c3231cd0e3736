"""What people give where a model is asked for: C arrays and gzip are read, anything else is named with the way on."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from tests.models import small_cnn
from tinykit.ground.errors import ModelError
from tinykit.model.graph.given import take_model
from tinykit.model.graph.reading import read
from tinykit.show.cli.main import main

MODEL = small_cnn()


def c_source(model: bytes, number="0x{:02x}", name="g_model") -> bytes:
    values = ", ".join(number.format(byte) for byte in model)
    return (
        f'/* made by xxd {{ 1, 2 }} */\n#include "model.h"\nnamespace {{\nconst int sizes[] = {{1, 2}};\n'
        f"alignas(16) const unsigned char {name}[] = {{ // the model\n{values},\n}};\n}}\n"
        f"const unsigned int {name}_len = {len(model)};\n"
    ).encode()


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return stream.getvalue()


class TestRead:
    @pytest.mark.parametrize(
        "given",
        [
            MODEL,
            c_source(MODEL),
            c_source(MODEL, "0x{:02X}u"),
            c_source(MODEL, "{:d}"),
            c_source(MODEL).decode().encode("utf-16"),
            gzip.compress(MODEL),
            gzip.compress(c_source(MODEL)),
        ],
        ids=["model", "hex", "suffix", "decimal", "UTF-16", "gzip", "gzip of C"],
    )
    def test_is_the_model(self, given):
        assert take_model(given, "m") == MODEL

    def test_signed_bytes(self):
        values = ",".join(str(byte - 256 if byte > 127 else byte) for byte in MODEL)
        assert take_model(f"const signed char m[] = {{{values}}};".encode(), "m.h") == MODEL

    def test_wherever_a_model_is_taken(self, tmp_path, capsys):
        path = tmp_path / "model_data.cc"
        path.write_bytes(c_source(MODEL))
        assert read(path).sha256 == read(MODEL).sha256
        for command in ("inspect", "fit"):
            main([command, str(path), *(["--board", "nucleo-l4r5zi"] if command == "fit" else [])])
            assert "fits" in (out := capsys.readouterr().out) or str(path) in out

    def test_gzip_is_bounded(self, monkeypatch):
        monkeypatch.setattr("tinykit.ground.limits.UNPACKED_BYTES", 1000)
        with pytest.raises(ModelError, match="bomb.gz: gzip of more than 1,000 bytes"):
            take_model(gzip.compress(bytes(10**6)), "bomb.gz")

    def test_gzip_that_is_damaged(self):
        with pytest.raises(ModelError, match="m.gz: a damaged gzip file"):
            take_model(b"\x1f\x8b" + b"\xff" * 40, "m.gz")


class TestNamed:
    @pytest.mark.parametrize(
        ("content", "name", "said"),
        [
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 47616\n", "p.tflite",
             "a Git LFS pointer to one of 47,616 bytes\nfetch it: git lfs pull --include p.tflite"),
            (b"<!DOCTYPE html><html>", "m.tflite", "a web page\ndownload the raw file"),
            (b"\x08\x07\x12\x07pytorch\x1a\x051.9.0", "net.onnx", "an ONNX model\nconvert it"),
            (b"\x08\x08\x12\x04tf2onnx:" , "model.tflite", "an ONNX model"),
            (zipped("archive/data.pkl", "archive/version"), "m.pth", "a PyTorch file\nload it into its module"),
            (b"\x80\x02ccollections", "m.pkl", "a Python pickle (PyTorch, scikit-learn)\nit is not opened"),
            (zipped("session.raw", "metadata.json", "minimap.raw"), "run.ppk2", "a recording of Nordic's Power"),
            (b"anything", "run.ppk2", "a recording of Nordic's Power Profiler, no model\nexport it as CSV"),
            (b"\x89HDF\r\n\x1a\n" + b"..model_config..", "m.tflite", "a Keras model (HDF5)\ngive it under a name"),
            (b"\x89HDF\r\n\x1a\n" + bytes(90), "m.tflite", "weights of Keras alone\nsave the whole model"),
            (zipped("config.json", "model.weights.h5", "metadata.json"), "m.zip", "a .keras model"),
            (zipped("model.weights.h5"), "m.zip", "weights of Keras alone"),
            (zipped("my/saved_model.pb"), "m.zip", "a zipped SavedModel"),
            (zipped("trained.tflite"), "edge-impulse.zip", "a zip archive with a model in it\nunpack it"),
            (zipped("notes.txt"), "m.zip", "a zip archive without a .tflite in it"),
            (b"PK\x03\x04" + bytes(40), "m.zip", "44 bytes that begin with 50 4b"),
            (bytes(8) + b"ET12" + bytes(9), "m", "21 bytes that begin with"),
            (bytes(4) + b"ET12" + bytes(9), "m.pte", "an ExecuTorch program"),
            (b"\x7fELF\x01\x01", "app.elf", "firmware\ngive the .tflite that was built into it"),
            (b"\x0a\x05graph", "frozen.pb", "a TensorFlow graph\ngive the folder of its SavedModel"),
            (b"#ifndef M_H\nextern const unsigned char g_model[];\n", "m.h", "a source of C without an array"),
            (c_source(b"\x00" * 30), "m.cc", "a source of C without an array of a model's bytes"),
            (b"", "m.tflite", "an empty file"),
            (b"404: Not Found", "m.tflite", "14 bytes that begin with '404: Not Found'"),
        ],
    )  # fmt: skip
    def test_what_it_is_and_the_way_on(self, content, name, said):
        with pytest.raises(ModelError) as error:
            take_model(content, name)
        assert str(error.value).startswith(f"{name}: not a .tflite file but {said}")
        assert str(error.value).count("\n") == 1

    def test_folders(self, tmp_path):
        (tmp_path / "net").mkdir()
        (tmp_path / "net" / "saved_model.pb").write_bytes(b"")
        with pytest.raises(ModelError, match="net: not a .tflite file but a SavedModel folder; convert it: tf.lite"):
            read(tmp_path / "net")
        with pytest.raises(ModelError, match="a folder; give the path of a file"):
            read(tmp_path)
        (tmp_path / "a.tflite").write_bytes(MODEL)
        with pytest.raises(ModelError, match="a folder; give one of its files: a.tflite"):
            read(tmp_path)

    def test_a_damaged_model_is_named(self, tmp_path):
        path = tmp_path / "cut.tflite"
        path.write_bytes(MODEL[:400])
        with pytest.raises(ModelError, match="cut.tflite: truncated or damaged"):
            read(path)
