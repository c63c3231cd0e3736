"""Where jobs run: in this process, in workers of this machine, or in those of a Dask cluster, by one protocol.

A job is a function of a module and plain values. Its failure is a result with a reason; that of what runs it is an
`EngineError`, after which the same jobs can be submitted anew.
"""

import contextlib
import errno
import importlib
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from tinykit.choose.exploration.crew import DEATHS, Crew
from tinykit.choose.exploration.jobs import Done, Failed, Job, describe_job, run_job, take_result
from tinykit.choose.exploration.machines import check_machines
from tinykit.ground.errors import EngineError, MissingPackageError, ParameterError, judge_failure, name_install
from tinykit.ground.writing import scratch

MOST_WORKERS = 256
_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")
_TICK_S, _FETCH_S, _CONNECT_S, _START_S, _ALONE_S = 0.2, 2.0, 10.0, 60.0, 120.0

Say = Callable[[str], None]


class InProcess:
    """Runs each job here, when its result is asked for."""

    workers = 1

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()

    def submit(self, job_id: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a function of a module called with plain values; ParameterError for any other."""
        self._waiting.append(describe_job(job_id, function, arguments))

    def as_completed(self) -> Iterator[tuple[Hashable, Done | Failed]]:
        """The jobs with their results, until none is left; others may be submitted meanwhile."""
        while self._waiting:
            job_id, module, name, arguments = self._waiting.popleft()
            yield job_id, take_result(run_job(module, name, arguments))


class OnCluster:
    """Has the workers of a Dask scheduler run the jobs, no more at a time than there are workers.

    So a worker that dies takes one job with it, and no other is suspected. A local crew is watched whenever a result is
    waited for.
    """

    def __init__(self, client: Any, tell: Say, crew: Crew | None = None) -> None:
        self._client, self._tell, self._crew = client, tell, crew
        self._waiting: deque[Job] = deque()
        self._running: dict[Hashable, Any] = {}
        self._ended: queue.Queue[tuple[Hashable, Any]] = queue.Queue()
        self._turn, self._left, self._seen_s = threading.RLock(), 0, time.monotonic()
        self._most = self.workers

    @property
    def workers(self) -> int:
        """How many there are now; EngineError where the scheduler is gone."""
        with self._scheduler():
            return len(self._client.scheduler_info()["workers"])

    def submit(self, job_id: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a function of a module called with plain values; ParameterError for any other."""
        job = describe_job(job_id, function, arguments)
        with self._turn:
            self._waiting.append(job)
            self._left += 1
        self._send()

    def as_completed(self) -> Iterator[tuple[Hashable, Done | Failed]]:
        """The jobs with their results in the order they end, until none is left; others may be submitted meanwhile.

        EngineError: the scheduler is gone, or has had no worker for two minutes.
        """
        while self._left:
            self._watch()
            with contextlib.suppress(queue.Empty):
                job_id, future = self._ended.get(timeout=_TICK_S)
                found = self._result(future)
                if found is None:  # its worker died before the answer was fetched: the job is redone
                    self._ended.put((job_id, future))
                    continue
                self._left -= 1
                yield job_id, found

    def _send(self) -> None:
        with self._turn:
            while self._waiting and len(self._running) < self._most:
                job_id, *called = self._waiting.popleft()
                with self._scheduler():
                    future = self._client.submit(run_job, *called, key=f"tinykit-{id(self)}-{job_id!r}", pure=False)
                self._running[job_id] = future
                future.add_done_callback(lambda ended, job_id=job_id: self._take(job_id, ended))

    def _take(self, job_id: Hashable, future: Any) -> None:
        """In Dask's own thread: the next job need not wait until this one's result is asked for."""
        with self._turn:
            self._running.pop(job_id, None)
        self._ended.put((job_id, future))
        with contextlib.suppress(EngineError):  # said by `as_completed`
            self._send()

    def _result(self, future: Any) -> Done | Failed | None:
        from distributed import KilledWorker

        if future.status == "cancelled":
            raise self._gone()
        try:
            found = take_result(future.result(timeout=_FETCH_S))
        except TimeoutError:
            return None
        except KilledWorker:
            found = Failed(3, f"each of the {DEATHS if self._crew else 'several'} workers that ran it died of it")
        except Exception as error:  # noqa: BLE001 -- what Dask itself says of a job, such as a worker without the kit
            found = Failed(3, judge_failure(error)[1])
        if self._crew:
            self._crew.note_end()
        return found

    def _watch(self) -> None:
        if self._crew:
            for sentence in self._crew.replace_dead():
                self._tell(sentence)
        count = self.workers
        now = time.monotonic()
        if count:
            self._seen_s = now
        if now - self._seen_s > _ALONE_S:
            raise EngineError(f"the cluster has had no worker for {_ALONE_S:.0f} s; start workers, and go on")
        if not self._crew and count != self._most:
            self._tell(f"{count} workers, {self._most} before")
            self._most = count
            self._send()

    @contextlib.contextmanager
    def _scheduler(self) -> Iterator[None]:
        try:
            if self._client.status != "running":
                raise self._gone()
            yield
        except (OSError, RuntimeError) as error:
            if isinstance(error, EngineError):
                raise
            raise self._gone() from error

    def _gone(self) -> EngineError:
        """With the machine's status: nothing that was given is wrong."""
        where = getattr(getattr(self._client, "scheduler", None), "address", "its address")
        error = EngineError(f"the scheduler at {where} is gone; what had ended is kept\nstart it again, and go on")
        error.__cause__ = BrokenPipeError(errno.EPIPE, "connection lost")
        return error


Executor = InProcess | OnCluster


@contextlib.contextmanager
def open_executor(workers: int | str, *, task: str | None = None, tell: Say = lambda _: None) -> Iterator[Executor]:
    """What runs jobs, until the block ends; then no process of it is left.

    Parameters
    ----------
    workers : 0 for this process, a number of processes of this machine, or the address of a Dask scheduler,
        "tcp://host:port", whose workers are checked first.
    task : whose data those workers must have.
    tell : takes a line on each worker that is lost or replaced.

    Raises
    ------
    ParameterError : neither a number nor an address. MissingPackageError : the extra `explore` is not installed.
    EngineError : workers or scheduler cannot be started or reached, or are not as this machine (`check_machines`).
    """
    wanted = _parse(workers)
    if wanted == 0:
        yield InProcess()
        return
    try:
        importlib.import_module("distributed")
    except ImportError as error:
        raise MissingPackageError(f"workers need the package distributed\n{name_install('explore')}") from error
    with _quiet():
        opened = _open_cluster(wanted, task, tell) if isinstance(wanted, str) else _open_local(wanted, tell)
        with opened as executor:
            yield executor


def _parse(workers: int | str) -> int | str:
    if isinstance(workers, str) and _ADDRESS.fullmatch(workers):
        return workers
    if isinstance(workers, str) and workers.isascii() and workers.isdigit():
        workers = int(workers[:6])
    if isinstance(workers, bool) or not isinstance(workers, int) or not 0 <= workers <= MOST_WORKERS:
        raise ParameterError(
            f"workers {workers!r}; give 0 for this process, a number of processes up to {MOST_WORKERS},\n"
            "or the address of a Dask scheduler, such as tcp://127.0.0.1:8786"
        )
    return workers


@contextlib.contextmanager
def _open_local(count: int, tell: Say) -> Iterator[OnCluster]:
    import dask
    from distributed import Client, LocalCluster

    settings = {"distributed.scheduler.http.routes": [], "distributed.scheduler.worker-saturation": 1.0}
    own = {"dashboard": False, "dashboard_address": "127.0.0.1:0", "allowed_failures": DEATHS - 1}
    with (
        scratch("tinykit-") as folder,
        dask.config.set({**settings, "temporary-directory": str(folder)}),
        LocalCluster(n_workers=0, silence_logs=False, dashboard_address=None, scheduler_kwargs=own) as cluster,
        Client(cluster, timeout=_CONNECT_S, set_as_default=False) as client,
        contextlib.closing(Crew(cluster.scheduler_address, count, folder)) as crew,
    ):
        deadline = time.monotonic() + _START_S
        while len(client.scheduler_info()["workers"]) < count:
            for sentence in crew.replace_dead():
                tell(sentence)
            if time.monotonic() > deadline:
                raise EngineError(f"{count} workers did not start within {_START_S:.0f} s; take fewer")
            time.sleep(_TICK_S)
        yield OnCluster(client, tell, crew)


@contextlib.contextmanager
def _open_cluster(address: str, task: str | None, tell: Say) -> Iterator[OnCluster]:
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise EngineError(
            f"no Dask scheduler answers at {address} within {_CONNECT_S:.0f} s\n"
            "start one (`dask scheduler`) and its workers (`dask worker ADDRESS --nthreads 1`)"
        ) from error
    with client:
        check_machines(client, address, task)
        yield OnCluster(client, tell)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Dask's loggers silent: what is lost is told here."""
    import logging

    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
