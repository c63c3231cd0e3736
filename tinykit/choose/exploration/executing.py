"""Where jobs run: in this process, in workers of this machine, or in those of a Dask cluster, by one protocol.

A job's failure is a result with a reason; that of what runs it is an `EngineError`, after which jobs may be submitted
anew.
"""

import contextlib
import errno
import itertools
import logging
import queue
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from tinykit.choose.exploration.crew import Crew
from tinykit.choose.exploration.jobs import Done, Failed, Job, describe_job, run_job, take_result
from tinykit.choose.exploration.machines import check_machines
from tinykit.ground.errors import EngineError, MissingPackageError, ParameterError, judge_failure, name_install
from tinykit.ground.writing import scratch

MOST_WORKERS, DEATHS = 256, 3
"""How many workers may be asked for, and how many may die of a job before it has failed."""
_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")
_TICK_S, _FETCH_S, _CONNECT_S, _ANSWER_S, _START_S, _ALONE_S = 0.2, 2.0, 10.0, 30.0, 60.0, 120.0
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
            job = self._waiting.popleft()
            yield job[0], take_result(run_job(*job[1:]))


class OnCluster:
    """Has the workers of a Dask scheduler run the jobs, each worker one at a time, so that none suffers from another's.

    Where a worker dies its job is redone elsewhere; it has failed where it takes `DEATHS` workers with it. Workers are
    watched, and a local crew filled up, whenever a result is waited for.
    """

    def __init__(self, client: Any, tell: Say, crew: Crew | None = None) -> None:
        self._client, self._tell, self._crew, self._turn = client, tell, crew, threading.RLock()
        self._waiting: deque[Job] = deque()
        self._running: dict[str, tuple[Job, Any]] = {}
        self._ended: queue.Queue[tuple[Job, Done | Failed]] = queue.Queue()
        self._deaths: Counter[Hashable] = Counter()
        self._left, self._seen_s, self._keys = 0, time.monotonic(), itertools.count()
        self._alive = self._list_workers()

    @property
    def workers(self) -> int:
        """How many there are now; EngineError where the scheduler is gone."""
        return len(self._list_workers())

    def submit(self, job_id: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a function of a module called with plain values; ParameterError for any other."""
        job = describe_job(job_id, function, arguments)
        with self._turn:
            self._waiting.append(job)
            self._left += 1
        self._send()

    def as_completed(self) -> Iterator[tuple[Hashable, Done | Failed]]:
        """The jobs with their results in the order they end, until none is left; others may be submitted meanwhile.

        EngineError: the scheduler is gone, or has had no worker for two minutes; workers die and no job ends.
        """
        while self._left:
            self.watch()
            with contextlib.suppress(queue.Empty):
                job, found = self._ended.get(timeout=_TICK_S)
                self._left -= 1
                self._deaths.pop(job[0], None)
                if self._crew:
                    self._crew.note_end()
                yield job[0], found

    def watch(self) -> None:
        """See who is there, replace a local worker that died, and have its job redone."""
        for sentence in self._crew.replace_dead() if self._crew else ():
            self._tell(sentence)
        before, self._alive = self._alive, self._list_workers()
        now = time.monotonic()
        self._seen_s = now if self._alive else self._seen_s
        if now - self._seen_s > _ALONE_S:
            raise EngineError(f"the cluster has had no worker for {_ALONE_S:.0f} s; start workers, and go on")
        if not self._crew and self._alive != before:
            self._tell(f"{len(self._alive)} workers, {len(before)} before")
        for address, (job, future) in list(self._running.items()):
            if future.cancelled():
                raise self._gone()
            if address not in self._alive:
                self._redo(address)
            elif future.done():
                self._take(address, job, future)
        self._send()

    def _send(self) -> None:
        with self._turn:
            for address in self._alive - {*self._running}:
                if not self._waiting or self._client.status != "running":
                    return
                job, key = self._waiting.popleft(), f"tinykit-{id(self)}-{next(self._keys)}"
                future = self._client.submit(run_job, *job[1:], key=key, workers=[address], pure=False)
                self._running[address] = job, future
                future.add_done_callback(lambda ended, at=address, job=job: self._take(at, job, ended))

    def _take(self, address: str, job: Job, future: Any) -> None:
        """Also in Dask's own thread: the next job need not wait until this one's result is asked for."""
        found = None if future.cancelled() else _fetch(future)
        with self._turn:
            if found is None or self._running.get(address, (job, None))[1] is not future:
                return  # its worker died meanwhile, or is slow: `watch` sees to it
            del self._running[address]
            self._ended.put((job, found))
        self._send()

    def _redo(self, address: str) -> None:
        with self._turn:
            job, future = self._running.pop(address)
            self._deaths[job[0]] += 1
            if self._deaths[job[0]] < DEATHS:
                self._waiting.appendleft(job)
            else:
                self._ended.put((job, Failed(3, f"each of the {DEATHS} workers that ran it died of it")))
        future.cancel()

    def _list_workers(self) -> set[str]:
        with contextlib.suppress(OSError, RuntimeError):
            if self._client.status == "running":
                ask = self._client.scheduler.identity
                return set(self._client.sync(ask, n_workers=-1, callback_timeout=_ANSWER_S)["workers"])
        raise self._gone()

    def _gone(self) -> EngineError:
        """With the machine's status: nothing that was given is wrong."""
        error = EngineError("the Dask scheduler is gone; what had ended is kept\nstart it again, and go on")
        error.__cause__ = BrokenPipeError(errno.EPIPE, "connection lost")
        return error


Executor = InProcess | OnCluster


def _fetch(future: Any) -> Done | Failed | None:
    """The result of a job, None where its worker does not hand it over in time."""
    try:
        return take_result(future.result(timeout=_FETCH_S))
    except TimeoutError:
        return None
    except Exception as error:  # noqa: BLE001 -- what Dask itself says of a job, such as a worker without the kit
        return Failed(3, judge_failure(error)[1])


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
        import distributed  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(f"workers need the package distributed\n{name_install('explore')}") from error
    opened = _open_cluster(wanted, task, tell) if isinstance(wanted, str) else _open_local(wanted, tell)
    with _quiet(), opened as executor:
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

    own = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with (
        scratch("tinykit-") as folder,
        dask.config.set({"distributed.scheduler.http.routes": [], "temporary-directory": str(folder)}),
        LocalCluster(n_workers=0, silence_logs=False, dashboard_address=None, scheduler_kwargs=own) as cluster,
        Client(cluster, timeout=_CONNECT_S, set_as_default=False) as client,
        contextlib.closing(Crew(cluster.scheduler_address, count, folder)) as crew,
    ):
        executor, deadline = OnCluster(client, tell, crew), time.monotonic() + _START_S
        while executor.workers < count:
            executor.watch()
            if time.monotonic() > deadline:
                raise EngineError(f"{count} workers did not start within {_START_S:.0f} s; take fewer")
            time.sleep(_TICK_S)
        executor.watch()
        yield executor


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
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    try:
        for logger, _ in before:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)
