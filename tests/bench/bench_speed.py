"""How long answers take: a graph read, all boards checked, a compilation for an NPU, and one move of every panel.

The wall clock of a shared machine says as much of its neighbours as of the kit, so the time of the processor stands
beside it, which misses only what a child process does; and because neighbours slow a processor down as well, that time
is divided by how much slower than its best a yardstick ran just before. Each repetition asks about bytes not seen
before, and each move goes to a value not shown before.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.peer import Peer
from tests.panels import NAMES, make_panel
from tests.test_arena import REFERENCE_NETWORKS
from tinykit.budget.fit.check import check_fit_all
from tinykit.ground.errors import TinykitError
from tinykit.model.graph.model import ModelGraph
from tinykit.model.graph.reading import read
from tinykit.predict.npu.compiling import compile_for_npu
from tinykit.show.panels.shell import Panel

TITLE = "Speed: medians in milliseconds"
_REPEATS = 15
_best = [math.inf]
_CONTROLS = {"ArenaPanel": "block", "SubjectPanel": "part", "BoardRunPanel": "ram_kib"}
"""Which control to move where the first slider is not the one, or there is none."""


def table() -> list[dict[str, object]]:
    """One row per answer with its limit, this kit's first, mcufit's after them, then the load of the machine."""
    model = REFERENCE_NETWORKS["vww"]().to_bytes()
    fresh = (model + bytes(count) for count in itertools.count())
    size = f"{len(model):,} bytes"
    _best[0] = min(_yardstick() for _ in range(200))
    graphs = _graphs_of(fresh)
    without_engine = functools.partial(check_fit_all, use_engine=False)
    rows = [
        _row(f"read a model of {size}", 15, read, _bytes_of(fresh)),
        _row("check_fit_all, the whole catalogue", 100, without_engine, graphs),
        _row("the same, the warm TFLM child asked", 300, check_fit_all, graphs),
        _row("compile_for_npu, one configuration, warm", 100, compile_for_npu, graphs),
    ]
    rows += [_time_panel(name) for name in NAMES]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return [*rows, *_time_peer(model), {"answer": f"load {load} on {os.cpu_count()} cores, {_REPEATS} repetitions"}]


def _bytes_of(fresh: Iterator[bytes]) -> Callable[[], bytes]:
    return lambda: next(fresh)


def _graphs_of(fresh: Iterator[bytes]) -> Callable[[], ModelGraph]:
    return lambda: read(next(fresh))


def _row(
    answer: str, limit_ms: float | None, ask: Callable[[Any], object], make: Callable[[], Any]
) -> dict[str, object]:
    """Time `ask` on what `make` gives, which is not timed; the first answer, which starts children, is left out."""
    walls, own, slow = [], [], []
    for _ in range(_REPEATS + 1):
        thing = make()
        slow.append(min(_yardstick() for _ in range(3)))
        wall, processor = time.perf_counter(), time.process_time()
        ask(thing)
        own.append(time.process_time() - processor)
        walls.append(time.perf_counter() - wall)
    _best[0] = min(_best[0], *slow)
    alone = [spent * _best[0] / pace for spent, pace in zip(own, slow, strict=True)]
    return {
        "answer": answer,
        "limit": limit_ms,
        "median": round(1e3 * statistics.median(walls[1:]), 1),
        "least": round(1e3 * min(walls[1:]), 1),
        "processor: median": round(1e3 * statistics.median(own[1:]), 1),
        "undisturbed": round(1e3 * statistics.median(alone[1:]), 1),
        "first": round(1e3 * walls[0], 1),
    }


def _yardstick() -> float:
    """Seconds of the processor for a fixed piece of Python, about 2 ms."""
    start, total = time.process_time(), 0
    for number in range(50_000):
        total += number
    return time.process_time() - start


def _time_panel(name: str) -> dict[str, object]:
    try:
        panel = _make(name)
    except (TinykitError, OSError) as error:
        return {"answer": f"{name}: not available here, {str(error).partition(chr(10))[0]}"}
    control, widget = _control_of(name, panel)
    values = _values_of(widget)

    def move(value: Any) -> None:
        widget.value = value

    return _row(f"{name}: move {control}, figure included", 50, move, lambda: next(values))


def _control_of(name: str, panel: Panel[Any]) -> tuple[str, Any]:
    sliders = [key for key, one in panel._controls.items() if "Slider" in type(one).__name__]
    control = _CONTROLS.get(name) or [*sliders, *panel._controls][0]
    return control, getattr(panel, control)


def _values_of(widget: Any) -> Iterator[Any]:
    """Values of a control that differ from one to the next."""
    if hasattr(widget, "options"):
        return itertools.cycle([one[1] if isinstance(one, tuple) else one for one in widget.options][::-1])
    ends = (widget.min, widget.max)
    places = np.linspace(*ends, _REPEATS + 3)[1:-1]
    return itertools.cycle(float(place) for place in (widget.base**places if hasattr(widget, "base") else places))


def _make(name: str) -> Panel[Any]:
    network = "vww" if name == "ArenaPanel" else "kws"
    return make_panel(name, graph=read(REFERENCE_NETWORKS[network]().to_bytes()))


def _time_peer(model: bytes) -> list[dict[str, object]]:
    try:
        peer = Peer()
    except ImportError as error:
        return [{"answer": f"mcufit: not available here, {error}"}]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vww.tflite"
        path.write_bytes(model)
        said = f"mcufit {peer.version}"
        return [
            _row(f"{said}: read the same model", None, peer.read, lambda: path),
            _row(f"{said}: check all its boards ({peer.method})", None, peer.check_all, lambda: peer.read(path)),
        ]
