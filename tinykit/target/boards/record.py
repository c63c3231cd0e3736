"""What is known of a board: cores, memory regions, currents, heat; every figure a sourced `Fact`.

Unknown is `None` or an empty tuple, never 0: a board without `run_points` has no known run current, one
without `sram_windows()` has no known place for a tensor arena.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from tinykit.ground.caches import remember_table
from tinykit.ground.quantity import Fact, weakest
from tinykit.ground.results import Result

RAM_KINDS = ("sram", "dtcm", "tcm", "ccm")
"""Internal memory that data may live in; `itcm` is left out, it is code's."""

EXTERNAL_RAM_KINDS = ("psram", "sdram")
FLASH_KINDS = ("flash", "external_flash")
REGION_KINDS = (*RAM_KINDS, *EXTERNAL_RAM_KINDS, *FLASH_KINDS, "itcm", "backup", "npu", "serial_sram")
REGULATORS = ("ldo", "smps")
SCOPES = ("mcu", "board")
SLEEPS = ("stop", "standby")

CORE_FAMILIES = ("plain", "dsp", "mve")
"""Cores by what their kernels differ in: neither extension, Arm's DSP extension, Helium (MVE)."""

CORES = tuple(f"cortex-m{name}" for name in ("0", "0plus", "1", "3", "4", "7", "23", "33", "35p", "52", "55", "85"))
OTHER_CORES = ("cortex-a", "cortex-r", "xtensa-", "riscv-", "arc-", "avr", "c28x", "hifi", "msp430", "rx")
"""Names of Arm's cores for microcontrollers, and how those of all others begin."""

