"""Keras files that are two things at once, point elsewhere, or claim sizes: what was looked at is what is loaded."""

from __future__ import annotations

import base64
import functools
import io
import json
import marshal
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tinykit.ground import limits
from tinykit.ground.errors import EngineError, ModelError
from tinykit.train.conversion import keras_containers, keras_file
from tinykit.train.conversion.converting import convert
from tinykit.train.conversion.keras_file import inspect_keras_file, load_model, save_model
from tinykit.train.keras import load_keras, load_tensorflow, quiet

NAMES = ["model.h5", "model.H5", "model.hdf5", "model.keras", "model.KERAS", "model.Keras"]
MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
DENSE = {"class_name": "Dense", "config": {"name": "dense", "units": 2}}
INPUT = {"class_name": "InputLayer", "config": {"name": "input", "batch_input_shape": [None, 3]}}
X = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)


def sequential(*layers: dict[str, Any]) -> str:
    return json.dumps({"class_name": "Sequential", "config": {"name": "model", "layers": [INPUT, *layers]}})


@pytest.fixture(scope="module")
def model() -> Any:
    layers = load_keras().layers
    return load_keras().Sequential([layers.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2)])


@pytest.fixture
def good(model: Any, tmp_path: Path) -> dict[str, bytes]:
    """The same model in both containers."""
    folder = tmp_path / "good"
    folder.mkdir()
    return {kind: save_model(model, folder / f"model{kind}").read_bytes() for kind in (".h5", ".keras")}


@pytest.fixture
def touched(tmp_path: Path) -> Path:
    return tmp_path / "touched"


def lambda_h5(touched: Path, userblock_bytes: int = 0) -> bytes:
    """An HDF5 file whose Lambda leaves a file behind when it is run."""
    room: dict[str, Any] = {}
    exec(f"def f(x):\n    open({str(touched)!r}, 'w').close()\n    return x\n", room)
    code = base64.b64encode(marshal.dumps(room["f"].__code__)).decode()
    config = {"name": "evil", "function": [code, None, None], "function_type": "lambda", "module": "__main__"}
    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=userblock_bytes) as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = sequential({"class_name": "Lambda", "config": config | {"arguments": {}}})
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"evil"]
        weights.create_group("evil").attrs["weight_names"] = np.array([], "S1")
    return content.getvalue()


