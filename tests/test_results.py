"""Every public result shows itself: a line, a table with interval, basis and source, records and a frame."""

from __future__ import annotations

import doctest
import html
import importlib
import pkgutil
import sys
from dataclasses import dataclass, fields, is_dataclass
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

import tinykit
import tinykit.ground.results
from tests.models import small_cnn
from tinykit.budget import battery, budget_power, check_fit, check_fit_all, check_heat, list_placements
from tinykit.ground import Estimate, Fact, MissingPackageError
from tinykit.ground.results import Result, Rows, Through, tell, tell_line
from tinykit.model import ModelGraph, read
from tinykit.predict import predict_arena, predict_flash
from tinykit.target.boards import board, boards

WINGS = [wing.name for wing in pkgutil.iter_modules(tinykit.__path__) if wing.ispkg]
WIDE = Estimate(0.0123, 0.01, 0.015, "s", "modelled", sources=("a law", "<script>alert(1)</script>"))


@dataclass(frozen=True, slots=True)
class Thing(Result):
    name: str
    latency_s: Estimate | None = WIDE
    clock_hz: float = 8e6
    count: int = 12_000
    part: Fact | None = None
    many: tuple[str, ...] = ()
    table: object = None


def public_results() -> dict[str, type]:
    doors = (importlib.import_module(f"tinykit.{wing}") for wing in WINGS)
    found = ((f"{door.__name__}.{name}", getattr(door, name)) for door in doors for name in door.__all__)
    return {name: kind for name, kind in found if isinstance(kind, type) and is_dataclass(kind)}


@pytest.fixture(scope="module")
def shown() -> list[Result]:
    graph = read(small_cnn())
    report = check_fit(graph, "nucleo-l4r5zi", use_engine=False)
    budget = budget_power(report.board, report.latency_s, battery="cr2032", period_s=10.0)
    flash = predict_flash(graph, runtime="tflm-cmsis-nn", core="cortex-m4")
    made = [graph, report, budget, check_heat(report.board, budget), predict_arena(graph), flash, battery("cr2032")]
    return [*made, report.board, *report.regions, *budget.states, *graph.operators, *graph.tensors, report.reserve]