_FAMILY_OF_CORE = {
    "cortex-m4": "dsp", "cortex-m7": "dsp", "cortex-m33": "dsp", "cortex-m55": "mve", "cortex-m85": "mve",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Core(Result):
    """One kind of processor core on the chip.

    Parameters
    ----------
    name : lower case: "cortex-m4", "cortex-m0plus", "xtensa-lx7", "riscv-hazard3", "arc-em9d", "c28x".
    count : how many of it.
    dsp, fpu, mve : instruction-set extensions, None when unknown.
    clock_max : [Hz], None when unknown.
    clocks : all that it can run at [Hz], rising; empty where any step up to the highest will do, or nobody says.
    note : what else there is to know, here as of every record; "" for nothing.
    """

    name: str
    count: int = 1
    dsp: bool | None = None
    fpu: bool | None = None
    mve: bool | None = None
    clock_max: Fact | None = None
    clocks: tuple[Fact, ...] = ()
    note: str = ""

    @property
    def family(self) -> str:
        """One of `CORE_FAMILIES`: by the extensions on record, else as cores of its name usually have them."""
        return core_family(self)


def core_family(core: Core | str) -> str:
    """Which kernels a core runs, one of `CORE_FAMILIES`; "plain" for every core that is not Arm's.

    Parameters
    ----------
    core : as on a board, where its extensions decide, or a name alone, for which the usual ones are taken.
    """
    if isinstance(core, str):
        return _FAMILY_OF_CORE.get(core, "plain")
    if not core.name.startswith("cortex-m") or (core.dsp is None and core.mve is None):
        return core_family(core.name)
    return "mve" if core.mve else core_family(core.name) if core.dsp is None else "dsp" if core.dsp else "plain"


@dataclass(frozen=True, slots=True)
class Region(Result):
    """One memory region or bank.

    Parameters
    ----------
    name, kind : as on the chip, and one of `REGION_KINDS`.
    total, reserved : [byte], and how many of them the chip, a boot loader or a radio stack takes.
    start : address, None when unknown.
    window : name of the contiguous window it belongs to; None when it is not for a tensor arena (code,
        backup, another core's memory) or when nobody has said that it is contiguous.
    xip : for external flash, whether the chip executes from it; None when unknown.
    note : as of a core.
    """

    name: str
    kind: str
    total: Fact
    reserved: Fact | None = None
    start: int | None = None
    window: str | None = None
    xip: bool | None = None
    note: str = ""

    @property
    def total_bytes(self) -> int:
        """Size [byte]."""
        return int(self.total.value)

    @property
    def reserved_bytes(self) -> int:
        """What is taken before any program of the user's is loaded [byte]."""
        return int(self.reserved.value) if self.reserved else 0

    @property
    def available_bytes(self) -> int:
        """Total less reserved [byte]."""
        return self.total_bytes - self.reserved_bytes


@dataclass(frozen=True, slots=True)
class Window(Result):
    """Regions that follow each other without a gap, so that one array may span them all.

    Parameters
    ----------
    name, regions : of the window, and of the regions in it.
    total_bytes, reserved_bytes : sums over the regions [byte]; an arena may have `available_bytes`.
    kind : the regions' kind where they agree, else "sram".
    basis : the weakest kind of fact among the sizes.
    start : address of the first region, None when unknown.
    """

    name: str
    total_bytes: int
    reserved_bytes: int
    regions: tuple[str, ...]
    kind: str
    basis: str
    start: int | None = None

    @property
    def available_bytes(self) -> int:
        """Total less reserved [byte]: the most that one arena could take."""
        return self.total_bytes - self.reserved_bytes


@dataclass(frozen=True, slots=True)
class RunPoint(Result):
    """A run current that a document states.

    Parameters
    ----------
    current : [A], with what it holds for in its `conditions`.
    clock : [Hz].
    supply : [V], None where the document says that it does not matter or does not say.
    workload : what ran: "coremark", "reduced code", "headline" …, "" when not said.
    regulator : "ldo", "smps" or None when not said.
    series : points of one series differ by clock (and core voltage range) only.
    peripherals_on : True where all peripherals were clocked.
    """

    current: Fact
    clock: Fact
    supply: Fact | None = None
    workload: str = ""
    regulator: str | None = None
    series: str = ""
    peripherals_on: bool = False


@dataclass(frozen=True, slots=True)
class PowerRange(Result):
    """Measured power while running networks [W], lowest and highest of the models measured."""

    low: Fact
    high: Fact
    supply: Fact | None = None
    clock: Fact | None = None


@dataclass(frozen=True, slots=True)
class AsSold(Result):
    """What the whole board draws as it is sold, with regulator, LED, debugger and what else is soldered on.

    Parameters
    ----------
    sleep_current : the chip as deep asleep as somebody got it [A].
    mode : what the chip was in while it was read: "stop" or "standby".
    idle_current : with the software that comes with it [A].
    feed : where it was fed, and with how many volts.
    draws : what draws it.
    cut : the bridge, jumper or part that cuts it.
    """

    sleep_current: Fact | None = None
    idle_current: Fact | None = None
    mode: str = "stop"
    feed: str = ""
    draws: str = ""
    cut: str = ""

    @property
    def asleep(self) -> Fact | None:
        """Its current while nothing happens [A]: asleep where that is on record, else idle."""
        return self.sleep_current or self.idle_current


@dataclass(frozen=True, slots=True)
class Board(Result):
    """A board, or a bare chip, with what is known of it.

    Parameters
    ----------
    id, name, vendor, mcu, package, note : as the catalogue has them.
    cores : the first is the main core, the one that runs the model.
    regions : in the order of the file.
    run_points, ml_power : run currents, the first is the reference point; power while networks run.
    cache, npu, npu_macs_per_cycle, npu_clock : in words, None where there is none; [1]; [Hz].
    data_cache : of the main core [byte].
    current_scope : "mcu" where currents are the chip's alone, "board" where they are the whole board's.
    supply_min, supply_typical, supply_max : [V].
    sleep_current, stop_current, standby_current : [A].
    wakeup_time, standby_wakeup : from stop to run, and from standby, RAM lost, to the first instruction [s].
    as_sold : currents of the whole board, where `current_scope` is "mcu"; None where nobody is known to have measured.
    junction_max, ambient_max, theta_ja : [degC], the last [K/W].
    """

    LINE = ("id", "mcu", "core", "clock_hz")

    id: str
    name: str
    vendor: str
    mcu: str
    cores: tuple[Core, ...]
    regions: tuple[Region, ...] = ()
    run_points: tuple[RunPoint, ...] = ()
    ml_power: tuple[PowerRange, ...] = ()
    package: str | None = None
    cache: str | None = None
    npu: str | None = None
    current_scope: str = "mcu"
    note: str = ""
    supply_min: Fact | None = None
    supply_typical: Fact | None = None
    supply_max: Fact | None = None
    sleep_current: Fact | None = None
    stop_current: Fact | None = None
    standby_current: Fact | None = None
    wakeup_time: Fact | None = None
    standby_wakeup: Fact | None = None
    as_sold: AsSold | None = None
    junction_max: Fact | None = None
    ambient_max: Fact | None = None
    theta_ja: Fact | None = None
    data_cache: Fact | None = None
    npu_macs_per_cycle: Fact | None = None
    npu_clock: Fact | None = None

    @property
    def core(self) -> str:
        """Name of the main core."""
        return self.cores[0].name

    @property
    def clock_hz(self) -> float | None:
        """Highest clock of the main core [Hz], None when unknown."""
        fact = self.cores[0].clock_max
        return fact.value if fact else None

    def list_clocks(self, steps: int = 12) -> tuple[float, ...]:
        """Clocks to choose from [Hz], rising: those on record, else so many steps up to the highest; () if unknown."""
        if self.cores[0].clocks:
            return tuple(fact.value for fact in self.cores[0].clocks)
        return tuple(self.clock_hz * step / steps for step in range(1, steps + 1)) if self.clock_hz else ()

    @property
    def run_current(self) -> Fact | None:
        """Current at the reference run point [A], None when unknown."""
        return self.run_points[0].current if self.run_points else None

    @property
    def run_clock_hz(self) -> float | None:
        """Clock of the reference run point [Hz]."""
        return self.run_points[0].clock.value if self.run_points else None

    @property
    def run_supply_v(self) -> float | None:
        """Supply of the reference run point [V], else the typical supply."""
        stated = self.run_points[0].supply if self.run_points else None
        fact = stated or self.supply_typical
        return fact.value if fact else None

    def run_series(self) -> tuple[RunPoint, ...]:
        """The reference point and those that differ from it by clock only, slowest first."""
        same = [point for point in self.run_points if point.series == self.run_points[0].series]
        return tuple(sorted(same, key=lambda point: point.clock.value))

    @property
    def flash_regions(self) -> tuple[Region, ...]:
        """Flash (MRAM and RRAM too), internal before external."""
        return tuple(region for kind in FLASH_KINDS for region in self.regions if region.kind == kind)

    def sram_windows(self) -> tuple[Window, ...]:
        """Where an arena may lie: internal memory, largest available first, then external RAM; empty when unknown."""
        return _list_windows(self.regions)

    def facts(self) -> dict[str, Fact]:
        """Every fact by a name such as "theta_ja", "regions.SRAM1.total" or "run_points.0.current"."""
        return dict(_walk("", self))

    def sources(self) -> tuple[str, ...]:
        """The documents the facts come from, in the order of first use; a figure nobody read in one has none."""
        return tuple(dict.fromkeys(fact.source for fact in self.facts().values() if fact.documented))


@remember_table
def _list_windows(regions: tuple[Region, ...]) -> tuple[Window, ...]:
    names = dict.fromkeys(region.window for region in regions if region.window)
    windows = [_window(name, [r for r in regions if r.window == name]) for name in names]
    return tuple(sorted(windows, key=lambda w: (w.kind in EXTERNAL_RAM_KINDS, -w.available_bytes)))


def _window(name: str, regions: list[Region]) -> Window:
    kinds = {region.kind for region in regions}
    total, reserved = (sum(getattr(one, size) for one in regions) for size in ("total_bytes", "reserved_bytes"))
    basis = weakest(*(fact.kind for one in regions for fact in (one.total, one.reserved) if fact))
    kind = kinds.pop() if len(kinds) == 1 else "sram"
    return Window(name, total, reserved, tuple(one.name for one in regions), kind, basis, regions[0].start)


def _walk(prefix: str, record: object) -> Iterator[tuple[str, Fact]]:
    for field in fields(record):  # type: ignore[arg-type]
        value = getattr(record, field.name)
        if isinstance(value, Fact):
            yield prefix + field.name, value
        elif isinstance(value, AsSold):
            yield from _walk(f"{prefix}{field.name}.", value)
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                label = f"{prefix}{field.name}.{item.name if isinstance(item, Region) else index}"
                yield from ((label, item),) if isinstance(item, Fact) else _walk(f"{label}.", item)
