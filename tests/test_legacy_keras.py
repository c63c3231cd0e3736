"""The door to TensorFlow: quiet, and closed to Keras 3 with one clear message."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tinykit.ground.errors import KerasVersionError, MissingPackageError, ModelError
from tinykit.train.keras import load_keras, quiet, require_model


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_loading_says_nothing() -> None:
    done = run("from tinykit.train.keras import load_tfmot; load_tfmot()")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_keras_3_in_the_process_gets_one_clear_message() -> None:
    code = """
import sys, types
sys.modules["keras"] = types.SimpleNamespace(__version__="3.15.1")
from tinykit.ground.errors import KerasVersionError
from tinykit.train import zoo
try:
    zoo.build_network("watch-cnn")
except KerasVersionError as error:
    print(error)
print("tensorflow" in sys.modules)
"""
    done = run(code)
    assert "Keras 3.15.1 is already loaded" in done.stdout
    assert "Restart the kernel" in done.stdout
    assert done.stdout.endswith("False\n")


def test_a_keras_3_model_is_named_as_such() -> None:
    foreign = type("Functional", (), {"__module__": "keras.src.models.functional"})
    with pytest.raises(KerasVersionError, match="Functional is a Keras 3 model"):
        require_model(foreign())


def test_other_objects_and_unbuilt_models_are_refused() -> None:
    with pytest.raises(ModelError, match="int is not a tf-keras model"):
        require_model(3)
    keras = load_keras()
    with pytest.raises(ModelError, match="has no input shape yet"):
        require_model(keras.Sequential([keras.layers.Dense(2)]))


def test_missing_tensorflow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tf_keras", raising=False)

    def refuse(name: str) -> None:
        raise ModuleNotFoundError("absent", name=name)

    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr("tinykit.train.keras.importlib.import_module", refuse)
    with pytest.raises(MissingPackageError, match=r"tf_keras is not installed; pip install .*'tensorflow==2\.21\.0'"):
        load_keras()


def test_quiet_silences_the_file_descriptors(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        subprocess.run(["echo", "chatter"], check=True)
    subprocess.run(["echo", "heard"], check=True)
    assert capfd.readouterr().out == "heard\n"
