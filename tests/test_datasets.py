"""The shipped tasks: counts, splits by subject, normalisation, hashes, cards."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys

import numpy as np
import pytest

import tinykit.train as datasets
from tinykit.ground.errors import DataError, FactError, MissingPackageError, ParameterError, UnknownTaskError
from tinykit.train.datasets.card import find_packaged_file, read_verified
from tinykit.train.datasets.dataset import Dataset, Normalisation, Split, cut_windows, deal_classes, deal_groups
from tinykit.train.datasets.shipped import SUBJECTS, parse_utterances
from tinykit.train.fronts.front import Front


@pytest.fixture(scope="module")
def watch() -> Dataset:
    return datasets.load_dataset()


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return datasets.load_dataset("digits")


def make_split(n: int = 12, group: int = 0, classes: int = 2) -> Split:
    x = np.random.default_rng(group).standard_normal((n, 4, 1, 2)).astype(np.float32)
    return Split(x, np.arange(n) % classes, np.full(n, group), np.full(n, group))


def make_dataset(**changes: object) -> Dataset:
    given: dict[str, object] = {
        "name": "toy", "classes": ("a", "b"), "train": make_split(12, 0), "validation": make_split(4, 1),
        "test": make_split(6, 2), "normalisation": Normalisation((0.0, 0.0), (1.0, 1.0)), "rate_hz": None,
        "sha256": "", "source": "made up",
    }  # fmt: skip
    return Dataset(**(given | changes))  # type: ignore[arg-type]


def test_watch_has_the_4677_windows_of_the_study_file(watch: Dataset) -> None:
    assert len(watch) == 4677
    assert watch.input_shape == (100, 1, 6)
    assert watch.classes == ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
    assert watch.train.x.dtype == np.float32


def test_watch_is_split_by_subject_with_every_class_everywhere(watch: Dataset) -> None:
    for name, split in watch.splits.items():
        assert set(split.groups.tolist()) == set(SUBJECTS[name])
        assert set(split.y.tolist()) == set(range(7))
    recordings = [set(split.recordings.tolist()) for split in watch.splits.values()]
    assert sum(map(len, recordings)) == len(set.union(*recordings)) == 140


def test_watch_is_normalised_on_the_training_subjects_alone(watch: Dataset) -> None:
    assert watch.train.x.mean((0, 1, 2)) == pytest.approx(0, abs=1e-4)
    assert watch.train.x.std((0, 1, 2)) == pytest.approx(1, rel=1e-4)
    assert np.abs(watch.test.x.mean((0, 1, 2))).max() > 1e-3
    assert watch.normalisation.apply(np.asarray(watch.normalisation.mean)) == pytest.approx(0)


def test_watch_windows_overlap_by_half_within_a_recording(watch: Dataset) -> None:
    same = watch.train.recordings[0] == watch.train.recordings[1]
    assert same
    np.testing.assert_array_equal(watch.train.x[0][50:], watch.train.x[1][:50])


def test_digits_are_stratified(digits: Dataset) -> None:
    assert digits.input_shape == (28, 28, 1)
    assert [len(split) for split in digits.splits.values()] == [3500, 500, 1000]
    for split in digits.splits.values():
        assert len(set(np.bincount(split.y).tolist())) == 1


@pytest.fixture(scope="module")
def vowels() -> Dataset:
    return datasets.load_dataset("vowels")


@pytest.fixture(scope="module")
def faces() -> Dataset:
    return datasets.load_dataset("faces")


def test_vowels_keep_the_published_split(vowels: Dataset) -> None:
    """Counts of the study: 30 training utterances a speaker; 31, 35, 88, 44, 29, 24, 40, 50, 29 in the test."""
    assert vowels.input_shape == (29, 12, 1)
    assert [len(split) for split in vowels.splits.values()] == [225, 45, 370]
    held = np.bincount(vowels.train.y) + np.bincount(vowels.validation.y)
    np.testing.assert_array_equal(held, np.full(9, 30))
    np.testing.assert_array_equal(np.bincount(vowels.test.y), [31, 35, 88, 44, 29, 24, 40, 50, 29])


def test_vowels_are_normalised_by_coefficient_and_filled_up_behind(vowels: Dataset) -> None:
    spoken = [vowels.normalisation.undo(one) for one in vowels.train.x]
    frames = np.concatenate([one[np.abs(one).max((1, 2)) > 1e-5, :, 0] for one in spoken])
    assert frames.mean(0) == pytest.approx(0, abs=1e-3)
    assert frames.std(0) == pytest.approx(1, rel=1e-3)
    lengths = [int((np.abs(one).max((1, 2)) > 1e-5).sum()) for one in spoken]
    assert 7 <= min(lengths) < max(lengths) <= 29
    for one, length in zip(spoken, lengths, strict=True):
        assert one[length:] == pytest.approx(0, abs=1e-6)


def test_an_utterance_is_read_column_by_column() -> None:
    columns = [f"{index},{index + 0.5}" for index in range(12)]
    series, labels = parse_utterances("# talk\n@data\n" + ":".join([*columns, "9"]) + "\n")
    assert labels.tolist() == [8]
    np.testing.assert_array_equal(series[0], [np.arange(12), np.arange(12) + 0.5])


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("1,2:3,4:1", r"utterance 1 is \(2, 2\) of speaker 1; expected 12 a frame"),
        (":".join([*["1,2"] * 12, "10"]), "of speaker 10; expected 12"),
        (":".join([*["1,2"] * 11, "1,x", "1"]), "utterance 1 cannot be read .*reinstall aeon"),
        (":".join([*["1,2"] * 11, "1", "1"]), "utterance 1 cannot be read .*reinstall aeon"),
    ],
)
def test_an_utterance_that_is_none_is_named(line: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        parse_utterances(f"@data\n{line}")


def test_faces_are_half_of_each_split_and_brighter_in_the_middle(faces: Dataset) -> None:
    assert faces.input_shape == (25, 25, 1)
    assert [np.bincount(split.y).tolist() for split in faces.splits.values()] == [[50, 50], [10, 10], [40, 40]]
    middle = [faces.train.x[faces.train.y == label].mean(0)[10:18, 10:15].mean() for label in (0, 1)]
    assert middle[1] > middle[0]  # a nose and two cheeks, if the labels are the right way round


@pytest.fixture(scope="module")
def doorbell() -> Dataset:
    return datasets.load_dataset("doorbell")


def scenes_of(data: Dataset, split: Split) -> np.ndarray:
    return np.rint(data.normalisation.undo(split.x) * 255).astype(np.uint8)


def test_the_scenes_are_the_same_wherever_they_are_drawn(doorbell: Dataset) -> None:
    """The networks that are shipped were trained on these pixels: another package or other code may not change one."""
    parts = [scenes_of(doorbell, split).tobytes() for split in (doorbell.train, doorbell.test)]
    assert hashlib.sha256(b"".join(parts)).hexdigest()[:16] == "7b2263c0947df010"


def test_half_of_the_scenes_have_a_face_and_no_face_or_photograph_is_in_two_splits(doorbell: Dataset) -> None:
    assert doorbell.input_shape == (96, 96, 1)
    assert [np.bincount(split.y).tolist() for split in doorbell.splits.values()] == [[960] * 2, [160] * 2, [480] * 2]
    faces = [set(split.groups[split.y == 1].tolist()) for split in doorbell.splits.values()]
    assert faces == [set(range(60)), set(range(60, 70)), set(range(70, 100))]
    behind = [set(split.groups[split.y == 0].tolist()) for split in doorbell.splits.values()]
    assert [len(one) for one in behind] == [9, 2, 4]
    assert min(set.union(*behind)) >= 100


def test_neither_light_nor_contrast_tells_who_is_at_the_door(doorbell: Dataset) -> None:
    """A threshold on the mean or the spread of a scene, the best of the training scenes, stays near chance."""
    for figure in (np.mean, np.std):
        known, unseen = (figure(scenes_of(doorbell, one), axis=(1, 2, 3)) for one in (doorbell.train, doorbell.test))
        ways = [(cut, up) for cut in np.quantile(known, np.linspace(0.02, 0.98, 49)) for up in (True, False)]
        cut, up = max(ways, key=lambda way: ((known > way[0]) == (doorbell.train.y == way[1])).mean())
        assert ((unseen > cut) == (doorbell.test.y == up)).mean() < 0.65


def test_a_front_makes_smaller_scenes_of_the_same(doorbell: Dataset) -> None:
    small = datasets.load_dataset("doorbell", Front(side=48))
    assert small.input_shape == (48, 48, 1)
    np.testing.assert_array_equal(small.test.groups, doorbell.test.groups)


@pytest.fixture(scope="module")
def keyword() -> Dataset:
    return datasets.load_dataset("keyword")


def test_no_voice_of_the_keywords_is_in_two_splits(keyword: Dataset) -> None:
    assert keyword.input_shape == (49, 10, 1) == keyword.bound.shape
    voices = [set(split.groups.tolist()) for split in keyword.splits.values()]
    assert [len(one) for one in voices] == [53, 8, 21]
    for split in keyword.splits.values():
        each = np.stack([np.bincount(split.y[split.groups == one], minlength=8) for one in np.unique(split.groups)])
        assert (each == [8, 8, 8, 8, 8, 8, 16, 8]).all()


def test_the_device_computes_what_the_keyword_network_learns_from(keyword: Dataset) -> None:
    """A tone through the task's front lies within the features of the clips, and its own bands hear it."""
    tone = np.rint(8000 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)).astype(np.int16)
    found = keyword.front.apply(tone[None, :, None], keyword.rate_hz)
    assert found.shape == (1, 49, 10, 1)
    raw = keyword.normalisation.undo(keyword.train.x)
    low, high = raw.min((0, 1, 3)), raw.max((0, 1, 3))
    assert (found[0, :, 0, 0] > low[0]).all()
    assert (found[0, :, 0, 0] < high[0]).all()
    np.testing.assert_allclose(raw[:50] * 2, np.rint(raw[:50] * 2), atol=1e-3)


