"""record: written whole, hashed, resumed; damage and strangers' files are errors with a way out."""

from __future__ import annotations

import dataclasses
import importlib
import math
from pathlib import Path

import numpy as np
import pytest

from tinykit.ground.errors import OutputError, RecordError, UnknownStageError
from tinykit.model.record import (
    DesignRecord,
    Stage,
    hash_bytes,
    open_record,
    resume,
    tool_versions,
    workspace,
    write_atomically,
)

DESIGN = importlib.import_module("tinykit.model.record")


@pytest.fixture
def record(tmp_path) -> DesignRecord:
    new = open_record(tmp_path / "r", "digits", data_sha256="d" * 64, tools={"numpy": "2.4"})
    return new.with_stage(Stage("float", "float.h5", recipe={"seed": 1}, results={"accuracy": 0.9}), b"weights")


class TestRoundTrip:
    def test_all_that_was_recorded_comes_back(self, record):
        again = open_record(record.folder, "digits")
        assert (again.task, again.data_sha256, dict(again.tools)) == ("digits", "d" * 64, {"numpy": "2.4"})
        stage = again.stage("float")
        assert stage == record.stage("float")
        assert stage.sha256 == hash_bytes(b"weights")
        assert again.read("float") == b"weights"
        assert again.path("float") == record.folder / "float.h5"

    def test_nothing_is_written_before_the_first_stage(self, tmp_path):
        assert open_record(tmp_path / "new", "digits").stages == {}
        assert not (tmp_path / "new").exists()

    def test_stages_keep_their_order_and_a_new_one_replaces_the_old(self, record):
        record = record.with_stage(Stage("pruned", "pruned.h5", parent="float"), b"1").with_stage(Stage("note"))
        record = record.with_stage(Stage("pruned", "pruned.h5", parent="float"), b"2")
        assert list(open_record(record.folder, "digits").stages) == ["float", "note", "pruned"]
        assert open_record(record.folder, "digits").read("pruned") == b"2"

    @pytest.mark.parametrize(
        "value",
        ["a.b", "line\nbreak \"quo\" 'tes' \\", "µ → Ω\x1b", 0.1, 10**15, True, [1, [2.5, "x"]], {"a. c": {"": 1}}, {}],
    )
    def test_plain_values(self, record, value):
        name = 'a stage.with "all" [of] it = #\n'
        record.with_stage(Stage(name, recipe={"value": value}))
        assert open_record(record.folder, "digits").stage(name).recipe == {"value": value}

    def test_not_a_number_is_kept(self, record):
        record.with_stage(Stage("s", results={"loss": math.nan}))
        assert math.isnan(open_record(record.folder, "digits").stage("s").results["loss"])

    def test_values_of_an_open_record_win_over_those_stored(self, record):
        assert open_record(record.folder, "digits", data_sha256="e" * 64).data_sha256 == "e" * 64

    def test_stages_cannot_be_changed_in_place(self, record):
        with pytest.raises(TypeError):
            record.stages["other"] = Stage("other")


