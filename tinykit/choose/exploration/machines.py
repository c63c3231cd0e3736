"""Whether the machines of a cluster are as this one: versions, the kit's own files, the data of a task."""

import hashlib
import platform
import time
from pathlib import Path
from typing import Any

import tinykit
from tinykit.choose.exploration.jobs import run_job
from tinykit.ground.errors import EngineError, TinykitError
from tinykit.ground.facts import shipped_path
from tinykit.model.record import tool_versions
from tinykit.train.datasets.shipped import load_dataset

_CHECK_S, _FEW, _LACK = 60.0, 3, "not installed"


def tell_machine(task: str | None = None) -> dict[str, str]:
    """What a result of this machine hangs on: versions, hashes of the kit's code and facts and of a task's data."""
    package, facts = Path(tinykit.__file__).parent, shipped_path("data")
    told = {"Python": ".".join(platform.python_version_tuple()[:2]), "tinykit": tinykit.__version__, **tool_versions()}
    told |= {"code of tinykit": _hash_files(package, "*.py"), "facts of tinykit": _hash_files(facts, "*.*")}
    if task is not None:
        try:
            told[f"data of {task}"] = load_dataset(task).sha256[:12]
        except TinykitError as error:
            told[f"data of {task}"] = str(error).partition("\n")[0]
    return told


def check_machines(client: Any, address: str, task: str | None = None) -> None:
    """Compare each worker of a Dask client with this machine.

    EngineError: there is none, one does not answer within a minute, or one differs; it names the first differences.
    """
    asked = {
        worker: client.submit(run_job, __name__, tell_machine.__name__, (task,), workers=[worker], pure=False)
        for worker in client.scheduler_info()["workers"]
    }
    if not asked:
        raise EngineError(f"the cluster at {address} has no worker; start some: dask worker {address} --nthreads 1")
    deadline = time.monotonic() + _CHECK_S
    found = {worker: _ask(future, deadline - time.monotonic()) for worker, future in asked.items()}
    here = tell_machine(task)
    unlike = {worker: told for worker, told in found.items() if told != here}
    if unlike:
        words = "; ".join(f"{worker}: {_tell_unlike(told, here)}" for worker, told in list(unlike.items())[:_FEW])
        raise EngineError(
            f"{len(unlike)} of {len(found)} workers at {address} are not as this machine\n{words}\n"
            "install the same there, or the results would not be those of one study"
        )


def _ask(future: Any, seconds: float) -> dict[str, str] | str:
    try:
        told: dict[str, str] | str = future.result(timeout=max(seconds, 0.1))[1]
    except TimeoutError:
        return f"no answer within {_CHECK_S:.0f} s"
    except Exception as error:  # noqa: BLE001 -- whatever Dask makes of a worker without this kit
        return f"no such tinykit ({type(error).__name__}: {error})"
    return told


def _tell_unlike(told: dict[str, str] | str, here: dict[str, str]) -> str:
    if isinstance(told, str):
        return told
    names = [name for name in {**here, **told} if told.get(name) != here.get(name)]
    return ", ".join(f"{name} {told.get(name, _LACK)} (here {here.get(name, _LACK)})" for name in names)


def _hash_files(folder: Path, pattern: str) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob(pattern)):
        if path.is_file() and "shipped" not in path.relative_to(folder).parts:
            found.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:12]