def test_classes_are_dealt_evenly_by_a_seed() -> None:
    y = np.repeat([0, 1], 10)
    rows = deal_classes(y, (5, 2, 3), seed=1)
    assert [np.bincount(y[part]).tolist() for part in rows] == [[5, 5], [2, 2], [3, 3]]
    assert sorted(np.concatenate(rows)) == list(range(20))
    np.testing.assert_array_equal(rows[0], deal_classes(y, (5, 2, 3), seed=1)[0])
    assert any((a != b).any() for a, b in zip(rows, deal_classes(y, (5, 2, 3), seed=2), strict=True))


@pytest.mark.parametrize("task", datasets.tasks())
def test_each_task_has_a_card_that_agrees_with_it(task: str) -> None:
    card, data = datasets.read_card(task), datasets.load_dataset(task)
    assert card.id == data.name == task
    assert card.n == len(data)
    assert tuple(card.classes) == data.classes
    assert card.sha256 == data.sha256
    assert card.licence
    assert card.does_not_represent
    for split in data.splits.values():
        assert f"{len(split):,}" in card.split


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UnknownTaskError, match="nearest: watch-exercises"):
        datasets.load_dataset("watch-exercise")
    with pytest.raises(UnknownTaskError, match="nearest: digits"):
        datasets.read_card("digit")


