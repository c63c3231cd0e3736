"""The shelf of the latency room: CSV tables under `data/latency/`, each with its source in its head."""

from tinykit.ground.caches import remember_table
from tinykit.ground.facts import Table, read_csv, shipped_path


@remember_table
def read_table(name: str) -> Table:
    """`data/latency/<name>.csv`; errors as `read_csv`."""
    return read_csv(shipped_path("data", "latency", f"{name}.csv"))
