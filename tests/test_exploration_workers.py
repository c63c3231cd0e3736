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

from tinykit.choose.exploration import executing, machines
from tinykit.choose.exploration.crew import Crew
from tinykit.choose.exploration.executing import Done, Failed, open_executor
from tinykit.choose.exploration.machines import tell_machine
from tinykit.ground.errors import MACHINE, EngineError, MissingPackageError, ParameterError, judge_failure

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
        executor.submit("NumPy's", os.getenv, "OPENBLAS_NUM_THREADS")
        executor.submit("folder", os.getcwd)
        executor.submit("bad", operator.truediv, 1, 0)
        found = {}
        for job_id, result in executor.as_completed():
            found[job_id] = result
            if len(found) in (1, 3):
                os.kill(children_of(os.getpid())[0], signal.SIGKILL)
        assert {found[number] for number in range(8)} == {Done(None)}
        assert found["threads"] == found["NumPy's"] == Done("1")
        assert str(tmp_path) in found["folder"].answer
        assert "division by zero" in found["bad"].reason
        assert len(told) == 2
        assert all(
            re.fullmatch(r"worker \d died \(stopped by SIGKILL\); worker \d takes its place", line) for line in told
        )
        assert wait_until(lambda: executor.workers == 2)

        executor.submit("poison", os._exit, 3)
        for number in range(6):  # none of them has to suffer from what another does to a worker
            executor.submit(number, operator.add, number, 1)
        found = dict(executor.as_completed())
        assert [found[number] for number in range(6)] == [Done(number + 1) for number in range(6)]
        assert found["poison"].status == MACHINE
        assert "3 workers that ran it died of it" in found["poison"].reason
        assert len(told) >= 4
    assert children_of(os.getpid()) == []
    assert list(tmp_path.iterdir()) == []


DRIVER = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from tinykit.choose.exploration.executing import open_executor
with open_executor(2) as executor:
    for number in range(4):
        executor.submit(number, time.sleep, 60)
    print("ready", flush=True)
    list(executor.as_completed())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_driver(number):
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with driver:
        assert driver.stdout.readline() == b"ready\n"
        workers = children_of(driver.pid)
        assert len(workers) == 2
        driver.send_signal(number)
        assert driver.wait(SOON_S) != 0
    assert wait_until(lambda: not set(workers) & set(list_processes(WORKER)), 5.0)


