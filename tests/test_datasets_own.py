"""Bring your own: folders of CSV and WAV, arrays in .npz, and what is wrong with them said clearly."""

from __future__ import annotations

import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinykit.ground.errors import DataError, ParameterError
from tinykit.train.datasets.own import read_folder, read_npz, read_samples
from tinykit.train.datasets.shipped import load_dataset

RATE_HZ = 50.0


def write_csv(path: Path, rows: np.ndarray, header: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, rows, delimiter=",", header=header, comments="")


def write_wav(path: Path, samples: np.ndarray, rate: int = 100, width: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(width)
        stream.setframerate(rate)
        stream.writeframes(samples.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in ("rest", "walk"):
        for person in ("anna", "ben", "cleo", "dan", "eve", "finn"):
            time_s = np.arange(200) / RATE_HZ
            write_csv(
                tmp_path / label / f"{person}_1.csv",
                np.column_stack([time_s, rng.standard_normal((200, 3))]),
                "time_s,ax,ay,az",
            )
    return tmp_path


def test_folder_of_csv(folder: Path) -> None:
    data = read_folder(folder, rate_hz=RATE_HZ, window_s=1.0)
    assert data.classes == ("rest", "walk")
    assert data.input_shape == (50, 1, 3)
    assert len(data) == 12 * 7
    assert len(np.unique(data.train.groups)) == 3
    assert not set(data.train.groups) & set(data.test.groups)


def test_folder_of_wav_is_scaled_to_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("yes", "no"):
        for person in range(4):
            write_wav(tmp_path / label / f"p{person}_a.wav", rng.integers(-32768, 32767, 1000).astype("<i2"))
    data = read_folder(tmp_path, rate_hz=100, window_s=1.0, step_s=1.0)
    assert data.input_shape == (100, 1, 1)
    assert data.normalisation.std[0] == pytest.approx(1 / np.sqrt(3), rel=0.05)


def drop_class(folder: Path) -> None:
    for path in (folder / "walk").iterdir():
        path.unlink()
    (folder / "walk").rmdir()


def empty_class(folder: Path) -> None:
    (folder / "run").mkdir()


LONG_CHUNK = b"RIFF" + struct.pack("<I", 436) + b"WAVEjunk" + struct.pack("<I", 9000) + bytes(400)
FAULTS: list[tuple[Callable[[Path], None], str]] = [
    (drop_class, r"1 class folders \(rest\)"),
    (empty_class, "run: no .csv or .wav"),
    (lambda f: write_csv(f / "rest" / "anna_2.csv", np.full((200, 3), np.nan)), "200 of 200 samples hold NaN"),
    (lambda f: write_csv(f / "rest" / "anna_2.csv", np.zeros((200, 4))), "4 channels, anna_1.csv has 3"),
    (lambda f: (f / "rest" / "gil_1.csv").write_text("1,2,3\n1,2\n"), r"rows of \[2, 3\] columns"),
    (lambda f: (f / "rest" / "gil_1.csv").write_text("1,2,x\n1,2,3\n"), "must be a number"),
    (lambda f: (f / "rest" / "gil_1.csv").write_text(""), "rows of no columns"),
    (lambda f: (f / "rest" / "gil_1.csv").write_text("t\n1\n2\n"), "sampled at 1 Hz"),
    (lambda f: (f / "rest" / "gil_1.csv").write_text("t\n0.00\n0.02\n"), "only a time column"),
    (lambda f: (f / "rest" / "gil_1.csv").write_text("t,x\n0,1\n0,1\n"), "does not rise"),
    (lambda f: (f / "rest" / "gil_1.csv").write_bytes(b"\xff\xfe\x00"), "cannot be read as CSV"),
    (lambda f: (f / "rest" / "gil_1.wav").write_bytes(b"RIFF"), "cannot be read as WAV"),
    (lambda f: (f / "rest" / "gil_1.wav").write_bytes(LONG_CHUNK), r"cannot be read as WAV \(RuntimeError"),
    (lambda f: write_wav(f / "rest" / "gil_1.wav", np.zeros(500, "<i2"), rate=16000), "sampled at 16000 Hz"),
    (lambda f: write_wav(f / "rest" / "gil_1.wav", np.zeros(500, "u1"), rate=50, width=1), "8-bit samples"),
]


@pytest.mark.parametrize(("spoil", "message"), FAULTS)
def test_folder_faults(folder: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(folder)
    with pytest.raises(DataError, match=message):
        read_folder(folder, rate_hz=RATE_HZ, window_s=1.0)


def test_folder_arguments(folder: Path) -> None:
    with pytest.raises(DataError, match="sampled at 50 Hz, expected 100 Hz"):
        read_folder(folder, rate_hz=100)
    with pytest.raises(ParameterError, match="rate_hz 0 must be above 0"):
        read_folder(folder, rate_hz=0)
    with pytest.raises(DataError, match="0 windows of 60 s"):
        read_folder(folder, rate_hz=RATE_HZ, window_s=60)
    with pytest.raises(DataError, match="no such folder"):
        read_folder(folder / "none", rate_hz=RATE_HZ)
    with pytest.raises(DataError, match="1 groups are too few"):
        read_folder(folder, rate_hz=RATE_HZ, window_s=1.0, group_of=lambda path: "all")


def arrays(**changes: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    good = {
        "x": rng.standard_normal((60, 20, 3)).astype(np.float32),
        "y": np.tile([0, 1, 2], 20),
        "groups": np.repeat(["a", "b", "c", "d", "e", "f"], 10),
    }
    return {key: value for key, value in (good | changes).items() if value is not None}


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", **arrays())
    data = read_npz(tmp_path / "mine.npz", classes=("x", "y", "z"), rate_hz=25.0)
    assert data.input_shape == (20, 1, 3)
    assert data.name == "mine"
    assert data.classes == ("x", "y", "z")
    assert len(data.sha256) == 64


def test_npz_with_its_own_split(tmp_path: Path) -> None:
    split = np.repeat(["train", "validation", "test"], [40, 10, 10])
    np.savez(tmp_path / "mine.npz", **arrays(split=split))
    assert [len(part) for part in read_npz(tmp_path / "mine.npz").splits.values()] == [40, 10, 10]


WITH_NAN = np.where(np.arange(1200).reshape(60, 20, 1) == 5, np.nan, 1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": WITH_NAN}, "1 of 60 samples hold NaN"),
        ({"x": np.zeros((60,))}, r"x is float64 \(60,\)"),
        ({"x": np.full((60, 4), "a")}, "x is <U1"),
        ({"y": np.zeros(60)}, "y is float64"),
        ({"y": np.full(60, -1)}, "class indices from 0"),
        ({"y": np.zeros(60, int)}, "one class only"),
        ({"y": np.zeros(59, int)}, "one entry for each of the 60"),
        ({"groups": None}, r"keys \['groups'\] missing"),
        ({"x": np.zeros((5, 2)), "y": np.zeros(5, int), "groups": np.zeros(5)}, "5 samples; at least 20"),
        (
            {"split": np.repeat(["train", "validation", "test"], [15, 25, 20])},
            "group 1 is in both train and validation",
        ),
        ({"split": np.repeat(["train", "dev", "test"], 20)}, "split holds .*dev"),
        ({"y": np.array([{}] * 60)}, "not an .npz of plain arrays"),
    ],
)
def test_npz_faults(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "mine.npz", **arrays(**changes))
    with pytest.raises(DataError, match=message):
        read_npz(tmp_path / "mine.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"not an archive"])
def test_npz_of_garbage(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"not an \.npz of plain arrays"):
        read_npz(tmp_path / "bad.npz")


def test_bare_npy_and_missing_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"a bare \.npy"):
        read_npz(tmp_path / "x.npy")
    with pytest.raises(DataError, match="none.npz: no such file; give an .npz"):
        read_npz(tmp_path / "none.npz")


def save_test_samples(path: Path, **more: np.ndarray) -> Path:
    test = load_dataset("watch-exercises").test
    np.savez(path, x=test.x, y=test.y, groups=test.groups, recordings=test.recordings, **more)
    return path


def test_samples_to_score_on_stay_as_they_are_and_all_count(tmp_path: Path):
    test, found = load_dataset("watch-exercises").test, read_samples(save_test_samples(tmp_path / "own.npz"))
    np.testing.assert_array_equal(found.x, test.x)
    np.testing.assert_array_equal(found.y, test.y)
    assert len(np.unique(found.recordings)) == 42


def test_a_split_in_the_file_leaves_its_test_rows(tmp_path: Path):
    test = load_dataset("watch-exercises").test
    split = np.where(test.groups == test.groups[0], "train", "test")
    found = read_samples(save_test_samples(tmp_path / "own.npz", split=split))
    np.testing.assert_array_equal(found.x, test.x[split == "test"])
    none = save_test_samples(tmp_path / "none.npz", split=np.full(len(test), "train"))
    with pytest.raises(DataError, match="no sample of split 'test'; leave split out to score on all 1484"):
        read_samples(none)
