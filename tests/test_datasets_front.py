"""Tasks and folders of one's own through a front; pictures in class folders, bounded before they are decoded."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_datasets_own import write_csv, write_wav
from tinykit.ground.errors import DataError, ParameterError
from tinykit.train.datasets.dataset import Dataset, frame_signals, stack_windows
from tinykit.train.datasets.own import read_classes, read_folder, read_npz
from tinykit.train.datasets.shipped import load_dataset
from tinykit.train.fronts.front import Front

RATE_HZ = 50.0
PEOPLE = ("anna", "ben", "cleo", "dan", "eve")


def raw(data: Dataset, split: str = "test") -> np.ndarray:
    return data.normalisation.undo(data.splits[split].x)


@pytest.fixture
def motion(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for place, label in enumerate(("rest", "walk")):
        for person in PEOPLE:
            rows = rng.standard_normal((200, 3)) + np.sin(np.arange(200) / 5)[:, None] * place
            write_csv(tmp_path / "motion" / label / f"{person}_1.csv", rows, "ax,ay,az")
    return tmp_path / "motion"


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for label, suffix in (("cat", ".png"), ("dog", ".JPG")):
        for index in range(12):
            pixels = rng.integers(0, 255, (20 + index, 24, 3)).astype(np.uint8)
            save(tmp_path / "pets" / label / f"p{index % 6}_{index}{suffix}", pixels)
    return tmp_path / "pets"


def test_the_tasks_own_front_changes_nothing_but_says_itself():
    plain, fronted = load_dataset("watch-exercises"), load_dataset("watch-exercises", Front())
    for name, split in plain.splits.items():
        other = fronted.splits[name]
        assert all(np.array_equal(getattr(split, one), getattr(other, one)) for one in split.__slots__)
    assert plain.front is None
    assert (fronted.front.window_s, fronted.front.step_s) == (2.0, 1.0)
    for task in ("digits", "faces"):
        np.testing.assert_array_equal(load_dataset(task).test.x, load_dataset(task, Front()).test.x)
    assert load_dataset("vowels", Front()).front is None


def test_window_step_and_channels_of_a_task():
    plain = load_dataset("watch-exercises")
    short = load_dataset("watch-exercises", Front(window_s=1.5, step_s=0.5, channels=(5, 0)))
    assert short.input_shape == (75, 1, 2)
    assert (short.rate_hz, short.front.step_s) == (50.0, 0.5)
    assert len(short) > len(plain)
    for name, split in short.splits.items():
        assert set(np.unique(split.groups)) == set(np.unique(plain.splits[name].groups)), "the same people"
        assert set(np.unique(split.recordings)) <= set(np.unique(plain.splits[name].recordings))
    first = raw(short, "train")[0, :, 0]
    np.testing.assert_allclose(first, raw(plain, "train")[0, :75, 0][:, [5, 0]], atol=1e-4)
    assert short.sha256 == plain.sha256, "of the file"
    assert (plain.recorded, short.recorded, short.bound.recorded) == ((100, 6), (75, 6), 6)


def test_half_a_window_is_the_step_of_a_window_of_ones_own():
    longer = load_dataset("watch-exercises", Front(window_s=4.0))
    half = load_dataset("watch-exercises", Front(window_s=4.0, step_s=2.0))
    np.testing.assert_array_equal(longer.test.x, half.test.x)


def test_pictures_of_a_task_are_averaged_to_a_side():
    plain, small = load_dataset("digits"), load_dataset("digits", Front(side=14))
    assert small.input_shape == (14, 14, 1)
    means = raw(plain)[..., 0].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(raw(small)[..., 0], means, atol=0.6 / 255)


@pytest.mark.parametrize(
    ("task", "front", "text"),
    [
        ("watch-exercises", Front(side=20), "a signal has none"),
        ("digits", Front(window_s=1.0), "a front of signals"),
        ("faces", Front(features="mfcc"), "a front of signals"),
        ("vowels", Front(side=8), "vowels holds coefficients of recordings, not these"),
        ("keyword", Front(features="mfcc"), "keyword holds coefficients of recordings, not these"),
        ("watch-exercises", Front(rate_hz=30), "nearest: 50, 25"),
    ],
)
def test_a_front_that_does_not_suit_is_refused(task, front, text):
    with pytest.raises(ParameterError, match=text):
        load_dataset(task, front)


def test_windows_of_many_recordings_are_those_of_stacking():
    rng = np.random.default_rng(4)
    for seed in range(20):
        signals = [rng.standard_normal((int(length), 2)).astype(np.float32) for length in rng.integers(3, 90, 5)]
        length, step = int(rng.integers(2, 30)), int(rng.integers(1, 30))
        if max(map(len, signals)) < length:
            continue
        kept = frame_signals(signals, 10.0, Front(length / 10, step / 10), window_s=9, step_s=9)
        plain = stack_windows(signals, length, step)
        np.testing.assert_array_equal(kept[0], plain[0], err_msg=str(seed))
        np.testing.assert_array_equal(kept[1], plain[1])


def test_a_full_scale_left_open_is_the_power_of_two_that_holds_the_recordings():
    signals = [np.full((40, 1), 19.7, np.float32)]
    assert frame_signals(signals, 10.0, Front(1.0), window_s=1, step_s=1)[2].full_scale == 32.0
    given = Front(1.0, full_scale=50.0)
    assert frame_signals(signals, 10.0, given, window_s=1, step_s=1)[2].full_scale == 50.0
    assert frame_signals([signals[0] / 40], 10.0, Front(1.0), window_s=1, step_s=1)[2].full_scale == 1.0


def test_too_many_windows_are_refused_before_they_are_cut():
    signal = np.broadcast_to(np.float32(0), (2_000_000, 8))
    with pytest.raises(ParameterError, match="windows of 1000 samples every 1 hold .* values; take a longer"):
        frame_signals([signal], 1000.0, Front(1.0, 0.001), window_s=1, step_s=1)


def test_a_folder_through_a_front(motion):
    plain = read_folder(motion, rate_hz=RATE_HZ, window_s=1.0)
    fronted = read_folder(motion, rate_hz=RATE_HZ, front=Front(window_s=0.5, channels=(2,)))
    assert (plain.front, plain.input_shape) == (None, (50, 1, 3))
    assert fronted.input_shape == (25, 1, 1)
    assert np.array_equal(np.unique(plain.test.groups), np.unique(fronted.test.groups))
    assert plain.sha256 != fronted.sha256
    assert read_folder(motion, rate_hz=RATE_HZ, window_s=1.0, front=Front()).sha256 == plain.sha256


@pytest.mark.parametrize("channels", [(0,), (1, 0), (2,), None])
def test_a_device_records_the_channels_that_a_front_leaves_out_too(motion, channels):
    """Its samples lie as they were recorded: the firmware must know how far one time is from the next."""
    data = read_folder(motion, rate_hz=RATE_HZ, front=Front(window_s=0.51, channels=channels, rate_hz=25.0))
    assert data.recorded == (26, 3)
    assert (data.bound.recorded, data.bound.shape) == (3, data.input_shape)


def test_an_npz_through_a_front(tmp_path):
    rng = np.random.default_rng(2)
    y, groups = np.tile([0, 1], 20), np.repeat(np.arange(5), 8)
    np.savez(tmp_path / "d.npz", x=rng.standard_normal((40, 30, 3)).astype(np.float32), y=y, groups=groups)
    data = read_npz(tmp_path / "d.npz", rate_hz=10.0, front=Front(channels=(1, 2)))
    scale = float(2.0 ** np.ceil(np.log2(np.abs(np.load(tmp_path / "d.npz")["x"]).max())))
    assert (data.input_shape, data.front) == ((30, 1, 2), Front(channels=(1, 2), full_scale=scale))
    assert (data.recorded, data.bound.recorded, data.bound.shape) == ((30, 1, 3), 3, data.input_shape)
    spectra = read_npz(tmp_path / "d.npz", rate_hz=10.0, front=Front(features="fft", bands=4))
    assert (spectra.input_shape, spectra.front.full_scale) == ((1, 4, 3), scale)
    assert spectra.bound.shape == spectra.input_shape, "so that a budget and the firmware have them"
    np.savez(tmp_path / "i.npz", x=rng.integers(0, 255, (40, 8, 8, 3), np.uint8), y=y, groups=groups)
    images = read_npz(tmp_path / "i.npz", front=Front(side=4, grey=True))
    assert (images.input_shape, images.recorded, images.bound) == ((4, 4, 1), None, None)


def test_groups_by_a_column(tmp_path):
    """One recording each time the name changes; the column is no channel, whatever it holds."""
    rng = np.random.default_rng(3)
    for label in ("sit", "stand"):
        lines = ["t,Who,ax"]
        for person in (*PEOPLE, "anna"):
            lines += [f"{row / RATE_HZ},{person},{rng.standard_normal():.4f}" for row in range(150)]
        (tmp_path / label).mkdir()
        (tmp_path / label / "all.csv").write_text("\n".join(lines))
    data = read_folder(tmp_path, rate_hz=RATE_HZ, window_s=1.0, group_of="who")
    assert data.input_shape == (50, 1, 1)
    assert sum(len(np.unique(split.groups)) for split in data.splits.values()) == len(PEOPLE)
    assert sum(len(np.unique(split.recordings)) for split in data.splits.values()) == 12
    assert len(data) == 12 * 5
    with pytest.raises(DataError, match=r"all.csv: no column 'owner' that says whose a row is; its header: t, who, ax"):
        read_folder(tmp_path, rate_hz=RATE_HZ, group_of="owner")


def test_a_column_of_a_wav_or_a_picture_is_refused(tmp_path, pictures):
    for label in ("a", "b"):
        write_wav(tmp_path / "w" / label / "p_1.wav", np.zeros(500, "<i2"))
    with pytest.raises(DataError, match="a WAV has no column 'who'"):
        read_folder(tmp_path / "w", rate_hz=100, group_of="who")
    with pytest.raises(ParameterError, match="groups by the column 'who': pictures have none"):
        read_folder(pictures, group_of="who")


def test_pictures_of_several_sizes_are_averaged_to_a_side(pictures):
    data = read_folder(pictures, front=Front(side=10))
    assert (data.input_shape, data.rate_hz, data.classes) == ((10, 10, 3), None, ("cat", "dog"))
    assert sum(len(np.unique(split.groups)) for split in data.splits.values()) == 6
    grey = read_folder(pictures, front=Front(side=10, grey=True))
    assert grey.input_shape == (10, 10, 1)
    assert 0 <= raw(grey).min() < raw(grey).max() <= 1.0001
    with pytest.raises(DataError, match=r"is 24 × 26, colour, p0_0.png 24 × 20, colour.*\ngive a side"):
        read_folder(pictures)


def test_a_picture_is_read_as_it_is(tmp_path):
    pixels = np.random.default_rng(6).integers(0, 255, (5, 7, 3)).astype(np.uint8)
    for label in ("a", "b"):
        for index in range(10):
            save(tmp_path / label / f"{index}.{'png' if index % 2 else 'ppm'}", pixels)
    data = read_folder(tmp_path)
    np.testing.assert_allclose(raw(data)[0] * 255, pixels, atol=0.01)


def test_a_picture_lies_as_the_camera_was_held(tmp_path):
    pixels = np.arange(60, dtype=np.uint8).reshape(6, 10)
    for label in ("a", "b"):
        for index in range(10):
            (tmp_path / label).mkdir(exist_ok=True)
            about = Image.Exif()
            about[0x0112] = 6  # turned by 90 degrees
            Image.fromarray(np.rot90(pixels)).save(tmp_path / label / f"{index}.png", exif=about)
    np.testing.assert_allclose(raw(read_folder(tmp_path))[0, ..., 0] * 255, pixels, atol=0.01)


def png(width: int, height: int, *, kind: int = 0, bits: int = 8, body: bytes = b"") -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def as_bytes(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (png(60000, 60000), r"bad.png: no picture that can be read \(DecompressionBombError"),
        (png(5000, 5000), r"5000 × 5000 pixels of L in \d+ bytes; allowed: 16,777,216 of 8 bits; save it"),
        (png(2**31 - 1, 2**31 - 1), "bad.png: no picture that can be read|allowed: 16,777,216"),
        (png(4000, 4000, kind=2), "4000 × 4000 pixels of RGB in .*bytes; allowed"),  # a bomb: 48 MB in 70 bytes
        (png(8, 8, bits=16, body=bytes(8 * 17)), "8 × 8 pixels of I;16 in"),
        (png(8, 8), "no picture that can be read"),
        (as_bytes("PNG")[:-30], "no picture that can be read"),
        (as_bytes("GIF"), "no picture that can be read"),
        (as_bytes("TIFF"), "no picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture that can be read"),
        (b"P5 99999999 99999999 255\n" + bytes(100), "allowed: 16,777,216|no picture"),
        (b"", "no picture that can be read"),
    ],
)
def test_a_hostile_picture_is_refused_and_named(pictures, content, text):
    (pictures / "cat" / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=text) as refused:
        read_folder(pictures, front=Front(side=10))
    assert "bad.png" in str(refused.value)
    assert str(refused.value).count("\n") <= 2


def test_all_pictures_together_are_bounded(pictures, monkeypatch):
    from tinykit.train.datasets import images

    monkeypatch.setattr(images, "_ALL_PIXELS", 3000)
    with pytest.raises(DataError, match="pixels of RGB in"):
        read_folder(pictures, front=Front(side=10))
    monkeypatch.undo()
    monkeypatch.setattr(images.limits, "WEIGHTS_BYTES", 9_000)
    with pytest.raises(DataError, match="12 pictures of 20 × 20, colour are too many to hold; give a smaller side"):
        images.read_images(sorted((pictures / "cat").iterdir()), Front(side=20))


def test_a_folder_of_pictures_where_recordings_were_meant_and_the_reverse(pictures, motion):
    with pytest.raises(DataError, match=r"cat: no .csv or .wav in it"):
        read_folder(pictures, rate_hz=50)
    with pytest.raises(DataError, match=r"rest: no .png .*; add pictures, or say the rate of recordings"):
        read_folder(motion)
    with pytest.raises(ParameterError, match="a front of signals"):
        read_folder(pictures, front=Front(window_s=1.0))


def test_too_few_pictures(tmp_path):
    for label in ("a", "b"):
        for index in range(4):
            save(tmp_path / label / f"{index}.png", np.zeros((8, 8), np.uint8))
    with pytest.raises(DataError, match="8 pictures; take more"):
        read_folder(tmp_path)


def test_classes_of_a_folder_in_an_order_of_ones_own(motion):
    (motion / "later").mkdir()
    data = read_folder(motion, rate_hz=RATE_HZ, window_s=1.0, classes=("walk", "rest"))
    assert data.classes == ("walk", "rest")
    with pytest.raises(DataError, match="no folder of class 'wlak'; did you mean|no folder of class 'wlak'; .*walk"):
        read_folder(motion, rate_hz=RATE_HZ, classes=("wlak", "rest"))


def test_names_of_classes_from_a_file(tmp_path):
    file = tmp_path / "classes.txt"
    file.write_text("rest\n\n  walk \n")
    assert read_classes(file) == ("rest", "walk")
    wrong = {"one\n": "1 names", "a\na\n": "2 names, 1 different", f"a\n{'b' * 101}\n": "letters at most"}
    for text, told in {**wrong, "a\nb\x1b[2J\n": "one of them"}.items():
        file.write_text(text)
        with pytest.raises(DataError, match=told):
            read_classes(file)
    with pytest.raises(DataError, match="cannot be read"):
        read_classes(tmp_path / "none.txt")
