"""MLPerf Tiny's files on the virtual board, where they lie beside the project; elsewhere nothing is collected."""

from __future__ import annotations

import pytest

from tests.bench.bench_virtual_board import FILES, models
from tinykit.handover.virtual_board import run, sample_codes

MODELS = models()

if FILES.keys() <= MODELS.keys():

    def test_visual_wake_words_does_not_link_for_64_kib():
        graph = MODELS["vww"]
        found = run(graph, "nucleo-wl55jc", sample_codes(graph, 1), compiler="zig")
        assert (found.fault.kind, found.fault.region) == ("link", "SRAM1-2")
        missing = found.arena_bytes + 4096 - 64 * 1024
        assert missing <= found.fault.overflow_bytes <= missing + 256
        assert f"is {found.fault.overflow_bytes:,} bytes too small" in found.fault.text

    @pytest.mark.parametrize("name", FILES)
    def test_equal_on_a_board(name):
        graph = MODELS[name]
        found = run(graph, "nucleo-l4r5zi", sample_codes(graph, 2), compiler="zig")
        assert found.equal
        assert found.tflm.instructions.low < found.tflm.instructions.high