class TestWrittenWhole:
    def test_no_stray_files(self, record):
        assert sorted(path.name for path in record.folder.iterdir()) == ["float.h5", "record.toml"]

    def test_interrupted_between_a_new_artefact_and_the_record(self, record, monkeypatch):
        self.interrupt(monkeypatch, "record.toml")
        with pytest.raises(KeyboardInterrupt):
            record.with_stage(Stage("int8", "int8.tflite", parent="float"), b"model")
        again = open_record(record.folder, "digits")
        assert list(again.stages) == ["float"]
        assert again.read("float") == b"weights"

    def test_interrupted_while_a_stage_is_replaced(self, record, monkeypatch):
        self.interrupt(monkeypatch, "record.toml")
        with pytest.raises(KeyboardInterrupt):
            record.with_stage(Stage("float", "float.h5"), b"other")
        with pytest.raises(RecordError, match=r"float\.h5: content differs from what stage 'float' recorded; run that"):
            open_record(record.folder, "digits").read("float")

    def test_interrupted_at_the_artefact(self, record, monkeypatch):
        self.interrupt(monkeypatch, "float.h5")
        with pytest.raises(KeyboardInterrupt):
            record.with_stage(Stage("float", "float.h5"), b"other")
        assert open_record(record.folder, "digits").read("float") == b"weights"

    @staticmethod
    def interrupt(monkeypatch, name):
        def write(path, data):
            if path.name == name:
                raise KeyboardInterrupt
            write_atomically(path, data)

        monkeypatch.setattr(DESIGN, "write_atomically", write)

    def test_a_full_disk_leaves_the_old_content_and_no_part(self, tmp_path, monkeypatch):
        path = tmp_path / "a" / "b.bin"
        write_atomically(path, b"old")

        def full(self, target):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(OutputError, match=r"b\.bin: cannot be written \(No space left on device\); choose a"):
            write_atomically(path, b"new")
        assert [one.name for one in path.parent.iterdir()] == ["b.bin"]
        assert path.read_bytes() == b"old"

    def test_a_value_that_cannot_be_recorded_changes_nothing(self, record):
        with pytest.raises(RecordError, match="a value cannot be recorded"):
            record.with_stage(Stage("float", "float.h5", results={"x": None}), b"other")
        assert open_record(record.folder, "digits").read("float") == b"weights"

    @pytest.mark.parametrize("folder", ["file", "file/below"])
    def test_no_folder_to_write_to(self, tmp_path, folder):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(OutputError, match=r"cannot be written \(.+\); choose a folder you may write to"):
            open_record(tmp_path / folder, "digits").with_stage(Stage("s", "s.bin"), b"1")

    def test_read_only_folder(self, record, monkeypatch):
        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tinykit.ground.writing._write", refuse)
        with pytest.raises(OutputError, match=r"cannot be written \(Permission denied\)"):
            record.with_stage(Stage("s"))


class TestRefused:
    @pytest.mark.parametrize("value", [None, object(), {1, 2}, {1: 2}, b"bytes", 1j, "\ud800", [None]])
    def test_values(self, record, value):
        with pytest.raises(RecordError, match=r"a value cannot be recorded \(.+\); use numbers, text, lists and tabl"):
            record.with_stage(Stage("s", recipe={"value": value}))

    def test_numpy_values(self, record):
        with pytest.raises(RecordError, match="a value cannot be recorded"):
            record.with_stage(Stage("s", results={"x": np.float32(1)}))

    @pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/b", "..", ".", "a\\b", "record.toml", "a\0"])
    def test_artefacts_outside_the_folder(self, record, name):
        with pytest.raises(RecordError, match=r"stage 's' names the file .+; artefacts lie in the record's own folder"):
            record.with_stage(Stage("s", name), b"1")
        assert open_record(record.folder, "digits").read("float") == b"weights"
        assert not (record.folder.parent / "evil").exists()

    def test_content_without_a_name(self, record):
        with pytest.raises(RecordError, match="stage 's' has content but no file name; give it an artefact"):
            record.with_stage(Stage("s"), b"1")

    def test_no_such_stage(self, record):
        for ask in (record.stage, record.read, record.path):
            with pytest.raises(UnknownStageError, match="no stage 'flaot'; nearest: float; run the step that makes it"):
                ask("flaot")

    def test_no_artefact(self, record):
        record = record.with_stage(Stage("verdict"))
        with pytest.raises(RecordError, match="stage 'verdict' made no file; ask for its results instead"):
            record.read("verdict")

    def test_artefact_gone(self, record):
        record.path("float").unlink()
        with pytest.raises(RecordError, match=r"the artefact of stage 'float' cannot be read \(No such file or direc"):
            record.read("float")

    def test_artefact_changed(self, record):
        record.path("float").write_bytes(b"weightz")
        with pytest.raises(RecordError, match="content differs from what stage 'float' recorded; run that step again"):
            record.read("float")

    def test_another_task(self, record):
        with pytest.raises(RecordError, match="a record of task 'digits', not 'watch-exercises'; choose another"):
            open_record(record.folder)


