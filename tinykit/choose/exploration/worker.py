"""A worker of a local cluster: `python -I worker.py INSIDE ADDRESS NAME LIFELINE`, started by `crew` by its path.

It computes on one core, whatever TensorFlow and NumPy would take, listens on this machine's own address alone, works in
the folder that it was started in, and goes with its parent.
"""

import asyncio
import os
import runpy
import sys
from pathlib import Path


async def work(address: str, name: str) -> None:
    """Take jobs, one at a time, until the scheduler has no more use for this worker."""
    from distributed import Worker

    async with Worker(
        address, nthreads=1, name=name, host="127.0.0.1", dashboard=False, dashboard_address="127.0.0.1:0",
        local_directory=os.getcwd(), memory_limit=0, death_timeout=60,
    ) as worker:  # fmt: skip
        await worker.finished()


def main(inside: str, address: str, name: str, lifeline: str) -> None:
    """Take the kit's package in from where it lies, and work."""
    half = runpy.run_path(inside)
    if lifeline:  # where the system itself does not end a process with its parent
        half["die_at_the_end_of"](int(lifeline))
    half["adopt_package"](Path(inside).resolve().parents[2])
    from tinykit.train.keras import limit_threads

    limit_threads(1)
    import dask

    with dask.config.set({"distributed.worker.http.routes": [], "distributed.worker.profile.enabled": False}):
        asyncio.run(work(address, name))


if __name__ == "__main__":
    main(*sys.argv[1:])
