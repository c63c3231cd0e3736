"""Public docstrings parse as numpydoc, and document the parameters that are there."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import is_dataclass

import pytest
from docstring_parser import numpydoc

import tinykit

WINGS = [wing.name for wing in pkgutil.iter_modules(tinykit.__path__) if wing.ispkg]
MOST_UNTOLD = 3
"""A function of so few parameters may tell of them in its summary."""


def public() -> dict[str, object]:
    doors = (importlib.import_module(f"tinykit.{wing}") for wing in WINGS)
    found = ((f"{door.__name__}.{name}", getattr(door, name)) for door in doors for name in door.__all__)
    return {name: thing for name, thing in found if is_ours(thing)}


def is_ours(thing: object) -> bool:
    room = ".".join(getattr(thing, "__module__", "").split(".")[:3])
    kind = inspect.isroutine(thing) or (is_dataclass(thing) and isinstance(thing, type))
    return room.startswith("tinykit.") and kind


def documented(doc: str) -> list[str]:
    """Names of the parameters; several that share a description may share a line, as numpydoc has it."""
    told = (part.arg_name for part in numpydoc.parse(doc).params if part.args[0] == "param")
    return [name.strip(" *") for names in told for name in names.split(",")]


PUBLIC = public()


@pytest.mark.parametrize("name", PUBLIC)
def test_documented_parameters_are_those_of_the_signature(name: str):
    thing = PUBLIC[name]
    there = list(inspect.signature(thing).parameters)
    told = documented(inspect.getdoc(thing))
    if told or (len(there) > MOST_UNTOLD and not is_dataclass(thing)):
        assert sorted(told) == sorted(there)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_parameter_stands_on_a_line_of_its_own(name: str):
    doc = inspect.getdoc(PUBLIC[name])
    assert "Parameters: " not in doc
    for part in numpydoc.parse(doc).params:
        words = f"{part.type_name or ''} {part.description or ''}"
        assert not any(f". {other} : " in words for other in inspect.signature(PUBLIC[name]).parameters), part.arg_name


@pytest.mark.parametrize("name", PUBLIC)
def test_a_summary_means_something_alone(name: str):
    summary = numpydoc.parse(inspect.getdoc(PUBLIC[name])).short_description
    assert summary
    assert len(summary) >= 15, summary
    assert not summary.startswith(("Of the ", "As `", "Both ")), summary


def test_the_check_sees_a_missing_parameter():
    doc = "Do.\n\nParameters\n----------\na, b : both.\nc : one.\n"
    assert documented(doc) == ["a", "b", "c"]
