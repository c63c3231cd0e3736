"""Models of Keras 3: rebuilt in tf-keras with the outputs that Keras 3 itself gives, or refused by the layer's name."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.keras3_models import CARRIED, LOST
from tinykit.ground import limits
from tinykit.ground.caches import clear_caches
from tinykit.ground.errors import DataError, EngineError, KerasVersionError, ModelError
from tinykit.model.graph.reading import read
from tinykit.show.cli.models import open_model
from tinykit.train.compress.pruning import prune
from tinykit.train.compress.quantising import quantise_aware
from tinykit.train.compress.recipe import Training
from tinykit.train.conversion import converter, keras3_model, saved_model
from tinykit.train.conversion.converter import WARM
from tinykit.train.conversion.converting import convert, convert_all
from tinykit.train.conversion.keras3_description import carry
from tinykit.train.conversion.keras_file import copy_inspected, inspect_keras_file, load_inspected, load_model
from tinykit.train.datasets.shipped import load_dataset
from tinykit.train.keras import load_tensorflow, quiet

RNG = np.random.default_rng(0)
HALF = {"half"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that Keras 3 saves for these tests, by one process of it."""
    folder = tmp_path_factory.mktemp("keras3")
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "tests.keras3_models", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return folder


def drawn(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * RNG.standard_normal((20, *shape))).astype(np.float32)


def compare(model: Any, folder: Path, name: str) -> None:
    with np.load(folder / f"{name}.npz") as told:
        samples = [told[key] for key in sorted(told) if key[0] == "x"]
        wanted = [told[key] for key in sorted(told) if key[0] == "y"]
    found = load_tensorflow().nest.flatten(model(samples if len(samples) > 1 else samples[0], training=False))
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(
            ours, theirs, rtol=1e-2 if name in HALF else 1e-4, atol=2e-3 if name in HALF else 2e-5
        )


@pytest.mark.parametrize("name", CARRIED)
def test_outputs_are_those_of_keras_3(made: Path, tmp_path: Path, name: str) -> None:
    """From the archive, proven in the child, and from the older `.h5`."""
    compare(load_model(made / f"{name}.keras"), made, name)
    found, copy = copy_inspected(made / f"{name}.h5", tmp_path)
    assert found.keras_version.startswith("3.")
    compare(load_inspected(copy, name, quantised=False, pruned=False), made, name)


REASONS = {
    "newer": r"tf-keras: Resizing 'small', GroupNormalization 'groups', Dense 'dense' \(activation hard_tanh\), "
    r"BatchNormalization 'again' \(renorm=True\)\nbuild these with layers",
    "quantised": r"tf-keras: .*Dense 'small' \(of type QuantizedDTypePolicy\)",
    "inside": r"tf-keras: Dense 'dense' \(activation hard_silu\), SimpleRNN 'steps' \(activation hard_sigmoid\), "
    r"LSTM 'memory' \(recurrent_activation hard_sigmoid\)",
    "sums": "tf-keras: operation Cumsum 'cumsum'\n",
    "kept": r"tf-keras: LSTM 'memory' \(stateful=True\)",
    "code": "holds a Lambda, which is code; it is not loaded",
    "own": "holds custom 'mine>Dense', which is code",
}


@pytest.mark.parametrize("kind", [".keras", ".h5"])
@pytest.mark.parametrize("name", LOST)
def test_what_cannot_be_carried_is_named(made: Path, name: str, kind: str) -> None:
    with pytest.raises(ModelError, match=REASONS[name]) as caught:
        inspect_keras_file(made / f"{name}{kind}")
    assert str(caught.value).count("\n") < 3


def test_what_is_known_before_loading(made: Path) -> None:
    found = inspect_keras_file(made / "pair.keras")
    assert (found.input_names, found.input_shapes) == (("a", "b"), ((8,), (8,)))
    assert ("Sequential", "sub") in found.layers
    assert inspect_keras_file(made / "nested.h5").input_shapes == ((6,),)
    assert inspect_keras_file(made / "fixed.keras").input_shapes == ((8,),)


