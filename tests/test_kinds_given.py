"""Arguments of the wrong kind: every public function and every panel refuses them in words."""

from __future__ import annotations

import contextlib
import inspect
import typing
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinykit as tk
from tests.models import small_cnn
from tinykit.ground.errors import ParameterError, TinykitError, keywords
from tinykit.ground.facts import shipped_path
from tinykit.show import panels

WRONG: tuple[typing.Any, ...] = (
    None, 5, -1, 3.5, float("nan"), True, "ten", "", b"ten", [], [3], (), {}, {"a": 1}, {3}, object(), len, 1j,
    np.zeros(3), np.float32(2), Path("ten"), type, Ellipsis, range(3), "\x00", "\ud800", 10**400, [[[]]], slice(3),
)  # fmt: skip


def list_public() -> list[str]:
    """What `import tinykit` offers, but for errors and rooms."""
    found = {name: getattr(tk, name) for name in tk.__all__}
    errors = {name for name, one in found.items() if isinstance(one, type) and issubclass(one, Exception)}
    return sorted(name for name, one in found.items() if callable(one) and name not in errors)


def list_panels() -> list[str]:
    return sorted(name for name in panels.__all__ if name.endswith("Panel") and name != "Panel")


GRAPH = tk.read(small_cnn(), "cnn")
RIGHT: dict[str, typing.Any] = {
    "graph": GRAPH, "model": GRAPH, "board": "nucleo-l4r5zi", "boards": ["nucleo-l4r5zi"],
    "target": tk.Target("nucleo-l4r5zi"), "latency": 0.01, "name": "nucleo-l4r5zi", "source": small_cnn(),
    "use_engine": False,
    "path": shipped_path("data", "boards", "nucleo-l4r5zi.toml"),
}  # fmt: skip
EXAMPLES: dict[str, dict[str, typing.Any]] = {
    "check": {"exercise": "01.1"},
    "decide": {"about": "the board", "chose": "a", "binds": "b", "margin": "c", "risk": "d"},
    "guess": {"question": "how long"},
    "Estimate": {"value": 1.0, "low": 1.0, "high": 1.0, "unit": "s", "basis": "measured"},
    "Fact": {"value": 1.0, "unit": "s", "kind": "measured", "source": "a table"},
    "predict_arena": {"graph": GRAPH, "core": "cortex-m4"},
    "predict_latency": {"model": GRAPH, "core": "cortex-m4", "clock_hz": 8e7, "runtime": "tflm-cmsis-nn"},
    "read": {"source": small_cnn()},
}


def example(name: str, function: typing.Any) -> dict[str, typing.Any]:
    """Arguments that are right: of their own, else those without a default."""
    if name in EXAMPLES:
        return EXAMPLES[name]
    needed = inspect.signature(function).parameters.values()
    return {one.name: RIGHT.get(one.name) for one in needed if one.default is one.empty or one.name == "use_engine"}


def try_all(function: typing.Any, right: dict[str, typing.Any]) -> set[str]:
    """Call it with each wrong value in each place; the refusals, each of them in words."""
    said = dict[str, str]()
    warnings.simplefilter("ignore", RuntimeWarning)  # a float of 32 bits beside limits of 64
    for name in inspect.signature(function).parameters:
        for value in WRONG:
            with contextlib.suppress(TinykitError):
                try:
                    function(**{**right, name: value})
                except TinykitError as error:
                    said[name] = max(said.get(name, ""), str(error), key=len)
                    raise
    assert all(text.count("\n") < 3 and len(text) < 2500 for text in said.values())
    return {*said}


