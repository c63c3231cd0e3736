"""The peer of the benchmark tables: it answers, and nothing of the package knows it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import tinykit
from tests.bench import __main__ as bench, bench_speed
from tests.models import small_cnn
from tests.panels import NAMES
from tinykit.show.panels.shell import Panel


def test_the_peer_answers_all_three_questions(tmp_path):
    pytest.importorskip("mcufit")
    from tests.bench.peer import Peer

    path = tmp_path / "small.tflite"
    path.write_bytes(small_cnn())
    peer = Peer()
    answer = peer.ask(path)
    assert re.fullmatch(r"0\.5\.\d+", peer.version)
    assert answer.arena_bytes > 0
    assert answer.flash_bytes > path.stat().st_size
    assert set(answer.latency_s) == {"esp32", "nano33ble"}
    assert all(0 < seconds < 10 for seconds in answer.latency_s.values())


@pytest.mark.parametrize("name", bench.names())
def test_every_table_still_finds_what_it_scores(name):
    module = importlib.import_module(f"tests.bench.bench_{name}")
    assert module.TITLE
    assert callable(module.table)


def test_the_package_does_not_import_the_peer():
    sources = Path(tinykit.__file__).parent.rglob("*.py")
    assert not [path for path in sources if re.search(r"^\s*(import|from) mcufit", path.read_text("utf-8"), re.M)]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "BoardRunPanel"])
def test_every_panel_has_a_move_to_time(name):
    panel = bench_speed._make(name)
    assert isinstance(panel, Panel)
    control, widget = bench_speed._control_of(name, panel)
    values = bench_speed._values_of(widget)
    before, line = widget.value, repr(panel)
    widget.value = next(value for value in (next(values) for _ in range(3)) if value != before)
    assert control in panel._controls
    assert repr(panel) != line
