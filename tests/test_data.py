"""Walks every leaf of data/: a figure is a fact with value, unit, kind and source, or it is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.target.boards import boards

FILES = sorted(shipped_path("data").rglob("*.toml"))
# Numbers that name or count a thing and measure nothing: an address, a number of like cores.
NAMING_KEYS = {"boards": {"start", "count"}}
FIGURE_KEYS = {"value", "low", "high"}


def walk(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        yield from walk(child, f"{path}.{key}")


def resolve(table: dict[str, Any], sources: dict[str, str] | None) -> dict[str, Any]:
    return table if sources is None else table | {"source": sources[table["source"]]}


def test_there_is_data():
    assert len(FILES) >= 57


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_figure_is_a_fact(path):
    raw = read_toml(path)
    sources = raw.get("sources")
    for where, node in walk(raw, path.name):
        if isinstance(node, dict) and "value" in node:
            fact = to_fact(resolve(node, sources), where)
            assert len(fact.source) > 8, f"{where}: {fact.source!r} names no document"
            assert fact.unit, where
            assert fact.kind != "given", f"{where}: a user's own word has no place in data/"


@pytest.mark.parametrize("path", sorted(shipped_path("data", "boards").glob("*.toml")), ids=lambda path: path.stem)
def test_no_bare_figure_in_a_board_file(path):
    for where, node in walk(read_toml(path), path.name):
        if isinstance(node, int | float) and not isinstance(node, bool):
            assert where.rsplit(".", 1)[1] in NAMING_KEYS["boards"] | FIGURE_KEYS, f"{where}: bare figure {node}"


def test_an_assumed_figure_of_a_board_states_its_doubt():
    for item in boards():
        for name, fact in item.facts().items():
            doubt = fact.conditions or "no document read" in fact.source
            assert fact.kind != "assumed" or doubt, f"{item.id}: {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_declared_sources_are_used(path):
    raw = read_toml(path)
    used = {node["source"] for _, node in walk(raw, "") if isinstance(node, dict) and "value" in node}
    assert set(raw.get("sources", used)) == used


def test_the_code_that_a_file_of_facts_names_is_there():
    root = shipped_path("data").parent
    files = [path for ending in ("toml", "csv") for path in shipped_path("data").rglob(f"*.{ending}")]
    for path in files:
        for named in re.findall(r"\btinykit/[a-z_/]+(?:\.py)?", path.read_text(encoding="utf-8")):
            assert (root / named).exists(), f"{path.name} names {named}"
