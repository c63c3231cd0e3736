"""The inference runtimes that the kit knows: whose kernels, planner and sizes each uses, which cores default to it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from types import MappingProxyType

from tinykit.ground.caches import remember_table
from tinykit.ground.errors import FactError, ParameterError, UnknownRuntimeError, look_up, name_nearest
from tinykit.ground.facts import read_toml, shipped_path, to_fact
from tinykit.ground.quantity import Estimate
from tinykit.ground.results import Result
from tinykit.model.graph.model import INT4, ModelGraph

NPU_RUNTIME = "ethos-u"
"""The runtime of an Ethos-U: everything else runs on the core."""

_ELSEWHERE = "tflm-reference"


@dataclass(frozen=True, slots=True)
class Runtime(Result):
    """One runtime; a text is "" where nothing is known, and what rests on it then reads unknown.

    Parameters
    ----------
    name, title : "tflm-cmsis-nn", and in full.
    kernels : the runtime whose kernels it calls, mostly its own.
    planner : who lays out the arena: "tflm", "vela", "st"; under "st" the flash is ST's too.
    linked : the runtime whose linked sizes hold for its flash.
    pool : runtimes of one pool stray alike in latency; "" where no latency is predicted.
    counted : the runtime whose counted instructions stand for its own.
    no_int4, slow_int4 : why it cannot run weights of four bits, or why nobody knows their time; "" elsewhere.
    no_decode : why it cannot run TFLM's DECODE operator, "" where it can.
    default_on : patterns of the cores that it is taken for where none is named.
    hand_over : targets of `tinykit deploy` that make files for it.
    options : what `runtime_option` may be.
    made_for : patterns of the cores or microcontrollers that a comparison on a board has it for.
    licence, cannot : of the code that is linked, and what the runtime does not run, in words.
    """

    name: str
    title: str
    kernels: str
    planner: str
    linked: str
    pool: str
    counted: str
    no_int4: str = ""
    slow_int4: str = ""
    no_decode: str = ""
    default_on: tuple[str, ...] = ()
    hand_over: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    made_for: tuple[str, ...] = ()
    licence: str = ""
    cannot: str = ""

    def is_for(self, *names: str) -> bool:
        """Whether it is made for a core or a microcontroller of one of these names."""
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.made_for)

    @property
    def runs_decode(self) -> bool:
        """Whether weights may be decoded on the device."""
        return not self.no_decode

    def __str__(self) -> str:
        return self.name


@remember_table
def list_runtimes() -> tuple[Runtime, ...]:
    """Every runtime, in the order of `data/runtimes.toml`."""
    return tuple(_read_all().values())


def find_runtime(name: str) -> Runtime:
    """The runtime of that name.

    Raises
    ------
    UnknownRuntimeError : there is none; the message names the nearest.
    """
    told, cure = f"runtime {name!r} is unknown", "\nleave it out for the core's own default"
    return look_up(name, _read_all(), told, UnknownRuntimeError, cure)


def planner_of(name: str) -> str:
    """Who lays out the arena of a runtime, "" where it, or the runtime, is unknown.

    >>> planner_of("esp-nn"), planner_of("x-cube-ai"), planner_of("edge-impulse-eon"), planner_of("mine")
    ('tflm', 'st', '', '')
    """
    known = _read_all().get(name)
    return known.planner if known else ""


def refuse_int4(graph: ModelGraph, runtime: str, *, timed: bool = False) -> str:
    """Why a runtime cannot run the int4 weights of a model, or tell their time; "" where it can, or there are none."""
    known = _read_all().get(runtime)
    why = (known.no_int4 or (known.slow_int4 if timed else "")) if known else ""
    if not why or all(one.dtype != INT4 for one in graph.tensors):
        return ""
    return f"{runtime} and int4 weights: {why}\nthe same values as int8: tinykit pack MODEL --grid --out FILE"


@remember_table
def platform_flash(name: str) -> Estimate:
    """Flash of what a platform brings beside model and runtime, as an `Estimate` [byte].

    Raises
    ------
    ParameterError : none of data/firmware/platforms.toml.
    """
    table = read_toml(shipped_path("data", "firmware", "platforms.toml"))
    row = look_up(name, table, f"platform {name!r} is unknown", ParameterError)
    return to_fact(row["flash"], name).estimate()


@remember_table
def default_runtime(core: str) -> str:
    """The runtime where none is named: on Cortex-M "tflm-cmsis-nn", on Espressif's "esp-nn", else "tflm-reference".

    >>> default_runtime("cortex-m33"), default_runtime("xtensa-lx7"), default_runtime("riscv-hazard3")
    ('tflm-cmsis-nn', 'esp-nn', 'tflm-reference')
    """
    matching = (one.name for one in list_runtimes() if any(fnmatchcase(core, pattern) for pattern in one.default_on))
    return next(matching, _ELSEWHERE)


@remember_table
def _read_all() -> Mapping[str, Runtime]:
    path = shipped_path("data", "runtimes.toml")
    rows = [_read(row, f"{path}: runtimes[{index}]") for index, row in enumerate(read_toml(path).get("runtimes", []))]
    return MappingProxyType({runtime.name: runtime for runtime in rows})


def _read(row: Mapping[str, str | list[str]], where: str) -> Runtime:
    allowed = [field.name for field in fields(Runtime)]
    for key in row:
        if key not in allowed:
            raise FactError(f"{where}: key {key!r} is not known\n{name_nearest(key, allowed)}")
    return Runtime(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})  # type: ignore[arg-type]
