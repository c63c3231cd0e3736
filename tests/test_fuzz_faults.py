"""The table of faults, on a stand-in for the design: what is whole, what is one message, what must be called wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fuzz import faults
from tests.fuzz.faults import FAULTS, STAGES, Bench, Outcome, hash_folder, ulimit

STAND_IN = """
import os, pathlib, sys, time
out = pathlib.Path(sys.argv[3])
try:
    out.mkdir(parents=True, exist_ok=True)
    for place, stage in enumerate({stages!r}):
        print(stage, flush=True)
        {before}
        file = out / f"{{place}}.bin"
        if not file.exists():
            time.sleep(0.02)
            beside = out.parent / f"{{place}}.new"
            beside.write_bytes(b"x" * 30_000)
            os.replace(beside, file)
except OSError as error:
    sys.exit("tinykit: " + str(error))
{after}
"""


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A bench for a program that resumes and writes as it should, or with something done before each file."""

    def make(*, before: str = "pass", after: str = "") -> Bench:
        program = tmp_path / "program.py"
        program.write_text(STAND_IN.format(stages=STAGES, before=before, after=after))
        monkeypatch.setattr(faults, "DESIGN", program)
        (tmp_path / "bench").mkdir()
        return Bench(tmp_path / "bench")

    return make


def meet(name: str, bench: Bench) -> list[tuple[str, Outcome]]:
    """The rows of a fault, one case after the other."""
    return [row for case in FAULTS[name](bench) for row in case()]


def test_a_design_that_resumes_is_whole_after_every_kill(bench):
    rows = dict(meet("kill", bench()))
    assert {name.rpartition(", at ")[0] for name in rows} == {*STAGES}
    assert {row.verdict for row in rows.values()} == {"same folder"}


def test_what_a_kill_leaves_half_written_is_called_wrong(bench):
    cut = 'half = out / f"{place}.bin"; half.exists() or (half.write_bytes(b"x"), time.sleep(0.2), half.unlink())'
    rows = dict(meet("kill", bench(before=cut)))
    assert any("another folder" in row.verdict for row in rows.values())


def test_a_full_disk_is_one_message_and_nothing_lost(bench):
    rows = [row.verdict for _, row in meet("interrupt", bench())]
    assert rows[0].startswith("WRONG: status 1: tinykit: "), "status 1 is a verdict, no word for a disk"
    assert rows[1] == "same folder"


def test_limits_and_settings_reach_the_program(bench):
    tell = 'import resource; (out / "n").write_text(str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))'
    made = bench(after=tell)
    out = made.folder()
    assert made.run(out, *ulimit("n", 77)) == (0, "")
    assert (out / "n").read_text() == "77"
    tell = '(out / "n").write_text(os.environ.get("HOME", "none"))'
    faults.DESIGN.write_text(STAND_IN.format(stages=STAGES, before="pass", after=tell))
    assert made.run(out, HOME=None) == (0, "")
    assert (out / "n").read_text() == "none"


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Outcome(0, "", same=True), "same folder"),
        (Outcome(0, "", same=False, left="a.h5"), "WRONG: status 0, and another folder: a.h5"),
        (Outcome(3, "tinykit: the disk is full\n", same=False), "status 3: tinykit: the disk is full"),
        (Outcome(2, "tinykit: no\n" * 4, same=False), "WRONG: 4 lines"),
        (Outcome(2, "", same=False), "WRONG: 0 lines"),
        (Outcome(1, "OSError: x", same=False), "WRONG: status 1: OSError: x"),
        (Outcome(70, "tinykit: a fault", same=False), "WRONG: status 70: tinykit: a fault"),
        (Outcome(-11, "", same=False), "WRONG: status -11: no word"),
        (Outcome(2, "Traceback (most recent call last):\nKeyError: 1", same=True), "WRONG: traceback: KeyError: 1"),
    ],
)
def test_verdicts(outcome, verdict):
    assert outcome.verdict == verdict


def test_a_folder_is_compared_by_every_byte(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"1")
    before = hash_folder(tmp_path)
    (tmp_path / "a" / "b").write_bytes(b"2")
    assert before.keys() == hash_folder(tmp_path).keys() == {"a/b"}
    assert before != hash_folder(tmp_path)
    assert hash_folder(tmp_path / "none") == {}


def test_the_small_design_is_the_real_command(tmp_path):
    text = faults.DESIGN.read_text()
    assert "from tinykit.show.cli.main import main" in text
    assert Bench.command(None, Path("x"))[:3] == [sys.executable, str(faults.DESIGN), "design"]  # type: ignore[arg-type]


def test_a_case_begins_where_its_stage_did(bench):
    made = bench()
    begun = [sorted(hash_folder(made.begun(stage))) for stage in STAGES]
    assert begun == [sorted(f"{one}.bin" for one in range(place)) for place in range(len(STAGES))]
    assert all(made.lasts(stage) > 0 for stage in STAGES)


def test_a_fault_that_is_none_is_refused():
    with pytest.raises(SystemExit, match="no fault kil; allowed: kill, "):
        faults.run_faults(["kil"])
