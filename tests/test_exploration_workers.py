"""Jobs in this process, in workers of this machine that are killed under way, and on a real Dask cluster."""

from __future__ import annotations

import contextlib
import operator
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinykit.choose.exploration import executing
from tinykit.choose.exploration.crew import Crew
from tinykit.choose.exploration.executing import Done, Failed, open_executor
from tinykit.choose.exploration.machines import tell_machine
from tinykit.ground.errors import MACHINE, EngineError, ParameterError, judge_failure

BIN = Path(sys.executable).parent
WORKER = str(Path(executing.__file__).with_name("worker.py"))
SOON_S = 15.0


def list_processes(*words: str) -> list[int]:
    """Processes that run and whose command holds every word."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (path / "cmdline").read_bytes().decode(errors="replace")
            if all(word in command for word in words) and (path / "stat").read_text().rpartition(") ")[2][0] != "Z":
                found.append(int(path.name))
    return found


def children_of(parent: int) -> list[int]:
    found = []
    for pid in list_processes(WORKER):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1] == str(parent):
                found.append(pid)
    return found


def wait_until(true: object, seconds: float = SOON_S) -> bool:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_jobs_of_this_process_run_when_asked_for_and_fail_with_a_reason():
    with open_executor(0) as executor:
        assert executor.workers == 1
        executor.submit("sum", operator.add, 2, 3)
        executor.submit("bad", operator.truediv, 1, 0)
        executor.submit("leave", sys.exit, 4)
        executor.submit("odd", operator.methodcaller, "x")
        found = {}
        for job_id, result in executor.as_completed():
            found[job_id] = result
            if job_id == "sum":
                executor.submit("next", operator.add, result.answer, 1)
    assert found["sum"] == Done(5)
    assert found["next"] == Done(6)
    assert {type(found[one]) for one in ("bad", "leave", "odd")} == {Failed}
    assert "division by zero" in found["bad"].reason
    assert "methodcaller in a job" in found["odd"].reason


@pytest.mark.parametrize(
    "wrong", [-1, 257, True, 1.5, "two", "tcp://", "http://127.0.0.1:80", "tcp://host:", None, "²"]
)
def test_workers_are_a_number_or_an_address(wrong):
    with pytest.raises(ParameterError, match="give 0 for this process"), open_executor(wrong):
        pass


def test_a_job_is_a_function_of_a_module_with_plain_values():
    with open_executor("0") as executor:
        for wrong in (lambda: 1, "abs".join, Path.exists):
            with pytest.raises(ParameterError, match="no function of a module"):
                executor.submit("job", wrong, 1)
        for wrong in (object(), [Path("x")], {"a": {1}}, {Path("x"): 1}):
            with pytest.raises(ParameterError, match="in a job; give numbers"):
                executor.submit("job", operator.not_, wrong)
        assert list(executor.as_completed()) == []


def listening(pids: list[int]) -> set[str]:
    """Addresses on which processes listen, in hexadecimal as the kernel tells them."""
    inodes = set()
    for pid in pids:
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes |= set(re.findall(r"socket:\[(\d+)\]", str(path.readlink())))
    rows = [line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


def test_local_workers_are_replaced_where_they_are_killed_and_no_result_is_lost(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    told: list[str] = []
    with open_executor(2, tell=told.append) as executor:
        first = children_of(os.getpid())
        assert len(first) == executor.workers == 2
        assert listening([*first, os.getpid()]) == {"0100007F"}
        for number in range(8):
            executor.submit(number, time.sleep, 0.4)
        executor.submit("threads", os.getenv, "TF_NUM_INTRAOP_THREADS")
        executor.submit("folder", os.getcwd)
        executor.submit("bad", operator.truediv, 1, 0)
        found = {}
        for job_id, result in executor.as_completed():
            found[job_id] = result
            if len(found) in (1, 3):
                os.kill(children_of(os.getpid())[0], signal.SIGKILL)
        assert {found[number] for number in range(8)} == {Done(None)}
        assert found["threads"] == Done("1")
        assert str(tmp_path) in found["folder"].answer
        assert "division by zero" in found["bad"].reason
        assert len(told) == 2
        assert all(re.fullmatch(r"worker \d died \(signal 9\); worker \d takes its place", line) for line in told)
        assert wait_until(lambda: executor.workers == 2)

        executor.submit("poison", os._exit, 3)
        executor.submit("last", operator.add, 1, 1)
        found = dict(executor.as_completed())
        assert found["last"] == Done(2)
        assert found["poison"].status == MACHINE
        assert "3 workers that ran it died of it" in found["poison"].reason
        assert len(told) >= 4
    assert children_of(os.getpid()) == []
    assert list(tmp_path.iterdir()) == []