def edit(source: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same archive with another description."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                described = json.loads(content)
                change(described)
                content = json.dumps(described).encode()
            copy.writestr(name, content)
    return target


DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 2}, "registered_name": None}
EVIL = [
    ({"class_name": "Popen", "module": "subprocess", "config": {"name": "p"}}, "custom 'Popen' of module subprocess"),
    (DENSE | {"module": "os"}, "custom 'Dense' of module os"),
    (DENSE | {"registered_name": "mine>Dense"}, "holds custom 'mine>Dense', which is code"),
    (DENSE | {"class_name": "mine>Dense"}, "holds custom 'mine>Dense', which is code"),
    (DENSE | {"class_name": "TFSMLayer"}, "cannot be carried from Keras 3 to tf-keras: TFSMLayer 'd'"),
    (DENSE | {"class_name": "TFOpLambda"}, "calls the TensorFlow function 'None'"),
    (
        DENSE | {"class_name": "TFOpLambda", "config": {"name": "d", "function": "math.add"}},
        "to tf-keras: TFOpLambda 'd'",
    ),
    ({"class_name": "__lambda__", "module": "builtins", "config": {"value": "x"}}, "__lambda__, which is code"),
    ({"class_name": "function", "module": "builtins", "config": "eval"}, "custom 'function' of module builtins"),
    ({"class_name": "__keras_tensor__", "module": "os", "config": {}}, "custom '__keras_tensor__' of module os"),
]


@pytest.mark.parametrize(("item", "message"), EVIL)
def test_strangers_code_is_refused_wherever_it_stands(made: Path, tmp_path: Path, item: Any, message: str) -> None:
    def as_layer(described: dict[str, Any]) -> None:
        described["config"]["layers"].append(item)

    def as_argument(described: dict[str, Any]) -> None:
        described["config"]["layers"][-1]["config"]["units"] = item

    def as_call(described: dict[str, Any]) -> None:
        described["config"]["layers"][-1]["inbound_nodes"] = [{"args": [], "kwargs": {"training": item}}]

    for change in (as_layer, as_argument, as_call):
        path = edit(made / "mixed.keras", tmp_path / "m.keras", change)
        with pytest.raises(ModelError, match=message):
            load_model(path)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"class_name": "Sequential", "config": {"name": "m"}}, r"not as Keras 3 writes it \(KeyError"),
        ({"class_name": "Sequential", "config": {"name": "m", "layers": [3]}}, "not as Keras 3 writes it"),
        ([], "not as Keras 3 writes it"),
        ({"class_name": "Functional", "config": {"name": "m", "layers": [], "input_layers": [["a", 0, 0]]}}, "not as"),
        (
            DENSE | {"config": {"name": "d", "dtype": {"class_name": "DTypePolicy", "config": {"name": "int8"}}}},
            "of type",
        ),
    ],
)
def test_descriptions_that_are_none(described: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        carry(described, "m.keras")


def test_a_description_too_deep() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ModelError, match="its layers are nested too deep"):
        carry({"class_name": "Sequential", "config": {"layers": deep}}, "m.keras")


def test_a_newer_keras_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["keras_version"] = "4.0.0"
        file.attrs["model_config"] = json.dumps(DENSE)
    with pytest.raises(
        KerasVersionError, match=r"saved by Keras 4\.0\.0; this kit reads models of tf-keras and of Keras 3"
    ):
        inspect_keras_file(tmp_path / "m.h5")


