"""Every panel of the kit, found by its module and made with what its constructor asks for: none is listed by hand."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

import tinykit.show.panels
from tests.models import Net
from tinykit.model.graph.reading import read
from tinykit.predict.runtime.verify import Answers
from tinykit.show.panels.shell import Panel
from tinykit.train.datasets.dataset import Split

NAMES = sorted(tinykit.show.panels.PANELS)
RNG = np.random.default_rng(5)
N = 60
CLASSES = ("PEN", "ABD", "<b>FEL")
SPLIT = Split(
    np.zeros((N, 4, 1, 2), np.float32), np.arange(N) % 3, np.repeat([8, 9], N // 2), np.repeat(np.arange(10), N // 10)
)
PREDICTED = np.where(np.arange(N) % 5 == 0, 1, SPLIT.y)
OUTPUTS = RNG.integers(-128, 128, (40, 3)).astype(np.float64)
ANSWERS = Answers(
    (OUTPUTS,), (1.0,), ("LSB",),
    {"litert-reference": (OUTPUTS,), "litert-xnnpack": (OUTPUTS + (RNG.random((40, 3)) < 0.1),)},
)  # fmt: skip
MODEL = (Net((1, 16, 16, 3)).conv(8, (3, 3), (2, 2)).depthwise((3, 3)).conv(16, (1, 1))).flatten().dense(4).softmax()
GRAPH = read(MODEL.to_bytes(), name="<script>alert(1)<script>.tflite")
GIVEN: dict[str, Any] = {
    "graph": GRAPH,
    "predicted": PREDICTED,
    "split": SPLIT,
    "classes": CLASSES,
    "answers": ANSWERS,
    "name": "<script>alert(2)<script>.tflite",
}
"""What a parameter of any panel is given in tests; texts from outside are hostile ones."""


def parameters_of(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(tinykit.show.panels, name)).parameters)


def make_panel(name: str, **given: Any) -> Panel[Any]:
    """A panel by its name, with everything it must be given and, of what it may be, the name of a model."""
    chosen = GIVEN | given
    wanted = [one for one in parameters_of(name).values() if one.default is one.empty or one.name == "name"]
    unknown = [one.name for one in wanted if one.name not in chosen]
    assert not unknown, f"{name} must be given {unknown}: say in tests/panels.py what"
    panel: Panel[Any] = getattr(tinykit.show.panels, name)(**{one.name: chosen[one.name] for one in wanted})
    return panel


def places_of(control: Any, most: int) -> list[Any]:
    """Values of a control other than its own: first options, places on a slider from ends to middle, numbers."""
    if hasattr(control, "options"):
        values = [one[1] if isinstance(one, tuple) else one for one in control.options]
    elif isinstance(control.value, bool):
        values = [not control.value]
    elif isinstance(control.value, str):
        values = ["5", "0.5"]
    else:
        ends = np.array([0.1, 0.9, 0.5, 0.0, 1.0]) * (control.max - control.min) + control.min
        values = [float(control.base**end if hasattr(control, "base") else end) for end in ends]
    return [value for value in values if value != control.value][:most]


def state_of(panel: Panel[Any]) -> tuple[str, bytes, str]:
    """What is seen of a panel: its line, its picture, its verdict."""
    return repr(panel), bytes(panel.picture.value), panel.verdict.value


def reset(panel: Panel[Any], start: dict[str, Any]) -> None:
    """Every control back to a value; twice, as a board or a core changes the range of others."""
    for control, value in [*start.items()] * 2:
        getattr(panel, control).value = value


def finds_a_move(panel: Panel[Any], control: str) -> bool:
    """Whether some value of a control gives a result and changes line and view, as the others stand or one moved."""
    start = {name: widget.value for name, widget in panel._controls.items()}
    others = [(name, place) for name in start if name != control for place in places_of(panel._controls[name], 3)]
    for moved in [{}, *({name: place} for name, place in others)]:
        reset(panel, start | moved)
        line, *view = state_of(panel)
        for value in places_of(panel._controls[control], 10):
            getattr(panel, control).value = value
            now, *seen = state_of(panel)
            if panel.result is not None and now != line and seen != view:
                return True
    return False
