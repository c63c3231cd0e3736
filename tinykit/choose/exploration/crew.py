"""The workers of a local cluster: processes that are watched, replaced where they die, and gone with this one.

Dask's own nanny gives a worker up that does not end within four seconds, and the search goes on at half speed. So each
worker is a process of `ground/child`, which ends whole, and with its parent even where that is killed.
"""

import shutil
from pathlib import Path

from tinykit.choose.exploration import worker
from tinykit.ground.child import inside
from tinykit.ground.child.process import SYSTEM_ENDS_IT, Bounds, ChildError, Running, child_environment, python_command
from tinykit.ground.errors import EngineError

_BOUNDS = Bounds(64 * 2**30, file_bytes=2**31)
_FRUITLESS = 3


class Crew:
    """So many workers of the scheduler at an address, each a process with a folder of its own in the one given."""

    def __init__(self, address: str, count: int, folder: Path) -> None:
        self._address, self._folder, self._started, self._fruitless = address, folder, 0, 0
        self._running: dict[str, Running] = {}
        try:
            for _ in range(count):
                self._start()
        except BaseException:
            self.close()
            raise

    def replace_dead(self) -> list[str]:
        """Start a worker for each that died, and say so; EngineError where they die again and again."""
        told = []
        for name, process in list(self._running.items()):
            if process.alive:
                continue
            end = ChildError(name, process.wait(0), said=" ".join(process.said().split()))
            self._fruitless += 1
            if self._fruitless > _FRUITLESS * (len(self._running) + 1):
                raise EngineError(
                    f"{self._fruitless} workers died and no job ended; {end}\n"
                    "free memory, or take fewer workers (0 runs the jobs in this process)"
                )
            self._end(name)
            told.append(f"{name} died ({end.how}); {self._start()} takes its place")
        return told

    def note_end(self) -> None:
        """A job ended: those that died before are forgotten."""
        self._fruitless = 0

    def close(self) -> None:
        """End all."""
        for name in list(self._running):
            self._end(name)

    def _start(self) -> str:
        self._started += 1
        name, folder = f"worker {self._started}", self._folder / f"worker-{self._started}"
        folder.mkdir()

        def command(lifeline: int) -> list[str]:
            ends = "" if SYSTEM_ENDS_IT else lifeline
            return python_command(Path(worker.__file__), inside.__file__, self._address, name, ends)

        given = child_environment(HOME=str(folder), USERPROFILE=str(folder), TMPDIR=str(folder))
        with open(folder / "printed", "wb") as printed:
            started = Running(name, command, bounds=_BOUNDS, folder=folder, environment=given, printed=printed)
        self._running[name] = started
        return name

    def _end(self, name: str) -> None:
        self._running.pop(name).close()
        shutil.rmtree(self._folder / name.replace(" ", "-"), ignore_errors=True)