def change_weights(source: Path, target: Path, change: Callable[[h5py.File], None]) -> Path:
    members = {}
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            members[name] = archive.read(name)
    weights = target.with_suffix(".weights.h5")
    weights.write_bytes(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        change(file)
    members["model.weights.h5"] = weights.read_bytes()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target


def reshape(file: h5py.File) -> None:
    del file["layers/dense/vars/1"]
    file["layers/dense/vars/1"] = np.zeros(7, "f4")


def take_away(file: h5py.File) -> None:
    del file["layers/dense"]


def add(file: h5py.File) -> None:
    file["layers/dense_9/vars/0"] = np.zeros(7, "f4")


def add_part(file: h5py.File) -> None:
    file["layers/dense/lora/0"] = np.zeros(7, "f4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (reshape, r"the weights of layer 'dense\w*' do not fit: \(7,\) stored, \(8,\) wanted"),
        (take_away, "holds no weights for dense"),
        (add, "the weights of layer 'dense_9' do not fit: None stored, None wanted"),
        (add_part, "the weights of layer 'dense.* lora' do not fit"),
    ],
)
def test_weights_of_another_model(
    made: Path, tmp_path: Path, change: Callable[[h5py.File], None], message: str
) -> None:
    path = change_weights(made / "pair.keras", tmp_path / "m.keras", change)
    with pytest.raises(ModelError, match=message):
        load_model(path)


def as_on_windows(file: h5py.File) -> None:
    """Groups named by a path with the other slash."""
    for name in names_of(file, "dense"):
        group, _, last = name.rpartition("/")
        stem, _, own = group.rpartition("/")
        content = file[name][()]
        del file[name]
        file.require_group(stem.replace("/", "\\")).require_group(own)[last] = content


def names_of(file: h5py.File, part: str) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if part in name and hasattr(item, "dtype") else None)
    return found


def test_weights_saved_on_windows(made: Path, tmp_path: Path) -> None:
    path = change_weights(made / "gru.keras", tmp_path / "m.keras", as_on_windows)
    compare(load_model(path), made, "gru")


def test_outputs_that_differ_are_refused(made: Path, tmp_path: Path) -> None:
    """As if a layer of the same name computed something else."""
    _, copy = copy_inspected(made / "gru.keras", tmp_path)
    told = json.loads(copy.read_text())
    told["tf_keras"]["config"]["layers"][1]["config"]["activation"] = "relu"
    copy.write_text(json.dumps(told))
    job = {"model": str(copy), "name": "gru.keras", "quantised": False, "pruned": False, "precisions": [], "shapes": []}
    with pytest.raises(ModelError, match=r"gru\.keras: rebuilt in tf-keras its outputs are [0-9.]+ of their size off"):
        converter.ask_converter(job)


class Elsewhere:
    """A Keras 3 that cannot read the model, or none."""

    __version__ = "3.99"

    def __getattr__(self, name: str) -> Any:
        raise ImportError(name)


