"""Errors: one root, a built-in parent each, all at the top, and text that reads as written."""

from __future__ import annotations

import inspect

import pytest

import tinykit
from tinykit.ground import errors
from tinykit.ground.errors import TinykitError, name_nearest

ALL = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, TinykitError) and cls.__module__ == errors.__name__
]
CHILDREN = [cls for cls in ALL if cls is not TinykitError]


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_error_is_exported_at_the_top(cls):
    assert getattr(tinykit, cls.__name__) is cls
    assert cls.__name__ in tinykit.__all__


@pytest.mark.parametrize("cls", CHILDREN, ids=lambda cls: cls.__name__)
def test_every_child_is_caught_by_the_root_and_by_a_built_in(cls):
    assert issubclass(cls, TinykitError)
    assert any(issubclass(cls, parent) for parent in (ValueError, LookupError, OSError, RuntimeError, ImportError))
    assert not issubclass(cls, KeyError), "the text of a KeyError comes out quoted"


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_the_text_comes_out_as_it_went_in(cls):
    with pytest.raises(cls, match="^board 'x' is unknown; allowed: y$"):
        raise cls("board 'x' is unknown; allowed: y")


def test_near_names_are_named_nearest_first():
    assert name_nearest("pico2", ["pico", "pico-2", "nano-33"]).startswith("nearest: pico-2")


def test_with_nothing_near_the_allowed_are_listed():
    assert name_nearest("zzz", ["b", "a"]) == "allowed: a, b"
    assert name_nearest("zzz", [str(n) for n in range(100, 200)]).count(",") == 11