HEAD = 'format = 1\ntask = "digits"\ndata_sha256 = ""\n'
DAMAGED = {
    "not toml": ("what = is this", "not a readable record"),
    "not text": (b"\xff\xfe\x00", "not a readable record"),
    "cut off": (HEAD + '[stages.float]\nartefact = "fl', "not a readable record"),
    "a figure without end": (HEAD + "x = " + "9" * 5000, "not a readable record"),
    "brackets without end": (HEAD + "x = " + "[" * 100_000, "not a readable record"),
    "empty": ("", "record format None, this tinykit reads 1"),
    "of a later tinykit": (HEAD.replace("1", "2"), "record format 2, this tinykit reads 1"),
    "no tools": (HEAD, r"damaged record \('tools'\)"),
    "tools is a number": (HEAD + "tools = 3", "damaged record"),
    "stages is a list": (HEAD + "stages = [1]\n[tools]", "damaged record"),
    "a stage is a number": (HEAD + "[tools]\n[stages]\nfloat = 1", "damaged record"),
    "an unknown key": (HEAD + "[tools]\n[stages.float]\nevil = 1", "damaged record"),
    "artefact is a number": (HEAD + "[tools]\n[stages.float]\nartefact = 1", "damaged record .*artefact of stage"),
    "recipe is text": (HEAD + '[tools]\n[stages.float]\nrecipe = "a"', "damaged record .*recipe of stage 'float'"),
    "artefact outside": (HEAD + '[tools]\n[stages.float]\nartefact = "../../etc/passwd"', "artefacts lie in the"),
    "artefact is the parent": (HEAD + '[tools]\n[stages.float]\nartefact = ".."', "artefacts lie in the record's own"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged(tmp_path, kind):
    content, said = DAMAGED[kind]
    (tmp_path / "record.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecordError, match=said) as caught:
        open_record(tmp_path, "digits")
    assert str(caught.value).count("\n") < 3


class TestWorkspace:
    @pytest.fixture(autouse=True)
    def folders(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TINYKIT_WORKSPACE", str(tmp_path / "own"))
        monkeypatch.setattr(DESIGN, "shipped_path", lambda *parts: tmp_path.joinpath("shipped", *parts))
        self.shipped = open_record(tmp_path / "shipped" / "data" / "checkpoints" / "digits", "digits")

    def test_where_the_environment_says(self, tmp_path):
        assert workspace("digits").folder == tmp_path / "own" / "digits"

    def test_else_below_the_current_folder(self, monkeypatch):
        monkeypatch.delenv("TINYKIT_WORKSPACE")
        assert workspace("digits").folder == Path("build/workspace/digits")

    def test_own_stage_first(self):
        self.shipped.with_stage(Stage("float", "f.h5"), b"shipped")
        assert resume("float", "digits").read("float") == b"shipped"
        workspace("digits").with_stage(Stage("float", "f.h5"), b"own")
        assert resume("float", "digits").read("float") == b"own"

    def test_stages_missing_here_come_from_the_checkpoint(self):
        self.shipped.with_stage(Stage("float", "f.h5"), b"shipped").with_stage(Stage("int8", "i.tflite"), b"model")
        workspace("digits").with_stage(Stage("float", "f.h5"), b"own")
        assert resume("int8", "digits").read("int8") == b"model"

    def test_neither_has_it(self):
        workspace("digits").with_stage(Stage("float", "f.h5"), b"own")
        with pytest.raises(UnknownStageError, match="no stage 'floot' of task 'digits', neither in .+; nearest: float"):
            resume("floot", "digits")

    def test_a_damaged_checkpoint_is_told(self):
        self.shipped.with_stage(Stage("float", "f.h5"), b"shipped").path("float").write_bytes(b"else")
        with pytest.raises(RecordError, match="content differs"):
            resume("float", "digits").read("float")


def test_versions_of_the_tools():
    found = tool_versions()
    assert {"numpy", "tflite-micro"} <= set(found)
    assert all(version[0].isdigit() for version in found.values())


def test_a_package_that_is_missing_is_left_out(monkeypatch):
    monkeypatch.setattr(DESIGN, "_PACKAGES", ("numpy", "no-such-package-anywhere"))
    assert list(tool_versions()) == ["numpy"]


def test_records_are_frozen(record):
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.task = "other"
