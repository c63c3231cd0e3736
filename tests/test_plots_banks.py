"""The picture of banks: every bank to scale, what the layout puts where, nothing drawn that is not known."""

from __future__ import annotations

import pytest

from tests.test_fit import CNN, KIB, NOTHING, made
from tinykit.budget.fit.check import check_fit
from tinykit.budget.fit.placements import list_placements
from tinykit.show.plots import plot_banks, to_png
from tinykit.target.boards import board


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_every_bank_is_a_row_and_to_scale():
    target = board("nucleo-h743zi2")
    layout = list_placements(CNN, target)[0]
    ax = plot_banks(layout)
    said = words(ax)
    assert len(said) == len(target.sram_windows()) + len(target.flash_regions)
    assert any(text.startswith("AXI-SRAM, 512.0 KiB at 0x24000000") for text in said)
    widths = [patch.get_width() for patch in ax.patches]
    assert {128.0, 512.0, 288.0, 64.0} <= set(widths)
    used = layout.regions[0].used_bytes / KIB
    assert any(width == pytest.approx(used) for width in widths)
    assert ax.get_xlabel().endswith("[KiB]")
    assert to_png(ax.figure).startswith(b"\x89PNG")


def test_blocks_follow_each_other_and_end_where_the_margin_begins():
    layout = next(one for one in list_placements(CNN, "portenta-h7") if "arena in SDRAM" in one.name)
    ax = plot_banks(layout)
    flash = next(use for use in layout.regions if "model" in use.holds)
    ends = [patch.get_x() + patch.get_width() for patch in ax.patches]
    assert min(abs(end - (flash.reserved_bytes + flash.used_bytes) / KIB) for end in ends) < 1e-6
    assert any("taken 1.25 MiB" in text for text in words(ax))
    assert "×" in ax.get_title(loc="right")


def test_a_fit_report_draws_too_and_unknown_memory_is_said():
    assert words(plot_banks(check_fit(CNN, "nucleo-l4r5zi")))
    nothing = check_fit(CNN, made(), reserve=NOTHING, use_engine=False)
    assert words(plot_banks(nothing)) == ["no memory of this board is known"]