def unzip(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def refuse(path: Path, content: bytes, match: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelError, match=match):
        load_model(path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [".h5", ".keras"])
def test_bytes_decide_what_a_file_is(model: Any, good: dict[str, bytes], tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(good[kind])
    loaded = load_model(path)
    for ours, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(loaded(X), model(X))
    assert inspect_keras_file(path).path == path


@pytest.mark.parametrize("name", NAMES)
def test_hdf5_and_an_archive_in_one_file_run_nothing(
    good: dict[str, bytes], touched: Path, tmp_path: Path, name: str
) -> None:
    evil, path = lambda_h5(touched), tmp_path / name
    refuse(path, evil, "Lambda, which is code")
    refuse(path, evil + good[".keras"], "HDF5 and a zip archive in one file")
    with path.open("wb") as stream:
        stream.write(evil)
    with zipfile.ZipFile(path, "a") as archive:  # as one that appends sees it: offsets count from the file's start
        for member, data in unzip(good[".keras"]).items():
            archive.writestr(member, data)
    refuse(path, path.read_bytes(), "HDF5 and a zip archive in one file")
    for place in (512, 4096, 65536):
        behind = lambda_h5(touched, place)
        refuse(path, behind, "Lambda, which is code")
        if len(good[".keras"]) < place:
            refuse(path, good[".keras"] + behind[len(good[".keras"]) :], "truncated: it does not end as one")
    refuse(path, good[".h5"] + good[".keras"], "HDF5 and a zip archive in one file")
    assert not touched.exists()


def test_hdf5_inside_or_before_an_archive_runs_nothing(good: dict[str, bytes], touched: Path, tmp_path: Path) -> None:
    header_bytes = 31  # of a member whose name is one letter: what follows it stands at 512
    hidden = lambda_h5(touched, 512)[header_bytes:]
    padded = zipped({"x": hidden, **unzip(good[".keras"])})
    assert padded[512:516] == b"\x89HDF"
    for name in ("model.h5", "model.keras", "model.KERAS"):
        refuse(tmp_path / name, padded, "archive and something else in one file")
        refuse(tmp_path / name, zipped({"y": b"z"}) + good[".keras"], "archive and something else in one file")
        refuse(tmp_path / name, b"#!/bin/sh\n" + good[".keras"], "neither HDF5 nor a .keras archive by its first bytes")
        refuse(tmp_path / name, good[".keras"] + b"more", "truncated: it does not end as one")
    assert not touched.exists()


def test_a_file_that_changes_after_the_look_is_loaded_as_it_was(
    model: Any, good: dict[str, bytes], touched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, look = tmp_path / "model.keras", keras_file.copy_inspected
    path.write_bytes(good[".keras"])

    def swap(*arguments: Any) -> Any:
        found = look(*arguments)
        path.write_bytes(lambda_h5(touched))
        return found

    monkeypatch.setattr(keras_file, "copy_inspected", swap)
    np.testing.assert_array_equal(load_model(path)(X), model(X))
    assert not touched.exists()


def test_only_the_three_members_are_loaded(model: Any, good: dict[str, bytes], tmp_path: Path) -> None:
    path, members = tmp_path / "model.keras", unzip(good[".keras"])
    path.write_bytes(zipped({**members, "../slip": b"x", "assets/a": b"x", "model.weights.npz": b"x"}))
    np.testing.assert_array_equal(load_model(path)(X), model(X))
    (tmp_path / "inside").mkdir()
    _, copy = keras_file.copy_inspected(path, tmp_path / "inside")
    assert tuple(unzip(copy.read_bytes())) == MEMBERS
    assert "compile_config" not in json.loads(unzip(copy.read_bytes())["config.json"])
    assert not (tmp_path / "slip").exists()


def external_data(file: h5py.File, secret: Path) -> None:
    file.create_dataset("more", (16,), "u1", external=[(str(secret), 0, 16)])


def virtual_data(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((16,), "u1")
    layout[:] = h5py.VirtualSource(str(secret), "data", (16,))
    file.create_virtual_dataset("more", layout)


def external_link(file: h5py.File, secret: Path) -> None:
    file["more"] = h5py.ExternalLink(str(secret), "/data")


def soft_link(file: h5py.File, secret: Path) -> None:
    file["more"] = h5py.SoftLink("/")


def dangling_link(file: h5py.File, secret: Path) -> None:
    file.create_group("inner")["more"] = h5py.SoftLink("/none")


def loop(file: h5py.File, secret: Path) -> None:
    file.create_group("inner")["more"] = file["/"]


def second_name(file: h5py.File, secret: Path) -> None:
    file["first"] = np.ones(3)
    file["more"] = file["first"]


def claim(file: h5py.File, secret: Path) -> None:
    file.create_dataset("more", (2**30,), "f4")


def many_claims(file: h5py.File, secret: Path) -> None:
    for index in range(9):
        file.create_dataset(f"more{index}", (2**15,), "f4")


def large_chunk(file: h5py.File, secret: Path) -> None:
    file.create_dataset("more", (4,), "f4", maxshape=(None,), chunks=(2**29,))


def packed(file: h5py.File, secret: Path) -> None:
    file.create_dataset("more", (2**23,), "u1", compression="gzip", compression_opts=9)[:] = 0


def objects(file: h5py.File, secret: Path) -> None:
    file.create_dataset("more", (3,), h5py.string_dtype())


def reference(file: h5py.File, secret: Path) -> None:
    file.attrs["more"] = file.ref


def long_text(file: h5py.File, secret: Path) -> None:
    file.attrs["more"] = "x" * (2**24 + 1)


def many_texts(file: h5py.File, secret: Path) -> None:
    file.attrs["more"] = ["x" * 2**23] * 3


def named_type(file: h5py.File, secret: Path) -> None:
    file["more"] = np.dtype("f4")


def many_groups(file: h5py.File, secret: Path) -> None:
    for index in range(20_001):
        file.create_group(str(index))


def deep_groups(file: h5py.File, secret: Path) -> None:
    file.create_group("/deep" * 65)


FORGED = [
    (external_data, "'/more' takes its data from another file"),
    (virtual_data, "'/more' is a virtual data set"),
    (external_link, r"'/more' is a link to another place \(ExternalLink\)"),
    (soft_link, r"'/more' is a link to another place \(SoftLink\)"),
    (dangling_link, r"'/inner/more' is a link to another place \(SoftLink\)"),
    (loop, "'/inner/more' stands in it twice, as a loop does"),
    (second_name, "'/(more|first)' stands in it twice"),
    (claim, "'/more' claims more than 1073741824 bytes"),
    (many_claims, "brings the data to [0-9]+ bytes, over its limit of [0-9]+"),
    (large_chunk, "'/more' claims more than 1073741824 bytes"),
    (packed, "'/more' brings the data to [0-9]+ bytes, over its limit"),
    (objects, "'/more' does not hold numbers"),
    (reference, "the attribute 'more' of '' is neither numbers nor text"),
    (long_text, "the attribute 'more' is over 16777216 bytes"),
    (many_texts, "the attribute 'more' is over 16777216 bytes"),
    (named_type, "'/more' is neither a group nor a data set"),
    (many_groups, "holds over 20000 groups and data sets"),
    (deep_groups, "holds over 20000 groups and data sets, or 64 in each other"),
]


@pytest.mark.parametrize("kind", [".h5", ".keras"])
@pytest.mark.parametrize(("forge", "message"), FORGED, ids=[forge.__name__ for forge, _ in FORGED])
def test_hdf5_that_points_elsewhere_or_claims_too_much(
    tmp_path: Path, kind: str, forge: Callable[[h5py.File, Path], None], message: str
) -> None:
    secret, path, inner = tmp_path / "secret", tmp_path / f"model{kind}", tmp_path / "inner.h5"
    with h5py.File(secret, "w") as file:
        file["data"] = np.arange(16, dtype="u1")
    with h5py.File(inner, "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = sequential(DENSE)
        forge(file, secret)
    content = inner.read_bytes()
    if kind == ".keras":
        content = zipped(dict(zip(MEMBERS, (sequential(DENSE).encode(), b"{}", content), strict=True)))
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"^model{kind}: .*{message}.*\nsave the whole model again") as caught:
        inspect_keras_file(path)
    assert str(caught.value).count("\n") < 3


def test_a_local_file_does_not_become_weights(good: dict[str, bytes], tmp_path: Path) -> None:
    secret, path = tmp_path / "secret", tmp_path / "model.h5"
    secret.write_bytes(b"root:x:0:0:" * 10)
    path.write_bytes(good[".h5"])
    with h5py.File(path, "r+") as file:
        place = next(name for name in names_of(file) if name.endswith("kernel:0"))
        shape = file[place].shape
        del file[place]
        file.create_dataset(place, shape, "f4", external=[(str(secret), 0, 48)])
    for reader in (load_model, convert):
        with pytest.raises(ModelError, match="takes its data from another file"):
            reader(path)


def dense(name: str, *sources: Any, **more: Any) -> dict[str, Any]:
    nodes = [[[source, 0, 0, {}] if isinstance(source, str) else list(source)] for source in sources]
    return {"class_name": "Dense", "name": name, "config": {"name": name, "units": 3}, "inbound_nodes": nodes, **more}


def functional(*layers: dict[str, Any], out: str = "a") -> str:
    start = INPUT | {"name": "input", "inbound_nodes": []}
    ends = {"input_layers": [["input", 0, 0]], "output_layers": [[out, 0, 0]]}
    return json.dumps({"class_name": "Functional", "config": {"name": "model", "layers": [start, *layers], **ends}})


STUCK = {
    "one that is never called": (dense("a", "b"), dense("b")),
    "each other": (dense("a", "b"), dense("b", "a")),
    "oneself": (dense("a", "a"),),
    "a call too many": (dense("a", ("b", 1, 0, {})), dense("b", "input")),
    "a call too early": (dense("a", ("b", -1, 0, {})), dense("b", "input")),
    "a later call of oneself": (dense("a", ("a", 1, 0), "input"),),
    "by an argument": (dense("a", ("input", 0, 0, {"mask": ["b", 0, 0]})), dense("b")),
    "by an argument in a list": (dense("a", ("input", 0, 0, {"initial_state": [["b", 7, 0]]})), dense("b", "input")),
    "what an input waits for": (dense("a", "input"), dense("i", "b", class_name="InputLayer"), dense("b")),
    "a network's first call": (
        dense("a", ("n", 0, 0, {})),
        dense("n", "input") | json.loads(sequential(DENSE)) | {"name": "n"},
    ),
}


@pytest.mark.parametrize("name", STUCK)
def test_layers_that_would_wait_for_ever_are_refused(tmp_path: Path, name: str) -> None:
    """tf-keras goes round such a network without end."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = functional(*STUCK[name])
    with pytest.raises(ModelError, match="layers wait for a call of '[abn]' that never comes; save the model again"):
        inspect_keras_file(path)


def test_networks_that_are_called_often_and_out_of_order_are_taken(tmp_path: Path) -> None:
    layers, keras = load_keras().layers, load_keras()
    shared, start = layers.Dense(3, name="shared"), layers.Input((3,))
    inner = keras.Sequential([layers.Dense(3, input_shape=(3,))], name="inner")
    bare = keras.Sequential([layers.Dense(3)], name="bare")
    deep = keras.Sequential([layers.Input((3,)), inner, bare], name="deep")
    made = shared(shared(deep(inner(shared(deep(start))))))
    model = keras.Model(start, layers.Add()([made, bare(made) * 2.0]))
    found = inspect_keras_file(save_model(model, tmp_path / "whole.h5"))
    assert ("Sequential", "deep") in found.layers
    described = json.loads(model.to_json())
    described["config"]["layers"] = described["config"]["layers"][::-1]
    with h5py.File(tmp_path / "turned.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(described)
    assert len(inspect_keras_file(tmp_path / "turned.h5").layers) == len(found.layers)


def names_of(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visit(found.append)
    return found


@pytest.mark.parametrize("member", MEMBERS)
def test_bombs_in_each_member(good: dict[str, bytes], tmp_path: Path, member: str) -> None:
    members = unzip(good[".keras"])
    ratio = zipped({**members, member: bytes(2**24)}, zipfile.ZIP_DEFLATED)
    refuse(tmp_path / "model.keras", ratio, f"its {member} is (packed over 100 to 1|over 1048576 bytes), no model")


@pytest.mark.parametrize("member", MEMBERS)
def test_members_over_their_limit(
    good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    limit = len(unzip(good[".keras"])[member]) - 1
    path = tmp_path / "model.keras"
    path.write_bytes(good[".keras"])
    stream = path.open("rb")
    kinds = dict(zip(MEMBERS, ("DESCRIPTION_BYTES", "METADATA_BYTES", "WEIGHTS_BYTES"), strict=True))
    monkeypatch.setattr(limits, kinds[member], limit)
    match = f"its {member} is over {limit} bytes, no model needs that"
    with stream, zipfile.ZipFile(stream) as archive, pytest.raises(ModelError, match=match):
        keras_containers._check_members(archive, stream, path.name)


def test_a_member_that_is_longer_than_it_says(good: dict[str, bytes], tmp_path: Path) -> None:
    members = unzip(good[".keras"])
    content = zipped({**members, "metadata.json": b" " * 2**20 + b"{}"}, zipfile.ZIP_DEFLATED)
    lie = content.replace((2**20 + 2).to_bytes(4, "little"), (2).to_bytes(4, "little"))
    assert lie != content
    refuse(tmp_path / "model.keras", lie, "not a readable .keras archive, or truncated")


def test_archives_no_program_saves(good: dict[str, bytes], tmp_path: Path) -> None:
    path, members = tmp_path / "model.keras", unzip(good[".keras"])
    refuse(path, zipped(members, zipfile.ZIP_BZIP2), "config.json is packed by method 12, not stored or deflated")
    refuse(path, zipped({**members, **{str(index): b"" for index in range(62)}}), "lists 65 members in [0-9]+ bytes")
    refuse(path, zipped({**members, **{"x" * 30000 + end: b"" for end in "abc"}}), "lists 6 members in 9[0-9]+ bytes")
    del members["metadata.json"]
    refuse(path, zipped(members), "not a readable .keras archive, or truncated .*metadata.json")
    twice = zipped({**dict.fromkeys(MEMBERS, b"{}"), "config.jsoN": b"{}"}).replace(b"config.jsoN", b"config.json")
    refuse(path, twice, "lists a member twice")
    end = good[".keras"][-22:]
    locator = b"PK\x06\x07" + bytes(16)
    refuse(path, good[".keras"][:-22] + locator + end, "a zip64 archive")


def test_a_description_too_deep_to_write_again(tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(ModelError, match=r"m\.keras: its description is nested too deep"):
        keras_containers.pack_archive(tmp_path, {}, deep, "m.keras")


def test_files_over_the_limit_and_unreadable_ones(
    good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(limits, "WEIGHTS_BYTES", 1000)
        refuse(tmp_path / "model.h5", good[".h5"], "more than 1,000 bytes; no model for a microcontroller needs that")

    def fail(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    class Full(Path):
        """A folder of a disk that takes nothing more."""

        _flavour = type(tmp_path)._flavour  # type: ignore[attr-defined]
        open = fail

    with pytest.raises(ModelError, match=r"cannot be copied to be looked at \(Permission denied\)"):
        keras_containers.copy_file(tmp_path / "model.h5", Full(tmp_path))


@pytest.mark.parametrize("kind", [".h5", ".keras"])
def test_a_file_under_a_strange_name_is_converted(good: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / f"model{kind.upper()}", tmp_path / "model.hdf5"
    path.write_bytes(good[kind])
    other.write_bytes(good[kind])
    assert convert(path, precision="float32").sha256 == convert(other, precision="float32").sha256


def test_what_is_loaded_was_written_anew(model: Any, good: dict[str, bytes], tmp_path: Path) -> None:
    """No byte of the stranger's container reaches the process that builds: not what lies before, between or behind."""
    path = tmp_path / "model.h5"
    path.write_bytes(good[".h5"])
    with h5py.File(path, "r+") as file:
        file.attrs["training_config"] = "HIDDEN"
        file.attrs["odd"] = np.array([1.5, np.nan])
        file.attrs["none"] = h5py.Empty("f4")
        file.create_group("optimizer_weights")["deep/er"] = np.arange(3, dtype=">i2")
        file["text"] = np.array([b"a", b"bc"])
        file["nothing"] = np.zeros((0, 3), np.float16)
        file["truth"] = np.array([True, False])
    path.write_bytes(bytes(8) + b"HIDDEN-BEFORE".ljust(504, b"\0") + path.read_bytes() + b"HIDDEN-BEHIND")
    (tmp_path / "inside").mkdir()
    _, copy = keras_file.copy_inspected(path, tmp_path / "inside")
    assert b"HIDDEN-" not in copy.read_bytes()
    with h5py.File(copy, "r") as file, h5py.File(io.BytesIO(path.read_bytes()[512:]), "r") as source:
        names = names_of(source)
        assert names_of(file) == names
        for name in names:
            if isinstance(source[name], h5py.Dataset):
                np.testing.assert_array_equal(file[name][()], source[name][()])
                assert file[name].dtype == source[name].dtype
        np.testing.assert_array_equal(file.attrs["odd"], source.attrs["odd"])
        assert json.loads(file.attrs["model_config"]) == json.loads(source.attrs["model_config"])
    np.testing.assert_array_equal(load_model(path)(X), model(X))


@pytest.mark.parametrize("size", [2**31, 2**33, 10**12, 10**30, -1, 0, 1.5, "many", None, [2]])
def test_sizes_that_no_memory_holds_take_no_memory_of_the_caller(
    good: dict[str, bytes], tmp_path: Path, size: Any
) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(good[".h5"])
    with h5py.File(path, "r+") as file:
        described = json.loads(file.attrs["model_config"])
        described["config"]["layers"][-1]["config"]["units"] = size
        file.attrs["model_config"] = json.dumps(described)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((ModelError, EngineError)) as caught:
        load_model(path)
    assert len(str(caught.value)) < 700
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize(
    "item",
    [
        DENSE | {"registered_name": "mine>Dense"},
        DENSE | {"registered_name": "Custom>Dense", "module": "keras.layers"},
        {"class_name": "Custom>Dense", "config": {}},
        DENSE | {"config": {"kernel_initializer": {"class_name": "Zeros", "registered_name": "a>b", "config": {}}}},
        DENSE | {"config": {"activation": {"class_name": "function", "config": "relu", "registered_name": "a>relu"}}},
        DENSE | {"config": {"dtype": {"class_name": "Policy", "module": "keras.mixed_precision;os", "config": {}}}},
        {"class_name": "TimeDistributed", "config": {"layer": {"class_name": "Lambda", "config": {}}}},
        {"class_name": "RNN", "config": {"cell": {"class_name": "cell", "module": "evil", "config": {}}}},
        {"class_name": "Bidirectional", "config": {"layer": {"class_name": "LSTM", "module": "evil", "config": {}}}},
        DENSE | {"build_config": [{"deep": {"class_name": "Popen", "module": "subprocess"}}]},
        DENSE | {"module": "keras.src.layers.core.dense;os"},
        DENSE | {"module": ["keras.layers"]},
        {"class_name": ["Dense"], "config": {}},
        {"class_name": {"class_name": "Dense"}, "config": {}},
    ],
)
def test_registered_and_nested_objects_are_refused(tmp_path: Path, item: dict[str, Any]) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = sequential(item)
    members = dict(zip(MEMBERS, (sequential(item).encode(), b"{}", b""), strict=True))
    (tmp_path / "m.keras").write_bytes(zipped(members))
    for name in ("m.h5", "m.keras"):
        with pytest.raises(ModelError, match="which is code"):
            inspect_keras_file(tmp_path / name)


def exported(folder: Path, **more: Any) -> Any:
    """A SavedModel that multiplies by a variable, with more to go with it, and its program to be forged."""
    tensorflow = load_tensorflow()
    module = tensorflow.Module()
    module.v = tensorflow.Variable(2.0)
    spec = tensorflow.TensorSpec((1, 3), tensorflow.float32, name="x")
    module.f = tensorflow.function(lambda x: {"y": x * module.v}, input_signature=[spec])
    signatures = {"serving_default": module.f}
    for name, value in more.items():
        kept = tensorflow.function(value, input_signature=[spec]) if callable(value) else value
        setattr(module, name, kept)
        signatures |= {name: kept} if callable(value) else {}
    with quiet():
        tensorflow.saved_model.save(module, str(folder), signatures=signatures)
    program = load_proto().SavedModel()
    program.ParseFromString((folder / "saved_model.pb").read_bytes())
    return program


def load_proto() -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2


def refuse_folder(folder: Path, program: Any, match: str) -> None:
    (folder / "saved_model.pb").write_bytes(program.SerializeToString())
    with pytest.raises(ModelError, match=match):
        convert(folder, precision="float32")


def test_a_saved_model_that_restores_by_its_own_code_runs_nothing(tmp_path: Path, touched: Path) -> None:
    """TensorFlow calls such a function in loading, before anyone could look at what is loaded."""
    tensorflow = load_tensorflow()

    class Evil(tensorflow.__internal__.tracking.AutoTrackable):  # type: ignore[misc]
        def _serialize_to_tensors(self) -> Any:
            return {"a": tensorflow.constant(1.0)}

        def _restore_from_tensors(self, stored: Any) -> Any:
            with tensorflow.control_dependencies([tensorflow.io.write_file(str(touched), "x")]):
                return tensorflow.identity(stored["a"])

    program = exported(tmp_path / "m", evil=Evil())
    refuse_folder(tmp_path / "m", program, "holds a saver of its own, which TensorFlow would start")
    assert not touched.exists()


def test_a_saved_model_whose_signature_is_another_function_runs_nothing(tmp_path: Path, touched: Path) -> None:
    """The list of signatures and the objects name a function each: what counts is the one that would run."""
    tensorflow = load_tensorflow()

    def write(x: Any) -> Any:
        with tensorflow.control_dependencies([tensorflow.io.write_file(str(touched), "x")]):
            return {"y": x + 1.0}

    def deep(x: Any) -> Any:
        return tensorflow.function(tensorflow.function(write))(x)

    for kind in (write, deep):
        program = exported(tmp_path / kind.__name__, other=kind)
        graph = program.meta_graphs[0]
        nodes = graph.object_graph_def.nodes
        place = next(child.node_id for child in nodes[0].children if child.local_name == "signatures")
        ends = {child.local_name: child for child in nodes[place].children}
        ends["serving_default"].node_id, ends["other"].node_id = ends["other"].node_id, ends["serving_default"].node_id
        del graph.signature_def["other"]
        refuse_folder(tmp_path / kind.__name__, program, "its program holds WriteFile; only arithmetic is loaded")
    assert not touched.exists()


def test_objects_of_a_saved_model_that_would_be_looked_up(tmp_path: Path) -> None:
    program = exported(tmp_path / "m")
    node = program.meta_graphs[0].object_graph_def.nodes[0]
    node.registered_name = "mine.Evil"
    refuse_folder(tmp_path / "m", program, r"holds a registered mine\.Evil, which TensorFlow would start")
    node.registered_name, node.registered_saver = "", "mine.Saver"
    refuse_folder(tmp_path / "m", program, "holds a saver of its own")
    node.registered_saver = ""
    program.meta_graphs[0].object_graph_def.nodes.add().asset.asset_file_def_index = 0
    refuse_folder(tmp_path / "m", program, "holds a asset, which TensorFlow would start")


@pytest.mark.parametrize(
    ("name", "operator"),
    [("io.read_file", "ReadFile"), ("io.matching_files", "MatchingFiles"), ("print", "PrintV2|StringFormat"),
     ("io.decode_raw", "DecodeRaw"), ("strings.to_number", "StringToNumber"), ("py_function", "EagerPyFunc"),
     ("random.normal", "RandomStandardNormal")],
)  # fmt: skip
def test_operators_other_than_arithmetic_are_named(tmp_path: Path, name: str, operator: str) -> None:
    tensorflow = load_tensorflow()
    call = functools.reduce(getattr, name.split("."), tensorflow)

    def other(x: Any) -> Any:
        if name == "py_function":
            return {"y": call(lambda one: one, [x], tensorflow.float32)}
        if name == "random.normal":
            return {"y": x + call((1, 3))}
        more = ("float32",) if name == "io.decode_raw" else ()
        with tensorflow.control_dependencies([made] if (made := call("a", *more)) is not None else []):
            return {"y": x + 1.0}

    program = exported(tmp_path / "m", other=other)
    nodes = program.meta_graphs[0].object_graph_def.nodes
    place = next(child.node_id for child in nodes[0].children if child.local_name == "signatures")
    ends = {child.local_name: child for child in nodes[place].children}
    ends["serving_default"].node_id = ends["other"].node_id
    refuse_folder(tmp_path / "m", program, f"its program holds .*({operator})")
