"""Budgets made from the name of a board alone, held against what others measured on the whole device."""

from __future__ import annotations

from statistics import median

from tests.bench import bench_currents
from tinykit.target import board

WIDEST = 2.5


def test_no_row_judges_the_record_it_made():
    for row in bench_currents.read_rows():
        facts = board(row["board"]).facts().items()
        same = [name for name, fact in facts if row["locator"] in f"{fact.source} {fact.locator} {fact.conditions}"]
        assert not same, (row["board"], same)


def test_published_currents_are_in_the_intervals_of_the_budgets():
    found = bench_currents.compare()
    assert len(found) >= 15
    outside = [name for name, measured, budgeted in found if not budgeted.low <= measured <= budgeted.high]
    assert len(outside) <= len(found) / 5, outside
    assert median(abs(budgeted.value / measured - 1) for _, measured, budgeted in found) < 0.2
    assert all(budgeted.high / budgeted.low <= WIDEST for _, _, budgeted in found)
