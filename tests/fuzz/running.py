"""The pool: servers that are kept warm, one case at a time each, a clock on each case, and what they came to."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from tests.fuzz.case import ROOT, make_case
from tests.fuzz.telling import Found, shorten

LIMIT_S = 300.0
"""For one case through all its doors, by the clock on the wall of a machine that has other work."""
STALE = 400
"""Cases after which a runner is renewed."""
Job = dict[str, Any]


class Server:
    """A warm process that forks runners; `ask` gives a case to the runner that lives."""

    def __init__(self, place: Path) -> None:
        self._place = place
        for name in ("tmp", "cache", "home"):
            (place / name).mkdir(parents=True, exist_ok=True)
        reader, writer = os.pipe()
        log = (place / "log").open("ab")
        environment = {**os.environ, "TMPDIR": str(place / "tmp"), "XDG_CACHE_HOME": str(place / "cache"),
                       "MPLBACKEND": "agg", "MPLCONFIGDIR": str(place / "home"), "OPENBLAS_NUM_THREADS": "1",
                       "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
                       "HOME": str(place / "home")}  # fmt: skip
        command = [sys.executable, "-m", "tests.fuzz.inside", str(writer)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=ROOT,
                                         env=environment, pass_fds=(writer,))  # fmt: skip
        os.close(writer)
        log.close()
        self._reader, self._rest, self._kind, self._count = reader, b"", "", 0
        self._runner = self._expect(120.0)["runner"]

    def ask(self, job: Job, limit_s: float) -> Found:
        """What a case came to; a runner that died or was late is replaced."""
        if self._kind not in ("", job["kind"]) or self._count >= STALE:
            self._renew()
        self._kind, self._count = job["kind"], self._count + 1
        self._send(job)
        reply = self._receive(limit_s)
        if reply is not None and "ended" not in reply:
            return reply
        late = reply is None
        if late:
            with contextlib.suppress(OSError):
                os.killpg(self._runner, signal.SIGKILL)
            reply = self._expect(30.0)
        self._adopt()
        return _lost(job, "hang" if late else "crash", limit_s if late else reply["ended"])

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(self._runner, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
        os.close(self._reader)

    def _renew(self) -> None:
        self._send({"renew": True})
        self._expect(60.0)
        self._adopt()

    def _adopt(self) -> None:
        self._runner, self._count = self._expect(60.0)["runner"], 0

    def _send(self, message: Job) -> None:
        stream = self._process.stdin
        if stream is not None:
            stream.write(json.dumps(message).encode() + b"\n")
            stream.flush()

    def _expect(self, seconds: float) -> Job:
        reply = self._receive(seconds)
        if reply is None:
            raise RuntimeError(f"a server of the pool says nothing; see {self._place / 'log'}")
        return reply

    def _receive(self, seconds: float) -> Job | None:
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._reader], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            data = os.read(self._reader, 65_536)
            if not data:
                raise RuntimeError(f"a server of the pool ended; see {self._place / 'log'}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return dict(json.loads(line))


def _lost(job: Job, category: str, how: float) -> Found:
    door = Path(job["folder"], "door")
    name = door.read_text(encoding="utf-8") if door.exists() else "none"
    text = f"no answer within {how:g} s" if category == "hang" else f"the process ended with {how:g}"
    fault = {"category": category, "door": name, "signature": shorten(text), "text": text}
    return {
        "id": f"{job['kind']}:{job['seed']}:{job['index']}",
        "kind": job["kind"],
        "doors": {name: "fault"},
        "faults": [fault],
    }


def run_jobs(
    jobs: Sequence[Job], place: Path, *, processes: int, limit_s: float = LIMIT_S, within_s: float = float("inf"),
    tell: Callable[[int], object] = id,
) -> list[Found]:  # fmt: skip
    """Every job by a pool of so many servers; inputs of those with a fault are left in the folder `inputs`.

    After `within_s` seconds no further job is begun.
    """
    end = time.monotonic() + within_s
    waiting: Queue[Job] = Queue()
    for job in jobs:
        waiting.put(job)
    results: list[Found] = []
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with contextlib.closing(Server(place / f"server{number}")) as server:
                while time.monotonic() < end:
                    results.append(_work(server, waiting.get_nowait(), place, limit_s))
                    tell(len(results))
        except Empty:
            return
        except BaseException as error:  # noqa: BLE001 -- told by the thread that waits
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(processes)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if errors:
        raise errors[0]
    return sorted(results, key=lambda one: one["id"])


def _work(server: Server, job: Job, place: Path, limit_s: float) -> Found:
    folder = place / "work" / f"{job['kind']}-{job['seed']}-{job['index']}"
    found = server.ask({**job, "folder": str(folder)}, limit_s)
    if any(fault["category"] != "unmade" for fault in found["faults"]):
        _keep(job, found, place)
    shutil.rmtree(folder, ignore_errors=True)
    return found


def _keep(job: Job, found: Found, place: Path) -> None:
    """The offending input, what was found, and the command that shows it again."""
    folder = place / "inputs" / f"{job['kind']}-{job['seed']}-{job['index']}"
    case, _ = make_case(job["kind"], job["seed"], job["index"])
    shutil.rmtree(folder, ignore_errors=True)
    case.write(folder)
    again = f"python -m tests.fuzz replay {found['id']}"
    (folder / "found.json").write_text(json.dumps({**found, "again": again}, indent=1) + "\n", encoding="utf-8")