def test_without_keras_3_the_weights_are_the_proof(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, copy = copy_inspected(made / "gru.keras", tmp_path)
    model = load_inspected(copy, "gru.keras", quantised=False, pruned=False)
    monkeypatch.setattr(keras3_model.importlib, "import_module", lambda _: Elsewhere())
    assert "by count and shape; Keras 3.99 does not read it" in keras3_model.prove(model, copy, "gru.keras")
    monkeypatch.setattr(keras3_model.importlib, "import_module", Elsewhere().__getattr__)
    assert "Keras 3 is not installed" in keras3_model.prove(model, copy, "gru.keras")


def run(content: bytes, samples: dict[str, np.ndarray]) -> list[np.ndarray]:
    """LiteRT's outputs for one sample, in the order of their names."""
    from ai_edge_litert.interpreter import Interpreter

    engine = Interpreter(model_content=content)
    engine.allocate_tensors()
    for place in engine.get_input_details():
        name = place["name"].removeprefix("serving_default_").removesuffix(":0")
        engine.set_tensor(place["index"], samples[name][None])
    engine.invoke()
    return [engine.get_tensor(place["index"])[0] for place in engine.get_output_details()]


def test_two_inputs_by_name_by_order_and_from_an_npz(made: Path, tmp_path: Path) -> None:
    """Each input is calibrated with its own samples, in whichever order the converter writes them."""
    a, b = drawn(8), drawn(8, scale=10.0)
    by_name = convert_all(made / "pair.keras", ("int8", "float32"), representative={"b": b, "a": a})
    scales = {}
    graph = read(by_name["int8"].model)
    for index in graph.inputs:
        scales[graph.tensors[index].name.removeprefix("serving_default_")[0]] = graph.tensors[index].scales[0]
    assert scales["a"] == pytest.approx(np.ptp(np.append(a, 0)) / 255, rel=0.02)
    assert scales["b"] == pytest.approx(np.ptp(np.append(b, 0)) / 255, rel=0.02)
    assert any(note.startswith("order of inputs: serving_default_") for note in by_name["int8"].notes)
    assert any("outputs equal those of Keras 3" in note for note in by_name["int8"].notes)
    assert convert(made / "pair.h5", representative=[a, b]).sha256 == by_name["int8"].sha256
    model = load_model(made / "pair.keras")
    (found,) = run(by_name["float32"].model, {"a": a[3], "b": b[3]})
    np.testing.assert_allclose(found, model([a[3:4], b[3:4]])[0], rtol=1e-4, atol=1e-4)
    np.savez(tmp_path / "named.npz", b=b, a=a)
    np.savez(tmp_path / "in_order.npz", a, b)
    shutil.copy(made / "pair.keras", tmp_path / "pair.hdf5")
    for file in ("named.npz", "in_order.npz"):
        assert open_model(str(tmp_path / "pair.hdf5"), str(tmp_path / file)).sha256 == by_name["int8"].sha256


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (None, "no representative samples"),
        (
            drawn(8),
            r"the network has 2 inputs; give one array for each of them,\nas a list in this order or by name: a, b",
        ),
        ({"a": drawn(8)}, "the network has 2 inputs"),
        ([drawn(8)] * 3, "the network has 2 inputs"),
        ([drawn(8), drawn(7)], r"input 'b': representative samples of shape \(20, 7\)"),
        ([drawn(8), drawn(8)[:15]], r"representative samples of a, b differ in number: \[20, 15\]"),
    ],
)
def test_samples_that_do_not_fit_two_inputs(made: Path, samples: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        convert(made / "pair.keras", representative=samples)


@pytest.mark.parametrize("name", ["gru", "states", "masked"])
def test_recurrent_layers_without_a_kernel_are_unrolled(made: Path, name: str) -> None:
    """A loop breaks the converter; steps written out run in every interpreter."""
    made_of = convert(made / f"{name}.keras", precision="float32")
    assert any(note.startswith("recurrent layers without a kernel are unrolled: ") for note in made_of.notes)
    kinds = {operator.name for operator in read(made_of.model).operators}
    assert not kinds & {"WHILE", "CALL_ONCE"}
    with np.load(made / f"{name}.npz") as told:
        (found,) = run(made_of.model, {"x": told["x0"][0]})
        np.testing.assert_allclose(found, told["y0"][0], rtol=1e-4, atol=1e-5)


def test_exported_folders(made: Path) -> None:
    a, b = drawn(8), drawn(8)
    folder = made / "pair-exported"
    found = convert(folder, precision="float32")
    direct = convert(made / "pair.keras", precision="float32")
    (ours,), (theirs,) = (run(one.model, {"a": a[0], "b": b[0]}) for one in (found, direct))
    assert ours.shape == theirs.shape
    assert convert(folder, representative={"a": a, "b": b}).quantisation == "ptq"
    assert open_model(str(made / "ordered-exported")).precision == "float32"
    with pytest.raises(
        ModelError, match=r"its recurrent layers are exported as loops of open length.*\nsave the model as .keras"
    ):
        convert(made / "loop-exported", precision="float32")


def test_folders_that_are_no_saved_model(made: Path, tmp_path: Path) -> None:
    def refuse(message: str) -> None:
        with pytest.raises(ModelError, match=message):
            convert(tmp_path / "m", precision="float32")

    (tmp_path / "m").mkdir()
    refuse(r"m: a folder without saved_model\.pb, so no SavedModel")
    shutil.copytree(made / "ordered-exported", tmp_path / "m", dirs_exist_ok=True)
    program, index = tmp_path / "m/saved_model.pb", tmp_path / "m/variables/variables.index"
    whole = program.read_bytes()
    index.rename(tmp_path / "moved")
    index.symlink_to(tmp_path / "moved")
    refuse(r"variables\.index is a link or no file")
    index.unlink()
    refuse("this SavedModel cannot be loaded")
    program.write_bytes(whole[: len(whole) // 2])
    refuse(r"its saved_model\.pb is damaged or truncated")
    program.write_bytes(b"")
    refuse("a SavedModel of TensorFlow 1 or of several graphs")


def test_a_folder_over_its_limit(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WEIGHTS_BYTES", 1000)
    with pytest.raises(ModelError, match="over 1000 bytes or 16 parts"):
        saved_model.copy_saved_model(made / "ordered-exported", tmp_path)

    def fail(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(limits, "WEIGHTS_BYTES", 2**30)
    monkeypatch.setattr(saved_model.shutil, "copyfile", fail)
    with pytest.raises(ModelError, match=r"cannot be copied to be looked at \(Permission denied\)"):
        saved_model.copy_saved_model(made / "ordered-exported", tmp_path)


def test_programs_that_do_more_than_arithmetic(tmp_path: Path) -> None:
    """Neither what a signature computes nor what an object brings along may touch a file."""
    tensorflow, touched = load_tensorflow(), tmp_path / "touched"

    def save(
        name: str, body: Callable[[Any], Any], shape: tuple[int | None, ...] = (1, 3), kind: str = "float32"
    ) -> Path:
        module = tensorflow.Module()
        module.f = tensorflow.function(body, input_signature=[tensorflow.TensorSpec(shape, kind, name="x")])
        if name == "table":
            start = tensorflow.lookup.KeyValueTensorInitializer(["a"], [1.0])
            module.table = tensorflow.lookup.StaticHashTable(start, 0.0)
        signatures = {} if name == "none" else {"serving_default": module.f}
        with quiet():
            tensorflow.saved_model.save(module, str(tmp_path / name), signatures=signatures)
        return tmp_path / name

    def write(x: Any) -> Any:
        with tensorflow.control_dependencies([tensorflow.io.write_file(str(touched), "x")]):
            return {"y": x + 1.0}

    def plain(x: Any) -> Any:
        return {"y": x + 1.0}

    assert convert(save("plain", plain), precision="float32").flatbuffer_bytes > 0
    for folder, message in (
        (save("write", write), "its program holds WriteFile; only arithmetic is loaded"),
        (save("table", plain), "holds a resource, which TensorFlow would start; only arithmetic is loaded"),
        (save("none", plain), r"no signature serving_default \(it has: none\)"),
        (
            save("whole", lambda x: {"y": x + 1}, kind="int32"),
            r"input 'x' takes int32 \(1, 3\); export it with float32",
        ),
        (save("open", plain, (1, None)), "has an open size"),
    ):
        with pytest.raises(ModelError, match=message):
            convert(folder, precision="float32")
    assert not touched.exists()


@pytest.mark.parametrize("name", ["ordered", "branched"])
def test_pruning_and_qat_work_on_what_was_carried(made: Path, name: str) -> None:
    whole, quick = load_dataset(), Training(1, 1e-3, 64)
    few = {part: getattr(whole, part).take(128) for part in ("train", "validation", "test")}
    data, model = replace(whole, **few), load_model(made / f"{name}.keras")
    pruned = prune(model, data, 0.5, fit=quick)
    assert all(layer.sparsity == pytest.approx(0.5, abs=0.05) for layer in pruned.layers)
    trained = quantise_aware(pruned.model, data, fit=quick)
    assert convert(trained.model).quantisation == "qat"


def test_a_second_conversion_finds_the_process_warm(made: Path) -> None:
    clear_caches()
    assert not WARM._kept
    first = convert(made / "mixed.keras", precision="float32")
    ((kept, uses),) = WARM._kept
    assert (kept.alive, uses) == (True, 1)
    again = convert(made / "mixed.keras", precision="float32")
    assert WARM._kept[0] == (kept, 2)
    assert again.sha256 == first.sha256
    with pytest.raises(EngineError, match=r"did not end within 0\.001 s"):
        convert(made / "mixed.keras", precision="float32", timeout_s=0.001)
    assert not kept.alive
    assert not WARM._kept
