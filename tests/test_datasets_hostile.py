"""Arrays and recordings of strangers: claims are checked before memory is taken, and one error of ours says why."""

from __future__ import annotations

import io
import os
import pickle
import resource
import struct
import subprocess
import sys
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.no_files import NO_FILES
from tinykit.ground import limits
from tinykit.ground.errors import DataError, ParameterError
from tinykit.train.datasets.dataset import stack_windows
from tinykit.train.datasets.own import read_folder, read_npz, read_samples


def npy(shape: object, kind: object, body: bytes = b"", version: int = 1) -> bytes:
    """A .npy whose header says what it is told to."""
    text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    return raw_npy(text, body, version)


def raw_npy(text: bytes, body: bytes = b"", version: int = 1) -> bytes:
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + body


INDEX = npy((30,), "<i8", np.arange(30).tobytes())
HALVES = npy((30,), "<i8", (np.arange(30) % 2).tobytes())
X = npy((30, 4), "<f4", np.arange(120, dtype="<f4").tobytes())


def save(path: Path, method: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in {"x": X, "y": HALVES, "groups": INDEX, **members}.items():
            archive.writestr(f"{name}.npy" if "." not in name else name, data)
    return path


class Evil:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("RAN",)


PICKLED = pickle.dumps(np.array([Evil()], object))
REFUSED: dict[str, tuple[dict[str, bytes], str]] = {
    "claims 4 TB": ({"x": npy((10**12,), "<f4")}, "claims float32"),
    "claims more than there is": ({"x": npy((30, 5), "<f4", bytes(480))}, "in 480 bytes"),
    "claims less than there is": ({"x": npy((30, 3), "<f4", bytes(480))}, "in 480 bytes"),
    "claims 2^64": ({"x": npy((2**32, 2**32), "<f4")}, "claims float32"),
    "a million axes": ({"x": npy((1,) * 3000, "<f4", bytes(4))}, "not an .npz of plain arrays"),
    "negative size": ({"x": npy((-30, -4), "<f4", bytes(480))}, "claims float32"),
    "size by a bool": ({"x": npy((True, 30, 4), "<f4", bytes(480))}, "claims float32 .True, 30, 4."),
    "size by a float": ({"x": npy((30.0, 4), "<f4", bytes(480))}, "not an .npz of plain arrays"),
    "sizes in a list": ({"x": npy([30, 4], "<f4", bytes(480))}, "not an .npz of plain arrays"),
    "objects": ({"x": npy((30,), "|O", PICKLED)}, "not an .npz of plain arrays"),
    "pickled groups": ({"groups": npy((30,), "|O", PICKLED)}, "not an .npz of plain arrays"),
    "a pickled extra": ({"more": npy((1,), "|O", PICKLED)}, "not an .npz of plain arrays"),
    "a bare pickle": ({"more": PICKLED}, "not an .npz of plain arrays"),
    "a pickle beside": ({"more.pkl": PICKLED}, "'more.pkl' in it is no array"),
    "records": ({"x": npy((30,), [("a", "<f4"), ("b", "|O")])}, "not an .npz of plain arrays"),
    "texts of no width": ({"x": npy((10**15,), "<U0")}, "claims <U0"),
    "texts a gigabyte wide": ({"x": npy((1,), "<U1000000000")}, "not an .npz of plain arrays"),
    "a header of code": ({"x": raw_npy(b"{'descr': __import__('os').mkdir('RAN')}")}, "not an .npz of plain arrays"),
    "a header nested deep": ({"x": raw_npy(b"(" * 9000)}, "not an .npz of plain arrays"),
    "a header of brackets": ({"x": raw_npy(b"{'a':" + b"[" * 200 + b"]" * 200 + b"}")}, "not an .npz of plain arrays"),
    "a header of 1 MB": ({"x": raw_npy(b"{}" + b" " * 2**20, version=2)}, "not an .npz of plain arrays"),
    "a header of another version": ({"x": npy((30, 4), "<f4", bytes(480), version=3)}, "arrays of format"),
    "no header": ({"x": b""}, "not an .npz of plain arrays"),
    "zero wide": ({"x": npy((30, 0), "<f4")}, r"x is float32 \(30, 0\)"),
    "no samples": ({"x": npy((0, 4), "<f4")}, r"x is float32 \(0, 4\)"),
    "times for samples": ({"x": npy((30, 4), "<m8[s]", bytes(960))}, "x is timedelta64"),
    "complex": ({"x": npy((30, 4), "<c8", bytes(960))}, "x is complex64"),
    "labels of 2^62": ({"y": npy((30,), "<i8", np.full(30, 2**62).tobytes())}, "y is int64"),
    "labels of 2^64-1": ({"y": npy((30,), "<u8", b"\xff" * 240)}, "y is uint64"),
    "labels of times": ({"y": npy((30,), "<m8[s]", bytes(240))}, "y is timedelta64"),
    "labels in a square": ({"y": npy((30, 30), "<i8", bytes(7200))}, "one entry for each of the 30"),
    "splits for others": ({"split": npy((31,), "|S5", b"train" * 31)}, "one entry for each of the 30"),
    "beyond float32": ({"x": npy((30, 4), "<f8", np.full(120, 1e300).tobytes())}, "hold NaN or infinity"),
    "infinity": ({"x": npy((30, 4), "<f4", np.full(120, np.inf, "<f4").tobytes())}, "hold NaN or infinity"),
    "splits of no text": ({"split": npy((30,), "|S5", b"tr\xffin" * 30)}, "split is |S5 of no text"),
    "splits beyond all letters": (
        {"split": npy((30,), "<U1", struct.pack("<I", 2**31 - 1) * 30)},
        "holds what is no letter",
    ),
    "groups beyond all letters, the other way round": (
        {"groups": npy((30,), ">U1", struct.pack(">I", 0x110000) * 30)},
        "'groups.npy' holds what is no letter",
    ),
    "splits of one half of a letter": ({"split": npy((30,), "<U1", struct.pack("<I", 0xD800) * 30)}, "split holds"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_arrays_are_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    members, message = REFUSED[name]
    with pytest.raises(DataError, match=message) as caught:
        read_npz(save(tmp_path / "mine.npz", **members))
    assert len(str(caught.value)) < 600
    assert not (tmp_path / "RAN").exists()


def test_samples_to_score_on_are_finite(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.npz", x=npy((30, 4), "<f8", np.full(120, 1e300).tobytes()))
    with pytest.raises(DataError, match="samples hold NaN or infinity; drop or repair them first"):
        read_samples(path)


NAMES = {
    "a control character": ("\x1b[2J", "b"), "two lines": ("a\nb", "b"), "none": ("", "b"), "a number": (1, "b"),
    "twice": ("b", "b"), "no letter": ("\ud800", "b"), "too long": ("x" * 101, "b"), "one alone": ("b",),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_classes_can_be_shown_and_written(tmp_path: Path, name: str) -> None:
    given = NAMES[name]
    with pytest.raises(DataError, match="names, .* different.*; classes are texts, 2 to 1000, of 100 letters at most"):
        read_npz(save(tmp_path / "mine.npz"), classes=given)


def test_a_label_beyond_the_samples_makes_no_names(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.npz", y=npy((30,), "<i8", np.full(30, 2**31 - 1).tobytes()))
    with pytest.raises(DataError, match="y names the class 2147483647 among 30 samples; number the classes from 0 on"):
        read_npz(path)
    assert read_samples(path).y[0] == 2**31 - 1  # to score on there may be fewer samples than classes


def lie_about_size(content: bytes) -> bytes:
    size = len(X)
    assert content.count(struct.pack("<I", size)) > 2
    return content.replace(struct.pack("<I", size), struct.pack("<I", size - 8))


def list_many(content: bytes) -> bytes:
    sink = io.BytesIO(content)
    with zipfile.ZipFile(sink, "a") as archive:
        for index in range(70):
            archive.writestr(f"{index}.npy", b"")
    return sink.getvalue()


def list_twice(content: bytes) -> bytes:
    sink = io.BytesIO(content)
    with zipfile.ZipFile(sink, "a") as archive:
        archive.writestr("z.npy", X)
    return sink.getvalue().replace(b"z.npy", b"x.npy")


def repack(content: bytes, method: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(sink, "w", method) as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name))
    return sink.getvalue()


SPOILT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "packed by lzma": (lambda content: repack(content, zipfile.ZIP_LZMA), "'x.npy' is packed by method 14"),
    "packed by bzip2": (lambda content: repack(content, zipfile.ZIP_BZIP2), "'x.npy' is packed by method 12"),
    "says a smaller size": (lie_about_size, "not an .npz of plain arrays"),
    "seventy members": (list_many, "lists 73 members"),
    "a member twice": (list_twice, "lists an array twice"),
    "something behind it": (lambda content: content + b"more", "it does not end as one"),
    "cut": (lambda content: content[:-30], "it does not end as one"),
    "zip64": (lambda content: content[:-22] + b"PK\x06\x07" + bytes(16) + content[-22:], "a zip64 archive"),
    "a wrong sum": (lambda content: content.replace(X, X[:-1] + b"x"), "not an .npz of plain arrays"),
    "encrypted": (lambda content: content.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
                  "not an .npz of plain arrays"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_archives_are_refused(tmp_path: Path, name: str) -> None:
    spoil, message = SPOILT[name]
    path = save(tmp_path / "mine.npz")
    content = spoil(path.read_bytes())
    assert content != path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_npz(path)


BOMB = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))
from tinykit.ground.errors import DataError
from tinykit.train.datasets.own import read_npz
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_npz(sys.argv[1])
except DataError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""


@pytest.mark.parametrize("header", [False, True])
def test_a_bomb_takes_little_memory(tmp_path: Path, header: bool) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(save(path, zipfile.ZIP_DEFLATED), "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        start = raw_npy(b"{}", version=2)[:8] + struct.pack("<I", 2**30 - 1) if header else npy((2**30,), "|u1")
        with archive.open("bomb.npy", "w") as member:
            member.write(start)
            for _ in range(16):
                member.write(bytes(2**24))
    assert path.stat().st_size < 2**20
    done = subprocess.run([sys.executable, "-c", BOMB, path], check=False, capture_output=True, text=True, timeout=60)
    grown_kib, _, said = done.stdout.partition(" ")
    assert "more than 67,108,864 bytes of arrays; give fewer samples" in said, done.stderr
    assert int(grown_kib) < 20_000


def test_what_packs_well_and_is_small_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "mine.npz", x=np.zeros((3000, 1000), np.float32), y=np.arange(3000) % 2,
                        groups=np.arange(3000) // 10)  # fmt: skip
    assert (tmp_path / "mine.npz").stat().st_size < 2**17
    assert len(read_npz(tmp_path / "mine.npz")) == 3000


@pytest.mark.parametrize("what", NO_FILES)
@pytest.mark.parametrize("name", ["mine.npz", "a.csv", "a.wav"])
def test_what_is_no_file_or_endless_is_not_waited_for(tmp_path: Path, what: str, name: str) -> None:
    for label in ("one", "two"):
        (tmp_path / label).mkdir()
        NO_FILES[what](tmp_path / label / name)
    read = read_npz if name.endswith("npz") else lambda path: read_folder(path.parents[1], rate_hz=100, window_s=0.1)
    with pytest.raises(DataError, match=r"more than [0-9,]+ bytes"):
        read(tmp_path / "one" / name)


def fill(folder: Path, content: bytes, name: str = "a_1.csv") -> Path:
    for label in ("one", "two"):
        (folder / label).mkdir()
        (folder / label / name).write_bytes(content)
    return folder


TABLES = {
    "1e400": (b"1e400\n" * 50, "hold NaN or infinity"),
    "1e300": (b"1e300\n" * 50, "hold NaN or infinity"),
    "digits": (b"9" * 5000 + b"\n1\n", "hold NaN or infinity"),
    "a line of a million": (b"1," * 2**20 + b"1\n2\n", "rows of"),
    "a cell of a million": (b"1" * 2**20 + b"\n2\n", "cannot be read as CSV"),
    "a zero byte": (b"1,2\n\0,3\n", "must be a number"),
    "an open quote": (b'"1,2\n' * 20, "must be a number|rows of"),
    "time that stands": (b"time_s,a\n" + b"0,1\n" * 50, "does not rise"),
    "time too small to divide by": (
        b"time_s,a\n" + b"".join(b"%de-324,1\n" % (5 * n) for n in range(50)), "sampled at inf",
    ),
    "time that is none": (b"time_s,a\n" + b"nan,1\n" * 50, "does not rise"),
    "time without end": (b"time_s,a\n" + b"inf,1\n" * 50, "does not rise"),
    "time that leaps too far": (b"time_s,a\n" + b"1e308,1\n-1e308,1\n" * 25, "does not rise"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_hostile_tables(tmp_path: Path, name: str) -> None:
    content, message = TABLES[name]
    with pytest.raises(DataError, match=message):
        read_folder(fill(tmp_path, content), rate_hz=100, window_s=0.1)


ODD_FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link to nothing": (lambda place: (place / "one" / "b_1.csv").symlink_to("/no/such"), "No such file"),
    "a link to itself": (lambda place: (place / "one" / "b_1.csv").symlink_to("b_1.csv"), "Too many levels"),
    "a class that clears the screen": (lambda place: (place / "one").rename(place / "\x1b[2J"), "a folder each"),
    "a class of two lines": (lambda place: (place / "one").rename(place / "o\nne"), "a folder each"),
    "a class of no letters": (lambda place: os.rename(place / "one", os.fsencode(place) + b"/\xff"), "a folder each"),
    "a class of a long name": (lambda place: (place / "one").rename(place / ("x" * 101)), "a folder each"),
    "more classes than names": (lambda place: [(place / f"c{n}").mkdir() for n in range(1000)], "1002 names"),
}


@pytest.mark.parametrize("name", ODD_FOLDERS)
def test_folders_of_strangers(tmp_path: Path, name: str) -> None:
    spoil, message = ODD_FOLDERS[name]
    spoil(fill(tmp_path, b"1\n" * 50))
    with pytest.raises(DataError, match=message):
        read_folder(tmp_path, rate_hz=100, window_s=0.1)


def test_a_folder_of_a_name_beyond_all_length() -> None:
    with pytest.raises(DataError, match="cannot be read .File name too long.; mend it, or take it away"):
        read_folder("x" * 5000)


def test_whose_a_recording_is_may_be_anything_but_nothing(tmp_path: Path) -> None:
    fill(tmp_path, b"1\n" * 100)
    with pytest.raises(DataError, match="1 groups are too few"):
        read_folder(tmp_path, rate_hz=100, window_s=0.05, group_of=lambda path: None)
    with pytest.raises(ParameterError, match="group_of is the empty name of a column; give one of the header"):
        read_folder(tmp_path, rate_hz=100, window_s=0.05, group_of=" ")


def test_a_table_of_too_many_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TABLE_CELLS", 90)
    with pytest.raises(DataError, match="more than 90 cells; give recordings of some minutes"):
        read_folder(fill(tmp_path, b"1\n" * 46), rate_hz=100, window_s=0.1)
    monkeypatch.setattr(limits, "WEIGHTS_BYTES", 100)
    with pytest.raises(DataError, match="more than 100 bytes of recordings; give fewer"):
        read_folder(tmp_path, rate_hz=100, window_s=0.1)


def test_a_wav_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(100)
        stream.writeframes(bytes(2000))
    forged = bytearray(sound.getvalue())
    forged[40:44] = struct.pack("<I", 2**32 - 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="groups are too few|windows of"):
        read_folder(fill(tmp_path, bytes(forged), "a_1.wav"), rate_hz=100, window_s=0.1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 0, -1])
def test_rates_and_windows_are_finite(tmp_path: Path, value: float) -> None:
    for name in ("rate_hz", "window_s", "step_s"):
        with pytest.raises(ParameterError, match=f"{name} .* must be above 0"):
            read_folder(tmp_path, **{"rate_hz": 100, name: value})
    with pytest.raises(ParameterError, match="rate_hz .* must be above 0"):
        read_npz(save(tmp_path / "mine.npz"), rate_hz=value)


def test_shares_and_seeds_that_deal_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.npz")
    for fractions in ((0.5, 0.5), (0.25,) * 4, (1, 0, 0), (np.nan, 0.5, 0.5)):
        with pytest.raises(ParameterError, match="must be three above 0 that sum to 1"):
            read_npz(path, fractions=fractions)
    with pytest.raises(ParameterError, match="seed -1 of the order of groups must be a whole number of at least 0"):
        read_npz(path, seed=-1)


def test_windows_that_no_memory_holds() -> None:
    with pytest.raises(ParameterError, match="windows of 50000 samples every 1 hold .* values; take a longer step"):
        stack_windows([np.zeros((100_000, 1), np.float32)], 50_000, 1)
