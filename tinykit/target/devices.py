"""What hangs on a board: sensors by kind, and what the network of a task listens to."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError, UnknownSensorError, UnknownTaskError, look_up, name_nearest
from tinykit.ground.facts import names_toml, read_toml, shipped_path
from tinykit.ground.quantity import Fact
from tinykit.ground.results import Result
from tinykit.target.tables import FactTable, read_sources

NOTHING = "none"
"""Said for a sensor or a radio that is not there."""

FILLS = ("stop", "sleep", "run")
"""The microcontroller while a buffer fills: a FIFO in the sensor, a DMA with clocks on, the core itself."""


@dataclass(frozen=True, slots=True)
class Sensor(Result):
    """A sensor, by a part of its kind that a document gives.

    Parameters
    ----------
    id, name : of the kind, and of the part.
    current : while it measures [A]; its `low` and `high` are the spread of parts of the kind.
    idle_current : powered, not measuring [A]; None where unknown, and then it is not counted.
    start_up : from idle to the first valid sample [s].
    rate : samples of each channel a second [1/s].
    channels, bits : values a sample, and bits of a value.
    fills : one of `FILLS`.
    note : what else there is to know.
    """

    id: str
    name: str
    current: Fact
    idle_current: Fact | None = None
    start_up: Fact | None = None
    rate: Fact | None = None
    channels: int = 1
    bits: int = 16
    fills: str = "stop"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Signal(Result):
    """What the network of a task is given, once an inference.

    Parameters
    ----------
    id, name : such as "keyword", and in words.
    sensor : id.
    window_time : stretch of signal of one inference [s]; None where it is a single shot.
    values, bits : raw values of one inference, and bits of each.
    front_end : fields of `FrontEnd`, as pairs.
    tasks : datasets that it is the signal of.
    """

    id: str
    name: str
    sensor: str
    window_time: Fact | None = None
    values: int = 1
    bits: int = 16
    front_end: tuple[tuple[str, Any], ...] = ()
    tasks: tuple[str, ...] = ()

    @property
    def raw_bytes(self) -> float:
        """Raw bytes of one inference."""
        return self.values * self.bits / 8


def find_sensor(sensor: Sensor | str | os.PathLike[str]) -> Sensor:
    """The sensor itself, the one of that id, or that of a TOML: whatever takes a sensor takes them.

    A TOML of one's own has the keys of `Sensor`, `name` and `current` at least; its file's name is its id.

    Raises
    ------
    UnknownSensorError : no sensor of that id. FactError : a file that is no sensor.
    """
    if isinstance(sensor, Sensor):
        return sensor
    if names_toml(sensor):
        path = Path(sensor)
        return _read_sensor(path.stem, read_toml(path), path.name)
    known = {one.id: one for one in list_sensors()}
    if sensor not in known:
        nearest = name_nearest(str(sensor), (*known, NOTHING))
        raise UnknownSensorError(f"sensor {sensor!r} is unknown; {nearest}.\nAll of them: {', '.join(known)}.")
    return known[sensor]


@remember_table
def list_sensors() -> tuple[Sensor, ...]:
    """Every sensor that a document gives, in the order of the file."""
    tables = read_toml(shipped_path("data", "devices", "sensors.toml"))
    return tuple(_read_sensor(name, table, f"sensors.toml: {name}") for name, table in tables.items())


def _read_sensor(name: str, raw: dict[str, Any], where: str) -> Sensor:
    table = FactTable(raw, where, read_sources(raw.get("sources"), where), {"fills": FILLS})
    if "id" in raw:
        raise FactError(f"{where}.id: {raw['id']!r} given; leave it out, the name of the file is the id")
    return table.read(Sensor, "sources", id=name)


@remember_table
def list_signals() -> tuple[Signal, ...]:
    """What the networks of the usual tasks listen to."""
    tables = read_toml(shipped_path("data", "devices", "tasks.toml"))
    return tuple(_read_signal(name, table) for name, table in tables.items())


def _read_signal(name: str, raw: dict[str, Any]) -> Signal:
    table = FactTable(raw, f"tasks.toml: {name}")
    front, tasks = tuple(raw.get("front_end", {}).items()), tuple(raw.get("tasks", ()))
    return replace(table.read(Signal, id=name, front_end=(), tasks=()), front_end=front, tasks=tasks)


def find_signal(task: str) -> Signal:
    """What the network of a task listens to, by its own id or that of a dataset.

    Raises
    ------
    UnknownTaskError : no task of that id has one.
    """
    known = {name: one for one in list_signals() for name in (one.id, *one.tasks)}
    return look_up(task, known, f"what a network of task {task!r} listens to is unknown", UnknownTaskError)
