"""The shipped corrections equal a recount of MLPerf Tiny's files; elsewhere nothing is collected."""

from __future__ import annotations

import shutil

import pytest

from tests.bench.bench_virtual_board import FILES, models
from tinykit.handover.virtual_board import compilers
from tinykit.predict.latency.shapes import read_table
from tools.board_corrections import BOARDS, COLUMNS, network_row, pairs_of, rows

if FILES.keys() <= models().keys() and shutil.which(compilers.GCC):

    def shipped(core, compiler):
        return [row for row in read_table("export_corrections").rows
                if (row["core"], row["compiler"]) == (core, compiler)]  # fmt: skip

    @pytest.mark.parametrize("core", BOARDS)
    def test_corrections_are_those_of_a_recount(core):
        found = rows(core, BOARDS[core], "gcc", pairs_of(core, BOARDS[core], "gcc"))
        assert [dict(zip(COLUMNS, map(str, row), strict=True)) for row in found] == shipped(core, "gcc")

    def test_the_network_rows_are_those_of_a_recount():
        assert [dict(zip(COLUMNS, map(str, network_row("gcc")), strict=True))] == shipped("cortex-m0plus", "gcc")
