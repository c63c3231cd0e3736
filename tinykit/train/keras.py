"""The one door to TensorFlow: tf-keras and tfmot, loaded quietly and in the only combination that works.

tfmot 0.8.1 prunes and quantises tf-keras models alone. Given a model of Keras 3 it fails with messages that do not say
so, and `cluster_weights` silently returns None. So everything here speaks `tf_keras`, never `tf.keras`.
"""

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tinykit.ground.errors import (
    KerasVersionError,
    MissingPackageError,
    ModelError,
    ParameterError,
    name_install,
    refuse_shortage,
)

_SETTINGS = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}

_THREADS = "TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS".split()
"""What TensorFlow and NumPy read as they are loaded."""


def load_keras() -> Any:
    """The module `tf_keras`, TensorFlow loaded without a word on stdout or stderr.

    Raises
    ------
    KerasVersionError : this process has already loaded Keras 3.
    MissingPackageError : the extra `train` is not installed.
    """
    return _load("tf_keras")


def load_tensorflow() -> Any:
    """The module `tensorflow`; errors as `load_keras`."""
    load_keras()
    return _load("tensorflow")


def load_tfmot() -> Any:
    """The module `tensorflow_model_optimization`; errors as `load_keras`."""
    load_keras()
    return _load("tensorflow_model_optimization")


def limit_threads(count: int) -> None:
    """Have TensorFlow in this process, and the converters it starts from now on, work with so many threads.

    NumPy too, where nothing has loaded it yet.

    Raises
    ------
    ParameterError : not a whole number from 1; or TensorFlow runs already, and with other threads.
    """
    wanted = dict.fromkeys(_THREADS, str(count))
    if not isinstance(count, int) or count < 1:
        raise ParameterError(f"threads {count!r}: give a whole number from 1, such as 1 for each of several processes")
    if "tensorflow" in sys.modules and not wanted.items() <= os.environ.items():
        told = f"TensorFlow runs in this process and keeps its threads; {count} can no longer be asked for"
        raise ParameterError(f"{told}\ncall limit_threads before anything loads TensorFlow, first in the process")
    os.environ.update(wanted)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send file descriptors 1 and 2 to nowhere and drop warnings: TensorFlow's C++ does not ask `sys.stderr`."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.flush()
    saved = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def require_model(model: object) -> Any:
    """The model itself if it is a built tf-keras model.

    Raises
    ------
    KerasVersionError : it is a Keras 3 model.
    ModelError : it is no model, or not built.
    """
    origins = {cls.__module__.split(".")[0] for cls in type(model).__mro__}
    if "keras" in origins:
        raise KerasVersionError(
            f"{type(model).__name__} is a Keras 3 model; tfmot and this kit work on tf-keras.\n"
            "Save it with model.save('m.keras'); load_model('m.keras') of tinykit.train brings it to tf-keras"
        )
    if not isinstance(model, load_keras().Model):
        raise ModelError(f"{type(model).__name__} is not a tf-keras model; build one or load it with load_model")
    if not model.built:
        raise ModelError(f"model {model.name!r} has no input shape yet; start it with an Input layer")
    return model


def _load(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    _refuse_keras_3()
    refuse_shortage("TensorFlow", "MemoryError", 3 * 2**30)  # it would abort
    os.environ.update(_SETTINGS)
    with quiet():
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise MissingPackageError(f"{error.name} is not installed; {name_install('train')}") from error
        if name == "tf_keras":
            tensorflow = importlib.import_module("tensorflow")
            tensorflow.get_logger().setLevel("ERROR")
            tensorflow.constant(0)
            importlib.import_module("absl.logging").set_verbosity("error")
    return module


def _refuse_keras_3() -> None:
    # tfmot itself imports Keras 3, harmlessly, after tf_keras: only Keras 3 without tf_keras is the trap.
    loaded = sys.modules.get("keras")
    if loaded is None or "tf_keras" in sys.modules:
        return
    version = str(getattr(loaded, "__version__", "3"))
    if int(version.split(".", maxsplit=1)[0]) >= 3:
        raise KerasVersionError(
            f"Keras {version} is already loaded in this process; pruning and QAT need tf-keras.\n"
            "Restart the kernel, then build models with tinykit.train or `import tf_keras` before tensorflow or keras"
        )