def test_a_card_with_a_missing_field_is_named(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.toml").write_text('id = "bad"\nrepresents = []\ndoes_not_represent = []\n')
    monkeypatch.setattr("tinykit.train.datasets.card.shipped_path", lambda *parts: tmp_path.joinpath(*parts[2:]))
    with pytest.raises(FactError, match=r"bad\.toml.*missing"):
        datasets.read_card("bad")


def test_missing_package_says_what_to_install() -> None:
    with pytest.raises(MissingPackageError, match="not installed\npip install --no-deps other==1"):
        find_packaged_file("no_such_package", "data.npy", carrier="other==1")
    with pytest.raises(MissingPackageError, match=r"numpy lacks data/none\.npy; .* --force-reinstall numpy==2"):
        find_packaged_file("numpy", "data", "none.npy", carrier="numpy==2")


def test_a_file_of_another_hash_is_not_unpickled(tmp_path) -> None:
    forged = tmp_path / "watch_dataset.npy"
    np.save(forged, np.array({"X": []}), allow_pickle=True)
    with pytest.raises(DataError, match="not the file this task was built on"):
        read_verified(datasets.read_card("watch-exercises").sha256, forged)


def test_datasets_import_no_heavy_package() -> None:
    code = (
        "import sys, tinykit.train.datasets.shipped as d; [d.load_dataset(task) for task in d.tasks()];"
        "heavy = 'tensorflow seglearn sklearn scipy matplotlib mlxtend aeon skimage pandas numba'.split();"
        "print(set(heavy) & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_splits_are_read_only(watch: Dataset) -> None:
    with pytest.raises(ValueError, match="read-only"):
        watch.train.x[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        watch.name = "other"  # type: ignore[misc]


def test_take_and_representative_are_seeded_training_samples(watch: Dataset) -> None:
    sample = watch.representative(50, seed=3)
    assert sample.shape == (50, 100, 1, 6)
    np.testing.assert_array_equal(sample, watch.representative(50, seed=3))
    with pytest.raises(ParameterError, match="count 0"):
        watch.train.take(0)


def test_reprs_are_one_line(watch: Dataset) -> None:
    assert repr(watch) == "Dataset(watch-exercises: 7 classes, 2669/524/1484 samples of (100, 1, 6))"
    assert repr(watch.validation) == "Split(n=524, groups=1, x=(524, 100, 1, 6))"


def test_a_group_in_two_splits_is_refused() -> None:
    with pytest.raises(DataError, match="group 0 is in both train and test"):
        make_dataset(test=make_split(6, 0))


def test_nan_is_refused() -> None:
    bad = make_split(4, 1)
    x = bad.x.copy()
    x[2, 1, 0, 0] = np.nan
    with pytest.raises(DataError, match="1 validation samples hold NaN"):
        make_dataset(validation=Split(x, bad.y, bad.groups, bad.recordings))


def test_class_faults_are_refused() -> None:
    with pytest.raises(DataError, match="one class only"):
        make_dataset(classes=("a",))
    with pytest.raises(DataError, match="test label 2 has no class"):
        make_dataset(test=make_split(6, 2, classes=5))
    with pytest.raises(DataError, match="no train sample of class c"):
        make_dataset(classes=("a", "b", "c"))


def test_shape_faults_are_refused() -> None:
    good = make_split()
    with pytest.raises(DataError, match=r"have \[11, 12\] rows"):
        Split(good.x, good.y[:-1], good.groups, good.recordings)
    flat = Split(good.x.reshape(12, 8), good.y, np.full(12, 9), good.recordings)
    with pytest.raises(DataError, match="test x has shape"):
        make_dataset(test=flat)
    with pytest.raises(DataError, match="validation split is empty"):
        make_dataset(validation=make_split(0, 1))


def test_a_constant_channel_is_only_centred() -> None:
    raw = np.full((3, 2, 1, 1), 5.0, np.float32)
    fitted = Normalisation.fit(raw)
    assert fitted == Normalisation((5.0,), (1.0,))


def test_cut_windows_by_hand() -> None:
    signal = np.arange(10, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(cut_windows(signal, 4, 3)[:, 0, 0], [0, 3, 6])
    assert cut_windows(signal[:3], 4, 1).shape == (0, 4, 1)
    with pytest.raises(ParameterError, match="window of 0 samples"):
        cut_windows(signal, 0, 1)


def test_deal_groups_keeps_groups_whole_and_classes_complete() -> None:
    groups = np.repeat(np.arange(8), 10)
    y = np.tile([0, 1], 40)
    rows = deal_groups(y, groups, (0.6, 0.15, 0.25), seed=1)
    assert sorted(np.concatenate(rows).tolist()) == list(range(80))
    assert not set(groups[rows[0]]) & set(groups[rows[2]])
    with pytest.raises(DataError, match="2 groups are too few"):
        deal_groups(y, groups % 2, (0.6, 0.15, 0.25), 0)
    with pytest.raises(ParameterError, match="sum to 1"):
        deal_groups(y, groups, (0.6, 0.3, 0.3), 0)
    with pytest.raises(DataError, match="every class in training and test"):
        deal_groups((groups == 0).astype(int), groups, (0.6, 0.15, 0.25), 0)