class Cells(HTMLParser):
    """Rows of a table, and the texts for the mouse."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.titles: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
            self.titles += [value for name, value in attrs if name == "title"]
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_the_docstrings_compute_what_they_say():
    assert doctest.testmod(tinykit.ground.results).failed == 0


@pytest.mark.parametrize(("name", "kind"), public_results().items())
def test_every_public_result_shows_itself(name: str, kind: type):
    if kind in (Estimate, Fact):
        return
    assert issubclass(kind, Result), f"{name} is no Result"
    assert "__create_fn__" not in kind.__repr__.__qualname__
    assert all(path.partition(".")[0] in {*(field.name for field in fields(kind)), *dir(kind)} for path in kind.LINE)


def test_a_result_is_one_line_under_110_characters(shown: list[Result]):
    for one in shown:
        assert len(repr(one)) < 110, repr(one)
        assert "\n" not in repr(one)
        assert repr(one).startswith(type(one).__name__)


def test_a_line_holds_inputs_and_figures(shown: list[Result]):
    report = shown[1]
    assert repr(report).startswith("FitReport(board=nucleo-l4r5zi, runtime=tflm-cmsis-nn, verdict=fits, arena=")
    assert "latency=" in repr(report)
    assert repr(shown[0]) == tell_line(shown[0])
    assert "macs=" in repr(shown[0])


def test_what_says_its_line_itself_is_taken_at_its_word():
    class Said(Thing):
        def __str__(self) -> str:
            return "a sentence\nof two lines " + "x" * 200

    assert repr(Said("y")).startswith("Said: a sentence of two lines xxx")
    assert len(repr(Said("y"))) < 110


def test_a_table_has_figure_interval_basis_and_source_on_hover():
    table = Cells(Thing("<b>bold</b>", part=Fact(2.0, "A", "datasheet", "DS1", "p. 3"))._repr_html_())
    rows = dict(zip((row[0] for row in table.rows), table.rows, strict=True))
    assert table.rows[0] == ["", "figure", "80 % interval", "basis"]
    assert rows["latency"] == ["latency", "12.3 ms", "10.0 ms … 15.0 ms", "modelled"]
    assert rows["part"] == ["part", "2.00 A", "", "datasheet"]
    assert rows["clock"][1] == "8.00 MHz"
    assert {"a law; <script>alert(1)</script>", "DS1 p. 3"} <= set(table.titles)


def test_nothing_in_a_table_is_markup():
    text = Thing("<b>bold</b>", many=("<i>", '"quoted"'))._repr_html_()
    assert Cells(text).tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert html.escape("<script>alert(1)</script>") in text


def test_every_table_parses(shown: list[Result]):
    for one in shown:
        table = Cells(one._repr_html_())
        assert {len(row) for row in table.rows} == {4}
        hidden = [field.name for field in fields(one) if field.name == "asked"]
        assert len(table.rows) == len(fields(one)) - len(hidden) + 1


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (None, "", "unknown"),
        (True, "", "True"),
        (2048, "size_bytes", "2.0 KiB"),
        (2.5e-4, "charge_c", "250 µC"),
        (0.25, "", "0.25"),
        (float("nan"), "latency_s", "nan"),
        (float("inf"), "", "inf"),
        (("a", "b"), "", "a, b"),
        (tuple("abcdefgh"), "", "8 × str"),
        ((), "", ""),
        ({"int8": 2}, "", "int8 2"),
        (b"1234", "", "4 bytes"),
        (np.zeros((2, 3), np.int8), "", "int8 [2, 3]"),
        (SimpleNamespace(id="cr2032"), "", "cr2032"),
        ("x" * 90, "", "x" * 39 + "…"),
    ],
)
def test_a_value_in_a_few_words(content: object, name: str, expected: str):
    assert tell(content, name) == expected


def test_several_results_are_a_tuple_a_table_and_records():
    rows = Rows([Thing("a"), Thing("b", None)])
    assert rows == (Thing("a"), Thing("b", None))
    assert repr(rows) == "2 × Thing"
    assert repr(Rows()) == "no results"
    assert rows.to_records()[0]["latency_s"] == 0.0123
    assert rows.to_records()[0]["latency_s_basis"] == "modelled"
    assert rows.to_records()[1]["latency_s"] is None
    assert len(Cells(rows._repr_html_()).rows) == 3
    assert "… 40 more" in Rows([Thing("a")] * 100)._repr_html_()


def test_reports_of_many_boards_go_into_a_frame(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda records: ("frame", records)))
    graph = read(small_cnn())
    reports = check_fit_all(graph, ["nucleo-l4r5zi", "nucleo-h743zi2"], use_engine=False)
    records = reports.to_records()
    assert reports.to_frame() == ("frame", records)
    assert [record["board"] for record in records] == ["nucleo-l4r5zi", "nucleo-h743zi2"]
    assert {"verdict", "arena_bytes", "arena_bytes_high", "latency_s_source"} <= set(records[0])
    assert len(boards().to_records()) == len(boards())
    assert isinstance(list_placements(graph, board("portenta-h7")), Rows)


def test_a_frame_without_pandas_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match="a data frame needs pandas; pip install pandas"):
        Rows([Thing("a")]).to_frame()


def test_a_graph_is_still_equal_to_itself_alone():
    graph: ModelGraph = read(small_cnn())
    assert graph != read(small_cnn())
    assert hash(graph)


def test_json_holds_all_fields_or_those_named():
    assert Thing("a", many=("x",), table={"b": (1, WIDE)}).to_json() == {
        "name": "a", "latency_s": WIDE.to_json(), "clock_hz": 8e6, "count": 12_000, "part": None, "many": ["x"],
        "table": {"b": [1, WIDE.to_json()]},
    }  # fmt: skip

    class Named(Thing):
        JSON = ("title=name", "latency_s.basis", "seconds=latency_s.value", "part.value")

    assert Named("a").to_json() == {"title": "a", "basis": "modelled", "seconds": 0.0123, "value": None}


@dataclass(frozen=True, slots=True)
class Inner(Result):
    size: int = 3


@dataclass(frozen=True, slots=True)
class Outer(Result):
    inner: Inner | None

    size = Through[int | None]("inner.size", "Its size; None without one.")
    wrong = Through[int]("inner.sise", "A slip of the pen.")


def test_a_property_hands_on_what_a_field_has():
    assert Outer(Inner()).size == 3
    assert Outer(None).size is None
    assert Outer.size.__doc__ == "Its size; None without one."
    with pytest.raises(AttributeError, match="sise"):
        _ = Outer(Inner()).wrong


@pytest.mark.parametrize("kind", public_results().values())
def test_such_a_property_begins_at_a_field(kind: type):
    begins = {one._path.partition(".")[0] for one in vars(kind).values() if isinstance(one, Through)}
    assert begins <= {field.name for field in fields(kind)}
