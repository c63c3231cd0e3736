"""Private members of other packages that the kit uses, each with a canary: a release that moves one is told by name.

The list is whole: what is reached through an underscore elsewhere fails a test here.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models import small_cnn

PACKAGE = Path(__file__).resolve().parents[1] / "tinykit"
USED = {
    "tf_keras": {"_name", "_keras_history", "_could_use_gpu_kernel"},
    "tflite_micro": {"_interpreter", "_runtime"},
    "unicorn": {"_uch", "unicorn.unicorn_py3.unicorn"},
    "tensorflow_model_optimization": {"tensorflow_model_optimization.python"},
    "ipywidgets": {"_property_lock"},
    "matplotlib": {"_renderer", "_init_axis", "_update_title_position"},
}
"""By package: attributes, and modules that it does not document."""
OF_PYTHON = {"_exit", "_SubParsersAction", "_asdict"}


def foreign_privates(tree: ast.Module) -> Iterator[str]:
    """Private attributes in a module's code that it does not define itself, and private modules it names."""
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    own |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_set_on_self(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if name.startswith("_") and not name.startswith("__") and name not in own:
                yield name
            case ast.Constant(value=str(text)) if text.startswith("tensorflow_model_optimization.python"):
                yield "tensorflow_model_optimization.python"
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("unicorn.unicorn_py3"):
                yield f"{module}.{names[0].name}"


def is_set_on_self(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_private_of_others_is_used_that_no_canary_watches(path: Path):
    found = set(foreign_privates(ast.parse(path.read_text(encoding="utf-8"))))
    assert found <= set().union(*USED.values()) | OF_PYTHON


def test_keras_layers_keep_their_name_and_history_where_they_did():
    keras = importlib.import_module("tf_keras")
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
    model.layers[0]._name = "renamed"
    assert model.layers[0].name == "renamed"
    assert model.inputs[0]._keras_history.layer.name


def test_recurrent_layers_choose_their_kernel_where_they_did():
    layers = importlib.import_module("tf_keras").layers
    assert [layers.LSTM(2)._could_use_gpu_kernel, layers.GRU(2)._could_use_gpu_kernel] == [True, True]
    assert not layers.LSTM(2, unroll=True)._could_use_gpu_kernel
    assert layers.LSTM(2, unroll=False).unroll is False


def test_the_quantisation_registry_stands_where_it_did():
    from tinykit.train.compress import support
    from tinykit.train.keras import load_keras, load_tfmot

    load_tfmot()
    registry = importlib.import_module(support._REGISTRY).Default8BitQuantizeRegistry()
    assert registry.supports(load_keras().layers.ReLU())


def test_the_interpreter_has_the_members_that_the_child_reaches_for():
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(small_cnn())
    assert callable(interpreter._interpreter.GetTensor)
    assert callable(runtime._runtime.InterpreterWrapper)
    assert runtime._runtime.PythonInterpreterConfig.kAllocationRecording is not None
    assert runtime.InterpreterConfig.kPreserveAllTensors is not None
    assert callable(runtime.count_resource_variables)


def test_the_emulator_gives_its_handle_and_its_library():
    from unicorn import UC_ARCH_ARM, UC_MODE_THUMB, Uc
    from unicorn.unicorn_py3 import unicorn as binding

    assert Uc(UC_ARCH_ARM, UC_MODE_THUMB)._uch is not None
    assert callable(binding.uclib.uc_hook_add)
    assert callable(binding.uclib.uc_emu_stop)


def test_a_widget_knows_what_a_page_is_telling_it():
    import ipywidgets

    moved, told = ipywidgets.FloatSlider(), []
    moved.observe(lambda change: told.append(bool(change["owner"]._property_lock)), names="value")
    moved.set_state({"value": 3.0})
    moved.value = 4.0
    assert told == [True, False]


def test_matplotlib_has_the_members_that_quick_pictures_replace():
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg

    assert callable(Axes._init_axis)
    assert callable(Axes._update_title_position)
    assert callable(RendererAgg(10, 10, 72)._renderer.draw_text_image)
    assert callable(FigureCanvasAgg.get_renderer)
