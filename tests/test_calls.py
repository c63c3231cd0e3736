"""A misspelt keyword is answered with the nearest, and Shift-Tab shows every parameter all the same."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import tinykit as tk
from tests.models import small_cnn
from tinykit.ground.errors import ParameterError, keywords
from tinykit.predict import predict_flash, predict_instructions
from tinykit.predict.packing.cost import predict_packed_latency

GRAPH = tk.read(small_cnn())
CHECKED = (
    tk.check_fit, tk.check_fit_all, tk.assess, tk.line_up, tk.list_placements, tk.predict_latency, tk.predict_arena,
    tk.predict_energy, tk.virtual_board.run, tk.Target, tk.Use, tk.budget.budget_power, predict_flash,
)  # fmt: skip


def test_the_function_stays_what_it_was():
    @keywords
    def add(first: int, *, second: int = 2) -> int:
        """Sum."""
        return first + second

    assert (add(1), add(1, second=1), add(first=1)) == (3, 2, 3)
    assert (add.__name__, add.__doc__) == ("add", "Sum.")
    with pytest.raises(ParameterError, match="add has no parameter 'secnd'; nearest: second"):
        add(1, secnd=3)
    with pytest.raises(ParameterError, match="add: first is given twice, 1 and 2"):
        add(1, first=2)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        add()


@pytest.mark.parametrize("call", CHECKED, ids=lambda call: call.__name__)
def test_every_parameter_is_named_and_typed(call):
    given = inspect.signature(call).parameters.values()
    assert not [one.name for one in given if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    assert not [one.name for one in given if one.annotation is one.empty]


@pytest.mark.parametrize("call", CHECKED, ids=lambda call: call.__name__)
def test_a_misspelt_keyword_names_the_nearest(call):
    name = list(inspect.signature(call).parameters)[-1]
    with pytest.raises(ParameterError, match=f"has no parameter '{name}x'; nearest: .*{name}"):
        call(**{f"{name}x": 1})


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: tk.predict_latency(GRAPH), "latency of what core at what clock"),
        (lambda: tk.predict_latency(GRAPH, core="cortex-m4"), "give core and clock_hz, or a target with a clock"),
        (lambda: predict_flash(GRAPH), "flash on what core"),
        (lambda: predict_instructions(GRAPH), "instructions on what core"),
        (lambda: predict_packed_latency(GRAPH), "latency of what core"),
        (lambda: tk.check_fit([1], "nucleo-l4r5zi"), "model of type list: give a graph"),
    ],
)
def test_what_is_missing_is_said(call, match: str):
    with pytest.raises(ParameterError, match=match):
        call()


def test_a_target_stands_for_its_parts():
    target = tk.Target("nucleo-l4r5zi", build="-Os", clock_hz=80e6)
    words = {"core": "cortex-m4", "runtime": "tflm-cmsis-nn"}
    assert tk.predict_arena(GRAPH, target=target) == tk.predict_arena(GRAPH, **words)
    assert predict_flash(GRAPH, target=target) == predict_flash(GRAPH, **words, build="-Os")
    assert predict_instructions(GRAPH, target=target) == predict_instructions(GRAPH, **words, build="-Os")
    latency = tk.predict_latency(GRAPH, target=target)
    assert latency == tk.predict_latency(GRAPH, **words, build="-Os", clock_hz=80e6, board="nucleo-l4r5zi")
    assert tk.predict_energy(latency, target) == tk.predict_energy(latency, "nucleo-l4r5zi", clock_hz=80e6)
    assert tk.predict_latency(GRAPH, target=target, clock_hz=40e6).value == pytest.approx(2 * latency.value)


def test_an_option_is_used_and_told():
    target = tk.Target("nucleo-h743zi2", runtime="x-cube-ai", runtime_version="10.2", runtime_option="ram")
    with_it = tk.predict_latency(GRAPH, target=target)
    assert with_it.value == tk.check_fit(GRAPH, target).latency_s.value
    assert "option ram: nobody measured it" in with_it.source
    with pytest.raises(ParameterError, match="runtime option 'ram' is unknown for tflm-cmsis-nn"):
        tk.predict_latency(GRAPH, core="cortex-m4", clock_hz=1e8, runtime_option="ram")


class TestNamedPlaces:
    def test_an_arena_goes_where_it_is_asked_to(self):
        inside, outside = (
            tk.check_fit(GRAPH, tk.Target("stm32f746g-disco", arena_region=region), use_engine=False)
            for region in (None, "SDRAM")
        )
        assert (inside.regions[0].kind, outside.regions[0].kind) == ("sram", "sdram")
        assert outside.verdict == "tight"
        assert outside.latency_s.value > inside.latency_s.value

    def test_a_bank_may_be_named_by_its_window_or_kind(self):
        for name in ("DTCM", "dtcm"):
            report = tk.check_fit(GRAPH, tk.Target("nucleo-h743zi2", arena_region=name), use_engine=False)
            assert report.regions[0].kind == "dtcm"
            assert {one.regions[0].kind for one in tk.list_placements(GRAPH, report.target)} == {"dtcm"}

    def test_code_goes_where_it_is_asked_to(self):
        names = [region.name for region in tk.board("stm32f746g-disco").flash_regions]
        for name in names:
            target = tk.Target("stm32f746g-disco", code_region=name)
            assert tk.check_fit(GRAPH, target, use_engine=False).regions[-1].name == name
        assert len(names) > 1


def _find_takers() -> list[tuple[str, Callable[..., object]]]:
    """Functions and panels at the doors of the wings that take a graph; results, which hold one, are made by others."""
    found = {}
    for door in sorted(Path(tk.__file__).parent.glob("*/__init__.pyi")):
        wing = importlib.import_module(f"tinykit.{door.parent.name}")
        for name in dir(wing):
            one = getattr(wing, name)
            if callable(one) and not is_dataclass(one) and "graph" in _read_annotations(one):
                found[f"{door.parent.name}.{name}"] = one
    return sorted(found.items())


def _read_annotations(one: Callable[..., object]) -> dict[str, str]:
    try:
        return {name: str(given.annotation) for name, given in inspect.signature(one).parameters.items()}
    except (TypeError, ValueError):
        return {}


TAKERS = _find_takers()


def test_takers_are_found_at_every_floor():
    wings = {name.partition(".")[0] for name, _ in TAKERS}
    assert wings >= {"model", "predict", "budget", "handover", "choose", "show"}


@pytest.mark.parametrize(("name", "one"), TAKERS, ids=[name for name, _ in TAKERS])
def test_a_path_is_taken_wherever_a_graph_is(name: str, one: Callable[..., object]):
    assert "str | os.PathLike[str]" in _read_annotations(one)["graph"]
    source = inspect.getsource(one.__init__ if inspect.isclass(one) else inspect.unwrap(one))
    assert re.search(r"\b(as_graph|predict_arena|list_kernels)\(", source) or "super().__init__(graph" in source