def test_workers_that_die_before_any_job_ended_are_told_once(tmp_path):
    def wait(crew: Crew) -> bool:
        return wait_until(lambda: crew.replace_dead() and False, 60)

    said = r"7 workers died and no job ended; worker 7 ended \(status 1\): .*failed to start"
    with (
        contextlib.closing(Crew("tcp://127.0.0.1:no-port", 1, tmp_path)) as crew,
        pytest.raises(EngineError, match=said),
    ):
        wait(crew)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Cluster:
    """A real `dask scheduler` with `dask worker` processes on 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address, self.workers = folder, f"tcp://127.0.0.1:{free_port()}", []
        at = ("--host", "127.0.0.1", "--port", self.address.rpartition(":")[2], "--dashboard-address", "127.0.0.1:0")
        self.scheduler = self.start("scheduler", *at, "--no-dashboard")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([BIN / "dask", *words], cwd=self.folder, start_new_session=True, **quiet)

    def add_worker(self, *words: str) -> None:
        own = ("--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", "--death-timeout", "20")
        self.workers.append(self.start("worker", self.address, *own, *words))

    def wait(self, count: int) -> None:
        from distributed import Client

        with Client(self.address, timeout=SOON_S, set_as_default=False) as client:
            if count:
                client.wait_for_workers(count, timeout=SOON_S)

    def close(self) -> None:
        for one in (self.scheduler, *self.workers):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    with contextlib.closing(Cluster(tmp_path_factory.mktemp("dask"))) as made:
        for _ in range(2):
            made.add_worker()
        made.wait(2)
        yield made


def test_a_cluster_by_its_address_runs_jobs(cluster):
    with open_executor(cluster.address, task="digits") as executor:
        assert executor.workers == 2
        for number in range(4):
            executor.submit(number, operator.mul, number, 2)
        executor.submit("pid", os.getppid)
        executor.submit("bad", operator.truediv, 1, 0)
        found = dict(executor.as_completed())
    assert [found[number] for number in range(4)] == [Done(0), Done(2), Done(4), Done(6)]
    assert found["pid"].answer in {one.pid for one in cluster.workers}
    assert "division by zero" in found["bad"].reason


def test_a_cluster_of_other_versions_is_refused_with_what_differs(cluster, tmp_path):
    odd = tmp_path / "odd.py"
    odd.write_text(
        "from importlib import metadata\n"
        "metadata.version = lambda name: '1.26.4' if name == 'numpy' else metadata.distribution(name).version\n"
    )
    cluster.add_worker("--no-nanny", "--preload", str(odd))
    cluster.wait(3)
    expected = rf"1 of 3 workers at {cluster.address} are not as this machine\n.*: numpy 1\.26\.4 \(here \d"
    with pytest.raises(EngineError, match=expected), open_executor(cluster.address):
        pass
    odd_worker = cluster.workers.pop()
    os.killpg(odd_worker.pid, signal.SIGKILL)
    odd_worker.wait()


def test_what_is_told_of_a_machine_holds_versions_code_and_data():
    told = tell_machine("digits")
    assert {"Python", "tinykit", "numpy", "tensorflow", "tf-keras", "code of tinykit", "facts of tinykit"} <= set(told)
    assert re.fullmatch("[0-9a-f]{12}", told["data of digits"])
    assert "no task 'nothing'" in tell_machine("nothing")["data of nothing"]


def test_nobody_at_an_address_and_a_scheduler_without_workers_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(executing, "_CONNECT_S", 1.0)
    with (
        pytest.raises(EngineError, match="no Dask scheduler answers at tcp://127"),
        open_executor(f"tcp://127.0.0.1:{free_port()}"),
    ):
        pass
    monkeypatch.undo()
    with contextlib.closing(Cluster(tmp_path)) as empty:
        empty.wait(0)
        with pytest.raises(EngineError, match="has no worker; start some: dask worker"), open_executor(empty.address):
            pass


def test_a_scheduler_that_goes_is_told_as_the_machines_fault_and_the_jobs_run_elsewhere(tmp_path):
    with contextlib.closing(Cluster(tmp_path)) as lost:
        lost.add_worker()
        lost.wait(1)
        told: list[str] = []
        found: dict[object, object] = {}

        def drive() -> None:
            with open_executor(lost.address, tell=told.append) as executor:
                executor.submit("done", operator.add, 1, 1)
                executor.submit("long", time.sleep, 60)
                for job_id, result in executor.as_completed():
                    found[job_id] = result
                    os.killpg(lost.scheduler.pid, signal.SIGKILL)

        start = time.monotonic()
        with pytest.raises(EngineError, match="is gone; what had ended is kept\nstart it again, and go on") as raised:
            drive()
    assert time.monotonic() - start < 30
    assert found == {"done": Done(2)}
    assert judge_failure(raised.value)[0] == MACHINE
    with open_executor(1) as executor:
        executor.submit("long", time.sleep, 0)
        assert dict(executor.as_completed()) == {"long": Done(None)}


def test_without_dask_workers_are_refused_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    told = "workers need the package distributed\npip install "
    with pytest.raises(MissingPackageError, match=told), open_executor(2):
        pass
    with open_executor(0) as executor:
        assert executor.workers == 1


def test_workers_that_do_not_start_in_time_are_told_and_leave_nothing(monkeypatch):
    monkeypatch.setattr(executing, "_START_S", 0.0)
    with pytest.raises(EngineError, match=r"1 workers did not start within 0 s; take fewer"), open_executor(1):
        pass
    assert children_of(os.getpid()) == []


def test_a_cluster_that_loses_all_its_workers_is_told_and_not_waited_for_for_ever(tmp_path, monkeypatch):
    told: list[str] = []

    def drive(lost: Cluster) -> None:
        with open_executor(lost.address, tell=told.append) as executor:
            executor.submit("long", time.sleep, 60)
            os.killpg(lost.workers[0].pid, signal.SIGKILL)
            list(executor.as_completed())

    monkeypatch.setattr(executing, "_ALONE_S", 1.0)
    with contextlib.closing(Cluster(tmp_path)) as lost:
        lost.add_worker("--no-nanny")
        lost.wait(1)
        with pytest.raises(EngineError, match="the cluster has had no worker for 1 s; start workers, and go on"):
            drive(lost)
    assert told == ["0 workers, 1 before"]


class Answer:
    """A future of Dask that raises, or has an answer."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def result(self, timeout: float) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_worker_that_does_not_answer_or_has_no_kit_is_told_as_such():
    assert machines._ask(Answer((0, {"Python": "3.11"})), 1.0) == {"Python": "3.11"}
    assert machines._ask(Answer(TimeoutError()), -1.0) == "no answer within 60 s"
    lacking = machines._ask(Answer(ModuleNotFoundError("No module named 'tinykit'")), 1.0)
    assert lacking == "no such tinykit (ModuleNotFoundError: No module named 'tinykit')"
    assert executing._fetch(Answer(TimeoutError())) is None
    assert executing._fetch(Answer((0, 5))) == Done(5)
    assert executing._fetch(Answer((2, "why"))) == Failed(2, "why")
    assert (
        "No module named 'tinykit'" in executing._fetch(Answer(ModuleNotFoundError("No module named 'tinykit'"))).reason
    )