@pytest.mark.parametrize("name", [name for name in list_public() if name != "explore"])
def test_a_public_function_refuses_in_words(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    function = getattr(tk, name)
    right = example(name, function)
    function(**right)
    said = try_all(function, right)
    unchecked = name in ("Assessment", "Runtime", "Study")  # results and records, which the kit alone makes
    unchecked |= name in ("decide", "guess")  # these take whatever can be said
    assert unchecked or {*right} - {"use_engine", "unit"} <= said


@pytest.mark.parametrize(
    "wrong",
    [{"data": 3}, {"data": None}, {"budgets": 3}, {"boards": 3}, {"boards": [1.5]}, {"minutes": "ten"},
     {"trials": "x"}, {"trials": -1}, {"folder": 3}, {"seed": "x"}, {"sampler": 3}, {"space": 3}, {"use": 3}],
    ids=str,
)  # fmt: skip
def test_a_search_refuses_in_words_before_it_trains(wrong, tmp_path):
    """Not called with what is right: that would search for twenty minutes."""
    with pytest.raises(TinykitError) as refused:
        tk.explore(**{"data": "digits", "trials": 1, "folder": tmp_path / "study", **wrong})
    assert str(refused.value).count("\n") < 3
    assert not list(tmp_path.rglob("*.tflite"))


@pytest.mark.parametrize("name", list_panels())
def test_a_panel_refuses_in_words(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    panel = getattr(panels, name)
    needed = [one for one in inspect.signature(panel).parameters.values() if one.default is one.empty]
    right = {one.name: RIGHT.get(one.name, 3) for one in needed}
    assert not needed or try_all(panel, right) >= {one.name for one in needed}


@pytest.mark.parametrize("name", list_public())
def test_what_python_refuses_of_a_call_stays_as_it_is(name):
    function = getattr(tk, name)
    with pytest.raises((TypeError, ParameterError)):
        function(*range(40))
    with pytest.raises((TypeError, ParameterError)):
        function(no_such_parameter=1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: tk.check_fit(None, 3), "board 3: give a catalogue id"),
        (lambda: tk.Use(period_s="ten"), "period 'ten' is not a number"),
        (lambda: tk.Use(supply_v="ten"), r"Use: supply_v is 'ten'; give float \| None"),
        (lambda: tk.Target("nucleo-l4r5zi", reserve=5), r"Target: reserve is 5; give Reserve \| None"),
        (lambda: tk.read(5), r"read: source is 5; give str \| Path \| bytes"),
        (lambda: tk.board([]), r"board \[\] is not one of the"),
        (lambda: tk.Estimate("a", 1, 2, "s", "measured"), "Estimate: value is 'a'; give float"),
        (lambda: tk.Estimate(1, 1, 1, "s", []), r"Estimate: basis is \[\]; give str"),
        (lambda: tk.Fact(1.0, "s", "measured", 5), "Fact: source is 5; give str"),
        (lambda: tk.Estimate(10**400, 10**400, 10**400, "s", "measured"), "Estimate: a number is too large"),
        (lambda: panels.ArenaPanel(GRAPH, core="cortex-m44"), "core 'cortex-m44' is not on offer; nearest: cortex-m4"),
        (lambda: panels.FitPanel(GRAPH, reserve_kib="much"), "FitPanel: reserve_kib is 'much'; give float"),
    ],
)
def test_the_words(call, said):
    with pytest.raises(TinykitError, match=said):
        call()


def test_kinds_that_were_always_taken_are_taken():
    use = tk.Use(period_s=np.float32(10), beside=["led"], supply_v=3, derate=1, extra_states=[], send=["ble", 20])
    assert use.beside == ("led",)
    assert tk.Target("nucleo-l4r5zi", clock_hz=np.int64(80_000_000), as_sold=1).clock_hz == 80e6


@keywords
def divide(graph: tk.Estimate | None, over: float = 1.0, *, kinds: typing.SupportsInt | None = None) -> float:
    return 1 / over if graph is None else graph.value / over


def test_a_fault_of_the_kit_stays_one():
    """Where every argument is of its kind, it is no word about them."""
    with pytest.raises(ZeroDivisionError):
        divide(None, 0)
    with pytest.raises(ParameterError, match=r"divide: graph is 'x'; give Estimate \| None"):
        divide("x")
    with pytest.raises(ParameterError, match="divide: over is 'x'; give float"):
        divide(None, over="x")


def test_every_public_function_of_the_top_says_its_kinds():
    """A hint that cannot be evaluated would leave its arguments unchecked."""
    for name in list_public():
        one = getattr(tk, name)
        hints = typing.get_type_hints(inspect.unwrap(one.__init__ if isinstance(one, type) else one))
        assert set(inspect.signature(one).parameters) <= set(hints), name
